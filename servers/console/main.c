/*
 * The console driver: the machine's 16550 serial line, shared by many clients. It is an ordinary program and is trusted by nobody: it has the
 * registers of one device, its interrupt, and nothing else. What it does with clients is <bailiwick/views.h>; protocol and behaviour: README.md.
 * Source: TL16C550C data sheet, "Register summary" and "Interrupt identification".
 */
#include <bailiwick.h>
#include <bailiwick/views.h>

BW_USE(regs);
BW_USE(irq);
/* For quotas. */
BW_USE_OPTIONAL(timer);

struct uart {
    volatile uint8_t data; /* RBR when read, THR when written */
    volatile uint8_t ier;
    volatile uint8_t iir_fcr; /* IIR when read, FCR when written */
    volatile uint8_t lcr;
    volatile uint8_t mcr;
    volatile uint8_t lsr;
    volatile uint8_t msr;
    volatile uint8_t scr;
};
_Static_assert(offsetof(struct uart, ier) == 1, "IER at 1");
_Static_assert(offsetof(struct uart, iir_fcr) == 2, "IIR and FCR at 2");
_Static_assert(offsetof(struct uart, lcr) == 3, "LCR at 3");
_Static_assert(offsetof(struct uart, lsr) == 5, "LSR at 5");
_Static_assert(sizeof(struct uart) == 8, "eight registers");

enum {
    IER_RECEIVED = 1 << 0,
    IER_TRANSMIT_EMPTY = 1 << 1,
    FCR_ENABLE = 1 << 0,
    FCR_CLEAR_RECEIVE = 1 << 1,
    FCR_CLEAR_TRANSMIT = 1 << 2,
    LCR_8_BITS = 3,
    MCR_DTR = 1 << 0,
    MCR_RTS = 1 << 1,
    MCR_OUT2 = 1 << 3, /* lets interrupts out on boards with a PC's wiring */
    LSR_DATA_READY = 1 << 0,
    LSR_TRANSMIT_EMPTY = 1 << 5,
    FIFO_BYTES = 16,
};

static struct uart *uart(void) { return (struct uart *)bw_use_regs.address; }

/* The device takes a FIFO's worth each time it is empty. */
static uint32_t send(const uint8_t *bytes, uint32_t count) {
    uint32_t sent = 0;
    while (sent < count && (uart()->lsr & LSR_TRANSMIT_EMPTY) != 0) {
        for (uint32_t i = 0; i < FIFO_BYTES && sent < count; i++) uart()->data = bytes[sent++];
    }
    return sent;
}

static bool receive(uint8_t *byte) {
    if ((uart()->lsr & LSR_DATA_READY) == 0) return false;
    *byte = uart()->data;
    return true;
}

static void want(bool input, bool output) { uart()->ier = (uint8_t)((input ? IER_RECEIVED : 0U) | (output ? IER_TRANSMIT_EMPTY : 0U)); }

static void notified(uint64_t bits) {
    if ((bits & bw_use_irq.badge) == 0) return;
    bw_views_go_on();
    (void)bw_irq_ack(bw_use_irq.cap);
}

int main(void) {
    uart()->ier = 0;
    uart()->lcr = LCR_8_BITS;
    uart()->iir_fcr = FCR_ENABLE | FCR_CLEAR_RECEIVE | FCR_CLEAR_TRANSMIT;
    uart()->mcr = MCR_DTR | MCR_RTS | MCR_OUT2;
    (void)bw_irq_ack(bw_use_irq.cap);
    const struct bw_line line = {.send = send, .receive = receive, .want = want, .notified = notified, .timer = bw_use_timer.cap};
    bw_views_serve(&line);
    return 1;
}
