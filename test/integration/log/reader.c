/* Waits until both writers have written their last line, and prints what each wrote: the first line, how many, how many were refused. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/log.h>

BW_USE(console);
BW_USE(log);

static struct {
    uint64_t badge;
    uint32_t lines, refused;
    bool last, first_is_first;
} writers[2];

int main(void) {
    bw_console_open(bw_use_console.cap);
    bw_ipc()->caps[0] = BW_SLOT_NOTIFICATION;
    (void)bw_call(bw_use_log.cap, bw_info(LOG_ATTACH, 0, 1), 0, 0, 0, 0);
    for (uint64_t next = 0; !writers[0].last || !writers[1].last;) {
        const struct bw_msg m = bw_call(bw_use_log.cap, bw_info(LOG_READ, 1, 0), next, 0, 0, 0);
        if (bw_label(&m) == LOG_E_NONE) {
            (void)bw_wait(BW_SLOT_NOTIFICATION);
            continue;
        }
        if (m.w[0] != next) bw_printf("a line was lost\n");
        next = m.w[0] + 1;
        const char *text = (const char *)&bw_ipc()->words[4];
        const uint32_t i = writers[0].badge == 0 || writers[0].badge == m.w[1] ? 0 : 1;
        if (writers[i].lines == 0) writers[i].first_is_first = m.w[3] == 5 && memcmp(text, "first", 5) == 0;
        writers[i].badge = m.w[1];
        writers[i].lines++;
        writers[i].refused += (uint32_t)m.w[2];
        writers[i].last = writers[i].last || (m.w[3] == 4 && memcmp(text, "last", 4) == 0);
    }
    const bool two = writers[0].badge != writers[1].badge && writers[0].badge >> 16 == writers[1].badge >> 16;
    bw_printf("two writers: %d\n", two);
    for (uint32_t i = 0; i < 2; i++) bw_printf("first: %d, at least 33 lines and no more than 60: %d, at least 60 refused: %d\n", writers[i].first_is_first, writers[i].lines >= 33 && writers[i].lines <= 60, writers[i].refused >= 60);
    const struct bw_msg append = bw_call(bw_use_log.cap, bw_info(LOG_APPEND, 1, 0), 0, 0, 0, 0);
    bw_printf("a reader cannot append: %d\n", bw_label(&append) == LOG_E_NOT_YOURS);
    return 0;
}
