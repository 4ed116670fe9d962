/*
 * random.h: the vault's random bytes. A stream of ChaCha20 under a key that the entropy server gave, which each use replaces, so that what was given out before
 * cannot be worked out from what is kept; fresh entropy is mixed in from time to time. So nobody who asks without pause makes another wait for the device.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* False: there is no entropy. */
bool random_begin(void);
/* Calls the entropy server now and then: what stands in the IPC buffer is gone. */
void random_bytes(void *bytes, size_t count);
