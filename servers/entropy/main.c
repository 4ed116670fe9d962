/*
 * The entropy driver: the virtio entropy device's bytes, shared out. It has the registers of one device, its interrupt, and an IOSpace in which the device
 * sees one page of the driver's. Protocol: protocol.ts; behaviour: README.md.
 *
 * Invariants
 *   E1  A byte is given once: it is wiped where it was before the answer goes.
 *   E2  Nobody waits: what is not there is refused. The device is asked for more, and what it gives comes by interrupt, or at once.
 *   E3  The lower half of the pool is for clients that have had less than SHARE since it was last full: who asks without pause uses up the upper half only.
 *   E4  The device can keep nobody busy: it is asked again by an interrupt only if that brought bytes, and one that failed rests until the next request.
 * Source: VIRTIO 1.2, 5.4.
 */
#include <bailiwick.h>
#include <bailiwick/entropy.h>
#include <bailiwick/virtio.h>

BW_USE(regs);
BW_USE(irq);
BW_USE(iospace);

enum { DEVICE_ENTROPY = 4, REQUESTS = 0, MOST_BYTES = 256, POOL = 2048, RESERVE = POOL / 2, SHARE = 256, CLIENTS = 64, PIECE = 512, TRIES = 2 * POOL / PIECE };
/* The upper half of the CSpace is the program's own. */
enum { SLOT_TABLE = 128, SLOT_QUEUE, SLOT_QUEUE_COPY };
#define QUEUE_ADDRESS BW_ADDRESS_OWN
#define QUEUE_IO 0UL

/* All that the device reads and writes. */
struct shared {
    struct bw_virtio_ring ring;
    volatile uint8_t bytes[PIECE];
};
_Static_assert(sizeof(struct shared) <= 4096, "the queue is one page");

static struct shared *const shared = (struct shared *)QUEUE_ADDRESS;
static struct bw_virtio device;
static struct bw_virtio_queue queue;
/* There is a device that works; it has a request; its failure was told since it last gave something. */
static bool present, asked, told;

static uint8_t pool[POOL];
static uint32_t have, wanted;
/* Counts how often the pool was full. */
static uint64_t round_number;

/* What each client has had in which round. One for which there is no place has no part in the reserve. */
static struct client {
    uint64_t badge;
    uint64_t round;
    uint32_t had;
} clients[CLIENTS];

/* Sets the device up, from whatever it was before. */
static bool start_device(void) {
    asked = false;
    if (!bw_virtio_begin(&device, bw_use_regs.address, DEVICE_ENTROPY, 0) || !bw_virtio_queue_begin(&queue, &device, REQUESTS, &shared->ring, QUEUE_IO)) return false;
    bw_virtio_ready(&device);
    return true;
}

static void stop_device(void) {
    bw_virtio_reset(&device);
    present = asked = false;
    if (!told) bw_log("the device failed; it is started anew when somebody asks");
    told = true;
}

static void ask(void) {
    if (!asked) {
        wanted = POOL - have < PIECE ? POOL - have : PIECE;
        shared->ring.descriptors[0] = (struct bw_virtio_descriptor){QUEUE_IO + offsetof(struct shared, bytes), wanted, BW_VIRTIO_WRITE, 0};
        bw_virtio_offer(&queue, 0);
        asked = true;
    }
    bw_virtio_notify(&queue);
}

/* What the device has given into the pool; true when that was something. A device that failed stops. */
static bool collect(void) {
    uint32_t bytes = 0;
    const int head = bw_virtio_take_written(&queue, &bytes);
    if (head < -1 || head > 0 || (head == 0 && !asked) || bw_virtio_failed(&device)) {
        stop_device();
        return false;
    }
    if (head == -1) return false;
    asked = false;
    if (bytes > wanted) bytes = wanted;
    for (uint32_t i = 0; i < bytes; i++) {
        pool[have++] = shared->bytes[i];
        shared->bytes[i] = 0;
    }
    if (have == POOL) round_number++;
    if (bytes > 0) told = false;
    return bytes > 0;
}

static void refill(void) {
    for (uint32_t i = 0; i < TRIES && present && have < POOL; i++) {
        ask();
        if (!collect()) return;
    }
}

static struct client *client_of(uint64_t badge) {
    for (uint32_t i = 0; i < CLIENTS; i++) {
        if (clients[i].badge == 0) clients[i].badge = badge;
        if (clients[i].badge != badge) continue;
        if (clients[i].round != round_number) clients[i] = (struct client){.badge = badge, .round = round_number};
        return &clients[i];
    }
    return NULL;
}

/* E3 */
static bool may_have(uint64_t badge, uint32_t count) {
    const struct client *client = client_of(badge);
    const uint32_t kept = client != NULL && client->had + count <= SHARE ? 0 : RESERVE;
    return have >= kept + count;
}

static uint32_t do_read(struct bw_request *r) {
    if (r->w[0] == 0 || r->w[0] > MOST_BYTES) return ENTROPY_E_BAD_REQUEST;
    const uint32_t count = (uint32_t)r->w[0];
    const bool there = present || start_device();
    present = there;
    if (!may_have(r->badge, count)) refill();
    if (!may_have(r->badge, count)) return there ? ENTROPY_E_NOT_READY : ENTROPY_E_NO_DEVICE;
    struct client *client = client_of(r->badge);
    if (client != NULL) client->had += count;
    have -= count;
    memcpy(bw_answer_room(1), &pool[have], count);
    memset(&pool[have], 0, count);
    if (present && !asked && POOL - have >= PIECE) ask();
    r->w[0] = count;
    bw_answer_bytes(r, 1, count);
    return 0;
}

static void notified(uint64_t bits) {
    if ((bits & bw_use_irq.badge) == 0) return;
    bw_virtio_acknowledge(&device);
    if (present && collect() && have < POOL) ask();
    (void)bw_irq_ack(bw_use_irq.cap);
}

/* The queue's page: mapped here, and in the IOSpace by a second capability. */
static bw_err make_queue(void) {
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_PAGE_TABLE, 0, 1, BW_SLOT_CNODE, SLOT_TABLE);
    if (error == 0) error = bw_page_table_map(SLOT_TABLE, QUEUE_ADDRESS, BW_SLOT_VSPACE);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 12, 1, BW_SLOT_CNODE, SLOT_QUEUE);
    if (error == 0) error = bw_cnode_copy(BW_SLOT_CNODE, SLOT_QUEUE_COPY, BW_SLOT_CNODE, SLOT_QUEUE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    if (error == 0) error = bw_frame_map(SLOT_QUEUE, QUEUE_ADDRESS, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    if (error == 0) error = bw_iospace_map(bw_use_iospace.cap, SLOT_QUEUE_COPY, QUEUE_IO, BW_RIGHT_READ | BW_RIGHT_WRITE);
    return error;
}

int main(void) {
    if (make_queue() != 0) {
        bw_log("the driver's memory does not suffice");
        return 1;
    }
    present = start_device();
    if (!present) bw_log("there is no entropy device");
    refill();
    (void)bw_irq_ack(bw_use_irq.cap);
    static const struct bw_method methods[] = {{.label = ENTROPY_READ, .words = 1, .handle = do_read}};
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = ENTROPY_E_BAD_REQUEST, .notified = notified};
    bw_serve(&service);
}
