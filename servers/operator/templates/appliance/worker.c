/* worker.c: writes a line into the log every 50 ms. It has neither a terminal nor a name for one. */
#include <bailiwick.h>
#include <bailiwick/log.h>
#include <bailiwick/timer.h>

BW_USE(log);
BW_USE(timer);

#define STEP_NS 50000000UL

static bool append(const char *text, size_t count) {
    bw_ipc()->words[0] = count;
    memcpy(&bw_ipc()->words[1], text, count);
    const struct bw_msg m = bw_call_buffer(bw_use_log.cap, LOG_APPEND, 1 + (uint32_t)((count + 7) / 8), 0);
    return bw_error(&m) == 0 && bw_label(&m) == 0;
}

int main(void) {
    /* What stands under 'args' in the manifest. */
    const uint64_t lines = bw_arg_number("lines", 1);
    struct bw_msg now = bw_call(bw_use_timer.cap, bw_info(TIMER_NOW, 0, 0), 0, 0, 0, 0);
    for (uint64_t i = 0; i < lines && bw_error(&now) == 0; i++) {
        char text[] = "line 0";
        text[5] = (char)('0' + i % 10);
        if (!append(text, sizeof text - 1)) return 1;
        now = bw_call(bw_use_timer.cap, bw_info(TIMER_SLEEP_UNTIL, 1, 0), now.w[0] + STEP_NS, 0, 0, 0);
    }
    return 0;
}
