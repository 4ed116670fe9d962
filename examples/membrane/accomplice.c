/* accomplice.c: is given a page that was lent to somebody else, and keeps it. */
#include "reading.h"

BW_USE(console);

enum { SLOT_RECEIVED = 128, SLOT_KEPT };

static uint32_t do_keep(struct bw_request *r) {
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_KEPT);
    return r->caps == 1 && bw_cnode_move(BW_SLOT_CNODE, SLOT_KEPT, BW_SLOT_CNODE, SLOT_RECEIVED) == 0 ? 0 : ACCOMPLICE_E_BAD_REQUEST;
}

static uint32_t do_use(struct bw_request *r) {
    (void)r;
    look("accomplice", "the page that I was given", SLOT_KEPT, 0);
    bw_flush();
    return 0;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    static const struct bw_method methods[] = {{.label = ACCOMPLICE_KEEP, .handle = do_keep}, {.label = ACCOMPLICE_USE, .handle = do_use}};
    struct bw_service service = {.methods = methods, .count = 2, .bad_request = ACCOMPLICE_E_BAD_REQUEST, .receive_first = SLOT_RECEIVED, .receive_count = 1};
    bw_serve(&service);
}
