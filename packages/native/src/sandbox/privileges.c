#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "account-numbers.h"
#include "call-filter.h"

enum {
  LAST_CAPABILITY = 63,
  CAPABILITY_VERSION_3 = 0x20080522
};

/* Copied from <linux/capability.h>, which musl's headers lack. */
struct capability_header {
  uint32_t version;
  int pid;
};
struct capability_words {
  uint32_t effective, permitted, inheritable;
};

struct identity {
  uid_t user;
  gid_t group;
  gid_t config_group;
  bool has_config_group;
};

static bool find_identity(struct identity *identity);
static bool become_user(const struct identity *identity);
static bool drop_capabilities(void);

bool privileges_drop(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return false;
  bool is_root = geteuid() == 0;
  struct identity identity;
  bool has_identity = is_root && find_identity(&identity);
  /* The bounding set first, because emptying it needs a capability. */
  for (int capability = 0; is_root && capability <= LAST_CAPABILITY; capability++) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EINVAL && errno != EPERM) return false;
  }
  if (has_identity && !become_user(&identity)) return false;
  if (!drop_capabilities()) return false;
  call_filter_install();
  return true;
}

static bool find_identity(struct identity *identity) {
  unsigned long user[ACCOUNT_FIELDS], group[ACCOUNT_FIELDS];
  if (!account_numbers("/etc/passwd", FALLBACK_USER, user) || user[ACCOUNT_ID] == 0) return false;
  /* A larger number would be truncated to another user's id, perhaps root's. */
  if (user[ACCOUNT_ID] >= UINT32_MAX || user[ACCOUNT_GROUP] >= UINT32_MAX) return false;
  identity->user = (uid_t)user[ACCOUNT_ID];
  identity->group = (gid_t)user[ACCOUNT_GROUP];
  identity->has_config_group = account_numbers("/etc/group", CONFIG_GROUP, group) && group[ACCOUNT_ID] < UINT32_MAX;
  if (identity->has_config_group) identity->config_group = (gid_t)group[ACCOUNT_ID];
  return true;
}

static bool become_user(const struct identity *identity) {
  return setgroups(identity->has_config_group ? 1 : 0, &identity->config_group) == 0 &&
         setresgid(identity->group, identity->group, identity->group) == 0 &&
         setresuid(identity->user, identity->user, identity->user) == 0;
}

static bool drop_capabilities(void) {
  struct capability_header header = {.version = CAPABILITY_VERSION_3};
  struct capability_words none[2] = {{0}};
  /* A kernel before 4.3 has no ambient set. */
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL) return false;
  return syscall(SYS_capset, &header, none) == 0;
}
