/* clock.c: see clock.h. */
#include "clock.h"

#include <bailiwick.h>
#include <bailiwick/clock.h>

BW_USE(timer);

static struct bw_clock clock;

bool clock_begin(void) {
    clock.timer = bw_use_timer.cap;
    return bw_clock_now(&clock) > 0;
}

void clock_is_stale(void) { bw_clock_is_stale(&clock); }
uint64_t clock_now(void) { return bw_clock_now(&clock); }
