/* clock.h: the time, asked for once in each message or signal, and one alarm. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick/clock.h>

#define NS_PER_MS 1000000UL

/* For what keeps to it, too: quotas. */
extern struct bw_clock the_clock;

/* bell: the slot of a notification to be rung. False: there is no timer. */
bool clock_begin(uint64_t bell);
/* What was asked for is too old. */
void clock_is_stale(void);
/* Nanoseconds. */
uint64_t clock_now(void);
/* To be woken at `at`, or before. */
void clock_wake(uint64_t at);
/* The alarm has rung. */
void clock_rang(void);
