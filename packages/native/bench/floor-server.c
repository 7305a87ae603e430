/*
 * floor-server SOCKET BODY_BYTES: the smallest possible server, as the benchmark's physical floor. Reads one request,
 * answers with a fixed 200 and closes; one connection at a time. Prints "ready" once it listens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096, REQUEST_LIMIT_BYTES = 64 * 1024, BODY_LIMIT_BYTES = 64 * 1024 };

static char request[REQUEST_LIMIT_BYTES];
static char response[BODY_LIMIT_BYTES + 256];

/* The shim sends its request at once, so that it comes in one piece. */
static void serve(int connection, size_t response_length) {
  if (read(connection, request, sizeof request) <= 0) return;
  for (size_t done = 0; done < response_length;) {
    ssize_t sent = send(connection, response + done, response_length - done, MSG_NOSIGNAL);
    if (sent <= 0) return;
    done += (size_t)sent;
  }
}

int main(int argument_count, char **arguments) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (argument_count != 3 || strlen(arguments[1]) >= sizeof address.sun_path) return 2;
  strcpy(address.sun_path, arguments[1]);
  size_t body_length = strtoul(arguments[2], NULL, 10);
  if (body_length == 0 || body_length > BODY_LIMIT_BYTES) return 2;

  int head_length = snprintf(response, sizeof response,
                             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                             "Connection: close\r\n\r\n",
                             body_length);
  memset(response + head_length, 'x', body_length);

  unlink(arguments[1]);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (const struct sockaddr *)&address, sizeof address) < 0 ||
      listen(listener, BACKLOG) < 0) {
    perror("floor-server");
    return 1;
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) continue;
    serve(connection, (size_t)head_length + body_length);
    close(connection);
  }
}
