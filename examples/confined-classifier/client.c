/*
 * client.c: it has letters that are nobody's business, and no program to sort them. It asks the constructor what the author's program could tell anybody, takes
 * the one that can tell nobody, and, to see that this is true, lets both try.
 */
#include <bailiwick.h>
#include <bailiwick/bank.h>
#include <bailiwick/constructor-protocol.h>
#include <bailiwick/constructor.h>

#include "channels.h"
#include "protocol.h"

BW_USE(console);
BW_USE(bank);
BW_USE(constructor);
BW_USE(shop);
BW_USE(time);

enum { SLOT_REQUESTOR = 128, SLOT_BANK, SLOT_SCHEDULE, SLOT_PRODUCT, SLOT_KEEPER, SLOT_KEEPER_REPLY, SLOT_KEEPER_TIME, SLOT_THREAD, STACK_PAGES = 2 };
#define PRODUCT_BYTES (128UL << 10)

static const char *const kinds[] = {"a clock", "Untyped", "CNode", "TCB", "Endpoint", "Notification", "Reply", "SchedContext", "VSpace", "PageTable", "Frame"};

/* The last fault of a product; label 0: none. */
static volatile struct {
    uint32_t label;
    uint64_t address;
} fault;

/* A product that has faulted will not answer. Its keeper takes it away whole, and whoever waits for it is told so. */
static void keep(void *unused) {
    (void)unused;
    for (;;) {
        const struct bw_msg m = bw_recv(SLOT_KEEPER, SLOT_KEEPER_REPLY);
        if (bw_error(&m) != 0) continue;
        fault.label = bw_label(&m), fault.address = m.w[1];
        (void)bw_bank_destroy(SLOT_BANK);
    }
}

static bw_err start_keeper(void) {
    static struct bw_thread thread;
    const struct bw_thread_room room = {.untyped = BW_SLOT_UNTYPED, .slots = SLOT_THREAD, .address = BW_THREAD_ADDRESSES, .stack_pages = STACK_PAGES};
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 1, BW_SLOT_CNODE, SLOT_KEEPER);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_REPLY, 0, 1, BW_SLOT_CNODE, SLOT_KEEPER_REPLY);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, SLOT_KEEPER_TIME);
    if (error == 0) error = bw_thread_make(&thread, &room, "keeper", 0);
    if (error == 0) error = bw_sched_control_configure(bw_use_time.cap, SLOT_KEEPER_TIME, 10000, 10000, 0);
    if (error == 0) error = bw_sched_context_bind(SLOT_KEEPER_TIME, thread.tcb);
    if (error == 0) error = bw_tcb_set_priority(thread.tcb, 100, 100, BW_SLOT_TCB);
    if (error == 0) error = bw_thread_start(&thread, keep, NULL);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, SLOT_SCHEDULE);
    return error == 0 ? bw_sched_control_configure(bw_use_time.cap, SLOT_SCHEDULE, 10000, 10000, 0) : error;
}

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

/* A bank of its own for each product: destroying it is the end of the product. One that is alone sells what was set aside for it, and nobody can tell how much. */
static uint32_t build(bool alone) {
    const struct bw_yield yield = {.bank = SLOT_BANK, .schedule = SLOT_SCHEDULE, .keeper = SLOT_KEEPER, .strict = alone};
    uint64_t number = 0;
    for (bw_cptr slot = SLOT_BANK; slot <= SLOT_PRODUCT; slot += SLOT_PRODUCT - SLOT_BANK) (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
    const uint32_t wrong = bw_bank_make(bw_use_bank.cap, 4 * PRODUCT_BYTES, alone ? 4 * PRODUCT_BYTES : 0, 0, "product", SLOT_BANK);
    if (wrong != 0) return wrong;
    return bw_constructor_yield(SLOT_REQUESTOR, &yield, SLOT_PRODUCT, &number);
}

static struct bw_msg classify(uint64_t number, const char *letter) {
    uint64_t *words = bw_ipc()->words;
    const size_t count = strlen(letter);
    words[0] = number, words[1] = count;
    memcpy(&words[2], letter, count);
    return bw_call_buffer(SLOT_PRODUCT, CLASSIFIER_CLASSIFY, 2 + (uint32_t)((count + 7) / 8), 0);
}

static void sort_letters(void) {
    static const char *const letters[] = {"you have won a prize, reply now", "the keys are under the mat", "an inheritance awaits you"};
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        const struct bw_msg m = classify(NOTHING, letters[i]);
        bw_printf("\"%s\": %s\n", letters[i], bw_error(&m) != 0 ? bw_error_name(bw_error(&m)) : m.w[0] == 1 ? "spam" : "not spam");
    }
}

/* What the author has heard by this way, after one letter. */
static const char *attempt(uint64_t channel, bool alone) {
    const struct bw_msg before = bw_call(bw_use_shop.cap, bw_info(SHOP_HEARD, 0, 0), 0, 0, 0, 0);
    const uint64_t blocks_without = before.w[3];
    if (build(alone) != 0) return "not built";
    const struct bw_msg built = bw_call(bw_use_shop.cap, bw_info(SHOP_HEARD, 0, 0), 0, 0, 0, 0);
    fault.label = 0;
    (void)classify(channel, "the keys are under the mat");
    const struct bw_msg m = bw_call(bw_use_shop.cap, bw_info(SHOP_HEARD, 0, 0), 0, 0, 0, 0);
    const bool heard = m.w[0] != 0 || m.w[1] != 0 || m.w[2] != 0 || (fault.label == 0 && m.w[3] != built.w[3]);
    (void)bw_bank_destroy(SLOT_BANK);
    const struct bw_msg after = bw_call(bw_use_shop.cap, bw_info(SHOP_HEARD, 0, 0), 0, 0, 0, 0);
    if (after.w[3] != blocks_without) return "memory is missing";
    return heard ? "the author knows" : fault.label != 0 ? "the keeper knows" : "nobody knows";
}

static void try_all(void) {
    static const char *const names[CHANNELS] = {"", "messages", "signals", "shared pages", "tables", "using up memory", "device registers", "faults", "its own text"};
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
    const struct bw_msg create = bw_call(SLOT_PRODUCT, bw_info(CONSTRUCTOR_HOLE, 1, 0), 0, 0, 0, 0);
    bw_printf("a requestor as a builder: %s\n", bw_label(&write) == CONSTRUCTOR_E_NOT_ALLOWED ? "refused" : "NOT refused");
    bw_printf("its product as anything but a classifier: %s\n", bw_label(&create) == CLASSIFIER_E_BAD_REQUEST ? "refused" : "NOT refused");
    (void)bw_bank_destroy(SLOT_BANK);
    /* What the product was made of. */
    uint64_t number = 0, bytes = 0;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_BANK);
    const bw_cptr frame = SLOT_BANK;
    const uint64_t address = BW_THREAD_ADDRESSES + 16 * BW_PAGE;
    for (bw_cptr block = 160; block < 160 + 32 && bw_bank_buy(bw_use_bank.cap, BW_PAGE_BITS, block, &number) == 0; block++) {
        if (bw_untyped_retype(block, BW_KIND_FRAME, BW_PAGE_BITS, 1, BW_SLOT_CNODE, frame) != 0) break;
        if (bw_frame_map(frame, address, BW_SLOT_VSPACE, BW_RIGHT_READ) != 0) break;
        for (uint64_t i = 0; i < BW_PAGE; i++) bytes += *(volatile uint8_t *)(address + i) != 0;
        (void)bw_cnode_delete(BW_SLOT_CNODE, frame);
    }
    bw_printf("the memory it was made of: %lu bytes of it left\n", bytes);
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    if (start_keeper() != 0) return 1;
    get_requestor(0);
    examine("the author's first program");
    if (build(true) == CONSTRUCTOR_E_HOLES) bw_puts("it is not given any letters");
    (void)bw_bank_destroy(SLOT_BANK);
    get_requestor(1);
    examine("the author's second program");
    if (build(true) != 0) return 1;
    sort_letters();
    pry();
    try_all();
    return 0;
}
