#include "http-response.h"

#include <string.h>
#include <strings.h>

static bool is_text(const char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)bytes[i];
    if ((byte < ' ' && byte != '\t') || byte == 0x7f) return false;
  }
  return true;
}

static bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

/* "HTTP/1.1 200 OK"; the reason and the space before it are optional. */
static enum http_progress read_status_line(struct http_response *response, const char *line, size_t length) {
  if (length < 12 || memcmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1') || line[8] != ' ') {
    return HTTP_INVALID;
  }
  if (line[9] < '1' || line[9] > '5' || !is_digit(line[10]) || !is_digit(line[11])) return HTTP_INVALID;
  if (length > 12 && line[12] != ' ') return HTTP_INVALID;
  response->status = (unsigned)(line[9] - '0') * 100 + (unsigned)(line[10] - '0') * 10 + (unsigned)(line[11] - '0');
  return HTTP_INCOMPLETE;
}

static bool is_token(const char *bytes, size_t length) {
  static const char punctuation[] = "!#$%&'*+-.^_`|~";
  for (size_t i = 0; i < length; i++) {
    char byte = bytes[i];
    bool alphanumeric = is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    if (!alphanumeric && (byte == '\0' || strchr(punctuation, byte) == NULL)) return false;
  }
  return length > 0;
}

static bool is_named(const char *line, size_t name_length, const char *name) {
  return name_length == strlen(name) && strncasecmp(line, name, name_length) == 0;
}

static bool is_blank(char byte) {
  return byte == ' ' || byte == '\t';
}

static enum http_progress read_content_length(struct http_response *response, const char *value, size_t length) {
  if (length == 0 || response->length_stated) return HTTP_INVALID;
  size_t stated = 0;
  for (size_t i = 0; i < length; i++) {
    if (!is_digit(value[i])) return HTTP_INVALID;
    /* Stops counting above the limit, so that no number of digits can overflow. */
    if (stated <= MAX_RESPONSE_BYTES) stated = stated * 10 + (size_t)(value[i] - '0');
  }
  if (stated > MAX_RESPONSE_BYTES) return HTTP_TOO_LARGE;
  response->body_length = stated;
  response->length_stated = true;
  return HTTP_INCOMPLETE;
}

static enum http_progress read_header(struct http_response *response, const char *line, size_t length) {
  const char *colon = memchr(line, ':', length);
  if (colon == NULL) return HTTP_INVALID;
  size_t name_length = (size_t)(colon - line);
  if (!is_token(line, name_length) || is_named(line, name_length, "Transfer-Encoding")) return HTTP_INVALID;
  if (!is_named(line, name_length, "Content-Length")) return HTTP_INCOMPLETE;

  const char *value = colon + 1;
  const char *end = line + length;
  while (value < end && is_blank(*value)) value++;
  while (value < end && is_blank(end[-1])) end--;
  return read_content_length(response, value, (size_t)(end - value));
}

static enum http_progress end_head(struct http_response *response) {
  if (response->status >= 200) {
    response->body_offset = response->line_offset;
    return response->length_stated ? HTTP_INCOMPLETE : HTTP_INVALID;
  }
  if (response->status == 101) return HTTP_INVALID;
  response->status = 0;
  response->body_length = 0;
  response->length_stated = false;
  return HTTP_INCOMPLETE;
}

static enum http_progress read_line(struct http_response *response, const char *line, size_t length) {
  if (!is_text(line, length)) return HTTP_INVALID;
  if (response->status == 0) return read_status_line(response, line, length);
  return length == 0 ? end_head(response) : read_header(response, line, length);
}

enum http_progress http_response_read(struct http_response *response, const char *bytes, size_t length) {
  while (response->body_offset == 0) {
    size_t readable = length < HTTP_HEAD_LIMIT_BYTES ? length : HTTP_HEAD_LIMIT_BYTES;
    const char *line_feed = readable > response->scanned
                                ? memchr(bytes + response->scanned, '\n', readable - response->scanned)
                                : NULL;
    if (line_feed == NULL) {
      response->scanned = readable;
      return readable == HTTP_HEAD_LIMIT_BYTES ? HTTP_TOO_LARGE : HTTP_INCOMPLETE;
    }
    const char *line = bytes + response->line_offset;
    size_t line_length = (size_t)(line_feed - line);
    if (line_length == 0 || line[line_length - 1] != '\r') return HTTP_INVALID;
    response->line_offset = response->scanned = (size_t)(line_feed - bytes) + 1;
    enum http_progress progress = read_line(response, line, line_length - 1);
    if (progress != HTTP_INCOMPLETE) return progress;
  }
  return length - response->body_offset >= response->body_length ? HTTP_WHOLE : HTTP_INCOMPLETE;
}
