/*
 * ocir-broker-launch PROGRAM [ARGUMENT...]: prepares what a service needs from systemd and Node cannot create, then execs.
 * ocir-broker-launch --copy-config FROM TO GROUP: config-copy.h, for the unit's ExecStartPre= and ExecReload=; no exec.
 *
 *   OCIR_BROKER_NOTIFY_FD  a datagram socket connected to the service manager: each write is one notification, sent by
 *                          the main process itself, so NotifyAccess=main suffices. Non-blocking: EAGAIN is a missed ping.
 *
 * The program's environment has only PASSED_VARIABLES and FIXED_VARIABLES: an allow-list, because no list of variables that
 * load code, replace certificates or write keys (LD_*, NODE_*, OPENSSL_*, SSLKEYLOGFILE, GLIBC_TUNABLES) would be complete.
 *
 * Never closes, moves or reorders the descriptors that LISTEN_FDS counts, and keeps the process id, so LISTEN_PID stays valid.
 * A failure is reported on stderr, and the service starts without the missing part.
 * No PR_SET_DUMPABLE: exec resets it, and this program holds no secret.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config-copy.h"
#include "posix.h"

enum { EXIT_USAGE = 2, EXIT_CANNOT_EXECUTE = 126, EXIT_NOT_FOUND = 127 };

/* Proxies, certificates and endpoints, then variables that systemd, the unit or this program sets for the service. */
static const char *const PASSED_VARIABLES[] = {
    "HTTPS_PROXY",    "https_proxy",   "NO_PROXY",              "no_proxy",
    "SSL_CERT_FILE",  "SSL_CERT_DIR",  "OCI_METADATA_BASE_URL", "OCI_SDK_AUTH_CLIENT_REGION_URL",
    "HOME",           "TZ",            "LISTEN_FDS",            "LISTEN_FDNAMES",
    "LISTEN_PID",     "WATCHDOG_PID",  "WATCHDOG_USEC",         "NOTIFY_SOCKET",
    "JOURNAL_STREAM", "INVOCATION_ID", "CREDENTIALS_DIRECTORY", "OCIR_BROKER_NOTIFY_FD",
    "OCIR_BROKER_STATE_FILE", "OCIR_BROKER_CONFIG_FOLDER"};

/*
 * glibc: one arena for all threads, and freed memory returns to the kernel early. Saves a fifth of the private memory. With a
 * mapping threshold of 16384, some 2 MiB more remain in use after 1000 slow clients have gone. UV_THREADPOOL_SIZE=2 saves nothing
 * more, and one hanging name look-up would block all others.
 */
static char FIXED_VARIABLES[][32] = {"MALLOC_ARENA_MAX=1", "MALLOC_TRIM_THRESHOLD_=65536", "MALLOC_MMAP_THRESHOLD_=8192"};

enum {
  PASSED_COUNT = sizeof PASSED_VARIABLES / sizeof *PASSED_VARIABLES,
  FIXED_COUNT = sizeof FIXED_VARIABLES / sizeof *FIXED_VARIABLES
};

/* <4> is journald's prefix for a warning. */
static void warn(const char *what) {
  dprintf(STDERR_FILENO, "<4>ocir-broker-launch: %s: %s\n", what, strerror(errno));
}

/* Accepts "/path" and "@abstract" (sd_notify(3)); other transports are for virtual machines. */
static int open_notify_socket(const char *address_text) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(address_text);
  if ((address_text[0] != '/' && address_text[0] != '@') || length < 2 || length >= sizeof address.sun_path) {
    errno = EINVAL;
    warn("cannot use NOTIFY_SOCKET");
    return -1;
  }
  memcpy(address.sun_path, address_text, length);
  if (address_text[0] == '@') address.sun_path[0] = '\0';

  int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  if (descriptor >= 0 && connect(descriptor, (const struct sockaddr *)&address, size) == 0) return descriptor;
  warn("cannot reach the service manager at NOTIFY_SOCKET");
  if (descriptor >= 0) close(descriptor);
  return -1;
}

static char *const *environment_for_service(void) {
  static char *entries[PASSED_COUNT + FIXED_COUNT + 1]; /* NULL-terminated */
  size_t count = 0;
  for (size_t i = 0; i < PASSED_COUNT; i++) {
    char *value = getenv(PASSED_VARIABLES[i]);
    if (value != NULL) entries[count++] = value - strlen(PASSED_VARIABLES[i]) - 1; /* starts with the name */
  }
  for (size_t i = 0; i < FIXED_COUNT; i++) entries[count++] = FIXED_VARIABLES[i];
  return entries;
}

int main(int argument_count, char **arguments) {
  if (argument_count < 2) {
    static const char usage[] = "ocir-broker-launch: usage: ocir-broker-launch PROGRAM [ARGUMENT...]\n";
    return write(STDERR_FILENO, usage, sizeof usage - 1) < 0 ? EXIT_FAILURE : EXIT_USAGE;
  }
  if (strcmp(arguments[1], "--copy-config") == 0) {
    if (argument_count == 5 && config_copy(arguments[2], arguments[3], arguments[4])) return EXIT_SUCCESS;
    if (argument_count != 5) errno = EINVAL;
    warn("cannot copy the configuration for the daemon (only root may own and write the file and its folder, and neither may be a link)");
    return EXIT_FAILURE;
  }
  unsetenv("OCIR_BROKER_NOTIFY_FD");
  if (!forbid_core_dumps()) warn("cannot forbid core dumps");

  const char *notify_address = getenv("NOTIFY_SOCKET");
  int notify_descriptor = notify_address == NULL ? -1 : open_notify_socket(notify_address);
  if (notify_descriptor >= 0) {
    char number[16];
    snprintf(number, sizeof number, "%d", notify_descriptor);
    if (setenv("OCIR_BROKER_NOTIFY_FD", number, 1) < 0) warn("cannot set the environment");
    unsetenv("NOTIFY_SOCKET"); /* So that no library sends its own READY=1. */
  }

  execve(arguments[1], arguments + 1, environment_for_service());
  int error = errno;
  warn("cannot execute the program");
  return error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}
