#include "broker-request.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../posix.h"

/* The tests' builds shorten both. */
#ifndef RETRY_UNIT_MS
#define RETRY_UNIT_MS 100
#endif
#ifndef SOCKET_WAIT_MS
#define SOCKET_WAIT_MS 2000
#endif

/* Time before each further attempt after a broken connection, in RETRY_UNIT_MS. The last one starts after the watchdog's 15 s. */
static const int RETRY_UNITS[] = {0, 1, 5, 10, 20, 40, 80};

enum { SOCKET_LOOK_MS = 50 };

static bool is_absent(enum request_outcome outcome) {
  return outcome == REQUEST_NO_SOCKET || outcome == REQUEST_REFUSED;
}

static void nap(int milliseconds, const struct deadline *deadline) {
  int left_ms = deadline_left_ms(deadline);
  poll(NULL, 0, milliseconds < left_ms ? milliseconds : left_ms);
}

/* If the caller has closed a standard stream, the socket must not get its number: the response would be written to it. */
static int open_socket(void) {
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0 || descriptor > STDERR_FILENO) return descriptor;
  int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  close_quietly(descriptor);
  return moved;
}

/*
 * With a full accept queue, connect fails with EAGAIN at once, and no event reports when there is room. So this connects
 * blocking, with the time left as its limit, and waits in the kernel. Sends and receives stay non-blocking by their flags.
 */
static int wait_in_accept_queue(int descriptor, const struct sockaddr_un *address, const struct deadline *deadline) {
  int left_ms = deadline_left_ms(deadline);
  if (left_ms == 0) {
    errno = EAGAIN;
    return -1;
  }
  struct timeval left = {.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000};
  if (setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof left) < 0) return -1;
  if (fcntl(descriptor, F_SETFL, 0) < 0) return -1;
  return connect(descriptor, (const struct sockaddr *)address, sizeof *address);
}

static enum request_outcome connect_within(int *descriptor, const struct sockaddr_un *address,
                                           const struct deadline *deadline) {
  *descriptor = open_socket();
  if (*descriptor < 0) return REQUEST_FAILED;
  int connected = connect(*descriptor, (const struct sockaddr *)address, sizeof *address);
  while (connected < 0 && (errno == EAGAIN || errno == EINTR)) {
    if (deadline_left_ms(deadline) == 0) return REQUEST_TIMED_OUT;
    connected = wait_in_accept_queue(*descriptor, address, deadline);
  }
  if (connected == 0) return REQUEST_OK;
  if (errno == ENOENT || errno == ENOTDIR) return REQUEST_NO_SOCKET;
  if (errno == ECONNREFUSED) return REQUEST_REFUSED;
  return errno == EACCES || errno == EPERM ? REQUEST_DENIED : REQUEST_FAILED;
}

static bool is_broken(int error) {
  return error == ECONNRESET || error == EPIPE || error == ENOTCONN;
}

static enum request_outcome converse(int descriptor, const char *request, size_t request_length,
                                     const struct deadline *deadline, struct broker_response *response) {
  memset(&response->parsed, 0, sizeof response->parsed);
  response->length = 0;
  size_t sent = 0;
  for (;;) {
    if (sent < request_length) {
      ssize_t taken = send(descriptor, request + sent, request_length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (taken >= 0) {
        sent += (size_t)taken;
      } else if (is_broken(errno)) {
        sent = request_length; /* The daemon reads no more, but may have responded before it closed. */
      } else if (errno != EAGAIN && errno != EINTR) {
        return REQUEST_FAILED;
      }
    }

    short events = sent < request_length ? POLLIN | POLLOUT : POLLIN;
    enum wait_outcome waited = deadline_wait(deadline, descriptor, events);
    if (waited == WAIT_TIMED_OUT) return REQUEST_TIMED_OUT;
    if (waited == WAIT_FAILED) return REQUEST_FAILED;

    size_t room = sizeof response->bytes - response->length;
    ssize_t received = recv(descriptor, response->bytes + response->length, room, MSG_DONTWAIT);
    if (received == 0) return REQUEST_BROKEN;
    if (received < 0) {
      if (errno == EAGAIN || errno == EINTR) continue;
      return is_broken(errno) ? REQUEST_BROKEN : REQUEST_FAILED;
    }
    response->length += (size_t)received;
    switch (http_response_read(&response->parsed, response->bytes, response->length)) {
      case HTTP_INCOMPLETE:
        break;
      case HTTP_WHOLE:
        return REQUEST_OK;
      case HTTP_INVALID:
        return REQUEST_INVALID;
      case HTTP_TOO_LARGE:
        return REQUEST_TOO_LARGE;
    }
  }
}

static enum request_outcome request_once(const struct sockaddr_un *address, const char *request, size_t request_length,
                                         const struct deadline *deadline, struct broker_response *response) {
  int descriptor = -1;
  enum request_outcome outcome = connect_within(&descriptor, address, deadline);
  if (outcome == REQUEST_OK) outcome = converse(descriptor, request, request_length, deadline, response);
  /* After a response the process exits at once, and the kernel closes the descriptor. */
  if (outcome != REQUEST_OK && descriptor >= 0) close_quietly(descriptor);
  return outcome;
}

enum request_outcome broker_request(const char *socket_path, const char *request, size_t request_length,
                                    bool waits_for_socket, const struct deadline *deadline, struct broker_response *response) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t path_length = strlen(socket_path);
  if (path_length >= sizeof address.sun_path) return REQUEST_PATH_TOO_LONG;
  memcpy(address.sun_path, socket_path, path_length + 1);

  size_t breaks = 0;
  bool was_absent = false;
  struct deadline socket_deadline;
  for (;;) {
    enum request_outcome outcome = request_once(&address, request, request_length, deadline, response);
    if (outcome == REQUEST_BROKEN && breaks < sizeof RETRY_UNITS / sizeof *RETRY_UNITS) {
      was_absent = false;
      nap(RETRY_UNITS[breaks++] * RETRY_UNIT_MS, deadline);
    } else if (is_absent(outcome) && waits_for_socket) {
      if (!was_absent) socket_deadline = deadline_in_ms(SOCKET_WAIT_MS);
      was_absent = true;
      if (deadline_left_ms(&socket_deadline) == 0) return outcome;
      nap(SOCKET_LOOK_MS, deadline);
    } else {
      return outcome;
    }
    if (deadline_left_ms(deadline) == 0) return outcome;
  }
}
