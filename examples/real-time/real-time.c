/*
 * real-time.c: something that has to be done every `args.period` microseconds, and a look at how late it is. It has a clock's registers and its interrupt, and a higher priority than all else: it sets
 * the alarm, waits for the interrupt, and reads the clock. What is between the alarm's time and that look is the latency. Every `args.window` milliseconds it prints the distribution; after
 * `args.windows` of them it ends with all of it (0: never).
 *
 * A wake that is later than a period makes the next ones fall out: they are counted as missed, and the beat goes on.
 */
#include <bailiwick.h>
#include <bailiwick/console.h>

#include "late.h"

BW_USE(console);
BW_USE(regs);
BW_USE(irq);

/* The goldfish clock: nanoseconds; reading TIME_LOW latches TIME_HIGH, writing ALARM_LOW arms. */
enum { TIME_LOW = 0x00 / 4, TIME_HIGH = 0x04 / 4, ALARM_LOW = 0x08 / 4, ALARM_HIGH = 0x0c / 4, IRQ_ENABLED = 0x10 / 4, CLEAR_INTERRUPT = 0x1c / 4 };

static volatile uint32_t *clock;
static struct late window, all;
static uint64_t missed, all_missed;

static uint64_t now(void) {
    const uint64_t low = clock[TIME_LOW];
    return (uint64_t)clock[TIME_HIGH] << 32 | low;
}

/* Until it is `at`; the time when this program runs again. */
static uint64_t sleep_until(uint64_t at) {
    clock[ALARM_HIGH] = (uint32_t)(at >> 32);
    clock[ALARM_LOW] = (uint32_t)at;
    for (;;) {
        (void)bw_wait(BW_SLOT_NOTIFICATION);
        const uint64_t time = now();
        clock[CLEAR_INTERRUPT] = 1;
        (void)bw_irq_ack(bw_use_irq.cap);
        if (time >= at) return time;
    }
}

static void show(const char *what, const struct late *late, uint64_t without) {
    const struct { const char *name; uint64_t ns; } parts[] = {
        {"min", late->count == 0 ? 0 : late->least}, {"median", late_quantile(late, 500)}, {"99%", late_quantile(late, 990)}, {"99.9%", late_quantile(late, 999)}, {"max", late->most},
    };
    bw_printf("%s: %lu wakes, us late:", what, late->count);
    for (uint32_t i = 0; i < sizeof parts / sizeof *parts; i++) bw_printf(" %s %lu.%lu", parts[i].name, parts[i].ns / 1000, parts[i].ns % 1000 / 100);
    bw_printf("; %lu missed\n", without);
    bw_flush();
}

int main(void) {
    const uint64_t period = bw_arg_number("period", 1000) * 1000, length = bw_arg_number("window", 2000) * 1000000, windows = bw_arg_number("windows", 0);
    clock = (volatile uint32_t *)bw_use_regs.address;
    bw_console_open(bw_use_console.cap);
    clock[IRQ_ENABLED] = 1;
    (void)bw_irq_ack(bw_use_irq.cap);
    late_clear(&all);
    for (uint64_t done = 0; windows == 0 || done < windows; done++) {
        late_clear(&window);
        missed = 0;
        const uint64_t end = now() + length;
        for (uint64_t at = now() + period; at < end; at += period) {
            const uint64_t late = sleep_until(at) - at;
            late_add(&window, late);
            late_add(&all, late);
            missed += late / period;
            at += late / period * period;
        }
        all_missed += missed;
        show("window", &window, missed);
    }
    show("all", &all, all_missed);
    return 0;
}
