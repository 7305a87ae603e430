/*
 * receive-datagrams SOCKET PROGRAM [ARGUMENT...]: stands for systemd, as service manager and as journal, for tests.
 *
 * Runs PROGRAM with NOTIFY_SOCKET=SOCKET, a path or abstract, and exits with its status, after it has printed every message that came
 * as `message READY=1|STATUS=up`.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argument_count, char **arguments) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (argument_count < 3 || strlen(arguments[1]) > sizeof address.sun_path) return 64;
  size_t length = strlen(arguments[1]);
  memcpy(address.sun_path, arguments[1], length);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  int receiver = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int status;
  if (bind(receiver, (const struct sockaddr *)&address, size) < 0 || setenv("NOTIFY_SOCKET", arguments[1], 1) < 0) {
    perror(arguments[1]);
    return 70;
  }
  pid_t child = fork();
  if (child == 0) {
    execv(arguments[2], arguments + 2);
    _exit(70);
  }
  if (child < 0 || waitpid(child, &status, 0) < 0) return 70;
  char text[1024];
  for (ssize_t bytes; (bytes = recv(receiver, text, sizeof text, MSG_DONTWAIT)) >= 0;) {
    for (ssize_t i = 0; i < bytes; i++) {
      if (text[i] == '\n') text[i] = '|';
    }
    printf("message %.*s\n", (int)bytes, text);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
