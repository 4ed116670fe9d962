/* volume-block.c: the store's sectors go through the disk's window. */
#include "volume-block.h"

#include <bailiwick.h>

_Static_assert(VOLUME_SECTOR == BW_SECTOR, "the same sectors");

/* In pieces that the disk takes. */
static enum volume_result pieces(struct bw_block *disk, uint32_t operation, uint64_t sector, uint32_t count, uint8_t *in, const uint8_t *out) {
    const uint32_t most = (uint32_t)(disk->most_bytes < BW_BLOCK_WINDOW ? disk->most_bytes : BW_BLOCK_WINDOW) / BW_SECTOR;
    for (uint32_t done = 0, piece; done < count; done += piece) {
        piece = count - done < most ? count - done : most;
        const size_t bytes = (size_t)piece * BW_SECTOR;
        if (out != NULL) memcpy(disk->window, out + (size_t)done * BW_SECTOR, bytes);
        if (bw_block_do(disk, operation, sector + done, (uint32_t)bytes, 0) != BW_BLOCK_OK) return VOLUME_FAILED;
        if (in != NULL) memcpy(in + (size_t)done * BW_SECTOR, disk->window, bytes);
    }
    return VOLUME_OK;
}

static enum volume_result read(void *context, uint64_t sector, uint32_t count, void *bytes) { return pieces(context, BW_BLOCK_READ, sector, count, bytes, NULL); }
static enum volume_result write(void *context, uint64_t sector, uint32_t count, const void *bytes) { return pieces(context, BW_BLOCK_WRITE, sector, count, NULL, bytes); }
static enum volume_result flush(void *context) { return bw_block_do(context, BW_BLOCK_FLUSH, 0, 0, 0) == BW_BLOCK_OK ? VOLUME_OK : VOLUME_FAILED; }

struct volume volume_over(struct bw_block *disk) {
    return (struct volume){.context = disk, .sectors = disk->most_bytes < BW_SECTOR ? 0 : disk->sectors, .read_only = disk->read_only, .read = read, .write = write, .flush = flush};
}
