/* store.c: see store.h. */
#include "store.h"

/* Slots: each frame's capability for child 0 and its copy for child 1; page tables as they are needed. */
enum { FIRST = 150, COPIES = FIRST + FRAMES, TABLES = COPIES + FRAMES, TABLES_END = TABLES + 8 };
#define WINDOW BW_THREAD_ADDRESSES

static struct frame frames[FRAMES];
static bw_cptr memory;
static uint32_t tables, hand;

static bw_cptr cap_of(const struct frame *frame, int child) { return (child == 0 ? FIRST : COPIES) + (bw_cptr)(frame - frames); }

bw_err store_open(bw_cptr untyped) {
    memory = untyped;
    bw_err error = bw_untyped_retype(untyped, BW_KIND_FRAME, BW_PAGE_BITS, FRAMES, BW_SLOT_CNODE, FIRST);
    for (bw_cptr i = 0; i < FRAMES && error == 0; i++) error = bw_cnode_copy(BW_SLOT_CNODE, COPIES + i, BW_SLOT_CNODE, FIRST + i, BW_ALL_RIGHTS);
    return error;
}

struct frame *store_find(uint64_t page, uint32_t children) {
    for (struct frame *f = frames; f < frames + FRAMES; f++) {
        if (f->page == page && (f->seen_by & children) != 0) return f;
    }
    return NULL;
}

struct frame *store_take(uint32_t *evicted) {
    for (struct frame *f = frames; f < frames + FRAMES; f++) {
        if (f->page == 0) return f;
    }
    /* The next clean one in turn: first in, first out, more or less. */
    for (uint32_t tried = 0; tried < FRAMES; tried++) {
        struct frame *f = &frames[hand++ % FRAMES];
        if (!f->clean) continue;
        for (int child = 0; child < CHILDREN; child++) store_hide(f, child);
        (*evicted)++;
        return f;
    }
    return NULL;
}

bw_err store_fill(struct frame *frame, const void *content) {
    const bw_cptr cap = cap_of(frame, 0);
    /* Writable here, and nowhere else: unmapped before it may become executable. */
    const bw_err error = bw_frame_map(cap, WINDOW, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    if (error != 0) return error;
    if (content != NULL) memcpy((void *)WINDOW, content, PAGE);
    else memset((void *)WINDOW, 0, PAGE);
    return bw_frame_unmap(cap);
}

bw_err store_show(struct frame *frame, int child, bw_cptr vspace, uint64_t page, uint32_t rights) {
    bw_err error;
    while ((error = bw_frame_map(cap_of(frame, child), page, vspace, rights)) == BW_ERR_FAILED_LOOKUP && TABLES + tables < TABLES_END) {
        const bw_cptr table = TABLES + tables++;
        error = bw_untyped_retype(memory, BW_KIND_PAGE_TABLE, 0, 1, BW_SLOT_CNODE, table);
        if (error == 0) error = bw_page_table_map(table, page & ~0x1fffffUL, vspace);
        if (error != 0) return error;
    }
    if (error == 0) frame->page = page, frame->seen_by |= 1U << child;
    return error;
}

void store_hide(struct frame *frame, int child) {
    if ((frame->seen_by & 1U << child) == 0) return;
    (void)bw_frame_unmap(cap_of(frame, child));
    frame->seen_by &= ~(1U << child);
    if (frame->seen_by == 0) frame->page = 0;
}

bool store_allows(int child) {
    uint32_t own = 0;
    for (uint32_t i = 0; i < FRAMES; i++) own += !frames[i].clean && frames[i].seen_by == 1U << child;
    return own < MOST_OWN;
}
