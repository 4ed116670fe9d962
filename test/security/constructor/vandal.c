/*
 * vandal.c: a product that means harm. It calls everything it has with everything it can think of, has others of its kind built until there is no memory, fills its own with
 * objects, destroys what it is made of, and never answers.
 */
#include <bailiwick.h>
#include <bailiwick/bank-protocol.h>
#include <bailiwick/bank.h>
#include <bailiwick/constructor.h>

BW_USE(bank);
BW_USE(again);

static uint64_t state = 88172645463325252;
static uint64_t draw(uint64_t below) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % below;
}

int main(void) {
    uint64_t number = 0;
    for (uint32_t i = 0;; i++) {
        const struct bw_yield yield = {.strict = i % 2 == 0, .bank = bw_use_bank.cap, .schedule = BW_SLOT_SCHED_CONTEXT, .keeper = BW_SLOT_SERVICE};
        const bw_cptr slot = 128 + draw(128);
        (void)bw_constructor_yield(bw_use_again.cap, &yield, slot, &number);
        (void)bw_bank_buy(bw_use_bank.cap, 12 + (uint32_t)draw(8), 128 + draw(128), &number);
        (void)bw_bank_make(bw_use_bank.cap, 4096, 4096, 0, "vandal", 128 + draw(128));
        (void)bw_untyped_retype(BW_SLOT_UNTYPED, (uint32_t)(1 + draw(10)), 4 + (uint32_t)draw(10), 1 + (uint32_t)draw(20), BW_SLOT_CNODE, 128 + draw(100));
        for (uint32_t n = 0; n < BW_MAX_CAPS; n++) bw_ipc()->caps[n] = draw(256);
        /* All but its own reply object and endpoint, where it would wait for itself. */
        const bw_cptr to = draw(2) == 0 ? bw_use_again.cap : bw_use_bank.cap;
        (void)bw_call(to, bw_info((uint32_t)draw(12), (uint32_t)draw(121), (uint32_t)draw(4)), draw(64), draw(64), draw(64), draw(64));
        (void)bw_cnode_copy(BW_SLOT_CNODE, 128 + draw(128), BW_SLOT_CNODE, draw(256), BW_ALL_RIGHTS);
        (void)bw_tcb_set_priority(BW_SLOT_TCB, (uint32_t)draw(256), (uint32_t)draw(256), BW_SLOT_TCB);
        (void)bw_cnode_delete(BW_SLOT_CNODE, 128 + draw(128));
        if (i == 3000) (void)bw_cnode_delete(BW_SLOT_CNODE, BW_SLOT_VSPACE);
        if (i == 3500) (void)bw_bank_destroy(bw_use_bank.cap);
    }
}
