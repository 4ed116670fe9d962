/* child.h: what a child and its pager agree on. A child sees the program's own text and constants, the template, a stack and a heap, and nothing else. */
#pragma once
#include <stdint.h>

enum { CHILDREN = 2, PAGE = 4096, PAGE_WORDS = PAGE / 8, TEMPLATE_PAGES = 12, STACK_PAGES = 8, HEAP_PAGES = 6 };
/* A child's addresses, in the first 2 MiB like its text. */
#define STACK_TOP 0x180000UL
#define HEAP 0x1c0000UL

/* The only capability that a child has: its pager. */
enum { PAGER = 1 };
/* A child's requests. STEP: answered when the other child has come as far. RESULT: sum before, sum after, sum of the heap. DONE: never answered. */
enum { STEP = 100, RESULT, DONE };
/* Where no child has anything: devices, in programs that have some. */
#define NOWHERE 0x50000000UL

/* Both children begin with it, and each changes its own. */
extern uint64_t template[TEMPLATE_PAGES * PAGE_WORDS];

/* Where a child starts: n is its number, 0 or 1. */
_Noreturn void child(uint64_t n);
/* Sums over the template: as it is, and as child n leaves it. For the pager, which has one of its own to compare with. */
uint64_t template_sum(void);
uint64_t template_sum_after(uint64_t n);
