/*
 * A seccomp filter for a program that needs threads, files and sockets, and nothing else of the kernel. Refuses by EPERM
 * and never kills: a newer Node or C library may try a call and has a fallback.
 */
#ifndef OCIR_BROKER_CALL_FILTER_H
#define OCIR_BROKER_CALL_FILTER_H

#include <stdbool.h>

/*
 * For this process and all that it becomes, for good. Needs no_new_privs. False if this kernel has no filters, or if
 * there is none for this architecture; nothing is changed then.
 */
bool call_filter_install(void);

#endif
