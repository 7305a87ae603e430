#include "docker-credential.h"

#include <stddef.h>
#include <string.h>

#include "../contract.h"
#include "../error-line.h"
#include "../error-texts.h"

enum docker_credential_outcome docker_credential_begin(int argument_count, char **arguments, const char **text) {
  error_line_to_stdout();
  const char *verb = argument_count == 2 ? arguments[1] : "";
  if (strcmp(verb, "get") == 0) return DOCKER_CREDENTIAL_ASK;
  if (strcmp(verb, "--help") == 0) {
    *text = DOCKER_CREDENTIAL_NAME ": a docker credential helper for OCIR; its tokens are those of a daemon ocir-broker, if one runs\n"
            "  echo REGISTRY_HOST | " DOCKER_CREDENTIAL_NAME " get\n  " DOCKER_CREDENTIAL_NAME " list\n  "
            DOCKER_CREDENTIAL_NAME " version\n";
    return DOCKER_CREDENTIAL_SAY;
  }
  if (strcmp(verb, "list") == 0) {
    /* The protocol lists stored credentials (server URL to user name), and nothing is stored here. */
    *text = "{}\n";
    return DOCKER_CREDENTIAL_SAY;
  }
  if (strcmp(verb, "version") == 0 || strcmp(verb, "--version") == 0) {
    *text = DOCKER_CREDENTIAL_NAME " (ocir-broker) " SHIM_VERSION "\n";
    return DOCKER_CREDENTIAL_SAY;
  }
  /* Does not read stdin, which contains a secret with these two. */
  if (strcmp(verb, "store") == 0 || strcmp(verb, "erase") == 0) {
    error_line_write(SHIM_NOTHING_STORED);
    return DOCKER_CREDENTIAL_REFUSED;
  }
  error_line_write(SHIM_VERB_UNKNOWN);
  return DOCKER_CREDENTIAL_REFUSED;
}
