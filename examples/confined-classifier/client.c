/*
 * client.c: it has letters that are nobody's business, and no program to sort them. It asks the constructor what the author's program could tell anybody, takes
 * the one that can tell nobody, and, to see that this is true, lets both try.
 */
#include <bailiwick.h>
#include <bailiwick/bank.h>
#include <bailiwick/confined.h>
#include <bailiwick/constructor-protocol.h>
#include <bailiwick/constructor.h>

#include "channels.h"
#include "protocol.h"

BW_USE(console);
BW_USE(bank);
BW_USE(constructor);
BW_USE(shop);
BW_USE(time);

enum { SLOT_REQUESTOR = 128, SLOT_FRAME, SLOT_BLOCKS, SLOT_CONFINED = SLOT_BLOCKS + 32 };
#define PRODUCT_BYTES (512UL << 10)

static const char *const kinds[] = {
    "a clock", "Untyped", "CNode", "TCB", "Endpoint", "Notification", "Reply", "SchedContext", "VSpace", "PageTable", "Frame", "VCPU", "IRQControl", "IRQHandler", "SchedControl", "HostedControl", "IOSpace",
};

static struct bw_confined product;

static void get_requestor(uint64_t which) {
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_REQUESTOR);
    bw_receive_slots(SLOT_REQUESTOR, 1);
    (void)bw_call(bw_use_shop.cap, bw_info(SHOP_PRODUCT, 1, 0), which, 0, 0, 0);
    bw_receive_slots(0, 0);
}

/* What it could tell, and through what. The author does not answer that, but the constructor, which the manifest has given to both. */
static void examine(const char *what) {
    struct bw_requestor_check check;
    struct bw_hole hole;
    (void)bw_constructor_verify(bw_use_constructor.cap, SLOT_REQUESTOR, &check);
    bw_printf("%s: %s, %s\n", what, check.genuine ? "a genuine requestor" : "NOT a requestor", check.discreet ? "discreet" : "not discreet:");
    for (uint64_t place = 0; bw_constructor_hole(SLOT_REQUESTOR, place, &hole) == 0; place++) {
        bw_printf("    %s, %s%s%s\n", hole.path, kinds[hole.kind], (hole.rights & BW_RIGHT_READ) != 0 ? " read" : "", (hole.rights & BW_RIGHT_WRITE) != 0 ? " write" : "");
    }
}

/* From memory that is set aside for it (`alone`), and then only if it is discreet; or from what all share. */
static uint32_t build(bool alone) {
    const struct bw_confined_terms terms = {.bank = bw_use_bank.cap, .bytes = PRODUCT_BYTES, .budget = 10000, .strict = alone};
    return bw_confined_start(&product, SLOT_REQUESTOR, &terms);
}

static struct bw_msg classify(uint64_t number, const char *letter) {
    uint64_t *words = bw_ipc()->words;
    const size_t count = strlen(letter);
    words[0] = number, words[1] = count;
    memcpy(&words[2], letter, count);
    return bw_call_buffer(product.product, CLASSIFIER_CLASSIFY, 2 + (uint32_t)((count + 7) / 8), 0);
}

static void sort_letters(void) {
    static const char *const letters[] = {"you have won a prize, reply now", "the keys are under the mat", "an inheritance awaits you"};
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        const struct bw_msg m = classify(NOTHING, letters[i]);
        bw_printf("\"%s\": %s\n", letters[i], bw_error(&m) != 0 ? bw_error_name(bw_error(&m)) : m.w[0] == 1 ? "spam" : "not spam");
    }
}

static struct bw_msg ask_author(void) { return bw_call(bw_use_shop.cap, bw_info(SHOP_HEARD, 0, 0), 0, 0, 0, 0); }

/* What the author has heard by this way, after one letter. */
static const char *attempt(uint64_t channel, bool alone) {
    const uint64_t blocks = ask_author().w[3];
    if (build(alone) != 0) return "not built";
    const uint64_t blocks_before = ask_author().w[3];
    (void)classify(channel, "the keys are under the mat");
    const struct bw_msg m = ask_author();
    /* A product that has faulted is gone by now, with its memory: that its client has ended it is no secret. */
    const bool heard = m.w[0] != 0 || m.w[1] != 0 || m.w[2] != 0 || (product.fault == 0 && m.w[3] != blocks_before);
    bw_confined_end(&product);
    if (ask_author().w[3] != blocks) return "memory is missing";
    return heard ? "the author knows" : product.fault != 0 ? "the keeper knows" : "nobody knows";
}

static void try_all(void) {
    static const char *const names[CHANNELS] = {"", "messages", "signals", "shared pages", "tables", "using up memory", "DMA", "device registers", "faults", "its own text"};
    bw_printf("%-20s %-18s %s\n", "by", "the first", "the second");
    for (uint64_t channel = MESSAGES; channel < CHANNELS; channel++) {
        get_requestor(0);
        bw_printf("%-20s ", names[channel]);
        bw_printf("%-18s ", attempt(channel, false));
        get_requestor(1);
        bw_puts(attempt(channel, true));
    }
}

/* The other direction: the program is its author's secret. */
static void pry(void) {
    const struct bw_msg write = bw_call(SLOT_REQUESTOR, bw_info(CONSTRUCTOR_WRITE, 2, 0), 0, 0, 0, 0);
    const struct bw_msg create = bw_call(product.product, bw_info(CONSTRUCTOR_HOLE, 1, 0), 0, 0, 0, 0);
    bw_printf("a requestor as a builder: %s\n", bw_label(&write) == CONSTRUCTOR_E_NOT_ALLOWED ? "refused" : "NOT refused");
    bw_printf("its product as anything but a classifier: %s\n", bw_label(&create) == CLASSIFIER_E_BAD_REQUEST ? "refused" : "NOT refused");
    bw_confined_end(&product);
    /* Its memory can be bought now. */
    const uint64_t address = BW_THREAD_ADDRESSES + 16 * BW_PAGE;
    uint64_t number = 0, bytes = 0;
    for (bw_cptr block = SLOT_BLOCKS; block < SLOT_BLOCKS + 32 && bw_bank_buy(bw_use_bank.cap, BW_PAGE_BITS, block, &number) == 0; block++) {
        if (bw_untyped_retype(block, BW_KIND_FRAME, BW_PAGE_BITS, 1, BW_SLOT_CNODE, SLOT_FRAME) != 0 || bw_frame_map(SLOT_FRAME, address, BW_SLOT_VSPACE, BW_RIGHT_READ) != 0) break;
        for (uint64_t i = 0; i < BW_PAGE; i++) bytes += *(volatile uint8_t *)(address + i) != 0;
        (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_FRAME);
        (void)bw_bank_free(bw_use_bank.cap, number);
    }
    bw_printf("the memory it was made of: %lu bytes of it left\n", bytes);
}

int main(void) {
    const struct bw_confined_room room = {.slots = SLOT_CONFINED, .address = BW_THREAD_ADDRESSES, .time = bw_use_time.cap, .priority = 100, .most = 1};
    bw_console_open(bw_use_console.cap);
    if (bw_confined_init(&room) != 0) return 1;
    get_requestor(0);
    examine("the author's first program");
    if (build(true) == CONSTRUCTOR_E_HOLES) bw_puts("it is not given any letters");
    get_requestor(1);
    examine("the author's second program");
    if (build(true) != 0) return 1;
    sort_letters();
    pry();
    try_all();
    return 0;
}
