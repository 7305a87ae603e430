/*
 * libFuzzer target of the response reader. The first two bytes determine the size of the pieces, the rest is the response.
 * The verdict must not depend on the pieces, and its numbers must be within the limits.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../src/shim/http-response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
  if (!condition) abort();
}

/* Uses a buffer of the exact size, so that the sanitizer detects a read past the end. */
static enum http_progress read_exact(struct http_response *response, const char *bytes, size_t length) {
  char *copy = malloc(length > 0 ? length : 1);
  require(copy != NULL);
  memcpy(copy, bytes, length);
  enum http_progress progress = http_response_read(response, copy, length);
  free(copy);
  return progress;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  const char *bytes = (const char *)data + 2;
  size_t length = size - 2 < HTTP_RESPONSE_LIMIT_BYTES ? size - 2 : HTTP_RESPONSE_LIMIT_BYTES;
  /* Each piece costs a copy of everything before it, so a large input gets few pieces. */
  size_t piece = 1 + (size_t)data[0] + ((size_t)data[1] << 6) + length / 32;

  struct http_response whole = {0};
  enum http_progress verdict = read_exact(&whole, bytes, length);

  struct http_response pieced = {0};
  enum http_progress progress = HTTP_INCOMPLETE;
  for (size_t given = 0; progress == HTTP_INCOMPLETE && given < length;) {
    given = length - given < piece ? length : given + piece;
    progress = read_exact(&pieced, bytes, given);
  }
  require(progress == verdict);

  if (verdict == HTTP_INCOMPLETE) require(length < HTTP_RESPONSE_LIMIT_BYTES);
  if (verdict == HTTP_WHOLE) {
    require(whole.status >= 200 && whole.status <= 599);
    require(whole.body_offset > 0 && whole.body_offset <= HTTP_HEAD_LIMIT_BYTES);
    require(whole.body_length <= MAX_RESPONSE_BYTES && whole.body_offset + whole.body_length <= length);
    require(pieced.status == whole.status && pieced.body_offset == whole.body_offset);
    require(pieced.body_length == whole.body_length);
  }
  return 0;
}
