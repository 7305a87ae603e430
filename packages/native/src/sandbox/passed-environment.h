/*
 * Builds the environment of a program that will hold tokens: variables from a fixed list, and our own settings. An
 * allow-list, because no list of variables that load code, replace certificates or write keys (LD_*, NODE_*, OPENSSL_*,
 * SSLKEYLOGFILE, GLIBC_TUNABLES) would be complete.
 */
#ifndef OCIR_BROKER_PASSED_ENVIRONMENT_H
#define OCIR_BROKER_PASSED_ENVIRONMENT_H

#include <stddef.h>

enum { PASSED_ENVIRONMENT_LIMIT = 48 };

/* Must be zero before the first use. Contains only pointers, whose targets must outlive it. */
struct passed_environment {
  char *entries[PASSED_ENVIRONMENT_LIMIT + 1]; /* NULL-terminated for execve(2) */
  size_t count;
};

/*
 * Adds the variables that every broker process reads (proxies, certificates, endpoints, HOME), if they are set, and the C
 * library's settings for less memory. UV_THREADPOOL_SIZE=2 is not among them: it saves nothing more, and one hanging name
 * look-up would block all others. Call this first; it uses less than half of the entries.
 */
void passed_environment_begin(struct passed_environment *environment);

/* Adds NAME=VALUE from our own environment. Changes nothing if the variable is not set, or if there is no room. */
void passed_environment_pass(struct passed_environment *environment, const char *name);

/* Adds an entry "NAME=VALUE". Changes nothing if there is no room. */
void passed_environment_add(struct passed_environment *environment, char *entry);

#endif
