/* tenant.c: what a tenant does: it grows until it is refused, and then holds on to what it has. */
#include "tenant.h"

#include <bailiwick/bank.h>

/* Where things are in a tenant's slots. */
enum { THREAD = 0, CONTEXT = 10, BOUGHT = 11, MOST_BOUGHT = 120, COPIES = 140, MOST_COPIES = 50, STACK_PAGES = 2 };
enum { BLOCK_BITS = 16, PAGE_BITS = 12, PERIOD = 10000 };

/*
 * Buys pages until there are no more, and then makes copies of everything it is made of, again and again, into any slot that is empty: a program that does not want to end.
 * None of it helps: what descends from a block ends with it, wherever it is.
 */
static void live(void *argument) {
    struct tenant *tenant = argument;
    uint64_t number = 0;
    while (tenant->bought < MOST_BOUGHT && tenant->refusal == 0) {
        const uint32_t refusal = bw_bank_buy(tenant->bank, PAGE_BITS, tenant->slots + BOUGHT + tenant->bought, &number);
        if (refusal == 0) tenant->bought++;
        tenant->refusal = refusal;
    }
    for (;; tenant->steps++) {
        const bw_cptr from = tenant->slots + tenant->steps % (BOUGHT + tenant->bought), to = tenant->slots + COPIES + tenant->steps % MOST_COPIES;
        (void)bw_cnode_copy(BW_SLOT_CNODE, to, BW_SLOT_CNODE, from, BW_RIGHT_READ | BW_RIGHT_WRITE);
        if (tenant->steps % 50 == 0) bw_yield();
    }
}

bw_err tenant_move_in(struct tenant *tenant, const char *name, bw_cptr time) {
    uint64_t number = 0;
    if (bw_bank_buy(tenant->bank, BLOCK_BITS, tenant->block, &number) != 0) return BW_ERR_NOT_ENOUGH_MEMORY;
    const struct bw_thread_room room = {.untyped = tenant->block, .slots = tenant->slots + THREAD, .address = tenant->address, .stack_pages = STACK_PAGES};
    const bw_cptr context = tenant->slots + CONTEXT;
    bw_err error = bw_thread_make(&tenant->thread, &room, name, 0);
    if (error == 0) error = bw_tcb_set_priority(tenant->thread.tcb, 100, 100, BW_SLOT_TCB);
    if (error == 0) error = bw_untyped_retype(tenant->block, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, context);
    if (error == 0) error = bw_sched_control_configure(time, context, PERIOD, PERIOD, 0);
    if (error == 0) error = bw_sched_context_bind(context, tenant->thread.tcb);
    return error != 0 ? error : bw_thread_start(&tenant->thread, live, tenant);
}

bool tenant_runs(struct tenant *tenant) {
    const uint32_t before = tenant->steps;
    for (uint32_t i = 0; i < 20; i++) bw_yield();
    return tenant->steps != before;
}

uint32_t tenant_belongings(const struct tenant *tenant) {
    uint32_t count = 0, kind = 0, rights = 0;
    for (bw_cptr slot = tenant->slots; slot < tenant->slots + TENANT_SLOTS; slot++) count += bw_discrim_classify(BW_SLOT_DISCRIM, slot, &kind, &rights) == 0 && kind != BW_KIND_NULL;
    return count;
}
