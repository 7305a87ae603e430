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

struct request {
  char bytes[HEAD_ROOM_BYTES + MAX_REQUEST_BYTES + 1];
  size_t start; /* of the head */
  size_t end;   /* of the body */
};

/* Static, because then only the pages in use cost memory. */
static struct request request;
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
static bool write_stdout(const char *bytes, size_t length, const struct deadline *deadline) {
  for (size_t done = 0; done < length;) {
    size_t left = length - done;
    ssize_t written = write(STDOUT_FILENO, bytes + done, left < SAFE_PIPE_WRITE_BYTES ? left : SAFE_PIPE_WRITE_BYTES);
    if (written > 0) {
      done += (size_t)written;
    } else if (written == 0 || (errno != EAGAIN && errno != EINTR)) {
      return false;
    }
    if (done < length && deadline_wait(deadline, STDOUT_FILENO, POLLOUT) != WAIT_READY) return false;
  }
  return true;
}

/* Reads stdin to its end, within the time limit, so that a person who runs this by hand does not wait forever. */
static bool read_body(struct request *read_into, const struct deadline *deadline) {
  size_t end = HEAD_ROOM_BYTES;
  for (;;) {
    enum wait_outcome waited = deadline_wait(deadline, STDIN_FILENO, POLLIN);
    if (waited == WAIT_TIMED_OUT) {
      error_line_write(SHIM_REQUEST_TIMEOUT);
      return false;
    }
    ssize_t taken = waited == WAIT_READY ? read(STDIN_FILENO, read_into->bytes + end, sizeof read_into->bytes - end) : -1;
    if (taken < 0 && waited == WAIT_READY && (errno == EINTR || errno == EAGAIN)) continue;
    if (taken < 0) {
      error_line_write(SHIM_REQUEST_UNREADABLE);
      return false;
    }
    if (taken == 0) break;
    end += (size_t)taken;
    if (end == sizeof read_into->bytes) {
      error_line_write(SHIM_REQUEST_TOO_LARGE);
      return false;
    }
  }
  if (end == HEAD_ROOM_BYTES) {
    error_line_write(SHIM_REQUEST_EMPTY);
    return false;
  }
  read_into->end = end;
  return true;
}

/* Puts the head right before the body, so that one send takes both. */
static void write_head(struct request *written, const char *route, const char *type) {
  static const char fields[] =
      " HTTP/1.1\r\n"
      "Host: localhost\r\n"
      "User-Agent: " PLUGIN_NAME "/" SHIM_VERSION "\r\n"
      "Content-Type: ";
  static const char length_field[] = "\r\nConnection: close\r\nContent-Length: ";
  const char *body_length = decimal((unsigned)(written->end - HEAD_ROOM_BYTES));
  const char *pieces[] = {"\r\n\r\n", body_length, length_field, type, fields, route, "POST "};
  written->start = HEAD_ROOM_BYTES;
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    size_t length = strlen(pieces[i]);
    written->start -= length;
    memcpy(written->bytes + written->start, pieces[i], length);
  }
}

static enum request_outcome ask_daemon(const char *socket_path, bool waits_for_socket, const struct deadline *deadline) {
  return broker_request(socket_path, request.bytes + request.start, request.end - request.start, waits_for_socket, deadline,
                        &response);
}

static void report_outcome(enum request_outcome outcome, const char *socket_path) {
  switch (outcome) {
    case REQUEST_OK:
      break;
    case REQUEST_NO_SOCKET:
      error_line_write(SHIM_SOCKET_MISSING(socket_path));
      break;
    case REQUEST_REFUSED:
      error_line_write(SHIM_SOCKET_REFUSED(socket_path));
      break;
    case REQUEST_DENIED:
      error_line_write(SHIM_SOCKET_DENIED(socket_path));
      break;
    case REQUEST_PATH_TOO_LONG:
      error_line_write(SHIM_SOCKET_PATH_TOO_LONG);
      break;
    case REQUEST_FAILED:
      error_line_write(SHIM_SYSTEM_ERROR(decimal((unsigned)errno)));
      break;
    case REQUEST_BROKEN:
      error_line_write(SHIM_CONNECTION_BROKEN);
      break;
    case REQUEST_TIMED_OUT:
      error_line_write(SHIM_TIMEOUT);
      break;
    case REQUEST_INVALID:
      error_line_write(SHIM_RESPONSE_INVALID(socket_path));
      break;
    case REQUEST_TOO_LARGE:
      error_line_write(SHIM_RESPONSE_TOO_LARGE);
      break;
  }
}

/* False if the daemon has not judged the request. */
static bool is_response(enum request_outcome outcome, const struct broker_response *received) {
  if (outcome != REQUEST_OK || received->parsed.status >= 500) return false;
  return received->parsed.status != 200 || received->parsed.body_length > 0;
}

static bool deliver(const struct broker_response *delivered, const struct deadline *deadline) {
  const char *body = delivered->bytes + delivered->parsed.body_offset;
  size_t length = delivered->parsed.body_length;
  unsigned status = delivered->parsed.status;
  if (status != 200) {
    if (!error_line_relay(body, length)) {
      error_line_write(SHIM_RESPONSE_STATUS(decimal(status)));
    }
    return false;
  }
  if (length == 0) {
    error_line_write(SHIM_RESPONSE_EMPTY);
    return false;
  }
  if (!write_stdout(body, length, deadline)) {
    error_line_write(SHIM_OUTPUT_FAILED);
    return false;
  }
  return true;
}

/*
 * Writes the reason to the journal and to stderr, and the anonymous entries to stdout, without which a container whose image is on
 * the node would not start. The time may be up: a short write needs none.
 */
static int respond_alone(enum request_outcome outcome, const char *socket_path, const struct deadline *deadline) {
  error_line_to_journal("<28>" SERVICE_ACCOUNT_PLUGIN_NAME ": "); /* daemon, warning */
  if (outcome == REQUEST_OK) {
    (void)deliver(&response, deadline);
  } else {
    report_outcome(outcome, socket_path);
  }
  if (write_stdout(ANONYMOUS_RESPONSE, sizeof ANONYMOUS_RESPONSE - 1, deadline)) return EXIT_SUCCESS;
  error_line_write(SHIM_OUTPUT_FAILED);
  return EXIT_FAILURE;
}

static int answer_docker(int argument_count, char **arguments, const struct deadline *deadline) {
  error_line_to_stdout(); /* as the protocol requires */
  const char *verb = argument_count == 2 ? arguments[1] : "";
  if (strcmp(verb, "get") != 0) {
    const char *text = docker_credential_text(verb);
    return text != NULL && write_stdout(text, strlen(text), deadline) ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  const char *socket_path = docker_socket_path();
  say_on_terminal("a registry host such as icn.ocir.io");
  if (!read_body(&request, deadline)) return EXIT_FAILURE;
  write_head(&request, DOCKER_CREDENTIAL_ROUTE, "text/plain");
  enum request_outcome outcome = REQUEST_NO_SOCKET;
  if (*socket_path != '\0') outcome = ask_daemon(socket_path, false, deadline);
  if (outcome == REQUEST_OK) return deliver(&response, deadline) ? EXIT_SUCCESS : EXIT_FAILURE;
  if (outcome == REQUEST_NO_SOCKET || outcome == REQUEST_REFUSED) {
    const char *program = docker_credential_alone(request.bytes + HEAD_ROOM_BYTES, request.end - HEAD_ROOM_BYTES);
    error_line_write(SHIM_BROKER_MISSING(program));
    return EXIT_FAILURE;
  }
  report_outcome(outcome, socket_path);
  return EXIT_FAILURE;
}

int main(int argument_count, char **arguments) {
  struct deadline deadline = deadline_in_ms(SHIM_CALL_MS);
  signal(SIGPIPE, SIG_IGN);
  if (is_named(arguments[0], DOCKER_CREDENTIAL_NAME)) return answer_docker(argument_count, arguments, &deadline);
  if (argument_count == 2 && strcmp(arguments[1], "--version") == 0) {
    static const char version[] = PLUGIN_NAME " " SHIM_VERSION "\n";
    return write_stdout(version, sizeof version - 1, &deadline) ? EXIT_SUCCESS : EXIT_FAILURE;
  }

  if (argument_count == 2 && strcmp(arguments[1], "--help") == 0) {
    return write_stdout(HELP, sizeof HELP - 1, &deadline) ? EXIT_SUCCESS : EXIT_FAILURE;
  }

  const char *socket_path = chosen_socket_path();
  say_on_terminal("a CredentialProviderRequest in JSON, as the kubelet sends; for one image use: ocir-broker get IMAGE");
  if (!read_body(&request, &deadline)) return EXIT_FAILURE;
  write_head(&request, CREDENTIALS_ROUTE, "application/json");
  enum request_outcome outcome = ask_daemon(socket_path, true, &deadline);
  if (is_named(arguments[0], SERVICE_ACCOUNT_PLUGIN_NAME) && !is_response(outcome, &response)) {
    return respond_alone(outcome, socket_path, &deadline);
  }
  if (outcome == REQUEST_OK) return deliver(&response, &deadline) ? EXIT_SUCCESS : EXIT_FAILURE;
  report_outcome(outcome, socket_path);
  return EXIT_FAILURE;
}
