/* Has the uplink's driver do its worst, when its neighbour has begun. */
#include <bailiwick.h>
#include <bailiwick/console.h>

BW_USE(console);
BW_USE(hub);

int main(void) {
    enum { CUT = 9 };
    bw_console_open(bw_use_console.cap);
    for (uint32_t i = 0; i < 8; i++) bw_yield();
    const struct bw_msg m = bw_call(bw_use_hub.cap, bw_info(CUT, 1, 0), 1, 0, 0, 0);
    bw_printf("killer: %s\n", bw_error_name(bw_error(&m)));
    return 0;
}
