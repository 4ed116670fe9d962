/*
 * console.c: text out by the firmware's debug console, else the 16550; text in by the 16550's interrupt through the PLIC, else by asking the
 * firmware. Sources: TL16C550C data sheet; SiFive Interrupt Cookbook, PLIC.
 */
#include "guest.h"

struct uart {
    volatile uint8_t data, ier, fcr, lcr, mcr, lsr, msr, scr;
};
_Static_assert(offsetof(struct uart, lsr) == 5, "LSR at 5");
enum { IER_RECEIVED = 1, FCR_ENABLE = 1, LSR_DATA_READY = 1, LSR_TRANSMIT_EMPTY = 1 << 5 };

/* Byte offsets in the PLIC, and how far the contexts are apart. */
enum { PLIC_PRIORITY = 0x0, PLIC_ENABLE = 0x2000, PLIC_ENABLE_STRIDE = 0x80, PLIC_CONTEXT = 0x200000, PLIC_CONTEXT_STRIDE = 0x1000 };
enum { CONTEXT_THRESHOLD = 0, CONTEXT_CLAIM = 4 };
enum { SIE_EXTERNAL = 1 << 9 };
enum { LINE = 128, INPUT = 256 };

static struct {
    struct uart *uart;
    uint64_t plic;
    uint32_t context;
    uint32_t irq;
    bool firmware;
    bool interactive;
    char line[LINE];
    uint32_t length;
    uint8_t input[INPUT];
    volatile uint32_t received;
    uint32_t taken;
} state;

static volatile uint32_t *plic(uint64_t offset) { return (volatile uint32_t *)(state.plic + offset); }
static uint64_t context(uint64_t offset) { return PLIC_CONTEXT + (uint64_t)state.context * PLIC_CONTEXT_STRIDE + offset; }

void console_init(const struct machine *m, bool interactive) {
    state.firmware = sbi_console_present();
    state.interactive = interactive;
    if (m->uart == 0) return;
    state.uart = (struct uart *)m->uart;
    state.uart->fcr = FCR_ENABLE;
    if (m->plic == 0 || m->uart_irq == 0) return;
    state.plic = m->plic;
    state.context = m->plic_context;
    state.irq = m->uart_irq;
    *plic(PLIC_PRIORITY + 4UL * state.irq) = 1;
    *plic(PLIC_ENABLE + (uint64_t)state.context * PLIC_ENABLE_STRIDE + 4 * (state.irq / 32)) |= 1U << state.irq % 32;
    *plic(context(CONTEXT_THRESHOLD)) = 0;
    state.uart->ier = IER_RECEIVED;
    __asm__ volatile("csrs sie, %0" ::"r"((uint64_t)SIE_EXTERNAL));
}

static void flush(void) {
    for (uint32_t at = 0; at < state.length;) {
        if (state.firmware) {
            const uint64_t taken = sbi_console_write(&state.line[at], state.length - at);
            if (taken == 0) break;
            at += (uint32_t)taken;
        } else if (state.uart != NULL) {
            while ((state.uart->lsr & LSR_TRANSMIT_EMPTY) == 0) {}
            state.uart->data = (uint8_t)state.line[at++];
        } else {
            sbi_console_put_legacy((uint8_t)state.line[at++]);
        }
    }
    state.length = 0;
}

static void collect(char c) {
    if (state.length == LINE) flush();
    state.line[state.length++] = c;
}

static void collect_text(char c) {
    /* A terminal in raw mode needs both; what a program reads is better without. */
    if (c == '\n' && state.interactive) collect('\r');
    collect(c);
}

void put(char c) {
    collect_text(c);
    flush();
}

void print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    format_text(collect_text, format, arguments);
    va_end(arguments);
    flush();
}

static void receive(uint8_t byte) {
    /* Full: what comes now is lost, as on any line without flow control. */
    if (state.received - state.taken < INPUT) state.input[state.received++ % INPUT] = byte;
}

void console_interrupt(void) {
    const uint32_t irq = *plic(context(CONTEXT_CLAIM));
    if (irq == 0) return;
    if (irq == state.irq) {
        while ((state.uart->lsr & LSR_DATA_READY) != 0) receive(state.uart->data);
    }
    *plic(context(CONTEXT_CLAIM)) = irq;
}

void console_poll(void) {
    if (!state.firmware || state.plic != 0 || !state.interactive) return;
    uint8_t bytes[16];
    const uint64_t count = sbi_console_read(bytes, sizeof bytes);
    for (uint64_t i = 0; i < count && i < sizeof bytes; i++) receive(bytes[i]);
}

uint8_t console_wait(void) {
    for (;;) {
        /* Held, so that what comes between the look and the sleep still ends the sleep. */
        interrupts_hold();
        const bool there = state.received != state.taken;
        if (!there) idle();
        interrupts_release();
        if (there) return state.input[state.taken++ % INPUT];
    }
}
