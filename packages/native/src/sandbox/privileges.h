/*
 * What a process gives up for good before it becomes a program that talks to the network: the user, all capabilities, any
 * way to gain some by exec, and the system calls of call-filter.h. Owns the name of the user; opens nothing but the
 * user database.
 */
#ifndef OCIR_BROKER_PRIVILEGES_H
#define OCIR_BROKER_PRIVILEGES_H

#include <stdbool.h>

/* Of systemd/ocir-broker.sysusers.conf. The group may read a config.yaml that is not for everyone. */
#define FALLBACK_USER "ocir-broker-fallback"
#define CONFIG_GROUP "ocir-broker-daemon"

/*
 * True: there are no capabilities left and none to gain, and a root process is FALLBACK_USER if that user exists (without
 * it the uid stays 0). The system calls are filtered if the kernel can. Open descriptors, limits and timers stay.
 * False: the kernel refused, errno says why; some privileges may be gone already, so the caller must not go on.
 */
bool privileges_drop(void);

#endif
