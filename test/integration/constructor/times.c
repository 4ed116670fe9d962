/* times.c: gives anybody as much time as he asks for. */
#include <bailiwick.h>

#include "protocol.h"

BW_USE(time);

enum { SLOT_SCHEDULE = 128 };

static uint32_t do_configure(struct bw_request *r) { return bw_sched_control_configure(bw_use_time.cap, SLOT_SCHEDULE, r->w[0], r->w[1], 0) == 0 ? 0 : TIMES_E_BAD_REQUEST; }

int main(void) {
    static const struct bw_method methods[] = {{.label = TIMES_CONFIGURE, .words = 2, .handle = do_configure}};
    struct bw_service service = {.methods = methods, .count = 1, .bad_request = TIMES_E_BAD_REQUEST, .receive_first = SLOT_SCHEDULE, .receive_count = 1};
    bw_serve(&service);
}
