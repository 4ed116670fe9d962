/* plan.c: pages, page tables and what is left. */
#include "plan.h"

enum { LEAST_KEPT_BITS = 7, MANY = 1 << 12 };
#define LARGE (2UL << 20)

static bool add_table(struct plan *p, uint64_t address) {
    for (uint32_t i = 0; i < p->tables_used; i++) if (p->tables[i] == address) return true;
    if (p->tables_used == MOST_TABLES) return false;
    p->tables[p->tables_used++] = address;
    return true;
}

/* Tables for 2 MiB each; those above them come first, and there are two: all addresses are below 2 GiB. */
static bool add_tables(struct plan *p, uint64_t address, uint64_t pages) {
    for (uint64_t at = address / LARGE * LARGE; at < address + pages * PAGE; at += LARGE) if (!add_table(p, at)) return false;
    return true;
}

static bool add_area(struct plan *p, uint64_t address, uint64_t pages) {
    p->areas[p->areas_used++] = (struct area){.address = address, .pages = pages};
    p->frames += pages;
    return add_tables(p, address, pages);
}

bool make_plan(const struct constructor *c, struct plan *p) {
    *p = (struct plan){.kept = 1};
    bool fits = add_tables(p, START_ADDRESS, 1) && add_tables(p, BW_ADDRESS_ARGUMENTS, 1);
    for (uint32_t i = 0; i < c->image.segments_used; i++) {
        const struct segment *s = &c->image.segments[i];
        const uint64_t first = s->address / PAGE * PAGE, pages = image_pages(s);
        if (pages >= MANY) return false;
        if ((s->flags & SEGMENT_WRITE) != 0) fits = fits && add_area(p, first, pages);
        else fits = fits && add_tables(p, first, pages);
        p->kept += (s->flags & SEGMENT_WRITE) == 0 ? pages : MOST_DATA_PAGES;
    }
    fits = fits && add_area(p, BW_ADDRESS_STACK_TOP - c->stack * PAGE, c->stack) && add_area(p, BW_ADDRESS_IPC_BUFFER, 1);
    /* Start, arguments, the tables above. */
    p->kept += p->frames + p->tables_used + 4 + c->constituents_used;
    /* A page at least, so that what comes behind it is aligned. */
    for (p->kept_bits = LEAST_KEPT_BITS; 1UL << p->kept_bits < p->kept;) p->kept_bits++;
    const uint64_t bytes = (p->frames + p->tables_used + 2 + 1) * PAGE + (1UL << (CSPACE_BITS + 5)) + (1UL << (p->kept_bits + 5)) + 4096;
    if (!fits || bytes > 1UL << c->bits) return false;
    /* It is made before all else, and must be the largest then. */
    const uint64_t left = (1UL << c->bits) - bytes;
    const uint32_t least = p->kept_bits > CSPACE_BITS ? p->kept_bits + 5 : CSPACE_BITS + 5;
    for (uint32_t bits = least; bits < c->bits && 1UL << bits <= left; bits++) p->heap_bits = bits;
    return true;
}

bool product_fits(const struct constructor *c) {
    struct plan plan;
    return make_plan(c, &plan);
}
