/*
 * A server that many use, by Call and by ring. Each client's messages are its own numbers, sent back doubled. What ends a client's channel is said in
 * the log, with the client's number: this is all that a client can bring about.
 */
#include <bailiwick.h>

enum { SLOT_RECEIVED = 128, SLOT_CHANNELS = 129, CLIENTS = 14, PAGES = 1, TURN = 32, CLIENT_MASK = 0xffff };

static struct bw_accepted channels[CLIENTS];
static struct bw_acceptor acceptor = {
    .channels = channels, .count = CLIENTS, .pages = PAGES, .slots = SLOT_CHANNELS, .address = BW_ADDRESS_OWN, .first_bit = 1UL << 32, .received = SLOT_RECEIVED};
static uint64_t total;

static void say(uint64_t client, bw_ring_result result) {
    char line[32] = "client 00: ";
    line[7] = (char)('0' + client % 100 / 10);
    line[8] = (char)('0' + client % 10);
    const char *name = bw_ring_name(result);
    memcpy(&line[11], name, strlen(name) + 1);
    bw_log(line);
}

/* True: there is more to do now. */
static bool answer(struct bw_accepted *c) {
    uint64_t number;
    for (uint32_t i = 0; i < TURN; i++) {
        bw_ring_result result = c->out.end.over;
        if (result == 0 && bw_sendable(&c->out) == 0 && c->out.end.over == 0) return !bw_sender_sleeps(&c->out);
        if (result == 0) result = bw_try_receive(&c->in, &number);
        if (result == BW_RING_EMPTY) return !bw_receiver_sleeps(&c->in);
        if (result == BW_RING_DONE) {
            number *= 2;
            result = bw_try_send(&c->out, &number);
        }
        if (result == BW_RING_DONE || result == BW_RING_FULL) continue;
        say(c->client & CLIENT_MASK, result);
        bw_accepted_close(c);
        return false;
    }
    return true;
}

static bool turn(void) {
    bool more = false;
    for (struct bw_accepted *c = channels; c < channels + CLIENTS; c++) {
        if (c->client != 0 && c->has_in && c->has_out && c->in.end.shape.bytes == 8 && c->out.end.shape.bytes == 8 && !c->in.end.closed) more = answer(c) || more;
    }
    return more;
}

/* As the pair's server. */
static uint32_t do_add(struct bw_request *r) {
    total += r->w[0];
    r->w[0] = total;
    r->w[1] = ~total;
    r->answer_length = 2;
    return 0;
}
static uint32_t do_open(struct bw_request *r) { return bw_accept(&acceptor, r); }
static uint32_t do_memory(struct bw_request *r) { return bw_accept_memory(&acceptor, r); }

int main(void) {
    static const struct bw_method methods[] = {
        {.label = 1, .words = 1, .handle = do_add}, {.label = CHANNEL_OPEN, .words = 4, .handle = do_open}, {.label = CHANNEL_MEMORY, .words = 1, .handle = do_memory}};
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof methods[0], .bad_request = 1, .turn = turn, .receive_first = SLOT_RECEIVED, .receive_count = 1};
    if (bw_acceptor_init(&acceptor) != 0) return 1;
    bw_serve(&service);
}
