/*
 * A small, strict, incremental reader of one HTTP/1.x response. Owns the grammar and the limits; does no I/O and keeps no
 * copy. Strict, because it reads one known server: there must be exactly one plain Content-Length; chunked bodies, folded
 * headers, bare line feeds and upgrades are refused. Interim 1xx responses are skipped.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../contract.h"

enum {
  HTTP_HEAD_LIMIT_BYTES = 16 * 1024, /* status lines and headers, including those of interim responses */
  HTTP_RESPONSE_LIMIT_BYTES = HTTP_HEAD_LIMIT_BYTES + MAX_RESPONSE_BYTES
};

enum http_progress { HTTP_INCOMPLETE, HTTP_WHOLE, HTTP_INVALID, HTTP_TOO_LARGE };

/* Must be zero before the first call. */
struct http_response {
  unsigned status;      /* 0 until a status line has been read */
  size_t body_offset;   /* where the body starts; 0 until the head is complete */
  size_t body_length;   /* from Content-Length */
  size_t line_offset;   /* start of the current line */
  size_t scanned;       /* there is no line end before this offset */
  bool length_stated;
};

/*
 * Reads the first `length` bytes of a response; each call must pass the bytes of the last call, with more after them.
 * Returns HTTP_WHOLE once head and body are complete; ignores bytes after the body. As long as it returns HTTP_INCOMPLETE,
 * `length` is less than HTTP_RESPONSE_LIMIT_BYTES.
 */
enum http_progress http_response_read(struct http_response *response, const char *bytes, size_t length);
