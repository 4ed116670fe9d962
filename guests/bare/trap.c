/* trap.c: interrupts, exceptions and time. Source: RISC-V Privileged Architecture, "Supervisor-Level ISA". */
#include "guest.h"

enum { CAUSE_TIMER = 5, CAUSE_EXTERNAL = 9 };
#define CAUSE_INTERRUPT (1UL << 63)
enum { SSTATUS_SIE = 1 << 1, SIE_TIMER = 1 << 5 };
enum { TICKS_A_SECOND = 10 };

static struct {
    volatile uint64_t ticks;
    uint64_t interval;
    volatile bool expecting;
    struct trapped trapped;
} state;

uint64_t now(void) {
    uint64_t time;
    __asm__ volatile("rdtime %0" : "=r"(time));
    return time;
}

uint64_t ticks(void) { return state.ticks; }

void trap_init(uint32_t timebase) {
    state.interval = timebase / TICKS_A_SECOND;
    sbi_set_timer(now() + state.interval);
    __asm__ volatile("csrs sie, %0" ::"r"((uint64_t)SIE_TIMER));
    interrupts_release();
}

void idle(void) { __asm__ volatile("wfi" ::: "memory"); }

void interrupts_hold(void) { __asm__ volatile("csrc sstatus, %0" ::"r"((uint64_t)SSTATUS_SIE) : "memory"); }

void interrupts_release(void) { __asm__ volatile("csrs sstatus, %0" ::"r"((uint64_t)SSTATUS_SIE) : "memory"); }

void interrupts_off(void) {
    interrupts_hold();
    __asm__ volatile("csrw sie, zero");
    sbi_set_timer(UINT64_MAX);
}

void expect_trap(void) {
    state.trapped = (struct trapped){0};
    state.expecting = true;
    __asm__ volatile("" ::: "memory");
}

struct trapped took_trap(void) {
    __asm__ volatile("" ::: "memory");
    state.expecting = false;
    return state.trapped;
}

static uint64_t instruction_bytes(uint64_t at) { return (*(const volatile uint16_t *)at & 3) == 3 ? 4 : 2; }

uint64_t trap(uint64_t cause, uint64_t epc, uint64_t tval) {
    if (cause == (CAUSE_INTERRUPT | CAUSE_TIMER)) {
        state.ticks++;
        sbi_set_timer(now() + state.interval);
        console_poll();
        return epc;
    }
    if (cause == (CAUSE_INTERRUPT | CAUSE_EXTERNAL)) {
        console_interrupt();
        return epc;
    }
    if (state.expecting) {
        state.expecting = false;
        state.trapped = (struct trapped){.came = true, .cause = cause, .epc = epc, .tval = tval};
        return epc + instruction_bytes(epc);
    }
    panic("exception %lu at 0x%lx, address 0x%lx", cause, epc, tval);
}

_Noreturn void panic(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print("Kernel panic - not syncing: ");
    format_text(put, format, arguments);
    va_end(arguments);
    print("\n");
    interrupts_off();
    sbi_reset(RESET_COLD_REBOOT, REASON_FAILURE);
    for (;;) idle();
}
