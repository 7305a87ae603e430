/*
 * A docker credential helper, for docker and others, in their protocol: for root with the node's daemon, for another user with the
 * user's own (forward.h). Without a daemon it becomes `ocir-broker docker-credential`. It stores nothing, so only `get` needs
 * credentials. Errors go to stdout, as the protocol requires; that nothing was stored is no error, and goes to stderr.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../contract.h"
#include "../error-line.h"
#include "../error-texts.h"
#include "../posix.h"
#include "forward.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

static const char HEAD[] = FORWARD_HEAD(DOCKER_CREDENTIAL_ROUTE, "text/plain");
FORWARD_HEAD_FITS(HEAD);

/* The complete response to any verb but `get`. NULL if the verb is refused: an error line was written. */
static const char *text_of(const char *verb) {
  if (strcmp(verb, "--help") == 0) {
    return DOCKER_CREDENTIAL_NAME ": a docker credential helper for OCIR; its tokens are those of a daemon ocir-broker, if one runs\n"
           "  echo REGISTRY_HOST | " DOCKER_CREDENTIAL_NAME " get\n  " DOCKER_CREDENTIAL_NAME " list\n  "
           DOCKER_CREDENTIAL_NAME " version\n";
  }
  /* The protocol lists stored credentials (server URL to user name), and nothing is stored here. */
  if (strcmp(verb, "list") == 0) return "{}\n";
  if (strcmp(verb, "version") == 0 || strcmp(verb, "--version") == 0) {
    return DOCKER_CREDENTIAL_NAME " (ocir-broker) " SHIM_VERSION "\n";
  }
  /* `docker login` and `logout` must not fail. Their stdin, which has a secret, is not read. */
  if (strcmp(verb, "store") == 0 || strcmp(verb, "erase") == 0) {
    error_line_to(STDERR_FILENO);
    error_line_write(SHIM_NOTHING_STORED);
    return "";
  }
  error_line_write(SHIM_VERB_UNKNOWN);
  return NULL;
}

/* A pipe would need a process that fills it, and stdin has been read. */
static int open_body(const char *body, size_t length) {
  static const char name[] = "docker-credential-request";
  int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
  if (descriptor < 0 && errno == EINVAL) descriptor = memfd_create(name, MFD_CLOEXEC);
  if (descriptor < 0 || !write_whole(descriptor, body, length)) return -1;
  return lseek(descriptor, 0, SEEK_SET) == 0 ? descriptor : -1;
}

/* /proc/self/exe is the file itself, if this was started through a link. */
static char *neighbour(char *name) {
  static char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  while (length > 0 && path[length - 1] != '/') length--;
  if (length <= 0 || (size_t)length + strlen(name) >= sizeof path) return name;
  memcpy(path + length, name, strlen(name) + 1);
  return path;
}

/*
 * Without a daemon: execs the program `ocir-broker` in the folder of this one's file, with the request as its stdin. It fetches a token
 * from Oracle's services itself, as the same user and with the same environment. Returns only if that fails: the program's path, or its
 * name alone if the folder is not known.
 */
static const char *exec_broker(struct forward_bytes body) {
  static char name[] = "ocir-broker", command[] = "docker-credential";
  char *program = neighbour(name);
  char *const arguments[] = {program, command, NULL};
  if (*program != '/') return program;
  int descriptor = open_body(body.start, body.length);
  if (descriptor < 0 || dup2(descriptor, STDIN_FILENO) < 0 || !forbid_core_dumps()) return program;
  signal(SIGPIPE, SIG_DFL);
  /* Ends a program that hangs. */
  alarm(SHIM_CALL_MS / 1000 + 1);
  execv(program, arguments);
  return program;
}

/*
 * Root's is the node's; another user's is below XDG_RUNTIME_DIR, which only that user can enter. An empty path if there is none, or
 * if it is longer than any socket's.
 */
static const char *socket_path_of_user(void) {
  static const char below[] = "/ocir-broker/credentials.sock";
  static char path[108 + sizeof below];
  const char *given = getenv("OCIR_BROKER_SOCKET");
  if (geteuid() == 0 || (given != NULL && *given != '\0')) return forward_socket_path();
  const char *runtime = getenv("XDG_RUNTIME_DIR");
  if (runtime == NULL || *runtime != '/' || strlen(runtime) >= sizeof path - sizeof below) return "";
  memcpy(path, runtime, strlen(runtime));
  memcpy(path + strlen(runtime), below, sizeof below);
  return path;
}

/* Of a refusal: the first line is the protocol's text for the client, the second one tells a person why. */
static void report_second_line(void) {
  struct forward_bytes body = forward_response_body();
  const char *line_feed = memchr(body.start, '\n', body.length);
  if (line_feed == NULL) return;
  error_line_to(STDERR_FILENO);
  (void)error_line_relay(line_feed + 1, body.length - (size_t)(line_feed + 1 - body.start));
}

static bool get(void) {
  const char *socket_path = socket_path_of_user();
  if (!forward_read_stdin("a registry host such as icn.ocir.io")) return false;
  enum request_outcome outcome = REQUEST_NO_SOCKET;
  if (*socket_path != '\0') outcome = forward_request(socket_path, HEAD, false);
  if (outcome == REQUEST_NO_SOCKET || outcome == REQUEST_REFUSED)
    return error_line_write(SHIM_BROKER_MISSING(exec_broker(forward_request_body())));
  bool is_delivered = forward_deliver(outcome, socket_path);
  if (outcome == REQUEST_OK && !is_delivered) report_second_line();
  return is_delivered;
}

int main(int argument_count, char **arguments) {
  forward_begin();
  error_line_to(STDOUT_FILENO);
  const char *verb = argument_count == 2 ? arguments[1] : "";
  if (strcmp(verb, "get") == 0) return get() ? EXIT_SUCCESS : EXIT_FAILURE;
  const char *text = text_of(verb);
  return text != NULL && forward_write_stdout(text, strlen(text)) ? EXIT_SUCCESS : EXIT_FAILURE;
}
