#include "posix.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

ssize_t read_some(int descriptor, char *bytes, size_t size) {
  ssize_t taken;
  do {
    taken = read(descriptor, bytes, size);
  } while (taken < 0 && errno == EINTR);
  return taken;
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

bool is_ours_alone(const struct stat *status) {
  return status->st_uid == geteuid() && (status->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

void close_quietly(int descriptor) {
  int error = errno;
  close(descriptor);
  errno = error;
}

int memory_file(const char *name, unsigned flags) {
  int descriptor = memfd_create(name, flags | MFD_NOEXEC_SEAL);
  return descriptor < 0 && errno == EINVAL ? memfd_create(name, flags) : descriptor;
}
