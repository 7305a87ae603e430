/*
 * The kubelet's exec plugin: sends the request from stdin to the daemon's socket in one POST, and writes the response to stdout,
 * or one line to stderr with exit status 1. Parses no JSON, allocates no memory, starts no program. Exit status 0 means that a
 * complete, non-empty response was written. Arguments are ignored, except a single --version or --help, because a kubelet's
 * configuration may still have those of Oracle's provider, which had the same name. On a terminal it prints what it waits for.
 * Under the name docker-credential-ocir it does the same for docker and others, in their protocol (docker-credential.h): for root
 * with the node's daemon, for another user with the user's own. Without a daemon it becomes `ocir-broker docker-credential`.
 * Under the name credential-provider-oke-sa it responds with the anonymous entries if no daemon does (decision 0034).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../contract.h"
#include "../error-line.h"
#include "../error-texts.h"
#include "../posix.h"
#include "broker-request.h"
#include "deadline.h"
#include "docker-credential.h"

#define VERSION_LINE PLUGIN_NAME " " SHIM_VERSION "\n"

static const char HELP[] =
    PLUGIN_NAME ": the kubelet's credential provider for OCIR\n"
    "\n"
    "The kubelet runs it. It sends the CredentialProviderRequest from stdin to the daemon ocir-broker, and writes the\n"
    "CredentialProviderResponse to stdout. By hand, use:\n"
    "\n"
    "  ocir-broker get IMAGE       credentials for an image\n"
    "  ocir-broker doctor IMAGE    why a pull fails\n"
    "  ocir-broker status          what the daemon holds\n"
    "\n"
    "OCIR_BROKER_SOCKET  the daemon's socket (default: " CREDENTIALS_SOCKET ")\n"
    "--version           prints the version\n"
    "Other arguments are ignored.\n";

enum {
  HEAD_ROOM_BYTES = 512, /* for the head, which is written after the body, because it states the body's length */
  SAFE_PIPE_WRITE_BYTES = 4096 /* a pipe that is writable by poll(2) accepts this much without blocking */
};

/* Of the whole call. */
static struct deadline deadline;

/* Static, because then only the pages in use cost memory. */
static struct {
  char bytes[HEAD_ROOM_BYTES + MAX_REQUEST_BYTES + 1];
  size_t start; /* of the head */
  size_t end;   /* of the body */
} request;
static struct broker_response response;

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

static const char *chosen_socket_path(void) {
  const char *path = getenv("OCIR_BROKER_SOCKET");
  return path == NULL || *path == '\0' ? CREDENTIALS_SOCKET : path;
}

/*
 * Root's is the node's; another user's is below XDG_RUNTIME_DIR, which only that user can enter. An empty path if there is none, or
 * if it is longer than any socket's.
 */
static const char *docker_socket_path(void) {
  static const char below[] = "/ocir-broker/credentials.sock";
  static char path[108 + sizeof below];
  const char *given = getenv("OCIR_BROKER_SOCKET");
  if (geteuid() == 0 || (given != NULL && *given != '\0')) return chosen_socket_path();
  const char *runtime = getenv("XDG_RUNTIME_DIR");
  if (runtime == NULL || *runtime != '/' || strlen(runtime) >= sizeof path - sizeof below) return "";
  memcpy(path, runtime, strlen(runtime));
  memcpy(path + strlen(runtime), below, sizeof below);
  return path;
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

/* Writes the first piece without a poll, because the kubelet's pipe is empty. */
static bool write_stdout(const char *bytes, size_t length) {
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

/* Reads stdin to its end, within the time limit, so that a person who runs this by hand does not wait forever. */
static bool read_body(void) {
  size_t end = HEAD_ROOM_BYTES;
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
  if (end == HEAD_ROOM_BYTES) return error_line_write(SHIM_REQUEST_EMPTY);
  request.end = end;
  return true;
}

/* Puts the head right before the body, so that one send takes both. */
static void write_head(const char *route, const char *type) {
  static const char fields[] =
      " HTTP/1.1\r\n"
      "Host: localhost\r\n"
      "User-Agent: " PLUGIN_NAME "/" SHIM_VERSION "\r\n"
      "Content-Type: ";
  static const char length_field[] = "\r\nConnection: close\r\nContent-Length: ";
  const char *body_length = decimal((unsigned)(request.end - HEAD_ROOM_BYTES));
  const char *pieces[] = {"\r\n\r\n", body_length, length_field, type, fields, route, "POST "};
  request.start = HEAD_ROOM_BYTES;
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    size_t length = strlen(pieces[i]);
    request.start -= length;
    memcpy(request.bytes + request.start, pieces[i], length);
  }
}

static enum request_outcome ask_daemon(const char *socket_path, bool waits_for_socket) {
  return broker_request(socket_path, request.bytes + request.start, request.end - request.start, waits_for_socket, &deadline,
                        &response);
}

/* False if the daemon has not judged the request. */
static bool is_response(enum request_outcome outcome) {
  if (outcome != REQUEST_OK || response.parsed.status >= 500) return false;
  return response.parsed.status != 200 || response.parsed.body_length > 0;
}

static bool deliver(void) {
  const char *body = response.bytes + response.parsed.body_offset;
  size_t length = response.parsed.body_length;
  unsigned status = response.parsed.status;
  if (status != 200 && error_line_relay(body, length)) return false;
  if (status != 200) return error_line_write(SHIM_RESPONSE_STATUS(decimal(status)));
  if (length == 0) return error_line_write(SHIM_RESPONSE_EMPTY);
  return write_stdout(body, length) || error_line_write(SHIM_OUTPUT_FAILED);
}

/* Delivers the response, or reports why there is none. Returns false after an error line. */
static bool deliver_or_report(enum request_outcome outcome, const char *socket_path) {
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

/*
 * Writes the reason to the journal and to stderr, and the anonymous entries to stdout, without which a container whose image is on
 * the node would not start. The time may be up: a short write needs none.
 */
static bool respond_alone(enum request_outcome outcome, const char *socket_path) {
  error_line_to_journal("<28>" SERVICE_ACCOUNT_PLUGIN_NAME ": "); /* daemon, warning */
  (void)deliver_or_report(outcome, socket_path);
  return write_stdout(ANONYMOUS_RESPONSE, sizeof ANONYMOUS_RESPONSE - 1) || error_line_write(SHIM_OUTPUT_FAILED);
}

/* Of a refusal: the first line is the protocol's text for the client, the second one tells a person why. */
static void report_second_line(void) {
  const char *body = response.bytes + response.parsed.body_offset;
  size_t length = response.parsed.body_length;
  const char *line_feed = memchr(body, '\n', length);
  if (line_feed == NULL) return;
  error_line_to(STDERR_FILENO);
  (void)error_line_relay(line_feed + 1, length - (size_t)(line_feed + 1 - body));
}

static bool answer_docker(int argument_count, char **arguments) {
  error_line_to(STDOUT_FILENO); /* as the protocol requires */
  const char *verb = argument_count == 2 ? arguments[1] : "";
  if (strcmp(verb, "get") != 0) {
    const char *text = docker_credential_text(verb);
    return text != NULL && write_stdout(text, strlen(text));
  }
  const char *socket_path = docker_socket_path();
  say_on_terminal("a registry host such as icn.ocir.io");
  if (!read_body()) return false;
  write_head(DOCKER_CREDENTIAL_ROUTE, "text/plain");
  enum request_outcome outcome = REQUEST_NO_SOCKET;
  if (*socket_path != '\0') outcome = ask_daemon(socket_path, false);
  if (outcome != REQUEST_NO_SOCKET && outcome != REQUEST_REFUSED) {
    bool is_delivered = deliver_or_report(outcome, socket_path);
    if (outcome == REQUEST_OK && !is_delivered) report_second_line();
    return is_delivered;
  }
  const char *program = docker_credential_alone(request.bytes + HEAD_ROOM_BYTES, request.end - HEAD_ROOM_BYTES);
  return error_line_write(SHIM_BROKER_MISSING(program));
}

static bool run(int argument_count, char **arguments) {
  if (is_named(arguments[0], DOCKER_CREDENTIAL_NAME)) return answer_docker(argument_count, arguments);
  const char *option = argument_count == 2 ? arguments[1] : "";
  if (strcmp(option, "--version") == 0) return write_stdout(VERSION_LINE, sizeof VERSION_LINE - 1);
  if (strcmp(option, "--help") == 0) return write_stdout(HELP, sizeof HELP - 1);

  const char *socket_path = chosen_socket_path();
  say_on_terminal("a CredentialProviderRequest in JSON, as the kubelet sends; for one image use: ocir-broker get IMAGE");
  if (!read_body()) return false;
  write_head(CREDENTIALS_ROUTE, "application/json");
  enum request_outcome outcome = ask_daemon(socket_path, true);
  bool is_alone = is_named(arguments[0], SERVICE_ACCOUNT_PLUGIN_NAME) && !is_response(outcome);
  return is_alone ? respond_alone(outcome, socket_path) : deliver_or_report(outcome, socket_path);
}

int main(int argument_count, char **arguments) {
  deadline = deadline_in_ms(SHIM_CALL_MS);
  signal(SIGPIPE, SIG_IGN);
  return run(argument_count, arguments) ? EXIT_SUCCESS : EXIT_FAILURE;
}
