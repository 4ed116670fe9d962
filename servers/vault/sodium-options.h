/*
 * sodium-options.h: how libsodium 1.0.18 is compiled here: its reference code in C, for a 64-bit little-endian machine, without its own random source, guarded
 * memory and run-time choice of code. The set-up fetched it and nobody has changed it; which of its files are taken is said in sodium-*.c.
 */
#pragma once
#define CONFIGURED 1
#define SODIUM_STATIC 1
#define NATIVE_LITTLE_ENDIAN 1
#define HAVE_TI_MODE 1
#define HAVE_INLINE_ASM 1
#define HAVE_WEAK_SYMBOLS 1
#define HAVE_C_VARARRAYS 1
/* It is not written to our warnings. */
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-function"
