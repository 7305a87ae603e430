/*
 * supervisor DIRECTORY LOG PROGRAM [ARGUMENT...]: the part of systemd that the chaos run needs, without root.
 *
 * Listens on DIRECTORY/credentials.sock and health.sock, passes both by name (socket activation), names a state file on a tmpfs,
 * and restarts the program 100 ms after it has ended. As with the units, a stop removes the state and the next call starts the
 * program; LimitNOFILE= and TimeoutStopSec= have the units' values. The program's output goes to LOG.
 *
 * Reads commands from stdin, one for each line: `restart` (SIGTERM, start; the state stays), `stop` (SIGTERM; a call starts it),
 * `close` (stop, and remove the sockets), `open` (create the sockets again). The end of stdin stops everything. Prints
 * `started PID`, `ready PID` and `ended PID STATUS`.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 4096, DESCRIPTORS = 4096, RESTART_MS = 100, STOP_MS = 20000, TURN_MS = 10, SPARE_FD = 100 };
enum aim { RUN, WAIT_FOR_CALL, CLOSED, END };

static const char *directory, *log_path;
static char **program;
static int credentials = -1, health = -1, notify = -1, notify_number;
static char state_path[64];
static pid_t child = -1;

static void fail(const char *what) {
  perror(what);
  exit(70);
}

static long long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void path_of(struct sockaddr_un *address, const char *name) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (snprintf(address->sun_path, sizeof address->sun_path, "%s/%s", directory, name) >= (int)sizeof address->sun_path) {
    errno = ENAMETOOLONG;
    fail("DIRECTORY");
  }
}

static int listen_at(const char *name, mode_t mode) {
  struct sockaddr_un address;
  path_of(&address, name);
  unlink(address.sun_path);
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  mode_t mask = umask(0777 & ~mode);
  if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0 || listen(descriptor, BACKLOG) < 0)
    fail(name);
  umask(mask);
  return descriptor;
}

static void open_sockets(void) {
  credentials = listen_at("credentials.sock", 0600);
  health = listen_at("health.sock", 0660);
}

static void close_sockets(void) {
  static const char *const names[] = {"credentials.sock", "health.sock"};
  for (size_t i = 0; i < 2; i++) {
    struct sockaddr_un address;
    path_of(&address, names[i]);
    unlink(address.sun_path);
  }
  close(credentials);
  close(health);
  credentials = health = -1;
}

/* A unique name for each run of this program. */
static void open_notify(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  notify_number = (int)getpid();
  int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "ocir-broker-chaos-%d", notify_number);
  notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
  if (notify < 0 || bind(notify, (struct sockaddr *)&address, size) < 0) fail("notify socket");
}

static void become(void) {
  int sources[] = {credentials, health}, count = 2;
  char text[64];
  for (int i = 0; i < count; i++) sources[i] = fcntl(sources[i], F_DUPFD, SPARE_FD);
  for (int i = 0; i < count; i++) {
    dup2(sources[i], 3 + i);
    close(sources[i]);
  }
  int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600), null = open("/dev/null", O_RDONLY);
  dup2(null, 0);
  dup2(log, 1);
  dup2(log, 2);
  for (int i = 3 + count; i < SPARE_FD + 4; i++) close(i);
  struct rlimit limit = {DESCRIPTORS, DESCRIPTORS};
  setrlimit(RLIMIT_NOFILE, &limit);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  clearenv();
  setenv("LISTEN_FDS", "2", 1);
  setenv("LISTEN_FDNAMES", "credentials:health", 1);
  setenv("OCIR_BROKER_STATE_FILE", state_path, 1);
  snprintf(text, sizeof text, "%d", (int)getpid());
  setenv("LISTEN_PID", text, 1);
  snprintf(text, sizeof text, "@ocir-broker-chaos-%d", notify_number);
  setenv("NOTIFY_SOCKET", text, 1);
  setenv("WATCHDOG_USEC", "15000000", 1);
  setenv("HOME", "/", 1);
  setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
  execv(program[0], program);
  _exit(127);
}

static void start(void) {
  child = fork();
  if (child < 0) fail("fork");
  if (child == 0) become();
  printf("started %d\n", (int)child);
}

static void drop_state(void) {
  unlink(state_path);
}

static void hear(void) {
  char text[1024];
  for (;;) {
    ssize_t length = recv(notify, text, sizeof text - 1, 0);
    if (length < 0) return;
    text[length] = '\0';
    if (strstr(text, "READY=1") != NULL) printf("ready %d\n", (int)child);
  }
}

int main(int argument_count, char **arguments) {
  if (argument_count < 4) return 64;
  directory = arguments[1];
  log_path = arguments[2];
  program = arguments + 3;
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGPIPE, SIG_IGN);
  open_notify();
  snprintf(state_path, sizeof state_path, "/dev/shm/ocir-broker-chaos-%d", notify_number);
  open_sockets();
  enum aim aim = RUN;
  long long start_at = 0, kill_at = 0;
  bool drops_state = false;
  for (;;) {
    struct pollfd waited[] = {{.fd = 0, .events = POLLIN},
                              {.fd = notify, .events = POLLIN},
                              {.fd = child < 0 && aim == WAIT_FOR_CALL ? credentials : -1, .events = POLLIN}};
    poll(waited, 3, TURN_MS);
    hear();
    int status;
    if (child > 0 && waitpid(child, &status, WNOHANG) == child) {
      hear();
      printf("ended %d %d\n", (int)child, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
      child = -1;
      kill_at = 0;
      start_at = now_ms() + RESTART_MS;
      if (drops_state) drop_state();
      drops_state = false;
      if (aim == CLOSED && credentials >= 0) close_sockets();
    }
    if (child > 0 && kill_at > 0 && now_ms() >= kill_at) kill(child, SIGKILL);
    if (waited[0].revents != 0) {
      char words[256];
      ssize_t length = read(0, words, sizeof words - 1);
      words[length > 0 ? length : 0] = '\0';
      bool stops = true;
      if (length <= 0) aim = END;
      else if (strstr(words, "restart") != NULL) aim = RUN;
      else if (strstr(words, "stop") != NULL) aim = WAIT_FOR_CALL, drops_state = true;
      else if (strstr(words, "close") != NULL) aim = CLOSED, drops_state = true;
      else stops = false;
      if (strstr(words, "open") != NULL) {
        if (credentials < 0) open_sockets();
        aim = WAIT_FOR_CALL;
      }
      if (stops && child > 0) {
        kill(child, SIGTERM);
        kill_at = now_ms() + STOP_MS;
      }
      if (child < 0 && drops_state) {
        drop_state();
        drops_state = false;
      }
      if (aim == CLOSED && child < 0 && credentials >= 0) close_sockets();
    }
    if (aim == END && child < 0) break;
    bool is_called = waited[2].revents != 0;
    if (child < 0 && credentials >= 0 && ((aim == RUN && now_ms() >= start_at) || (aim == WAIT_FOR_CALL && is_called))) {
      aim = RUN;
      start();
    }
  }
  if (credentials >= 0) close_sockets();
  drop_state();
  return 0;
}
