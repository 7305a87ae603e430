/* Kills the program before its nth change of a name, and counts the changes in COUNT: for LD_PRELOAD, into ocir-broker only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void change(void) {
  static int changes;
  const char *last = getenv("KILLED_AT"), *count = getenv("KILLED_AT_COUNT");
  if (last == NULL || count == NULL || strcmp(program_invocation_short_name, "ocir-broker") != 0) return;
  changes += 1;
  int file = open(count, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dprintf(file, "%d", changes);
  close(file);
  if (changes == atoi(last)) kill(getpid(), SIGKILL);
}

#define WRAP(name, parameters, ...)                                  \
  int name parameters {                                              \
    int (*real) parameters = (int(*) parameters)dlsym(RTLD_NEXT, #name); \
    change();                                                        \
    return real(__VA_ARGS__);                                        \
  }

WRAP(rename, (const char *from, const char *to), from, to)
WRAP(link, (const char *from, const char *to), from, to)
WRAP(symlink, (const char *from, const char *to), from, to)
WRAP(unlink, (const char *path), path)
WRAP(rmdir, (const char *path), path)
WRAP(mkdir, (const char *path, mode_t mode), path, mode)
