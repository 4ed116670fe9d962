/* sodium-host.c: what libsodium names of the system around it. Nothing allocates; what it takes for a mistake of ours ends the server. */
#include <bailiwick.h>
#include <stdlib.h>

#include "random.h"

/* Of <sodium/core.h> and <sodium/randombytes.h>, which are not written to our warnings. */
_Noreturn void sodium_misuse(void);
void randombytes_buf(void *bytes, size_t count);

int errno;

_Noreturn void abort(void) {
    bw_log("libsodium found a mistake in how it is used");
    bw_exit(1);
}

_Noreturn void sodium_misuse(void) { abort(); }

void *malloc(size_t bytes) {
    (void)bytes;
    return NULL;
}

void free(void *bytes) { (void)bytes; }

void randombytes_buf(void *bytes, size_t count) { random_bytes(bytes, count); }
