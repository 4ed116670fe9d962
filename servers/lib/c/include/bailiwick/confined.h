/*
 * confined.h: what a client of constructors does for each product: a bank of its own, whose destruction is the product's end; time of its own; and a keeper, which
 * takes a product that has faulted away, so that who waits for its answer is told (Broken) instead of waiting for ever.
 *
 * A product that neither faults nor answers is not noticed: who must not wait ends it from another thread (bw_confined_end).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick/syscall.h>

enum { BW_CONFINED_MOST = 16, BW_CONFINED_STACK_PAGES = 2 };
/* Of each product: its bank, schedule, endpoint. */
#define BW_CONFINED_SLOTS_EACH 3U
#define BW_CONFINED_SLOTS(most) (8U + BW_CONFINED_STACK_PAGES + (most) * (BW_CONFINED_SLOTS_EACH + 1))
#define BW_CONFINED_PAGES (2U + BW_CONFINED_STACK_PAGES)

/* What the keeper and the products' schedules are made of: 4 pages and 3 KiB of BW_SLOT_UNTYPED. */
struct bw_confined_room {
    /* First of BW_CONFINED_SLOTS(most) empty slots. */
    bw_cptr slots;
    /* BW_CONFINED_PAGES unmapped pages, as in struct bw_thread_room. */
    uint64_t address;
    /* SchedControl. */
    bw_cptr time;
    /* Of the keeper, 1..: the program's own in the manifest. The calling thread goes on with one less, so that it never sees a fault half dealt with. */
    uint32_t priority;
    /* Products at the same time, 1..16. */
    uint32_t most;
};

struct bw_confined {
    bw_cptr bank, schedule, product;
    /* By which the keeper knows it. */
    uint32_t place;
    /* BW_FAULT_..., 0: it has not faulted; what the fault says: see the kernel's reference. */
    volatile uint32_t fault;
    volatile uint64_t pc, address;
};

/* Once in a program. Errors: the kernel's. */
bw_err bw_confined_init(const struct bw_confined_room *room);

/* How much of the bank a product may have, and whether that is set aside for it, so that nobody can tell how much it uses. */
struct bw_confined_terms {
    bw_cptr bank;
    /* A power of two, no less than the product takes; what is beyond that it may buy itself. */
    uint64_t bytes;
    /* Microseconds of each 10 ms. */
    uint64_t budget;
    /* Only if it can tell nobody anything: its constructor is discreet, and the memory is set aside. */
    bool strict;
};
/* Results: those of bw_constructor_yield; BW_CONFINED_NO_BANK when the bank refuses so much; CONSTRUCTOR_E_FULL when there are `most` already. */
#define BW_CONFINED_NO_BANK (UINT32_MAX - 1)
uint32_t bw_confined_start(struct bw_confined *confined, bw_cptr requestor, const struct bw_confined_terms *terms);
/* The product and all it has bought is gone; its callers get Broken. */
void bw_confined_end(struct bw_confined *confined);
