/*
 * memory.h: the bank's Untyped as a tree of blocks: a block of 2^k bytes is the parent of its halves, and either it or they exist. Who may have which is banks.h.
 *
 * Blocks are numbered as in a heap: 1 is all of the memory, 2n and 2n+1 the halves of n. Block n's Untyped is in slot memory_slot(n).
 *
 * Invariants
 *   B1  FREE and SOLD blocks do not overlap.
 *   B2  A FREE block's Untyped has no descendants; a SPLIT block's are its halves and theirs.
 *   B3  Two FREE halves of one block, both of them the same arena's, are joined. An arena's blocks never join with what is outside it.
 */
#pragma once
#include <bailiwick.h>

/* Blocks of 4 KiB to 1 GiB. */
enum { LEAST_BITS = 12, MOST_BITS = 30 };

enum block_state { ABSENT, FREE, SPLIT, SOLD };

struct block {
    /* The list it is in: FREE blocks of an arena by size, SOLD ones by bank. 0: none. */
    uint32_t next;
    uint32_t previous;
    /* FREE: the bank whose arena it is in. SOLD: the buyer. */
    uint16_t bank;
    /* The bank for which it is set aside, whatever has become of it; 0: none. */
    uint16_t arena;
    uint8_t state;
};

/* Takes what is left of the program's memory; bank 0's arena is all of it. A sentence when that fails, NULL when it went well. */
const char *memory_init(void);
/* The same for everybody. */
struct block *block_of(uint32_t number);
bw_cptr memory_slot(uint32_t number);
uint32_t block_bits(uint32_t number);
/* Whether there is such a number: 1.. */
bool is_block(uint32_t number);
/* All bytes that can be sold. */
uint64_t memory_bytes(void);

/* A block of 2^bits bytes from the bank's arena, SOLD to nobody; 0: there is none. */
uint32_t memory_take(uint16_t arena_of, uint32_t bits);
/* All that was made of a SOLD block ends, and it is FREE again in the arena it is from. */
void memory_give_back(uint32_t number);
/* A SOLD block becomes an arena, whole and free; or an arena, whole and free again, becomes a SOLD block. */
void memory_begin_arena(uint32_t number, uint16_t bank);
void memory_end_arena(uint32_t number);
/* The root of the arena that the block is in, or itself is. */
uint32_t memory_arena(uint32_t number);
/* SOLD blocks of a bank. */
void memory_link(uint32_t *list, uint32_t number);
void memory_unlink(uint32_t *list, uint32_t number);
