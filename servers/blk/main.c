/*
 * The virtio-blk driver: one disk, one client, which lends the memory that the data goes through. It is an ordinary program and is trusted by nobody: it
 * has the registers of one device, its interrupt, and an IOSpace in which the device sees the driver's queue and what the client has lent, no more.
 * It never looks at data. Protocol: protocol.ts and <bailiwick/block.h>; behaviour: README.md.
 *
 * Invariants
 *   B1  A request's numbers are read once, from the driver's own copy, and checked before the device sees any of them.
 *   B2  A tag is the device's from submission until it is answered; its answer stays with it until the client has room.
 *   B3  Nothing spins: the device interrupts, the client rings, and until then the driver sleeps.
 * Source: VIRTIO 1.2, 5.2.
 */
#include <bailiwick.h>
#include <bailiwick/block.h>
#include <bailiwick/blockdriver.h>
#include <bailiwick/virtio.h>

BW_USE(regs);
BW_USE(irq);
BW_USE(iospace);

enum { DEVICE_BLOCK = 2, FEATURE_SIZE_MAX = 1, FEATURE_READ_ONLY = 5, FEATURE_FLUSH = 9, CONFIG_CAPACITY = 0, CONFIG_SIZE_MAX = 8 };
enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4, STATUS_OK = 0 };

/* The upper half of the CSpace is the program's own. */
enum { SLOT_RECEIVED = 128, SLOT_QUEUE = 129, SLOT_QUEUE_COPY = 130, SLOT_CHANNEL = 131, PAGES = 8, SLOT_WINDOWS = SLOT_CHANNEL + BW_CHANNEL_TABLES + BW_CHANNEL_SLOTS(PAGES) };
_Static_assert(SLOT_WINDOWS + BW_BLOCK_WINDOWS <= 256, "all slots are there");
/* The channel's memory, and the queue's page behind it, in one run of 2 MiB. */
#define CHANNEL_ADDRESS BW_ADDRESS_OWN
#define QUEUE_ADDRESS (BW_ADDRESS_OWN + 64 * 4096)
#define CLIENT_BIT (1ULL << 52)
/* I/O addresses: windows from 0 up, the queue far above them. */
#define QUEUE_IO (1ULL << 38)

/* Requests with the device at once: a chain of three descriptors each. */
enum { TAGS = BW_VIRTIO_MOST / 3, PIECE = 16 };

struct header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};
/* What the device reads and writes of the driver's own. */
struct shared {
    struct bw_virtio_ring ring;
    struct header headers[TAGS];
    volatile uint8_t status[TAGS];
};
_Static_assert(sizeof(struct shared) <= 4096, "the queue is one page");

static struct shared *const shared = (struct shared *)QUEUE_ADDRESS;
static struct bw_virtio device;
static struct bw_virtio_queue queue;
static uint64_t sectors;
static uint32_t most_bytes;
static bool read_only, present;

enum tag_state { FREE, WITH_DEVICE, ANSWERED };
static struct tag {
    enum tag_state state;
    /* Its channel was opened anew. */
    bool forgotten;
    uint32_t id;
    uint32_t result;
} tags[TAGS];
static uint32_t free_tags = TAGS, answered_tags;

/* What each window allows the device: 0 for none. */
static uint32_t windows[BW_BLOCK_WINDOWS];

static struct bw_accepted channels[1];
static struct bw_acceptor acceptor = {
    .channels = channels, .count = 1, .pages = PAGES, .slots = SLOT_CHANNEL, .address = CHANNEL_ADDRESS, .first_bit = CLIENT_BIT, .received = SLOT_RECEIVED,
};

/* Sets the device up, from whatever it was before. */
static bool start_device(void) {
    const uint64_t wanted = 1ULL << FEATURE_SIZE_MAX | 1ULL << FEATURE_READ_ONLY | 1ULL << FEATURE_FLUSH;
    if (!bw_virtio_begin(&device, bw_use_regs.address, DEVICE_BLOCK, wanted)) return false;
    if (!bw_virtio_queue_begin(&queue, &device, 0, &shared->ring, QUEUE_IO) || queue.size < 3 * TAGS) return false;
    sectors = bw_virtio_config(&device, CONFIG_CAPACITY) | (uint64_t)bw_virtio_config(&device, CONFIG_CAPACITY + 4) << 32;
    most_bytes = (device.features >> FEATURE_SIZE_MAX & 1) != 0 ? bw_virtio_config(&device, CONFIG_SIZE_MAX) / BW_SECTOR * BW_SECTOR : 65536;
    read_only = (device.features >> FEATURE_READ_ONLY & 1) != 0;
    bw_virtio_ready(&device);
    return true;
}

static void release(uint32_t number) {
    tags[number].state = FREE;
    free_tags++;
    answered_tags--;
}

static void answer_tag(uint32_t number, uint32_t result) {
    tags[number].state = ANSWERED;
    tags[number].result = result;
    answered_tags++;
    if (tags[number].forgotten) release(number);
}

/* The device gave up: whatever it held is answered, and it begins anew. */
static void restart_device(void) {
    bw_virtio_reset(&device);
    for (uint32_t i = 0; i < TAGS; i++) if (tags[i].state == WITH_DEVICE) answer_tag(i, BW_BLOCK_FAILED);
    present = start_device();
    bw_log(present ? "the device refused a request and was started anew" : "the device does not start anew");
}

static uint32_t check(const struct bw_block_request *r) {
    if (r->operation == BW_BLOCK_FLUSH) return BW_BLOCK_OK;
    if (!bw_block_makes_sense(r, sectors, most_bytes)) return BW_BLOCK_BAD;
    /* The device writes what is read from the disk. */
    const uint32_t needs = r->operation == BW_BLOCK_READ ? BW_RIGHT_WRITE : BW_RIGHT_READ;
    if (r->window >= BW_BLOCK_WINDOWS || (windows[r->window] & needs) == 0) return BW_BLOCK_BAD;
    return r->operation == BW_BLOCK_WRITE && read_only ? BW_BLOCK_READ_ONLY : BW_BLOCK_OK;
}

static uint32_t take_tag(void) {
    static uint32_t next;
    while (tags[next].state != FREE) next = (next + 1) % TAGS;
    free_tags--;
    return next;
}

/* Hands a request to the device, or answers at once. True: the device is to be notified. */
static bool submit(const struct bw_block_request *r) {
    const uint32_t tag = take_tag();
    tags[tag].id = r->id;
    tags[tag].forgotten = false;
    const uint32_t result = present ? check(r) : BW_BLOCK_FAILED;
    const bool flush = r->operation == BW_BLOCK_FLUSH;
    if (result != BW_BLOCK_OK || (flush && (device.features >> FEATURE_FLUSH & 1) == 0)) {
        answer_tag(tag, result);
        return false;
    }
    const bool reads = r->operation == BW_BLOCK_READ;
    shared->headers[tag] = (struct header){.type = flush ? TYPE_FLUSH : reads ? TYPE_IN : TYPE_OUT, .sector = flush ? 0 : r->sector};
    shared->status[tag] = 0xff;
    struct bw_virtio_descriptor *d = &shared->ring.descriptors[3 * tag];
    const uint16_t data = (uint16_t)(3 * tag + 1), last = (uint16_t)(3 * tag + 2);
    d[0] = (struct bw_virtio_descriptor){QUEUE_IO + offsetof(struct shared, headers) + tag * sizeof(struct header), sizeof(struct header), BW_VIRTIO_NEXT, flush ? last : data};
    d[1] = (struct bw_virtio_descriptor){(uint64_t)r->window * BW_BLOCK_WINDOW + r->offset, r->bytes, (uint16_t)(BW_VIRTIO_NEXT | (reads ? BW_VIRTIO_WRITE : 0)), last};
    d[2] = (struct bw_virtio_descriptor){QUEUE_IO + offsetof(struct shared, status) + tag, 1, BW_VIRTIO_WRITE, 0};
    tags[tag].state = WITH_DEVICE;
    bw_virtio_offer(&queue, (uint16_t)(3 * tag));
    return true;
}

static void collect(void) {
    if (!present) return;
    for (int head = bw_virtio_take(&queue); head != -1; head = bw_virtio_take(&queue)) {
        const uint32_t tag = (uint32_t)head / 3;
        if (head < 0 || head % 3 != 0 || tag >= TAGS || tags[tag].state != WITH_DEVICE) return restart_device();
        answer_tag(tag, shared->status[tag] == STATUS_OK ? BW_BLOCK_OK : BW_BLOCK_FAILED);
    }
}

/* Gives the client its answers, as far as it has room. */
static void answer(struct bw_accepted *c) {
    for (uint32_t i = 0; answered_tags > 0 && i < TAGS; i++) {
        if (tags[i].state != ANSWERED) continue;
        const struct bw_block_answer message = {.id = tags[i].id, .result = tags[i].result};
        if (bw_try_put(&c->out, &message) == BW_RING_FULL) {
            if (bw_sender_sleeps(&c->out)) break;
            i--;
            continue;
        }
        /* Sent; or the client is gone or has broken its ring, and is owed nothing. */
        release(i);
    }
    bw_announce(&c->out);
}

/* A piece of work: requests to the device, answers to the client. */
static bool turn(void) {
    struct bw_accepted *c = &channels[0];
    if (c->client == 0 || !c->has_in || !c->has_out) return false;
    struct bw_block_request request;
    bool notify = false;
    uint32_t taken = 0;
    /* While it works, it looks by itself: a fast disk is done before anyone could be interrupted. */
    if (present) bw_virtio_interrupts(&queue, false);
    while (taken < PIECE && free_tags > 0 && bw_try_receive(&c->in, &request) == BW_RING_DONE) notify = submit(&request) || notify, taken++;
    if (notify) bw_virtio_notify(&queue);
    collect();
    if (answered_tags > 0) answer(c);
    if (free_tags > 0 && (taken == PIECE || !bw_receiver_sleeps(&c->in))) return true;
    if (present) bw_virtio_interrupts(&queue, true);
    collect();
    if (answered_tags > 0) answer(c);
    /* Tags that came back just now are for what is still in the ring, of which the client will not tell again. */
    return free_tags > 0 && !bw_receiver_sleeps(&c->in);
}

static void notified(uint64_t bits) {
    if ((bits & bw_use_irq.badge) == 0) return;
    bw_virtio_acknowledge(&device);
    collect();
    if (bw_virtio_failed(&device)) restart_device();
    (void)bw_irq_ack(bw_use_irq.cap);
}

static uint32_t do_info(struct bw_request *r) {
    if (!present) return BLOCK_DRIVER_E_NO_DISK;
    r->w[0] = sectors;
    r->w[1] = most_bytes;
    r->w[2] = read_only;
    r->answer_length = 3;
    return 0;
}

static uint32_t do_window(struct bw_request *r) {
    const uint64_t number = r->w[0];
    uint32_t kind = 0, rights = 0;
    if (number >= BW_BLOCK_WINDOWS) return BLOCK_DRIVER_E_BAD_REQUEST;
    if (r->caps != 1 || r->unwrapped != 0 || bw_discrim_classify(BW_SLOT_DISCRIM, SLOT_RECEIVED, &kind, &rights) != 0 || kind != BW_KIND_FRAME) return BLOCK_DRIVER_E_NO_CAPABILITY;
    const bw_cptr slot = SLOT_WINDOWS + number;
    rights &= BW_RIGHT_READ | BW_RIGHT_WRITE;
    windows[number] = 0;
    (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
    /* A smaller frame is a shorter window: the device is refused what lies beyond, and started anew, which is the client's own loss. */
    if (bw_cnode_move(BW_SLOT_CNODE, slot, BW_SLOT_CNODE, SLOT_RECEIVED) != 0) return BLOCK_DRIVER_E_NO_CAPABILITY;
    if (bw_iospace_map(bw_use_iospace.cap, slot, number * BW_BLOCK_WINDOW, rights) != 0) {
        (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
        return BLOCK_DRIVER_E_NO_CAPABILITY;
    }
    windows[number] = rights;
    return 0;
}

/* What an earlier channel asked for is nobody's any more: it ends, and is not answered. */
static uint32_t do_open(struct bw_request *r) {
    /* A message is copied into what this program has for one: a longer one would be written beyond it. */
    if (r->w[1] != sizeof(struct bw_block_request) || r->w[3] != sizeof(struct bw_block_answer)) return BLOCK_DRIVER_E_BAD_REQUEST;
    const uint32_t refusal = bw_accept(&acceptor, r);
    for (uint32_t i = 0; refusal == 0 && i < TAGS; i++) {
        if (tags[i].state == ANSWERED) release(i);
        tags[i].forgotten = tags[i].state == WITH_DEVICE;
    }
    return refusal;
}
static uint32_t do_memory(struct bw_request *r) { return bw_accept_memory(&acceptor, r); }

/* The queue's page: mapped here, and in the IOSpace by a second capability. */
static bw_err make_queue(void) {
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 12, 1, BW_SLOT_CNODE, SLOT_QUEUE);
    if (error == 0) error = bw_cnode_copy(BW_SLOT_CNODE, SLOT_QUEUE_COPY, BW_SLOT_CNODE, SLOT_QUEUE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    if (error == 0) error = bw_frame_map(SLOT_QUEUE, QUEUE_ADDRESS, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    if (error == 0) error = bw_iospace_map(bw_use_iospace.cap, SLOT_QUEUE_COPY, QUEUE_IO, BW_RIGHT_READ | BW_RIGHT_WRITE);
    return error;
}

int main(void) {
    bw_err error = bw_acceptor_init(&acceptor);
    if (error == 0) error = make_queue();
    if (error != 0) {
        bw_log("the driver's memory does not suffice");
        return 1;
    }
    present = start_device();
    if (!present) bw_log("there is no disk behind the device");
    (void)bw_irq_ack(bw_use_irq.cap);
    static const struct bw_method methods[] = {
        {.label = BLOCK_DRIVER_INFO, .words = 0, .handle = do_info},
        {.label = BLOCK_DRIVER_WINDOW, .words = 1, .handle = do_window},
        {.label = BLOCK_DRIVER_OPEN, .words = 4, .handle = do_open},
        {.label = BLOCK_DRIVER_MEMORY, .words = 1, .handle = do_memory},
    };
    struct bw_service service = {
        .methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = BLOCK_DRIVER_E_BAD_REQUEST,
        .notified = notified, .turn = turn, .receive_first = SLOT_RECEIVED, .receive_count = 1,
    };
    bw_serve(&service);
}
