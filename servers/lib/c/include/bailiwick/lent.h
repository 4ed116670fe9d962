/*
 * lent.h: memory that somebody else lends to this program, and may take back while it is looked at: a revoked frame, or a lender that ends, is a page fault in the middle of a
 * copy. A program that has many clients must not end with one of them. So its first thread gets a keeper of its own, a thread that sleeps until there is such a fault:
 *
 *   L1  A fault in bw_lent_copy, of an address in the lent range, makes that copy answer false. Nothing else is undone: what it had written stays.
 *   L2  A fault of an address in a covered page (a ring of a server that this program is a client of) has a page of the program's own mapped there, zeroed, and the access goes
 *       on; bw_lent_covered says so.
 *   L3  Any other fault is the program's own mistake: it is told to the operator, and the program ends with status 1.
 *
 * What is lent may also be changed at any time: copy first, then look at the copy. Costs nothing while nobody takes anything back.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bailiwick/objects.h>
#include <bailiwick/thread.h>

enum { BW_LENT_STACK_PAGES = 2, BW_LENT_COVERS = 2, BW_LENT_COVER_PAGES = 4 };
/* An endpoint, its capability as a keeper, a reply object, time, the thread, and pages to cover with. */
enum { BW_LENT_SLOTS = 4 + BW_THREAD_SLOTS(BW_LENT_STACK_PAGES) + BW_LENT_COVERS * BW_LENT_COVER_PAGES };

struct bw_lent_room {
    /* First of BW_LENT_SLOTS empty slots; where the keeper's stack may be, as in struct bw_thread_room. */
    bw_cptr slots;
    uint64_t thread_address;
    /* SchedControl, for the keeper's own time (`platform.cpu.time`). It is deleted when that is done: the program cannot give itself more. */
    bw_cptr time;
    /* Where lent memory is mapped: from .. to. */
    uint64_t from, to;
};

/* To be called once, by the first thread. Errors: the kernel's. */
bw_err bw_lent_begin(const struct bw_lent_room *room);

/* Copies between lent memory and the program's own, which do not overlap. False: some of it is no longer there (L1). */
bool bw_lent_copy(void *to, const void *from, size_t count);

/* Pages from `address` on, BW_LENT_COVER_PAGES at most, under a page table, are as L2 says. Its number, 0..BW_LENT_COVERS - 1, or -1: there are too many. */
int bw_lent_cover(uint64_t address, uint32_t pages);
/* Something of it is gone. */
bool bw_lent_covered(int cover);
