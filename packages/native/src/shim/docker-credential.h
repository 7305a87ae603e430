/*
 * The program's other name, docker-credential-ocir: a docker credential helper for root's own tools on the node. Owns the
 * verbs of that protocol and what is said to each; asks nobody. Nothing is kept here, so only `get` needs the daemon.
 */
#ifndef OCIR_BROKER_DOCKER_CREDENTIAL_H
#define OCIR_BROKER_DOCKER_CREDENTIAL_H

#include <stdbool.h>

enum docker_credential_outcome {
  DOCKER_CREDENTIAL_ASK,    /* `get`: the daemon knows */
  DOCKER_CREDENTIAL_SAY,    /* `text` is the whole answer */
  DOCKER_CREDENTIAL_REFUSED /* an error line has been written, where that protocol wants it: on stdout */
};

/* Whether argv[0], which may be NULL, ends with the name of a docker credential helper. */
bool docker_credential_is_named(const char *program);

/* Reads the verb, and sends error lines to stdout from now on. `text` is set only for DOCKER_CREDENTIAL_SAY; it is static. */
enum docker_credential_outcome docker_credential_begin(int argument_count, char **arguments, const char **text);

#endif
