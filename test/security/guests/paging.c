/* Page tables that point outside RAM, at devices, at themselves, or hold anything; loads, stores and jumps through them. */
#include "hostile.h"

enum { ENTRIES = 512, V = 1, R = 2, W = 4, X = 8, A = 64, D = 128, LEAF = V | R | W | X | A | D };
#define GIB (1UL << 30)
#define SV39 (8UL << 60)

static volatile uint64_t root[ENTRIES] __attribute__((aligned(PAGE)));
static volatile uint64_t table[ENTRIES] __attribute__((aligned(PAGE)));
static volatile uint64_t leaves[ENTRIES] __attribute__((aligned(PAGE)));

static uint64_t entry(uint64_t physical, uint64_t flags) { return physical >> 12 << 10 | flags; }
static void satp(uint64_t value) { __asm__ volatile("csrw satp, %0\nsfence.vma" ::"r"(value) : "memory"); }

static void poke(uint64_t address) {
    (void)*(volatile uint64_t *)address;
    *(volatile uint32_t *)(address + 8) = 0;
    (void)*(volatile uint8_t *)(address + 4095);
    __asm__ volatile("jalr ra, (%0)" ::"r"(address) : "ra", "memory");
}

void guest_main(uint64_t hart, uint64_t tree) {
    (void)hart, (void)tree;
    root[2] = entry(RAM, LEAF);
    root[0] = entry(0, LEAF & ~(uint64_t)X);
    satp(SV39 | (uintptr_t)root >> 12);
    say("paged\n");

    static const uint64_t physical[] = {0, 0x1000, PLIC, UART, RAM_END, 1UL << 32, GIB * 64, 1UL << 47, 1UL << 48, 1UL << 52, (1UL << 56) - PAGE};
    for (unsigned i = 0; i < sizeof physical / sizeof physical[0]; i++) {
        /* A table outside RAM, then a page outside, then one through two tables. */
        root[1] = entry(physical[i], V);
        satp(SV39 | (uintptr_t)root >> 12);
        poke(GIB);
        root[1] = entry((uintptr_t)table, V);
        table[0] = entry(physical[i], V);
        table[1] = entry((uintptr_t)leaves, V);
        leaves[0] = entry(physical[i], LEAF);
        leaves[1] = entry((uintptr_t)table, LEAF);
        satp(SV39 | (uintptr_t)root >> 12);
        poke(GIB);
        if (physical[i] != UART) poke(GIB + (2 << 20));
    }
    say("tables and pages outside\n");

    root[1] = entry((uintptr_t)root, V);
    root[3] = entry((uintptr_t)root, LEAF & ~(uint64_t)W);
    satp(SV39 | (uintptr_t)root >> 12);
    for (unsigned i = 3; i < ENTRIES; i += 7) (void)*(volatile uint64_t *)(GIB + i * (2UL << 20));
    say("tables within themselves\n");

    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < ENTRIES; i++) {
            table[i] = chance();
            if (chance() & 1) table[i] = entry((chance() & 1 ? RAM : 0) + (chance() & 0xffffff), chance() & 0xff & ~(uint64_t)(W | X));
        }
        root[1] = entry((uintptr_t)table, V);
        satp(SV39 | (uintptr_t)root >> 12);
        for (unsigned i = 0; i < 64; i++) (void)*(volatile uint64_t *)(GIB + (chance() & (GIB - 8)));
    }
    say("tables at random\n");

    static const uint64_t beyond[] = {0x4000000000, 0x7fffffffff, 0xffffffc000000000, 0xffffff8000000000, 1UL << 63, UINT64_MAX - 7};
    for (unsigned i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        (void)*(volatile uint64_t *)beyond[i];
        __asm__ volatile("jalr ra, (%0)" ::"r"(beyond[i]) : "ra", "memory");
    }
    /* Modes that do not exist change nothing. */
    for (uint64_t mode = 1; mode < 8; mode++) __asm__ volatile("csrw satp, %0" ::"r"(mode << 60 | 0x12345));
    for (uint64_t mode = 11; mode < 16; mode++) __asm__ volatile("csrw satp, %0" ::"r"(mode << 60 | 0x12345));
    say("addresses and modes that are none\n");
    satp(0);
    say_number("alive after ", trapped.count, " exceptions\n");
}
