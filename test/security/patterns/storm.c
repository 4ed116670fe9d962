/*
 * storm.c: uses a membrane without pause while others do the same and its owner revokes it again and again. Whatever is answered must be right: the inner service's word, and for a part of
 * it that part's own badge; else it is a refusal that has a reason. One wrong answer and it ends with that line.
 */
#include <bailiwick.h>
#include <bailiwick/patterns-protocol.h>

#include "protocol.h"

BW_USE(host);

enum { SLOT_DOOR = 128, SLOT_PART, SLOT_MINE, SLOT_BACK };
#define MADE (1ULL << 31)

static bool is_refusal(const struct bw_msg *m) {
    if (bw_error(m) != 0) return bw_error(m) == BW_ERR_INVALID_CAPABILITY || bw_error(m) == BW_ERR_CANCELLED || bw_error(m) == BW_ERR_BROKEN;
    const uint32_t label = bw_label(m);
    return label == PATTERNS_E_REVOKED || label == PATTERNS_E_BUSY || label == PATTERNS_E_FULL || label == PATTERNS_E_CANNOT_PASS || label == HOST_E_NO_CAPABILITY;
}

/* Empties the slot, asks for a capability there. */
static struct bw_msg fetch(bw_cptr to, bw_cptr from, uint32_t label, uint64_t word, uint32_t caps) {
    (void)bw_cnode_delete(BW_SLOT_CNODE, to);
    bw_receive_slots(to, 1);
    bw_ipc()->caps[0] = SLOT_MINE;
    return bw_call(from, bw_info(label, 1, caps), word, 0, 0, 0);
}

static void wrong(const char *what, const struct bw_msg *m) {
    bw_log(what);
    bw_exit(64 + (int)(bw_error(m) != 0 ? bw_error(m) : bw_label(m) & 31));
}

static bool add(bw_cptr cap, uint64_t n, uint64_t badge) {
    const struct bw_msg m = bw_call(cap, bw_info(PARTY_ADD, 1, 0), n, 0, 0, 0);
    if (bw_error(&m) == 0 && bw_label(&m) == 0) {
        if (m.w[0] != n + 1 || m.w[2] != 777 || (badge != 0 && m.w[1] != badge)) wrong("WRONG answer", &m);
        return true;
    }
    if (!is_refusal(&m)) wrong("WRONG refusal of add", &m);
    return false;
}

int main(void) {
    const uint64_t base = bw_arg_number("base", 0);
    uint64_t done = 0;
    for (uint64_t i = 0;; i++) {
        struct bw_msg m = fetch(SLOT_DOOR, bw_use_host.cap, HOST_GET, 0, 0);
        if (bw_error(&m) != 0 || (bw_label(&m) != 0 && !is_refusal(&m))) wrong("WRONG refusal of get", &m);
        done += add(SLOT_DOOR, i, 0);
        const uint64_t number = base + i % 3;
        m = fetch(SLOT_PART, SLOT_DOOR, PARTY_GIVE, number, 0);
        if (bw_error(&m) == 0 && bw_label(&m) == 0) {
            if (m.w[0] != (MADE | number)) wrong("WRONG part", &m);
            done += add(SLOT_PART, i, MADE | number);
        } else if (!is_refusal(&m)) wrong("WRONG refusal of give", &m);
        /* Its own, each time another: so the table is full, again and again. */
        (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_MINE);
        (void)bw_cnode_mint(BW_SLOT_CNODE, SLOT_MINE, BW_SLOT_CNODE, BW_SLOT_SERVICE, BW_RIGHT_WRITE, MADE | (base << 16) | (i & 0xffff));
        m = fetch(SLOT_BACK, SLOT_DOOR, PARTY_TAKE, 0, 1);
        if (!(bw_error(&m) == 0 && bw_label(&m) == 0) && !is_refusal(&m)) wrong("WRONG refusal of take", &m);
        if (done > 0 && i % 64 == 63) {
            bw_log("right");
            done = 0;
        }
    }
}
