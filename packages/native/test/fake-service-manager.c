/*
 * fake-service-manager NAMES PROGRAM [ARGUMENT...]: the part of systemd that the launcher needs, for its tests.
 *
 * Starts PROGRAM with a notify socket (NOTIFY=path or abstract, from the environment) and passes a plain file for each of the
 * colon-separated NAMES, in that order. Prints every message as `message sender=main text=READY=1|STATUS=up` and the end as
 * `exit status=0`.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_NAMES = 8, SPARE_FD = 100, FIRST_LISTEN_FD = 3 };

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
  char names_left[256], number[16];
  int sources[MOST_NAMES], count = 0;
  snprintf(names_left, sizeof names_left, "%s", names);
  for (char *name = strtok(names_left, ":"); name != NULL && count < MOST_NAMES; name = strtok(NULL, ":")) {
    sources[count] = fcntl(plain_file(), F_DUPFD, SPARE_FD);
    if (sources[count] < 0) fail("fcntl");
    count++;
  }
  for (int index = 0; index < count; index++) {
    if (dup2(sources[index], FIRST_LISTEN_FD + index) < 0) fail("dup2");
    close(sources[index]);
  }
  if (count == 0) return;
  snprintf(number, sizeof number, "%d", count);
  setenv("LISTEN_FDS", number, 1);
  setenv("LISTEN_FDNAMES", names, 1);
  snprintf(number, sizeof number, "%ld", (long)getpid());
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

static void receive(int notify, pid_t child) {
  char text[1024];
  union {
    char bytes[CMSG_SPACE(sizeof(struct ucred))];
    struct cmsghdr alignment;
  } control;
  struct iovec vector = {.iov_base = text, .iov_len = sizeof text - 1};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t length = recvmsg(notify, &message, MSG_DONTWAIT);
  if (length < 0) return;
  text[length] = '\0';
  for (ssize_t i = 0; i < length; i++) {
    if (text[i] == '\n') text[i] = '|';
  }
  struct ucred sender = {.pid = -1};
  struct cmsghdr *part = CMSG_FIRSTHDR(&message);
  if (part != NULL && part->cmsg_type == SCM_CREDENTIALS) memcpy(&sender, CMSG_DATA(part), sizeof sender);
  printf("message sender=%s text=%s\n", sender.pid == child ? "main" : "other", text);
}

int main(int argument_count, char **arguments) {
  if (argument_count < 3) return 64;
  setvbuf(stdout, NULL, _IOLBF, 0);
  int notify = open_notify_socket();
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    hand_over(arguments[1]);
    unsetenv("NOTIFY");
    execv(arguments[2], arguments + 2);
    fail("execv");
  }
  /* After the program has ended, its messages are in the queue; its process id is valid until it is reaped. */
  siginfo_t ended;
  if (waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT) < 0) fail("waitid");
  struct pollfd waited = {.fd = notify, .events = POLLIN};
  while (notify >= 0 && poll(&waited, 1, 0) > 0) receive(notify, child);
  int status;
  if (waitpid(child, &status, 0) < 0) fail("waitpid");
  printf("exit status=%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 0;
}
