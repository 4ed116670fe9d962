/* Asks a server for channels that cannot be, with capabilities that are none, and in the end for one that can. The library's own checks are passed by. */
#include <bailiwick.h>

BW_USE(console);
BW_USE(echo);

enum { SLOTS = 128, BELL = 200, FREE = 201, READ_ONLY = 202, RECEIVED = 210 };

static void open(const char *what, uint32_t length, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3, uint32_t caps, bw_cptr cap) {
    bw_ipc()->caps[0] = cap;
    bw_ipc()->caps[1] = BELL;
    bw_receive_slots(RECEIVED, 3);
    const struct bw_msg m = bw_call(bw_use_echo.cap, bw_info(CHANNEL_OPEN, length, caps), w0, w1, w2, w3);
    for (bw_cptr slot = RECEIVED; slot < RECEIVED + 3; slot++) (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
    bw_printf("%s: %s %u, %u capabilities\n", what, bw_error(&m) == 0 ? "answer" : "error", bw_label(&m), bw_caps(&m));
}

static void wish(const char *what, struct bw_ring_shape to, struct bw_ring_shape from, uint64_t address, uint64_t bit) {
    static struct bw_channel channel;
    const struct bw_channel_wish w = {.to_server = to, .from_server = from, .slots = SLOTS, .address = address, .bit = bit};
    uint32_t refusal = 0;
    const bw_err error = bw_channel_open(&channel, bw_use_echo.cap, &w, &refusal);
    uint32_t kind = BW_KIND_NULL, rights, left = 0;
    for (bw_cptr slot = SLOTS + BW_CHANNEL_TABLES; slot < SLOTS + 40; slot++) left += bw_discrim_classify(BW_SLOT_DISCRIM, slot, &kind, &rights) == 0 && kind != BW_KIND_NULL;
    bw_printf("%s: %s, refusal %u, %u slots in use\n", what, bw_error_name(error), refusal, left);
    if (error == 0) bw_channel_close(&channel);
}

int main(void) {
    const struct bw_ring_shape none = {0, 0}, some = {4, 8};
    bw_console_open(bw_use_console.cap);
    (void)bw_cnode_mint(BW_SLOT_CNODE, BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, 1UL << 52);
    (void)bw_cnode_mint(BW_SLOT_CNODE, READ_ONLY, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_READ, 1UL << 52);
    open("no words", 0, 4, 8, 4, 8, 1, BELL);
    open("three words", 3, 4, 8, 4, 8, 1, BELL);
    open("no ring at all", 4, 0, 0, 0, 0, 1, BELL);
    open("three messages", 4, 3, 8, 0, 0, 1, BELL);
    open("messages of nine bytes", 4, 4, 9, 0, 0, 1, BELL);
    open("messages of no bytes", 4, 4, 0, 0, 0, 1, BELL);
    open("no messages of some bytes", 4, 4, 8, 0, 8, 1, BELL);
    open("2^32 + 4 messages", 4, (1UL << 32) + 4, 8, 0, 0, 1, BELL);
    open("2^64 - 1 of everything", 4, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, 1, BELL);
    open("2^63 bytes", 4, 1, 1UL << 63, 0, 0, 1, BELL);
    open("more than its memory", 4, 32768, 4096, 32768, 4096, 1, BELL);
    open("a little more than its memory", 4, 4096, 8, 0, 0, 1, BELL);
    open("no capability", 4, 4, 8, 4, 8, 0, 0);
    open("an empty slot", 4, 4, 8, 4, 8, 1, FREE);
    open("a capability of the server itself", 4, 4, 8, 4, 8, 1, bw_use_echo.cap);
    open("another endpoint", 4, 4, 8, 4, 8, 1, bw_use_console.cap);
    open("a frame", 4, 4, 8, 4, 8, 1, BW_SLOT_IPC_BUFFER);
    open("its CNode", 4, 4, 8, 4, 8, 1, BW_SLOT_CNODE);
    open("a notification that it may not signal", 4, 4, 8, 4, 8, 1, READ_ONLY);
    open("two capabilities", 4, 4, 8, 4, 8, 2, BELL);
    struct bw_msg m = bw_call(bw_use_echo.cap, bw_info(CHANNEL_MEMORY, 1, 0), 0, 0, 0, 0);
    bw_printf("memory of no channel: %u\n", bw_label(&m));
    open("one that can be", 4, 4, 8, 4, 8, 1, BELL);
    m = bw_call(bw_use_echo.cap, bw_info(CHANNEL_MEMORY, 1, 0), 1, 0, 0, 0);
    bw_printf("memory beyond it: %u\n", bw_label(&m));
    m = bw_call(bw_use_echo.cap, bw_info(CHANNEL_MEMORY, 1, 0), UINT64_MAX, 0, 0, 0);
    bw_printf("memory far beyond it: %u\n", bw_label(&m));
    m = bw_call(bw_use_echo.cap, bw_info(CHANNEL_MEMORY, 0, 0), 0, 0, 0, 0);
    bw_printf("memory of no page: %u\n", bw_label(&m));
    wish("no ring", none, none, BW_ADDRESS_OWN, 1UL << 52);
    wish("an address off the page", some, some, BW_ADDRESS_OWN + 8, 1UL << 52);
    wish("over the end of a table", (struct bw_ring_shape){1024, 8}, none, BW_ADDRESS_OWN + 511 * 4096, 1UL << 52);
    wish("a bit below the signals", some, some, BW_ADDRESS_OWN, 1);
    wish("two bits", some, some, BW_ADDRESS_OWN, 3UL << 40);
    wish("too much for the server", (struct bw_ring_shape){4096, 8}, none, BW_ADDRESS_OWN, 1UL << 52);
    wish("over its own stack", some, some, BW_ADDRESS_STACK_TOP - 4096, 1UL << 52);
    wish("where it has no tables at all", some, some, 0x2000000000, 1UL << 52);
    wish("elsewhere, its page tables in the same slots", some, none, BW_ADDRESS_OWN, 1UL << 52);
    wish("there again", some, none, 0x2000000000, 1UL << 52);
    return 0;
}
