/*
 * The virtio input driver: a keyboard or a tablet, for one client. It is an ordinary program and is trusted by nobody: it has the registers of one device,
 * its interrupt, and an IOSpace in which the device sees two pages of the driver's. Protocol: protocol.ts; behaviour: README.md.
 *
 * Invariants
 *   N1  An event is taken from the device only when the client has room for it. Until then it waits in the device, and behind that on the host, which
 *       keeps so much and tells of what it lost: nothing is lost here, and a client that takes nothing costs nothing.
 *   N2  Nothing that the device says is believed: a number that cannot be ends the queue; an event is copied as it is, and means something to the client only.
 *   N3  The device can keep nobody busy: a turn moves PIECE events; a device that fails is started anew, but not for ever.
 * Source: VIRTIO 1.2, 5.8.
 */
#include <bailiwick.h>
#include <bailiwick/input.h>
#include <bailiwick/inputdriver.h>
#include <bailiwick/channel.h>
#include <bailiwick/virtio.h>

BW_USE(regs);
BW_USE(irq);
BW_USE(iospace);

enum { DEVICE_INPUT = 18, EVENTS = 0, BUFFERS = 64, PIECE = 64, PAGE = 4096, PAGES = 2, MOST_FAILURES = 3 };
enum { CONFIG_SELECT = 0, CONFIG_SUBSELECT = 1, CONFIG_SIZE = 2, CONFIG_DATA = 8, SELECT_BITS = 0x11, SELECT_AXIS = 0x12, KEY_A = 30 };
/* The upper half of the CSpace is the program's own. */
enum { SLOT_RECEIVED = 128, SLOT_QUEUE, SLOT_QUEUE_COPY, SLOT_SELF, SLOT_CHANNEL };
#define CHANNEL_ADDRESS BW_ADDRESS_OWN
#define QUEUE_ADDRESS (BW_ADDRESS_OWN + 16 * PAGE)
#define QUEUE_IO 0UL
#define CLIENT_BIT (1ULL << 52)
/* The driver's own: there is a turn to do. */
#define SELF_BIT (1ULL << 51)

struct device_event {
    uint16_t type, code;
    uint32_t value;
};
struct shared {
    struct bw_virtio_ring ring;
    volatile struct device_event events[BUFFERS];
};
_Static_assert(sizeof(struct shared) <= PAGE, "the queue is one page");

static struct shared *const shared = (struct shared *)QUEUE_ADDRESS;
static struct bw_virtio device;
static struct bw_virtio_queue queue;
static bool present, keyboard;
static uint32_t axes[2];
static uint64_t count;
/* Of the device, in a row without an event between them. */
static uint32_t failures;
static bool lent[BUFFERS];

static struct bw_accepted channels[1];
static struct bw_acceptor acceptor = {
    .channels = channels, .count = 1, .pages = PAGES, .slots = SLOT_CHANNEL, .address = CHANNEL_ADDRESS, .first_bit = CLIENT_BIT, .received = SLOT_RECEIVED,
};

static volatile uint8_t *config(uint32_t at) { return (volatile uint8_t *)(bw_use_regs.address + 0x100 + at); }

/* Bytes of what the device says of itself. */
static uint32_t select(uint8_t what, uint8_t sub) {
    *config(CONFIG_SELECT) = what;
    *config(CONFIG_SUBSELECT) = sub;
    return *config(CONFIG_SIZE);
}

static void describe(void) {
    keyboard = select(SELECT_BITS, BW_EVENT_KEY) > KEY_A / 8 && (*config(CONFIG_DATA + KEY_A / 8) >> KEY_A % 8 & 1) != 0;
    for (uint8_t axis = 0; axis < 2; axis++) axes[axis] = select(SELECT_AXIS, axis) >= 8 ? *(volatile uint32_t *)config(CONFIG_DATA + 4) : 0;
}

static void lend(uint32_t buffer) {
    shared->ring.descriptors[buffer] = (struct bw_virtio_descriptor){QUEUE_IO + offsetof(struct shared, events) + buffer * sizeof(struct device_event), sizeof(struct device_event), BW_VIRTIO_WRITE, 0};
    lent[buffer] = true;
    bw_virtio_offer(&queue, (uint16_t)buffer);
}

/* Sets the device up, from whatever it was before: it has all buffers. */
static bool start_device(void) {
    if (!bw_virtio_begin(&device, bw_use_regs.address, DEVICE_INPUT, 0) || !bw_virtio_queue_begin(&queue, &device, EVENTS, &shared->ring, QUEUE_IO)) return false;
    describe();
    for (uint32_t i = 0; i < BUFFERS; i++) lent[i] = false;
    for (uint32_t i = 0; i < BUFFERS && i < queue.size; i++) lend(i);
    bw_virtio_ready(&device);
    bw_virtio_notify(&queue);
    return true;
}

static void fail(void) {
    bw_virtio_reset(&device);
    present = ++failures < MOST_FAILURES && start_device();
    bw_log(present ? "the device failed and was started anew" : "the device failed and is given up");
}

/* The next event, if the device has one. */
static bool take(struct bw_input_event *event) {
    const int head = bw_virtio_take(&queue);
    if (head == -1) return false;
    if (head < 0 || head >= BUFFERS || !lent[head]) {
        fail();
        return false;
    }
    failures = 0;
    *event = (struct bw_input_event){.type = shared->events[head].type, .code = shared->events[head].code, .value = (int32_t)shared->events[head].value, .number = ++count};
    lend((uint32_t)head);
    return true;
}

/* Events to the client, as far as it has room (N1). */
static bool turn(void) {
    struct bw_accepted *c = &channels[0];
    if (c->client == 0 || !c->has_out) return false;
    struct bw_input_event event;
    uint32_t moved = 0;
    while (present && moved < PIECE) {
        /* A client that is gone has no room, and sleeping is true at once. */
        if (bw_sendable(&c->out) == 0 && bw_sender_sleeps(&c->out)) break;
        if (bw_sendable(&c->out) == 0) continue;
        if (!take(&event)) break;
        (void)bw_try_put(&c->out, &event);
        moved++;
    }
    if (moved > 0) {
        bw_announce(&c->out);
        if (present) bw_virtio_notify(&queue);
    }
    return moved == PIECE;
}

static void notified(uint64_t bits) {
    if ((bits & bw_use_irq.badge) == 0) return;
    bw_virtio_acknowledge(&device);
    if (present && bw_virtio_failed(&device)) fail();
    (void)bw_irq_ack(bw_use_irq.cap);
}

static uint32_t do_info(struct bw_request *r) {
    if (!present) return INPUT_DRIVER_E_NO_DEVICE;
    r->w[0] = keyboard;
    r->w[1] = axes[0];
    r->w[2] = axes[1];
    r->answer_length = 3;
    return 0;
}

static uint32_t do_open(struct bw_request *r) {
    /* No messages to the driver: a ring for them would be looked at by nobody. */
    if (r->w[0] != 0 || r->w[1] != 0 || r->w[3] != sizeof(struct bw_input_event)) return INPUT_DRIVER_E_BAD_REQUEST;
    /* Events may wait already, and nothing else would tell of them. */
    (void)bw_signal(SLOT_SELF);
    return bw_accept(&acceptor, r);
}
static uint32_t do_memory(struct bw_request *r) { return bw_accept_memory(&acceptor, r); }

/* The queue's page: mapped here, and in the IOSpace by a second capability. */
static bw_err make_queue(void) {
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 12, 1, BW_SLOT_CNODE, SLOT_QUEUE);
    if (error == 0) error = bw_cnode_copy(BW_SLOT_CNODE, SLOT_QUEUE_COPY, BW_SLOT_CNODE, SLOT_QUEUE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    if (error == 0) error = bw_frame_map(SLOT_QUEUE, QUEUE_ADDRESS, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    if (error == 0) error = bw_iospace_map(bw_use_iospace.cap, SLOT_QUEUE_COPY, QUEUE_IO, BW_RIGHT_READ | BW_RIGHT_WRITE);
    if (error == 0) error = bw_cnode_mint(BW_SLOT_CNODE, SLOT_SELF, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, SELF_BIT);
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
    if (!present) bw_log("there is no keyboard or tablet behind the device");
    (void)bw_irq_ack(bw_use_irq.cap);
    static const struct bw_method methods[] = {
        {.label = INPUT_DRIVER_INFO, .words = 0, .handle = do_info},
        {.label = INPUT_DRIVER_OPEN, .words = 4, .handle = do_open},
        {.label = INPUT_DRIVER_MEMORY, .words = 1, .handle = do_memory},
    };
    struct bw_service service = {
        .methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = INPUT_DRIVER_E_BAD_REQUEST,
        .notified = notified, .turn = turn, .receive_first = SLOT_RECEIVED, .receive_count = 1,
    };
    bw_serve(&service);
}
