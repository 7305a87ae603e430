#ifndef CORE_DUMPS_H
#define CORE_DUMPS_H

#include <stdbool.h>

/* For whoever is exec'd next and will hold tokens and keys. False where the kernel refuses. */
bool forbid_core_dumps(void);

#endif
