/* clock.h: the time, asked for once in a turn at most. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

bool clock_begin(void);
/* Nanoseconds, as at the first look since clock_is_stale; never less than before. */
uint64_t clock_now(void);
void clock_is_stale(void);
