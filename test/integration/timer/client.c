/* A client of the timer: sleeps, alarms, and what it may not have. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/timer.h>

BW_USE(console);
BW_USE(timer);

#define MS 1000000UL
enum { SLOT_BELL = 128, BIT = 1 << 3 };

static struct bw_msg ask(uint32_t label, uint32_t words, uint64_t w0) { return bw_call(bw_use_timer.cap, bw_info(label, words, 0), w0, 0, 0, 0); }
static uint64_t now(void) { return ask(TIMER_NOW, 0, 0).w[0]; }
static uint32_t alarm(uint64_t at, bw_cptr cap, bool with) {
    bw_ipc()->caps[0] = cap;
    const struct bw_msg m = bw_call(bw_use_timer.cap, bw_info(TIMER_ALARM, 1, with), at, 0, 0, 0);
    return bw_label(&m);
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    const uint64_t begin = now();
    const struct bw_msg slept = ask(TIMER_SLEEP_UNTIL, 1, begin + 20 * MS);
    bw_printf("slept: %s\n", bw_error(&slept) == 0 && slept.w[0] >= begin + 20 * MS && now() >= slept.w[0] ? "as long as asked" : "wrong");
    const struct bw_msg past = ask(TIMER_SLEEP_UNTIL, 1, begin);
    bw_printf("until the past: %s\n", past.w[0] >= begin && bw_label(&past) == 0 ? "at once" : "wrong");

    (void)bw_cnode_mint(BW_SLOT_CNODE, SLOT_BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, BIT);
    const uint64_t at = now() + 30 * MS;
    bw_printf("alarm: %u\n", alarm(at + 3600000 * MS, SLOT_BELL, true));
    bw_printf("moved: %u\n", alarm(at, SLOT_BELL, true));
    const struct bw_msg rung = bw_wait(BW_SLOT_NOTIFICATION);
    bw_printf("rang: %s\n", rung.badge == BIT && now() >= at ? "in time" : "wrong");
    bw_printf("nothing to cancel: %lu\n", ask(TIMER_CANCEL, 0, 0).w[0]);
    bw_printf("another: %u, cancelled: %lu\n", alarm(now() + 10 * MS, SLOT_BELL, true), ask(TIMER_CANCEL, 0, 0).w[0]);
    (void)ask(TIMER_SLEEP_UNTIL, 1, now() + 20 * MS);
    const struct bw_msg quiet = bw_poll(BW_SLOT_NOTIFICATION);
    bw_printf("rings no more: %s\n", bw_error(&quiet) == BW_ERR_WOULD_BLOCK ? "right" : "wrong");
    bw_printf("without a bell: %u, with something else: %u\n", alarm(0, 0, false), alarm(0, BW_SLOT_TCB, true));
    return 0;
}
