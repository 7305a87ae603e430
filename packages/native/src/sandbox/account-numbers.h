/* Reads the ids of users and groups from /etc/passwd and /etc/group. */
#ifndef OCIR_BROKER_ACCOUNT_NUMBERS_H
#define OCIR_BROKER_ACCOUNT_NUMBERS_H

#include <stdbool.h>

enum {
  ACCOUNT_ID = 2,    /* of passwd(5) and group(5) */
  ACCOUNT_GROUP = 3, /* of passwd(5) */
  ACCOUNT_FIELDS = 4
};

/*
 * Reads the numbers of the line that starts with `name` and a colon. An empty field gives 0. A field that is not a decimal
 * number, or is larger than any id, gives at least UINT32_MAX. Does not use getpwnam, which in a static
 * glibc program loads the node's name service modules. Returns false if there is no such line.
 */
bool account_numbers(const char *path, const char *name, unsigned long numbers[ACCOUNT_FIELDS]);

#endif
