/* check.c: see check.h. */
#include "check.h"

#include "banks.h"
#include "kernel.h"

static char broken[256];

static void fails(const char *what) {
    if (strstr(broken, what) == NULL && strlen(broken) + strlen(what) + 2 < sizeof broken) strcat(strcat(broken, what), " ");
}

static bool is_under(uint32_t number, uint32_t above) {
    for (; number > above; number /= 2);
    return number == above;
}

/* The bank that an arena is of; block 1's is bank 0. */
static uint16_t arena_bank(uint32_t arena) { return arena == 1 ? 0 : block_of(arena)->arena; }

static bool is_above(uint16_t above, uint16_t bank) {
    for (;; bank = bank_at(bank)->parent) {
        if (bank == above) return true;
        if (bank == 0) return false;
    }
}

static void check_blocks(void) {
    uint64_t bytes = 0;
    for (uint32_t n = 1; is_block(n); n++) {
        const struct block *b = block_of(n);
        const struct cap *cap = &caps[memory_slot(n)];
        if (b->state == ABSENT) {
            if (cap->kind != 0) fails("B2");
            continue;
        }
        if (cap->kind != BW_KIND_UNTYPED || cap->bits != block_bits(n)) fails("B2");
        for (uint32_t above = n / 2; above != 0; above /= 2) if (block_of(above)->state == FREE || block_of(above)->state == SOLD) fails("B1");
        if (b->state != SPLIT) bytes += 1ULL << block_bits(n);
        const bool is_root = b->arena != 0, other_is_root = n > 1 && block_of(n ^ 1)->arena != 0;
        if (b->state == FREE && n > 1 && block_of(n ^ 1)->state == FREE && !is_root && !other_is_root) fails("B3");
        if (b->state == FREE && b->bank != arena_bank(memory_arena(n))) fails("B3");
        for (uint32_t i = 1; b->state != SOLD && i < SLOTS; i++) {
            if (caps[i].kind == 0 || !kernel_descends(i, (uint32_t)memory_slot(n))) continue;
            if (b->state == FREE || (!kernel_descends(i, (uint32_t)memory_slot(2 * n)) && !kernel_descends(i, (uint32_t)memory_slot(2 * n + 1)) && i != memory_slot(2 * n) && i != memory_slot(2 * n + 1))) fails("B2");
        }
    }
    /* Nothing is lost. */
    if (bytes != memory_bytes()) fails("B1");
}

/* What a bank has sold by the blocks there are: S1. */
static uint64_t used_by(uint16_t bank) {
    uint64_t used = 0;
    for (uint32_t n = 1; is_block(n); n++) {
        const struct block *b = block_of(n);
        if (b->state == SOLD && is_above(bank, b->bank) && is_above(arena_bank(memory_arena(n)), bank)) used += 1ULL << block_bits(n);
        if (b->arena == 0) continue;
        /* Set aside for a bank under this one, out of the arena of this one or of one above. */
        uint32_t from = n / 2;
        while (from > 1 && block_of(from)->arena == 0) from /= 2;
        if (b->arena != bank && is_above(bank, b->arena) && is_above(arena_bank(from), bank)) used += 1ULL << block_bits(n);
    }
    return used;
}

static void check_bank(uint16_t bank) {
    const struct bank *b = bank_at(bank);
    if (used_by(bank) != b->used) fails("S1");
    if (b->limit != 0 && b->used > b->limit) fails("S2");
    if (b->peak < b->used) fails("S1");
    if (b->closing != (bank != 0 && bank_at(b->parent)->closing ? true : b->closing)) fails("S5");
    uint32_t listed = 0, previous = 0, promised = 0;
    for (uint32_t n = b->sold; n != 0 && listed <= b->blocks; previous = n, n = block_of(n)->next, listed++) if (block_of(n)->state != SOLD || block_of(n)->bank != bank || block_of(n)->previous != previous) fails("list");
    if (listed != b->blocks) fails("list");
    for (uint16_t c = b->child; c != 0; c = bank_at(c)->sibling) {
        promised += 1 + bank_at(c)->banks_most;
        if (!bank_at(c)->alive || bank_at(c)->parent != bank) fails("list");
    }
    if (promised != b->banks || promised > b->banks_most) fails("banks");
    if (b->arena != 0 && bank != 0 && (block_of(b->arena)->arena != bank || 1ULL << block_bits(b->arena) != b->reserve)) fails("S3");
}

/* Who bought where. */
static void check_places(void) {
    for (uint32_t n = 1; is_block(n); n++) {
        const struct block *b = block_of(n);
        if (b->state != SOLD) continue;
        const uint32_t arena = memory_arena(n);
        if (!is_under(n, arena) || !is_above(arena_bank(arena), b->bank)) fails("S3");
        for (uint16_t at = b->bank; at != arena_bank(arena); at = bank_at(at)->parent) if (bank_at(at)->reserve != 0 && bank_at(at)->limit == bank_at(at)->reserve) fails("S4");
    }
}

const char *check(void) {
    broken[0] = 0;
    check_blocks();
    for (uint16_t b = 0; b < BANKS; b++) if (bank_at(b)->alive) check_bank(b);
    check_places();
    return broken;
}
