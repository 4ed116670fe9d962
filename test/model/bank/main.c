/*
 * main.c: the bank without its messages, a command a line, an answer a line: the result, the figures of all banks, and which invariants do not hold (check.h).
 * Whatever is bought is used at once: cut up, copied, made into frames.
 */
#include "banks.h"
#include "check.h"
#include "kernel.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* What takes longer than this (seconds) does not end: a list that bites its tail, when a mistake was put in. */
enum { FIRST_CLIENT_SLOT = BANK_SLOTS, LONGEST = 5 };

static uint32_t empty_slot(void) {
    for (uint32_t i = FIRST_CLIENT_SLOT; i < SLOTS; i++) if (caps[i].kind == 0) return i;
    return 0;
}

/* What the buyer does with its capability. */
static void use(uint32_t block) {
    const uint32_t mine = empty_slot();
    if (mine == 0 || kernel_copy((uint32_t)memory_slot(block), mine) != 0) {
        printf("NOT COPIED ");
        return;
    }
    const uint32_t copy = empty_slot();
    if (block % 3 == 0 && kernel_copy(mine, copy) != 0) printf("NOT COPIED TWICE ");
    const uint32_t from = block % 3 == 0 ? copy : mine;
    if (block_bits(block) > 12 && bw_untyped_retype(from, BW_KIND_UNTYPED, block_bits(block) - 1, 1, BW_SLOT_CNODE, empty_slot()) != 0) printf("NOT MEMORY ");
    if (bw_untyped_retype(from, BW_KIND_FRAME, 12, 1, BW_SLOT_CNODE, empty_slot()) != 0) printf("NOT MEMORY ");
}

/* Where a bank's arena is in the one that it is from: levels up, place. */
static void print_arena(uint16_t bank) {
    const uint32_t arena = bank_at(bank)->arena;
    if (arena == 0) return;
    uint32_t from = arena / 2;
    while (from > 1 && block_of(from)->arena == 0) from /= 2;
    const uint16_t provider = from == 1 ? 0 : block_of(from)->arena;
    uint32_t up = 0;
    for (uint16_t b = bank_at(bank)->parent; b != provider; b = bank_at(b)->parent) up++;
    const uint32_t depth = block_bits(from) - block_bits(arena);
    printf(" %u %u", up, 1U << depth | (arena & ((1U << depth) - 1)));
}

static void print_state(void) {
    printf(" |");
    for (uint16_t b = 0; b < BANKS; b++) {
        const struct bank *of = bank_at(b);
        if (of->alive) printf(" %u:%" PRIu64 ":%" PRIu64 ":%u:%u:%d", b, of->used, of->peak, of->blocks, of->banks, of->closing);
    }
    printf(" | %s\n", check());
    (void)fflush(stdout);
}

static void obey(const char *verb, const uint64_t *n) {
    if (strcmp(verb, "make") == 0) {
        uint16_t made = 0;
        const uint32_t refusal = bank_make((uint16_t)n[0], n[1], n[2], (uint32_t)n[3], "name", &made);
        printf("%u %u", refusal, made);
        if (refusal == 0) print_arena(made);
    } else if (strcmp(verb, "buy") == 0) {
        uint32_t block = 0;
        uint64_t number = 0;
        const uint32_t refusal = bank_buy((uint16_t)n[0], (uint32_t)n[1], &block, &number);
        fail_at = 0;
        if (refusal == 0) use(block);
        printf("%u %" PRIu64, refusal, number);
    } else if (strcmp(verb, "free") == 0) {
        printf("%u", bank_free((uint16_t)n[0], n[1]));
    } else if (strcmp(verb, "destroy") == 0) {
        printf("%d", bank_destroy((uint16_t)n[0], (uint32_t)n[1]));
    } else if (strcmp(verb, "permanent") == 0) {
        bank_at((uint16_t)n[0])->permanent = true;
        printf("0");
    } else if (strcmp(verb, "fail") == 0) {
        fail_at = (uint32_t)n[0];
        printf("0");
        return;
    } else if (strcmp(verb, "list") == 0) {
        uint32_t depth = 0;
        const int bank = bank_under((uint16_t)n[0], n[1], &depth);
        printf("%d %u", bank, depth);
    }
    fail_at = 0;
}

int main(void) {
    kernel_begin(20);
    const char *wrong = memory_init();
    banks_init();
    if (wrong != NULL) return 1;
    printf("%" PRIu64, memory_bytes());
    print_state();
    char line[256], verb[16];
    while (fgets(line, sizeof line, stdin) != NULL) {
        uint64_t n[4] = {0};
        if (sscanf(line, "%15s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, verb, &n[0], &n[1], &n[2], &n[3]) < 1) return 2;
        (void)alarm(LONGEST);
        obey(verb, n);
        print_state();
        (void)alarm(0);
    }
    return 0;
}
