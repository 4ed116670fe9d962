/* nicport.c: the driver's side of protocol NicDriver. Invariants P1 to P4: nicport.h. */
#include <bailiwick.h>
#include <bailiwick/nicdriver.h>
#include <bailiwick/nicport.h>

enum { ROOM, SENDING, REFUSED };

static bw_cptr window_slot(const struct bw_nic_port *port, uint64_t number) { return port->slots + BW_NIC_PORT_SLOTS - BW_NIC_WINDOWS + number; }

static struct bw_nic_kind *kind_of(struct bw_nic_port *port, uint32_t tag) {
    return &port->kinds[tag < BW_NIC_FIRST_SEND ? ROOM : tag < BW_NIC_FIRST_REFUSED ? SENDING : REFUSED];
}

bw_err bw_nic_port_init(struct bw_nic_port *port) {
    port->kinds[ROOM] = (struct bw_nic_kind){.count = BW_NIC_ROOMS, .free = BW_NIC_ROOMS};
    port->kinds[SENDING] = (struct bw_nic_kind){.first = BW_NIC_FIRST_SEND, .count = BW_NIC_ROOMS, .free = BW_NIC_ROOMS};
    port->kinds[REFUSED] = (struct bw_nic_kind){.first = BW_NIC_FIRST_REFUSED, .count = BW_NIC_PIECE, .free = BW_NIC_PIECE};
    port->acceptor = (struct bw_acceptor){
        .channels = &port->channel, .count = 1, .pages = BW_NIC_PORT_PAGES, .slots = port->slots, .address = port->address, .first_bit = port->bit, .received = port->received,
    };
    return bw_acceptor_init(&port->acceptor);
}

/* One that is free, of a kind that has one. */
static uint32_t take_tag(struct bw_nic_port *port, uint32_t which, uint32_t id) {
    struct bw_nic_kind *kind = &port->kinds[which];
    while (port->tags[kind->first + kind->next].state != BW_NIC_FREE) kind->next = (kind->next + 1) % kind->count;
    kind->free--;
    port->tags[kind->first + kind->next] = (struct bw_nic_tag){.state = BW_NIC_UNDER_WAY, .id = id};
    return kind->first + kind->next;
}

void bw_nic_answer(struct bw_nic_port *port, uint32_t tag, uint32_t result, uint32_t bytes) {
    port->tags[tag].state = BW_NIC_ANSWERED;
    port->tags[tag].result = result;
    port->tags[tag].bytes = bytes;
    port->answered[(port->oldest + port->answers++) % BW_NIC_TAGS] = tag;
}

void bw_nic_port_fail(struct bw_nic_port *port) {
    for (uint32_t i = 0; i < BW_NIC_TAGS; i++) if (port->tags[i].state == BW_NIC_UNDER_WAY) bw_nic_answer(port, i, BW_NIC_FAILED, 0);
}

static void release_oldest(struct bw_nic_port *port) {
    const uint32_t tag = port->answered[port->oldest];
    port->oldest = (port->oldest + 1) % BW_NIC_TAGS;
    port->answers--;
    port->tags[tag].state = BW_NIC_FREE;
    kind_of(port, tag)->free++;
}

void bw_nic_port_give(struct bw_nic_port *port) {
    struct bw_sender *out = &port->channel.out;
    while (port->answers > 0) {
        const struct bw_nic_tag *tag = &port->tags[port->answered[port->oldest]];
        const struct bw_nic_answer message = {.id = tag->id, .result = tag->result, .bytes = tag->bytes};
        if (bw_try_put(out, &message) == BW_RING_FULL) {
            if (bw_sender_sleeps(out)) break;
            continue;
        }
        /* Sent; or the client is gone or has broken its ring, and is owed nothing. */
        release_oldest(port);
    }
    bw_announce(out);
}

static uint32_t check(const struct bw_nic_port *port, const struct bw_nic_request *r) {
    const bool room = r->operation == BW_NIC_TAKE;
    if (!room && r->operation != BW_NIC_SEND) return BW_NIC_BAD;
    if (room ? r->bytes < BW_NIC_MOST_FRAME : r->bytes < BW_NIC_LEAST_FRAME || r->bytes > BW_NIC_MOST_FRAME) return BW_NIC_BAD;
    if (r->offset > BW_NIC_WINDOW || r->bytes > BW_NIC_WINDOW - r->offset) return BW_NIC_BAD;
    /* What comes is written. */
    if (r->window >= BW_NIC_WINDOWS || (port->windows[r->window] & (room ? BW_RIGHT_WRITE : BW_RIGHT_READ)) == 0) return BW_NIC_BAD;
    if (room && port->kinds[ROOM].free == 0) return BW_NIC_BAD;
    return port->present ? BW_NIC_DONE : BW_NIC_FAILED;
}

bool bw_nic_port_can_take(const struct bw_nic_port *port) { return port->kinds[SENDING].free > 0 && port->kinds[REFUSED].free > 0; }

uint32_t bw_nic_port_take(struct bw_nic_port *port) {
    struct bw_nic_request r;
    uint32_t taken = 0;
    for (; taken < BW_NIC_PIECE && bw_nic_port_can_take(port) && bw_try_receive(&port->channel.in, &r) == BW_RING_DONE; taken++) {
        const uint32_t result = check(port, &r);
        if (result != BW_NIC_DONE) bw_nic_answer(port, take_tag(port, REFUSED, r.id), result, 0);
        else port->behind->submit(port, take_tag(port, r.operation == BW_NIC_TAKE ? ROOM : SENDING, r.id), &r);
    }
    return taken;
}

bool bw_nic_port_sleeps(struct bw_nic_port *port) { return !bw_nic_port_can_take(port) || bw_receiver_sleeps(&port->channel.in); }

static void drop_window(struct bw_nic_port *port, uint32_t number) {
    port->windows[number] = 0;
    (void)bw_cnode_delete(BW_SLOT_CNODE, window_slot(port, number));
}

/* P4: from now on they are `client`'s. */
static void give_windows(struct bw_nic_port *port, uint64_t client) {
    for (uint32_t i = 0; client != port->windows_of && i < BW_NIC_WINDOWS; i++) drop_window(port, i);
    port->windows_of = client;
}

/* P3. */
static void forget_all(struct bw_nic_port *port) {
    for (uint32_t i = 0; i < BW_NIC_TAGS; i++) port->tags[i].state = BW_NIC_FREE;
    for (uint32_t i = 0; i < BW_NIC_KINDS; i++) port->kinds[i].free = port->kinds[i].count;
    port->oldest = port->answers = 0;
    port->behind->forget(port);
}

void bw_nic_port_end(struct bw_nic_port *port) {
    bw_accepted_close(&port->channel);
    /* Its memory is taken back when somebody else opens the channel; until then nobody looks at it. */
    port->channel.client = 0;
    forget_all(port);
    give_windows(port, 0);
}

uint32_t bw_nic_port_window(struct bw_nic_port *port, struct bw_request *r) {
    uint32_t kind = 0, rights = 0;
    if (r->w[0] >= BW_NIC_WINDOWS) return NIC_DRIVER_E_BAD_REQUEST;
    const uint32_t number = (uint32_t)r->w[0];
    if (port->channel.client != 0 && port->channel.client != r->badge) return NIC_DRIVER_E_FULL;
    if (r->caps != 1 || r->unwrapped != 0 || bw_discrim_classify(BW_SLOT_DISCRIM, port->received, &kind, &rights) != 0 || kind != BW_KIND_FRAME) return NIC_DRIVER_E_NO_CAPABILITY;
    give_windows(port, r->badge);
    drop_window(port, number);
    rights &= BW_RIGHT_READ | BW_RIGHT_WRITE;
    if (bw_cnode_move(BW_SLOT_CNODE, window_slot(port, number), BW_SLOT_CNODE, port->received) != 0) return NIC_DRIVER_E_NO_CAPABILITY;
    if (port->behind->map(port, number, window_slot(port, number), rights) != 0) {
        drop_window(port, number);
        return NIC_DRIVER_E_NO_CAPABILITY;
    }
    port->windows[number] = rights;
    return 0;
}

uint32_t bw_nic_port_open(struct bw_nic_port *port, struct bw_request *r) {
    /* A message is copied into what this program has for one. */
    if (r->w[1] != sizeof(struct bw_nic_request) || r->w[3] != sizeof(struct bw_nic_answer)) return NIC_DRIVER_E_BAD_REQUEST;
    const uint32_t refusal = bw_accept(&port->acceptor, r);
    if (refusal != 0) return refusal;
    forget_all(port);
    give_windows(port, r->badge);
    return 0;
}

uint32_t bw_nic_port_memory(struct bw_nic_port *port, struct bw_request *r) { return bw_accept_memory(&port->acceptor, r); }
