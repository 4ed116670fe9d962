/* kernel.h: Untypeds, deliberately naive: a capability knows what it was made of, and everything else is looked for. Source: the kernel's API reference, Untyped and CNode. */
#pragma once
#include <bailiwick.h>

/* The bank's slots, and behind them the clients'. */
enum { BANK_SLOTS = 1024, SLOTS = 2048 };

struct cap {
    /* 0: nothing is here. */
    uint32_t kind;
    uint32_t bits;
    uint64_t base;
    /* A number for each object; copies have their original's. */
    uint64_t object;
    /* The slot of what it was made or copied from; 0: nothing. */
    uint32_t parent;
    /* Of an Untyped. */
    uint64_t watermark;
};

extern struct cap caps[SLOTS];
/* The n-th Retype from now fails, as it does when the kernel's tables are full; 0: none does. */
extern uint32_t fail_at;

void kernel_begin(uint32_t bits);
bw_err kernel_copy(uint32_t from, uint32_t to);
/* Whether `slot` descends from `ancestor`. */
bool kernel_descends(uint32_t slot, uint32_t ancestor);
