/* The ids of users and groups, from /etc/passwd and /etc/group. */
#ifndef OCIR_BROKER_ACCOUNT_NUMBERS_H
#define OCIR_BROKER_ACCOUNT_NUMBERS_H

#include <stdbool.h>

enum {
  ACCOUNT_ID = 2,    /* of passwd(5) and group(5) */
  ACCOUNT_GROUP = 3, /* of passwd(5) */
  ACCOUNT_FIELDS = 4
};

/*
 * Reads the numbers of the line that begins with `name` and a colon; a field that is not a plain number counts as 0.
 * Not getpwnam: in a static program of glibc that would load the node's name service modules.
 * False: there is no such line. A number may be larger than an id.
 */
bool account_numbers(const char *path, const char *name, unsigned long numbers[ACCOUNT_FIELDS]);

#endif
