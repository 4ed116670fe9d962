// What this process may do: limits, another user when it is root, a filter of system calls, and a look at every address before a socket speaks to it.
//
// The look stands in for the C library's own functions: libslirp's calls are bound to ours, since a program's symbols come before its libraries'. So it does not depend on
// how libslirp reads a packet. It holds as long as libslirp only misjudges; code that took the process over would pass it by, and meet the filter alone.
// Source: seccomp(2), prctl(2); asm/unistd.h for the numbers.
#define _GNU_SOURCE
#include "confine.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
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

/** Before confine() sockets are bound, not connected: it is only ever narrowed. */
static enum reach allowed = REACH_ANY;

bool parse_reach(const char *word, enum reach *reach) {
  if (strcmp(word, "none") == 0) *reach = REACH_NONE;
  else if (strcmp(word, "loopback") == 0) *reach = REACH_LOOPBACK;
  else if (strcmp(word, "any") == 0) *reach = REACH_ANY;
  else return false;
  return true;
}

/** Sets errno when not. */
static bool may_speak_to(const struct sockaddr *address, socklen_t length) {
  if (allowed == REACH_ANY || address == NULL) return true;
  struct sockaddr_in to;
  if (allowed == REACH_LOOPBACK && length >= sizeof to && address->sa_family == AF_INET) {
    memcpy(&to, address, sizeof to);
    if (ntohl(to.sin_addr.s_addr) >> 24 == 127) return true;
  }
  errno = ENETUNREACH;
  return false;
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
  return may_speak_to(address, length) ? (int)syscall(SYS_connect, fd, address, length) : -1;
}

ssize_t sendto(int fd, const void *bytes, size_t count, int flags, const struct sockaddr *address, socklen_t length) {
  return may_speak_to(address, length) ? syscall(SYS_sendto, fd, bytes, count, flags, address, length) : -1;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  return may_speak_to(message->msg_name, message->msg_namelen) ? syscall(SYS_sendmsg, fd, message, flags) : -1;
}

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

static void filter_calls(bool reads_files) {
  static const struct sock_filter BEGINNING[] = {
    LOAD(arch),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
  };
  static const struct sock_filter FILES[] = { MAY_WITHOUT(openat, 2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC) };
  static const struct sock_filter REST[] = {
    MAY(read), MAY(write), MAY(readv), MAY(writev), MAY(close), MAY(lseek), MAY(fstat), MAY(newfstatat), MAY(fcntl), MAY(ioctl),
    MAY(ppoll),
#ifdef SYS_poll
    MAY(poll),
#endif
    MAY(bind), MAY(listen), MAY(accept), MAY(accept4), MAY(connect), MAY(shutdown), MAY(getsockname), MAY(getpeername), MAY(setsockopt), MAY(getsockopt),
    MAY(sendto), MAY(recvfrom), MAY(sendmsg), MAY(recvmsg),
    MAY(brk), MAY(munmap), MAY(mremap), MAY(madvise), MAY(futex),
    MAY(clock_gettime), MAY(clock_nanosleep), MAY(gettimeofday), MAY(getrandom), MAY(getpid), MAY(gettid), MAY(rt_sigaction), MAY(rt_sigprocmask), MAY(rt_sigreturn),
    MAY(restart_syscall), MAY(exit), MAY(exit_group),
    MAY_WITH(socket, 0, AF_INET),
    MAY_WITHOUT(mmap, 2, PROT_EXEC),
    MAY_WITHOUT(mprotect, 2, PROT_EXEC),
    REFUSE,
  };
  struct sock_filter filter[sizeof BEGINNING / sizeof *BEGINNING + sizeof FILES / sizeof *FILES + sizeof REST / sizeof *REST];
  unsigned short length = 0;
#define APPEND(part) memcpy(filter + length, part, sizeof part), length = (unsigned short)(length + sizeof part / sizeof *part)
  APPEND(BEGINNING);
  if (reads_files) APPEND(FILES);
  APPEND(REST);
  const struct sock_fprog program = { .len = length, .filter = filter };
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    fprintf(stderr, "seccomp %s\n", strerror(errno));
    exit(1);
  }
}

void confine(enum reach reach) {
  allowed = reach;
  if (chdir("/") != 0) exit(1);
  become_nobody();
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  // DNS: libslirp looks for the host's server in /etc/resolv.conf.
  filter_calls(reach == REACH_ANY);
}
