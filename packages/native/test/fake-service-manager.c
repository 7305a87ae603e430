/*
 * fake-service-manager PROGRAM [ARGUMENT...]: the part of systemd that a program without systemd's other parts needs, for tests.
 *
 * Starts PROGRAM with a notify socket (NOTIFY=path or abstract, from the environment). Prints every message as
 * `message READY=1|STATUS=up` and the end as `exit status=0`.
 */
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(70);
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
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(shown));
  if (descriptor < 0 || bind(descriptor, (const struct sockaddr *)&address, size) < 0) fail("notify socket");
  setenv("NOTIFY_SOCKET", shown, 1);
  return descriptor;
}

static void receive(int notify) {
  char text[1024];
  ssize_t length = recv(notify, text, sizeof text - 1, MSG_DONTWAIT);
  if (length < 0) return;
  text[length] = '\0';
  for (ssize_t i = 0; i < length; i++) {
    if (text[i] == '\n') text[i] = '|';
  }
  printf("message %s\n", text);
}

int main(int argument_count, char **arguments) {
  if (argument_count < 2) return 64;
  setvbuf(stdout, NULL, _IOLBF, 0);
  int notify = open_notify_socket();
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    unsetenv("NOTIFY");
    execv(arguments[1], arguments + 1);
    fail("execv");
  }
  int status;
  if (waitpid(child, &status, 0) < 0) fail("waitpid");
  struct pollfd waited = {.fd = notify, .events = POLLIN};
  while (notify >= 0 && poll(&waited, 1, 0) > 0) receive(notify);
  printf("exit status=%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 0;
}
