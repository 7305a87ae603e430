/*
 * A small, strict reader of one HTTP/1.x response, fed as the bytes arrive. Owns the grammar and the limits;
 * does no I/O and keeps no copy. Strict because it reads one known server: a length must be stated, once and
 * plainly; chunked bodies, folded headers, bare line feeds and upgrades are refused. Interim 1xx responses are skipped.
 */
#ifndef OCIR_BROKER_HTTP_RESPONSE_H
#define OCIR_BROKER_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "../contract.h"

enum {
  HTTP_HEAD_LIMIT_BYTES = 16 * 1024, /* status lines and headers, those of interim responses included */
  HTTP_RESPONSE_LIMIT_BYTES = HTTP_HEAD_LIMIT_BYTES + MAX_RESPONSE_BYTES
};

enum http_progress { HTTP_INCOMPLETE, HTTP_WHOLE, HTTP_INVALID, HTTP_TOO_LARGE };

/* All zero before the first byte. */
struct http_response {
  unsigned status;      /* 0 until a status line has been read */
  size_t body_offset;   /* where the body starts; 0 until the head is complete */
  size_t body_length;   /* as stated by Content-Length */
  size_t line_offset;   /* start of the line being read */
  size_t scanned;       /* no line end before this */
  bool length_stated;
};

/*
 * Looks at the first `length` bytes of a response: the same bytes as at the last call, with more behind them.
 * HTTP_WHOLE once head and body are all there; what follows the body is not looked at. While it is
 * HTTP_INCOMPLETE, fewer than HTTP_RESPONSE_LIMIT_BYTES have been given.
 */
enum http_progress http_response_read(struct http_response *response, const char *bytes, size_t length);

#endif
