/*
 * What the kubelet's plugin and the docker credential helper have in common: stdin goes to the daemon's socket as one POST, and the
 * response to stdout, or one error line instead. One time limit is for the whole call. Parses no JSON, allocates no memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../contract.h"
#include "broker-request.h"

/* A request's head up to the body's length, as a literal. */
#define FORWARD_HEAD(route, type) \
  "POST " route " HTTP/1.1\r\n" \
  "Host: localhost\r\n" \
  "User-Agent: " PLUGIN_NAME "/" SHIM_VERSION "\r\n" \
  "Content-Type: " type "\r\n" \
  "Connection: close\r\n" \
  "Content-Length: "

enum {
  FORWARD_HEAD_BYTES = 512, /* the room for a head, with the body's length and an empty line */
  FORWARD_LENGTH_BYTES = 10 + 4
};

/* For each head. */
#define FORWARD_HEAD_FITS(head) _Static_assert(sizeof(head) + FORWARD_LENGTH_BYTES <= FORWARD_HEAD_BYTES, "no room for the head")

struct forward_bytes {
  const char *start;
  size_t length;
};

/* Starts the time limit. Call first. */
void forward_begin(void);

/* OCIR_BROKER_SOCKET, or the default. */
const char *forward_socket_path(void);

/* Reads stdin to its end. On a terminal, it first tells a person that it waits for `awaited`. Returns false after an error line. */
bool forward_read_stdin(const char *awaited);

/* Sends what was read. `head` is a FORWARD_HEAD that fits. See broker_request for the rest. */
enum request_outcome forward_request(const char *socket_path, const char *head, bool waits_for_socket);

/* What was read, and after REQUEST_OK the response's body. */
struct forward_bytes forward_request_body(void);
struct forward_bytes forward_response_body(void);

/* False if the daemon has not judged the request. */
bool forward_is_response(enum request_outcome outcome);

/* Writes the response to stdout. Returns false if there is none, or if it is an error, after an error line. */
bool forward_deliver(enum request_outcome outcome, const char *socket_path);

/* Writes to stdout within the time limit. Returns false, without an error line, if that fails. */
bool forward_write_stdout(const char *bytes, size_t length);
