/* clock.c: see clock.h. */
#include "clock.h"

#include <bailiwick.h>
#include <bailiwick/timer.h>

BW_USE(timer);

static uint64_t now, alarm_at, bell;
static bool stale = true;

bool clock_begin(uint64_t slot) {
    bell = slot;
    const struct bw_msg m = bw_call(bw_use_timer.cap, bw_info(TIMER_NOW, 0, 0), 0, 0, 0, 0);
    return bw_error(&m) == 0 && bw_label(&m) == 0;
}

void clock_is_stale(void) { stale = true; }

uint64_t clock_now(void) {
    if (!stale) return now;
    const struct bw_msg m = bw_call(bw_use_timer.cap, bw_info(TIMER_NOW, 0, 0), 0, 0, 0, 0);
    if (bw_error(&m) == 0 && bw_label(&m) == 0 && m.w[0] > now) now = m.w[0];
    stale = false;
    return now;
}

void clock_wake(uint64_t at) {
    if (at == UINT64_MAX || (alarm_at != 0 && alarm_at <= at)) return;
    bw_ipc()->caps[0] = bell;
    const struct bw_msg m = bw_call(bw_use_timer.cap, bw_info(TIMER_ALARM, 1, 1), at, 0, 0, 0);
    alarm_at = bw_error(&m) == 0 && bw_label(&m) == 0 ? at : 0;
}

void clock_rang(void) { alarm_at = 0; }
