/*
 * The virtio-net driver: one network card, one client, which lends the memory that the frames lie in. It is an ordinary program and is trusted by nobody:
 * it has the registers of one device, its interrupt, and an IOSpace in which the device sees the driver's two queues and what the client has lent, no more.
 * It never looks at a frame. Protocol: protocol.ts and <bailiwick/nic.h>; behaviour: README.md.
 *
 * Invariants (and P1 to P4, which its port keeps)
 *   C3  Nothing spins: the device interrupts, the client rings, and until then the driver sleeps.
 *   C4  A channel begins with a device that holds nothing: no frame goes into a room of the client before.
 * Source: VIRTIO 1.2, 5.1.
 */
#include <bailiwick.h>
#include <bailiwick/nic.h>
#include <bailiwick/nicdriver.h>
#include <bailiwick/nicport.h>
#include <bailiwick/virtio.h>

BW_USE(regs);
BW_USE(irq);
BW_USE(iospace);

enum { DEVICE_NETWORK = 1, FEATURE_MTU = 3, FEATURE_MAC = 5, FEATURE_STATUS = 16, CONFIG_MAC = 0, CONFIG_STATUS = 4, CONFIG_MTU = 8, LINK_UP = 1 };
enum { RECEIVE = 0, TRANSMIT = 1, QUEUES = 2, HEADER_BYTES = 12 };

/* The upper half of the CSpace is the program's own. */
enum { SLOT_RECEIVED = 128, SLOT_QUEUES, SLOT_QUEUE_COPIES = SLOT_QUEUES + QUEUES, SLOT_PORT = SLOT_QUEUE_COPIES + QUEUES };
_Static_assert(SLOT_PORT + BW_NIC_PORT_SLOTS <= 256, "all slots are there");
/* The channel's memory, and the queues' pages behind it, in one run of 2 MiB. */
#define PORT_ADDRESS BW_ADDRESS_OWN
#define QUEUE_PAGE 4096UL
#define QUEUE_ADDRESS (BW_ADDRESS_OWN + 64 * QUEUE_PAGE)
#define CLIENT_BIT (1ULL << 52)
/* I/O addresses: windows from 0 up, the queues far above them. */
#define QUEUE_IO (1ULL << 38)

/* A chain is a header and a frame; a room has the chain of its tag's number, so has a frame to send. */
enum { CHAINS = BW_VIRTIO_MOST / 2 };
_Static_assert(CHAINS == BW_NIC_ROOMS, "a chain for each room");

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
static uint64_t restarts;

static struct shared *shared(uint32_t queue) { return (struct shared *)(QUEUE_ADDRESS + queue * QUEUE_PAGE); }

/* Queues that are to be notified of what was offered. */
static uint32_t offered;
static struct bw_nic_port port;

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

/* The device gave up: whatever it held is answered, and it begins anew. Told at the 1st, 2nd, 4th ... time, for a client can bring it about as often as it likes. */
static void restart_device(void) {
    bw_virtio_reset(&device);
    bw_nic_port_fail(&port);
    port.present = start_device();
    restarts++;
    if (!port.present) bw_log("the device does not start anew");
    else if ((restarts & (restarts - 1)) == 0) bw_log("the device refused an access to what its client lent, and was started anew");
}

/* C4: the device holds nothing of before. */
static void forget(struct bw_nic_port *p) {
    if (!p->present) return;
    bw_virtio_reset(&device);
    p->present = start_device();
}

/* Hands a request to the device. */
static void submit(struct bw_nic_port *p, uint32_t tag, const struct bw_nic_request *r) {
    (void)p;
    const bool room = r->operation == BW_NIC_TAKE;
    const uint32_t queue = room ? RECEIVE : TRANSMIT;
    /* No more than a frame: what lies behind is not for the device. */
    const uint32_t bytes = room ? BW_NIC_MOST_FRAME : r->bytes;
    const uint16_t head = (uint16_t)(2 * (room ? tag : tag - BW_NIC_FIRST_SEND)), write = room ? BW_VIRTIO_WRITE : 0;
    struct bw_virtio_descriptor *d = &shared(queue)->ring.descriptors[head];
    d[0] = (struct bw_virtio_descriptor){QUEUE_IO + queue * QUEUE_PAGE + offsetof(struct shared, header), HEADER_BYTES, (uint16_t)(BW_VIRTIO_NEXT | write), (uint16_t)(head + 1)};
    d[1] = (struct bw_virtio_descriptor){(uint64_t)r->window * BW_NIC_WINDOW + r->offset, bytes, write, 0};
    bw_virtio_offer(&queues[queue], head);
    offered |= 1U << queue;
}

/* A smaller frame is a shorter window: the device is refused what lies beyond, and started anew, which is the client's own loss. */
static bw_err map(struct bw_nic_port *p, uint32_t number, bw_cptr slot, uint32_t rights) {
    (void)p;
    return bw_iospace_map(bw_use_iospace.cap, slot, number * (uint64_t)BW_NIC_WINDOW, rights);
}

/* What a queue is done with. False: it said what cannot be. */
static bool collect_queue(uint32_t queue) {
    uint32_t written;
    for (int head; (head = bw_virtio_take_written(&queues[queue], &written)) != -1;) {
        const uint32_t tag = (queue == RECEIVE ? 0 : BW_NIC_FIRST_SEND) + (uint32_t)head / 2;
        if (head < 0 || head % 2 != 0 || port.tags[tag].state != BW_NIC_UNDER_WAY) return false;
        if (queue == TRANSMIT) bw_nic_answer(&port, tag, BW_NIC_DONE, 0);
        else if (written < HEADER_BYTES + BW_NIC_LEAST_FRAME || written > HEADER_BYTES + BW_NIC_MOST_FRAME) return false;
        else bw_nic_answer(&port, tag, BW_NIC_DONE, written - HEADER_BYTES);
    }
    return true;
}

static void collect(void) {
    if (port.present && (!collect_queue(TRANSMIT) || !collect_queue(RECEIVE))) restart_device();
}

static void interrupts(bool wanted) {
    for (uint32_t i = 0; port.present && i < QUEUES; i++) bw_virtio_interrupts(&queues[i], wanted);
}

/* A piece of work: requests to the device, answers to the client. */
static bool turn(void) {
    if (port.channel.client == 0) return false;
    /* While it works, it looks by itself: a frame is on its way before anyone could be interrupted. */
    interrupts(false);
    offered = 0;
    const uint32_t taken = bw_nic_port_take(&port);
    for (uint32_t i = 0; port.present && i < QUEUES; i++) if ((offered >> i & 1) != 0) bw_virtio_notify(&queues[i]);
    collect();
    bw_nic_port_give(&port);
    if (bw_nic_port_can_take(&port) && (taken == BW_NIC_PIECE || !bw_nic_port_sleeps(&port))) return true;
    interrupts(true);
    collect();
    bw_nic_port_give(&port);
    /* What came back just now may have made room for what is still in the ring. */
    return !bw_nic_port_sleeps(&port);
}

static void notified(uint64_t bits) {
    if ((bits & bw_use_irq.badge) == 0) return;
    bw_virtio_acknowledge(&device);
    collect();
    if (bw_virtio_failed(&device)) restart_device();
    (void)bw_irq_ack(bw_use_irq.cap);
}

static uint32_t do_info(struct bw_request *r) {
    if (!port.present) return NIC_DRIVER_E_NO_NETWORK;
    r->w[0] = mac;
    r->w[1] = mtu;
    r->w[2] = link_up();
    r->answer_length = 3;
    return 0;
}

static uint32_t do_window(struct bw_request *r) { return bw_nic_port_window(&port, r); }
static uint32_t do_open(struct bw_request *r) { return bw_nic_port_open(&port, r); }
static uint32_t do_memory(struct bw_request *r) { return bw_nic_port_memory(&port, r); }

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
    static const struct bw_nic_behind behind = {.map = map, .submit = submit, .forget = forget};
    port.behind = &behind, port.slots = SLOT_PORT, port.address = PORT_ADDRESS, port.bit = CLIENT_BIT, port.received = SLOT_RECEIVED;
    bw_err error = bw_nic_port_init(&port);
    if (error == 0) error = make_queues();
    if (error != 0) {
        bw_log("the driver's memory does not suffice");
        return 1;
    }
    port.present = start_device();
    if (!port.present) bw_log("there is no network behind the device");
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
