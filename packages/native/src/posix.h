/*
 * System calls as all programs here want them: retried if a signal interrupts them, without a lost errno; the name that a program was
 * started under; and a process without core dumps. Keeps no state, prints nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads to the end, or `size` bytes, in as many calls as it takes. Returns how many came, or -1 with errno, which is never EINTR. */
ssize_t read_whole(int descriptor, char *bytes, size_t size);

/* Writes all bytes, in as many calls as it takes. False: errno says why, and some of the bytes may have been written. */
bool write_whole(int descriptor, const char *bytes, size_t length);

/* close(2); errno stays. */
void close_quietly(int descriptor);

/* True if `path`, which may be NULL, is `name`, or ends with a slash and `name`. */
bool is_named(const char *path, const char *name);

/* Forbids core dumps of this process and the programs that it execs, which hold tokens. Returns false, with errno, if refused. */
bool forbid_core_dumps(void);
