/* banks.c: limits and accounts. banks.h says what holds. */
#include "banks.h"

#include "protocol.h"

/* A block's number for its buyer: its place in the arena it is from, as in a heap, and above that how many banks up the arena is. */
enum { PLACE_BITS = 20 };

static struct bank banks[BANKS];

struct bank *bank_at(uint16_t number) { return &banks[number]; }

void banks_init(void) { banks[0] = (struct bank){.alive = true, .permanent = true, .arena = 1, .banks_most = BANKS - 1, .name = "all"}; }

bool bank_is_alone(uint16_t bank) { return banks[bank].reserve != 0 && banks[bank].limit == banks[bank].reserve; }

/* S1: `bytes` more (or, as a negative number, less) from the bank up to the one out of whose arena they are. */
static void account(uint16_t from, uint16_t provider, uint64_t bytes) {
    for (uint16_t b = from;; b = banks[b].parent) {
        banks[b].used += bytes;
        if (banks[b].used > banks[b].peak) banks[b].peak = banks[b].used;
        if (b == provider) return;
    }
}

static bool exceeds(struct bank *b, uint64_t bytes) {
    if (b->limit == 0 || bytes <= b->limit - b->used) return false;
    b->refused++;
    return true;
}

/* S3. The block's number, and in *provider the bank whose arena it is from. to_keep: it will be an arena, so that all of another's is none for it: it would have to be both banks' at once. */
static uint32_t take(uint16_t bank, uint32_t bits, bool to_keep, uint32_t *block, uint16_t *provider) {
    for (uint16_t b = bank;; b = banks[b].parent) {
        if (exceeds(&banks[b], 1ULL << bits)) return BANK_E_LIMIT;
        *block = banks[b].arena == 0 || (to_keep && block_bits(banks[b].arena) == bits) ? 0 : memory_take(b, bits);
        if (*block != 0) {
            *provider = b;
            account(bank, b, 1ULL << bits);
            return 0;
        }
        if (b == 0) banks[0].refused++;
        /* S4: its arena may be in pieces, so that one of this size is not there though the limit would allow it. */
        if (b == 0 || bank_is_alone(b)) return BANK_E_NO_MEMORY;
    }
}

uint32_t bank_buy(uint16_t bank, uint32_t bits, uint32_t *block, uint64_t *number) {
    if (bits < LEAST_BITS || bits > MOST_BITS) return BANK_E_BAD_REQUEST;
    uint16_t provider = 0;
    const uint32_t refusal = take(bank, bits, false, block, &provider);
    if (refusal != 0) return refusal;
    block_of(*block)->bank = bank;
    memory_link(&banks[bank].sold, *block);
    banks[bank].blocks++;
    uint64_t up = 0;
    for (uint16_t b = bank; b != provider; b = banks[b].parent) up++;
    const uint32_t depth = block_bits(banks[provider].arena) - bits;
    *number = up << PLACE_BITS | 1ULL << depth | (*block & ((1U << depth) - 1));
    return 0;
}

/* Takes a block that `bank` bought back into the arena it is from. */
static void give_back(uint16_t bank, uint32_t block) {
    const uint64_t bytes = 1ULL << block_bits(block);
    const uint32_t arena = memory_arena(block);
    account(bank, arena == 1 ? 0 : block_of(arena)->arena, -bytes);
    memory_give_back(block);
}

static void sell_back(uint16_t bank, uint32_t block) {
    memory_unlink(&banks[bank].sold, block);
    banks[bank].blocks--;
    give_back(bank, block);
}

uint32_t bank_free(uint16_t bank, uint64_t number) {
    uint16_t provider = bank;
    for (uint64_t up = number >> PLACE_BITS; up > 0; up--) {
        if (provider == 0) return BANK_E_NOT_FOUND;
        provider = banks[provider].parent;
    }
    const uint32_t arena = banks[provider].arena, place = (uint32_t)number & ((1U << PLACE_BITS) - 1);
    if (arena == 0 || place == 0) return BANK_E_NOT_FOUND;
    const uint32_t depth = 31U - (uint32_t)__builtin_clz(place);
    if (depth > block_bits(arena) - LEAST_BITS) return BANK_E_NOT_FOUND;
    const uint32_t block = arena << depth | (place & ((1U << depth) - 1));
    if (block_of(block)->state != SOLD || block_of(block)->bank != bank) return BANK_E_NOT_FOUND;
    /* S4: a block has one number. Tried as one of an arena further up, it would tell where in that its own arena is. */
    if (memory_arena(block) != arena) return BANK_E_NOT_FOUND;
    sell_back(bank, block);
    return 0;
}

/* A place in the table that nobody has; there is one for each that may be made. */
static uint16_t free_place(void) {
    for (uint16_t b = 1; b < BANKS; b++) if (!banks[b].alive) return b;
    return 0;
}

uint32_t bank_make(uint16_t parent, uint64_t limit, uint64_t reserve, uint32_t most, const char *name, uint16_t *made) {
    struct bank *p = &banks[parent];
    if (reserve != 0 && ((reserve & (reserve - 1)) != 0 || reserve < 1ULL << LEAST_BITS || reserve > 1ULL << MOST_BITS)) return BANK_E_BAD_REQUEST;
    if (limit != 0 && limit < reserve) return BANK_E_BAD_REQUEST;
    if (p->banks >= p->banks_most || most >= p->banks_most - p->banks) return BANK_E_FULL;
    uint32_t arena = 0;
    uint16_t provider = 0;
    if (reserve != 0) {
        const uint32_t refusal = take(parent, (uint32_t)__builtin_ctzll(reserve), true, &arena, &provider);
        if (refusal != 0) return refusal;
    }
    const uint16_t number = free_place();
    const uint64_t generation = banks[number].generation + 1;
    banks[number] = (struct bank){.parent = parent, .sibling = p->child, .alive = true, .generation = generation, .arena = arena, .banks_most = most, .limit = limit, .reserve = reserve};
    memcpy(banks[number].name, name, strlen(name) + 1);
    p->child = number;
    p->banks += 1 + most;
    if (arena != 0) memory_begin_arena(arena, number);
    *made = number;
    return 0;
}

/* One that has sold nothing and has none under it. */
static void end(uint16_t bank) {
    struct bank *b = &banks[bank], *p = &banks[b->parent];
    if (b->arena != 0) {
        memory_end_arena(b->arena);
        give_back(b->parent, b->arena);
    }
    uint16_t *at = &p->child;
    while (*at != bank) at = &banks[*at].sibling;
    *at = b->sibling;
    p->banks -= 1 + b->banks_most;
    b->alive = false;
}

/* S5. The walk goes back up by the parents, so it needs no memory. */
static void close(uint16_t bank) {
    for (uint16_t b = bank;;) {
        banks[b].closing = true;
        if (banks[b].child != 0) {
            b = banks[b].child;
            continue;
        }
        while (b != bank && banks[b].sibling == 0) b = banks[b].parent;
        if (b == bank) return;
        b = banks[b].sibling;
    }
}

bool bank_destroy(uint16_t bank, uint32_t most) {
    if (!banks[bank].closing) close(bank);
    uint16_t b = bank;
    for (uint32_t done = 0; done < most;) {
        while (banks[b].child != 0) b = banks[b].child;
        if (banks[b].sold != 0) {
            sell_back(b, banks[b].sold);
            done++;
        } else if (b != bank) {
            const uint16_t above = banks[b].parent;
            end(b);
            b = above;
            done++;
        } else {
            if (banks[b].permanent) banks[b].closing = false;
            else end(b);
            return true;
        }
    }
    return false;
}

int bank_under(uint16_t bank, uint64_t place, uint32_t *depth) {
    *depth = 0;
    for (uint16_t b = bank; place > 0; place--) {
        if (banks[b].child != 0) {
            b = banks[b].child;
            ++*depth;
        } else {
            while (b != bank && banks[b].sibling == 0) {
                b = banks[b].parent;
                --*depth;
            }
            if (b == bank) return -1;
            b = banks[b].sibling;
        }
        if (place == 1) return b;
    }
    return bank;
}
