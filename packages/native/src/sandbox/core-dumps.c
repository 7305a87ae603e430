#include "core-dumps.h"

#include <sys/resource.h>

/*
 * 1 and not 0: both are too little for a core file, and only for 1 does the kernel also leave out a core_pattern
 * that is a pipe. A limit of the unit that is as low already (LimitCORE=) stays.
 */
bool forbid_core_dumps(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max <= 1) return true;
  limit.rlim_cur = limit.rlim_max = 1;
  return setrlimit(RLIMIT_CORE, &limit) == 0;
}
