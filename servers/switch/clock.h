/* clock.h: the time, asked for once in a turn at most, and an alarm. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* alarm: a notification's capability, which is signalled when clock_wake says so. */
bool clock_begin(uint64_t alarm);
/* Nanoseconds, as at the first look since clock_is_stale; never less than before. */
uint64_t clock_now(void);
void clock_is_stale(void);
/* The alarm is to ring at that time, or before; it has rung. */
void clock_wake(uint64_t at);
void clock_rang(void);
