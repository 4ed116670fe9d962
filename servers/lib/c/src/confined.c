/* confined.c: products and their keeper. */
#include <bailiwick.h>
#include <bailiwick/bank.h>
#include <bailiwick/confined.h>
#include <bailiwick/constructor-protocol.h>
#include <bailiwick/constructor.h>

enum { PERIOD_US = 10000 };

/* The program's one keeper. */
static struct {
    bw_cptr endpoint, reply, context, products;
    bw_cptr time;
    uint32_t most;
    struct bw_confined *confined[BW_CONFINED_MOST];
} keeper;

/* Of each place: its keeper's capability behind those of the product. */
static bw_cptr slots_of(uint32_t place) { return keeper.products + place * (BW_CONFINED_SLOTS_EACH + 1); }

static void keep(void *unused) {
    (void)unused;
    for (;;) {
        const struct bw_msg m = bw_recv(keeper.endpoint, keeper.reply);
        struct bw_confined *c = bw_error(&m) == 0 && m.badge >= 1 && m.badge <= keeper.most ? keeper.confined[m.badge - 1] : NULL;
        if (c == NULL) continue;
        c->fault = bw_label(&m), c->pc = m.w[0], c->address = m.w[1];
        (void)bw_bank_destroy(c->bank);
    }
}

bw_err bw_confined_init(const struct bw_confined_room *room) {
    static struct bw_thread thread;
    if (room->most < 1 || room->most > BW_CONFINED_MOST || room->priority < 1) return BW_ERR_INVALID_ARGUMENT;
    keeper.endpoint = room->slots, keeper.reply = room->slots + 1, keeper.context = room->slots + 2;
    keeper.products = room->slots + 3 + BW_THREAD_SLOTS(BW_CONFINED_STACK_PAGES);
    keeper.time = room->time, keeper.most = room->most;
    const struct bw_thread_room place = {.untyped = BW_SLOT_UNTYPED, .slots = room->slots + 3, .address = room->address, .stack_pages = BW_CONFINED_STACK_PAGES};
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 1, BW_SLOT_CNODE, keeper.endpoint);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_REPLY, 0, 1, BW_SLOT_CNODE, keeper.reply);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, keeper.context);
    for (uint32_t i = 0; i < room->most && error == 0; i++) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, slots_of(i) + 1);
    if (error == 0) error = bw_thread_make(&thread, &place, "keeper", 0);
    if (error == 0) error = bw_sched_control_configure(room->time, keeper.context, PERIOD_US, PERIOD_US, 0);
    if (error == 0) error = bw_sched_context_bind(keeper.context, thread.tcb);
    if (error == 0) error = bw_tcb_set_priority(thread.tcb, room->priority, room->priority, BW_SLOT_TCB);
    if (error == 0) error = bw_tcb_set_priority(BW_SLOT_TCB, room->priority - 1, room->priority, BW_SLOT_TCB);
    return error == 0 ? bw_thread_start(&thread, keep, NULL) : error;
}

uint32_t bw_confined_start(struct bw_confined *c, bw_cptr requestor, const struct bw_confined_terms *terms) {
    uint32_t place = 0;
    while (place < keeper.most && keeper.confined[place] != NULL) place++;
    if (place == keeper.most) return CONSTRUCTOR_E_FULL;
    const bw_cptr slots = slots_of(place), kept_by = slots + BW_CONFINED_SLOTS_EACH;
    *c = (struct bw_confined){.bank = slots, .schedule = slots + 1, .product = slots + 2, .place = place};
    if (bw_bank_make(terms->bank, terms->bytes, terms->strict ? terms->bytes : 0, 0, "product", c->bank) != 0) return BW_CONFINED_NO_BANK;
    const struct bw_yield yield = {.bank = c->bank, .schedule = c->schedule, .keeper = kept_by, .strict = terms->strict};
    uint64_t number = 0;
    keeper.confined[place] = c;
    uint32_t result = CONSTRUCTOR_E_BAD_SCHEDULE;
    if (bw_sched_control_configure(keeper.time, c->schedule, terms->budget, PERIOD_US, 0) == 0
        && bw_cnode_mint(BW_SLOT_CNODE, kept_by, BW_SLOT_CNODE, keeper.endpoint, BW_RIGHT_WRITE | BW_RIGHT_GRANT_REPLY, place + 1) == 0) {
        result = bw_constructor_yield(requestor, &yield, c->product, &number);
    }
    if (result != 0) bw_confined_end(c);
    return result;
}

void bw_confined_end(struct bw_confined *c) {
    (void)bw_bank_destroy(c->bank);
    (void)bw_cnode_delete(BW_SLOT_CNODE, c->bank);
    (void)bw_cnode_delete(BW_SLOT_CNODE, c->product);
    /* Whatever copies of the keeper's capability there are: a late fault of this product must not be taken for one of the next. */
    (void)bw_cnode_delete(BW_SLOT_CNODE, slots_of(c->place) + BW_CONFINED_SLOTS_EACH);
    keeper.confined[c->place] = NULL;
}
