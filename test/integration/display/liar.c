/* A server that says it is a display, and lies to its clients: about the next thing at each of a client's questions, until there is nothing left but the truth and no channel. */
#include <bailiwick.h>
#include <bailiwick/display-protocol.h>

enum { SLOT_FRAME = 130, SLOT_READ_ONLY, SLOT_SMALL, CLIENTS = 2 };

static uint32_t asked[CLIENTS];

static uint32_t answer(struct bw_request *r, uint64_t width, uint64_t height, uint64_t frames, uint32_t caps, bw_cptr cap) {
    r->w[0] = width, r->w[1] = height, r->w[2] = frames;
    r->answer_length = 3;
    for (uint32_t i = 0; i < caps; i++) bw_ipc()->caps[i] = cap;
    r->answer_caps = caps;
    return 0;
}

static uint32_t do_surface(struct bw_request *r) {
    switch (asked[(r->badge & 0xffff) - 1]++) {
    case 0: return DISPLAY_E_FULL;
    case 1: return 77;
    case 2: return answer(r, 100, 100, 1, 0, 0);
    case 3: return answer(r, 100, 100, 1, 1, BW_SLOT_NOTIFICATION);
    case 4: return answer(r, 0, 100, 1, 1, SLOT_FRAME);
    case 5: return answer(r, 100, 1UL << 40, 1, 1, SLOT_FRAME);
    case 6: return answer(r, 100, 100, 2, 1, SLOT_FRAME);
    case 7: return answer(r, 4096, 4096, 32, 3, SLOT_FRAME);
    case 8: return answer(r, 100, 100, 1, 2, SLOT_FRAME);
    case 9: return answer(r, 100, 100, 1, 1, SLOT_READ_ONLY);
    case 10: return answer(r, 100, 100, 1, 1, SLOT_SMALL);
    case 11: r->w[0] = r->w[1] = 100, r->answer_length = 2, r->answer_caps = 1, bw_ipc()->caps[0] = SLOT_FRAME; return 0;
    /* Two frames, and the second one never comes. */
    case 12: return answer(r, 1000, 1000, 2, 1, SLOT_FRAME);
    case 13: return answer(r, 1000, 1000, 2, 0, 0);
    default: return answer(r, 100, 100, 1, 1, SLOT_FRAME);
    }
}

static uint32_t do_open(struct bw_request *r) {
    (void)r;
    return DISPLAY_E_TOO_LARGE;
}

int main(void) {
    if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, SLOT_FRAME) != 0) return 1;
    if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 12, 1, BW_SLOT_CNODE, SLOT_SMALL) != 0) return 1;
    if (bw_cnode_copy(BW_SLOT_CNODE, SLOT_READ_ONLY, BW_SLOT_CNODE, SLOT_FRAME, BW_RIGHT_READ) != 0) return 1;
    static const struct bw_method methods[] = {{.label = DISPLAY_SURFACE, .words = 1, .handle = do_surface}, {.label = DISPLAY_OPEN, .words = 4, .handle = do_open}};
    struct bw_service service = {.methods = methods, .count = 2, .bad_request = DISPLAY_E_BAD_REQUEST, .receive_first = 128, .receive_count = 1};
    bw_serve(&service);
}
