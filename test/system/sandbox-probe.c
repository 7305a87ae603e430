/*
 * Tries what a compromised daemon would try, and prints one line for each: "<what> <ok or the errno's name>". Statically linked,
 * so that it runs in a sandbox that permits no other program. Changes nothing that outlives the namespaces.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void report(const char *what, long result) {
  printf("%s %s\n", what, result >= 0 ? "ok" : strerrorname_np(errno));
  fflush(stdout);
}

static void try_write(const char *folder) {
  char path[256], what[300];
  snprintf(path, sizeof path, "%s/ocir-probe", folder);
  snprintf(what, sizeof what, "write:%s", folder);
  int descriptor = open(path, O_WRONLY | O_CREAT, 0755);
  report(what, descriptor);
  if (descriptor < 0) return;
  close(descriptor);
  /* An empty file is not a program, so ENOEXEC means that executing it was allowed. */
  snprintf(what, sizeof what, "execute:%s", folder);
  char *const none[] = {NULL};
  execve(path, none, none);
  report(what, errno == ENOEXEC ? 0 : -1);
  snprintf(what, sizeof what, "setuid:%s", folder);
  report(what, chmod(path, 04755));
  unlink(path);
}

static void try_read(const char *path) {
  char what[300], byte;
  snprintf(what, sizeof what, "read:%s", path);
  int descriptor = open(path, O_RDONLY);
  report(what, descriptor < 0 ? -1 : read(descriptor, &byte, 1));
  if (descriptor >= 0) close(descriptor);
}

int main(void) {
  static const char *const folders[] = {"/", "/etc", "/usr", "/usr/local/bin", "/opt", "/var", "/var/lib", "/root", "/home", "/run",
                                        "/run/ocir-broker", "/dev/shm", "/proc/sys/kernel", "/sys/fs/cgroup", "/tmp", "/var/tmp", "/run/ocir-broker-metrics", "/run/ocir-broker-state", "/var/lib/ocir-broker-config"};
  for (size_t index = 0; index < sizeof folders / sizeof *folders; index++) try_write(folders[index]);
  try_read("/etc/ocir-broker/config.yaml");
  try_read("/etc/shadow");
  try_read("/proc/1/environ");
  try_read("/proc/1/status");
  try_read("/proc/uptime");

  /* Process trees are identified by number; 1 is the manager. */
  report("ptrace", ptrace(PTRACE_SEIZE, 1, 0, 0));
  report("socket:inet", socket(AF_INET, SOCK_STREAM, 0));
  report("socket:inet-raw", socket(AF_INET, SOCK_RAW, 1));
  report("socket:packet", socket(AF_PACKET, SOCK_RAW, 0));
  report("socket:netlink", socket(AF_NETLINK, SOCK_RAW, 0));
  report("mount", mount("none", "/mnt", "tmpfs", 0, NULL));
  report("unshare:user", unshare(CLONE_NEWUSER));
  report("bpf", syscall(SYS_bpf, 0, NULL, 0) < 0 && errno != EPERM ? 0 : -1);
  report("setuid:root", setuid(0));
  report("unlink:credentials.sock", unlink("/run/ocir-broker/credentials.sock"));
  char *const none[] = {NULL};
  fflush(stdout);
  execve("/bin/true", none, none);
  report("execute:/bin/true", -1);
  return 0;
}
