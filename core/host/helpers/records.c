// Frames on standard input and output (records.h).
#include "records.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEADER = 2, INPUT_BYTES = 64 * 1024 };

void fail(int status, const char *what, const char *why) {
  fprintf(stderr, "%s %s\n", what, why);
  exit(status);
}

const char *error_name(int error) {
  switch (error) {
    case EADDRINUSE: return "EADDRINUSE";
    case EADDRNOTAVAIL: return "EADDRNOTAVAIL";
    case EACCES: return "EACCES";
    case EPERM: return "EPERM";
    case EBUSY: return "EBUSY";
    case ENOENT: return "ENOENT";
    case ENODEV: return "ENODEV";
    case EINVAL: return "EINVAL";
    default: return strerror(error);
  }
}

void prepare_records(void) {
  fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
  fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) & ~O_NONBLOCK);
}

static void put(const uint8_t *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(STDOUT_FILENO, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) exit(OK); // nobody reads any more
    bytes += written;
    length -= (size_t)written;
  }
}

void put_ready(void) { put((const uint8_t[HEADER]){ 0, 0 }, HEADER); }

void put_frame(const uint8_t *frame, size_t length) {
  uint8_t record[HEADER + MAX_FRAME];
  if (length < MIN_FRAME || length > MAX_FRAME) return;
  record[0] = (uint8_t)length;
  record[1] = (uint8_t)(length >> 8);
  memcpy(record + HEADER, frame, length);
  put(record, HEADER + length);
}

void take_frames(void (*take)(const uint8_t *frame, size_t length, void *opaque), void *opaque) {
  static uint8_t input[INPUT_BYTES];
  static size_t held;
  ssize_t got = read(STDIN_FILENO, input + held, sizeof input - held);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) exit(OK);
  held += (size_t)got;
  size_t at = 0;
  while (held - at >= HEADER) {
    size_t length = input[at] | (size_t)input[at + 1] << 8;
    if (length < MIN_FRAME || length > MAX_FRAME) fail(NONSENSE, "frame", "EINVAL");
    if (held - at < HEADER + length) break;
    take(input + at + HEADER, length, opaque);
    at += HEADER + length;
  }
  memmove(input, input + at, held -= at);
}
