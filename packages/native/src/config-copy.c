#include "config-copy.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "posix.h"

#define FRESH_ENDING ".new"

enum {
  PATH_LIMIT_BYTES = 256,
  /* Limits the memory of the copy's folder. The largest real configuration is a hundredth of this. */
  COPY_LIMIT_BYTES = 1024 * 1024
};

enum copying { COPY_MADE, COPY_NOT_NEEDED, COPY_REFUSED, COPY_UNWRITTEN };

static bool folder_of(const char *path, char folder[PATH_LIMIT_BYTES]) {
  const char *slash = strrchr(path, '/');
  errno = EINVAL;
  if (slash == NULL || slash == path || slash[1] == '\0' || slash - path >= PATH_LIMIT_BYTES) return false;
  if (strlen(slash) >= PATH_LIMIT_BYTES) return false;
  memcpy(folder, path, (size_t)(slash - path));
  folder[slash - path] = '\0';
  return true;
}

/* Returns the descriptor if it is of this type and this user's, and nobody else may write to it. If not, closes it and returns -1. */
static int ours_alone(int descriptor, mode_t type) {
  struct stat status;
  if (descriptor < 0) return -1;
  bool is_ours = fstat(descriptor, &status) == 0 && (status.st_mode & S_IFMT) == type && status.st_uid == geteuid();
  if (is_ours && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0) return descriptor;
  close(descriptor);
  errno = EPERM;
  return -1;
}

/* Later accesses use the folder's descriptor, so a change of its path has no effect. */
static int open_folder(const char *path) {
  char folder[PATH_LIMIT_BYTES];
  if (!folder_of(path, folder)) return -1;
  return ours_alone(open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), S_IFDIR);
}

/* Does not use getgrnam, which in a static glibc program loads the node's name service modules. */
static bool find_group(const char *name, gid_t *id) {
  FILE *groups = fopen("/etc/group", "re");
  if (groups == NULL) return false;
  const struct group *group = fgetgrent(groups);
  while (group != NULL && strcmp(group->gr_name, name) != 0) group = fgetgrent(groups);
  /* For fchown, -1 means no change. */
  bool is_found = group != NULL && group->gr_gid != (gid_t)-1;
  if (is_found) *id = group->gr_gid;
  fclose(groups);
  return is_found;
}

/* For a member of the group, the kernel checks only the group's bits. */
static bool may(const struct stat *status, mode_t right_of_others, gid_t group) {
  return (status->st_mode & (status->st_gid == group ? right_of_others << 3 : right_of_others)) != 0;
}

/* Non-blocking, because opening a pipe would wait for a writer. */
static int open_source(const char *from) {
  int folder = open_folder(from);
  if (folder < 0) return -1;
  int source = openat(folder, strrchr(from, '/') + 1, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  close_quietly(folder);
  return ours_alone(source, S_IFREG);
}

static enum copying write_copy(int source, int folder, const char *name, const char *fresh, gid_t group) {
  int copy = openat(folder, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (copy < 0) return COPY_UNWRITTEN;

  static char bytes[COPY_LIMIT_BYTES + 1];
  ssize_t length = read_whole(source, bytes, sizeof bytes);
  if (length > COPY_LIMIT_BYTES) errno = EFBIG;
  bool is_read = length >= 0 && length <= COPY_LIMIT_BYTES;
  bool is_written = is_read && write_whole(copy, bytes, (size_t)length);
  /* The group gets access last, because the file is incomplete before. */
  bool is_copied = is_written && fchown(copy, (uid_t)-1, group) == 0 && fchmod(copy, S_IRUSR | S_IWUSR | S_IRGRP) == 0 &&
                   renameat(folder, fresh, folder, name) == 0;
  int error = errno;
  close(copy);
  if (!is_copied) unlinkat(folder, fresh, 0);
  errno = error;
  if (is_copied) return COPY_MADE;
  return is_read ? COPY_UNWRITTEN : COPY_REFUSED;
}

static enum copying copy_if_needed(const char *from, int folder, const char *name, const char *fresh, const char *group) {
  gid_t id;
  if (!find_group(group, &id)) {
    errno = EINVAL;
    return COPY_REFUSED;
  }
  char source_folder[PATH_LIMIT_BYTES];
  struct stat file_status, folder_status;
  if (!folder_of(from, source_folder)) return COPY_REFUSED;
  if (stat(source_folder, &folder_status) < 0) return errno == ENOENT ? COPY_NOT_NEEDED : COPY_REFUSED;
  bool is_absent = stat(from, &file_status) < 0;
  if (is_absent && errno != ENOENT) return COPY_REFUSED;
  if (may(&folder_status, S_IXOTH, id) && (is_absent || may(&file_status, S_IROTH, id))) return COPY_NOT_NEEDED;

  /* In a folder that the daemon may not enter, a missing file looks like an unreadable one: an empty copy distinguishes them. */
  int source = is_absent ? open("/dev/null", O_RDONLY | O_CLOEXEC) : open_source(from);
  if (source < 0) return COPY_REFUSED;
  enum copying copying = write_copy(source, folder, name, fresh, id);
  close_quietly(source);
  return copying;
}

bool config_copy(const char *from, const char *to, const char *group) {
  int folder = open_folder(to);
  if (folder < 0) return false;
  const char *name = strrchr(to, '/') + 1;
  char fresh[PATH_LIMIT_BYTES + sizeof FRESH_ENDING];
  snprintf(fresh, sizeof fresh, "%s" FRESH_ENDING, name);
  /* A run that was killed may have left it, complete. */
  unlinkat(folder, fresh, 0);
  enum copying copying = copy_if_needed(from, folder, name, fresh, group);
  int error = errno;
  /* Without room, the older copy stays: the daemon can fill /run, and must not choose the defaults in this way. */
  if ((copying == COPY_NOT_NEEDED || copying == COPY_REFUSED) && unlinkat(folder, name, 0) < 0 && errno != ENOENT) {
    copying = COPY_REFUSED;
    error = errno;
  }
  close(folder);
  errno = error;
  return copying == COPY_MADE || copying == COPY_NOT_NEEDED;
}
