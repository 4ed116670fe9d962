/* clock.c: see clock.h. */
#include "clock.h"

#include <bailiwick.h>
#include <bailiwick/timer.h>

BW_USE(timer);

static uint64_t now;
static bool stale = true;

static bool ask(void) {
    const struct bw_msg m = bw_call(bw_use_timer.cap, bw_info(TIMER_NOW, 0, 0), 0, 0, 0, 0);
    const bool told = bw_error(&m) == 0 && bw_label(&m) == 0;
    if (told && m.w[0] > now) now = m.w[0];
    stale = false;
    return told;
}

bool clock_begin(void) { return ask(); }
void clock_is_stale(void) { stale = true; }

uint64_t clock_now(void) {
    if (stale) (void)ask();
    return now;
}
