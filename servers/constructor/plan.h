/* plan.h: what a product is made of, decided before anything is: from its constructor alone, so that each product of it is the same. */
#pragma once
#include "constructors.h"

enum { CSPACE_BITS = 8, MOST_TABLES = 24, MOST_AREAS = MOST_SEGMENTS + 2 };
/* Below the program's text: the page of start.S. */
#define START_ADDRESS (BW_ADDRESS_TEXT - 2 * PAGE)

/* Fresh pages of a product. */
struct area {
    uint64_t address, pages;
};
struct plan {
    uint32_t areas_used, tables_used;
    struct area areas[MOST_AREAS];
    uint64_t tables[MOST_TABLES];
    /* Fresh frames; capabilities that are kept for it. */
    uint64_t frames, kept;
    uint32_t kept_bits;
    /* log2 of what is left to it as Untyped; 0: nothing. */
    uint32_t heap_bits;
};

/* False: its addresses are too far apart, or it does not fit into its memory. */
bool make_plan(const struct constructor *c, struct plan *plan);
