/*
 * The console driver: the machine's 16550 serial line, shared by many clients. It is an ordinary program and is trusted by nobody: it has the
 * registers of one device, its interrupt, and nothing else. Protocol: protocol.ts; behaviour towards clients: README.md.
 *
 * Invariants
 *   C1  A write is taken whole or not at all, in order of arrival, so clients' lines do not mix within a write.
 *   C2  A client has at most one write waiting; it waits in its own reply object. Nobody else waits for it but for the queue's room.
 *   C3  Nothing spins: while the device is busy it will interrupt, and until then the driver sleeps.
 * Source: TL16C550C data sheet, "Register summary" and "Interrupt identification".
 */
#include <bailiwick.h>
#include <bailiwick/console.h>

BW_USE(regs);
BW_USE(irq);

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

/* A write has its count before the bytes, a read's answer too. */
enum { COUNT_WORDS = 1, MOST_BYTES = 944 };
_Static_assert(COUNT_WORDS * 8 + MOST_BYTES <= BW_MAX_WORDS * 8, "the protocol's limit fits in a message");

/* The upper half of the CSpace is the program's own. */
enum { SLOT_RECEIVED = 128, SLOT_INPUT_SIGNAL = 129, SLOT_REPLIES = 130, WAITING = 48 };

/* A ring of bytes; size is a power of two, put and taken count for ever. */
struct ring {
    uint8_t *bytes;
    uint32_t size;
    uint32_t put;
    uint32_t taken;
};

/* A client's write that has no room yet. */
struct waiter {
    bw_cptr reply;
    uint64_t client;
    uint32_t count;
    uint8_t bytes[MOST_BYTES];
};

static uint8_t output_bytes[16384];
static uint8_t input_bytes[4096];

static struct {
    struct uart *uart;
    struct ring output;
    struct ring input;
    /* Whose the input is, 0 before anyone attached. */
    uint64_t input_client;
    /* waiters[(first + i) % WAITING] for i < waiting, oldest first. Each slot keeps its own reply object when it is free. */
    struct waiter waiters[WAITING];
    uint32_t first;
    uint32_t waiting;
} state;

static struct bw_service service;

static uint32_t used(const struct ring *r) { return r->put - r->taken; }
static uint32_t room(const struct ring *r) { return r->size - used(r); }
static void put(struct ring *r, uint8_t byte) { r->bytes[r->put++ % r->size] = byte; }
static uint8_t take(struct ring *r) { return r->bytes[r->taken++ % r->size]; }

/* Asks for the interrupts that are of use: room to send while there is something to send, input while there is room for it. */
static void want_interrupts(void) {
    const unsigned ier = (room(&state.input) > 0 ? IER_RECEIVED : 0U) | (used(&state.output) > 0 ? IER_TRANSMIT_EMPTY : 0U);
    state.uart->ier = (uint8_t)ier;
}

/* Fills the device as long as it takes bytes; it takes a FIFO's worth each time it is empty. */
static void transmit(void) {
    while (used(&state.output) > 0 && (state.uart->lsr & LSR_TRANSMIT_EMPTY) != 0) {
        for (uint32_t i = 0; i < FIFO_BYTES && used(&state.output) > 0; i++) state.uart->data = take(&state.output);
    }
}

static void enqueue(const uint8_t *bytes, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) put(&state.output, bytes[i]);
}

/* Lets waiting writes in, oldest first, as the queue empties (C1). */
static void admit(void) {
    while (state.waiting > 0) {
        struct waiter *w = &state.waiters[state.first];
        if (w->count > room(&state.output)) return;
        enqueue(w->bytes, w->count);
        state.first = (state.first + 1) % WAITING;
        state.waiting--;
        /* A caller that is gone by now is nobody's loss. */
        (void)bw_send(w->reply, bw_info(0, 1, 0), w->count, 0, 0, 0);
        transmit();
    }
}

static void receive(void) {
    const bool was_empty = used(&state.input) == 0;
    while (room(&state.input) > 0 && (state.uart->lsr & LSR_DATA_READY) != 0) put(&state.input, state.uart->data);
    if (was_empty && used(&state.input) > 0 && state.input_client != 0) (void)bw_signal(SLOT_INPUT_SIGNAL);
}

static bool is_waiting(uint64_t client) {
    for (uint32_t i = 0; i < state.waiting; i++) {
        if (state.waiters[(state.first + i) % WAITING].client == client) return true;
    }
    return false;
}

/* w0: count, then the bytes. Answers count when they are queued; until then the caller waits. Refusals: badRequest; full when this client has a
 * write waiting already, or too many clients do. */
static uint32_t do_write(struct bw_request *r) {
    const uint64_t count = r->w[0];
    const uint8_t *bytes = count <= MOST_BYTES ? bw_request_bytes(r, COUNT_WORDS, count) : NULL;
    if (bytes == NULL) return CONSOLE_E_BAD_REQUEST;
    if (state.waiting > 0 || count > room(&state.output)) {
        if (state.waiting == WAITING || is_waiting(r->badge)) return CONSOLE_E_FULL;
        struct waiter *w = &state.waiters[(state.first + state.waiting++) % WAITING];
        /* The caller stays in the reply object it came with; the free one of this place receives from now on. */
        service.reply = w->reply;
        w->reply = r->reply;
        w->client = r->badge;
        w->count = (uint32_t)count;
        memcpy(w->bytes, bytes, count);
        return BW_LATER;
    }
    enqueue(bytes, (uint32_t)count);
    transmit();
    if (used(&state.output) > 0) want_interrupts();
    r->w[0] = count;
    r->answer_length = 1;
    return 0;
}

/* w0: most. Answers the count, then the bytes; 0 when there is no input for this client. */
static uint32_t do_read(struct bw_request *r) {
    if (r->w[0] > MOST_BYTES) return CONSOLE_E_BAD_REQUEST;
    const uint32_t waits = r->badge == state.input_client ? used(&state.input) : 0;
    const uint32_t count = waits < r->w[0] ? waits : (uint32_t)r->w[0];
    uint8_t *bytes = bw_answer_room(COUNT_WORDS);
    for (uint32_t i = 0; i < count; i++) bytes[i] = take(&state.input);
    r->w[0] = count;
    bw_answer_bytes(r, COUNT_WORDS, count);
    /* There may be room again for what the device holds. */
    if (count > 0) want_interrupts();
    return 0;
}

/* One capability: the notification to signal when input begins to wait; it is signalled once at once, which shows that it can be, and tells of input
 * that waits already. Refusals: noCapability; full when another client has the input. */
static uint32_t do_attach(struct bw_request *r) {
    if (r->caps != 1 || r->unwrapped != 0) return CONSOLE_E_NO_CAPABILITY;
    if (state.input_client != 0 && state.input_client != r->badge) return CONSOLE_E_FULL;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_INPUT_SIGNAL);
    if (bw_cnode_move(BW_SLOT_CNODE, SLOT_INPUT_SIGNAL, BW_SLOT_CNODE, SLOT_RECEIVED) != 0) return CONSOLE_E_NO_CAPABILITY;
    if (bw_signal(SLOT_INPUT_SIGNAL) != 0) return CONSOLE_E_NO_CAPABILITY;
    state.input_client = r->badge;
    return 0;
}

static void on_interrupt(uint64_t bits) {
    if ((bits & bw_use_irq.badge) == 0) return;
    receive();
    transmit();
    admit();
    want_interrupts();
    (void)bw_irq_ack(bw_use_irq.cap);
}

static int init(void) {
    state.output = (struct ring){.bytes = output_bytes, .size = sizeof output_bytes};
    state.input = (struct ring){.bytes = input_bytes, .size = sizeof input_bytes};
    state.uart = (struct uart *)bw_use_regs.address;
    state.uart->ier = 0;
    state.uart->lcr = LCR_8_BITS;
    state.uart->iir_fcr = FCR_ENABLE | FCR_CLEAR_RECEIVE | FCR_CLEAR_TRANSMIT;
    state.uart->mcr = MCR_DTR | MCR_RTS | MCR_OUT2;
    /* One reply object for each caller that can wait; the one of the loop goes round among them. */
    if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_REPLY, 0, WAITING, BW_SLOT_CNODE, SLOT_REPLIES) != 0) {
        bw_log("console: too little memory for its reply objects");
        return 1;
    }
    for (uint32_t i = 0; i < WAITING; i++) state.waiters[i].reply = SLOT_REPLIES + i;
    want_interrupts();
    (void)bw_irq_ack(bw_use_irq.cap);
    return 0;
}

int main(void) {
    static const struct bw_method methods[] = {
        {.label = CONSOLE_WRITE, .words = COUNT_WORDS, .handle = do_write},
        {.label = CONSOLE_READ, .words = COUNT_WORDS, .handle = do_read},
        {.label = CONSOLE_ATTACH, .words = 0, .handle = do_attach},
    };
    service = (struct bw_service){
        .methods = methods,
        .count = sizeof methods / sizeof methods[0],
        .bad_request = CONSOLE_E_BAD_REQUEST,
        .notified = on_interrupt,
        .reply = BW_SLOT_REPLY,
        .receive_first = SLOT_RECEIVED,
        .receive_count = 1,
    };
    const int failed = init();
    if (failed != 0) return failed;
    bw_serve(&service);
}
