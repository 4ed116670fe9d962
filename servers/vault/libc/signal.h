/* signal.h: how libsodium ends a program whose guarded memory was overrun; that memory is not used here. */
#pragma once
#include <stdlib.h>
#define SIGSEGV 11
#define SIGKILL 9
#define raise(signal) abort()
