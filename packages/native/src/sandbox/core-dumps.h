#ifndef CORE_DUMPS_H
#define CORE_DUMPS_H

#include <stdbool.h>

/* Forbids core dumps of this process and the programs that it execs, which hold tokens. Returns false, with errno, if refused. */
bool forbid_core_dumps(void);

#endif
