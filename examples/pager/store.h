/*
 * store.h: page frames and which child sees which. A frame is one of the pool's; each child that sees it has a capability of its own to it, because a
 * capability holds one mapping.
 */
#pragma once
#include <bailiwick.h>

#include "child.h"

/*
 * Frames there are for both children: fewer than they use in all, so pages go out, too. A child may hold MOST_OWN that only it can write, so that it cannot
 * take what the other needs; the rest is for pages that can be had again.
 */
enum { MOST_OWN = 20, FRAMES = 2 * MOST_OWN + 4 };

struct frame {
    /* The page that it holds, 0: it is free. */
    uint64_t page;
    /* One bit for each child that sees it. */
    uint32_t seen_by;
    /* It holds nothing that cannot be had again: it may be taken away. */
    bool clean;
};

/* Makes the pool. */
bw_err store_open(bw_cptr untyped);
/* The frame that holds this page for any child in `children`; NULL when none does. */
struct frame *store_find(uint64_t page, uint32_t children);
/* A free frame, or one that is taken away from whoever sees it; NULL when all hold what cannot be had again. `evicted` counts the latter. */
struct frame *store_take(uint32_t *evicted);
/* Copies a page into it (NULL: zeros). It must be mapped nowhere. */
bw_err store_fill(struct frame *frame, const void *content);
/* Lets the child see it, with these rights; mapped already, its rights change. Page tables are made as they are missing. */
bw_err store_show(struct frame *frame, int child, bw_cptr vspace, uint64_t page, uint32_t rights);
/* The child sees it no more. */
void store_hide(struct frame *frame, int child);
/* Whether the child may hold one more frame that is its own to write. */
bool store_allows(int child);
