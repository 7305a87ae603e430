#include "privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "call-filter.h"

enum {
  ID_FIELD = 2,    /* of passwd(5) and group(5) */
  GROUP_FIELD = 3, /* of passwd(5) */
  FIELDS = 4,
  LAST_CAPABILITY = 63,
  CAPABILITY_VERSION_3 = 0x20080522
};

/* As <linux/capability.h> has them, which musl's headers do not. */
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
static bool find_numbers(const char *path, const char *name, unsigned long numbers[FIELDS]);
static bool become_user(const struct identity *identity);
static bool drop_capabilities(void);

bool privileges_drop(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return false;
  bool is_root = geteuid() == 0;
  struct identity identity;
  bool has_identity = is_root && find_identity(&identity);
  /* The bounding set first: it takes a capability to empty it. */
  for (int capability = 0; is_root && capability <= LAST_CAPABILITY; capability++) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EINVAL && errno != EPERM) return false;
  }
  if (has_identity && !become_user(&identity)) return false;
  if (!drop_capabilities()) return false;
  call_filter_install();
  return true;
}

static bool find_identity(struct identity *identity) {
  unsigned long user[FIELDS], group[FIELDS];
  if (!find_numbers("/etc/passwd", FALLBACK_USER, user) || user[ID_FIELD] == 0) return false;
  /* A larger number would be cut to another user's, perhaps root's. */
  if (user[ID_FIELD] >= UINT32_MAX || user[GROUP_FIELD] >= UINT32_MAX) return false;
  identity->user = (uid_t)user[ID_FIELD];
  identity->group = (gid_t)user[GROUP_FIELD];
  identity->has_config_group = find_numbers("/etc/group", CONFIG_GROUP, group) && group[ID_FIELD] < UINT32_MAX;
  if (identity->has_config_group) identity->config_group = (gid_t)group[ID_FIELD];
  return true;
}

/*
 * Reads the numbers of the line that begins with `name` and a colon; a field that is not a plain number counts as 0.
 * Not getpwnam: in a static program of glibc that would load the node's name service modules.
 */
static bool find_numbers(const char *path, const char *name, unsigned long numbers[FIELDS]) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char bytes[4096];
  size_t field = 0, matched = 0;
  bool is_ours = true, is_found = false;
  memset(numbers, 0, FIELDS * sizeof *numbers);
  for (ssize_t length; !is_found && (length = read(file, bytes, sizeof bytes)) > 0;) {
    for (ssize_t i = 0; i < length && !is_found; i++) {
      char byte = bytes[i];
      if (byte == '\n') {
        is_found = is_ours && field > ID_FIELD;
        field = matched = 0;
        is_ours = true;
      } else if (byte == ':') {
        is_ours = is_ours && (field > 0 || name[matched] == '\0');
        field++;
      } else if (field == 0) {
        is_ours = is_ours && name[matched] != '\0' && name[matched] == byte;
        matched += is_ours;
      } else if (is_ours && field < FIELDS) {
        bool is_digit = byte >= '0' && byte <= '9';
        numbers[field] = is_digit && numbers[field] <= UINT32_MAX ? numbers[field] * 10 + (unsigned long)(byte - '0') : 0;
      }
    }
  }
  close(file);
  return is_found;
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
