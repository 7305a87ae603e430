#include "forward.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../contract.h"
#include "../error-line.h"
#include "../error-texts.h"
#include "deadline.h"

enum {
  SAFE_PIPE_WRITE_BYTES = 4096 /* a pipe that is writable by poll(2) accepts this much without blocking */
};

/* Of the whole call. */
static struct deadline deadline;

/* Static, because then only the pages in use cost memory. The head is written after the body, because it states the body's length. */
static struct {
  char bytes[FORWARD_HEAD_BYTES + MAX_REQUEST_BYTES + 1];
  size_t start; /* of the head */
  size_t end;   /* of the body */
} request;
static struct broker_response response;

void forward_begin(void) {
  deadline = deadline_in_ms(SHIM_CALL_MS);
  signal(SIGPIPE, SIG_IGN);
}

const char *forward_socket_path(void) {
  const char *path = getenv("OCIR_BROKER_SOCKET");
  return path == NULL || *path == '\0' ? CREDENTIALS_SOCKET : path;
}

/* The number's digits, in a static buffer that the next call overwrites. printf is large in a static program. */
static const char *decimal(unsigned number) {
  static char digits[11];
  size_t at = sizeof digits - 1;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return digits + at;
}

/* The kubelet sets no TERM, so its calls skip the system call of isatty. */
static void say_on_terminal(const char *awaited) {
  if (getenv("TERM") == NULL || !isatty(STDIN_FILENO)) return;
  static const char before[] = "waiting " SHIM_CALL_LIMIT_TEXT " for the end of input (Ctrl-D): ";
  const char *pieces[] = {before, awaited, "\n"};
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    if (write(STDERR_FILENO, pieces[i], strlen(pieces[i])) < 0) return;
  }
}

bool forward_read_stdin(const char *awaited) {
  say_on_terminal(awaited);
  size_t end = FORWARD_HEAD_BYTES;
  for (;;) {
    enum wait_outcome waited = deadline_wait(&deadline, STDIN_FILENO, POLLIN);
    if (waited == WAIT_TIMED_OUT) return error_line_write(SHIM_REQUEST_TIMEOUT);
    ssize_t taken = waited == WAIT_READY ? read(STDIN_FILENO, request.bytes + end, sizeof request.bytes - end) : -1;
    if (taken < 0 && waited == WAIT_READY && (errno == EINTR || errno == EAGAIN)) continue;
    if (taken < 0) return error_line_write(SHIM_REQUEST_UNREADABLE);
    if (taken == 0) break;
    end += (size_t)taken;
    if (end == sizeof request.bytes) return error_line_write(SHIM_REQUEST_TOO_LARGE);
  }
  if (end == FORWARD_HEAD_BYTES) return error_line_write(SHIM_REQUEST_EMPTY);
  request.end = end;
  return true;
}

static void put_before(const char *bytes, size_t length) {
  request.start -= length;
  memcpy(request.bytes + request.start, bytes, length);
}

/* The head comes right before the body, so that one send takes both. */
enum request_outcome forward_request(const char *socket_path, const char *head, bool waits_for_socket) {
  const char *body_length = decimal((unsigned)(request.end - FORWARD_HEAD_BYTES));
  request.start = FORWARD_HEAD_BYTES;
  put_before("\r\n\r\n", 4);
  put_before(body_length, strlen(body_length));
  put_before(head, strlen(head));
  return broker_request(socket_path, request.bytes + request.start, request.end - request.start, waits_for_socket, &deadline,
                        &response);
}

struct forward_bytes forward_request_body(void) {
  return (struct forward_bytes){request.bytes + FORWARD_HEAD_BYTES, request.end - FORWARD_HEAD_BYTES};
}

struct forward_bytes forward_response_body(void) {
  return (struct forward_bytes){response.bytes + response.parsed.body_offset, response.parsed.body_length};
}

bool forward_is_response(enum request_outcome outcome) {
  if (outcome != REQUEST_OK || response.parsed.status >= 500) return false;
  return response.parsed.status != 200 || response.parsed.body_length > 0;
}

/* Writes the first piece without a poll, because the kubelet's pipe is empty. */
bool forward_write_stdout(const char *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    size_t left = length - done;
    ssize_t written = write(STDOUT_FILENO, bytes + done, left < SAFE_PIPE_WRITE_BYTES ? left : SAFE_PIPE_WRITE_BYTES);
    if (written > 0) {
      done += (size_t)written;
    } else if (written == 0 || (errno != EAGAIN && errno != EINTR)) {
      return false;
    }
    if (done < length && deadline_wait(&deadline, STDOUT_FILENO, POLLOUT) != WAIT_READY) return false;
  }
  return true;
}

static bool deliver(void) {
  struct forward_bytes body = forward_response_body();
  unsigned status = response.parsed.status;
  if (status != 200 && error_line_relay(body.start, body.length)) return false;
  if (status != 200) return error_line_write(SHIM_RESPONSE_STATUS(decimal(status)));
  if (body.length == 0) return error_line_write(SHIM_RESPONSE_EMPTY);
  return forward_write_stdout(body.start, body.length) || error_line_write(SHIM_OUTPUT_FAILED);
}

bool forward_deliver(enum request_outcome outcome, const char *socket_path) {
  switch (outcome) {
    case REQUEST_OK:
      return deliver();
    case REQUEST_NO_SOCKET:
      return error_line_write(SHIM_SOCKET_MISSING(socket_path));
    case REQUEST_REFUSED:
      return error_line_write(SHIM_SOCKET_REFUSED(socket_path));
    case REQUEST_DENIED:
      return error_line_write(SHIM_SOCKET_DENIED(socket_path));
    case REQUEST_PATH_TOO_LONG:
      return error_line_write(SHIM_SOCKET_PATH_TOO_LONG);
    case REQUEST_FAILED:
      return error_line_write(SHIM_SYSTEM_ERROR(decimal((unsigned)errno)));
    case REQUEST_BROKEN:
      return error_line_write(SHIM_CONNECTION_BROKEN);
    case REQUEST_TIMED_OUT:
      return error_line_write(SHIM_TIMEOUT);
    case REQUEST_INVALID:
      return error_line_write(SHIM_RESPONSE_INVALID(socket_path));
    case REQUEST_TOO_LARGE:
      return error_line_write(SHIM_RESPONSE_TOO_LARGE);
  }
  return false;
}
