/* hostile.c: see hostile.h. */
#include "hostile.h"

volatile struct trapped trapped;
volatile uint64_t interrupts;

struct sbi_result sbi(uint64_t extension, uint64_t function, uint64_t w0, uint64_t w1, uint64_t w2) {
    register uint64_t a0 __asm__("a0") = w0;
    register uint64_t a1 __asm__("a1") = w1;
    register uint64_t a2 __asm__("a2") = w2;
    register uint64_t a6 __asm__("a6") = function;
    register uint64_t a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return (struct sbi_result){.error = (int64_t)a0, .value = a1};
}

void say(const char *text) {
    static const char name[] = GUEST_NAME ": ";
    static char line[256];
    static uint64_t used;
    for (; *text != '\0'; text++) {
        if (used == 0) {
            for (const char *from = name; *from != '\0'; from++) line[used++] = *from;
        }
        if (used < sizeof line - 1) line[used++] = *text;
        if (*text != '\n') continue;
        (void)sbi(SBI_CONSOLE, 0, used, (uintptr_t)line, 0);
        used = 0;
    }
}

void say_number(const char *before, uint64_t value, const char *after) {
    char digits[21];
    unsigned at = sizeof digits;
    digits[--at] = '\0';
    do digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    say(before);
    say(&digits[at]);
    say(after);
}

void power_off(void) {
    (void)sbi(SBI_RESET, 0, 0, 0, 0);
    for (;;) {}
}

uint64_t chance(void) {
    /* xorshift64, Marsaglia 2003. */
    static uint64_t state = 88172645463325252UL;
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

enum { FETCH_ACCESS = 1, FETCH_PAGE = 12 };

/* Where to go on: behind the instruction, or, where there is none, back to the caller. */
uint64_t handle(uint64_t cause, uint64_t epc, uint64_t tval, uint64_t ra);
uint64_t handle(uint64_t cause, uint64_t epc, uint64_t tval, uint64_t ra) {
    if (cause >> 63) {
        interrupts++;
        __asm__ volatile("csrc sie, %0" ::"r"(1UL << (cause & 63)));
        return epc;
    }
    trapped = (struct trapped){.count = trapped.count + 1, .cause = cause, .epc = epc, .tval = tval};
    if (cause == FETCH_ACCESS || cause == FETCH_PAGE) return ra;
    return epc + ((*(const volatile uint16_t *)epc & 3) == 3 ? 4 : 2);
}
