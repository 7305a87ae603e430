/*
 * What stays at the kubelet's exec plugin's name when ocir-broker is removed and a kubelet still names it: a kubelet
 * refuses to start when its plugin is missing. Answers every request with "no credentials", so that the kubelet pulls
 * anonymously. Needs no daemon, no file, no library, no configuration. Of the request it reads the apiVersion, which
 * the answer must repeat.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"
#include "error-line.h"
#include "error-texts.h"
#include "posix.h"

#define ANSWER_HEAD "{\"kind\":\"CredentialProviderResponse\",\"apiVersion\":\""
/* "0s": the kubelet keeps nothing of it, so that it asks again once ocir-broker is back. */
#define ANSWER_TAIL "\",\"cacheKeyType\":\"Registry\",\"cacheDuration\":\"0s\",\"auth\":{}}\n"

/* By this the installer knows its own: the same text is searched for in packages/installer/setup.sh. */
#define VERSION_LINE "ocir-broker do-nothing provider " SHIM_VERSION "\n"

/* Not on the stack: only the pages that are used cost memory. One byte more for the end of the string. */
static char request[MAX_REQUEST_BYTES + 1];

static const char *const KNOWN_VERSIONS[] = API_VERSIONS;

static bool read_request(void);
static const char *requested_api_version(void);
static bool say(const char *text);

int main(int argument_count, char **arguments) {
  if (argument_count == 2 && strcmp(arguments[1], "--version") == 0) {
    return say(VERSION_LINE) ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  const char *api_version = read_request() ? requested_api_version() : NULL;
  if (api_version == NULL) {
    error_line_write(SHIM_REQUEST_INVALID);
    return EXIT_FAILURE;
  }
  return say(ANSWER_HEAD) && say(api_version) && say(ANSWER_TAIL) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Stdin to its end; false where it cannot be read, is too large, or holds a NUL byte, which JSON does not have. */
static bool read_request(void) {
  size_t end = 0;
  while (end < sizeof request) {
    ssize_t taken = read_some(STDIN_FILENO, request + end, sizeof request - end);
    if (taken < 0) return false;
    if (taken == 0) {
      request[end] = '\0';
      return strlen(request) == end;
    }
    end += (size_t)taken;
  }
  return false;
}

static const char *after_blanks(const char *at) {
  return at + strspn(at, " \t\r\n");
}

/*
 * The value of the first "apiVersion" that is a key. The kubelet writes it before everything that a user can word, and
 * a quote inside of a JSON string has a backslash before it, so the text of a value is not mistaken for the key.
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

static bool say(const char *text) {
  return write_whole(STDOUT_FILENO, text, strlen(text));
}
