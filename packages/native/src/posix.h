/*
 * System calls as all programs here want them: retried if a signal interrupts them, without a lost errno. Keeps no state,
 * prints nothing.
 */
#ifndef OCIR_BROKER_POSIX_H
#define OCIR_BROKER_POSIX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/* read(2) of at most `size` bytes: how many came, 0 at the end, -1 with errno, which is never EINTR. */
ssize_t read_some(int descriptor, char *bytes, size_t size);

/* Writes all bytes, in as many calls as it takes. False: errno says why, and some of the bytes may have been written. */
bool write_whole(int descriptor, const char *bytes, size_t length);

/* Whether the file or folder belongs to this user, and nobody else may write to it. */
bool is_ours_alone(const struct stat *status);

/* close(2); errno stays. */
void close_quietly(int descriptor);

/*
 * memfd_create(2) with these MFD_ flags, not executable if the kernel knows how to forbid that (Linux 6.3). The descriptor
 * is the caller's to close; -1 with errno.
 */
int memory_file(const char *name, unsigned flags);

#endif
