/*
 * What the kubelet's plugin responds where ocir-broker was removed or switched off, because a kubelet does not start without its
 * plugin: no credentials, so that the kubelet pulls anonymously. Needs no daemon, library or configuration.
 */
#pragma once

#include <stdbool.h>

#include "forward.h"

/* Whether no daemon will listen on this socket, and why one does not listen now. Only the default socket is ocir-broker's own. */
bool is_without_installation(const char *socket_path);

/*
 * Responds to the request that was read. Under the name for service accounts it permits anonymous pulls, so that containers whose
 * image is on the node start (decision 0034). Returns false after an error line.
 */
bool respond_without_installation(const char *own_name);
