/* memory.c: blocks of Untyped, split in halves and joined again. memory.h says what holds. */
#include "memory.h"
#include "banks.h"

enum { SMALLEST_BITS = 20, LARGE = 2 << 20, SLOT_OWN = 128 };
#define BLOCK_AT(number) (&blocks[number])

/* At BW_ADDRESS_OWN: paid for by the memory that it describes. */
static struct block *const blocks = (struct block *)BW_ADDRESS_OWN;
/* log2 of all the memory; block numbers are below `end`, and their slots begin there, too. */
static uint32_t all_bits, end;
static uint64_t all_bytes;
/* FREE blocks by arena and size. */
static uint32_t lists[BANKS][MOST_BITS + 1 - LEAST_BITS];

struct block *block_of(uint32_t number) { return BLOCK_AT(number); }
bw_cptr memory_slot(uint32_t number) { return end + number; }
bool is_block(uint32_t number) { return number >= 1 && number < end; }
uint64_t memory_bytes(void) { return all_bytes; }
uint32_t block_bits(uint32_t number) { return all_bits - (31U - (uint32_t)__builtin_clz(number)); }

void memory_link(uint32_t *list, uint32_t number) {
    BLOCK_AT(number)->next = *list;
    BLOCK_AT(number)->previous = 0;
    if (*list != 0) BLOCK_AT(*list)->previous = number;
    *list = number;
}

void memory_unlink(uint32_t *list, uint32_t number) {
    const struct block *b = BLOCK_AT(number);
    if (b->next != 0) BLOCK_AT(b->next)->previous = b->previous;
    if (b->previous != 0) BLOCK_AT(b->previous)->next = b->next;
    else *list = b->next;
}

static uint32_t *free_list(uint32_t number) { return &lists[BLOCK_AT(number)->bank][block_bits(number) - LEAST_BITS]; }

static void set_free(uint32_t number, uint16_t bank) {
    BLOCK_AT(number)->state = FREE;
    BLOCK_AT(number)->bank = bank;
    memory_link(free_list(number), number);
}

static void clear(uint32_t number) { *BLOCK_AT(number) = (struct block){.state = ABSENT}; }

uint32_t memory_arena(uint32_t number) {
    while (number > 1 && BLOCK_AT(number)->arena == 0) number /= 2;
    return number;
}

/* B3: a block that nothing is made of is FREE, joined with its other half as long as that is. */
static void release(uint32_t number) {
    const uint32_t arena = memory_arena(number);
    while (number != arena && BLOCK_AT(number ^ 1)->state == FREE && BLOCK_AT(number ^ 1)->arena == 0) {
        memory_unlink(free_list(number ^ 1), number ^ 1);
        clear(number), clear(number ^ 1);
        (void)bw_cnode_delete(BW_SLOT_CNODE, memory_slot(number));
        (void)bw_cnode_delete(BW_SLOT_CNODE, memory_slot(number ^ 1));
        number /= 2;
    }
    set_free(number, BLOCK_AT(arena)->arena);
}

uint32_t memory_take(uint16_t bank, uint32_t bits) {
    uint32_t size = bits;
    while (size <= all_bits && lists[bank][size - LEAST_BITS] == 0) size++;
    if (size > all_bits) return 0;
    uint32_t number = lists[bank][size - LEAST_BITS];
    memory_unlink(free_list(number), number);
    for (; size > bits; size--) {
        if (bw_untyped_retype(memory_slot(number), BW_KIND_UNTYPED, size - 1, 2, BW_SLOT_CNODE, memory_slot(2 * number)) != 0) {
            /* The kernel's table of objects is full. */
            release(number);
            return 0;
        }
        BLOCK_AT(number)->state = SPLIT;
        set_free(2 * number + 1, bank);
        number *= 2;
    }
    BLOCK_AT(number)->state = SOLD;
    return number;
}

void memory_give_back(uint32_t number) {
    (void)bw_cnode_revoke(BW_SLOT_CNODE, memory_slot(number));
    release(number);
}

void memory_begin_arena(uint32_t number, uint16_t bank) {
    BLOCK_AT(number)->arena = bank;
    set_free(number, bank);
}

void memory_end_arena(uint32_t number) {
    memory_unlink(free_list(number), number);
    BLOCK_AT(number)->arena = 0;
    BLOCK_AT(number)->state = SOLD;
}

/* How much it is can be found out only by asking for it. */
static uint32_t untyped_bits(void) {
    for (uint32_t bits = MOST_BITS; bits > LEAST_BITS; bits--) {
        if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_UNTYPED, bits, 1, BW_SLOT_CNODE, SLOT_OWN) != 0) continue;
        (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_OWN);
        return bits;
    }
    return 0;
}

/* The table of blocks, at the beginning of the memory; its frames and page tables are in the slots below the blocks'. How many pages it took; 0: there are none. */
static uint32_t map_table(void) {
    bw_cptr slot = end / 2;
    for (uint64_t address = BW_ADDRESS_OWN; address < BW_ADDRESS_OWN + end * sizeof(struct block); address += BW_PAGE) {
        /* The program has the tables above those for 2 MiB: its stack is near. */
        if (address % LARGE == 0) {
            if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_PAGE_TABLE, 0, 1, BW_SLOT_CNODE, slot) != 0 || bw_page_table_map(slot, address, BW_SLOT_VSPACE) != 0) return 0;
            slot++;
        }
        if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, LEAST_BITS, 1, BW_SLOT_CNODE, slot) != 0) return 0;
        if (bw_frame_map(slot++, address, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE) != 0) return 0;
    }
    return (uint32_t)slot - end / 2;
}

const char *memory_init(void) {
    all_bits = untyped_bits();
    if (all_bits < SMALLEST_BITS) return "the bank has less than 1 MiB to sell: give the component more memory";
    end = 1U << (all_bits - LEAST_BITS + 1);
    if (bw_slots() < 2 * end) {
        bw_logf("to sell %lu MiB the bank needs a slot for each block: say `slots: %u` in the manifest", 1UL << (all_bits - SMALLEST_BITS), 2 * end);
        return "the component has too few slots";
    }
    const uint32_t taken = map_table();
    if (taken == 0) return "the bank cannot map the table of its blocks";
    /* What is left, as blocks: each as large as its place allows. */
    for (uint32_t page = taken, pages = end / 2; page < pages;) {
        const uint32_t size = (uint32_t)__builtin_ctz(page), number = (end / 2 + page) >> size;
        if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_UNTYPED, LEAST_BITS + size, 1, BW_SLOT_CNODE, memory_slot(number)) != 0) return "the bank cannot take its memory";
        set_free(number, 0);
        page += 1U << size;
    }
    all_bytes = ((uint64_t)end / 2 - taken) << LEAST_BITS;
    return NULL;
}
