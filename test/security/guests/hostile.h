/*
 * hostile.h: what a guest that means harm has: the firmware's calls, a few words to say, and a handler that steps over whatever it trapped on.
 * Supervisor mode, no paging, 16 MiB of RAM from 0x80000000; main's end powers the machine off.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { RAM = 0x80000000, RAM_BYTES = 16 << 20, RAM_END = RAM + RAM_BYTES };
enum { PAGE = 4096 };

/* The guest's machine, as its device tree says (vmm/spec.ts). */
#define RTC 0x00101000UL
#define PLIC 0x0c000000UL
#define PLIC_BYTES 0x600000UL
#define UART 0x10000000UL
#define VIRTIO(slot) (0x10001000UL + 0x1000UL * (slot))
#define VIRTIO_SLOTS 25
#define WINDOW_END VIRTIO(VIRTIO_SLOTS)

enum {
    SBI_PUTCHAR = 1,
    SBI_GETCHAR = 2,
    SBI_SHUTDOWN = 8,
    SBI_BASE = 0x10,
    SBI_TIME = 0x54494d45,
    SBI_IPI = 0x735049,
    SBI_RFENCE = 0x52464e43,
    SBI_HSM = 0x48534d,
    SBI_RESET = 0x53525354,
    SBI_CONSOLE = 0x4442434e,
};
struct sbi_result {
    int64_t error;
    uint64_t value;
};
struct sbi_result sbi(uint64_t extension, uint64_t function, uint64_t w0, uint64_t w1, uint64_t w2);

/* Said by the line, so that what several guests say does not mix; GUEST_NAME begins each. */
void say(const char *text);
void say_number(const char *before, uint64_t value, const char *after);
_Noreturn void power_off(void);

/* Exceptions so far, and the last of them. */
struct trapped {
    uint64_t count, cause, epc, tval;
};
extern volatile struct trapped trapped;
/* Interrupts so far; each masks its own kind in sie. */
extern volatile uint64_t interrupts;

/* The same numbers at each run. */
uint64_t chance(void);

/* The guest itself. */
void guest_main(uint64_t hart, uint64_t tree);
