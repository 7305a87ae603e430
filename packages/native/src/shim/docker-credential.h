/*
 * The program under the name docker-credential-ocir: a docker credential helper. Owns the protocol's verbs and their responses, and
 * the helper without a daemon; makes no request. It stores nothing, so only `get` needs credentials.
 */
#pragma once

#include <stddef.h>

/* The complete response to any verb but `get`, a static string. NULL if the verb is refused: an error line was written. */
const char *docker_credential_text(const char *verb);

/*
 * Without a daemon: execs the program `ocir-broker` in the folder of this one's file, with `body` as its stdin. It fetches a token from
 * Oracle's services itself, as the same user and with the same environment. Returns only if that fails: the program's path, or its name
 * alone if the folder is not known.
 */
const char *docker_credential_alone(const char *body, size_t length);
