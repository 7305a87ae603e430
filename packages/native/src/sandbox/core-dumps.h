#ifndef CORE_DUMPS_H
#define CORE_DUMPS_H

#include <stdbool.h>

/* For this process and the programs that it becomes, which will hold tokens and keys. False: the kernel refuses, see errno. */
bool forbid_core_dumps(void);

#endif
