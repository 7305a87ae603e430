#include "docker-credential.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../contract.h"
#include "../error-line.h"
#include "../error-texts.h"
#include "../posix.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

const char *docker_credential_text(const char *verb) {
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
  /* Does not read stdin, which contains a secret with these two. */
  if (strcmp(verb, "store") == 0 || strcmp(verb, "erase") == 0) {
    error_line_write(SHIM_NOTHING_STORED);
  } else {
    error_line_write(SHIM_VERB_UNKNOWN);
  }
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

const char *docker_credential_alone(const char *body, size_t length) {
  static char name[] = "ocir-broker", command[] = "docker-credential";
  char *program = neighbour(name);
  char *const arguments[] = {program, command, NULL};
  if (*program != '/') return program;
  int descriptor = open_body(body, length);
  if (descriptor < 0 || dup2(descriptor, STDIN_FILENO) < 0 || !forbid_core_dumps()) return program;
  signal(SIGPIPE, SIG_DFL);
  /* Ends a program that hangs. */
  alarm(SHIM_CALL_MS / 1000 + 1);
  execv(program, arguments);
  return program;
}
