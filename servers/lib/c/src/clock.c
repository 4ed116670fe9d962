/* clock.c: see clock.h. */
#include <bailiwick.h>
#include <bailiwick/clock.h>
#include <bailiwick/timer.h>

void bw_clock_is_stale(struct bw_clock *clock) { clock->known = false; }

uint64_t bw_clock_now(struct bw_clock *clock) {
    if (clock->known) return clock->now;
    const struct bw_msg m = bw_call(clock->timer, bw_info(TIMER_NOW, 0, 0), 0, 0, 0, 0);
    if (bw_error(&m) == 0 && bw_label(&m) == 0 && m.w[0] > clock->now) clock->now = m.w[0];
    clock->known = true;
    return clock->now;
}

void bw_clock_wake(struct bw_clock *clock, uint64_t at) {
    if (clock->alarm_at != 0 && clock->alarm_at <= at) return;
    bw_ipc()->caps[0] = clock->bell;
    const struct bw_msg m = bw_call(clock->timer, bw_info(TIMER_ALARM, 1, 1), at, 0, 0, 0);
    clock->alarm_at = bw_error(&m) == 0 && bw_label(&m) == 0 ? at : 0;
}

void bw_clock_rang(struct bw_clock *clock) { clock->alarm_at = 0; }
