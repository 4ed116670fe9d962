/*
 * banks.h: who may have how much. Banks form a tree; bank 0 is nobody's and sells all the memory there is.
 *
 * Invariants
 *   S1  used(b) is what b and those under it have sold, but for what comes from the arena of a bank between: that was charged when it was set aside.
 *   S2  used(b) <= limit(b), if it has a limit.
 *   S3  A bank without an arena sells out of that of the nearest bank above that has one, and of the next when that has no such block, as far as limits allow.
 *   S4  A bank whose limit is its reserve, and whoever is under it, gets memory out of its own arena only: what others do cannot be seen by it, nor what it does by
 *       others, but for those who may look from above. That holds of numbers of blocks, too, which count from the arena's beginning, and of the places in the table
 *       of banks.
 *   S5  A closing bank has closing banks under it only, and buys and makes nothing.
 */
#pragma once
#include "memory.h"

enum { BANKS = 1024, NAME_BYTES = 24 };
enum { MAY_BUY = 1, MAY_MAKE = 2, MAY_DESTROY = 4, MAY_LOOK = 8, MAY_ALL = 15 };

struct bank {
    uint16_t parent, child, sibling;
    bool alive;
    /* Is being destroyed: a call does no more than a piece of it. */
    bool closing;
    /* A bank of the manifest's is emptied and never ends. */
    bool permanent;
    /* Counts up each time this place is used again: what a capability must know. */
    uint64_t generation;
    /* Block; 0: it has none. */
    uint32_t arena;
    /* List of SOLD blocks, and how many they are. */
    uint32_t sold;
    uint32_t blocks;
    /* Banks that may be made under it, and those that are, with the ones promised to these. */
    uint32_t banks_most, banks;
    uint64_t limit, reserve, used, peak;
    /* Requests that came to nothing because of its limit; bank 0's: because nothing was left. */
    uint64_t refused;
    char name[NAME_BYTES];
};

struct bank *bank_at(uint16_t number);
/* All of them: the root with what is to be sold. */
void banks_init(void);

/* A result is one of the protocol's refusals, 0 for none. */
uint32_t bank_make(uint16_t parent, uint64_t limit, uint64_t reserve, uint32_t banks, const char *name, uint16_t *made);
uint32_t bank_buy(uint16_t bank, uint32_t bits, uint32_t *block, uint64_t *number);
uint32_t bank_free(uint16_t bank, uint64_t number);
/* Does at most `most` of what is to be done: a block freed, or a bank ended. True: all of it is done, and the bank is no more, or, a permanent one, empty. */
bool bank_destroy(uint16_t bank, uint32_t most);
/* The bank's place'th of itself and those under it, parents first, and how deep that is; -1: there are not so many. */
int bank_under(uint16_t bank, uint64_t place, uint32_t *depth);
/* S4 holds of it: its limit is its reserve. */
bool bank_is_alone(uint16_t bank);
