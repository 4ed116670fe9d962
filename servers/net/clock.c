/* clock.c: see clock.h. */
#include "clock.h"

#include <bailiwick.h>

BW_USE(timer);

struct bw_clock the_clock;

bool clock_begin(uint64_t bell) {
    the_clock = (struct bw_clock){.timer = bw_use_timer.cap, .bell = bell};
    return bw_clock_now(&the_clock) > 0;
}

void clock_is_stale(void) { bw_clock_is_stale(&the_clock); }
uint64_t clock_now(void) { return bw_clock_now(&the_clock); }

void clock_wake(uint64_t at) {
    if (at != UINT64_MAX) bw_clock_wake(&the_clock, at);
}

void clock_rang(void) { bw_clock_rang(&the_clock); }
