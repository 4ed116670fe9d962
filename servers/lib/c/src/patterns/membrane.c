/* membrane.c: calls through a membrane. Invariants: patterns/membrane.h. What passes has its places in membrane-places.c. */
#include <bailiwick.h>
#include <bailiwick/patterns-protocol.h>

#include "membrane-places.h"

/* Capabilities of a message on their way: what is sent, and the places whose slots those are. */
struct passing {
    bw_cptr caps[BW_MAX_CAPS];
    struct membrane_place_list {
        struct bw_membrane_place *at[BW_MAX_CAPS + 1];
        uint32_t count;
    } pinned;
};

static void pin(struct passing *p, struct bw_membrane_place *place) {
    place->pins++;
    p->pinned.at[p->pinned.count++] = place;
}

static void unpin(struct bw_membrane_place *const *places, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) places[i]->pins--;
}

static enum bw_side other(enum bw_side side) { return side == BW_INNER ? BW_OUTER : BW_INNER; }

static struct bw_membrane_port *port_of(const struct bw_membrane *m, bw_cptr reply) {
    for (uint32_t i = 0; i < m->port_count; i++) if (m->ports[i].reply == reply) return &m->ports[i];
    return NULL;
}

/* The capability in `slot`, or that of one's own endpoint with `badge`, as `to` may have it (M1). 0, or the refusal. */
static uint32_t pass(struct bw_membrane *m, struct passing *p, uint32_t i, bool is_badge, uint64_t badge, bw_cptr slot, enum bw_side to) {
    struct bw_membrane_place *place = NULL;
    if (is_badge) place = membrane_by_badge(m, badge);
    else {
        uint32_t refusal = 0;
        place = membrane_by_wrapper(m, slot);
        if (place == NULL) place = membrane_admit(m, other(to), slot, &refusal);
        (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
        if (refusal != 0) return refusal;
    }
    if (place == NULL) {
        m->caps_refused++;
        return PATTERNS_E_CANNOT_PASS;
    }
    const bool home = place->side == to;
    m->unwrapped += home;
    p->caps[i] = home ? membrane_original(m, place) : membrane_wrapper(m, place);
    pin(p, place);
    return 0;
}

/* All capabilities of a message: those that came in slots from `slots` on, and those that came as badges. None of them is in its slot afterwards. */
static uint32_t pass_all(struct bw_membrane *m, struct passing *p, uint32_t count, uint32_t unwrapped, bw_cptr slots, enum bw_side to) {
    uint64_t badges[BW_MAX_CAPS];
    for (uint32_t i = 0; i < count; i++) badges[i] = bw_ipc()->caps[i];
    uint32_t refusal = 0;
    for (uint32_t i = 0; i < count; i++) {
        const bool is_badge = (unwrapped >> i & 1) != 0;
        const bw_cptr slot = slots;
        slots += !is_badge;
        if (refusal == 0) refusal = pass(m, p, i, is_badge, badges[i], slot, to);
        else if (!is_badge) (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
    }
    return refusal;
}

static uint32_t refuse(struct bw_membrane *m, struct bw_request *r, uint32_t refusal) {
    m->refused++;
    r->answer_length = 0;
    r->answer_caps = 0;
    return refusal;
}

/* The target's answer, or what became of it: the request's answer. */
static uint32_t answer(struct bw_membrane *m, struct bw_membrane_port *port, struct bw_request *r, const struct bw_msg *a, enum bw_side to, bool alive) {
    struct passing back = {0};
    const uint32_t caps = bw_caps(a);
    if (bw_error(a) != 0 || !alive) {
        for (uint32_t i = 0; bw_error(a) == 0 && i < caps; i++) (void)bw_cnode_delete(BW_SLOT_CNODE, port->slots + BW_MAX_CAPS + i);
        const uint32_t label = refuse(m, r, alive ? PATTERNS_E_GONE : PATTERNS_E_REVOKED);
        if (alive) r->w[0] = bw_error(a), r->answer_length = 1;
        return label;
    }
    m->passed++;
    const uint32_t refusal = pass_all(m, &back, caps, bw_unwrapped(a), port->slots + BW_MAX_CAPS, to);
    for (uint32_t i = 0; i < back.pinned.count; i++) port->held[i] = back.pinned.at[i];
    port->held_count = back.pinned.count;
    if (refusal != 0) return refuse(m, r, refusal);
    for (uint32_t i = 0; i < BW_REGISTER_WORDS; i++) r->w[i] = a->w[i];
    for (uint32_t i = 0; i < caps; i++) bw_ipc()->caps[i] = back.caps[i];
    r->answer_length = bw_length(a);
    r->answer_caps = caps;
    return bw_label(a);
}

/* With the lock held, which is given up while the target works. */
static uint32_t carry_out(struct bw_membrane *m, struct bw_membrane_port *port, struct bw_membrane_place *target, struct bw_request *r) {
    const enum bw_side to = target->side;
    const uint32_t serial = target->serial;
    struct passing there = {0};
    if (m->port_count > 1 && m->calling + 1 >= m->port_count) return refuse(m, r, PATTERNS_E_BUSY);
    /* First: a target that is gone must not leave its place to what comes with the request. */
    pin(&there, target);
    const uint32_t refusal = pass_all(m, &there, r->caps, r->unwrapped, port->slots, to);
    if (refusal != 0) {
        unpin(there.pinned.at, there.pinned.count);
        return refuse(m, r, refusal);
    }
    for (uint32_t i = 0; i < r->caps; i++) bw_ipc()->caps[i] = there.caps[i];
    m->calling++;
    port->calling = true;
    membrane_unlock(m);
    bw_receive_slots(port->slots + BW_MAX_CAPS, BW_MAX_CAPS);
    /* The words from the fifth on still stand in the IPC buffer: invocations with four or fewer leave them alone. */
    const struct bw_msg a = bw_call(membrane_original(m, target), bw_info(r->label, r->length, r->caps), r->w[0], r->w[1], r->w[2], r->w[3]);
    bw_receive_slots(port->slots, BW_MAX_CAPS);
    membrane_lock(m);
    port->calling = false;
    m->calling--;
    const uint32_t label = answer(m, port, r, &a, other(to), target->serial == serial);
    unpin(there.pinned.at, there.pinned.count);
    return label;
}

uint32_t bw_membrane_handle(struct bw_membrane *m, struct bw_request *r) {
    if (r->badge < m->badge_first || r->badge - m->badge_first >= BW_MEMBRANE_BADGES) return BW_NOT_MINE;
    struct bw_membrane_port *port = port_of(m, r->reply);
    membrane_lock(m);
    uint32_t label = PATTERNS_E_REVOKED;
    if (port != NULL) {
        unpin(port->held, port->held_count);
        port->held_count = 0;
    }
    struct bw_membrane_place *target = membrane_by_badge(m, r->badge);
    if (port == NULL || target == NULL || target->kind != BW_KIND_ENDPOINT) label = refuse(m, r, label);
    else label = carry_out(m, port, target, r);
    membrane_unlock(m);
    return label;
}

void bw_membrane_notified(struct bw_membrane *m, uint64_t bits) {
    membrane_lock(m);
    for (uint32_t i = 0; i < m->count; i++) {
        const struct bw_membrane_place *place = &m->places[i];
        if (place->serial == 0 || place->kind != BW_KIND_NOTIFICATION || (bits >> place->bit & 1) == 0) continue;
        m->signals++;
        (void)bw_signal(membrane_original(m, place));
    }
    membrane_unlock(m);
}

bw_cptr bw_membrane_wrap(struct bw_membrane *m, enum bw_side side, bw_cptr cap) {
    uint32_t refusal = 0;
    membrane_lock(m);
    const struct bw_membrane_place *place = membrane_admit(m, side, cap, &refusal);
    membrane_unlock(m);
    return place == NULL ? 0 : membrane_wrapper(m, place);
}

void bw_membrane_revoke(struct bw_membrane *m) {
    membrane_lock(m);
    for (uint32_t i = 0; i < m->count; i++) membrane_empty(m, &m->places[i]);
    for (uint32_t i = 0; i < m->port_count; i++) {
        const struct bw_membrane_port *port = &m->ports[i];
        if (!port->calling || port->tcb == 0) continue;
        /* A target that does not answer holds nobody: the call ends with Cancelled, and its caller is told. */
        (void)bw_tcb_suspend(port->tcb);
        (void)bw_tcb_resume(port->tcb);
    }
    membrane_unlock(m);
}
