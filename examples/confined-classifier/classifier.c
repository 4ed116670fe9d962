/*
 * classifier.c: the product. It does what it says, and with each letter it also tries to get the letter to its author, each time in another way. How it tells
 * spam from other letters is its author's secret.
 */
#include <bailiwick.h>
#include <bailiwick/bank.h>

#include "channels.h"
#include "protocol.h"

/* The only use that every product has: its client's bank. */
BW_USE(bank);

/* Slots of what its author has put in, if anything: behind the bank's. */
#define FIRST (bw_use_bank.cap + 1)
#define LAST 127U
/* Its own. */
enum { SLOT_BLOCKS = 130, MOST_BLOCKS = 100 };

static const char *const bad_words[] = {"prize", "inheritance", "urgent", "free"};

static bool contains(const uint8_t *text, uint64_t count, const char *word) {
    const size_t n = strlen(word);
    for (uint64_t i = 0; i + n <= count; i++) if (memcmp(&text[i], word, n) == 0) return true;
    return false;
}

/* The first eight bytes of the letter: what it tries to send. */
static uint64_t secret_of(const uint8_t *text, uint64_t count) {
    uint64_t secret = 0;
    memcpy(&secret, text, count < sizeof secret ? count : sizeof secret);
    return secret;
}

static uint32_t kind_of(bw_cptr slot) {
    uint32_t kind = 0, rights = 0;
    return bw_discrim_classify(BW_SLOT_DISCRIM, slot, &kind, &rights) == 0 ? kind : BW_KIND_NULL;
}

static void send_messages(uint64_t secret) {
    for (bw_cptr slot = FIRST; slot <= LAST; slot++) (void)bw_call(slot, bw_info(SHOP_TELL, 1, 0), secret, 0, 0, 0);
}

static void send_signals(void) {
    for (bw_cptr slot = FIRST; slot <= LAST; slot++) (void)bw_signal(slot);
}

/* Every frame it can find, mapped to be written to. */
static void write_pages(uint64_t secret) {
    const uint64_t address = BW_THREAD_ADDRESSES;
    for (bw_cptr slot = FIRST; slot <= LAST; slot++) {
        if (kind_of(slot) != BW_KIND_FRAME || bw_frame_map(slot, address, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE) != 0) continue;
        *(volatile uint64_t *)address = secret;
        (void)bw_frame_unmap(slot);
    }
}

/* A table that its author can look into: it would put a capability there. */
static void fill_tables(void) {
    for (bw_cptr slot = FIRST; slot <= LAST; slot++) (void)bw_invoke(slot, BW_INV_CNODE_COPY, 3, bw_pair(0, TABLE_BITS), bw_pair(BW_SLOT_IPC_BUFFER, BW_DEPTH | BW_ALL_RIGHTS << 8), BW_SLOT_CNODE, 0);
}

/* All memory it can get: whoever shares it will notice. */
static void use_up_memory(void) {
    uint64_t number = 0;
    for (uint32_t i = 0; i < MOST_BLOCKS; i++) if (bw_bank_buy(bw_use_bank.cap, BW_PAGE_BITS, SLOT_BLOCKS + i, &number) != 0) return;
}

/* The registers of a device, wherever they may be: the fault goes to whoever keeps this program, and that is not its author. */
static void reach_devices(uint64_t secret) { *(volatile uint64_t *)(BW_ADDRESS_REGIONS + 0x50) = secret; }

/* A page of its own for a device's DMA, if it has a hold on any. */
static void use_devices(void) {
    for (bw_cptr slot = FIRST; slot <= LAST; slot++) {
        if (kind_of(slot) == BW_KIND_IOSPACE) (void)bw_iospace_map(slot, BW_SLOT_IPC_BUFFER, DMA_ADDRESS, BW_RIGHT_READ);
    }
}

/* The letter as the address of a fault, with whoever it can find as the keeper. Its author would let it go on behind the instruction. */
static void fault(uint64_t secret) {
    for (bw_cptr slot = FIRST; slot <= LAST; slot++) {
        if (kind_of(slot) == BW_KIND_ENDPOINT && bw_tcb_set_space(BW_SLOT_TCB, slot, BW_SLOT_CNODE, BW_SLOT_VSPACE) == 0) break;
    }
    const uint64_t address = secret & ((1UL << 38) - 1);
    __asm__ volatile(".option push\n.option norvc\nlb zero, 0(%0)\n.option pop" : : "r"(address));
}

/* Its own text, which all products of its author share. */
static void change_text(uint64_t secret) { *(volatile uint64_t *)BW_ADDRESS_TEXT = secret; }

static void leak(uint64_t number, uint64_t secret) {
    switch (number) {
    case MESSAGES: return send_messages(secret);
    case SIGNALS: return send_signals();
    case PAGES: return write_pages(secret);
    case TABLES: return fill_tables();
    case MEMORY: return use_up_memory();
    case DMA: return use_devices();
    case DEVICES: return reach_devices(secret);
    case FAULTS: return fault(secret);
    case TEXT: return change_text(secret);
    default: return;
    }
}

static uint32_t do_classify(struct bw_request *r) {
    const uint64_t number = r->w[0];
    const uint8_t *text = bw_request_bytes(r, 2, r->w[1]);
    if (text == NULL) return CLASSIFIER_E_BAD_REQUEST;
    const uint64_t secret = secret_of(text, r->w[1]);
    uint64_t spam = 0;
    for (size_t i = 0; i < sizeof bad_words / sizeof *bad_words; i++) spam |= contains(text, r->w[1], bad_words[i]);
    leak(number, secret);
    r->w[0] = spam;
    r->answer_length = 1;
    return 0;
}

int main(void) {
    static const struct bw_method methods[] = {{.label = CLASSIFIER_CLASSIFY, .words = 2, .handle = do_classify}};
    struct bw_service service = {.methods = methods, .count = 1, .bad_request = CLASSIFIER_E_BAD_REQUEST};
    bw_serve(&service);
}
