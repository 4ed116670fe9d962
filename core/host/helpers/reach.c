// Whom sockets may speak to: a look at every address, in the place of the C library's own functions. libslirp's calls are bound to ours, since a program's symbols come
// before its libraries'. So it does not depend on how libslirp reads a packet. It holds as long as libslirp only misjudges: code that took the process over would pass it
// by, and meet the filter of system calls alone (confine.c).
#define _GNU_SOURCE
#include "reach.h"
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static enum reach allowed = REACH_NONE;

bool parse_reach(const char *word, enum reach *reach) {
  if (strcmp(word, "none") == 0) *reach = REACH_NONE;
  else if (strcmp(word, "loopback") == 0) *reach = REACH_LOOPBACK;
  else if (strcmp(word, "any") == 0) *reach = REACH_ANY;
  else return false;
  return true;
}

void limit_reach(enum reach reach) { allowed = reach; }

/** Without an address the socket speaks to whom it is connected to, which was looked at then. */
static bool may_speak_to(const struct sockaddr *address, socklen_t length) {
  if (allowed == REACH_ANY || address == NULL) return true;
  struct sockaddr_in to;
  if (allowed == REACH_LOOPBACK && length >= sizeof to && address->sa_family == AF_INET) {
    memcpy(&to, address, sizeof to);
    if (ntohl(to.sin_addr.s_addr) >> 24 == 127) return true;
  }
  return false;
}

static int refuse(int error) {
  errno = error;
  return -1;
}

/** libslirp makes a reset of this error, and of others a report that many stacks only take note of: so who connects knows at once. */
int connect(int fd, const struct sockaddr *address, socklen_t length) {
  return may_speak_to(address, length) ? (int)syscall(SYS_connect, fd, address, length) : refuse(ECONNREFUSED);
}

ssize_t sendto(int fd, const void *bytes, size_t count, int flags, const struct sockaddr *address, socklen_t length) {
  return may_speak_to(address, length) ? syscall(SYS_sendto, fd, bytes, count, flags, address, length) : refuse(ENETUNREACH);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  return may_speak_to(message->msg_name, message->msg_namelen) ? syscall(SYS_sendmsg, fd, message, flags) : refuse(ENETUNREACH);
}
