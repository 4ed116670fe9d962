/* counted.c: makes so many exits of each kind, is busy for a time, and then waits for ever. */
#include "hostile.h"

enum { PLIC_PRIORITY = 4, UART_SCRATCH = 7 };
enum { SIE_TIMER = 1 << 5, SIP_SOFTWARE = 1 << 1, SBI_VERSION = 0 };

static uint64_t now(void) {
    uint64_t time;
    __asm__ volatile("rdtime %0" : "=r"(time));
    return time;
}

void guest_main(uint64_t hart, uint64_t tree) {
    (void)hart, (void)tree;
    for (uint64_t i = 0; i < LOADS; i++) (void)*(volatile uint32_t *)(PLIC + PLIC_PRIORITY);
    for (uint64_t i = 0; i < STORES; i++) *(volatile uint8_t *)(UART + UART_SCRATCH) = 1;
    for (uint64_t i = 0; i < CALLS; i++) (void)sbi(SBI_BASE, SBI_VERSION, 0, 0, 0);
    for (uint64_t i = 0; i < IPIS; i++) {
        (void)sbi(SBI_IPI, 0, 1, 0, 0);
        __asm__ volatile("csrc sip, %0" ::"r"((uint64_t)SIP_SOFTWARE));
    }
    /* Interrupts are enabled one by one and not as a whole: they end a wfi, and are not taken. */
    __asm__ volatile("csrs sie, %0" ::"r"((uint64_t)SIE_TIMER));
    for (uint64_t i = 0; i < SLEEPS; i++) {
        const uint64_t until = now() + 20000;
        (void)sbi(SBI_TIME, 0, until, 0, 0);
        while (now() < until) __asm__ volatile("wfi" ::: "memory");
    }
    (void)sbi(SBI_TIME, 0, UINT64_MAX, 0, 0);
    for (const uint64_t until = now() + BUSY_MS * 10000; now() < until;) {}
    say("done\n");
    for (;;) __asm__ volatile("wfi" ::: "memory");
}
