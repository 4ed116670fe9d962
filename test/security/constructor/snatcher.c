/*
 * snatcher.c: a client that takes away what it has given, at some moment of the building: a thread above everybody's sleeps for a time that is another in each round, by
 * using up its budget, and then destroys the bank, frees the block, or revokes schedule or keeper. After each round the same is asked for in peace, and must be had:
 * a slot that the server had not emptied would be in the way.
 */
#include <bailiwick.h>
#include <bailiwick/bank-protocol.h>
#include <bailiwick/bank.h>
#include <bailiwick/constructor-protocol.h>
#include <bailiwick/constructor.h>

#include "protocol.h"

BW_USE(console);
BW_USE(bank);
BW_USE(constructor);
BW_USE(product);
BW_USE(needs);
BW_USE(times);

enum { SLOT_BUILDER = 128, SLOT_REQUESTOR, SLOT_BANK, SLOT_SCHEDULE, SLOT_KEEPER, SLOT_PRODUCT, SLOT_GO, SLOT_TIME, SLOT_SPARE, SLOT_THREAD = 140, STACK_PAGES = 2, ROUNDS = 500, WAYS = 5, SPIN = 2500, REFUSALS = 16 };
enum { LEAST_BUDGET = 10, MOST_SLEEP = 700 };

static struct bw_thread thief;
static volatile uint32_t way, thefts;
static volatile uint64_t spun;
/* A block that is bought from the same bank has the same number. */
static volatile uint64_t last_number;

static void steal(void *unused) {
    (void)unused;
    for (;;) {
        (void)bw_wait(SLOT_GO);
        for (uint32_t i = 0; i < SPIN; i++) spun++;
        if (way == 0) (void)bw_bank_destroy(SLOT_BANK);
        else if (way == 1) (void)bw_cnode_revoke(BW_SLOT_CNODE, SLOT_SCHEDULE);
        else if (way == 2) (void)bw_cnode_revoke(BW_SLOT_CNODE, SLOT_KEEPER);
        else if (way == 3) (void)bw_bank_free(SLOT_BANK, last_number);
        /* To the server and back, in the middle of its work: the answer must wait. */
        else (void)bw_constructor_destroy(SLOT_SPARE);
        thefts++;
    }
}

static bool configure(bw_cptr schedule, uint64_t budget, uint64_t period) {
    bw_ipc()->caps[0] = schedule;
    const struct bw_msg m = bw_call(bw_use_times.cap, bw_info(TIMES_CONFIGURE, 2, 1), budget, period, 0, 0);
    return bw_error(&m) == 0 && bw_label(&m) == 0;
}

static bool make(void) {
    const struct bw_thread_room room = {.untyped = BW_SLOT_UNTYPED, .slots = SLOT_THREAD, .address = BW_THREAD_ADDRESSES, .stack_pages = STACK_PAGES};
    const struct bw_product_size size = {.bits = 18, .stack_pages = 2};
    static const struct { uint32_t kind; bw_cptr slot; } made[] = {{BW_KIND_SCHED_CONTEXT, SLOT_SCHEDULE}, {BW_KIND_ENDPOINT, SLOT_KEEPER}, {BW_KIND_NOTIFICATION, SLOT_GO}, {BW_KIND_SCHED_CONTEXT, SLOT_TIME}};
    bw_err error = 0;
    for (size_t i = 0; i < sizeof made / sizeof *made && error == 0; i++) error = bw_untyped_retype(BW_SLOT_UNTYPED, made[i].kind, 0, 1, BW_SLOT_CNODE, made[i].slot);
    if (error == 0) error = bw_thread_make(&thief, &room, "thief", 0);
    /* This one below the server, the thief as far up as the manifest lets it. */
    if (error == 0) error = bw_tcb_set_priority(thief.tcb, 185, 185, BW_SLOT_TCB);
    if (error == 0) error = bw_tcb_set_priority(BW_SLOT_TCB, 150, 185, BW_SLOT_TCB);
    if (error != 0 || !configure(SLOT_SCHEDULE, 10000, 10000) || !configure(SLOT_TIME, LEAST_BUDGET, 1000)) return false;
    if (bw_sched_context_bind(SLOT_TIME, thief.tcb) != 0 || bw_thread_start(&thief, steal, NULL) != 0) return false;
    if (bw_constructor_create(bw_use_constructor.cap, "stolen", (const void *)bw_use_product.address, bw_use_product.bytes, size, SLOT_BUILDER) != 0) return false;
    return bw_constructor_seal(SLOT_BUILDER, SLOT_REQUESTOR, NULL, 0) == 0;
}

static uint32_t build(uint64_t *number) {
    const struct bw_yield yield = {.bank = SLOT_BANK, .schedule = SLOT_SCHEDULE, .keeper = SLOT_KEEPER};
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_PRODUCT);
    return bw_constructor_yield(SLOT_REQUESTOR, &yield, SLOT_PRODUCT, number);
}

static bool new_bank(void) {
    (void)bw_bank_destroy(SLOT_BANK);
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_BANK);
    return bw_bank_make(bw_use_bank.cap, 1 << 20, 1 << 20, 0, "stolen", SLOT_BANK) == 0;
}

static bool in_peace(void) {
    uint64_t number = 0;
    if (!new_bank() || build(&number) != 0) return false;
    last_number = number;
    const struct bw_msg m = bw_call(SLOT_PRODUCT, bw_info(PRODUCT_DATA, 0, 0), 0, 0, 0, 0);
    return bw_error(&m) == 0 && m.w[0] == 1 && m.w[1] == 1;
}

int main(void) {
    static uint32_t results[REFUSALS + 1];
    static const uint8_t spare[16];
    const struct bw_product_size small = {.bits = 16, .stack_pages = 1};
    uint32_t lost = 0;
    bw_console_open(bw_use_console.cap);
    if (!make() || !in_peace()) {
        bw_printf("%s: it cannot begin\n", bw_name());
        return 1;
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t number = 0;
        way = round % WAYS;
        if (way == 4 && bw_constructor_create(bw_use_constructor.cap, "spare", spare, sizeof spare, small, SLOT_SPARE) != 0) lost++;
        if (!new_bank() || !configure(SLOT_TIME, LEAST_BUDGET, LEAST_BUDGET + 2 + (round * 37) % MOST_SLEEP)) lost++;
        const uint32_t before = thefts;
        (void)bw_signal(SLOT_GO);
        const uint32_t result = build(&number);
        results[result < REFUSALS ? result : REFUSALS]++;
        while (thefts == before) bw_yield();
        (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_SPARE);
        if (!in_peace()) lost++;
    }
    (void)bw_bank_destroy(SLOT_BANK);
    struct bw_bank_figures figures = {0};
    (void)bw_bank_figures(bw_use_bank.cap, &figures);
    bw_printf("%s: %u thefts, built all the same %u, refused for bank %u schedule %u keeper %u memory %u, other %u\n", bw_name(), thefts, results[0], results[CONSTRUCTOR_E_BAD_BANK], results[CONSTRUCTOR_E_BAD_SCHEDULE],
              results[CONSTRUCTOR_E_BAD_KEEPER], results[CONSTRUCTOR_E_NO_MEMORY], ROUNDS - results[0] - results[CONSTRUCTOR_E_BAD_BANK] - results[CONSTRUCTOR_E_BAD_SCHEDULE] - results[CONSTRUCTOR_E_BAD_KEEPER] - results[CONSTRUCTOR_E_NO_MEMORY]);
    bw_printf("%s: %u times something was in the way, %lu bytes are left\n", bw_name(), lost, figures.used);
    return 0;
}
