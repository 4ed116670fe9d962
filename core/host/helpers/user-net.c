// User networking: a network 10.0.2.0/24 whose TCP, UDP and ping go on through this host's own sockets, by libslirp. A program of its own, since
// libslirp parses what an appliance sends: what breaks it breaks this process, which may do next to nothing (confine.c, reach.c).
//
//   user-net none|loopback|any [tcp|udp:ADDRESS:PORT:PORT]...
//
// The network is libslirp's usual one: the host is 10.0.2.2 (its loopback), DNS 10.0.2.3 (with `any` alone), and DHCP gives out 10.0.2.15, to which forwards lead.
// Source: libslirp.h; the addresses are those of QEMU's user networking.
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <libslirp.h>
#include "confine.h"
#include "reach.h"
#include "records.h"

/** Sockets of the appliance's, all together, with the few files that are not one. */
enum { MAX_FILES = 1024 };

enum { STDIN = 0, LONGEST_WAIT_MS = 60000 };

static struct pollfd polled[MAX_FILES + 1];
static int polled_count;

static struct in_addr address_of(uint8_t last) { return (struct in_addr){ .s_addr = htonl(0x0a000200u | last) }; }

static ssize_t to_appliance(const void *frame, size_t length, void *opaque) {
  (void)opaque;
  put_frame(frame, length);
  return (ssize_t)length;
}

static void from_appliance(const uint8_t *frame, size_t length, void *slirp) { slirp_input(slirp, frame, (int)length); }

static int64_t now_ns(void *opaque) {
  (void)opaque;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void misbehaviour(const char *message, void *opaque) { (void)message, (void)opaque; }
/** Timers are IPv6's, which is off. */
static void *no_timer(SlirpTimerCb callback, void *callback_opaque, void *opaque) { (void)callback, (void)callback_opaque, (void)opaque; return NULL; }
static void no_timer_free(void *timer, void *opaque) { (void)timer, (void)opaque; }
static void no_timer_set(void *timer, int64_t ms, void *opaque) { (void)timer, (void)ms, (void)opaque; }
/** Descriptors are told anew before each wait. */
static void no_register(int fd, void *opaque) { (void)fd, (void)opaque; }
static void no_notify(void *opaque) { (void)opaque; }

static const SlirpCb CALLBACKS = {
  .send_packet = to_appliance,
  .guest_error = misbehaviour,
  .clock_get_ns = now_ns,
  .timer_new = no_timer,
  .timer_free = no_timer_free,
  .timer_mod = no_timer_set,
  .register_poll_fd = no_register,
  .unregister_poll_fd = no_register,
  .notify = no_notify,
};

static int add_poll(int fd, int events, void *opaque) {
  (void)opaque;
  if (polled_count > MAX_FILES) return -1;
  int wanted = (events & SLIRP_POLL_IN ? POLLIN : 0) | (events & SLIRP_POLL_OUT ? POLLOUT : 0) | (events & SLIRP_POLL_PRI ? POLLPRI : 0);
  polled[polled_count] = (struct pollfd){ .fd = fd, .events = (short)wanted };
  return polled_count++;
}

static int polled_events(int index, void *opaque) {
  (void)opaque;
  if (index < 0 || index >= polled_count) return 0;
  int events = polled[index].revents;
  return (events & POLLIN ? SLIRP_POLL_IN : 0) | (events & POLLOUT ? SLIRP_POLL_OUT : 0) | (events & POLLPRI ? SLIRP_POLL_PRI : 0) |
         (events & POLLERR ? SLIRP_POLL_ERR : 0) | (events & POLLHUP ? SLIRP_POLL_HUP : 0);
}

/** @return 1..65535, or 0 */
static int port_of(const char *text) {
  int port = 0;
  if (*text == '\0' || strlen(text) > 5) return 0;
  for (; *text != '\0'; text++) {
    if (*text < '0' || *text > '9') return 0;
    port = port * 10 + (*text - '0');
  }
  return port > 65535 ? 0 : port;
}

/** @param text PROTOCOL:ADDRESS:PORT:PORT */
static void open_forward(Slirp *slirp, const char *text) {
  char copy[64];
  char *part[4], *rest = copy;
  if (strlen(text) >= sizeof copy) fail(USAGE, "forward", "EINVAL");
  strcpy(copy, text);
  for (int i = 0; i < 4; i++) part[i] = strsep(&rest, ":");
  struct in_addr host;
  int outer, inner, udp = part[0] != NULL && strcmp(part[0], "udp") == 0;
  if (part[3] == NULL || rest != NULL || (!udp && strcmp(part[0], "tcp") != 0) || inet_pton(AF_INET, part[1], &host) != 1 ||
      (outer = port_of(part[2])) == 0 || (inner = port_of(part[3])) == 0) {
    fail(USAGE, text, "EINVAL");
  }
  errno = 0;
  if (slirp_add_hostfwd(slirp, udp, host, outer, address_of(15), inner) < 0) fail(UNUSABLE, text, error_name(errno));
}

int main(int count, char **args) {
  enum reach reach;
  if (count < 2 || !parse_reach(args[1], &reach)) fail(USAGE, "usage: user-net none|loopback|any [tcp|udp:ADDRESS:PORT:PORT]...", "");
  limit_resources(MAX_FILES);
  prepare_records();
  const SlirpConfig config = {
    .version = 3,
    .restricted = reach == REACH_NONE,
    .in_enabled = true,
    .vnetwork = address_of(0),
    .vnetmask.s_addr = htonl(0xffffff00u),
    .vhost = address_of(2),
    .vdhcp_start = address_of(15),
    // What DHCP tells: without one who asks for a name knows at once that there is none.
    .vnameserver = reach == REACH_ANY ? address_of(3) : (struct in_addr){ .s_addr = INADDR_ANY },
    .disable_host_loopback = reach == REACH_NONE,
    .disable_dns = reach != REACH_ANY,
  };
  Slirp *slirp = slirp_new(&config, &CALLBACKS, NULL);
  if (slirp == NULL) fail(UNUSABLE, "libslirp", "refused its configuration");
  for (int i = 2; i < count; i++) open_forward(slirp, args[i]);
  limit_reach(reach);
  // DNS: libslirp looks for the host's server in /etc/resolv.conf.
  confine(reach == REACH_ANY ? CALLS_SOCKETS_AND_FILES : CALLS_SOCKETS);
  put_ready();
  for (;;) {
    uint32_t timeout = UINT32_MAX;
    polled[0] = (struct pollfd){ .fd = STDIN, .events = POLLIN };
    polled_count = 1;
    slirp_pollfds_fill(slirp, &timeout, add_poll, NULL);
    int ready = poll(polled, (nfds_t)polled_count, timeout > LONGEST_WAIT_MS ? LONGEST_WAIT_MS : (int)timeout);
    slirp_pollfds_poll(slirp, ready < 0, polled_events, NULL);
    if (ready > 0 && polled[0].revents != 0) take_frames(from_appliance, slirp);
  }
}
