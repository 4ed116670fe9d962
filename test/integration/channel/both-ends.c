/*
 * Both ends of a ring in one program, against a plain queue: random operations, random shapes, through the wrap-around. Prints the first thing that
 * is wrong, or how much was done; then what the memory looks like after a fixed course, for the other language to compare.
 */
#include <bailiwick.h>

BW_USE(console);

enum { SHAPES = 200, STEPS = 5000, MOST = 64, MOST_WORDS = 8, BELL = 140 };

static uint64_t state = 88172645463325252UL;
static uint64_t below(uint64_t most) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % most;
}

static _Alignas(64) uint8_t memory[BW_RING_AT_MESSAGES + MOST * MOST_WORDS * 8 + 64];
static struct bw_sender sender;
static struct bw_receiver receiver;

static bool wrong(const char *what, unsigned shape, unsigned step) {
    bw_printf("WRONG: %s (shape %u, step %u)\n", what, shape, step);
    return false;
}

static void fill(uint64_t *message, uint32_t bytes, uint64_t number) {
    for (uint32_t i = 0; i < bytes / 8; i++) message[i] = number * 0x9e3779b97f4a7c15UL + i;
}

static bool run(unsigned index, struct bw_ring_shape shape, uint64_t *done) {
    uint64_t sent = 0, taken = 0, message[MOST_WORDS], expected[MOST_WORDS];
    const struct bw_bells bells = {.theirs = BELL, .own = BW_SLOT_NOTIFICATION, .bits = 1UL << 40};
    const size_t bytes = bw_ring_bytes(shape);
    memset(memory, 0xee, sizeof memory);
    bw_ring_prepare(memory);
    bw_sender_init(&sender, memory, shape, bells);
    bw_receiver_init(&receiver, memory, shape, bells);
    for (unsigned step = 0; step < STEPS; step++) {
        const uint64_t there = sent - taken;
        bw_ring_result result;
        switch (below(8)) {
        case 0:
        case 1:
        case 2:
            fill(message, shape.bytes, sent);
            result = bw_try_send(&sender, message);
            if (result != (there == shape.capacity ? BW_RING_FULL : BW_RING_DONE)) return wrong("send", index, step);
            if (result == BW_RING_DONE) sent++;
            break;
        case 3:
        case 4:
        case 5:
            result = bw_try_receive(&receiver, message);
            if (result != (there == 0 ? BW_RING_EMPTY : BW_RING_DONE)) return wrong("receive", index, step);
            if (result != BW_RING_DONE) break;
            fill(expected, shape.bytes, taken++);
            if (memcmp(message, expected, shape.bytes) != 0) return wrong("message", index, step);
            break;
        case 6:
            if (bw_receivable(&receiver) != there || bw_sendable(&sender) != shape.capacity - there) return wrong("counts", index, step);
            break;
        default:
            if (bw_receiver_sleeps(&receiver) != (there == 0)) return wrong("receiver sleeps", index, step);
            if (bw_sender_sleeps(&sender) != (there == shape.capacity)) return wrong("sender sleeps", index, step);
            break;
        }
        for (size_t i = bytes; i < bytes + 64 && i < sizeof memory; i++) {
            if (memory[i] != 0xee) return wrong("bytes behind the ring", index, step);
        }
    }
    bw_sender_close(&sender);
    while (bw_try_receive(&receiver, message) == BW_RING_DONE) taken++;
    if (taken != sent || bw_try_receive(&receiver, message) != BW_RING_CLOSED || bw_try_send(&sender, message) != BW_RING_CLOSED) return wrong("close", index, STEPS);
    *done += sent;
    return true;
}

/* Numbers that cannot be, for each end. */
static bool absurd(void) {
    static const uint32_t numbers[] = {BW_RING_FIRST + 9, BW_RING_FIRST - 1, 0, 1U << 31, UINT32_MAX};
    struct bw_ring_memory *m = (struct bw_ring_memory *)memory;
    const struct bw_ring_shape shape = {.capacity = 8, .bytes = 8};
    const struct bw_bells bells = {.theirs = BELL, .own = BW_SLOT_NOTIFICATION, .bits = 1UL << 40};
    uint64_t message = 0;
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        bw_ring_prepare(memory);
        bw_sender_init(&sender, memory, shape, bells);
        bw_receiver_init(&receiver, memory, shape, bells);
        m->sent = numbers[i];
        if (bw_receiver_sleeps(&receiver)) return wrong("sleeps on a bad number", i, 0);
        if (bw_receive_message(&receiver, &message) != BW_RING_CORRUPT) return wrong("receive with a bad number", i, 0);
        m->sent = BW_RING_FIRST + 1;
        if (bw_try_receive(&receiver, &message) != BW_RING_CORRUPT || bw_receivable(&receiver) != 0) return wrong("Corrupt is for good", i, 0);
        m->sent = BW_RING_FIRST;
        while (bw_try_send(&sender, &message) == BW_RING_DONE) continue;
        m->taken = numbers[i];
        if (bw_send_message(&sender, &message) != BW_RING_CORRUPT || bw_sendable(&sender) != 0) return wrong("send with a bad number", i, 0);
    }
    return true;
}

/* A fixed course, and a sum of the memory afterwards for each language to agree on: FNV-1a. */
static void image(void) {
    const struct bw_ring_shape shape = {.capacity = 4, .bytes = 16};
    const struct bw_bells bells = {.theirs = BELL, .own = BW_SLOT_NOTIFICATION, .bits = 1UL << 40};
    uint64_t message[2];
    memset(memory, 0, sizeof memory);
    bw_ring_prepare(memory);
    bw_sender_init(&sender, memory, shape, bells);
    bw_receiver_init(&receiver, memory, shape, bells);
    for (uint64_t i = 0; i < 1234; i++) {
        message[0] = i;
        message[1] = ~i;
        if (bw_try_send(&sender, message) == BW_RING_FULL) {
            (void)bw_sender_sleeps(&sender);
            for (unsigned n = 0; n < 3; n++) (void)bw_try_receive(&receiver, message);
        }
        if (i % 5 == 0) (void)bw_receiver_sleeps(&receiver);
    }
    bw_receiver_close(&receiver);
    uint64_t sum = 0xcbf29ce484222325UL;
    for (size_t i = 0; i < bw_ring_bytes(shape); i++) sum = (sum ^ memory[i]) * 0x100000001b3UL;
    bw_printf("image %lx, rung %lu and %lu\n", sum, sender.end.rung, receiver.end.rung);
}

int main(void) {
    uint64_t done = 0;
    bw_console_open(bw_use_console.cap);
    if (bw_cnode_mint(BW_SLOT_CNODE, BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, 1UL << 40) != 0) return 2;
    for (unsigned i = 0; i < SHAPES; i++) {
        const struct bw_ring_shape shape = {.capacity = 1U << below(7), .bytes = 8 * (1 + (uint32_t)below(MOST_WORDS))};
        if (!run(i, shape, &done)) return 1;
    }
    if (!absurd()) return 1;
    bw_printf("%s\n", done > SHAPES * 1000 ? "as the queue" : "too little was done");
    image();
    return 0;
}
