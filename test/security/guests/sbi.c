/* Firmware calls with arguments of every sort, addresses of every sort for those that take one. */
#include "hostile.h"

static const uint64_t values[] = {
    0, 1, 2, 4, 64, 4095, 4096, 4097, RAM - 1, RAM, RAM + 1, RAM_END - 1, RAM_END, UART, PLIC, 1UL << 31, 1UL << 32, (1UL << 53) + 1, 1UL << 63, UINT64_MAX - 1, UINT64_MAX,
};
enum { VALUES = sizeof values / sizeof values[0] };

static const uint64_t extensions[] = {SBI_PUTCHAR, SBI_GETCHAR, 3, 4, 5, 6, 7, 9, SBI_BASE, SBI_TIME, SBI_IPI, SBI_RFENCE, SBI_HSM, SBI_CONSOLE, 0x53555350, 0x504d55, 0x4e41434c, 0x535441, UINT64_MAX, 1UL << 63};

/* Legal, and the end of us. */
static int ends(uint64_t extension, uint64_t function, uint64_t type) { return extension == SBI_SHUTDOWN || (extension == SBI_RESET && function == 0 && type <= 2); }
static int prints(uint64_t extension, uint64_t function) { return extension == SBI_PUTCHAR || (extension == SBI_CONSOLE && function != 1); }

void guest_main(uint64_t hart, uint64_t tree) {
    (void)hart, (void)tree;
    uint64_t calls = 0, refused = 0;
    for (unsigned e = 0; e < sizeof extensions / sizeof extensions[0]; e++) {
        for (uint64_t function = 0; function < 8; function++) {
            if (prints(extensions[e], function)) continue;
            for (unsigned i = 0; i < VALUES; i++) {
                const struct sbi_result r = sbi(extensions[e], function, values[i], values[chance() % VALUES], values[chance() % VALUES]);
                calls++;
                if (r.error < 0) refused++;
            }
        }
    }
    say_number("", calls, " calls");
    say_number(", ", refused, " refused\n");

    /* Console output from where there is no memory: refused, and nothing printed. */
    uint64_t wrong = 0;
    static const uint64_t outside[] = {0, UART, PLIC, RAM - 1, RAM - 4096, RAM_END, RAM_END - 4095, 1UL << 32, 1UL << 53, 1UL << 63, UINT64_MAX - 4095, UINT64_MAX};
    for (unsigned i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        for (uint64_t function = 0; function < 2; function++) {
            if (sbi(SBI_CONSOLE, function, 4096, outside[i], 0).error != -3) wrong++;
            if (sbi(SBI_CONSOLE, function, UINT64_MAX, outside[i], 0).error != -3) wrong++;
            if (sbi(SBI_CONSOLE, function, 16, RAM + 0x200000, outside[i] | 1).error != -3) wrong++;
        }
    }
    say_number("console calls answered wrongly: ", wrong, "\n");

    for (unsigned i = 0; i < 20000; i++) {
        const uint64_t extension = chance() & 3 ? extensions[chance() % (sizeof extensions / sizeof extensions[0])] : chance(), function = chance() & 3 ? chance() % 8 : chance();
        if (ends(extension, function, 0) || prints(extension, function)) continue;
        const uint64_t type = extension == SBI_RESET ? 3 + chance() % 100 : chance();
        /* A read to the debug console writes our memory: only where nothing of ours is. */
        const uint64_t where = extension == SBI_CONSOLE ? RAM + chance() % 0x100000 : chance();
        (void)sbi(extension, function, type, where, chance() & 1 ? 0 : chance());
    }
    (void)sbi(SBI_RESET, 0, 3, 0, 0);
    (void)sbi(SBI_RESET, 0, UINT64_MAX, 0, 0);
    (void)sbi(SBI_RESET, 0, 0, 2, 0);
    (void)sbi(SBI_RESET, 1, 0, 0, 0);
    say_number("alive after ", trapped.count, " exceptions\n");
}
