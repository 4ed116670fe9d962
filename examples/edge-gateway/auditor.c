/* auditor.c: shows what the log holds, in a view of its own, as it comes. It can read the log, and nothing else; and nobody else can. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/log.h>

BW_USE(console);
BW_USE(log);

enum { SLOT_BELL = 128, LINE = 200 };

static bool show(uint64_t *next) {
    char line[LINE];
    const struct bw_msg m = bw_call(bw_use_log.cap, bw_info(LOG_READ, 1, 0), *next, 0, 0, 0);
    if (bw_error(&m) != 0 || bw_label(&m) != 0 || m.w[3] > LINE) return false;
    memcpy(line, &bw_ipc()->words[4], m.w[3]);
    if (m.w[0] > *next) bw_printf("(%lu lines are no longer kept)\n", m.w[0] - *next);
    if (m.w[2] > 0) bw_printf("(%lu lines were too many, and are not here)\n", m.w[2]);
    bw_printf("%lu ", m.w[0]);
    bw_write(line, m.w[3]);
    bw_putchar('\n');
    *next = m.w[0] + 1;
    return true;
}

int main(void) {
    uint64_t next = 0;
    bw_console_open(bw_use_console.cap);
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, 1) != 0) return 1;
    bw_ipc()->caps[0] = SLOT_BELL;
    const struct bw_msg m = bw_call(bw_use_log.cap, bw_info(LOG_ATTACH, 0, 1), 0, 0, 0, 0);
    if (bw_error(&m) != 0 || bw_label(&m) != 0) return 1;
    for (;;) {
        while (show(&next)) continue;
        bw_flush();
        (void)bw_wait(BW_SLOT_NOTIFICATION);
    }
}
