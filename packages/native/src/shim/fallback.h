/*
 * What is done where no daemon answers: of all shims that wait, one at a time becomes `ocir-broker get`, and the others
 * ask it. Owns the lock, the socket beside it and the exec; decides neither when to fall back nor what is said about it.
 */
#ifndef OCIR_BROKER_FALLBACK_H
#define OCIR_BROKER_FALLBACK_H

#include <stddef.h>

#include "broker-exchange.h"
#include "deadline.h"

enum fallback_outcome {
  FALLBACK_OK,         /* by another shim's program; an answer of our own program never comes back here */
  FALLBACK_NONE,             /* no program to run, or no directory: the broker is not installed */
  FALLBACK_DIRECTORY_UNSAFE, /* others could put a lock or a socket there */
  FALLBACK_LOCK_UNSAFE,      /* a link, not a file, or others could hold it */
  FALLBACK_LOCKED,           /* all the time, by somebody who does not listen */
  FALLBACK_UNANSWERED,       /* somebody listened and never answered */
  FALLBACK_ANSWER_INVALID,
  FALLBACK_FAILED            /* the kernel would not; errno says why */
};

struct fallback {
  char *program;           /* run if it is an absolute path of something executable */
  const char *socket_path; /* the daemon's: lock and socket are in its directory */
  const char *body;        /* what the program finds on stdin */
  size_t body_length;
  const char *request; /* the same as a whole HTTP request */
  size_t request_length;
};

/*
 * Becomes the program, if no other shim has, and then never returns. Otherwise asks the program that another shim became, until
 * the deadline. FALLBACK_OK: `answer` holds a whole response. Anything else: what is in `answer` means nothing. Enters the
 * socket's directory, so relative paths change.
 */
enum fallback_outcome fallback_ask(const struct fallback *fallback, const struct deadline *deadline,
                                   struct exchange_answer *answer);

#endif
