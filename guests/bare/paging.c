/*
 * paging.c: turns Sv39 on, tests it, turns it off. The machine stays mapped to itself by pages of 1 GiB; one page of 4 KiB is mapped elsewhere and
 * its entry changed under the test. Source: RISC-V Privileged Architecture, "Sv39".
 */
#include "guest.h"

enum { PAGE = 4096, ENTRIES = 512 };
enum { V = 1, R = 2, W = 4, X = 8, A = 64, D = 128 };
enum { CAUSE_LOAD_PAGE = 13, CAUSE_STORE_PAGE = 15 };
#define SATP_SV39 (8UL << 60)
#define GIBIBYTE (1UL << 30)
/* Far from what is mapped to itself: the first 64 GiB. */
#define TEST_ADDRESS (100UL * GIBIBYTE)
enum { IDENTITY = 64 };

static uint64_t root[ENTRIES] __attribute__((aligned(PAGE)));
static uint64_t middle[ENTRIES] __attribute__((aligned(PAGE)));
static uint64_t leaves[ENTRIES] __attribute__((aligned(PAGE)));
static volatile uint64_t page[PAGE / sizeof(uint64_t)] __attribute__((aligned(PAGE)));

static uint64_t entry(const volatile void *physical, uint64_t flags) { return (uintptr_t)physical / PAGE << 10 | flags; }
static void fence(void) { __asm__ volatile("sfence.vma" ::: "memory"); }
static void use(uint64_t satp) { __asm__ volatile("csrw satp, %0\n\tsfence.vma" ::"r"(satp) : "memory"); }

static bool expect(const char *what, struct trapped t, uint64_t cause) {
    const bool right = t.came && t.cause == cause && t.tval == TEST_ADDRESS;
    if (right) print("sv39: %s: page fault %lu at 0x%lx\n", what, t.cause, t.tval);
    else print("sv39: %s: wrong: trapped %d, cause %lu, address 0x%lx\n", what, t.came, t.cause, t.tval);
    return right;
}

bool paging_test(void) {
    volatile uint64_t *const window = (volatile uint64_t *)TEST_ADDRESS;
    for (uint64_t i = 0; i < IDENTITY; i++) root[i] = entry((void *)(i * GIBIBYTE), V | R | W | X | A | D);
    root[TEST_ADDRESS / GIBIBYTE] = entry(middle, V);
    middle[0] = entry(leaves, V);
    leaves[0] = entry(page, V | R | W | A | D);
    use(SATP_SV39 | (uintptr_t)root / PAGE);
    print("sv39: on\n");

    *window = 0x5a5a1234;
    bool right = page[0] == 0x5a5a1234;
    print("sv39: a store through 0x%lx is %s at %p\n", TEST_ADDRESS, right ? "found" : "MISSING", (void *)(uintptr_t)page);

    leaves[0] = entry(page, V | R | A);
    fence();
    expect_trap();
    *window = 1;
    right &= expect("store to a page made read-only", took_trap(), CAUSE_STORE_PAGE);
    right &= page[0] == 0x5a5a1234;

    leaves[0] = 0;
    fence();
    expect_trap();
    (void)*window;
    right &= expect("load from a page unmapped", took_trap(), CAUSE_LOAD_PAGE);

    use(0);
    print("sv39: off, %s\n", right ? "all as it must be" : "FAILED");
    return right;
}
