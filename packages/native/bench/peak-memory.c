/*
 * peak-memory PROGRAM [ARGUMENT...]: runs PROGRAM, then writes `peak-memory: <KiB>` to stderr and exits with its status.
 * Static and small, because the kernel also counts the process's memory before the exec.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argument_count, char **arguments) {
  if (argument_count < 2) return 2;
  pid_t child = fork();
  if (child == 0) {
    execv(arguments[1], arguments + 1);
    _exit(127);
  }
  struct rusage usage;
  int status;
  if (child < 0 || wait4(child, &status, 0, &usage) < 0) return 1;
  fprintf(stderr, "peak-memory: %ld\n", usage.ru_maxrss);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
