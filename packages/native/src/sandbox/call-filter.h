/*
 * A seccomp filter for a program that only needs threads, files and sockets. Refuses with EPERM and never kills, because a
 * newer Node or C library may try a refused call and then use another.
 */
#ifndef OCIR_BROKER_CALL_FILTER_H
#define OCIR_BROKER_CALL_FILTER_H

#include <stdbool.h>

/*
 * Installs the filter for this process and every program that it execs, irrevocably. Needs no_new_privs. Returns false, and
 * changes nothing, if the kernel does not support filters, or if there is none for this architecture.
 */
bool call_filter_install(void);

#endif
