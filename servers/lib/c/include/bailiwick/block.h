/*
 * block.h: requests to a disk and their answers, as they go through a channel's rings; data lies in windows of 2 MiB that both sides know by number.
 * An answer may come in any order; a flush covers the writes that were answered before it was sent.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick/channel.h>

#define BW_SECTOR 512U
#define BW_BLOCK_WINDOW (2U << 20)
#define BW_BLOCK_WINDOWS 64U

enum { BW_BLOCK_READ = 0, BW_BLOCK_WRITE = 1, BW_BLOCK_FLUSH = 2 };

struct bw_block_request {
    uint64_t sector;
    /* The sender's own, comes back with the answer. */
    uint32_t id;
    uint32_t operation;
    /* A multiple of 512, 0 for a flush. */
    uint32_t bytes;
    /* Where the data is: the window's number, and the offset in it, a multiple of 512. */
    uint32_t window;
    uint32_t offset;
    uint32_t reserved;
};
_Static_assert(sizeof(struct bw_block_request) == 32, "a message of the ring");

enum {
    BW_BLOCK_OK = 0,
    /* The disk failed, or gave no answer before it was started anew: what was asked for may have been done, or not. */
    BW_BLOCK_FAILED = 1,
    /* A request that makes no sense: sector, length, window. Nothing was done. */
    BW_BLOCK_BAD = 2,
    BW_BLOCK_READ_ONLY = 3,
    /* More than the client may write. */
    BW_BLOCK_QUOTA = 4,
};

struct bw_block_answer {
    uint32_t id;
    uint32_t result;
    uint64_t reserved;
};
_Static_assert(sizeof(struct bw_block_answer) == 16, "a message of the ring");

/* For a server: what a request asks for is a read or a write that is on the disk, not too long, and within a window. */
bool bw_block_makes_sense(const struct bw_block_request *request, uint64_t sectors, uint64_t most_bytes);

/* A client's disk: a channel and window 0, where its data goes through. */
struct bw_block {
    struct bw_channel channel;
    uint64_t sectors;
    uint64_t most_bytes;
    bool read_only;
    uint8_t *window;
    uint32_t last_id;
};

/* Slots that bw_block_open takes from `slots` on. */
#define BW_BLOCK_SLOTS (2U + BW_CHANNEL_TABLES + BW_CHANNEL_SLOTS(1))

/*
 * Opens the disk of `server` (protocol Block). slots: BW_BLOCK_SLOTS empty ones. address: a multiple of 2 MiB, with 4 MiB free: the rings, then the window.
 * bit: as in struct bw_channel_wish. Errors: the kernel's; IllegalOperation when the server refused.
 */
bw_err bw_block_open(struct bw_block *block, bw_cptr server, bw_cptr slots, uint64_t address, uint64_t bit);

/* One request, and the wait for its answer (BW_BLOCK_...; FAILED when the server is gone). offset: where in the window the data is. */
uint32_t bw_block_do(struct bw_block *block, uint32_t operation, uint64_t sector, uint32_t bytes, uint32_t offset);
