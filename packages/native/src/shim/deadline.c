#include "deadline.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const long long NS_PER_MS = 1000000, NS_PER_SECOND = 1000000000;

/*
 * Uses the system call: looking up its vDSO version costs a new process 8 us, twenty times as much as the four readings of a
 * call. If long has 64 bits, libc's struct is the kernel's.
 */
_Static_assert(sizeof(long) == 8, "64-bit Linux only");

static long long now_ns(void) {
  struct timespec read;
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &read);
  return read.tv_sec * NS_PER_SECOND + read.tv_nsec;
}

struct deadline deadline_in_ms(long milliseconds) {
  return (struct deadline){.end_ns = now_ns() + milliseconds * NS_PER_MS};
}

int deadline_left_ms(const struct deadline *deadline) {
  long long left_ns = deadline->end_ns - now_ns();
  return left_ns <= 0 ? 0 : (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS);
}

enum wait_outcome deadline_wait(const struct deadline *deadline, int descriptor, short events) {
  for (;;) {
    struct pollfd waited = {.fd = descriptor, .events = events};
    int left_ms = deadline_left_ms(deadline);
    if (left_ms == 0) return WAIT_TIMED_OUT;
    int ready = poll(&waited, 1, left_ms);
    if (ready > 0) return waited.revents & POLLNVAL ? WAIT_FAILED : WAIT_READY;
    if (ready < 0 && errno != EINTR && errno != EAGAIN) return WAIT_FAILED;
  }
}
