/*
 * construct.c: has a product built, asks it once, and frees it, args.count times in each of args.rounds. It says when a round begins and when it has ended; the host takes
 * the times.
 */
#include <bailiwick.h>
#include <bailiwick/bank-protocol.h>
#include <bailiwick/bank.h>
#include <bailiwick/constructor-protocol.h>
#include <bailiwick/constructor.h>

BW_USE(bank);
BW_USE(constructor);
BW_USE(server);
BW_USE(time);

enum { SLOT_BUILDER = 128, SLOT_REQUESTOR, SLOT_SCHEDULE, SLOT_KEEPER, SLOT_BANK, SLOT_PRODUCT };

/* false: it was not built, or gave another answer than a new one gives. */
static bool construct(void) {
    const struct bw_yield yield = {.bank = SLOT_BANK, .schedule = SLOT_SCHEDULE, .keeper = SLOT_KEEPER, .strict = true};
    uint64_t number = 0;
    if (bw_constructor_yield(SLOT_REQUESTOR, &yield, SLOT_PRODUCT, &number) != 0) return false;
    const struct bw_msg m = bw_call(SLOT_PRODUCT, bw_info(1, 1, 0), 41, 0, 0, 0);
    return bw_error(&m) == 0 && m.w[0] == 42 && bw_bank_free(SLOT_BANK, number) == 0;
}

static bool prepare(void) {
    const struct bw_product_size size = {.bits = 17, .stack_pages = 1};
    if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, SLOT_SCHEDULE) != 0 || bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 1, BW_SLOT_CNODE, SLOT_KEEPER) != 0) return false;
    if (bw_sched_control_configure(bw_use_time.cap, SLOT_SCHEDULE, 10000, 10000, 0) != 0 || bw_bank_make(bw_use_bank.cap, 1 << 20, 1 << 20, 0, "products", SLOT_BANK) != 0) return false;
    if (bw_constructor_create(bw_use_constructor.cap, "server", (const void *)bw_use_server.address, bw_use_server.bytes, size, SLOT_BUILDER) != 0) return false;
    return bw_constructor_seal(SLOT_BUILDER, SLOT_REQUESTOR, NULL, 0) == 0;
}

int main(void) {
    const uint64_t rounds = bw_arg_number("rounds", 1), count = bw_arg_number("count", 1);
    if (!prepare()) {
        bw_log("failed: the constructor cannot be made");
        return 1;
    }
    for (uint64_t round = 0; round < rounds; round++) {
        bw_log("begins");
        for (uint64_t i = 0; i < count; i++) {
            if (construct()) continue;
            bw_log("failed: a product was not built, or is not what it should be");
            return 1;
        }
        bw_log("ended");
    }
    return 0;
}
