#include "posix.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

ssize_t read_whole(int descriptor, char *bytes, size_t size) {
  size_t length = 0;
  while (length < size) {
    ssize_t taken = read(descriptor, bytes + length, size - length);
    if (taken < 0 && errno == EINTR) continue;
    if (taken < 0) return -1;
    if (taken == 0) break;
    length += (size_t)taken;
  }
  return (ssize_t)length;
}

bool write_whole(int descriptor, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(descriptor, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes += written;
    length -= (size_t)written;
  }
  return true;
}

void close_quietly(int descriptor) {
  int error = errno;
  close(descriptor);
  errno = error;
}

bool is_named(const char *path, const char *name) {
  if (path == NULL) return false;
  const char *slash = strrchr(path, '/');
  return strcmp(slash == NULL ? path : slash + 1, name) == 0;
}

/*
 * The limit is 1 instead of 0: both are too small for a core file, but only with 1 does the kernel also skip a core_pattern
 * that is a pipe. A limit that is already as low (the unit's LimitCORE=) stays.
 */
bool forbid_core_dumps(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max <= 1) return true;
  limit.rlim_cur = limit.rlim_max = 1;
  return setrlimit(RLIMIT_CORE, &limit) == 0;
}
