/*
 * One question to the daemon: connect to its Unix socket, send the request, read a whole response. Owns the
 * socket and the one re-send when a connection breaks; prints nothing and decides nothing about the answer.
 */
#ifndef OCIR_BROKER_BROKER_EXCHANGE_H
#define OCIR_BROKER_BROKER_EXCHANGE_H

#include <stddef.h>

#include "deadline.h"
#include "http-response.h"

enum exchange_outcome {
  EXCHANGE_OK,
  EXCHANGE_NO_SOCKET,      /* ENOENT: nobody made the socket */
  EXCHANGE_REFUSED,        /* ECONNREFUSED: nobody listens on it */
  EXCHANGE_DENIED,         /* EACCES: not for this user */
  EXCHANGE_PATH_TOO_LONG,  /* does not fit a socket address */
  EXCHANGE_FAILED,         /* the kernel would not; errno says why */
  EXCHANGE_BROKEN,         /* twice, before a whole answer */
  EXCHANGE_TIMED_OUT,
  EXCHANGE_INVALID,        /* not the HTTP that the broker speaks */
  EXCHANGE_TOO_LARGE
};

struct exchange_answer {
  struct http_response response;
  size_t length;
  char bytes[HTTP_RESPONSE_LIMIT_BYTES];
};

/*
 * Sends the request to the socket, twice if the first connection breaks, and reads one response. Ends by the deadline.
 * EXCHANGE_OK: `answer` holds a whole response of any status, and the connection stays open, because the process ends soon.
 * Anything else: there is no response, what is in `answer` means nothing, and the connection is closed.
 */
enum exchange_outcome broker_exchange(const char *socket_path, const char *request, size_t request_length,
                                      const struct deadline *deadline, struct exchange_answer *answer);

#endif
