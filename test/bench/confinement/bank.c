/*
 * The client of `bank` in `npm run bench -- confinement`: a page taken and given back, again and again: from an Untyped of its own, from a bank, from a bank three levels down; as it
 * is, and made a frame. Then many pages given back one by one, and by destroying their bank. It says when each pattern begins and ends. args: times.
 */
#include <bailiwick.h>
#include <bailiwick/bank.h>
#include <bailiwick/bank-protocol.h>

BW_USE(bank);

enum { SLOT_OWN = 128, SLOT_BLOCK, SLOT_FRAME, SLOT_BANKS, LEVELS = 3, SLOT_MANY = 256, PAGE_BITS = 12, OWN_BITS = 16, AT_ONCE = 32, CALLS = 40, MANY = AT_ONCE * CALLS };
#define KIB 1024UL

static uint64_t numbers[MANY];

/* The first mistake ends the run: what follows would be timed for nothing. */
static void must(const char *what, uint32_t result) {
    if (result == 0) return;
    bw_logf("failed: %s: %u", what, result);
    bw_exit(1);
}

static void without_bank(uint64_t times, bool frame) {
    for (uint64_t i = 0; i < times; i++) {
        must("retype", bw_untyped_retype(SLOT_OWN, BW_KIND_UNTYPED, PAGE_BITS, 1, BW_SLOT_CNODE, SLOT_BLOCK));
        if (frame) must("frame", bw_untyped_retype(SLOT_BLOCK, BW_KIND_FRAME, PAGE_BITS, 1, BW_SLOT_CNODE, SLOT_FRAME));
        must("revoke", bw_cnode_revoke(BW_SLOT_CNODE, SLOT_OWN));
    }
}

static void with_bank(bw_cptr bank, uint64_t times, bool frame) {
    uint64_t number = 0;
    for (uint64_t i = 0; i < times; i++) {
        must("buy", bw_bank_buy(bank, PAGE_BITS, SLOT_BLOCK, &number));
        if (frame) must("frame", bw_untyped_retype(SLOT_BLOCK, BW_KIND_FRAME, PAGE_BITS, 1, BW_SLOT_CNODE, SLOT_FRAME));
        must("free", bw_bank_free(bank, number));
    }
}

static void buy_many(bw_cptr bank) {
    for (uint32_t i = 0; i < MANY; i++) must("buy", bw_bank_buy(bank, PAGE_BITS, SLOT_MANY + i, &numbers[i]));
}

/* One call is one piece: AT_ONCE blocks. */
static void destroy_in_pieces(bw_cptr bank) {
    uint64_t left = 1, calls = 0;
    for (; left == 1; calls++) {
        const struct bw_msg m = bw_call(bank, bw_info(BANK_DESTROY, 0, 0), 0, 0, 0, 0);
        must("destroy", bw_error(&m) != 0 ? bw_error(&m) : bw_label(&m));
        left = m.w[0];
    }
    /* The last one found nothing but the bank itself. */
    if (calls != CALLS + 1) must("pieces", (uint32_t)calls);
}

int main(void) {
    const uint64_t times = bw_arg_number("times", 100);
    const bw_cptr top = bw_use_bank.cap, deep = SLOT_BANKS + LEVELS - 1;
    must("own memory", bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_UNTYPED, OWN_BITS, 1, BW_SLOT_CNODE, SLOT_OWN));
    for (uint32_t i = 0; i < LEVELS; i++) must("make", bw_bank_make(i == 0 ? top : SLOT_BANKS + i - 1, 256 * KIB, 0, LEVELS - 1 - i, "level", SLOT_BANKS + i));
    for (int frame = 0; frame < 2; frame++) {
        bw_log(frame ? "untyped.frame" : "untyped");
        without_bank(times, frame);
        bw_log("end");
        bw_log(frame ? "top.frame" : "top");
        with_bank(top, times, frame);
        bw_log("end");
        bw_log(frame ? "deep.frame" : "deep");
        with_bank(deep, times, frame);
        bw_log("end");
    }
    buy_many(top);
    bw_log("free");
    for (uint32_t i = 0; i < MANY; i++) must("free", bw_bank_free(top, numbers[i]));
    bw_log("end");
    must("make", bw_bank_make(top, 0, 0, 0, "many", SLOT_BANKS + LEVELS));
    buy_many(SLOT_BANKS + LEVELS);
    bw_log("destroy");
    destroy_in_pieces(SLOT_BANKS + LEVELS);
    bw_log("end");
    return 0;
}
