/* Writes lines, more than it may, and then tries to read. */
#include <bailiwick.h>
#include <bailiwick/log.h>

BW_USE(log);

static uint32_t append(const char *text) {
    const size_t count = strlen(text);
    bw_ipc()->words[0] = count;
    memcpy(&bw_ipc()->words[1], text, count);
    const struct bw_msg m = bw_call_buffer(bw_use_log.cap, LOG_APPEND, 1 + (uint32_t)((count + 7) / 8), 0);
    return bw_error(&m) != 0 ? 100 : bw_label(&m);
}

int main(void) {
    if (append("first") != 0) return 1;
    uint32_t refused = 0;
    for (uint32_t i = 0; i < 100; i++) refused += append("again") == LOG_E_TOO_FAST;
    const struct bw_msg read = bw_call(bw_use_log.cap, bw_info(LOG_READ, 1, 0), 0, 0, 0, 0);
    const struct bw_msg longer = bw_call(bw_use_log.cap, bw_info(LOG_APPEND, 1, 0), 201, 0, 0, 0), none = bw_call(bw_use_log.cap, bw_info(LOG_APPEND, 1, 0), 50, 0, 0, 0);
    /* Once a second is over there is room for one more; what was refused is told with it. */
    while (append("last") != 0) refused++;
    return refused < 69 ? 2 : bw_label(&read) != LOG_E_NOT_YOURS ? 3 : bw_label(&longer) != LOG_E_BAD_REQUEST || bw_label(&none) != LOG_E_BAD_REQUEST ? 4 : 0;
}
