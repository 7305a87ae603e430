/*
 * Replaces the kubelet's exec plugin if ocir-broker is removed while a kubelet still names it, because a kubelet does not
 * start without its plugin. Responds to every request with no credentials, so that the kubelet pulls anonymously. Needs no
 * daemon, file, library or configuration. Reads only the request's apiVersion, which the response must repeat. Under the name
 * credential-provider-oke-sa it permits anonymous pulls, so that containers whose image is on the node start (decision 0034).
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"
#include "error-line.h"
#include "error-texts.h"
#include "posix.h"

#define RESPONSE_HEAD "{\"kind\":\"CredentialProviderResponse\",\"apiVersion\":\""
/* "0s": the kubelet does not cache the response, so it calls again once ocir-broker is back. */
#define RESPONSE_TAIL "\",\"cacheKeyType\":\"Registry\",\"cacheDuration\":\"0s\",\"auth\":{}}\n"

/* The installer recognises this program by this text: packages/installer/src/run/file-changes.ts searches for it. */
#define VERSION_LINE "ocir-broker do-nothing provider " SHIM_VERSION "\n"

/* Static, because then only the pages in use cost memory, and it is zeroed. One more byte for the terminator. */
static char request[MAX_REQUEST_BYTES + 1];

static const char *const KNOWN_VERSIONS[] = API_VERSIONS;

static bool say(const char *text) {
  return write_whole(STDOUT_FILENO, text, strlen(text));
}

/* Reads stdin to its end. Returns false if this fails, or if the request is too large or contains NUL, which JSON cannot. */
static bool read_request(void) {
  ssize_t length = read_whole(STDIN_FILENO, request, sizeof request);
  return length >= 0 && (size_t)length < sizeof request && strlen(request) == (size_t)length;
}

static const char *after_blanks(const char *at) {
  return at + strspn(at, " \t\r\n");
}

/*
 * Returns the value of the first key "apiVersion". The kubelet writes it before any text of a user, and a quote within a JSON
 * string has a backslash before it, so no string's content is mistaken for the key.
 */
static const char *requested_api_version(void) {
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

static bool respond(const char *own_name) {
  const char *api_version = read_request() ? requested_api_version() : NULL;
  if (api_version == NULL) return error_line_write(SHIM_REQUEST_INVALID);
  if (is_named(own_name, SERVICE_ACCOUNT_PLUGIN_NAME)) return say(ANONYMOUS_RESPONSE);
  return say(RESPONSE_HEAD) && say(api_version) && say(RESPONSE_TAIL);
}

int main(int argument_count, char **arguments) {
  bool is_version = argument_count == 2 && strcmp(arguments[1], "--version") == 0;
  return (is_version ? say(VERSION_LINE) : respond(arguments[0])) ? EXIT_SUCCESS : EXIT_FAILURE;
}
