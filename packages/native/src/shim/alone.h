/*
 * The docker credential helper without a daemon: becomes `ocir-broker docker-credential`, which fetches a token from Oracle's services
 * itself, as the same user and with the same environment.
 */
#ifndef OCIR_BROKER_ALONE_H
#define OCIR_BROKER_ALONE_H

#include <stddef.h>

/*
 * Execs the program `ocir-broker` in the folder of this one's file, with `body` as its stdin. Returns only if that fails: the
 * program's path, or its name alone if the folder is not known.
 */
const char *alone_become(const char *body, size_t length);

#endif
