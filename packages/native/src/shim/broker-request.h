/*
 * Makes one request to the daemon: connects to its Unix socket, sends the request, reads a complete response. Owns the socket,
 * and the further attempts while the daemon or its socket is restarted. Prints nothing, and does not interpret the response.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "deadline.h"
#include "http-response.h"

enum request_outcome {
  REQUEST_OK,
  REQUEST_NO_SOCKET,      /* ENOENT: the socket does not exist */
  REQUEST_REFUSED,        /* ECONNREFUSED: no process listens on it */
  REQUEST_DENIED,         /* EACCES: this user may not connect */
  REQUEST_PATH_TOO_LONG,  /* does not fit a socket address */
  REQUEST_FAILED,         /* a system call failed; errno says why */
  REQUEST_BROKEN,         /* each connection broke before a complete response */
  REQUEST_TIMED_OUT,
  REQUEST_INVALID,        /* not HTTP as the broker sends it */
  REQUEST_TOO_LARGE
};

struct broker_response {
  struct http_response parsed;
  size_t length;
  char bytes[HTTP_RESPONSE_LIMIT_BYTES];
};

/*
 * Sends the request to the socket and reads one response. Repeats it after a broken connection, eight attempts in all, because a
 * daemon that is killed or restarted breaks its connections. With `waits_for_socket`, a socket that is missing or refuses is tried
 * for 2 s, because somebody may be restarting its unit. Returns by the deadline.
 * With REQUEST_OK, `response` has a complete response of any status, and the connection stays open, because the process ends soon.
 * Otherwise the content of `response` is undefined, and the connection is closed.
 */
enum request_outcome broker_request(const char *socket_path, const char *request, size_t request_length,
                                    bool waits_for_socket, const struct deadline *deadline, struct broker_response *response);
