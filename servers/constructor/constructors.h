/*
 * constructors.h: what a constructor is.
 *
 * Invariants
 *   C1  A sealed constructor never changes; only one that is sealed has a requestor. So one that is installed in another is older, and chains of them end.
 *   C2  `holes` counts what of its products' initial authority from the builder could carry information out: what the kernel's Discrim does not call discreet,
 *       CNodes, the holes of requestors among it, and a clock in the program.
 *   C3  What is discreet of that stays so: a product has a weak copy, and whatever it does with it, another copy lives as long as its memory does. Else
 *       whoever owns the memory that a frame is made of could see from Retype whether a product has thrown its capability away.
 *   C4  A place in the table is used again only when every capability of before is gone: `end` revokes them.
 */
#pragma once
#include "image.h"

enum { CONSTRUCTORS = 48, CONSTITUENTS = 24, NAME_BYTES = 24 };
/* Slots of one constructor: the file's frames, the constituents, and what capabilities to it are copies of. The server's own: 128..255 (product.c has those from 144 on). */
enum { SLOT_RECEIVED = 128, SLOT_ANSWER = 131, SLOT_LESS_BANK, SLOT_SHELF, SLOT_BUILD = 144, SLOT_CONSTRUCTORS = 256, SLOTS_EACH = 1 + IMAGE_PAGES + CONSTITUENTS + 2 };
/* SLOT_SHELF: an address space in which nothing runs, with the same addresses as this server's for sealed files. */
/* Slots that the manifest must give: the next power of two. */
enum { SLOTS_NEEDED = 8192 };
_Static_assert(SLOT_CONSTRUCTORS + CONSTRUCTORS * SLOTS_EACH <= SLOTS_NEEDED, "all slots are there");

struct constituent {
    char name[NAME_BYTES];
    uint32_t kind, rights;
    /* A requestor of this server: the constructor's number + 1 and life; the kernel brings it as a badge, so it has no slot. */
    uint32_t requestor;
    uint64_t life;
    /* Holes through it: 1, or those of its constructor. */
    uint32_t holes;
};

struct constructor {
    enum { UNUSED, OPEN, SEALED } state;
    /* Counts the uses of this place. */
    uint64_t life;
    /* The client of the manifest that is charged for it. */
    uint32_t client;
    char name[NAME_BYTES];
    uint64_t bytes;
    uint32_t pages, bits, stack;
    struct image image;
    uint32_t constituents_used;
    struct constituent constituents[CONSTITUENTS];
    uint32_t holes;
};

static inline bw_cptr constructor_slots(uint32_t number) { return SLOT_CONSTRUCTORS + number * SLOTS_EACH; }
/* The page of what products are told (the arguments), then the file's. */
static inline bw_cptr page_slot(uint32_t number, uint32_t page) { return constructor_slots(number) + 1 + page; }
static inline bw_cptr told_slot(uint32_t number) { return constructor_slots(number); }
static inline bw_cptr constituent_slot(uint32_t number, uint32_t constituent) { return constructor_slots(number) + 1 + IMAGE_PAGES + constituent; }
/* What its builders and its requestors are copies of. */
static inline bw_cptr builder_slot(uint32_t number) { return constructor_slots(number) + 1 + IMAGE_PAGES + CONSTITUENTS; }
static inline bw_cptr requestor_slot(uint32_t number) { return builder_slot(number) + 1; }
/* Where a product has its constituents, and the bank from which it was paid. */
enum { PRODUCT_BANK = BW_SLOT_FIRST, PRODUCT_CONSTITUENTS = PRODUCT_BANK + 1 };

/* Each constructor's pages: what products are told, then the file. */
#define PAGES_AT(number) (BW_ADDRESS_OWN + ((uint64_t)(number) << 20))
#define TOLD(number) ((uint8_t *)PAGES_AT(number))
#define FILE_OF(number) ((uint8_t *)(PAGES_AT(number) + PAGE))

/* Once, before anything else: page tables for all of them. False: the memory does not suffice. */
bool constructors_init(void);
struct constructor *constructor_at(uint32_t number);
uint32_t constructor_number(const struct constructor *constructor);
/* Fresh zeroed pages from this server's bank, mapped to be written. */
bool constructor_take_pages(struct constructor *constructor);
/* All capabilities to it end, and its place is free. */
void constructor_end(struct constructor *constructor);

/* What a capability of this server's is of: the manifest's own makes constructors. */
enum facet { MAKER, BUILDER, REQUESTOR };
struct named {
    enum facet facet;
    uint32_t number;
};
/* By its badge. False: a constructor that is no more. */
bool constructor_named(uint64_t badge, struct named *named);
/* What all capabilities to this facet are copies of, into its slot, and the first of them into SLOT_ANSWER. */
bw_err constructor_mint(enum facet facet, uint32_t number);

/* Where hole `place` is: *path takes up to `room` bytes. False: there are not so many. */
struct hole {
    uint32_t kind, rights;
    size_t length;
};
bool find_hole(const struct constructor *c, uint64_t place, struct hole *hole, char *path, size_t room);

/* Builds a product. SLOT_RECEIVED: bank, schedule, keeper; bank: what it has of the bank itself. A refusal, or 0: then its endpoint is in SLOT_ANSWER, and *number is
 * the bank's. */
uint32_t product_yield(uint32_t number, bw_cptr bank, uint64_t *bought);
/* Once, before anything else of product.c. NULL, or why it cannot be. */
const char *product_init(void);
/* Whether its program, which was read, can be built with the memory that it says. */
bool product_fits(const struct constructor *c);
/* Writes the page of what products are told, and puts the constructor's pages where nobody can write to them (I2). */
bool product_prepare(uint32_t number, uint8_t *told, uint64_t file_address);
