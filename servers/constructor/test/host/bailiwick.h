/* bailiwick.h: what image.c needs of the library, for a program of the host's. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <bailiwick/abi.h>
#include <bailiwick/program.h>

typedef uint64_t bw_cptr;
