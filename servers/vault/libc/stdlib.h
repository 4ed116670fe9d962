/* stdlib.h: libsodium names these; nothing here allocates (../sodium-host.c). */
#pragma once
#include <stddef.h>

_Noreturn void abort(void);
void *malloc(size_t bytes);
void free(void *bytes);
