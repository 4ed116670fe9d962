// What a helper may do: limits, another user when it is root, and a filter of system calls. What the filter does not know is refused with EPERM.
// Source: seccomp(2), prctl(2).
#define _GNU_SOURCE
#include "confine.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "no filter of system calls for this machine"
#endif

enum { MEMORY_BYTES = 512 * 1024 * 1024, NOBODY = 65534 };

static void limit(int what, rlim_t most) {
  struct rlimit limits = { .rlim_cur = most, .rlim_max = most };
  if (setrlimit((__rlimit_resource_t)what, &limits) != 0) {
    perror("setrlimit");
    exit(1);
  }
}

void limit_resources(unsigned max_files) {
  limit(RLIMIT_NOFILE, max_files);
  limit(RLIMIT_AS, MEMORY_BYTES);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  // Whatever was open in who started this is not ours.
  for (unsigned fd = 3; fd < max_files; fd++) close((int)fd);
}

/** Where this is root. Not an error where there is nobody to become, as in a container of one user. */
static void become_nobody(void) {
  if (geteuid() != 0) return;
  if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0) return;
  if (setuid(NOBODY) != 0) return;
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_ARGUMENT(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
/** The call itself. */
#define MAY(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), ALLOW
/** The call when none of these bits is in its argument; else it is refused. */
#define MAY_WITHOUT(call, argument, bits) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), LOAD_ARGUMENT(argument), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, 1), REFUSE, ALLOW
/** The call when its argument is this; else it is refused. */
#define MAY_WITH(call, argument, value) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), LOAD_ARGUMENT(argument), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 1, 0), REFUSE, ALLOW

static void filter_calls(enum calls calls) {
  static const struct sock_filter BEGINNING[] = {
    LOAD(arch),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
  };
  static const struct sock_filter FRAMES[] = {
    MAY(read), MAY(write), MAY(ppoll),
#ifdef SYS_poll
    MAY(poll),
#endif
    MAY(restart_syscall), MAY(rt_sigreturn), MAY(exit), MAY(exit_group),
  };
  static const struct sock_filter FILES[] = { MAY_WITHOUT(openat, 2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC) };
  static const struct sock_filter SOCKETS[] = {
    MAY(readv), MAY(writev), MAY(close), MAY(lseek), MAY(fstat), MAY(newfstatat), MAY(fcntl), MAY(ioctl),
    MAY(bind), MAY(listen), MAY(accept), MAY(accept4), MAY(connect), MAY(shutdown), MAY(getsockname), MAY(getpeername), MAY(setsockopt), MAY(getsockopt),
    MAY(sendto), MAY(recvfrom), MAY(sendmsg), MAY(recvmsg),
    MAY(brk), MAY(munmap), MAY(mremap), MAY(madvise), MAY(futex),
    MAY(clock_gettime), MAY(clock_nanosleep), MAY(gettimeofday), MAY(getrandom), MAY(getpid), MAY(gettid), MAY(rt_sigaction), MAY(rt_sigprocmask),
    MAY_WITH(socket, 0, AF_INET),
    MAY_WITHOUT(mmap, 2, PROT_EXEC),
    MAY_WITHOUT(mprotect, 2, PROT_EXEC),
  };
  static const struct sock_filter END[] = { REFUSE };
#define LENGTH(part) (sizeof part / sizeof *part)
  struct sock_filter filter[LENGTH(BEGINNING) + LENGTH(FRAMES) + LENGTH(FILES) + LENGTH(SOCKETS) + LENGTH(END)];
  unsigned short length = 0;
#define APPEND(part) (memcpy(filter + length, part, sizeof part), length = (unsigned short)(length + LENGTH(part)))
  APPEND(BEGINNING);
  APPEND(FRAMES);
  if (calls != CALLS_FRAMES) APPEND(SOCKETS);
  if (calls == CALLS_SOCKETS_AND_FILES) APPEND(FILES);
  APPEND(END);
  const struct sock_fprog program = { .len = length, .filter = filter };
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    fprintf(stderr, "seccomp %s\n", strerror(errno));
    exit(1);
  }
}

void confine(enum calls calls) {
  if (chdir("/") != 0) exit(1);
  become_nobody();
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  filter_calls(calls);
}
