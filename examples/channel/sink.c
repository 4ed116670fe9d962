/* sink.c: takes messages from the rings of its clients, and answers Calls all the while. It checks each message: number n must come n-th, with 3n. */
#include <bailiwick.h>

#include "protocol.h"

/* The upper half of the CSpace is the program's own. */
enum { SLOT_RECEIVED = 128, SLOT_CHANNELS = 130 };
enum { CLIENTS = 4, PAGES = 2, TURN = 64, CLIENT_MASK = 0xffff };

struct message {
    uint64_t number;
    uint64_t triple;
};

/* What a client has sent since its last report. */
struct count {
    uint64_t received;
    uint64_t sum;
    uint64_t wrong;
};

static struct bw_accepted channels[CLIENTS];
static struct bw_acceptor acceptor = {
    .channels = channels, .count = CLIENTS, .pages = PAGES, .slots = SLOT_CHANNELS, .address = BW_ADDRESS_OWN, .first_bit = 1UL << 40, .received = SLOT_RECEIVED};
static struct count counts[CLIENTS];

/* A client has one number, whichever of the offers it uses. */
static struct count *count_of(uint64_t badge) {
    const uint64_t number = badge & CLIENT_MASK;
    return number >= 1 && number <= CLIENTS ? &counts[number - 1] : NULL;
}

static void note(struct count *c, const struct message *m) {
    if (m->number != c->received || m->triple != 3 * m->number) c->wrong++;
    c->received++;
    c->sum += m->number;
}

/* Takes up to `most` messages of one client's ring. */
static void take(struct bw_accepted *c, uint32_t most) {
    struct message m;
    struct count *its = count_of(c->client);
    if (its == NULL || !c->has_in) return;
    while (most-- > 0 && bw_try_receive(&c->in, &m) == BW_RING_DONE) note(its, &m);
}

/* At most TURN messages of each ring, then it is the others' turn. */
static bool turn(void) {
    bool more = false;
    for (struct bw_accepted *c = channels; c < channels + CLIENTS; c++) {
        if (c->client == 0 || !c->has_in) continue;
        take(c, TURN);
        more = !bw_receiver_sleeps(&c->in) || more;
    }
    return more;
}

static uint32_t do_put(struct bw_request *r) {
    struct count *c = count_of(r->badge);
    if (c == NULL) return SINK_E_BAD_REQUEST;
    const struct message m = {.number = r->w[0], .triple = r->w[1]};
    note(c, &m);
    return 0;
}

static uint32_t do_report(struct bw_request *r) {
    struct count *c = count_of(r->badge);
    if (c == NULL) return SINK_E_BAD_REQUEST;
    /* All that was sent before the question counts. */
    uint64_t rung = 0;
    for (struct bw_accepted *its = channels; its < channels + CLIENTS; its++) {
        if (its->client == 0 || count_of(its->client) != c) continue;
        take(its, bw_receivable(&its->in));
        rung = its->in.end.rung;
    }
    r->w[0] = c->received;
    r->w[1] = c->sum;
    r->w[2] = c->wrong;
    r->w[3] = rung;
    r->answer_length = 4;
    *c = (struct count){0};
    return 0;
}

static uint32_t do_open(struct bw_request *r) {
    const uint64_t bytes = r->w[1];
    return bytes == sizeof(struct message) ? bw_accept(&acceptor, r) : CHANNEL_E_BAD_REQUEST;
}
static uint32_t do_memory(struct bw_request *r) { return bw_accept_memory(&acceptor, r); }

int main(void) {
    static const struct bw_method methods[] = {
        {.label = SINK_PUT, .words = 2, .handle = do_put},
        {.label = SINK_REPORT, .words = 0, .handle = do_report},
        {.label = CHANNEL_OPEN, .words = 4, .handle = do_open},
        {.label = CHANNEL_MEMORY, .words = 1, .handle = do_memory},
    };
    struct bw_service service = {
        .methods = methods, .count = sizeof methods / sizeof methods[0], .bad_request = SINK_E_BAD_REQUEST, .turn = turn, .receive_first = SLOT_RECEIVED, .receive_count = 1};
    if (bw_acceptor_init(&acceptor) != 0) return 1;
    bw_serve(&service);
}
