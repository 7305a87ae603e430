/*
 * libFuzzer target of a shim that asks another shim's fallback broker. The first byte selects the state of the daemon's
 * directory, the second the size of the answer's pieces; the rest is the answer. Another process always holds the lock, so
 * nothing is executed. The state must allow the outcome, and an answer must be exactly the bytes that were sent.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../src/contract.h"
#include "../src/shim/fallback.h"

int LLVMFuzzerInitialize(int *argument_count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEADLINE_MS = 4, STATES = 8, BACKLOG = 64, DESCRIPTORS = 256 };
enum state { ANSWERS = 0, NO_SOCKET = 4, LOCK_IS_LINK, LOCK_IS_FOLDER, LOCK_IS_READABLE, FOLDER_IS_WRITABLE };

static const char REQUEST[] = "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n";

static char folder[] = "/tmp/ocir-broker-fuzz-XXXXXX";
static char daemon_socket[64];
static struct sockaddr_un fallback_socket = {.sun_family = AF_UNIX, .sun_path = "fallback.sock"};

static pthread_mutex_t answering = PTHREAD_MUTEX_INITIALIZER;
static const char *bytes;
static size_t length, piece;

/* A shim ends after its call without closing anything, so the target closes what a call leaves open. */
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static bool is_kept[DESCRIPTORS];

static void require(int condition) {
  if (!condition) abort();
}

static void *serve(void *argument) {
  int listener = *(int *)argument;
  for (;;) {
    struct pollfd waited = {.fd = listener, .events = POLLIN};
    if (poll(&waited, 1, -1) <= 0) continue;
    pthread_mutex_lock(&opening);
    int client = accept(listener, NULL, NULL);
    require(client >= 0 && client < DESCRIPTORS);
    is_kept[client] = true;
    pthread_mutex_unlock(&opening);
    char request[sizeof REQUEST];
    for (size_t got = 0; got < sizeof REQUEST - 1;) {
      ssize_t received = read(client, request + got, sizeof REQUEST - 1 - got);
      if (received <= 0) break;
      got += (size_t)received;
    }
    pthread_mutex_lock(&answering);
    for (size_t sent = 0; sent < length;) {
      ssize_t taken = send(client, bytes + sent, length - sent < piece ? length - sent : piece, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (taken <= 0) break;
      sent += (size_t)taken;
    }
    pthread_mutex_unlock(&answering);
    pthread_mutex_lock(&opening);
    is_kept[client] = false;
    close(client);
    pthread_mutex_unlock(&opening);
  }
  return NULL;
}

static int listen_there(void) {
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  require(listener >= 0 && bind(listener, (struct sockaddr *)&fallback_socket, sizeof fallback_socket) == 0);
  require(listen(listener, BACKLOG) == 0);
  return listener;
}

static void clean_up(void) {
  unlink("fallback.sock");
  unlink(FALLBACK_LOCK_NAME);
  rmdir(folder);
}

int LLVMFuzzerInitialize(int *argument_count, char ***arguments) {
  (void)argument_count;
  (void)arguments;
  static int listener;
  require(mkdtemp(folder) != NULL && chdir(folder) == 0 && atexit(clean_up) == 0);
  snprintf(daemon_socket, sizeof daemon_socket, "%s/credentials.sock", folder);
  int lock = open(FALLBACK_LOCK_NAME, O_RDWR | O_CREAT, S_IRUSR | S_IWUSR);
  require(lock >= 0 && flock(lock, LOCK_EX) == 0);
  listener = listen_there();
  for (int descriptor = 0; descriptor < DESCRIPTORS; descriptor++) is_kept[descriptor] = fcntl(descriptor, F_GETFD) >= 0;
  pthread_t thread;
  require(pthread_create(&thread, NULL, serve, &listener) == 0);
  return 0;
}

/* Replaces the regular file by the state's, or restores it. */
static void set(enum state state, int on) {
  switch (state) {
    case NO_SOCKET:
      require(on ? rename("fallback.sock", "aside") == 0 : rename("aside", "fallback.sock") == 0);
      break;
    case LOCK_IS_LINK:
    case LOCK_IS_FOLDER:
      if (on) require(rename(FALLBACK_LOCK_NAME, "aside") == 0);
      if (state == LOCK_IS_LINK) require(on ? symlink("aside", FALLBACK_LOCK_NAME) == 0 : unlink(FALLBACK_LOCK_NAME) == 0);
      else require(on ? mkdir(FALLBACK_LOCK_NAME, S_IRWXU) == 0 : rmdir(FALLBACK_LOCK_NAME) == 0);
      if (!on) require(rename("aside", FALLBACK_LOCK_NAME) == 0);
      break;
    case LOCK_IS_READABLE:
      require(chmod(FALLBACK_LOCK_NAME, on ? S_IRUSR | S_IWUSR | S_IROTH : S_IRUSR | S_IWUSR) == 0);
      break;
    case FOLDER_IS_WRITABLE:
      require(chmod(folder, on ? S_IRWXU | S_IWGRP : S_IRWXU) == 0);
      break;
    case ANSWERS:
      break;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct exchange_answer answer;
  if (size < 2) return 0;
  enum state state = data[0] % (STATES + 1) < NO_SOCKET ? ANSWERS : (enum state)(data[0] % (STATES + 1));
  pthread_mutex_lock(&answering);
  bytes = (const char *)data + 2;
  length = size - 2;
  piece = 1 + (size_t)data[1] * 16;
  pthread_mutex_unlock(&answering);

  static char program[] = "/bin/true";
  struct fallback fallback = {.program = program,
                              .socket_path = daemon_socket,
                              .body = "",
                              .request = REQUEST,
                              .request_length = sizeof REQUEST - 1};
  struct deadline deadline = deadline_in_ms(DEADLINE_MS);
  set(state, 1);
  enum fallback_outcome outcome = fallback_ask(&fallback, &deadline, &answer);
  set(state, 0);
  pthread_mutex_lock(&opening);
  for (int descriptor = 0; descriptor < DESCRIPTORS; descriptor++) {
    if (!is_kept[descriptor]) close(descriptor);
  }
  pthread_mutex_unlock(&opening);

  struct http_response expected = {0};
  enum http_progress progress = http_response_read(&expected, bytes, length);
  switch (outcome) {
    case FALLBACK_OK:
      require(state == ANSWERS && progress == HTTP_WHOLE && answer.response.status == expected.status);
      require(answer.response.body_length == expected.body_length && answer.length <= length);
      require(memcmp(answer.bytes, bytes, answer.length) == 0);
      break;
    case FALLBACK_ANSWER_INVALID:
      require(state == ANSWERS && (progress == HTTP_INVALID || progress == HTTP_TOO_LARGE));
      break;
    case FALLBACK_UNANSWERED:
      require(state == ANSWERS);
      break;
    case FALLBACK_LOCKED:
      require(state == ANSWERS || state == NO_SOCKET);
      break;
    case FALLBACK_LOCK_UNSAFE:
      require(state == LOCK_IS_LINK || state == LOCK_IS_FOLDER || state == LOCK_IS_READABLE);
      break;
    case FALLBACK_DIRECTORY_UNSAFE:
      require(state == FOLDER_IS_WRITABLE);
      break;
    case FALLBACK_NONE:
    case FALLBACK_FAILED:
      abort();
  }
  pthread_mutex_lock(&answering);
  length = 0; /* libFuzzer reuses the bytes. */
  pthread_mutex_unlock(&answering);
  return 0;
}
