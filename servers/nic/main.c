/*
 * The virtio-net driver: one network card, one client, which lends the memory that the frames lie in. It is an ordinary program and is trusted by nobody:
 * it has the registers of one device, its interrupt, and an IOSpace in which the device sees the driver's two queues and what the client has lent, no more.
 * It never looks at a frame. Protocol: protocol.ts and <bailiwick/nic.h>; behaviour: README.md.
 *
 * Invariants
 *   C1  A request's numbers are read once, from the driver's own copy, and checked before the device sees any of them.
 *   C2  A tag is the device's from submission until it is answered; its answer stays with it until the client has room. Answers go in the order in which
 *       they came about, so frames stay in order.
 *   C3  Nothing spins: the device interrupts, the client rings, and until then the driver sleeps.
 *   C4  A channel begins with a device that holds nothing: no frame goes into a room of the client before, and none of its requests is answered to this one.
 *   C5  Windows are of the channel's client alone.
 * Source: VIRTIO 1.2, 5.1.
 */
#include <bailiwick.h>
#include <bailiwick/nic.h>
#include <bailiwick/nicdriver.h>
#include <bailiwick/virtio.h>

BW_USE(regs);
BW_USE(irq);
BW_USE(iospace);

enum { DEVICE_NETWORK = 1, FEATURE_MTU = 3, FEATURE_MAC = 5, FEATURE_STATUS = 16, CONFIG_MAC = 0, CONFIG_STATUS = 4, CONFIG_MTU = 8, LINK_UP = 1 };
enum { RECEIVE = 0, TRANSMIT = 1, QUEUES = 2, HEADER_BYTES = 12 };

/* The upper half of the CSpace is the program's own. */
enum { SLOT_RECEIVED = 128, SLOT_QUEUES = 129, SLOT_QUEUE_COPIES = SLOT_QUEUES + QUEUES, SLOT_CHANNEL = SLOT_QUEUE_COPIES + QUEUES, PAGES = 8, SLOT_WINDOWS = SLOT_CHANNEL + BW_CHANNEL_TABLES + BW_CHANNEL_SLOTS(PAGES) };
_Static_assert(SLOT_WINDOWS + BW_NIC_WINDOWS <= 256, "all slots are there");
/* The channel's memory, and the queues' pages behind it, in one run of 2 MiB. */
#define CHANNEL_ADDRESS BW_ADDRESS_OWN
#define QUEUE_PAGE 4096UL
#define QUEUE_ADDRESS (BW_ADDRESS_OWN + 64 * QUEUE_PAGE)
#define CLIENT_BIT (1ULL << 52)
/* I/O addresses: windows from 0 up, the queues far above them. */
#define QUEUE_IO (1ULL << 38)

/* A chain is a header and a frame. */
enum { CHAINS = BW_VIRTIO_MOST / 2 };
_Static_assert(CHAINS == BW_NIC_ROOMS, "a chain for each room");
/* Tags: of rooms, of frames to send, and of requests that are only answered. */
enum { FIRST_SEND = CHAINS, FIRST_REFUSED = 2 * CHAINS, PIECE = 16, TAGS = FIRST_REFUSED + PIECE };

/* One queue's page: what the device reads and writes of the driver's own. */
struct shared {
    struct bw_virtio_ring ring;
    /* One for all frames: nothing is asked for in those that go, and what stands in those that come is not used. */
    uint8_t header[HEADER_BYTES];
};
_Static_assert(sizeof(struct shared) <= QUEUE_PAGE, "a queue is one page");

static struct bw_virtio device;
static struct bw_virtio_queue queues[QUEUES];
static uint64_t mac;
static uint32_t mtu;
static bool present;
static uint64_t restarts;

static struct shared *shared(uint32_t queue) { return (struct shared *)(QUEUE_ADDRESS + queue * QUEUE_PAGE); }

enum tag_state { FREE, WITH_DEVICE, ANSWERED };
static struct tag {
    enum tag_state state;
    uint32_t id;
    uint32_t result;
    /* Of a frame that came. */
    uint32_t bytes;
    /* Of the room: what the device may say that it wrote. */
    uint32_t room;
} tags[TAGS];

/* Kinds of tags: where each begins, how many there are, how many are free, where to look for the next. */
enum { ROOM, SENDING, REFUSED, KINDS };
static struct kind {
    uint32_t first;
    uint32_t count;
    uint32_t free;
    uint32_t next;
} kinds[KINDS] = {{0, CHAINS, CHAINS, 0}, {FIRST_SEND, CHAINS, CHAINS, 0}, {FIRST_REFUSED, PIECE, PIECE, 0}};

/* Tags that are ANSWERED, the oldest first (C2). */
static uint32_t answered[TAGS], oldest_answer, answers;

/* What each window allows the device: 0 for none; and whose they are. */
static uint32_t windows[BW_NIC_WINDOWS];
static uint64_t windows_of;

static struct bw_accepted channels[1];
static struct bw_acceptor acceptor = {
    .channels = channels, .count = 1, .pages = PAGES, .slots = SLOT_CHANNEL, .address = CHANNEL_ADDRESS, .first_bit = CLIENT_BIT, .received = SLOT_RECEIVED,
};

/* Sets the device up, from whatever it was before. */
static bool start_device(void) {
    const uint64_t wanted = 1ULL << FEATURE_MTU | 1ULL << FEATURE_MAC | 1ULL << FEATURE_STATUS;
    if (!bw_virtio_begin(&device, bw_use_regs.address, DEVICE_NETWORK, wanted)) return false;
    for (uint32_t i = 0; i < QUEUES; i++) {
        if (!bw_virtio_queue_begin(&queues[i], &device, i, &shared(i)->ring, QUEUE_IO + i * QUEUE_PAGE) || queues[i].size < 2 * CHAINS) return false;
        memset(shared(i)->header, 0, HEADER_BYTES);
    }
    mac = bw_virtio_config(&device, CONFIG_MAC) | (uint64_t)(bw_virtio_config(&device, CONFIG_STATUS) & 0xffff) << 32;
    mtu = BW_NIC_MOST_FRAME - BW_NIC_LEAST_FRAME;
    if ((device.features >> FEATURE_MTU & 1) != 0) {
        const uint32_t its = bw_virtio_config(&device, CONFIG_MTU) >> 16;
        if (its < mtu) mtu = its;
    }
    bw_virtio_ready(&device);
    return true;
}

static bool link_up(void) { return (device.features >> FEATURE_STATUS & 1) == 0 || (bw_virtio_config(&device, CONFIG_STATUS) >> 16 & LINK_UP) != 0; }

static struct kind *kind_of(uint32_t tag) { return &kinds[tag < FIRST_SEND ? ROOM : tag < FIRST_REFUSED ? SENDING : REFUSED]; }

/* One that is free, of a kind that has one. */
static uint32_t take_tag(struct kind *kind, uint32_t id) {
    while (tags[kind->first + kind->next].state != FREE) kind->next = (kind->next + 1) % kind->count;
    kind->free--;
    tags[kind->first + kind->next] = (struct tag){.id = id};
    return kind->first + kind->next;
}

static void answer_tag(uint32_t tag, uint32_t result, uint32_t bytes) {
    tags[tag].state = ANSWERED;
    tags[tag].result = result;
    tags[tag].bytes = bytes;
    answered[(oldest_answer + answers++) % TAGS] = tag;
}

static void release_oldest(void) {
    const uint32_t tag = answered[oldest_answer];
    oldest_answer = (oldest_answer + 1) % TAGS;
    answers--;
    tags[tag].state = FREE;
    kind_of(tag)->free++;
}

/* The device gave up: whatever it held is answered, and it begins anew. Told at the 1st, 2nd, 4th ... time, for a client can bring it about as often as it likes. */
static void restart_device(void) {
    bw_virtio_reset(&device);
    for (uint32_t i = 0; i < TAGS; i++) if (tags[i].state == WITH_DEVICE) answer_tag(i, BW_NIC_FAILED, 0);
    present = start_device();
    restarts++;
    if (!present) bw_log("the device does not start anew");
    else if ((restarts & (restarts - 1)) == 0) bw_log("the device refused an access to what its client lent, and was started anew");
}

/* C4: everything that is under way ends without an answer. */
static void forget_all(void) {
    for (uint32_t i = 0; i < TAGS; i++) tags[i].state = FREE;
    for (uint32_t i = 0; i < KINDS; i++) kinds[i].free = kinds[i].count;
    oldest_answer = answers = 0;
    if (!present) return;
    bw_virtio_reset(&device);
    present = start_device();
}

static uint32_t check(const struct bw_nic_request *r) {
    const bool room = r->operation == BW_NIC_TAKE;
    if (!room && r->operation != BW_NIC_SEND) return BW_NIC_BAD;
    if (room ? r->bytes < BW_NIC_MOST_FRAME : r->bytes < BW_NIC_LEAST_FRAME || r->bytes > BW_NIC_MOST_FRAME) return BW_NIC_BAD;
    if (r->offset > BW_NIC_WINDOW || r->bytes > BW_NIC_WINDOW - r->offset) return BW_NIC_BAD;
    /* The device writes what comes. */
    if (r->window >= BW_NIC_WINDOWS || (windows[r->window] & (room ? BW_RIGHT_WRITE : BW_RIGHT_READ)) == 0) return BW_NIC_BAD;
    if (room && kinds[ROOM].free == 0) return BW_NIC_BAD;
    return present ? BW_NIC_DONE : BW_NIC_FAILED;
}

/* Hands a request to the device, or answers at once; there is a free tag of SENDING and of REFUSED. The bit of the queue that is to be notified. */
static uint32_t submit(const struct bw_nic_request *r) {
    const uint32_t result = check(r);
    if (result != BW_NIC_DONE) {
        answer_tag(take_tag(&kinds[REFUSED], r->id), result, 0);
        return 0;
    }
    const bool room = r->operation == BW_NIC_TAKE;
    const uint32_t queue = room ? RECEIVE : TRANSMIT, tag = take_tag(&kinds[room ? ROOM : SENDING], r->id);
    /* No more than a frame: what lies behind is not for the device. */
    const uint32_t bytes = room ? BW_NIC_MOST_FRAME : r->bytes;
    const uint16_t head = (uint16_t)(2 * (tag - kind_of(tag)->first)), write = room ? BW_VIRTIO_WRITE : 0;
    struct bw_virtio_descriptor *d = &shared(queue)->ring.descriptors[head];
    d[0] = (struct bw_virtio_descriptor){QUEUE_IO + queue * QUEUE_PAGE + offsetof(struct shared, header), HEADER_BYTES, (uint16_t)(BW_VIRTIO_NEXT | write), (uint16_t)(head + 1)};
    d[1] = (struct bw_virtio_descriptor){(uint64_t)r->window * BW_NIC_WINDOW + r->offset, bytes, write, 0};
    tags[tag].state = WITH_DEVICE;
    tags[tag].room = bytes;
    bw_virtio_offer(&queues[queue], head);
    return 1U << queue;
}

/* What a queue is done with. False: it said what cannot be. */
static bool collect_queue(uint32_t queue) {
    uint32_t written;
    for (int head; (head = bw_virtio_take_written(&queues[queue], &written)) != -1;) {
        const uint32_t tag = kinds[queue == RECEIVE ? ROOM : SENDING].first + (uint32_t)head / 2;
        if (head < 0 || head % 2 != 0 || tags[tag].state != WITH_DEVICE) return false;
        if (queue == TRANSMIT) answer_tag(tag, BW_NIC_DONE, 0);
        else if (written < HEADER_BYTES + BW_NIC_LEAST_FRAME || written > HEADER_BYTES + tags[tag].room) return false;
        else answer_tag(tag, BW_NIC_DONE, written - HEADER_BYTES);
    }
    return true;
}

static void collect(void) {
    if (present && (!collect_queue(TRANSMIT) || !collect_queue(RECEIVE))) restart_device();
}

static void interrupts(bool wanted) {
    for (uint32_t i = 0; present && i < QUEUES; i++) bw_virtio_interrupts(&queues[i], wanted);
}

/* Gives the client its answers, as far as it has room. */
static void answer(struct bw_accepted *c) {
    while (answers > 0) {
        const struct tag *tag = &tags[answered[oldest_answer]];
        const struct bw_nic_answer message = {.id = tag->id, .result = tag->result, .bytes = tag->bytes};
        if (bw_try_put(&c->out, &message) == BW_RING_FULL) {
            if (bw_sender_sleeps(&c->out)) break;
            continue;
        }
        /* Sent; or the client is gone or has broken its ring, and is owed nothing. */
        release_oldest();
    }
    bw_announce(&c->out);
}

static bool can_submit(void) { return kinds[SENDING].free > 0 && kinds[REFUSED].free > 0; }

/* A piece of work: requests to the device, answers to the client. */
static bool turn(void) {
    struct bw_accepted *c = &channels[0];
    if (c->client == 0) return false;
    struct bw_nic_request request;
    uint32_t notify = 0, taken = 0;
    /* While it works, it looks by itself: a frame is on its way before anyone could be interrupted. */
    interrupts(false);
    while (taken < PIECE && can_submit() && bw_try_receive(&c->in, &request) == BW_RING_DONE) notify |= submit(&request), taken++;
    for (uint32_t i = 0; present && i < QUEUES; i++) if ((notify >> i & 1) != 0) bw_virtio_notify(&queues[i]);
    collect();
    answer(c);
    if (can_submit() && (taken == PIECE || !bw_receiver_sleeps(&c->in))) return true;
    interrupts(true);
    collect();
    answer(c);
    /* What came back just now may have made room for what is still in the ring. */
    return can_submit() && !bw_receiver_sleeps(&c->in);
}

static void notified(uint64_t bits) {
    if ((bits & bw_use_irq.badge) == 0) return;
    bw_virtio_acknowledge(&device);
    collect();
    if (bw_virtio_failed(&device)) restart_device();
    (void)bw_irq_ack(bw_use_irq.cap);
}

static uint32_t do_info(struct bw_request *r) {
    if (!present) return NIC_DRIVER_E_NO_NETWORK;
    r->w[0] = mac;
    r->w[1] = mtu;
    r->w[2] = link_up();
    r->answer_length = 3;
    return 0;
}

static void drop_window(uint64_t number) {
    windows[number] = 0;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_WINDOWS + number);
}

/* C5: from now on they are `client`'s. */
static void give_windows(uint64_t client) {
    for (uint64_t i = 0; client != windows_of && i < BW_NIC_WINDOWS; i++) drop_window(i);
    windows_of = client;
}

static uint32_t do_window(struct bw_request *r) {
    const uint64_t number = r->w[0];
    uint32_t kind = 0, rights = 0;
    if (number >= BW_NIC_WINDOWS) return NIC_DRIVER_E_BAD_REQUEST;
    if (channels[0].client != 0 && channels[0].client != r->badge) return NIC_DRIVER_E_FULL;
    if (r->caps != 1 || r->unwrapped != 0 || bw_discrim_classify(BW_SLOT_DISCRIM, SLOT_RECEIVED, &kind, &rights) != 0 || kind != BW_KIND_FRAME) return NIC_DRIVER_E_NO_CAPABILITY;
    give_windows(r->badge);
    drop_window(number);
    rights &= BW_RIGHT_READ | BW_RIGHT_WRITE;
    const bw_cptr slot = SLOT_WINDOWS + number;
    /* A smaller frame is a shorter window: the device is refused what lies beyond, and started anew, which is the client's own loss. */
    if (bw_cnode_move(BW_SLOT_CNODE, slot, BW_SLOT_CNODE, SLOT_RECEIVED) != 0) return NIC_DRIVER_E_NO_CAPABILITY;
    if (bw_iospace_map(bw_use_iospace.cap, slot, number * BW_NIC_WINDOW, rights) != 0) {
        drop_window(number);
        return NIC_DRIVER_E_NO_CAPABILITY;
    }
    windows[number] = rights;
    return 0;
}

static uint32_t do_open(struct bw_request *r) {
    /* A message is copied into what this program has for one. */
    if (r->w[1] != sizeof(struct bw_nic_request) || r->w[3] != sizeof(struct bw_nic_answer)) return NIC_DRIVER_E_BAD_REQUEST;
    const uint32_t refusal = bw_accept(&acceptor, r);
    if (refusal != 0) return refusal;
    forget_all();
    give_windows(r->badge);
    return 0;
}
static uint32_t do_memory(struct bw_request *r) { return bw_accept_memory(&acceptor, r); }

/* The queues' pages: mapped here, and in the IOSpace by second capabilities. */
static bw_err make_queues(void) {
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 12, QUEUES, BW_SLOT_CNODE, SLOT_QUEUES);
    for (uint32_t i = 0; i < QUEUES; i++) {
        if (error == 0) error = bw_cnode_copy(BW_SLOT_CNODE, SLOT_QUEUE_COPIES + i, BW_SLOT_CNODE, SLOT_QUEUES + i, BW_RIGHT_READ | BW_RIGHT_WRITE);
        if (error == 0) error = bw_frame_map(SLOT_QUEUES + i, QUEUE_ADDRESS + i * QUEUE_PAGE, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
        if (error == 0) error = bw_iospace_map(bw_use_iospace.cap, SLOT_QUEUE_COPIES + i, QUEUE_IO + i * QUEUE_PAGE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    }
    return error;
}

int main(void) {
    bw_err error = bw_acceptor_init(&acceptor);
    if (error == 0) error = make_queues();
    if (error != 0) {
        bw_log("the driver's memory does not suffice");
        return 1;
    }
    present = start_device();
    if (!present) bw_log("there is no network behind the device");
    (void)bw_irq_ack(bw_use_irq.cap);
    static const struct bw_method methods[] = {
        {.label = NIC_DRIVER_INFO, .words = 0, .handle = do_info},
        {.label = NIC_DRIVER_WINDOW, .words = 1, .handle = do_window},
        {.label = NIC_DRIVER_OPEN, .words = 4, .handle = do_open},
        {.label = NIC_DRIVER_MEMORY, .words = 1, .handle = do_memory},
    };
    struct bw_service service = {
        .methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = NIC_DRIVER_E_BAD_REQUEST,
        .notified = notified, .turn = turn, .receive_first = SLOT_RECEIVED, .receive_count = 1,
    };
    bw_serve(&service);
}
