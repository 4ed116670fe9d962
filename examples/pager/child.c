/* child.c: the program that is paged. It never knows: it reads, writes, recurses, and each page is there when it is needed. */
#include <bailiwick.h>

#include "child.h"

__attribute__((aligned(PAGE))) uint64_t template[TEMPLATE_PAGES * PAGE_WORDS];

/* Constants have pages of their own, too. */
static const uint64_t factors[CHILDREN] = {1000003, 998244353};

/* Child 0 writes every second page, child 1 every third: page 0 and page 6 are both's. */
static bool writes(uint64_t n, uint64_t page) { return page % (n + 2) == 0; }

uint64_t template_sum(void) {
    uint64_t all = 0;
    for (uint64_t i = 0; i < TEMPLATE_PAGES * PAGE_WORDS; i++) all = all * 31 + template[i];
    return all;
}

uint64_t template_sum_after(uint64_t n) {
    uint64_t all = 0;
    for (uint64_t i = 0; i < TEMPLATE_PAGES * PAGE_WORDS; i++) all = all * 31 + (writes(n, i / PAGE_WORDS) && i % PAGE_WORDS == 5 ? template[i] * factors[n] : template[i]);
    return all;
}

/* Half a page of stack each time. */
static uint64_t deep(uint64_t left) {
    volatile uint64_t room[PAGE_WORDS / 2];
    for (uint64_t i = 0; i < PAGE_WORDS / 2; i++) room[i] = left + i;
    return left == 0 ? room[1] : deep(left - 1) + room[left % (PAGE_WORDS / 2)];
}

static void step(void) { (void)bw_call(PAGER, bw_info(STEP, 0, 0), 0, 0, 0, 0); }

_Noreturn void child(uint64_t n) {
    const uint64_t before = template_sum();
    step();
    for (uint64_t page = 0; page < TEMPLATE_PAGES; page++) {
        if (writes(n, page)) template[page * PAGE_WORDS + 5] *= factors[n];
        step();
    }
    volatile uint64_t *heap = (volatile uint64_t *)HEAP;
    uint64_t found = 0;
    for (uint64_t i = 0; i < HEAP_PAGES * PAGE_WORDS; i++) found |= heap[i];
    for (uint64_t i = 0; i < HEAP_PAGES * PAGE_WORDS; i++) heap[i] = i + n;
    step();
    uint64_t heap_sum = found + deep(10) - deep(10);
    for (uint64_t i = 0; i < HEAP_PAGES * PAGE_WORDS; i++) heap_sum += heap[i] - i;
    const uint64_t after = template_sum();
    step();
    (void)bw_call(PAGER, bw_info(RESULT, 3, 0), before, after, heap_sum, 0);
    /* One of them goes too far. */
    if (n == 1) *(volatile uint64_t *)NOWHERE = 1;
    (void)bw_call(PAGER, bw_info(DONE, 0, 0), 0, 0, 0, 0);
    for (;;) {}
}
