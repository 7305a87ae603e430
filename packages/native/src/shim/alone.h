/*
 * The docker credential helper without a daemon: becomes `ocir-broker docker-credential`, which asks Oracle's services itself. Same
 * user, same environment, no socket and no lock; fallback.h is for the kubelet's calls.
 */
#ifndef OCIR_BROKER_ALONE_H
#define OCIR_BROKER_ALONE_H

#include <stddef.h>

/* Execs `program` with `body` as its stdin. Returns only if that fails; errno says why, ENOENT if it is no absolute path. */
void alone_become(char *program, const char *body, size_t length);

#endif
