/* The time limits of a call, on the monotonic clock: how much is left, and waiting no longer than that. */
#ifndef OCIR_BROKER_DEADLINE_H
#define OCIR_BROKER_DEADLINE_H

#include <time.h>

struct deadline {
  struct timespec end;
};

enum wait_outcome { WAIT_READY, WAIT_TIMED_OUT, WAIT_FAILED };

/* Ends so many milliseconds from now; not negative. */
struct deadline deadline_in_ms(long milliseconds);

/* Ends so many milliseconds after another one, which is unchanged; not negative. Asks no clock. */
struct deadline deadline_after(const struct deadline *earlier, long milliseconds);

/* The end in milliseconds of CLOCK_MONOTONIC, rounded down, for another program. */
unsigned long deadline_end_ms(const struct deadline *deadline);

/* Milliseconds until the end, rounded up; 0 once it has come. */
int deadline_left_ms(const struct deadline *deadline);

/*
 * Waits until the descriptor has one of poll(2)'s events, an error or a hang-up: WAIT_READY. WAIT_TIMED_OUT: the end came
 * first, or had come already. WAIT_FAILED: the descriptor is not open, or errno says why.
 */
enum wait_outcome deadline_wait(const struct deadline *deadline, int descriptor, short events);

#endif
