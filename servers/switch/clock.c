/* clock.c: see clock.h. */
#include "clock.h"

#include <bailiwick.h>
#include <bailiwick/clock.h>

BW_USE(timer);

static struct bw_clock clock;

bool clock_begin(uint64_t alarm) {
    clock.timer = bw_use_timer.cap, clock.bell = alarm;
    return bw_clock_now(&clock) > 0;
}

void clock_is_stale(void) { bw_clock_is_stale(&clock); }
uint64_t clock_now(void) { return bw_clock_now(&clock); }
void clock_wake(uint64_t at) { bw_clock_wake(&clock, at); }
void clock_rang(void) { bw_clock_rang(&clock); }
