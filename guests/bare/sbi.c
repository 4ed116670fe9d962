/* sbi.c: calls of the firmware. Source: RISC-V Supervisor Binary Interface 2.0, chapters 4, 5, 6, 10 and 12. */
#include "guest.h"

enum {
    EXTENSION_PUT_LEGACY = 0x01,
    EXTENSION_BASE = 0x10,
    EXTENSION_TIME = 0x54494d45,
    EXTENSION_CONSOLE = 0x4442434e,
    EXTENSION_RESET = 0x53525354,
};
enum { BASE_SPEC_VERSION = 0, BASE_PROBE = 3 };
enum { TIME_SET = 0 };
enum { CONSOLE_WRITE = 0, CONSOLE_READ = 1 };
enum { RESET = 0 };

static struct sbi_result sbi(uint64_t extension, uint64_t function, uint64_t w0, uint64_t w1, uint64_t w2) {
    register uint64_t a0 __asm__("a0") = w0;
    register uint64_t a1 __asm__("a1") = w1;
    register uint64_t a2 __asm__("a2") = w2;
    register uint64_t a6 __asm__("a6") = function;
    register uint64_t a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return (struct sbi_result){.error = (int64_t)a0, .value = a1};
}

static bool present(uint64_t extension) {
    const struct sbi_result r = sbi(EXTENSION_BASE, BASE_PROBE, extension, 0, 0);
    return r.error == 0 && r.value != 0;
}

bool sbi_console_present(void) { return present(EXTENSION_CONSOLE); }

uint64_t sbi_console_write(const void *bytes, uint64_t count) {
    const struct sbi_result r = sbi(EXTENSION_CONSOLE, CONSOLE_WRITE, count, (uintptr_t)bytes, 0);
    return r.error == 0 ? r.value : 0;
}

uint64_t sbi_console_read(void *bytes, uint64_t count) {
    const struct sbi_result r = sbi(EXTENSION_CONSOLE, CONSOLE_READ, count, (uintptr_t)bytes, 0);
    return r.error == 0 ? r.value : 0;
}

void sbi_console_put_legacy(uint8_t byte) { (void)sbi(EXTENSION_PUT_LEGACY, 0, byte, 0, 0); }

void sbi_set_timer(uint64_t time) { (void)sbi(EXTENSION_TIME, TIME_SET, time, 0, 0); }

uint64_t sbi_spec_version(void) { return sbi(EXTENSION_BASE, BASE_SPEC_VERSION, 0, 0, 0).value; }

void sbi_reset(enum reset kind, enum reset_reason reason) { (void)sbi(EXTENSION_RESET, RESET, (uint64_t)kind, (uint64_t)reason, 0); }
