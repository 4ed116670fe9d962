/*
 * channel.c: the two sides of opening a channel. A capability that comes from the other side is looked at (Discrim) before anything is done with it:
 * what is called by mistake could be an endpoint at which nobody ever answers.
 */
#include <bailiwick.h>

enum { FRAME_BITS = 12, RUN_PAGES = 512, FIRST_SIGNAL_BIT = 32, LAST_SIGNAL_BIT = 52 };
/* Frames that come with the first answer beside the bell, and with each further one. */
enum { FIRST_FRAMES = BW_MAX_CAPS - 1, MORE_FRAMES = BW_MAX_CAPS };
/* In a channel's run of slots. */
enum { MY_BELL, THEIR_BELL, FRAMES };

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

static bool is_wish(struct bw_ring_shape shape) { return (shape.capacity == 0 && shape.bytes == 0) || bw_is_ring_shape(shape); }

uint32_t bw_channel_pages(struct bw_ring_shape to_server, struct bw_ring_shape from_server) {
    return (uint32_t)((bw_ring_bytes(to_server) + bw_ring_bytes(from_server) + BW_CHANNEL_PAGE - 1) / BW_CHANNEL_PAGE);
}

/* Pages in one run of 2 MiB: one page table is enough for them. */
static bool in_one_run(uint64_t address, uint64_t pages) {
    const uint64_t page = address / BW_CHANNEL_PAGE;
    return address % BW_CHANNEL_PAGE == 0 && pages >= 1 && page % RUN_PAGES + pages <= RUN_PAGES;
}

static bool is_signal_bit(uint64_t bit) { return (bit & (bit - 1)) == 0 && bit >= 1UL << FIRST_SIGNAL_BIT && bit <= 1UL << LAST_SIGNAL_BIT; }

static bool is(bw_cptr cap, uint32_t kind, uint32_t rights) {
    uint32_t its_kind = BW_KIND_NULL, its_rights = 0;
    return bw_discrim_classify(BW_SLOT_DISCRIM, cap, &its_kind, &its_rights) == 0 && its_kind == kind && (its_rights & rights) == rights;
}

static void drop(bw_cptr first, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) (void)bw_cnode_delete(BW_SLOT_CNODE, first + i);
}

/* Maps a frame to read and write, with the page tables that it takes, in slots from `tables` on. */
static bw_err map(bw_cptr frame, uint64_t address, bw_cptr tables) {
    for (uint32_t made = 0;; made++) {
        const bw_err error = bw_frame_map(frame, address, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
        if (error != BW_ERR_FAILED_LOOKUP || made == BW_CHANNEL_TABLES) return error;
        const bw_err no_table = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_PAGE_TABLE, 0, 1, BW_SLOT_CNODE, tables + made);
        if (no_table != 0) return no_table;
        const bw_err no_place = bw_page_table_map(tables + made, address & ~((uint64_t)RUN_PAGES * BW_CHANNEL_PAGE - 1), BW_SLOT_VSPACE);
        if (no_place != 0) return no_place;
    }
}

/* The right to ring `bit` of this program, and no more. */
static bw_err make_bell(bw_cptr slot, uint64_t bit) { return bw_cnode_mint(BW_SLOT_CNODE, slot, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, bit); }

/* Client. */

/* The first answer: how many frames came, in the slots after the bell; 0 when the server's answer is none. */
static uint32_t ask_open(bw_cptr server, const struct bw_channel_wish *wish, bw_cptr slots, uint32_t pages, bw_err *error, uint32_t *refusal) {
    bw_ipc()->caps[0] = slots + MY_BELL;
    bw_receive_slots(slots + THEIR_BELL, 1 + least(FIRST_FRAMES, pages));
    const struct bw_msg m = bw_call(server, bw_info(CHANNEL_OPEN, 4, 1), wish->to_server.capacity, wish->to_server.bytes, wish->from_server.capacity, wish->from_server.bytes);
    *error = bw_error(&m);
    *refusal = *error == 0 ? bw_label(&m) : 0;
    if (*error != 0 || *refusal != 0) return 0;
    const bool whole = bw_length(&m) >= 1 && m.w[0] == pages && bw_caps(&m) >= 2 && bw_unwrapped(&m) == 0;
    return whole ? bw_caps(&m) - 1U : 0;
}

static uint32_t ask_memory(bw_cptr server, bw_cptr slots, uint32_t page, uint32_t pages, bw_err *error, uint32_t *refusal) {
    bw_receive_slots(slots + FRAMES + page, least(MORE_FRAMES, pages - page));
    const struct bw_msg m = bw_call(server, bw_info(CHANNEL_MEMORY, 1, 0), page, 0, 0, 0);
    *error = bw_error(&m);
    *refusal = *error == 0 ? bw_label(&m) : 0;
    return *error != 0 || *refusal != 0 || bw_unwrapped(&m) != 0 ? 0 : bw_caps(&m);
}

/* All that the server gives, into the slots; what is not what it must be is an error. */
static bw_err fetch(bw_cptr server, const struct bw_channel_wish *wish, bw_cptr slots, uint32_t pages, uint32_t *refusal) {
    bw_err error = 0;
    uint32_t page = ask_open(server, wish, slots, pages, &error, refusal);
    while (page > 0 && page < pages) {
        const uint32_t more = ask_memory(server, slots, page, pages, &error, refusal);
        page = more == 0 ? 0 : page + more;
    }
    if (error != 0) return error;
    if (page != pages || !is(slots + THEIR_BELL, BW_KIND_NOTIFICATION, BW_RIGHT_WRITE)) return BW_ERR_ILLEGAL_OPERATION;
    for (uint32_t i = 0; i < pages; i++) {
        if (!is(slots + FRAMES + i, BW_KIND_FRAME, BW_RIGHT_READ | BW_RIGHT_WRITE)) return BW_ERR_ILLEGAL_OPERATION;
    }
    return 0;
}

bw_err bw_channel_open(struct bw_channel *channel, bw_cptr server, const struct bw_channel_wish *wish, uint32_t *refusal) {
    const struct bw_ring_shape to = wish->to_server, from = wish->from_server;
    const uint32_t pages = is_wish(to) && is_wish(from) ? bw_channel_pages(to, from) : 0;
    *refusal = 0;
    if (pages > BW_CHANNEL_MOST_PAGES || !in_one_run(wish->address, pages) || !is_signal_bit(wish->bit)) return BW_ERR_RANGE_ERROR;
    const bw_cptr slots = wish->slots + BW_CHANNEL_TABLES;
    bw_err error = make_bell(slots + MY_BELL, wish->bit);
    if (error == 0) {
        /* The program's own receive slots are as before afterwards. */
        struct bw_ipc *buffer = bw_ipc();
        const uint64_t count = buffer->receive_count, cnode = buffer->receive_cnode, index = buffer->receive_index, depth = buffer->receive_depth;
        error = fetch(server, wish, slots, pages, refusal);
        buffer->receive_count = count, buffer->receive_cnode = cnode, buffer->receive_index = index, buffer->receive_depth = depth;
    }
    for (uint32_t i = 0; error == 0 && i < pages; i++) error = map(slots + FRAMES + i, wish->address + (uint64_t)i * BW_CHANNEL_PAGE, wish->slots);
    if (error != 0) {
        drop(slots, BW_CHANNEL_SLOTS(pages));
        return error;
    }
    const struct bw_bells bells = {.theirs = slots + THEIR_BELL, .own = BW_SLOT_NOTIFICATION, .bits = wish->bit};
    *channel = (struct bw_channel){.slots = slots, .pages = pages};
    bw_sender_init(&channel->out, (void *)wish->address, to, bells);
    bw_receiver_init(&channel->in, (void *)(wish->address + bw_ring_bytes(to)), from, bells);
    return 0;
}

void bw_channel_close(struct bw_channel *channel) {
    if (channel->pages == 0) return;
    if (channel->out.end.shape.capacity > 0) bw_sender_close(&channel->out);
    if (channel->in.end.shape.capacity > 0) bw_receiver_close(&channel->in);
    /* After this, nothing looks at the memory any more: an end without a ring is over. */
    channel->out.end.over = channel->in.end.over = BW_RING_CLOSED;
    drop(channel->slots, BW_CHANNEL_SLOTS(channel->pages));
    channel->pages = 0;
}

/* Server. */

static bw_cptr slots_of(const struct bw_acceptor *a, const struct bw_accepted *c) {
    return a->slots + BW_CHANNEL_TABLES + (uint64_t)(c - a->channels) * BW_CHANNEL_SLOTS(a->pages);
}
static uint8_t *memory_of(const struct bw_acceptor *a, const struct bw_accepted *c) {
    return (uint8_t *)(a->address + (uint64_t)(c - a->channels) * a->pages * BW_CHANNEL_PAGE);
}

bw_err bw_acceptor_init(struct bw_acceptor *a) {
    const uint64_t all = (uint64_t)a->count * a->pages;
    if (a->count < 1 || a->count > RUN_PAGES || a->pages < 1 || a->pages > BW_CHANNEL_MOST_PAGES || !in_one_run(a->address, all)) return BW_ERR_RANGE_ERROR;
    if (!is_signal_bit(a->first_bit) || a->count > LAST_SIGNAL_BIT - FIRST_SIGNAL_BIT + 1 || !is_signal_bit(a->first_bit << (a->count - 1))) return BW_ERR_RANGE_ERROR;
    for (uint32_t i = 0; i < a->count; i++) {
        struct bw_accepted *c = &a->channels[i];
        *c = (struct bw_accepted){0};
        const bw_cptr slots = slots_of(a, c);
        bw_err error = make_bell(slots + MY_BELL, a->first_bit << i);
        if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, FRAME_BITS, a->pages, BW_SLOT_CNODE, slots + FRAMES);
        for (uint32_t page = 0; error == 0 && page < a->pages; page++) error = map(slots + FRAMES + page, (uint64_t)memory_of(a, c) + (uint64_t)page * BW_CHANNEL_PAGE, a->slots);
        if (error != 0) return error;
    }
    return 0;
}

struct bw_accepted *bw_accepted_of(struct bw_acceptor *a, uint64_t client) {
    for (uint32_t i = 0; client != 0 && i < a->count; i++) {
        if (a->channels[i].client == client) return &a->channels[i];
    }
    return NULL;
}

/* The client has closed its ends, and what it had sent was taken; or it has ended. */
static bool is_finished(const struct bw_acceptor *a, const struct bw_accepted *c) {
    if (!is(slots_of(a, c) + THEIR_BELL, BW_KIND_NOTIFICATION, 0)) return true;
    if (c->has_in && (c->in.end.over == 0 || __atomic_load_n(&c->in.end.memory->sender_closed, __ATOMIC_ACQUIRE) == 0)) return false;
    return !c->has_out || __atomic_load_n(&c->out.end.memory->receiver_closed, __ATOMIC_ACQUIRE) != 0;
}

static struct bw_accepted *channel_for(struct bw_acceptor *a, uint64_t client) {
    struct bw_accepted *c = bw_accepted_of(a, client);
    for (uint32_t i = 0; c == NULL && i < a->count; i++) {
        if (a->channels[i].client == 0) c = &a->channels[i];
    }
    for (uint32_t i = 0; c == NULL && i < a->count; i++) {
        if (is_finished(a, &a->channels[i])) c = &a->channels[i];
    }
    return c;
}

/* Takes back what a client was given. */
static void take_back(struct bw_acceptor *a, struct bw_accepted *c) {
    const bw_cptr slots = slots_of(a, c);
    (void)bw_cnode_revoke(BW_SLOT_CNODE, slots + MY_BELL);
    for (uint32_t page = 0; page < c->pages; page++) (void)bw_cnode_revoke(BW_SLOT_CNODE, slots + FRAMES + page);
    (void)bw_cnode_delete(BW_SLOT_CNODE, slots + THEIR_BELL);
    *c = (struct bw_accepted){0};
}

static bool to_shape(uint64_t capacity, uint64_t bytes, struct bw_ring_shape *shape) {
    if (capacity > BW_RING_MOST_MESSAGES || bytes > BW_RING_MOST_BYTES) return false;
    *shape = (struct bw_ring_shape){.capacity = (uint32_t)capacity, .bytes = (uint32_t)bytes};
    return is_wish(*shape);
}

/* Frames `page`.. of a channel go with the answer, as many as fit; how many. */
static uint32_t give_frames(const struct bw_acceptor *a, const struct bw_accepted *c, struct bw_request *r, uint32_t page) {
    uint32_t count = 0;
    while (r->answer_caps < BW_MAX_CAPS && page + count < c->pages) bw_ipc()->caps[r->answer_caps++] = slots_of(a, c) + FRAMES + page + count++;
    return count;
}

uint32_t bw_accept(struct bw_acceptor *a, struct bw_request *r) {
    struct bw_ring_shape to, from;
    if (!to_shape(r->w[0], r->w[1], &to) || !to_shape(r->w[2], r->w[3], &from)) return CHANNEL_E_BAD_REQUEST;
    const uint32_t pages = bw_channel_pages(to, from);
    if (pages == 0) return CHANNEL_E_BAD_REQUEST;
    if (pages > a->pages) return CHANNEL_E_TOO_LARGE;
    if (r->caps != 1 || r->unwrapped != 0 || !is(a->received, BW_KIND_NOTIFICATION, BW_RIGHT_WRITE)) return CHANNEL_E_NO_CAPABILITY;
    struct bw_accepted *c = channel_for(a, r->badge);
    if (c == NULL) return CHANNEL_E_FULL;
    take_back(a, c);
    const bw_cptr slots = slots_of(a, c);
    if (bw_cnode_move(BW_SLOT_CNODE, slots + THEIR_BELL, BW_SLOT_CNODE, a->received) != 0) return CHANNEL_E_NO_CAPABILITY;
    /* Nothing of the last client's is left for this one to read. */
    uint8_t *memory = memory_of(a, c);
    memset(memory, 0, (size_t)pages * BW_CHANNEL_PAGE);
    const struct bw_bells bells = {.theirs = slots + THEIR_BELL, .own = BW_SLOT_NOTIFICATION, .bits = a->first_bit << (c - a->channels)};
    *c = (struct bw_accepted){.client = r->badge, .has_in = to.capacity > 0, .has_out = from.capacity > 0, .pages = pages};
    if (c->has_in) bw_ring_prepare(memory);
    if (c->has_out) bw_ring_prepare(memory + bw_ring_bytes(to));
    bw_receiver_init(&c->in, memory, to, bells);
    bw_sender_init(&c->out, memory + bw_ring_bytes(to), from, bells);
    bw_ipc()->caps[r->answer_caps++] = slots + MY_BELL;
    (void)give_frames(a, c, r, 0);
    r->w[0] = pages;
    r->answer_length = 1;
    return 0;
}

uint32_t bw_accept_memory(struct bw_acceptor *a, struct bw_request *r) {
    const struct bw_accepted *c = bw_accepted_of(a, r->badge);
    if (c == NULL || r->w[0] >= c->pages) return CHANNEL_E_BAD_REQUEST;
    r->w[0] = give_frames(a, c, r, (uint32_t)r->w[0]);
    r->answer_length = 1;
    return 0;
}

void bw_accepted_close(struct bw_accepted *c) {
    if (c->has_in) bw_receiver_close(&c->in);
    if (c->has_out) bw_sender_close(&c->out);
}
