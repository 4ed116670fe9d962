/* gate.c: facets and caretakers. Invariants: patterns/gate.h. */
#include <bailiwick.h>
#include <bailiwick/patterns-protocol.h>
#include <bailiwick/patterns/gate.h>

static bool has_label(const struct bw_gate *gate, uint32_t label) {
    if (gate->labels == NULL) return true;
    for (uint32_t i = 0; i < gate->count; i++) if (gate->labels[i] == label) return true;
    return false;
}

/* 0, or the refusal. */
static uint32_t judge(const struct bw_gate *gate, const struct bw_request *r) {
    if (gate->target == 0) return PATTERNS_E_REVOKED;
    if (gate->paused) return PATTERNS_E_PAUSED;
    if (!has_label(gate, r->label)) return PATTERNS_E_NOT_ALLOWED;
    /* One of this program's own came as its badge: which rights it had is not known, so it cannot be made again. */
    if (r->caps > 0 && (!gate->carries || r->unwrapped != 0)) return PATTERNS_E_CANNOT_PASS;
    return 0;
}

static void empty_answers(struct bw_gate *gate) {
    for (; gate->held > 0; gate->held--) (void)bw_cnode_delete(BW_SLOT_CNODE, gate->answers + gate->held - 1);
}

uint32_t bw_gate_handle(struct bw_gate *gate, struct bw_request *r) {
    const uint32_t refusal = judge(gate, r);
    if (refusal != 0) {
        gate->refused++;
        return refusal;
    }
    struct bw_ipc *ipc = bw_ipc();
    empty_answers(gate);
    for (uint32_t i = 0; i < r->caps; i++) ipc->caps[i] = r->service->receive_first + i;
    /* Without `carries` there is no slot to receive in, so none comes. */
    bw_receive_slots(gate->answers, gate->carries ? BW_MAX_CAPS : 0);
    /* The words from the fifth on still stand in the IPC buffer: invocations with four or fewer leave them alone. */
    const struct bw_msg m = bw_call(gate->target, bw_info(r->label, r->length, r->caps), r->w[0], r->w[1], r->w[2], r->w[3]);
    bw_receive_slots(r->service->receive_first, r->service->receive_count);
    if (bw_error(&m) != 0) {
        gate->refused++;
        r->w[0] = bw_error(&m);
        r->answer_length = 1;
        return PATTERNS_E_GONE;
    }
    gate->passed++;
    for (uint32_t i = 0; i < BW_REGISTER_WORDS; i++) r->w[i] = m.w[i];
    r->answer_length = bw_length(&m);
    r->answer_caps = gate->held = bw_caps(&m);
    for (uint32_t i = 0; i < r->answer_caps; i++) ipc->caps[i] = gate->answers + i;
    return bw_label(&m);
}
