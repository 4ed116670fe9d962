/* ring.c: the two ends of a ring. Invariants RING-1 to RING-5: ring.h. Every access to what the other side may change is one look() or one memcpy. */
#include <bailiwick.h>

static uint32_t look(const uint32_t *field) { return __atomic_load_n(field, __ATOMIC_ACQUIRE); }
static void tell(uint32_t *field, uint32_t value) { __atomic_store_n(field, value, __ATOMIC_RELEASE); }
/* Between a store of one's own and a look at the other's: neither side may miss the other (Dekker). */
static void fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

bool bw_is_ring_shape(struct bw_ring_shape shape) {
    const uint32_t c = shape.capacity, b = shape.bytes;
    return c >= 1 && c <= BW_RING_MOST_MESSAGES && (c & (c - 1)) == 0 && b >= BW_RING_UNIT && b <= BW_RING_MOST_BYTES && b % BW_RING_UNIT == 0;
}

size_t bw_ring_bytes(struct bw_ring_shape shape) {
    if (shape.capacity == 0) return 0;
    return (BW_RING_AT_MESSAGES + (size_t)shape.capacity * shape.bytes + 63) / 64 * 64;
}

void bw_ring_prepare(void *memory) {
    struct bw_ring_memory *m = memory;
    tell(&m->sent, BW_RING_FIRST);
    tell(&m->taken, BW_RING_FIRST);
    /* The receiver sleeps until the first message is there; the sender wants nothing. */
    tell(&m->receiver_wake, BW_RING_FIRST);
    tell(&m->sender_wake, BW_RING_FIRST - 1);
    tell(&m->sender_closed, 0);
    tell(&m->receiver_closed, 0);
}

static void init(struct bw_ring_end *end, void *memory, struct bw_ring_shape shape, struct bw_bells bells) {
    *end = (struct bw_ring_end){.memory = memory, .shape = shape, .bells = bells, .own = BW_RING_FIRST, .other = BW_RING_FIRST};
}

void bw_sender_init(struct bw_sender *sender, void *memory, struct bw_ring_shape shape, struct bw_bells bells) {
    init(&sender->end, memory, shape, bells);
    sender->batch = (shape.capacity + 1) / 2;
}

void bw_receiver_init(struct bw_receiver *receiver, void *memory, struct bw_ring_shape shape, struct bw_bells bells) { init(&receiver->end, memory, shape, bells); }

static bw_ring_result finish(struct bw_ring_end *end, bw_ring_result how) {
    if (end->over == 0) end->over = how;
    return end->over;
}

static void ring(struct bw_ring_end *end) {
    if (end->gone) return;
    end->rung++;
    if (bw_signal(end->bells.theirs) != 0) end->gone = true;
}

/*
 * How far the other side has come, by its field, read once. It can have gone on by `most` since we last looked and no more, and never goes back.
 * False: it says what cannot be.
 */
static bool catch_up(struct bw_ring_end *end, const uint32_t *field, uint32_t most) {
    const uint32_t now = look(field);
    if (now - end->other > most) return false;
    end->other = now;
    return true;
}

static uint8_t *place(const struct bw_ring_end *end, uint32_t number) { return &end->memory->messages[(size_t)(number & (end->shape.capacity - 1)) * end->shape.bytes]; }

/* Sender: `own` sent, `other` taken. */

static uint32_t in_flight(const struct bw_sender *s) { return s->end.own - s->end.other; }

static bool see_taken(struct bw_sender *s) { return catch_up(&s->end, &s->end.memory->taken, in_flight(s)); }

bw_ring_result bw_try_put(struct bw_sender *s, const void *message) {
    struct bw_ring_end *end = &s->end;
    if (end->over != 0) return end->over;
    if (look(&end->memory->receiver_closed) != 0) return finish(end, BW_RING_CLOSED);
    if (end->gone) return finish(end, BW_RING_GONE);
    if (in_flight(s) == end->shape.capacity) {
        if (!see_taken(s)) return finish(end, BW_RING_CORRUPT);
        if (in_flight(s) == end->shape.capacity) return BW_RING_FULL;
    }
    const uint32_t number = end->own++;
    memcpy(place(end, number), message, end->shape.bytes);
    tell(&end->memory->sent, end->own);
    return BW_RING_DONE;
}

void bw_announce(struct bw_sender *s) {
    struct bw_ring_end *end = &s->end;
    const uint32_t first = s->announced;
    s->announced = end->own;
    if (first == end->own || end->over != 0) return;
    fence();
    if (look(&end->memory->receiver_wake) - first < end->own - first) ring(end);
    /* Nobody will take it. */
    if (end->gone) (void)finish(end, BW_RING_GONE);
}

bw_ring_result bw_try_send(struct bw_sender *s, const void *message) {
    const bw_ring_result result = bw_try_put(s, message);
    if (result == BW_RING_DONE) bw_announce(s);
    return result == BW_RING_DONE && s->end.gone ? BW_RING_GONE : result;
}

uint32_t bw_sendable(struct bw_sender *s) {
    if (s->end.over != 0) return 0;
    if (!see_taken(s)) {
        (void)finish(&s->end, BW_RING_CORRUPT);
        return 0;
    }
    return s->end.shape.capacity - in_flight(s);
}

bool bw_sender_sleeps(struct bw_sender *s) {
    struct bw_ring_end *end = &s->end;
    if (end->over != 0) return true;
    /* There are `batch` places free when this one is taken. */
    const uint32_t batch = s->batch < 1 ? 1 : s->batch > end->shape.capacity ? end->shape.capacity : s->batch;
    tell(&end->memory->sender_wake, end->own - end->shape.capacity + batch - 1);
    fence();
    if (!see_taken(s)) (void)finish(end, BW_RING_CORRUPT);
    return end->over == 0 && in_flight(s) == end->shape.capacity;
}

void bw_sender_close(struct bw_sender *s) {
    (void)finish(&s->end, BW_RING_CLOSED);
    if (s->end.closed) return;
    s->end.closed = true;
    tell(&s->end.memory->sender_closed, 1);
    ring(&s->end);
}

/* Receiver: `own` taken, `other` sent. */

static uint32_t waiting(const struct bw_receiver *r) { return r->end.other - r->end.own; }

static bool see_sent(struct bw_receiver *r) { return catch_up(&r->end, &r->end.memory->sent, r->end.shape.capacity - waiting(r)); }

bw_ring_result bw_try_receive(struct bw_receiver *r, void *message) {
    struct bw_ring_end *end = &r->end;
    if (end->over != 0) return end->over;
    if (waiting(r) == 0) {
        /* Closed first: what was sent before it closed is seen by the second look. */
        const bool closed = look(&end->memory->sender_closed) != 0;
        if (!see_sent(r)) return finish(end, BW_RING_CORRUPT);
        if (waiting(r) == 0) return closed ? finish(end, BW_RING_CLOSED) : end->gone ? finish(end, BW_RING_GONE) : BW_RING_EMPTY;
    }
    const uint32_t number = end->own++;
    memcpy(message, place(end, number), end->shape.bytes);
    tell(&end->memory->taken, end->own);
    fence();
    if (look(&end->memory->sender_wake) == number) ring(end);
    return BW_RING_DONE;
}

uint32_t bw_receivable(struct bw_receiver *r) {
    if (r->end.over != 0) return 0;
    if (!see_sent(r)) {
        (void)finish(&r->end, BW_RING_CORRUPT);
        return 0;
    }
    return waiting(r);
}

bool bw_receiver_sleeps(struct bw_receiver *r) {
    struct bw_ring_end *end = &r->end;
    if (end->over != 0) return true;
    if (waiting(r) > 0) return false;
    tell(&end->memory->receiver_wake, end->own);
    fence();
    if (!see_sent(r)) (void)finish(end, BW_RING_CORRUPT);
    return end->over == 0 && waiting(r) == 0;
}

void bw_receiver_wakes(struct bw_receiver *r) {
    /* A number that has been sent already. */
    if (r->end.over == 0) tell(&r->end.memory->receiver_wake, r->end.own - 1);
}

void bw_receiver_close(struct bw_receiver *r) {
    (void)finish(&r->end, BW_RING_CLOSED);
    if (r->end.closed) return;
    r->end.closed = true;
    tell(&r->end.memory->receiver_closed, 1);
    ring(&r->end);
}

/* Waiting. */

/* Waits until somebody rings. Not at all when the other side has ended already: nobody would. */
static void wait(struct bw_ring_end *end) {
    uint32_t kind = BW_KIND_NULL, rights = 0;
    if (bw_discrim_classify(BW_SLOT_DISCRIM, end->bells.theirs, &kind, &rights) != 0 || kind != BW_KIND_NOTIFICATION) {
        end->gone = true;
        return;
    }
    end->waited++;
    const struct bw_msg m = bw_wait(end->bells.own);
    if (bw_error(&m) == 0) end->heard |= m.badge & ~end->bells.bits;
}

bw_ring_result bw_send_message(struct bw_sender *s, const void *message) {
    for (;;) {
        const bw_ring_result result = bw_try_send(s, message);
        if (result != BW_RING_FULL) return result;
        if (bw_sender_sleeps(s)) wait(&s->end);
    }
}

bw_ring_result bw_receive_message(struct bw_receiver *r, void *message) {
    for (;;) {
        const bw_ring_result result = bw_try_receive(r, message);
        if (result != BW_RING_EMPTY) return result;
        if (!bw_receiver_sleeps(r)) continue;
        wait(&r->end);
        bw_receiver_wakes(r);
    }
}

const char *bw_ring_name(bw_ring_result result) {
    static const char *const results[] = {BW_RING_NAMES};
    return result < sizeof results / sizeof results[0] ? results[result] : "unknown";
}
