#include "without-installation.h"

#include <string.h>
#include <unistd.h>

#include "../contract.h"
#include "../error-line.h"
#include "../error-texts.h"
#include "../posix.h"

#define RESPONSE_HEAD "{\"kind\":\"CredentialProviderResponse\",\"apiVersion\":\""
/* "0s": the kubelet does not cache the response, so it calls again once ocir-broker is back. */
#define RESPONSE_TAIL "\",\"cacheKeyType\":\"Registry\",\"cacheDuration\":\"0s\",\"auth\":{}}\n"

static const char *const KNOWN_VERSIONS[] = API_VERSIONS;

static const char *after_blanks(const char *at) {
  return at + strspn(at, " \t\r\n");
}

/*
 * Returns the value of the first key "apiVersion". The kubelet writes it before any text of a user, and a quote within a JSON
 * string has a backslash before it, so no string's content is mistaken for the key.
 */
static const char *requested_api_version(const char *request) {
  static const char key[] = "\"apiVersion\"";
  for (const char *at = strstr(request, key); at != NULL; at = strstr(at + 1, key)) {
    if (at != request && at[-1] == '\\') continue;
    const char *value = after_blanks(at + sizeof key - 1);
    if (*value != ':') continue;
    value = after_blanks(value + 1);
    for (size_t i = 0; i < sizeof KNOWN_VERSIONS / sizeof *KNOWN_VERSIONS; i++) {
      size_t length = strlen(KNOWN_VERSIONS[i]);
      if (value[0] == '"' && strncmp(value + 1, KNOWN_VERSIONS[i], length) == 0 && value[1 + length] == '"') {
        return KNOWN_VERSIONS[i];
      }
    }
    return NULL;
  }
  return NULL;
}

static bool say(const char *text) {
  return forward_write_stdout(text, strlen(text));
}

bool is_without_installation(const char *socket_path) {
  if (strcmp(socket_path, CREDENTIALS_SOCKET) != 0) return false;
  return access(INSTALLED_PROGRAM, F_OK) != 0 || access(DISABLED_FILE, F_OK) == 0;
}

bool respond_without_installation(const char *own_name) {
  if (is_named(own_name, SERVICE_ACCOUNT_PLUGIN_NAME)) return say(ANONYMOUS_RESPONSE) || error_line_write(SHIM_OUTPUT_FAILED);
  /* A terminator follows the body. JSON contains no NUL. */
  struct forward_bytes body = forward_request_body();
  const char *api_version = strlen(body.start) == body.length ? requested_api_version(body.start) : NULL;
  if (api_version == NULL) return error_line_write(SHIM_REQUEST_INVALID);
  return (say(RESPONSE_HEAD) && say(api_version) && say(RESPONSE_TAIL)) || error_line_write(SHIM_OUTPUT_FAILED);
}
