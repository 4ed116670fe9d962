/* Sends back what its clients send, each message's first word as its number times seven, in the order it came. Answers Calls all the while. */
#include <bailiwick.h>

enum { SLOT_RECEIVED = 128, SLOT_CHANNELS = 129, CLIENTS = 3, PAGES = 6, TURN = 16, WORDS = 64 };

static struct bw_accepted channels[CLIENTS];
static struct bw_acceptor acceptor = {
    .channels = channels, .count = CLIENTS, .pages = PAGES, .slots = SLOT_CHANNELS, .address = BW_ADDRESS_OWN, .first_bit = 1UL << 41, .received = SLOT_RECEIVED};

/* A message is taken only when there is room for its answer. True: there is more to do now. */
static bool echo(struct bw_accepted *c) {
    uint64_t message[WORDS];
    for (uint32_t i = 0; i < TURN; i++) {
        if (bw_sendable(&c->out) == 0) return !bw_sender_sleeps(&c->out);
        const bw_ring_result result = bw_try_receive(&c->in, message);
        if (result == BW_RING_EMPTY) return !bw_receiver_sleeps(&c->in);
        if (result != BW_RING_DONE) {
            bw_log(bw_ring_name(result));
            bw_accepted_close(c);
            return false;
        }
        message[0] *= 7;
        (void)bw_try_send(&c->out, message);
    }
    return true;
}

static bool turn(void) {
    bool more = false;
    for (struct bw_accepted *c = channels; c < channels + CLIENTS; c++) {
        if (c->client == 0 || !c->has_in || !c->has_out || c->in.end.over != 0) continue;
        if (c->in.end.shape.bytes > sizeof(uint64_t) * WORDS || c->in.end.shape.bytes != c->out.end.shape.bytes) continue;
        more = echo(c) || more;
    }
    return more;
}

static uint32_t do_ping(struct bw_request *r) {
    r->w[0] = ~r->w[0];
    r->answer_length = 1;
    return 0;
}
static uint32_t do_open(struct bw_request *r) { return bw_accept(&acceptor, r); }
static uint32_t do_memory(struct bw_request *r) { return bw_accept_memory(&acceptor, r); }

int main(void) {
    static const struct bw_method methods[] = {
        {.label = 1, .words = 1, .handle = do_ping}, {.label = CHANNEL_OPEN, .words = 4, .handle = do_open}, {.label = CHANNEL_MEMORY, .words = 1, .handle = do_memory}};
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof methods[0], .bad_request = 1, .turn = turn, .receive_first = SLOT_RECEIVED, .receive_count = 1};
    if (bw_acceptor_init(&acceptor) != 0) return 1;
    bw_serve(&service);
}
