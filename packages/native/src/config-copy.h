/*
 * A copy of a configuration that only root may read, for a daemon that is not root. Root obeys root alone: the file, its
 * folder and the copy's folder must be ours (root's, in the service) and nobody else's to write, and none of them a link.
 */
#ifndef OCIR_BROKER_CONFIG_COPY_H
#define OCIR_BROKER_CONFIG_COPY_H

#include <stdbool.h>

/*
 * Makes `to` a copy of `from` that members of `group` may read (0640), by one rename, if they may not read `from` itself.
 * True: they can read `from`, or it does not exist, and `to` does not exist; or `to` is the copy.
 * False: errno says why there is no copy. An older one is removed, unless the folder of `to` is not ours.
 */
bool config_copy(const char *from, const char *to, const char *group);

#endif
