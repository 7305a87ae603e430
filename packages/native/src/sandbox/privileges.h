/*
 * Drops privileges irrevocably before the exec of a program that uses the network: the user, all capabilities, any way to gain
 * some by exec, and the system calls of call-filter.h. Owns the user's name; opens only the user database.
 */
#ifndef OCIR_BROKER_PRIVILEGES_H
#define OCIR_BROKER_PRIVILEGES_H

#include <stdbool.h>

/* Names from systemd/ocir-broker.sysusers.conf. The group may read a config.yaml that is not readable by everyone. */
#define FALLBACK_USER "ocir-broker-fallback"
#define CONFIG_GROUP "ocir-broker-daemon"

/*
 * Returns true if no capability is left and none can be gained; root has become FALLBACK_USER if that user exists (otherwise the
 * user id stays 0), and system calls are filtered if the kernel supports it. Open descriptors, limits and timers stay.
 * Returns false if the kernel refused; errno says why. Some privileges may be gone already, so the caller must not continue.
 */
bool privileges_drop(void);

#endif
