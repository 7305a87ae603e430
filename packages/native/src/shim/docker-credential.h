/*
 * The program under the name docker-credential-ocir: a docker credential helper. Owns the
 * protocol's verbs and their responses; makes no request. It stores nothing, so only `get` needs the daemon.
 */
#ifndef OCIR_BROKER_DOCKER_CREDENTIAL_H
#define OCIR_BROKER_DOCKER_CREDENTIAL_H

enum docker_credential_outcome {
  DOCKER_CREDENTIAL_ASK,    /* `get`: the caller must send the request to the daemon */
  DOCKER_CREDENTIAL_SAY,    /* `text` is the complete response */
  DOCKER_CREDENTIAL_REFUSED /* an error line was written to stdout, as the protocol requires */
};

/* Reads the verb; error lines then go to stdout. Sets `text`, to a static string, only for DOCKER_CREDENTIAL_SAY. */
enum docker_credential_outcome docker_credential_begin(int argument_count, char **arguments, const char **text);

#endif
