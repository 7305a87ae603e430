#include "core-dumps.h"

#include <sys/resource.h>

/*
 * The limit is 1 instead of 0: both are too small for a core file, but only with 1 does the kernel also skip a core_pattern
 * that is a pipe. A limit that is already as low (the unit's LimitCORE=) stays.
 */
bool forbid_core_dumps(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max <= 1) return true;
  limit.rlim_cur = limit.rlim_max = 1;
  return setrlimit(RLIMIT_CORE, &limit) == 0;
}
