/*
 * The environment of a program that will hold tokens: what a fixed list names, and settings of our own. An allow-list,
 * because the variables that load code, move certificates or write keys (LD_*, NODE_*, OPENSSL_*, SSLKEYLOGFILE,
 * GLIBC_TUNABLES and their successors) have no end. Owns the lists that the launcher and the fallback broker share.
 */
#ifndef OCIR_BROKER_PASSED_ENVIRONMENT_H
#define OCIR_BROKER_PASSED_ENVIRONMENT_H

#include <stddef.h>

enum { PASSED_ENVIRONMENT_LIMIT = 48 };

/* All zero before the first use. Holds pointers only: what they point at must outlive it. */
struct passed_environment {
  char *entries[PASSED_ENVIRONMENT_LIMIT + 1]; /* ends with NULL, as execve(2) wants it */
  size_t count;
};

/*
 * Adds what every broker process reads (proxies, certificates, endpoints, HOME) and the settings of the C library
 * that keep its memory small. Not UV_THREADPOOL_SIZE=2: it saves nothing more, and one name look-up that hangs would hold
 * up all others. Unset variables are left out. Call it first: it uses less than half of the room.
 */
void passed_environment_begin(struct passed_environment *environment);

/* Adds NAME=VALUE of our own environment. Unchanged if the variable is not set, or if there is no room. */
void passed_environment_pass(struct passed_environment *environment, const char *name);

/* Adds an entry "NAME=VALUE". Unchanged if there is no room. */
void passed_environment_add(struct passed_environment *environment, char *entry);

#endif
