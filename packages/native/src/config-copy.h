/*
 * Copies a configuration that only root may read, for a daemon that is not root. Only root may control what root copies: the
 * file, its folder and the copy's folder must belong to this user (root in the service), be writable by nobody else, and not be
 * links.
 */
#pragma once

#include <stdbool.h>

/*
 * If members of `group` may not read `from`, replaces `to` by a copy that they may read (0640), by one rename; by an empty one if
 * `from` does not exist and they may not enter its folder.
 * Returns true if `to` is the copy, or if none is needed (they may read `from`, or it does not exist) and `to` is removed.
 * Returns false if there is no copy; errno says why. An older copy is removed, unless the folder of `to` is not ours or the
 * new copy cannot be written there.
 */
bool config_copy(const char *from, const char *to, const char *group);
