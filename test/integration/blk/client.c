/*
 * A client of the block driver: writes a pattern that fills a window, reads it back into another, flushes, asks for what makes no sense, and says
 * what came of it, a line for each.
 */
#include <bailiwick.h>
#include <bailiwick/block.h>
#include <bailiwick/blockdriver.h>

BW_USE(console);
BW_USE(disk);

enum { SLOT_FRAMES = 130, SLOT_LENT = 132, SLOT_TABLES = 134, SLOT_CHANNEL = 140 };
#define DATA 0x60200000UL
#define BIT (1ULL << 52)

static struct bw_channel channel;
static uint32_t next_id;

static void must(bw_err error, const char *what) {
    if (error == 0) return;
    bw_printf("%s: %s\n", what, bw_error_name(error));
    bw_exit(1);
}

static uint32_t ask(uint32_t operation, uint64_t sector, uint32_t bytes, uint32_t window, uint32_t offset) {
    const struct bw_block_request request = {.sector = sector, .id = ++next_id, .operation = operation, .bytes = bytes, .window = window, .offset = offset};
    struct bw_block_answer answer = {0};
    if (bw_send_message(&channel.out, &request) != BW_RING_DONE) return 100;
    if (bw_receive_message(&channel.in, &answer) != BW_RING_DONE) return 101;
    return answer.id == next_id ? answer.result : 102;
}

/* A channel whose messages are longer than the driver's: its refusal, 0 for none. */
static uint32_t open_with(uint32_t to_bytes, uint32_t from_bytes) {
    const struct bw_channel_wish wish = {.to_server = {4, to_bytes}, .from_server = {4, from_bytes}, .slots = SLOT_CHANNEL, .address = BW_ADDRESS_OWN, .bit = BIT};
    uint32_t refusal = 0;
    (void)bw_channel_open(&channel, bw_use_disk.cap, &wish, &refusal);
    return refusal;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    for (uint32_t i = 0; i < 2; i++) {
        must(bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, SLOT_FRAMES + i), "frame");
        must(bw_cnode_copy(BW_SLOT_CNODE, SLOT_LENT + i, BW_SLOT_CNODE, SLOT_FRAMES + i, BW_RIGHT_READ | BW_RIGHT_WRITE), "copy");
        must(bw_frame_map(SLOT_FRAMES + i, DATA + i * BW_BLOCK_WINDOW, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE), "map");
        bw_ipc()->caps[0] = SLOT_LENT + i;
        const struct bw_msg m = bw_call(bw_use_disk.cap, bw_info(BLOCK_DRIVER_WINDOW, 1, 1), i, 0, 0, 0);
        if (bw_error(&m) != 0 || bw_label(&m) != 0) bw_printf("window: %lu %lu\n", (unsigned long)bw_error(&m), (unsigned long)bw_label(&m));
    }
    const struct bw_msg info = bw_call(bw_use_disk.cap, bw_info(BLOCK_DRIVER_INFO, 0, 0), 0, 0, 0, 0);
    bw_printf("disk of %lu sectors, requests up to %lu bytes\n", info.w[0], info.w[1]);
    bw_printf("other message sizes: %u %u %u\n", open_with(4096, 16), open_with(32, 4096), open_with(8, 16));
    const struct bw_channel_wish wish = {.to_server = {64, sizeof(struct bw_block_request)}, .from_server = {64, sizeof(struct bw_block_answer)}, .slots = SLOT_CHANNEL, .address = BW_ADDRESS_OWN, .bit = BIT};
    uint32_t refusal = 0;
    must(bw_channel_open(&channel, bw_use_disk.cap, &wish, &refusal), "channel");

    uint64_t *out = (uint64_t *)DATA, *in = (uint64_t *)(DATA + BW_BLOCK_WINDOW);
    for (uint32_t i = 0; i < BW_BLOCK_WINDOW / 8; i++) out[i] = i * 0x9e3779b97f4a7c15UL;
    uint32_t bad = 0;
    for (uint32_t at = 0; at < BW_BLOCK_WINDOW; at += 65536) bad += ask(BW_BLOCK_WRITE, at / BW_SECTOR, 65536, 0, at) != 0;
    bw_printf("written: %u failed\n", bad);
    bw_printf("flushed: %u\n", ask(BW_BLOCK_FLUSH, 0, 0, 0, 0));
    bad = 0;
    for (uint32_t at = 0; at < BW_BLOCK_WINDOW; at += 65536) bad += ask(BW_BLOCK_READ, at / BW_SECTOR, 65536, 1, at) != 0;
    for (uint32_t i = 0; i < BW_BLOCK_WINDOW / 8; i++) bad += out[i] != in[i];
    bw_printf("read back: %u wrong\n", bad);
    bw_printf("beyond the end: %u\n", ask(BW_BLOCK_READ, info.w[0], 512, 1, 0));
    bw_printf("not whole sectors: %u\n", ask(BW_BLOCK_READ, 0, 100, 1, 0));
    bw_printf("no such window: %u\n", ask(BW_BLOCK_READ, 0, 512, 9, 0));
    bw_printf("out of the window: %u\n", ask(BW_BLOCK_READ, 0, 1024, 1, BW_BLOCK_WINDOW - 512));
    bw_printf("no operation: %u\n", ask(77, 0, 512, 1, 0));
    return 0;
}
