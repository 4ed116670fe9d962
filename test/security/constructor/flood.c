/*
 * flood.c: a client that means harm by messages: every label, every length, capabilities of all kinds where none belong, to the server, to builders and to requestors,
 * of its own and of those that are no more. Between them it makes constructors as costly as it can and throws them away. It says what it saw, and whether it is
 * served like anybody else then.
 */
#include <bailiwick.h>
#include <bailiwick/bank-protocol.h>
#include <bailiwick/bank.h>
#include <bailiwick/constructor-protocol.h>
#include <bailiwick/constructor.h>

BW_USE(console);
BW_USE(bank);
BW_USE(constructor);
BW_USE(product);
BW_USE(needs);
BW_USE(times);

enum { SLOT_BUILDER = 128, SLOT_REQUESTOR, SLOT_MADE, ROUNDS = 12000, FILE_BYTES = 512 << 10, SECTIONS = 8000 };

static uint64_t state = 0x9e3779b97f4a7c15;
static uint64_t draw(uint64_t below) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % below;
}

/* A number that is small, or near an end of something. */
static uint64_t number(void) {
    static const uint64_t ends[] = {0, 1, 24, 64, 4096, 512 << 10, 1ULL << 31, 1ULL << 32, 1ULL << 63, UINT64_MAX};
    return draw(3) == 0 ? draw(40) : ends[draw(sizeof ends / sizeof *ends)] + draw(17) - 8;
}

static bw_cptr any_cap(void) {
    static const bw_cptr own[] = {BW_SLOT_CNODE, BW_SLOT_TCB, BW_SLOT_VSPACE, BW_SLOT_SERVICE, BW_SLOT_NOTIFICATION, BW_SLOT_UNTYPED, BW_SLOT_SCHED_CONTEXT, BW_SLOT_DISCRIM, BW_SLOT_REPLY, BW_SLOT_IPC_BUFFER, SLOT_BUILDER, SLOT_REQUESTOR, SLOT_MADE, 0};
    const uint64_t which = draw(sizeof own / sizeof *own + 3);
    return which < sizeof own / sizeof *own ? own[which] : which % 2 == 0 ? (bw_cptr)bw_use_constructor.cap : (bw_cptr)bw_use_bank.cap;
}

static void nonsense(void) {
    const bw_cptr to = draw(3) == 0 ? (bw_cptr)bw_use_constructor.cap : draw(2) == 0 ? SLOT_BUILDER : SLOT_REQUESTOR;
    uint32_t label = (uint32_t)draw(12);
    /* Its builder is to live for a while. */
    if (label == CONSTRUCTOR_DESTROY && draw(20) != 0) label = CONSTRUCTOR_WRITE;
    for (uint32_t i = 0; i < 8; i++) bw_ipc()->words[i] = number();
    for (uint32_t i = 0; i < BW_MAX_CAPS; i++) bw_ipc()->caps[i] = any_cap();
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_MADE);
    const struct bw_receive before = bw_receive_into(SLOT_MADE, 1);
    (void)bw_call_buffer(to, label, (uint32_t)draw(121), (uint32_t)draw(4));
    bw_receive_as(before);
    /* If that made one by chance: what is thrown away without being destroyed keeps its place. */
    (void)bw_constructor_destroy(SLOT_MADE);
}

static uint32_t create(bool whole) {
    const struct bw_product_size size = {.bits = 18, .stack_pages = 2};
    (void)bw_constructor_destroy(SLOT_BUILDER);
    for (bw_cptr slot = SLOT_BUILDER; slot <= SLOT_REQUESTOR; slot++) (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
    return bw_constructor_create(bw_use_constructor.cap, "flood", (const void *)bw_use_product.address, whole ? bw_use_product.bytes : 4096, size, SLOT_BUILDER);
}

/* A file that is all headers, each of which claims a name that never ends. */
static uint32_t seal_worst(void) {
    static uint8_t piece[936];
    const struct bw_product_size size = {.bits = 20, .stack_pages = 2};
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_BUILDER);
    uint64_t *w = bw_ipc()->words;
    w[0] = FILE_BYTES, w[1] = size.bits, w[2] = size.stack_pages, w[3] = 1, w[4] = 'w';
    const struct bw_receive before = bw_receive_into(SLOT_BUILDER, 1);
    const struct bw_msg made = bw_call_buffer(bw_use_constructor.cap, CONSTRUCTOR_CREATE, 5, 0);
    bw_receive_as(before);
    if (bw_label(&made) != 0) return bw_label(&made);
    for (uint64_t at = 0; at < FILE_BYTES; at += sizeof piece) {
        memset(piece, 'A', sizeof piece);
        for (uint64_t i = 0; i < sizeof piece; i++) {
            const uint64_t field = (at + i - 192) % 64;
            if (at + i >= 192 && at + i < 192 + 64 * SECTIONS) piece[i] = field == 4 ? 1 : field == 26 ? 7 : 0;
        }
        if (at == 0) {
            const uint64_t segment[] = {1 | 5ULL << 32, 4096, BW_ADDRESS_TEXT, BW_ADDRESS_TEXT, FILE_BYTES - 4096, FILE_BYTES - 4096, 4096};
            const uint16_t sizes[] = {64, 56, 1, 64, SECTIONS, 0};
            const uint64_t sections = 192;
            memcpy(piece, (const void *)bw_use_product.address, 64);
            memcpy(&piece[40], &sections, 8);
            memcpy(&piece[52], sizes, sizeof sizes);
            memcpy(&piece[64], segment, sizeof segment);
        }
        const uint64_t count = FILE_BYTES - at < sizeof piece ? FILE_BYTES - at : sizeof piece;
        w[0] = at, w[1] = count;
        memcpy(&w[2], piece, count);
        const struct bw_msg m = bw_call_buffer(SLOT_BUILDER, CONSTRUCTOR_WRITE, 2 + (uint32_t)((count + 7) / 8), 0);
        if (bw_label(&m) != 0) return 100 + bw_label(&m);
    }
    return bw_constructor_seal(SLOT_BUILDER, SLOT_REQUESTOR, NULL, 0);
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        if (i % 200 == 0 && create(true) == 0 && i % 400 == 0) (void)bw_constructor_seal(SLOT_BUILDER, SLOT_REQUESTOR, NULL, 0);
        nonsense();
    }
    (void)bw_constructor_destroy(SLOT_BUILDER);
    bw_printf("%s: the worst file: %u\n", bw_name(), seal_worst());
    (void)bw_constructor_destroy(SLOT_BUILDER);
    struct bw_requestor_check check = {0};
    const uint32_t made = create(true), sealed = bw_constructor_seal(SLOT_BUILDER, SLOT_REQUESTOR, NULL, 0), verified = bw_constructor_verify(bw_use_constructor.cap, SLOT_REQUESTOR, &check);
    bw_printf("%s: served as anybody: %u %u %u %s\n", bw_name(), made, sealed, verified, check.discreet ? "discreet" : "not discreet");
    return 0;
}
