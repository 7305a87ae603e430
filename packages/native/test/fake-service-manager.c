/*
 * fake-service-manager NAMES PROGRAM [ARGUMENT...]: the part of systemd that the launcher needs, for its tests.
 *
 * Starts PROGRAM RUNS times (from the environment, default 1) with a notify socket (NOTIFY=path or abstract)
 * and passes descriptors under the colon-separated NAMES, in that order: `state` is the descriptor that an earlier run stored
 * (omitted if there is none), `bogus` a plain file with the name `state`, any other name a plain file.
 * WRONG_PID=1 sets another LISTEN_PID; BUSY=1 fills the notify socket's queue and does not read it.
 * Prints every message as `message run=1 sender=main fds=1 seals=0xf size=2097152 text=FDSTORE=1|FDNAME=state`
 * and every end as `exit run=1 status=0`.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_NAMES = 8, SPARE_FD = 100, FIRST_LISTEN_FD = 3 };

static int stored_state = -1;

static void fail(const char *what) {
  perror(what);
  exit(70);
}

static int plain_file(void) {
  char path[] = "/tmp/fake-service-manager-XXXXXX";
  int descriptor = mkstemp(path);
  if (descriptor < 0) fail("mkstemp");
  unlink(path);
  return descriptor;
}

/* In the child: puts the descriptors at 3 and up, in the order of the names, and sets the environment. */
static void hand_over(const char *names) {
  char names_left[256], handed[256] = "", number[16];
  int sources[MOST_NAMES], count = 0;
  snprintf(names_left, sizeof names_left, "%s", names);
  for (char *name = strtok(names_left, ":"); name != NULL && count < MOST_NAMES; name = strtok(NULL, ":")) {
    int source;
    if (strcmp(name, "state") == 0) {
      if (stored_state < 0) continue;
      source = stored_state;
    } else {
      source = plain_file();
    }
    sources[count] = fcntl(source, F_DUPFD, SPARE_FD);
    if (sources[count] < 0) fail("fcntl");
    if (count++ > 0) strcat(handed, ":");
    strcat(handed, strcmp(name, "bogus") == 0 ? "state" : name);
  }
  for (int index = 0; index < count; index++) {
    if (dup2(sources[index], FIRST_LISTEN_FD + index) < 0) fail("dup2");
    close(sources[index]);
  }
  if (count == 0) return;
  snprintf(number, sizeof number, "%d", count);
  setenv("LISTEN_FDS", number, 1);
  setenv("LISTEN_FDNAMES", handed, 1);
  snprintf(number, sizeof number, "%ld", getenv("WRONG_PID") != NULL ? 1L : (long)getpid());
  setenv("LISTEN_PID", number, 1);
}

static int open_notify_socket(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *wanted = getenv("NOTIFY");
  char shown[sizeof address.sun_path];
  if (wanted == NULL) return -1;
  snprintf(shown, sizeof shown, "%s", wanted);
  memcpy(address.sun_path, shown, sizeof shown);
  if (shown[0] == '@') address.sun_path[0] = '\0';
  int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int on = 1;
  if (descriptor < 0 || setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ||
      bind(descriptor, (const struct sockaddr *)&address,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(shown))) < 0) {
    fail("notify socket");
  }
  setenv("NOTIFY_SOCKET", shown, 1);
  return descriptor;
}

/* Simulates a manager that is too busy to read. */
static void fill_queue(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *path = getenv("NOTIFY_SOCKET");
  int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (path == NULL || path[0] != '@' || descriptor < 0) fail("fill_queue");
  memcpy(address.sun_path + 1, path + 1, strlen(path) - 1);
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
  if (connect(descriptor, (const struct sockaddr *)&address, length) < 0) fail("connect");
  while (send(descriptor, "x", 1, 0) > 0) continue;
  close(descriptor);
}

static void receive(int notify, int run, pid_t child) {
  char text[1024];
  union {
    char bytes[256];
    struct cmsghdr alignment;
  } control;
  struct iovec vector = {.iov_base = text, .iov_len = sizeof text - 1};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t length = recvmsg(notify, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (length < 0) return;
  text[length] = '\0';
  for (ssize_t i = 0; i < length; i++) {
    if (text[i] == '\n') text[i] = '|';
  }
  int descriptors = 0, descriptor = -1;
  pid_t sender = -1;
  for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part != NULL; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_type == SCM_CREDENTIALS) {
      struct ucred credentials;
      memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
      sender = credentials.pid;
    } else if (part->cmsg_type == SCM_RIGHTS) {
      descriptors += 1;
      memcpy(&descriptor, CMSG_DATA(part), sizeof descriptor);
    }
  }
  struct stat status = {0};
  int seals = descriptor >= 0 ? fcntl(descriptor, F_GET_SEALS) : 0;
  if (descriptor >= 0) fstat(descriptor, &status);
  printf("message run=%d sender=%s fds=%d seals=0x%x size=%lld executable=%s text=%s\n", run,
         sender == child ? "main" : "other", descriptors, (unsigned)seals, (long long)status.st_size,
         status.st_mode & 0111 ? "yes" : "no", text);
  if (strstr(text, "FDSTOREREMOVE=1") != NULL && stored_state >= 0) {
    close(stored_state);
    stored_state = -1;
  }
  if (descriptor < 0) return;
  if (stored_state < 0) {
    stored_state = descriptor;
  } else {
    close(descriptor);
  }
}

int main(int argument_count, char **arguments) {
  if (argument_count < 3) return 64;
  setvbuf(stdout, NULL, _IOLBF, 0);
  int runs = getenv("RUNS") != NULL ? atoi(getenv("RUNS")) : 1;
  int notify = open_notify_socket();
  int busy = getenv("BUSY") != NULL;
  if (busy) fill_queue();
  for (int run = 1; run <= runs; run++) {
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
      hand_over(arguments[1]);
      unsetenv("RUNS");
      unsetenv("NOTIFY");
      execv(arguments[2], arguments + 2);
      fail("execv");
    }
    /* After the run has ended, its messages are in the queue; its process id is valid until it is reaped. */
    siginfo_t ended;
    if (waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT) < 0) fail("waitid");
    struct pollfd waited = {.fd = notify, .events = POLLIN};
    while (notify >= 0 && !busy && poll(&waited, 1, 0) > 0) receive(notify, run, child);
    int status;
    if (waitpid(child, &status, 0) < 0) fail("waitpid");
    printf("exit run=%d status=%d\n", run, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
  return 0;
}
