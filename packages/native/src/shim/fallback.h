/*
 * The fallback if no daemon answers: one of the waiting shims at a time becomes `ocir-broker get`, and the others ask it. Owns
 * the lock, the socket next to it and the exec; the caller decides when to fall back, and reports the outcome.
 */
#ifndef OCIR_BROKER_FALLBACK_H
#define OCIR_BROKER_FALLBACK_H

#include <stddef.h>

#include "broker-exchange.h"
#include "deadline.h"

enum fallback_outcome {
  FALLBACK_OK,         /* another shim's program answered; after our own exec, nothing returns here */
  FALLBACK_NONE,             /* no program to run, or no directory: the broker is not installed */
  FALLBACK_DIRECTORY_UNSAFE, /* another user could create a lock or socket there */
  FALLBACK_LOCK_UNSAFE,      /* a link or no regular file, or another user could hold it */
  FALLBACK_LOCKED,           /* a process that does not listen held the lock all the time */
  FALLBACK_UNANSWERED,       /* a process listened but never answered */
  FALLBACK_ANSWER_INVALID,
  FALLBACK_FAILED            /* a system call failed; errno says why */
};

struct fallback {
  char *program;           /* run if it is the absolute path of an executable */
  const char *socket_path; /* the daemon's; lock and socket are in the same directory */
  const char *body;        /* the program's stdin */
  size_t body_length;
  const char *request; /* the body as a complete HTTP request */
  size_t request_length;
};

/*
 * Execs the program, and does not return, unless another shim has done so. In that case asks the other shim's program, until the
 * deadline. With FALLBACK_OK, `answer` has a complete response; otherwise its content is undefined. Changes the working directory
 * to the socket's.
 */
enum fallback_outcome fallback_ask(const struct fallback *fallback, const struct deadline *deadline,
                                   struct exchange_answer *answer);

#endif
