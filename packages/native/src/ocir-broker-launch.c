/*
 * ocir-broker-launch PROGRAM [ARGUMENT...]: prepares what a service needs from systemd and Node cannot create, then execs.
 * ocir-broker-launch --copy-config FROM TO GROUP: config-copy.h, for the unit's ExecStartPre= and ExecReload=; no exec.
 *
 *   OCIR_BROKER_NOTIFY_FD  a datagram socket connected to the service manager: each write is one notification, sent by
 *                          the main process itself, so NotifyAccess=main suffices. Non-blocking: EAGAIN is a missed ping.
 *   OCIR_BROKER_STATE_FD   memory that outlives the process: a memfd in systemd's descriptor store (needs
 *                          FileDescriptorStoreMax=1 or more), which systemd passes to the next process as `state`. Never on
 *                          disk; dropped when the service stops. Its size is fixed: write in place, ftruncate is refused.
 *
 * The program's environment has only the variables that passed-environment.h and SERVICE_VARIABLES name.
 *
 * Never closes, moves or reorders the descriptors that LISTEN_FDS counts, and keeps the process id, so LISTEN_PID stays valid.
 * A failure is reported on stderr, and the service starts without the missing part.
 * No PR_SET_DUMPABLE: exec resets it, and this program holds no secret.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "config-copy.h"
#include "posix.h"
#include "sandbox/core-dumps.h"
#include "sandbox/passed-environment.h"

#define STATE_NAME "state"

enum {
  FIRST_LISTEN_FD = 3,
  /* Two slots for a state of at most 1 MiB (256 tokens of 4 KiB): an incomplete write leaves the other. Unused pages are free. */
  STATE_BYTES = 2 * 1024 * 1024,
  /* A busy manager's queue may be full; the service's start waits no longer than this to store the memfd. */
  STORE_LIMIT_SECONDS = 2,
  EXIT_USAGE = 2,
  EXIT_CANNOT_EXECUTE = 126,
  EXIT_NOT_FOUND = 127
};

/* Variables that systemd sets for a service, and the launcher's own. */
static const char *const SERVICE_VARIABLES[] = {
    "LISTEN_FDS",     "LISTEN_FDNAMES", "LISTEN_PID",    "WATCHDOG_PID",          "WATCHDOG_USEC",        "NOTIFY_SOCKET",
    "JOURNAL_STREAM", "INVOCATION_ID",  "CREDENTIALS_DIRECTORY", "OCIR_BROKER_NOTIFY_FD", "OCIR_BROKER_STATE_FD"};

static int open_notify_socket(const char *address_text);
static int find_handed_state(bool *useless);
static int make_state(void);
static bool store_state(int notify_descriptor, int state_descriptor, bool replace);
static void export_descriptor(const char *name, int descriptor);
static char *const *environment_for_service(void);
static void warn(const char *what);

int main(int argument_count, char **arguments) {
  if (argument_count < 2) {
    static const char usage[] = "ocir-broker-launch: usage: ocir-broker-launch PROGRAM [ARGUMENT...]\n";
    return write(STDERR_FILENO, usage, sizeof usage - 1) < 0 ? EXIT_FAILURE : EXIT_USAGE;
  }
  if (strcmp(arguments[1], "--copy-config") == 0) {
    if (argument_count == 5 && config_copy(arguments[2], arguments[3], arguments[4])) return EXIT_SUCCESS;
    if (argument_count != 5) errno = EINVAL;
    warn("cannot copy the configuration for the daemon (it and its folder must be root's alone, and no link)");
    return EXIT_FAILURE;
  }
  unsetenv("OCIR_BROKER_NOTIFY_FD");
  unsetenv("OCIR_BROKER_STATE_FD");
  if (!forbid_core_dumps()) warn("cannot forbid core dumps");

  int notify_descriptor = -1;
  const char *notify_address = getenv("NOTIFY_SOCKET");
  if (notify_address != NULL) notify_descriptor = open_notify_socket(notify_address);

  bool handed_useless = false;
  int state_descriptor = find_handed_state(&handed_useless);
  /* Without a manager there is no descriptor store, and then a memfd would end with the process. */
  if (state_descriptor < 0 && notify_descriptor >= 0) {
    state_descriptor = make_state();
    if (state_descriptor >= 0 && !store_state(notify_descriptor, state_descriptor, handed_useless)) {
      close(state_descriptor);
      state_descriptor = -1;
    }
  }

  if (state_descriptor >= 0) export_descriptor("OCIR_BROKER_STATE_FD", state_descriptor);
  if (notify_descriptor >= 0) {
    if (fcntl(notify_descriptor, F_SETFL, O_NONBLOCK) < 0) warn("cannot make the notify socket non-blocking");
    export_descriptor("OCIR_BROKER_NOTIFY_FD", notify_descriptor);
    unsetenv("NOTIFY_SOCKET"); /* So that no library sends its own READY=1. */
  }

  execve(arguments[1], arguments + 1, environment_for_service());
  int error = errno;
  warn("cannot execute the program");
  return error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
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

  int descriptor = socket(AF_UNIX, SOCK_DGRAM, 0);
  struct timeval limit = {.tv_sec = STORE_LIMIT_SECONDS};
  if (descriptor >= 0 && setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
      connect(descriptor, (const struct sockaddr *)&address,
              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) == 0) {
    return descriptor;
  }
  warn("cannot reach the service manager at NOTIFY_SOCKET");
  if (descriptor >= 0) close(descriptor);
  return -1;
}

/* Returns -1 if the text is not a decimal number. */
static long number_in(const char *text) {
  if (text == NULL || *text < '0' || *text > '9') return -1;
  char *end;
  errno = 0;
  long number = strtol(text, &end, 10);
  return errno == 0 && *end == '\0' ? number : -1;
}

/* Our memfd is recognised by its seals and size; anything else with its name is not ours. */
static bool is_state(int descriptor) {
  struct stat status;
  int seals = fcntl(descriptor, F_GET_SEALS);
  return seals >= 0 && (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) == (F_SEAL_SHRINK | F_SEAL_GROW) &&
         (seals & F_SEAL_WRITE) == 0 && fstat(descriptor, &status) == 0 && status.st_size == STATE_BYTES;
}

/* Finds the descriptor by name, because the order of systemd's descriptors is not stable. */
static int find_handed_state(bool *useless) {
  long count = number_in(getenv("LISTEN_FDS"));
  const char *names = getenv("LISTEN_FDNAMES");
  if (names == NULL || count <= 0 || number_in(getenv("LISTEN_PID")) != getpid()) return -1;
  for (int index = 0; index < count; index++) {
    size_t length = strcspn(names, ":");
    if (length == strlen(STATE_NAME) && memcmp(names, STATE_NAME, length) == 0) {
      if (is_state(FIRST_LISTEN_FD + index)) return FIRST_LISTEN_FD + index;
      *useless = true;
    }
    if (names[length] == '\0') break;
    names += length + 1;
  }
  return -1;
}

static int make_state(void) {
  int descriptor = memory_file("ocir-broker-state", MFD_ALLOW_SEALING);
  if (descriptor >= 0 && fchmod(descriptor, S_IRUSR | S_IWUSR) == 0 && ftruncate(descriptor, STATE_BYTES) == 0 &&
      fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
    return descriptor;
  }
  warn("cannot make memory for the state, which will not outlive this process");
  if (descriptor >= 0) close(descriptor);
  return -1;
}

static bool store_state(int notify_descriptor, int state_descriptor, bool replace) {
  static const char removal[] = "FDSTOREREMOVE=1\nFDNAME=" STATE_NAME;
  static char addition[] = "FDSTORE=1\nFDNAME=" STATE_NAME;
  if (replace && send(notify_descriptor, removal, sizeof removal - 1, MSG_NOSIGNAL) < 0) {
    warn("cannot remove a useless state from the descriptor store");
  }

  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr alignment;
  } control = {.bytes = {0}};
  struct iovec text = {.iov_base = addition, .iov_len = sizeof addition - 1};
  struct msghdr message = {
      .msg_iov = &text, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(rights), &state_descriptor, sizeof state_descriptor);
  if (sendmsg(notify_descriptor, &message, MSG_NOSIGNAL) >= 0) return true;
  warn("cannot store the state, which will not outlive this process");
  return false;
}

static void export_descriptor(const char *name, int descriptor) {
  char number[16];
  snprintf(number, sizeof number, "%d", descriptor);
  if (setenv(name, number, 1) < 0) warn("cannot set the environment");
}

static char *const *environment_for_service(void) {
  static struct passed_environment environment;
  passed_environment_begin(&environment);
  for (size_t i = 0; i < sizeof SERVICE_VARIABLES / sizeof *SERVICE_VARIABLES; i++) {
    passed_environment_pass(&environment, SERVICE_VARIABLES[i]);
  }
  return environment.entries;
}

/* <4> is journald's prefix for a warning. */
static void warn(const char *what) {
  dprintf(STDERR_FILENO, "<4>ocir-broker-launch: %s: %s\n", what, strerror(errno));
}
