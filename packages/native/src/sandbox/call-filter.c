#include "call-filter.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* Copied from <linux/filter.h>, <linux/seccomp.h> and <linux/audit.h>, which musl's headers lack. */
struct instruction {
  uint16_t code;
  uint8_t if_true, if_false;
  uint32_t value;
};
struct filter {
  unsigned short length;
  const struct instruction *instructions;
};
struct call {
  int number;
  uint32_t architecture;
  uint64_t instruction_pointer;
  uint64_t arguments[6];
};
enum { LOAD_WORD = 0x20, IF_EQUAL = 0x15, IF_AT_LEAST = 0x35, IF_ANY_BIT = 0x45, RETURN = 0x06 };
#define ALLOW 0x7fff0000U
#define FAIL_WITH(error) (0x00050000U | (error))
#define SECCOMP_FILTER 2

#if defined __x86_64__
#define ARCHITECTURE 0xc000003eU
#elif defined __aarch64__
#define ARCHITECTURE 0xc00000b7U
#endif

#define NAMESPACES (0x00020000U | 0x02000000U | 0x04000000U | 0x08000000U | 0x10000000U | 0x20000000U | 0x40000000U)

#define LOAD(offset) {LOAD_WORD, 0, 0, (uint32_t)(offset)}
#define END(value) {RETURN, 0, 0, (value)}
/* Continues with the next instruction, which refuses, if it is this call; otherwise with the one after it. */
#define REFUSE(call) {IF_EQUAL, 0, 1, SYS_##call}, END(FAIL_WITH(EPERM))

bool call_filter_install(void) {
#ifdef ARCHITECTURE
  static const struct instruction instructions[] = {
      LOAD(offsetof(struct call, architecture)),
      {IF_EQUAL, 1, 0, ARCHITECTURE},
      END(FAIL_WITH(EPERM)),
      LOAD(offsetof(struct call, number)),
#ifdef __x86_64__
      {IF_AT_LEAST, 0, 1, 0x40000000U}, /* x32, whose numbers differ */
      END(FAIL_WITH(EPERM)),
#endif
      /* Other processes and kernel internals. */
      REFUSE(ptrace), REFUSE(process_vm_readv), REFUSE(process_vm_writev), REFUSE(kcmp), REFUSE(perf_event_open),
      REFUSE(bpf), REFUSE(userfaultfd), REFUSE(init_module), REFUSE(finit_module), REFUSE(delete_module),
      REFUSE(kexec_load), REFUSE(reboot), REFUSE(swapon), REFUSE(swapoff), REFUSE(acct), REFUSE(syslog), REFUSE(quotactl),
      REFUSE(add_key), REFUSE(request_key), REFUSE(keyctl), REFUSE(personality), REFUSE(vhangup),
#ifdef SYS_kexec_file_load
      REFUSE(kexec_file_load),
#endif
#ifdef SYS_pidfd_getfd
      REFUSE(pidfd_getfd),
#endif
#ifdef SYS_io_uring_setup
      REFUSE(io_uring_setup),
#endif
#ifdef __x86_64__
      REFUSE(iopl), REFUSE(ioperm), REFUSE(modify_ldt), REFUSE(mknod),
#endif
      /* Mounts and namespaces. */
      REFUSE(mount), REFUSE(umount2), REFUSE(pivot_root), REFUSE(chroot), REFUSE(unshare), REFUSE(setns), REFUSE(mknodat),
      REFUSE(name_to_handle_at), REFUSE(open_by_handle_at), REFUSE(fanotify_init),
#ifdef SYS_move_mount
      REFUSE(move_mount), REFUSE(open_tree), REFUSE(fsopen), REFUSE(fsconfig), REFUSE(fsmount), REFUSE(fspick),
#endif
#ifdef SYS_mount_setattr
      REFUSE(mount_setattr),
#endif
      /* The clock, host names, other users, and priorities. */
      REFUSE(settimeofday), REFUSE(clock_settime), REFUSE(adjtimex), REFUSE(clock_adjtime), REFUSE(sethostname),
      REFUSE(setdomainname), REFUSE(setuid), REFUSE(setgid), REFUSE(setreuid), REFUSE(setregid), REFUSE(setresuid),
      REFUSE(setresgid), REFUSE(setgroups), REFUSE(setfsuid), REFUSE(setfsgid), REFUSE(capset), REFUSE(setpriority),
      REFUSE(ioprio_set), REFUSE(sched_setscheduler), REFUSE(sched_setattr), REFUSE(mbind), REFUSE(set_mempolicy),
      REFUSE(migrate_pages), REFUSE(move_pages),
#ifdef SYS_clone3
      /* A filter cannot read its flags, which are in memory. With ENOSYS, the C library uses clone. */
      {IF_EQUAL, 0, 1, SYS_clone3},
      END(FAIL_WITH(ENOSYS)),
#endif
      {IF_EQUAL, 0, 4, SYS_clone},
      LOAD(offsetof(struct call, arguments)),
      {IF_ANY_BIT, 0, 1, NAMESPACES},
      END(FAIL_WITH(EPERM)),
      END(ALLOW),
      {IF_EQUAL, 0, 5, SYS_socket},
      LOAD(offsetof(struct call, arguments)),
      {IF_EQUAL, 3, 0, AF_UNIX},
      {IF_EQUAL, 2, 0, AF_INET},
      {IF_EQUAL, 1, 0, AF_INET6},
      END(FAIL_WITH(EAFNOSUPPORT)),
      END(ALLOW),
  };
  const struct filter filter = {sizeof instructions / sizeof *instructions, instructions};
  return prctl(PR_SET_SECCOMP, SECCOMP_FILTER, &filter, 0, 0) == 0;
#else
  return false;
#endif
}
