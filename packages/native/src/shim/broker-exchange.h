/*
 * Makes one request to the daemon: connects to its Unix socket, sends the request, reads a complete response. Owns the socket,
 * and the second attempt if the connection breaks. Prints nothing, and does not interpret the answer.
 */
#ifndef OCIR_BROKER_BROKER_EXCHANGE_H
#define OCIR_BROKER_BROKER_EXCHANGE_H

#include <stddef.h>

#include "deadline.h"
#include "http-response.h"

enum exchange_outcome {
  EXCHANGE_OK,
  EXCHANGE_NO_SOCKET,      /* ENOENT: the socket does not exist */
  EXCHANGE_REFUSED,        /* ECONNREFUSED: no process listens on it */
  EXCHANGE_DENIED,         /* EACCES: this user may not connect */
  EXCHANGE_PATH_TOO_LONG,  /* does not fit a socket address */
  EXCHANGE_FAILED,         /* a system call failed; errno says why */
  EXCHANGE_BROKEN,         /* the connection broke twice before a complete answer */
  EXCHANGE_TIMED_OUT,
  EXCHANGE_INVALID,        /* not HTTP as the broker sends it */
  EXCHANGE_TOO_LARGE
};

struct exchange_answer {
  struct http_response response;
  size_t length;
  char bytes[HTTP_RESPONSE_LIMIT_BYTES];
};

/*
 * Sends the request to the socket, twice if the first connection breaks, and reads one response. Returns by the deadline.
 * With EXCHANGE_OK, `answer` has a complete response of any status, and the connection stays open, because the process ends soon.
 * Otherwise the content of `answer` is undefined, and the connection is closed.
 */
enum exchange_outcome broker_exchange(const char *socket_path, const char *request, size_t request_length,
                                      const struct deadline *deadline, struct exchange_answer *answer);

#endif
