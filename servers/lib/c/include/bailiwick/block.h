/*
 * block.h: requests to a disk and their answers, as they go through a channel's rings; data lies in windows of 2 MiB that both sides know by number.
 * An answer may come in any order; a flush covers the writes that were answered before it was sent.
 */
#pragma once
#include <stdint.h>

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
