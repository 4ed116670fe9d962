/*
 * The block server: one disk shared out. Each offer is a part of the disk, each client has the part that its badge says, a channel and a window of its own.
 * Protocol: protocol.ts and <bailiwick/block.h>; limits and behaviour: README.md.
 *
 * Invariants
 *   V1  A request reaches the driver only inside its client's part and window: translated here from the server's own copy of it.
 *   V2  A client has at most SHARE requests on their way or unanswered; SHARE * CLIENTS are TAGS, so nobody waits for another's to be taken.
 *   V3  A window goes to another client only when nothing is on its way to it, and zeroed.
 *   V4  A client with a quota has at most one request kept back for it, and takes no more out of its ring meanwhile; nobody else waits for it.
 */
#include <bailiwick.h>
#include <bailiwick/block.h>
#include <bailiwick/block-protocol.h>
#include <bailiwick/blockdriver.h>
#include <bailiwick/quota.h>

#include "views.h"

BW_USE(disk);
/* For quotas. */
BW_USE_OPTIONAL(timer);

enum { CLIENTS = 8, TAGS = 64, SHARE = TAGS / CLIENTS, PIECE = 8, PAGES = 4, DRIVER_PAGES = 2 };
/* The upper half of the CSpace is the program's own. */
enum {
    SLOT_RECEIVED = 128,
    SLOT_MINTED,
    SLOT_LENT,
    SLOT_ALARM,
    SLOT_FRAMES,
    SLOT_CLIENTS_FRAMES = SLOT_FRAMES + CLIENTS,
    SLOT_CHANNELS = SLOT_CLIENTS_FRAMES + CLIENTS,
    SLOT_DRIVER = SLOT_CHANNELS + BW_CHANNEL_TABLES + CLIENTS * BW_CHANNEL_SLOTS(PAGES),
    SLOT_TABLE = SLOT_DRIVER + BW_CHANNEL_TABLES + BW_CHANNEL_SLOTS(DRIVER_PAGES),
};
_Static_assert(SLOT_TABLE < 256, "all slots are there");
#define CHANNELS_ADDRESS BW_ADDRESS_OWN
#define DRIVER_ADDRESS (BW_ADDRESS_OWN + BW_BLOCK_WINDOW)
#define WINDOWS_ADDRESS (BW_ADDRESS_OWN + 2 * BW_BLOCK_WINDOW)
#define FIRST_CLIENT_BIT (1ULL << 44)
#define DRIVER_BIT (1ULL << 52)
#define ALARM_BIT (1ULL << 43)

/* A request that the driver has, or that is kept back, or whose answer waits for its client's room. */
static struct tag {
    bool used, sent, answered;
    uint32_t client;
    uint32_t id;
    uint32_t result;
} tags[TAGS];

static struct client {
    /* Whose window it is, 0: it was never made; and requests that have tags. */
    uint64_t owner;
    uint32_t tags;
    /* Its quota; NULL: none. The request that waits for it, as the driver gets it. */
    struct bw_flow *flow;
    bool waits;
    struct bw_block_request request;
} clients[CLIENTS];

static struct bw_clock clock;
static struct bw_flows flows;
static struct bw_channel driver;
static uint64_t sectors, most_bytes;
static bool disk_read_only;
static struct bw_accepted channels[CLIENTS];
static struct bw_acceptor acceptor = {
    .channels = channels, .count = CLIENTS, .pages = PAGES, .slots = SLOT_CHANNELS, .address = CHANNELS_ADDRESS, .first_bit = FIRST_CLIENT_BIT, .received = SLOT_RECEIVED,
};

static uint32_t check(const struct view *view, const struct bw_block_request *r) {
    if (r->operation == BW_BLOCK_FLUSH) return BW_BLOCK_OK;
    if (r->window != 0 || !bw_block_makes_sense(r, view->sectors, most_bytes)) return BW_BLOCK_BAD;
    return r->operation == BW_BLOCK_WRITE && view->read_only ? BW_BLOCK_READ_ONLY : BW_BLOCK_OK;
}

static struct tag *take_tag(uint32_t client, uint32_t id) {
    static uint32_t next;
    while (tags[next].used) next = (next + 1) % TAGS;
    tags[next] = (struct tag){.used = true, .client = client, .id = id};
    clients[client].tags++;
    return &tags[next];
}

static void finish(struct tag *tag, uint32_t result) {
    tag->answered = true;
    tag->result = result;
}

/* The client's request goes to the driver, unless its quota says later. */
static bool hand_over(struct client *client, const struct bw_block_request *r) {
    const uint32_t bytes = r->operation == BW_BLOCK_FLUSH ? 0 : r->bytes;
    client->waits = client->flow != NULL && !bw_flow_passes(&flows, client->flow, bytes);
    if (client->waits) {
        if (r != &client->request) client->request = *r;
        return false;
    }
    tags[r->id].sent = true;
    if (bw_try_put(&driver.out, r) != BW_RING_DONE) finish(&tags[r->id], BW_BLOCK_FAILED);
    return true;
}

/* What is kept back for a client that is gone would keep its place from others. */
static void forget_the_gone(uint32_t i) {
    struct client *client = &clients[i];
    if (!client->waits || client->owner == channels[i].client) return;
    tags[client->request.id].used = false;
    client->tags--;
    client->waits = false;
}

/* One client's requests to the driver. True: there may be more. */
static bool take_requests(uint32_t i) {
    struct bw_accepted *c = &channels[i];
    const struct view *view = view_of(c->client);
    forget_the_gone(i);
    if (clients[i].waits && !hand_over(&clients[i], &clients[i].request)) return false;
    if (c->client == 0 || !c->has_in || !c->has_out || view == NULL) return false;
    clients[i].flow = bw_flow_of(&flows, view_origin(c->client));
    for (uint32_t n = 0; clients[i].tags < SHARE; n++) {
        struct bw_block_request r;
        if (n == PIECE) return true;
        if (bw_try_receive(&c->in, &r) != BW_RING_DONE) return !bw_receiver_sleeps(&c->in);
        struct tag *tag = take_tag(i, r.id);
        const uint32_t result = clients[i].owner == c->client ? check(view, &r) : BW_BLOCK_BAD;
        if (result != BW_BLOCK_OK) {
            finish(tag, result);
            continue;
        }
        r.sector += view->first;
        r.window = i;
        r.id = (uint32_t)(tag - tags);
        if (!hand_over(&clients[i], &r)) return false;
    }
    return false;
}

/* The driver's answers. True: there are more. */
static bool take_answers(void) {
    struct bw_block_answer answer;
    for (uint32_t n = 0; n < TAGS; n++) {
        if (bw_try_receive(&driver.in, &answer) != BW_RING_DONE) break;
        if (answer.id < TAGS && tags[answer.id].used && tags[answer.id].sent && !tags[answer.id].answered) finish(&tags[answer.id], answer.result);
    }
    /* A driver that is gone answers nothing any more. */
    if (driver.in.end.over != 0 || driver.out.end.over != 0) for (uint32_t i = 0; i < TAGS; i++) if (tags[i].used && tags[i].sent && !tags[i].answered) finish(&tags[i], BW_BLOCK_FAILED);
    return !bw_receiver_sleeps(&driver.in);
}

/* What is answered goes to its client as far as that has room; the tag is kept for it until then. True: a client has its first tag again. */
static bool give_answers(void) {
    bool full[CLIENTS] = {false}, again = false;
    for (uint32_t i = 0; i < TAGS; i++) {
        struct tag *tag = &tags[i];
        if (!tag->used || !tag->answered || full[tag->client]) continue;
        struct bw_accepted *c = &channels[tag->client];
        const struct bw_block_answer answer = {.id = tag->id, .result = tag->result};
        bw_ring_result sent = bw_try_put(&c->out, &answer);
        if (sent == BW_RING_FULL && !bw_sender_sleeps(&c->out)) sent = bw_try_put(&c->out, &answer);
        full[tag->client] = sent == BW_RING_FULL;
        if (sent == BW_RING_FULL) continue;
        tag->used = false;
        again = again || clients[tag->client].tags == SHARE;
        clients[tag->client].tags--;
    }
    for (uint32_t i = 0; i < CLIENTS; i++) if (channels[i].client != 0 && channels[i].has_out) bw_announce(&channels[i].out);
    return again;
}

static bool turn(void) {
    static uint32_t first;
    bool more = false, again = true;
    bw_clock_is_stale(&clock);
    /* Awake: the driver need not ring for what is looked for below. */
    bw_receiver_wakes(&driver.in);
    for (uint32_t pass = 0; again && pass < 2; pass++) {
        more = false;
        first = (first + 1) % CLIENTS;
        for (uint32_t n = 0; n < CLIENTS; n++) more = take_requests((first + n) % CLIENTS) || more;
        bw_announce(&driver.out);
        /* A driver of higher priority, with a fast disk, is done by now. */
        more = take_answers() || more;
        again = give_answers();
    }
    return more || again;
}

static void notified(uint64_t bits) {
    if ((bits & ALARM_BIT) != 0) bw_clock_rang(&clock);
}

static uint32_t do_info(struct bw_request *r) {
    const struct view *view = view_of(r->badge);
    if (view == NULL) return BLOCK_E_BAD_REQUEST;
    r->w[0] = view->sectors;
    r->w[1] = most_bytes;
    r->w[2] = view->read_only;
    r->answer_length = 3;
    return 0;
}

static uint32_t do_open(struct bw_request *r) {
    if (view_of(r->badge) == NULL) return BLOCK_E_BAD_REQUEST;
    const uint32_t to = (uint32_t)r->w[1], from = (uint32_t)r->w[3];
    if (to != sizeof(struct bw_block_request) || from != sizeof(struct bw_block_answer)) return BLOCK_E_BAD_REQUEST;
    /* V3: what was asked for through the channel that this one takes the place of must have ended. */
    const struct bw_accepted *old = bw_accepted_of(&acceptor, r->badge);
    if (old != NULL && clients[old - channels].tags > 0) return BLOCK_E_FULL;
    return bw_accept(&acceptor, r);
}

static uint32_t do_memory(struct bw_request *r) { return bw_accept_memory(&acceptor, r); }

/* The window of channel i: made and lent to the driver when it is first wanted. */
static bool make_window(uint32_t i) {
    const bw_cptr frame = SLOT_FRAMES + i;
    if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, frame) != 0) return false;
    if (bw_frame_map(frame, WINDOWS_ADDRESS + (uint64_t)i * BW_BLOCK_WINDOW, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE) != 0) return false;
    if (bw_cnode_copy(BW_SLOT_CNODE, SLOT_LENT, BW_SLOT_CNODE, frame, BW_RIGHT_READ | BW_RIGHT_WRITE) != 0) return false;
    bw_ipc()->caps[0] = SLOT_LENT;
    const struct bw_msg m = bw_call(bw_use_disk.cap, bw_info(BLOCK_DRIVER_WINDOW, 1, 1), i, 0, 0, 0);
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_LENT);
    return bw_error(&m) == 0 && bw_label(&m) == 0;
}

static uint32_t do_window(struct bw_request *r) {
    struct bw_accepted *c = bw_accepted_of(&acceptor, r->badge);
    if (c == NULL) return BLOCK_E_BAD_REQUEST;
    const uint32_t i = (uint32_t)(c - channels);
    struct client *client = &clients[i];
    forget_the_gone(i);
    if (client->owner != r->badge) {
        if (client->tags > 0) return BLOCK_E_FULL;
        if (client->owner == 0 && !make_window(i)) {
            (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_FRAMES + i);
            return BLOCK_E_FULL;
        }
        (void)bw_cnode_revoke(BW_SLOT_CNODE, SLOT_CLIENTS_FRAMES + i);
        memset((void *)(WINDOWS_ADDRESS + (uint64_t)i * BW_BLOCK_WINDOW), 0, BW_BLOCK_WINDOW);
        client->owner = r->badge;
    }
    (void)bw_cnode_copy(BW_SLOT_CNODE, SLOT_CLIENTS_FRAMES + i, BW_SLOT_CNODE, SLOT_FRAMES + i, BW_RIGHT_READ | BW_RIGHT_WRITE);
    bw_ipc()->caps[r->answer_caps++] = SLOT_CLIENTS_FRAMES + i;
    return 0;
}

static uint32_t do_restrict(struct bw_request *r) {
    const struct view *view = view_of(r->badge);
    const uint64_t first = r->w[0], count = r->w[1];
    if (view == NULL || count == 0 || first > view->sectors || count > view->sectors - first || r->w[2] > 1) return BLOCK_E_BAD_REQUEST;
    const uint64_t badge = view_restrict(r->badge, first, count, r->w[2] == 1);
    if (badge == 0) return BLOCK_E_FULL;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_MINTED);
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_MINTED, BW_SLOT_CNODE, BW_SLOT_SERVICE, BW_RIGHT_WRITE | BW_RIGHT_GRANT | BW_RIGHT_GRANT_REPLY, badge) != 0) return BLOCK_E_FULL;
    bw_ipc()->caps[r->answer_caps++] = SLOT_MINTED;
    return 0;
}

static bool meet_driver(void) {
    const struct bw_msg info = bw_call(bw_use_disk.cap, bw_info(BLOCK_DRIVER_INFO, 0, 0), 0, 0, 0, 0);
    if (bw_error(&info) != 0 || bw_label(&info) != 0) return false;
    sectors = info.w[0];
    most_bytes = info.w[1] < BW_BLOCK_WINDOW ? info.w[1] : BW_BLOCK_WINDOW;
    disk_read_only = info.w[2] != 0;
    const struct bw_channel_wish wish = {
        .to_server = {TAGS, sizeof(struct bw_block_request)}, .from_server = {TAGS, sizeof(struct bw_block_answer)}, .slots = SLOT_DRIVER, .address = DRIVER_ADDRESS, .bit = DRIVER_BIT,
    };
    uint32_t refusal = 0;
    return bw_channel_open(&driver, bw_use_disk.cap, &wish, &refusal) == 0;
}

int main(void) {
    clock = (struct bw_clock){.timer = bw_use_timer.cap, .bell = SLOT_ALARM};
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_ALARM, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, ALARM_BIT) != 0 || !bw_flows_begin(&flows, &clock)) {
        bw_log("there are quotas for more clients than the server can have");
        return 1;
    }
    if (bw_acceptor_init(&acceptor) != 0) {
        bw_log("the server's memory does not suffice for its channels");
        return 1;
    }
    if (!meet_driver()) {
        bw_log("the driver has no disk");
        return 1;
    }
    if (!views_begin(sectors, disk_read_only)) {
        bw_log("a part of the disk is not on it: 'first' and 'sectors' of an offer, in sectors of 512 bytes");
        return 1;
    }
    (void)bw_receiver_sleeps(&driver.in);
    static const struct bw_method methods[] = {
        {.label = BLOCK_INFO, .words = 0, .handle = do_info},       {.label = BLOCK_WINDOW, .words = 0, .handle = do_window}, {.label = BLOCK_RESTRICT, .words = 3, .handle = do_restrict},
        {.label = BLOCK_OPEN, .words = 4, .handle = do_open}, {.label = BLOCK_MEMORY, .words = 1, .handle = do_memory},
    };
    struct bw_service service = {
        .methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = BLOCK_E_BAD_REQUEST, .notified = notified, .turn = turn, .receive_first = SLOT_RECEIVED, .receive_count = 1,
    };
    bw_serve(&service);
}
