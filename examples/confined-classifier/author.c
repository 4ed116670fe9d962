/*
 * author.c: whose program it is. It makes two constructors of the same program: one whose products can reach it by an endpoint, a notification, a page and a
 * table, and one whose products have nothing of it. It gives everybody both, and listens.
 */
#include <bailiwick.h>
#include <bailiwick/bank.h>
#include <bailiwick/constructor-protocol.h>
#include <bailiwick/constructor.h>

#include "channels.h"
#include "protocol.h"

BW_USE(bank);
BW_USE(constructor);
BW_USE(program);
/* The I/O space of a disk, as the driver of one has it. */
BW_USE(dma);

enum { SLOT_BUILDER = 128, SLOT_REQUESTORS, SLOT_PHONE = SLOT_REQUESTORS + 2, SLOT_BELL, SLOT_BOARD, SLOT_TABLE, SLOT_BLOCK, SLOT_HELPER_BUILDER, SLOT_HELPER, MOST_BLOCKS = 2048 };
#define PROGRAMS_OWN (1ULL << 31)
#define BELL (1ULL << 40)
#define BOARD BW_THREAD_ADDRESSES

static uint64_t messages, signals, numbers[MOST_BLOCKS];

/* Blocks of 4 KiB that it can have: fewer, if others have taken some from the same bank. */
static uint64_t count_blocks(void) {
    uint64_t count = 0;
    while (count < MOST_BLOCKS && bw_bank_buy(bw_use_bank.cap, BW_PAGE_BITS, SLOT_BLOCK, &numbers[count]) == 0) {
        (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_BLOCK);
        count++;
    }
    for (uint64_t i = 0; i < count; i++) (void)bw_bank_free(bw_use_bank.cap, numbers[i]);
    return count;
}

/* Somebody has put a page there: where one is there is no room for another. */
static bool is_mapped_for_dma(void) {
    (void)bw_cnode_copy(BW_SLOT_CNODE, SLOT_BLOCK, BW_SLOT_CNODE, SLOT_BOARD, BW_RIGHT_READ);
    const bool taken = bw_iospace_map(bw_use_dma.cap, SLOT_BLOCK, DMA_ADDRESS, BW_RIGHT_READ) != 0;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_BLOCK);
    return taken;
}

static uint32_t do_product(struct bw_request *r) {
    if (r->w[0] > 1) return SHOP_E_BAD_REQUEST;
    bw_ipc()->caps[r->answer_caps++] = SLOT_REQUESTORS + r->w[0];
    return 0;
}

static uint32_t do_heard(struct bw_request *r) {
    volatile uint64_t *board = (volatile uint64_t *)BOARD;
    uint32_t kind = 0, rights = 0;
    r->w[0] = messages, r->w[1] = signals, r->w[2] = *board != 0, r->w[3] = count_blocks();
    r->answer_length = 4;
    /* A table with something in it is as good as a page. */
    (void)bw_invoke(BW_SLOT_CNODE, BW_INV_CNODE_MOVE, 3, bw_pair(SLOT_BLOCK, BW_DEPTH), bw_pair(0, TABLE_BITS), SLOT_TABLE, 0);
    if (bw_discrim_classify(BW_SLOT_DISCRIM, SLOT_BLOCK, &kind, &rights) == 0 && kind != BW_KIND_NULL) r->w[2] = 1;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_BLOCK);
    if (is_mapped_for_dma()) r->w[2] = 1;
    messages = signals = *board = 0;
    return 0;
}

static uint32_t do_tell(struct bw_request *r) {
    if (r->badge >= PROGRAMS_OWN) messages++;
    return 0;
}

/* A fault of its program: the address is a letter. On behind the instruction of 4 bytes. */
static uint32_t do_fault(struct bw_request *r) {
    if (r->badge < PROGRAMS_OWN) return SHOP_E_BAD_REQUEST;
    messages++;
    r->w[0] += 4;
    r->answer_length = 1;
    return 0;
}

static void notified(uint64_t bits) { signals += (bits & BELL) != 0; }

static uint32_t build(const char *name, bw_cptr requestor, bool leaky) {
    const struct bw_product_size size = {.bits = 17, .stack_pages = 2};
    char why[120];
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_BUILDER);
    uint32_t wrong = bw_constructor_create(bw_use_constructor.cap, name, (const void *)bw_use_program.address, bw_use_program.bytes, size, SLOT_BUILDER);
    if (wrong == 0 && leaky) {
        wrong = bw_constructor_install(SLOT_BUILDER, "phone", SLOT_PHONE, NULL);
        if (wrong == 0) wrong = bw_constructor_install(SLOT_BUILDER, "bell", SLOT_BELL, NULL);
        if (wrong == 0) wrong = bw_constructor_install(SLOT_BUILDER, "board", SLOT_BOARD, NULL);
        if (wrong == 0) wrong = bw_constructor_install(SLOT_BUILDER, "table", SLOT_TABLE, NULL);
        if (wrong == 0) wrong = bw_constructor_install(SLOT_BUILDER, "disk", bw_use_dma.cap, NULL);
        /* Through another constructor, too. */
        if (wrong == 0) wrong = bw_constructor_install(SLOT_BUILDER, "helper", SLOT_HELPER, NULL);
    }
    if (wrong == 0) wrong = bw_constructor_seal(SLOT_BUILDER, requestor, why, sizeof why);
    if (wrong == CONSTRUCTOR_E_BAD_IMAGE) bw_log(why);
    return wrong;
}

static uint32_t build_helper(void) {
    const struct bw_product_size size = {.bits = 17, .stack_pages = 1};
    uint32_t wrong = bw_constructor_create(bw_use_constructor.cap, "helper", (const void *)bw_use_program.address, bw_use_program.bytes, size, SLOT_HELPER_BUILDER);
    if (wrong == 0) wrong = bw_constructor_install(SLOT_HELPER_BUILDER, "line", SLOT_PHONE, NULL);
    return wrong != 0 ? wrong : bw_constructor_seal(SLOT_HELPER_BUILDER, SLOT_HELPER, NULL, 0);
}

/* What its programs could reach it by. */
static bw_err make_channels(void) {
    bw_err error = bw_cnode_mint(BW_SLOT_CNODE, SLOT_PHONE, BW_SLOT_CNODE, BW_SLOT_SERVICE, BW_RIGHT_WRITE | BW_RIGHT_GRANT_REPLY, PROGRAMS_OWN);
    if (error == 0) error = bw_cnode_mint(BW_SLOT_CNODE, SLOT_BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, BELL);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, BW_PAGE_BITS, 1, BW_SLOT_CNODE, SLOT_BOARD);
    if (error == 0) error = bw_frame_map(SLOT_BOARD, BOARD, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    return error == 0 ? bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_CNODE, TABLE_BITS, 1, BW_SLOT_CNODE, SLOT_TABLE) : error;
}

int main(void) {
    if (make_channels() != 0 || build_helper() != 0 || build("leaky", SLOT_REQUESTORS, true) != 0 || build("classifier", SLOT_REQUESTORS + 1, false) != 0) {
        bw_log("the author cannot build its program");
        return 1;
    }
    static const struct bw_method methods[] = {
        {.label = SHOP_PRODUCT, .words = 1, .handle = do_product}, {.label = SHOP_HEARD, .handle = do_heard}, {.label = SHOP_TELL, .handle = do_tell},
        {.label = BW_FAULT_VM_FAULT, .words = 1, .handle = do_fault},
    };
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = SHOP_E_BAD_REQUEST, .notified = notified};
    bw_serve(&service);
}
