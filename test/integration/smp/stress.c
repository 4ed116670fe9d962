/* Locks under stress, as a process of Linux without a C library: threads on all harts take a futex mutex, a ticket lock, and add by AMO and by LR/SC. Prints what was
 * counted and on which harts; exits with 0 when nothing was lost. Source of the mutex: Drepper, "Futexes Are Tricky", 2011, 5. */
#include <stdint.h>

enum { THREADS = 8, ROUNDS = 2000, STACK = 64 * 1024 };
enum { SYS_WRITE = 64, SYS_EXIT = 93, SYS_EXIT_GROUP = 94, SYS_FUTEX = 98, SYS_SETAFFINITY = 122, SYS_YIELD = 124, SYS_GETCPU = 168, SYS_CLONE = 220 };
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1 };
enum { THREAD_FLAGS = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x200000 }; /* VM FS FILES SIGHAND THREAD SYSVSEM CHILD_CLEARTID */

static long call(long number, long a, long b, long c, long d, long e) {
    register long a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c, a3 asm("a3") = d, a4 asm("a4") = e, a5 asm("a5") = 0, a7 asm("a7") = number;
    asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
    return a0;
}

static uint8_t stacks[THREADS][STACK] __attribute__((aligned(16)));
static int alive[THREADS];
static int mutex;
static unsigned next_ticket, now_serving;
/* The first two are kept by locks alone. */
static volatile unsigned long by_mutex, by_tickets;
static unsigned long by_amo, by_reservation, harts_seen;

static void mutex_lock(void) {
    int was = 0;
    if (__atomic_compare_exchange_n(&mutex, &was, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
    if (was != 2) was = __atomic_exchange_n(&mutex, 2, __ATOMIC_ACQUIRE);
    while (was != 0) {
        call(SYS_FUTEX, (long)&mutex, FUTEX_WAIT, 2, 0, 0);
        was = __atomic_exchange_n(&mutex, 2, __ATOMIC_ACQUIRE);
    }
}

static void mutex_unlock(void) {
    if (__atomic_exchange_n(&mutex, 0, __ATOMIC_RELEASE) == 2) call(SYS_FUTEX, (long)&mutex, FUTEX_WAKE, 1, 0, 0);
}

static void tickets_lock(void) {
    const unsigned mine = __atomic_fetch_add(&next_ticket, 1, __ATOMIC_RELAXED);
    for (int spins = 0; __atomic_load_n(&now_serving, __ATOMIC_ACQUIRE) != mine; spins++)
        if (spins % 64 == 63) call(SYS_YIELD, 0, 0, 0, 0, 0);
}

static void tickets_unlock(void) { __atomic_store_n(&now_serving, now_serving + 1, __ATOMIC_RELEASE); }

static void add_by_reservation(unsigned long *counter) {
    unsigned long value;
    int failed;
    do asm volatile("lr.d.aq %0, (%2)\n addi %0, %0, 1\n sc.d.rl %1, %0, (%2)" : "=&r"(value), "=&r"(failed) : "r"(counter) : "memory");
    while (failed);
}

static void work(long self, long harts) {
    unsigned long mask = 1ul << self % harts;
    call(SYS_SETAFFINITY, 0, sizeof mask, (long)&mask, 0, 0);
    for (int i = 0; i < ROUNDS; i++) {
        if (i == ROUNDS / 2) mask = (1ul << harts) - 1, call(SYS_SETAFFINITY, 0, sizeof mask, (long)&mask, 0, 0);
        mutex_lock();
        by_mutex++;
        mutex_unlock();
        tickets_lock();
        by_tickets++;
        tickets_unlock();
        __atomic_fetch_add(&by_amo, 1, __ATOMIC_RELAXED);
        add_by_reservation(&by_reservation);
        unsigned hart;
        call(SYS_GETCPU, (long)&hart, 0, 0, 0, 0);
        __atomic_fetch_or(&harts_seen, 1ul << hart, __ATOMIC_RELAXED);
    }
}

static long start_thread(long self, long harts) {
    long *top = (long *)(stacks[self] + STACK) - 2;
    top[0] = self, top[1] = harts;
    alive[self] = 1;
    register long a0 asm("a0") = THREAD_FLAGS, a1 asm("a1") = (long)top, a2 asm("a2") = 0, a3 asm("a3") = 0, a4 asm("a4") = (long)&alive[self], a7 asm("a7") = SYS_CLONE;
    asm volatile("ecall\n bnez a0, 1f\n ld a0, 0(sp)\n ld a1, 8(sp)\n call thread_main\n 1:" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7) : "memory", "ra");
    return a0;
}

__attribute__((used)) void thread_main(long self, long harts) {
    work(self, harts);
    call(SYS_EXIT, 0, 0, 0, 0, 0);
    __builtin_unreachable();
}

static char line[160];
static int length;
static void text(const char *s) {
    while (*s) line[length++] = *s++;
}
static void number(unsigned long value) {
    if (value >= 10) number(value / 10);
    line[length++] = (char)('0' + value % 10);
}

/* The number of harts is the program's argument. */
__attribute__((used)) void process_main(const long *stack) {
    const long harts = stack[0] > 1 ? ((const char *)stack[2])[0] - '0' : 1;
    for (long i = 0; i < THREADS; i++)
        if (start_thread(i, harts) < 0) call(SYS_EXIT_GROUP, 2, 0, 0, 0, 0);
    for (int i = 0; i < THREADS; i++)
        for (int still; (still = __atomic_load_n(&alive[i], __ATOMIC_ACQUIRE)) != 0;) call(SYS_FUTEX, (long)&alive[i], FUTEX_WAIT, still, 0, 0);
    text("harts "), number(harts_seen), text(" mutex "), number(by_mutex), text(" tickets "), number(by_tickets), text(" amo "), number(by_amo), text(" reservation "), number(by_reservation), text("\n");
    call(SYS_WRITE, 1, (long)line, length, 0, 0);
    const unsigned long all = THREADS * ROUNDS;
    call(SYS_EXIT_GROUP, by_mutex == all && by_tickets == all && by_amo == all && by_reservation == all ? 0 : 1, 0, 0, 0, 0);
}

asm(".globl _start\n_start: mv a0, sp\n call process_main\n");
