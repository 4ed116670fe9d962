/* party.c: the service of protocol.ts. Both sides of a membrane have some. */
#include <bailiwick.h>

#include "protocol.h"

enum { SLOT_RECEIVED = 128, SLOT_KEPT = 132, SLOT_MADE = 136, SLOT_ANSWERS = 140, SLOT_OTHER = 144 };
#define MADE (1ULL << 31)
#define BELL (1ULL << 40)

static uint64_t magic, badge_kept, rung;

static uint32_t do_add(struct bw_request *r) {
    r->w[0]++;
    r->w[1] = r->badge;
    r->w[2] = magic;
    r->answer_length = 3;
    return 0;
}

static uint32_t do_give(struct bw_request *r) {
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_MADE);
    (void)bw_cnode_mint(BW_SLOT_CNODE, SLOT_MADE, BW_SLOT_CNODE, BW_SLOT_SERVICE, BW_RIGHT_WRITE | BW_RIGHT_GRANT_REPLY | BW_RIGHT_GRANT, MADE | r->w[0]);
    bw_ipc()->caps[r->answer_caps++] = SLOT_MADE;
    r->w[0] = MADE | r->w[0];
    r->answer_length = 1;
    return 0;
}

static uint32_t do_take(struct bw_request *r) {
    uint32_t kind = 0, rights = 0;
    badge_kept = (r->unwrapped & 1) != 0 ? bw_ipc()->caps[0] : 0;
    if (r->caps > 0) for (uint32_t i = 0; i < BW_MAX_CAPS; i++) (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_KEPT + i);
    for (uint32_t i = 0; i < BW_MAX_CAPS; i++) (void)bw_cnode_move(BW_SLOT_CNODE, SLOT_KEPT + i, BW_SLOT_CNODE, SLOT_RECEIVED + i);
    (void)bw_discrim_classify(BW_SLOT_DISCRIM, SLOT_KEPT, &kind, &rights);
    r->w[0] = r->caps;
    r->w[1] = kind;
    r->w[2] = badge_kept;
    r->answer_length = 3;
    return 0;
}

static uint32_t told(struct bw_request *r, const struct bw_msg *m) {
    r->w[2] = m->w[bw_label(m) == 0 ? 1 : 2];
    r->w[1] = m->w[0];
    r->w[0] = bw_error(m) != 0 ? bw_error(m) + (1U << 20) : bw_label(m);
    r->answer_length = 3;
    return 0;
}

static uint32_t do_call(struct bw_request *r) {
    const struct bw_msg m = bw_call(SLOT_KEPT, bw_info(PARTY_ADD, 1, 0), r->w[0], 0, 0, 0);
    return told(r, &m);
}

static uint32_t do_chain(struct bw_request *r) {
    const struct bw_msg m = bw_call(SLOT_KEPT, bw_info(PARTY_CALL, 1, 0), r->w[0], 0, 0, 0);
    r->w[0] = bw_error(&m) != 0 ? bw_error(&m) + (1U << 20) : bw_label(&m) != 0 ? bw_label(&m) : m.w[0];
    r->w[1] = m.w[1];
    r->w[2] = m.w[2];
    r->answer_length = 3;
    return 0;
}

static uint32_t do_back(struct bw_request *r) {
    bw_ipc()->caps[r->answer_caps++] = SLOT_KEPT;
    return 0;
}

static uint32_t do_echo(struct bw_request *r) {
    for (uint32_t i = 0; i < r->length; i++) if (i < BW_REGISTER_WORDS) r->w[i]++; else bw_ipc()->words[i]++;
    r->answer_length = r->length;
    return 0;
}

static uint32_t do_give_kind(struct bw_request *r) {
    /* A CNode with the service in it: what looks like a table is a way to what stands there. */
    static bool made;
    if (!made) {
        (void)bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_CNODE, 2, 1, BW_SLOT_CNODE, SLOT_OTHER);
        (void)bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 12, 1, BW_SLOT_CNODE, SLOT_OTHER + 1);
        (void)bw_cnode_mint(BW_SLOT_CNODE, SLOT_OTHER + 2, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, BELL);
        (void)bw_invoke(SLOT_OTHER, BW_INV_CNODE_COPY, 3, bw_pair(0, 2), bw_pair(BW_SLOT_SERVICE, BW_DEPTH | BW_ALL_RIGHTS << 8), BW_SLOT_CNODE, 0);
        made = true;
    }
    static const bw_cptr kinds[] = {
        [BW_KIND_NULL] = SLOT_OTHER + 3, [BW_KIND_UNTYPED] = BW_SLOT_UNTYPED, [BW_KIND_CNODE] = SLOT_OTHER, [BW_KIND_TCB] = BW_SLOT_TCB, [BW_KIND_ENDPOINT] = BW_SLOT_SERVICE, [BW_KIND_NOTIFICATION] = SLOT_OTHER + 2,
        [BW_KIND_REPLY] = BW_SLOT_REPLY, [BW_KIND_SCHED_CONTEXT] = BW_SLOT_SCHED_CONTEXT, [BW_KIND_VSPACE] = BW_SLOT_VSPACE, [BW_KIND_FRAME] = SLOT_OTHER + 1, [BW_KIND_DISCRIM] = BW_SLOT_DISCRIM,
    };
    if (r->w[0] >= sizeof kinds / sizeof *kinds) return PARTY_E_BAD_REQUEST;
    bw_ipc()->caps[r->answer_caps++] = kinds[r->w[0]];
    return 0;
}

static void notified(uint64_t bits) { rung |= bits; }

static uint32_t do_rung(struct bw_request *r) {
    r->w[0] = rung;
    r->answer_length = 1;
    rung = 0;
    return 0;
}

static uint32_t do_ring(struct bw_request *r) {
    r->w[0] = bw_signal(SLOT_KEPT);
    r->answer_length = 1;
    return 0;
}

static uint32_t do_hang(struct bw_request *r) {
    for (uint32_t i = 0; i <= r->length; i = 0) (void)bw_tcb_suspend(BW_SLOT_TCB);
    return 0;
}

static uint32_t do_end(struct bw_request *r) {
    (void)bw_send(r->reply, bw_info(0, 0, 0), 0, 0, 0, 0);
    bw_exit(0);
}

int main(void) {
    magic = bw_arg_number("magic", 0);
    static const struct bw_method methods[] = {
        {.label = PARTY_ADD, .words = 1, .handle = do_add}, {.label = PARTY_GIVE, .words = 1, .handle = do_give}, {.label = PARTY_TAKE, .handle = do_take},
        {.label = PARTY_CALL, .words = 1, .handle = do_call}, {.label = PARTY_BACK, .handle = do_back}, {.label = PARTY_ECHO, .handle = do_echo},
        {.label = PARTY_GIVE_KIND, .words = 1, .handle = do_give_kind}, {.label = PARTY_RUNG, .handle = do_rung}, {.label = PARTY_RING, .handle = do_ring}, {.label = PARTY_HANG, .handle = do_hang},
        {.label = PARTY_CHAIN, .words = 1, .handle = do_chain}, {.label = PARTY_END, .handle = do_end},
    };
    struct bw_service service = {
        .methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = PARTY_E_BAD_REQUEST, .notified = notified, .receive_first = SLOT_RECEIVED, .receive_count = BW_MAX_CAPS,
    };
    bw_serve(&service);
}
