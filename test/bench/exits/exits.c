/* exits.c: makes N exits of each kind in a loop, timed by its own clock, and says what that took: `exits: KIND TICKS TIMES`, ticks of 100 ns. */
#include "hostile.h"

enum { UART_SCRATCH = 7, UART_LSR = 5, PLIC_PRIORITY = 4, VIRTIO_MAGIC = 0, VIRTIO_QUEUE_SELECT = 0x30 };
enum { VIRTIO_MAGIC_VALUE = 0x74726976, PRIORITY = 3, SCRATCH = 0x5a };
enum { CONSOLE_WRITE = 0, SBI_VERSION = 0, SFENCE = 1 };
enum { SIE_TIMER = 1 << 5 };

static uint64_t now(void) {
    uint64_t time;
    __asm__ volatile("rdtime %0" : "=r"(time));
    return time;
}

static volatile uint32_t *word(uint64_t at) { return (volatile uint32_t *)at; }
static volatile uint8_t *byte(uint64_t at) { return (volatile uint8_t *)at; }

/* Each does what it is called for once. The result is false when what came back is not what must come. */
static bool empty(void) { __asm__ volatile("" ::: "memory"); return true; }
static bool plic_load(void) { return *word(PLIC + PLIC_PRIORITY) == PRIORITY; }
static bool plic_store(void) { return *word(PLIC + PLIC_PRIORITY) = PRIORITY, true; }
static bool uart_load(void) { return *byte(UART + UART_LSR) == 0x60; }
static bool uart_store(void) { return *byte(UART + UART_SCRATCH) = SCRATCH, true; }
static bool virtio_load(void) { return *word(VIRTIO(0) + VIRTIO_MAGIC) == VIRTIO_MAGIC_VALUE; }
static bool virtio_store(void) { return *word(VIRTIO(0) + VIRTIO_QUEUE_SELECT) = 1, true; }
static bool sbi_base(void) { return sbi(SBI_BASE, SBI_VERSION, 0, 0, 0).value == 0x2000000; }
static bool sbi_console(void) { return sbi(SBI_CONSOLE, CONSOLE_WRITE, 0, RAM, 0).error == 0; }
static bool sbi_fence(void) { return sbi(SBI_RFENCE, SFENCE, 1, 0, 0).error == 0; }
static bool sbi_timer(void) { return sbi(SBI_TIME, 0, UINT64_MAX, 0, 0).error == 0; }
static bool time_read(void) { return now() != 0; }
/* The timer is due before the wfi: it ends at once, without an interrupt, since sstatus.SIE is 0. */
static bool wait(void) {
    const bool right = sbi(SBI_TIME, 0, 0, 0, 0).error == 0;
    __asm__ volatile("wfi" ::: "memory");
    return right;
}
/* The timer is due 5 us after: the hart waits for it, and whoever runs it does something else or looks at the clock. */
static bool sleep(void) {
    const uint64_t until = now() + 50;
    const bool right = sbi(SBI_TIME, 0, until, 0, 0).error == 0;
    __asm__ volatile("wfi" ::: "memory");
    return right && now() >= until;
}

static const struct {
    const char *name;
    bool (*once)(void);
    bool slow;
} kinds[] = {
    {"loop", empty, false},
    {"mmio.plic.store", plic_store, false}, {"mmio.plic.load", plic_load, false},
    {"mmio.uart.store", uart_store, false}, {"mmio.uart.load", uart_load, false},
    {"mmio.virtio.store", virtio_store, false}, {"mmio.virtio.load", virtio_load, false},
    {"sbi.base", sbi_base, false}, {"sbi.console", sbi_console, false},
    {"sbi.timer", sbi_timer, false}, {"sbi.fence", sbi_fence, false}, {"time", time_read, false},
    {"wfi.due", wait, false}, {"wfi.sleep", sleep, true},
};

void guest_main(uint64_t hart, uint64_t tree) {
    (void)hart, (void)tree;
    __asm__ volatile("csrs sie, %0" ::"r"((uint64_t)SIE_TIMER));
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            const uint64_t times = kinds[k].slow ? EXITS / 16 : EXITS;
            uint64_t wrong = 0;
            const uint64_t from = now();
            for (uint64_t i = 0; i < times; i++) wrong += !kinds[k].once();
            const uint64_t ticks = now() - from;
            (void)sbi(SBI_TIME, 0, UINT64_MAX, 0, 0);
            say(wrong == 0 ? "" : "WRONG ");
            say(kinds[k].name);
            say_number(" ", ticks, " ");
            say_number("", times, "\n");
        }
    }
}
