/* Code that writes code, registers of machine mode, every instruction word, its own device tree gone, interrupts that nobody answers. */
#include "hostile.h"

enum { SIE_SOFTWARE = 1 << 1, SIE_TIMER = 1 << 5, SIE_EXTERNAL = 1 << 9, SSTATUS_SIE = 1 << 1 };

static volatile uint32_t made[1024] __attribute__((aligned(PAGE)));

static uint64_t run_made(void) {
    uint64_t result;
    __asm__ volatile("fence.i\njalr ra, (%1)\nmv %0, a0" : "=r"(result) : "r"(made) : "ra", "a0", "memory");
    return result;
}

static void self_modifying(void) {
    uint64_t wrong = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        made[0] = 0x00000513 | (i & 0x7ff) << 20; /* li a0, i */
        made[1] = 0x00008067;                     /* ret */
        wrong += run_made() != (i & 0x7ff);
    }
    say_number("made code gave ", wrong, " wrong answers\n");
}

/* Any word as an instruction. Those that could end the attack are left out: jumps, branches, stores, loads, ecall, wfi, sret, and sp, gp, ra as targets. */
static int harmless(uint32_t word) {
    const uint32_t opcode = word & 0x7f, rd = word >> 7 & 31;
    if ((word & 3) != 3) return 0;
    if (opcode == 0x63 || opcode == 0x67 || opcode == 0x6f || opcode == 0x23 || opcode == 0x27 || opcode == 0x03 || opcode == 0x07 || opcode == 0x2f) return 0;
    if (opcode == 0x73 && (word >> 12 & 7) != 0) {
        const uint32_t csr = word >> 20;
        /* satp, stvec, sstatus, sie and the like are ours to lose. */
        return csr < 0x100 || csr > 0x180;
    }
    if (opcode == 0x73) return 0;
    return rd == 0 || (rd >= 5 && rd <= 7) || rd >= 28;
}

static void any_instruction(void) {
    uint64_t tried = 0;
    for (unsigned round = 0; round < 300; round++) {
        unsigned at = 0;
        while (at < 64) {
            const uint32_t word = (uint32_t)chance() | 3;
            if (harmless(word)) made[at++] = word;
        }
        made[at] = 0x00008067;
        tried += at;
        __asm__ volatile("fence.i\njalr ra, (%0)" ::"r"(made) : "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "memory");
    }
    say_number("", tried, " random instructions\n");
}

#define CSR(number) __asm__ volatile("csrrw t0, " #number ", %0" ::"r"(UINT64_MAX) : "t0", "memory")
static void machine_mode(void) {
    const uint64_t before = trapped.count;
    CSR(0x300); CSR(0x301); CSR(0x302); CSR(0x303); CSR(0x304); CSR(0x305); CSR(0x306); CSR(0x340); CSR(0x341); CSR(0x342); CSR(0x343); CSR(0x344);
    CSR(0x3a0); CSR(0x3b0); CSR(0x7a0); CSR(0x7b0); CSR(0xb00); CSR(0xb02); CSR(0xf11); CSR(0xf14); CSR(0x600); CSR(0x680);
    __asm__ volatile("mret" ::: "memory");
    say_number("machine mode refused ", trapped.count - before, " of 23\n");
}

/* All interrupts at once, and the handler only masks them. */
static void interrupt_all(void) {
    for (unsigned source = 1; source < 32; source++) *(volatile uint32_t *)(PLIC + 4UL * source) = 7;
    *(volatile uint32_t *)(PLIC + 0x2000) = UINT32_MAX;
    *(volatile uint32_t *)(PLIC + 0x200000) = 0;
    *(volatile uint8_t *)(UART + 1) = 0x0f;
    __asm__ volatile("csrs sip, %0" ::"r"((uint64_t)SIE_SOFTWARE));
    (void)sbi(SBI_TIME, 0, 0, 0, 0);
    __asm__ volatile("csrs sstatus, %0" ::"r"((uint64_t)SSTATUS_SIE));
    for (unsigned i = 0; i < 1000; i++) __asm__ volatile("csrs sie, %0" ::"r"((uint64_t)(SIE_SOFTWARE | SIE_TIMER | SIE_EXTERNAL)) : "memory");
    __asm__ volatile("csrc sstatus, %0" ::"r"((uint64_t)SSTATUS_SIE));
    say_number("", interrupts, " interrupts that nobody answered\n");
}

void guest_main(uint64_t hart, uint64_t tree) {
    (void)hart;
    /* The blob's length stands in its second word, big-endian; the upper half of it is 0. */
    const volatile uint8_t *length = (volatile uint8_t *)tree + 4;
    const uint64_t bytes = (uint64_t)length[2] << 8 | length[3];
    for (uint64_t at = tree; at < tree + bytes && at < RAM_END; at++) *(volatile uint8_t *)at = 0xff;
    for (uint64_t at = RAM; at < RAM + 0x200000; at += 8) *(volatile uint64_t *)at = UINT64_MAX;
    say(bytes > 256 && bytes < 8192 ? "overwrote its device tree\n" : "found no device tree\n");
    self_modifying();
    any_instruction();
    machine_mode();
    interrupt_all();
    say_number("alive after ", trapped.count, " exceptions\n");
}
