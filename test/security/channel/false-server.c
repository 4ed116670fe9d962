/*
 * A server of channels that means harm to its clients: the n-th client that opens one is answered as do_open says. The true answers come from the
 * library; what goes wrong is put in their place.
 */
#include <bailiwick.h>

enum { SLOT_RECEIVED = 128, SLOT_CHANNELS = 140, ENDPOINT = 230, CLIENTS = 8, PAGES = 4, CLIENT_MASK = 0xffff };

static struct bw_accepted channels[CLIENTS];
static struct bw_acceptor acceptor = {
    .channels = channels, .count = CLIENTS, .pages = PAGES, .slots = SLOT_CHANNELS, .address = BW_ADDRESS_OWN, .first_bit = 1UL << 40, .received = SLOT_RECEIVED};

static uint32_t do_open(struct bw_request *r) {
    const uint64_t client = r->badge & CLIENT_MASK;
    const uint32_t label = bw_accept(&acceptor, r);
    uint64_t *caps = bw_ipc()->caps;
    if (label != 0) return label;
    switch (client) {
    case 1: caps[0] = ENDPOINT; break;             /* a bell that nobody answers */
    case 2: caps[1] = ENDPOINT; break;             /* memory that nobody answers */
    case 3: r->answer_caps = 1; break;             /* no memory at all */
    case 4: r->w[0] = UINT64_MAX; break;           /* more memory than was asked for */
    case 5: r->answer_length = 0; break;           /* how much, it does not say */
    case 6: caps[1] = 0; break;                    /* an empty slot */
    default: break;                                /* 7: as it must be, and then nonsense */
    }
    return 0;
}

static uint32_t do_memory(struct bw_request *r) { return bw_accept_memory(&acceptor, r); }

/* 7 has sent something: the ring back to it says what cannot be. */
static bool turn(void) {
    for (struct bw_accepted *c = channels; c < channels + CLIENTS; c++) {
        if ((c->client & CLIENT_MASK) != 7 || !c->has_out) continue;
        c->out.end.memory->sent = BW_RING_FIRST + 1000;
        (void)bw_signal(c->out.end.bells.theirs);
    }
    return false;
}

int main(void) {
    static const struct bw_method methods[] = {{.label = CHANNEL_OPEN, .words = 4, .handle = do_open}, {.label = CHANNEL_MEMORY, .words = 1, .handle = do_memory}};
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof methods[0], .bad_request = 1, .turn = turn, .receive_first = SLOT_RECEIVED, .receive_count = 1};
    if (bw_acceptor_init(&acceptor) != 0) return 1;
    if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 1, BW_SLOT_CNODE, ENDPOINT) != 0) return 1;
    bw_serve(&service);
}
