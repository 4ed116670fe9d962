/* membrane-client.c: calls the server by each way in turn, args.calls times in each of args.rounds rounds, and says by the operator's log where each begins and ends. */
#include "membrane.h"

BW_USE(server);
BW_USE(forwarder);
BW_USE(threaded);

enum { SLOT_FACET = 128, SLOT_MEMBRANE, SLOT_THREADED, SLOT_ARGUMENT };

static bool fetch(bw_cptr slot, bw_cptr from, uint64_t what) {
    bw_receive_slots(slot, 1);
    const struct bw_msg m = bw_call(from, bw_info(GET, 1, 0), what, 0, 0, 0);
    bw_receive_slots(0, 0);
    return bw_error(&m) == 0 && bw_label(&m) == 0 && bw_caps(&m) == 1;
}

/* Each call's answer is the next one's word: at the end all of them must have been answered rightly. */
static bool repeat(bw_cptr cap, uint32_t caps, uint64_t calls) {
    uint64_t word = 0;
    for (uint64_t i = 0; i < calls; i++) {
        bw_ipc()->caps[0] = SLOT_ARGUMENT;
        const struct bw_msg m = bw_call(cap, bw_info(CALL, BW_REGISTER_WORDS, caps), word, 1, 2, 3);
        if (m.info != bw_info(0, BW_REGISTER_WORDS, 0)) return false;
        word = m.w[0];
    }
    return word == calls * (1 + caps);
}

int main(void) {
    const uint64_t calls = bw_arg_number("calls", 0), rounds = bw_arg_number("rounds", 0);
    const bool ready = fetch(SLOT_FACET, bw_use_forwarder.cap, FACET) && fetch(SLOT_MEMBRANE, bw_use_forwarder.cap, MEMBRANE) && fetch(SLOT_THREADED, bw_use_threaded.cap, MEMBRANE)
        && bw_cnode_mint(BW_SLOT_CNODE, SLOT_ARGUMENT, BW_SLOT_CNODE, BW_SLOT_SERVICE, BW_RIGHT_WRITE, 7) == 0;
    if (!ready) return 1;
    const struct { const char *name; bw_cptr cap; uint32_t caps; } ways[] = {
        {"direct", bw_use_server.cap, 0}, {"facet", SLOT_FACET, 0}, {"membrane", SLOT_MEMBRANE, 0}, {"threads", SLOT_THREADED, 0},
        {"direct.cap", bw_use_server.cap, 1}, {"facet.cap", SLOT_FACET, 1}, {"membrane.cap", SLOT_MEMBRANE, 1},
    };
    for (uint64_t round = 0; round <= rounds; round++) {
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            bw_log(ways[i].name);
            if (!repeat(ways[i].cap, ways[i].caps, calls)) return 2;
            bw_log("end");
        }
    }
    return 0;
}
