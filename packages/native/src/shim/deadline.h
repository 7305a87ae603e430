/* Time limits on the monotonic clock: the time left, and waits that end with it. */
#pragma once

struct deadline {
  long long end_ns; /* CLOCK_MONOTONIC */
};

enum wait_outcome { WAIT_READY, WAIT_TIMED_OUT, WAIT_FAILED };

/* A deadline this many milliseconds from now; not negative. */
struct deadline deadline_in_ms(long milliseconds);

/* Milliseconds left, rounded up; 0 after the end. */
int deadline_left_ms(const struct deadline *deadline);

/*
 * Waits for one of poll(2)'s events, an error or a hang-up on the descriptor. Returns WAIT_READY, WAIT_TIMED_OUT if the deadline
 * came first, or WAIT_FAILED if the descriptor is not open, or with errno.
 */
enum wait_outcome deadline_wait(const struct deadline *deadline, int descriptor, short events);
