#include "error-line.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "posix.h"

/* The tests' builds name another. */
#ifndef JOURNAL_SOCKET
#define JOURNAL_SOCKET "/dev/log"
#endif

enum { LINE_LIMIT_BYTES = 512 };

static int destination = STDERR_FILENO;
static const char *journal_start; /* NULL: not to the journal */

struct line {
  char text[LINE_LIMIT_BYTES];
  size_t length;
};

/* Replaces everything but printable ASCII, which could control a terminal or forge a log line. */
static void append(struct line *line, const char *text, size_t length) {
  for (size_t i = 0; i < length && line->length < LINE_LIMIT_BYTES - 1; i++) {
    char byte = text[i];
    line->text[line->length++] = byte >= ' ' && byte <= '~' ? byte : '?';
  }
}

static void send_to_journal(const struct line *line) {
  char message[64 + LINE_LIMIT_BYTES];
  size_t start_length = strnlen(journal_start, 64);
  memcpy(message, journal_start, start_length);
  memcpy(message + start_length, line->text, line->length);
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
  int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  (void)sendto(descriptor, message, start_length + line->length, MSG_DONTWAIT | MSG_NOSIGNAL,
               (const struct sockaddr *)&address, sizeof address);
  close_quietly(descriptor);
}

/* Ignores a failed write, because the exit status or the journal reports the failure anyway. */
static void finish(struct line *line) {
  if (journal_start != NULL) send_to_journal(line);
  line->text[line->length++] = '\n';
  (void)write_whole(destination, line->text, line->length);
}

void error_line_to_journal(const char *start) {
  journal_start = start;
}

void error_line_to(int descriptor) {
  destination = descriptor;
}

bool error_line_write(const char *code, const char *what, const char *detail, const char *next) {
  struct line line = {.length = 0};
  const char *pieces[] = {"ocir-broker: ", code, ": ", what, detail == NULL ? "" : " ", detail == NULL ? "" : detail, "; ", next};
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) append(&line, pieces[i], strlen(pieces[i]));
  finish(&line);
  return false;
}

bool error_line_relay(const char *message, size_t length) {
  const char *line_feed = memchr(message, '\n', length);
  if (line_feed != NULL) length = (size_t)(line_feed - message);
  if (length > 0 && message[length - 1] == '\r') length--;
  if (length == 0) return false;
  struct line line = {.length = 0};
  append(&line, message, length);
  finish(&line);
  return true;
}
