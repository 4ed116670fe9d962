/*
 * A client of the block server: fills its part of the disk with its own pattern, reads it back, tries to get out of its part, makes less of what it has,
 * and says what came of it. Its pattern is its badge's.
 */
#include <bailiwick.h>
#include <bailiwick/block-protocol.h>
#include <bailiwick/block.h>
#include <bailiwick/console.h>

BW_USE(console);
BW_USE(disk);

enum { SLOT_WHOLE = 128, SLOT_PART = 150, SLOT_PART_BLOCK = 160 };

static struct bw_block whole, part;

static uint64_t pattern(uint64_t sector, uint32_t i) { return (sector + 1) * 0x9e3779b97f4a7c15UL + i + (bw_use_disk.badge << 32); }

static uint32_t fill(struct bw_block *b) {
    uint32_t failed = 0;
    for (uint64_t sector = 0; sector < b->sectors; sector += 128) {
        uint64_t *data = (uint64_t *)b->window;
        for (uint32_t s = 0; s < 128; s++) for (uint32_t i = 0; i < 64; i++) data[64 * s + i] = pattern(sector + s, i);
        failed += bw_block_do(b, BW_BLOCK_WRITE, sector, 65536, 0) != 0;
    }
    return failed;
}

static uint32_t compare(struct bw_block *b) {
    uint32_t wrong = 0;
    for (uint64_t sector = 0; sector < b->sectors; sector += 128) {
        if (bw_block_do(b, BW_BLOCK_READ, sector, 65536, 65536) != 0) return UINT32_MAX;
        const uint64_t *data = (const uint64_t *)(b->window + 65536);
        for (uint32_t s = 0; s < 128; s++) for (uint32_t i = 0; i < 64; i++) wrong += data[64 * s + i] != pattern(sector + s, i);
    }
    return wrong;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    bw_err error = bw_block_open(&whole, bw_use_disk.cap, SLOT_WHOLE, BW_ADDRESS_OWN, 1UL << 52);
    if (error != 0) {
        bw_printf("%s: not opened: %s\n", bw_name(), bw_error_name(error));
        return 1;
    }
    const uint32_t written = fill(&whole), flushed = bw_block_do(&whole, BW_BLOCK_FLUSH, 0, 0, 0);
    bw_printf("%s: %lu sectors%s, %u writes failed, flush %u, %u words wrong\n", bw_name(), whole.sectors, whole.read_only ? " read-only" : "", written, flushed, whole.read_only ? 0 : compare(&whole));
    const uint64_t end = whole.sectors;
    bw_printf("%s: beyond its part %u %u %u\n", bw_name(), bw_block_do(&whole, BW_BLOCK_READ, end, 512, 0), bw_block_do(&whole, BW_BLOCK_READ, end - 1, 1024, 0), bw_block_do(&whole, BW_BLOCK_READ, UINT64_MAX, 512, 0));

    bw_receive_slots(SLOT_PART, 1);
    const struct bw_msg m = bw_call(bw_use_disk.cap, bw_info(BLOCK_RESTRICT, 3, 0), 8, 16, 1, 0);
    if (bw_error(&m) != 0 || bw_label(&m) != 0 || (error = bw_block_open(&part, SLOT_PART, SLOT_PART_BLOCK, BW_ADDRESS_OWN + 4 * BW_BLOCK_WINDOW, 1UL << 51)) != 0) {
        bw_printf("%s: no part of its part: %lu %lu\n", bw_name(), (unsigned long)bw_label(&m), (unsigned long)error);
        return 1;
    }
    const uint32_t read = bw_block_do(&part, BW_BLOCK_READ, 0, 512, 0);
    const bool right = whole.read_only || *(const uint64_t *)part.window == pattern(8, 0);
    bw_printf("%s: part of %lu sectors%s: read %u %s, write %u, beyond %u\n", bw_name(), part.sectors, part.read_only ? " read-only" : "", read, right ? "right" : "wrong", bw_block_do(&part, BW_BLOCK_WRITE, 0, 512, 0),
              bw_block_do(&part, BW_BLOCK_READ, 16, 512, 0));
    const struct bw_msg more = bw_call(SLOT_PART, bw_info(BLOCK_RESTRICT, 3, 0), 8, 9, 0, 0);
    bw_printf("%s: more than it has: %lu\n", bw_name(), (unsigned long)bw_label(&more));
    return 0;
}
