/* The time limits of a call, on the monotonic clock: how much is left, and waiting no longer than that. */
#ifndef OCIR_BROKER_DEADLINE_H
#define OCIR_BROKER_DEADLINE_H

#include <time.h>

struct deadline {
  struct timespec end;
};

enum wait_outcome { WAIT_READY, WAIT_TIMED_OUT, WAIT_FAILED };

struct deadline deadline_in_ms(long milliseconds);

/* So much after another one; asks no clock. */
struct deadline deadline_after(const struct deadline *earlier, long milliseconds);

/* The end in milliseconds of CLOCK_MONOTONIC, for another program. */
unsigned long deadline_end_ms(const struct deadline *deadline);

/* Milliseconds until the end, rounded up; 0 once it has come. */
int deadline_left_ms(const struct deadline *deadline);

/* Waits until the descriptor has one of poll(2)'s events, an error or a hang-up. */
enum wait_outcome deadline_wait(const struct deadline *deadline, int descriptor, short events);

#endif
