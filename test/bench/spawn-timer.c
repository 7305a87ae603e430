/*
 * Times whole processes as a kubelet runs them, with pipes for stdin and stdout, from just before the fork to just after the
 * wait. Variants take turns, so that a drift of the machine affects all. In C, because Node's spawn costs more than the
 * measured process.
 *
 *   spawn-timer ROUNDS PARALLEL REQUEST_FILE SOCKET=PROGRAM [SOCKET=PROGRAM ...]
 *
 * Prints one line for each process: variant index, nanoseconds, exit status, bytes of the response.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PARALLEL = 256, MAX_REQUEST = 32768 };

static char request[MAX_REQUEST];
static size_t request_bytes;

struct process {
  pid_t pid;
  int response;
  long long started_ns;
};

static void die(const char *what) {
  perror(what);
  exit(2);
}

static long long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct process start(char *program, char *socket_variable) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) die("pipe2");
  if (write(in[1], request, request_bytes) != (ssize_t)request_bytes) die("write");
  close(in[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  char *argv[] = {program, NULL}, *env[] = {"PATH=/usr/bin", socket_variable, NULL};
  struct process p = {.response = out[0], .started_ns = now_ns()};
  if (posix_spawn(&p.pid, program, &actions, NULL, argv, env)) die(program);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  return p;
}

static void reap(struct process *running, int count, int variant) {
  for (int left = count; left > 0; left--) {
    int status;
    pid_t pid = wait(&status);
    long long ended_ns = now_ns();
    if (pid < 0) die("wait");
    for (int i = 0; i < count; i++) {
      if (running[i].pid != pid) continue;
      static char response[65536];
      ssize_t bytes = read(running[i].response, response, sizeof response);
      close(running[i].response);
      printf("%d %lld %d %zd\n", variant, ended_ns - running[i].started_ns,
             WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), bytes);
    }
  }
}

int main(int argc, char **argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: spawn-timer ROUNDS PARALLEL REQUEST_FILE SOCKET=PROGRAM ...\n");
    return 2;
  }
  int rounds = atoi(argv[1]), parallel = atoi(argv[2]);
  if (rounds < 1 || parallel < 1 || parallel > MAX_PARALLEL) return 2;
  int file = open(argv[3], O_RDONLY | O_CLOEXEC);
  if (file < 0) die(argv[3]);
  ssize_t bytes = read(file, request, sizeof request);
  if (bytes <= 0) die(argv[3]);
  request_bytes = (size_t)bytes;
  static struct process running[MAX_PARALLEL];
  for (int round = 0; round < rounds; round++) {
    for (int variant = 0; variant + 4 < argc; variant++) {
      char socket_variable[256];
      char *program = strchr(argv[variant + 4], '=') + 1;
      snprintf(socket_variable, sizeof socket_variable, "OCIR_BROKER_SOCKET=%.*s",
               (int)strcspn(argv[variant + 4], "="), argv[variant + 4]);
      for (int i = 0; i < parallel; i++) running[i] = start(program, socket_variable);
      reap(running, parallel, variant);
    }
  }
  return 0;
}
