/* constructors.c: the table of constructors, their pages, and the capabilities to them. constructors.h says what holds. */
#include <bailiwick/bank.h>

#include "constructors.h"

/* Pays for the files of constructors, and tells official banks from others. */
BW_USE(bank);

/* A badge of this server's making: bit 31, as much of the life as there is room for, facet, constructor. A message that waited while its place was used again is told by
 * its life; capabilities are gone by then (C4). */
enum { NUMBER_BITS = 6, FACET_BITS = 2, LIFE_BITS = 23 };
#define MINTED (1ULL << 31)
_Static_assert(CONSTRUCTORS <= 1 << NUMBER_BITS && NUMBER_BITS + FACET_BITS + LIFE_BITS == 31, "a badge has 31 bits for them");

enum { LARGE = 2 << 20, GIGA = 1 << 30 };

static struct constructor constructors[CONSTRUCTORS];
/* By which the bank frees their pages. */
static uint64_t bought[CONSTRUCTORS];

struct constructor *constructor_at(uint32_t number) { return &constructors[number]; }

static uint64_t badge_life(uint64_t life) { return life & ((1U << LIFE_BITS) - 1); }

bw_err constructor_mint(enum facet facet, uint32_t number) {
    const uint64_t badge = MINTED | badge_life(constructors[number].life) << (NUMBER_BITS + FACET_BITS) | (uint64_t)facet << NUMBER_BITS | number;
    const bw_cptr slot = facet == BUILDER ? builder_slot(number) : requestor_slot(number);
    const bw_err error = bw_cnode_mint(BW_SLOT_CNODE, slot, BW_SLOT_CNODE, BW_SLOT_SERVICE, BW_RIGHT_WRITE | BW_RIGHT_GRANT | BW_RIGHT_GRANT_REPLY, badge);
    return error != 0 ? error : bw_cnode_copy(BW_SLOT_CNODE, SLOT_ANSWER, BW_SLOT_CNODE, slot, BW_ALL_RIGHTS);
}

bool constructor_named(uint64_t badge, struct named *named) {
    *named = (struct named){.facet = MAKER};
    if ((badge & MINTED) == 0) return true;
    named->facet = (enum facet)(badge >> NUMBER_BITS & ((1 << FACET_BITS) - 1));
    named->number = badge & ((1 << NUMBER_BITS) - 1);
    return named->number < CONSTRUCTORS && constructors[named->number].state != UNUSED && badge_life(constructors[named->number].life) == ((badge & (MINTED - 1)) >> (NUMBER_BITS + FACET_BITS));
}

uint32_t constructor_number(const struct constructor *c) { return (uint32_t)(c - constructors); }

void constructor_end(struct constructor *c) {
    const uint32_t number = constructor_number(c);
    (void)bw_bank_free(bw_use_bank.cap, bought[number]);
    for (uint32_t i = 0; i < c->constituents_used; i++) (void)bw_cnode_delete(BW_SLOT_CNODE, constituent_slot(number, i));
    for (bw_cptr slot = builder_slot(number); slot <= requestor_slot(number); slot++) {
        (void)bw_cnode_revoke(BW_SLOT_CNODE, slot);
        (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
    }
    *c = (struct constructor){.life = c->life};
}

bool constructor_take_pages(struct constructor *c) {
    const uint32_t number = constructor_number(c);
    uint32_t bits = BW_PAGE_BITS;
    while (1UL << bits < (c->pages + 1) * (uint64_t)PAGE) bits++;
    if (bw_bank_buy(bw_use_bank.cap, bits, SLOT_ANSWER, &bought[number]) != 0) return false;
    bw_err error = bw_untyped_retype(SLOT_ANSWER, BW_KIND_FRAME, BW_PAGE_BITS, c->pages + 1, BW_SLOT_CNODE, told_slot(number));
    for (uint32_t i = 0; i <= c->pages && error == 0; i++) error = bw_frame_map(told_slot(number) + i, PAGES_AT(number) + i * (uint64_t)PAGE, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_ANSWER);
    if (error != 0) (void)bw_bank_free(bw_use_bank.cap, bought[number]);
    return error == 0;
}

/* For the files, here and on the shelf, which has none yet: of 1 GiB first. */
bool constructors_init(void) {
    bw_cptr slot = SLOT_CONSTRUCTORS + CONSTRUCTORS * SLOTS_EACH;
    if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_VSPACE, 0, 1, BW_SLOT_CNODE, SLOT_SHELF) != 0) return false;
    if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_PAGE_TABLE, 0, 1, BW_SLOT_CNODE, slot) != 0 || bw_page_table_map(slot++, BW_ADDRESS_OWN / GIGA * GIGA, SLOT_SHELF) != 0) return false;
    for (uint64_t at = BW_ADDRESS_OWN; at <= PAGES_AT(CONSTRUCTORS); at += LARGE, slot += 2) {
        if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_PAGE_TABLE, 0, 2, BW_SLOT_CNODE, slot) != 0) return false;
        if (bw_page_table_map(slot, at, BW_SLOT_VSPACE) != 0 || bw_page_table_map(slot + 1, at, SLOT_SHELF) != 0) return false;
    }
    return true;
}
