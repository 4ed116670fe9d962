/* membrane-server.c: the server that is called, through nothing or through something. */
#include "membrane.h"

enum { SLOT_RECEIVED = 128 };

static uint32_t do_call(struct bw_request *r) {
    r->w[0] += 1 + r->caps;
    r->answer_length = r->length;
    return 0;
}

int main(void) {
    static const struct bw_method methods[] = {{.label = CALL, .words = 1, .handle = do_call}};
    struct bw_service service = {.methods = methods, .count = 1, .bad_request = REFUSED, .receive_first = SLOT_RECEIVED, .receive_count = BW_MAX_CAPS};
    bw_serve(&service);
}
