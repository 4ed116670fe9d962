// A TAP interface of the host's: its frames on standard input and output.
//
//   tap NAME
//
// The interface is one that this user may use (`ip tuntap add dev NAME mode tap user USER`), or is made for the run where the process may do that.
// Source: Linux, Documentation/networking/tuntap.rst; netdevice(7).
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "confine.h"
#include "records.h"

enum { MAX_FILES = 16, LARGEST = 65536 };

static void to_interface(const uint8_t *frame, size_t length, void *tap) {
  // What the interface has no room for, or cannot take while it is down, is lost as on any wire.
  ssize_t written = write(*(int *)tap, frame, length);
  (void)written;
}

/** Frames are taken only by an interface that is up. */
static void bring_up(struct ifreq *request, const char *name) {
  int control = socket(AF_INET, SOCK_DGRAM, 0);
  if (control < 0 || ioctl(control, SIOCGIFFLAGS, request) != 0) fail(UNUSABLE, name, error_name(errno));
  if ((request->ifr_flags & IFF_UP) == 0) {
    request->ifr_flags = (short)(request->ifr_flags | IFF_UP);
    if (ioctl(control, SIOCSIFFLAGS, request) != 0) fail(UNUSABLE, name, "ENETDOWN");
  }
  close(control);
}

static int open_tap(const char *name) {
  struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
  if (strlen(name) == 0 || strlen(name) >= sizeof request.ifr_name || strchr(name, '%') != NULL) fail(USAGE, name, "EINVAL");
  memcpy(request.ifr_name, name, strlen(name) + 1);
  int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (tap < 0) fail(UNUSABLE, "/dev/net/tun", error_name(errno));
  if (ioctl(tap, TUNSETIFF, &request) != 0) fail(UNUSABLE, name, error_name(errno));
  bring_up(&request, name);
  return tap;
}

int main(int count, char **args) {
  if (count != 2) fail(USAGE, "usage: tap NAME", "");
  limit_resources(MAX_FILES);
  prepare_records();
  int tap = open_tap(args[1]);
  confine(CALLS_FRAMES);
  put_ready();
  for (;;) {
    struct pollfd polled[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = tap, .events = POLLIN } };
    if (poll(polled, 2, -1) < 0) continue;
    if (polled[0].revents != 0) take_frames(to_interface, &tap);
    if (polled[1].revents == 0) continue;
    static uint8_t frame[LARGEST];
    ssize_t got = read(tap, frame, sizeof frame);
    if (got > 0) put_frame(frame, (size_t)got);
    else if (got < 0 && errno != EAGAIN && errno != EINTR) fail(UNUSABLE, "the interface is gone", "");
  }
}
