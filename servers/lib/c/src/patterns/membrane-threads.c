/* membrane-threads.c: a membrane with threads of its own. */
#include <bailiwick.h>
#include <bailiwick/patterns-protocol.h>
#include <bailiwick/patterns/membrane.h>

static uint32_t handle(struct bw_request *r) { return bw_membrane_handle(r->service->context, r); }

static void work(void *argument) {
    struct bw_membrane_thread *self = argument;
    bw_serve(&self->service);
}

static bw_err start(struct bw_membrane *m, const struct bw_membrane_room *room, uint32_t n) {
    struct bw_membrane_thread *self = &room->threads[n];
    const bw_cptr context = room->slots + BW_MEMBRANE_SHARED_SLOTS + n * BW_MEMBRANE_THREAD_SLOTS, reply = context + 1, caps = reply + 1;
    const struct bw_thread_room place = {
        .untyped = room->untyped, .slots = caps + 2 * BW_MAX_CAPS, .address = room->address + n * BW_THREAD_PAGES(BW_MEMBRANE_STACK_PAGES) * BW_PAGE, .stack_pages = BW_MEMBRANE_STACK_PAGES,
    };
    bw_err error = bw_untyped_retype(room->untyped, BW_KIND_REPLY, 0, 1, BW_SLOT_CNODE, reply);
    if (error == 0) error = bw_untyped_retype(room->untyped, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, context);
    if (error == 0) error = bw_thread_make(&self->thread, &place, "membrane", 0);
    if (error == 0) error = bw_tcb_set_priority(self->thread.tcb, room->priority, 0, BW_SLOT_TCB);
    if (error == 0) error = bw_sched_control_configure(room->control, context, room->budget, room->period, n);
    if (error == 0) error = bw_sched_context_bind(context, self->thread.tcb);
    if (error != 0) return error;
    m->ports[n] = (struct bw_membrane_port){.reply = reply, .slots = caps, .tcb = self->thread.tcb};
    self->service = (struct bw_service){
        .first = handle, .bad_request = PATTERNS_E_BAD_REQUEST, .endpoint = m->endpoint, .reply = reply, .receive_first = caps, .receive_count = BW_MAX_CAPS, .context = m,
    };
    return bw_thread_start(&self->thread, work, self);
}

bw_err bw_membrane_start(struct bw_membrane *m, const struct bw_membrane_room *room) {
    m->endpoint = room->slots;
    m->lock_wait = room->slots + 1;
    m->lock_signal = room->slots + 2;
    bw_err error = bw_untyped_retype(room->untyped, BW_KIND_ENDPOINT, 0, 1, BW_SLOT_CNODE, m->endpoint);
    if (error == 0) error = bw_untyped_retype(room->untyped, BW_KIND_NOTIFICATION, 0, 1, BW_SLOT_CNODE, m->lock_wait);
    if (error == 0) error = bw_cnode_mint(BW_SLOT_CNODE, m->lock_signal, BW_SLOT_CNODE, m->lock_wait, BW_RIGHT_WRITE, 1);
    for (uint32_t n = 0; n < m->port_count && error == 0; n++) error = start(m, room, n);
    return error;
}
