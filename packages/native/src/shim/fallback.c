#include "fallback.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../contract.h"
#include "../decimal.h"
#include "../error-line.h"
#include "../posix.h"
#include "../sandbox/core-dumps.h"
#include "../sandbox/passed-environment.h"
#include "../sandbox/privileges.h"

enum {
  DIRECTORY_LIMIT_BYTES = 128, /* more than a socket's address holds */
  BACKLOG = 4096,              /* far more than the 110 pods of a starting node */
  FIRST_LISTEN_FD = 3,         /* as in systemd's socket activation, which the program supports anyway */
  DAEMON_FD = 4,               /* after the one listening socket */
  DAEMON_AGAIN_MS = 2000,      /* a working daemon answers at once */
  CLEAR_FD = 10,               /* no program expects a descriptor with a fixed number from here on */
  /* Delay before the next attempt if the lock's holder does not listen yet, or no longer listens. */
  SHORTEST_NAP_MS = 5,
  LONGEST_NAP_MS = 100
};

static bool is_runnable(const char *program);
static enum fallback_outcome enter_directory(const char *socket_path);
static int open_lock(void);
static void ask_daemon_again(const struct fallback *fallback, const struct deadline *deadline, struct exchange_answer *answer);
static enum fallback_outcome become(const struct fallback *fallback, int lock, const struct deadline *deadline);

enum fallback_outcome fallback_ask(const struct fallback *fallback, const struct deadline *deadline,
                                   struct exchange_answer *answer) {
  if (!is_runnable(fallback->program)) return FALLBACK_NONE;
  enum fallback_outcome entered = enter_directory(fallback->socket_path);
  if (entered != FALLBACK_OK) return entered;
  int lock = open_lock();
  if (lock < 0) return errno == EPERM || errno == ELOOP || errno == EISDIR ? FALLBACK_LOCK_UNSAFE : FALLBACK_FAILED;

  enum fallback_outcome at_the_end = FALLBACK_LOCKED;
  for (int nap_ms = SHORTEST_NAP_MS;; nap_ms = nap_ms * 2 < LONGEST_NAP_MS ? nap_ms * 2 : LONGEST_NAP_MS) {
    if (deadline_left_ms(deadline) == 0) return at_the_end;
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
      return deadline_left_ms(deadline) < SHIM_SHORTEST_TURN_MS ? FALLBACK_UNANSWERED : become(fallback, lock, deadline);
    }
    if (errno != EWOULDBLOCK && errno != EINTR) return FALLBACK_FAILED;

    /* The lock's holder answers, or ends and breaks the connection; then another shim can take the lock. */
    switch (broker_exchange(FALLBACK_SOCKET_NAME, fallback->request, fallback->request_length, deadline, answer)) {
      case EXCHANGE_OK:
        if (answer->response.status >= 500) ask_daemon_again(fallback, deadline, answer);
        return FALLBACK_OK;
      case EXCHANGE_TIMED_OUT:
        return FALLBACK_UNANSWERED;
      case EXCHANGE_NO_SOCKET:
      case EXCHANGE_REFUSED:
        break;
      case EXCHANGE_BROKEN:
        at_the_end = FALLBACK_UNANSWERED;
        break;
      case EXCHANGE_INVALID:
      case EXCHANGE_TOO_LARGE:
        return FALLBACK_ANSWER_INVALID;
      case EXCHANGE_DENIED:
      case EXCHANGE_PATH_TOO_LONG:
      case EXCHANGE_FAILED:
        return FALLBACK_FAILED;
    }
    poll(NULL, 0, nap_ms);
  }
}

/*
 * Replaces the answer if the daemon has a better one: it may be back, with a token that Oracle's services do not give now. Each
 * shim asks for itself, because the fallback broker is not root and may not connect to the daemon's socket.
 */
static void ask_daemon_again(const struct fallback *fallback, const struct deadline *deadline, struct exchange_answer *answer) {
  static struct exchange_answer again;
  struct deadline soon = deadline_in_ms(DAEMON_AGAIN_MS);
  if (deadline_left_ms(deadline) < DAEMON_AGAIN_MS) soon = *deadline;
  if (broker_exchange(fallback->socket_path, fallback->request, fallback->request_length, &soon, &again) == EXCHANGE_OK &&
      again.response.status == 200) {
    memcpy(answer, &again, sizeof again);
  }
}

static bool is_runnable(const char *program) {
  return *program == '/' && access(program, X_OK) == 0;
}

/*
 * Makes the directory the working directory, so that a change of its path has no effect. It must belong to this user (root, for a
 * kubelet) and be writable by nobody else, so that only a shim or its program can have created lock and socket.
 */
static enum fallback_outcome enter_directory(const char *socket_path) {
  char path[DIRECTORY_LIMIT_BYTES];
  const char *slash = strrchr(socket_path, '/');
  if (slash == NULL) return FALLBACK_NONE;
  size_t length = slash == socket_path ? 1 : (size_t)(slash - socket_path);
  if (length >= sizeof path) return FALLBACK_NONE;
  memcpy(path, socket_path, length);
  path[length] = '\0';

  int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) return errno == ENOENT ? FALLBACK_NONE : FALLBACK_DIRECTORY_UNSAFE;
  struct stat status;
  bool is_safe = fstat(directory, &status) == 0 && is_ours_alone(&status) && fchdir(directory) == 0;
  close(directory);
  return is_safe ? FALLBACK_OK : FALLBACK_DIRECTORY_UNSAFE;
}

/* Moves a descriptor away from the numbers of standard streams, which the caller may have closed, and of inherited ones. */
static int move_clear(int descriptor) {
  if (descriptor < 0) return descriptor;
  int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, CLEAR_FD);
  close_quietly(descriptor);
  return moved;
}

/* The lock must be readable by nobody else, because any reader can hold it. Fails with EPERM if it is not such a file. */
static int open_lock(void) {
  int lock = move_clear(open(FALLBACK_LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (lock < 0) return lock;
  struct stat status;
  if (fstat(lock, &status) < 0) return -1;
  if (S_ISREG(status.st_mode) && status.st_uid == geteuid() && (status.st_mode & (S_IRWXG | S_IRWXO)) == 0) return lock;
  errno = EPERM;
  return -1;
}

/* Listens before the program starts, so that other shims wait in the backlog. Under the lock, an existing socket is stale. */
static int open_listener(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = FALLBACK_SOCKET_NAME};
  int listener = move_clear(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (listener < 0) return -1;
  if (unlink(FALLBACK_SOCKET_NAME) < 0 && errno != ENOENT) return -1;
  mode_t mask = umask(S_IXUSR | S_IRWXG | S_IRWXO);
  int bound = bind(listener, (const struct sockaddr *)&address, sizeof address);
  umask(mask);
  return bound == 0 && listen(listener, BACKLOG) == 0 ? listener : -1;
}

/*
 * Connects to a daemon that hangs, so that the program can ask it again; without root's rights the program could not connect
 * itself. Returns -1 if no process listens, which is not a fault.
 */
static int connect_to_daemon(const char *socket_path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *name = strrchr(socket_path, '/') + 1; /* the working directory is the socket's */
  if (strlen(name) >= sizeof address.sun_path) return -1;
  memcpy(address.sun_path, name, strlen(name) + 1);
  int daemon = move_clear(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (daemon >= 0 && connect(daemon, (const struct sockaddr *)&address, sizeof address) == 0) return daemon;
  if (daemon >= 0) close(daemon);
  return -1;
}

/* Passes on the body, because stdin has been read. A pipe does not hold 256 KiB, and no process remains to fill it. */
static int open_body(const char *body, size_t length) {
  int descriptor = move_clear(memory_file("credential-provider-request", MFD_CLOEXEC));
  if (descriptor < 0 || !write_whole(descriptor, body, length)) return -1;
  return lseek(descriptor, 0, SEEK_SET) == 0 ? descriptor : -1;
}

static void put_number(char *entry, unsigned long number) {
  const char *digits = decimal(number);
  memcpy(strchr(entry, '=') + 1, digits, strlen(digits) + 1);
}

/* Adds our LISTEN_* variables and drops inherited ones. */
static char *const *environment_for(const struct deadline *deadline, bool has_daemon) {
  static struct passed_environment environment;
  static char listen_fds[] = "LISTEN_FDS=1";
  static char listen_names[] = "LISTEN_FDNAMES=credentials";
  static char listen_pid[] = "LISTEN_PID=0000000000";
  static char daemon[] = "OCIR_BROKER_FALLBACK_DAEMON_FD=4";
  static char end[] = "OCIR_BROKER_FALLBACK_END_MS=00000000000000000000";
  passed_environment_begin(&environment);
  put_number(listen_pid, (unsigned long)getpid());
  put_number(end, deadline_end_ms(deadline));
  passed_environment_add(&environment, listen_fds);
  passed_environment_add(&environment, listen_names);
  passed_environment_add(&environment, listen_pid);
  passed_environment_add(&environment, end);
  if (has_daemon) passed_environment_add(&environment, daemon);
  return environment.entries;
}

/*
 * Execs the program, and returns only if that fails. The program inherits the lock, which the kernel releases when it ends,
 * and the alarm, which ends it if it hangs.
 */
static enum fallback_outcome become(const struct fallback *fallback, int lock, const struct deadline *deadline) {
  static char command[] = "get";
  char *const arguments[] = {fallback->program, command, NULL};
  int listener = open_listener();
  if (listener < 0) return FALLBACK_FAILED;
  int body = open_body(fallback->body, fallback->body_length);
  if (body < 0) return FALLBACK_FAILED;
  int daemon = connect_to_daemon(fallback->socket_path);
  if (dup2(body, STDIN_FILENO) < 0 || dup2(listener, FIRST_LISTEN_FD) < 0) return FALLBACK_FAILED;
  if (daemon >= 0 && dup2(daemon, DAEMON_FD) < 0) return FALLBACK_FAILED;
  if (fcntl(lock, F_SETFD, 0) < 0 || chdir("/") < 0 || !forbid_core_dumps()) return FALLBACK_FAILED;
  /* Last, because creating socket and lock needs root. The program has their descriptors. */
  if (!privileges_drop()) return FALLBACK_FAILED;

  alarm((unsigned)deadline_left_ms(deadline) / 1000 + 1);
  signal(SIGPIPE, SIG_DFL);
  execve(fallback->program, arguments, environment_for(deadline, daemon >= 0));
  return errno == ENOENT || errno == EACCES || errno == ENOEXEC ? FALLBACK_NONE : FALLBACK_FAILED;
}
