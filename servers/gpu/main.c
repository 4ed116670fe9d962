/*
 * The virtio GPU's driver: one display, one client, which lends the memory that holds the picture. It is an ordinary program and is trusted by nobody: it
 * has the registers of one device, its interrupt, and an IOSpace in which the device sees the driver's queue and, to be read, what the client has lent.
 * It never looks at a pixel. Protocol: protocol.ts; behaviour: README.md.
 *
 * Invariants
 *   G1  The device has one request at a time, which the driver waits for: the one client has asked for it. A device that is silent keeps that client waiting.
 *   G2  A rectangle's numbers are checked, and its windows were lent, before the device sees any of them.
 *   G3  Nothing spins: who waits for the device sleeps until it interrupts.
 * Source: VIRTIO 1.2, 5.7.
 */
#include <bailiwick.h>
#include <bailiwick/displaydriver.h>
#include <bailiwick/virtio.h>

BW_USE(regs);
BW_USE(irq);
BW_USE(iospace);

enum { DEVICE_GPU = 16, CONTROL = 0 };
enum { GET_DISPLAY_INFO = 0x100, RESOURCE_CREATE_2D = 0x101, SET_SCANOUT = 0x103, RESOURCE_FLUSH = 0x104, TRANSFER_TO_HOST_2D = 0x105, RESOURCE_ATTACH_BACKING = 0x106 };
enum { OK_NODATA = 0x1100, OK_DISPLAY_INFO = 0x1101, FORMAT_BGRX = 2, PICTURE = 1, MOST_SIDE = 4096, PIXEL = 4 };
#define WINDOW (2UL << 20)
#define WINDOWS 16UL

/* The upper half of the CSpace is the program's own. */
enum { SLOT_RECEIVED = 128, SLOT_TABLE, SLOT_QUEUE, SLOT_QUEUE_COPY, SLOT_WINDOWS };
#define QUEUE_ADDRESS BW_ADDRESS_OWN
/* I/O addresses: windows from 0 up, the queue far above them. */
#define QUEUE_IO (1ULL << 38)

struct rectangle {
    uint32_t x, y, width, height;
};
struct header {
    uint32_t type, flags;
    uint64_t fence;
    uint32_t context, ring;
};
/* All requests that are made here: which part of it is used, the type says. */
struct request {
    struct header header;
    union {
        struct { uint32_t id, format, width, height; } create;
        struct { uint32_t id, count; uint64_t address; uint32_t bytes, padding; } attach;
        struct { struct rectangle part; uint32_t display, id; } show;
        struct { struct rectangle part; uint32_t id, padding; } flush;
        struct { struct rectangle part; uint64_t offset; uint32_t id, padding; } transfer;
    };
};
_Static_assert(sizeof(struct header) == 24 && sizeof(struct request) == 56, "as the device reads them");
struct display_info {
    struct header header;
    struct { struct rectangle part; uint32_t enabled, flags; } displays[16];
};
_Static_assert(sizeof(struct display_info) == 408, "as the device writes it");
/* What the device reads and writes of the driver's own. */
struct shared {
    struct bw_virtio_ring ring;
    struct request request;
    volatile struct display_info answer;
};
_Static_assert(sizeof(struct shared) <= 4096, "the queue is one page");

static struct shared *const shared = (struct shared *)QUEUE_ADDRESS;
static struct bw_virtio device;
static struct bw_virtio_queue queue;
static bool present;
static uint32_t width, height;
static bool lent[WINDOWS];

static uint64_t windows(void) { return ((uint64_t)width * height * PIXEL + WINDOW - 1) / WINDOW; }

/* G1. The answer's type, 0: the device has failed. */
static uint32_t ask(uint32_t type, uint32_t bytes) {
    shared->request.header = (struct header){.type = type};
    shared->answer.header.type = 0;
    shared->ring.descriptors[0] = (struct bw_virtio_descriptor){QUEUE_IO + offsetof(struct shared, request), (uint32_t)sizeof(struct header) + bytes, BW_VIRTIO_NEXT, 1};
    shared->ring.descriptors[1] = (struct bw_virtio_descriptor){QUEUE_IO + offsetof(struct shared, answer), sizeof shared->answer, BW_VIRTIO_WRITE, 0};
    bw_virtio_interrupts(&queue, false);
    bw_virtio_offer(&queue, 0);
    bw_virtio_notify(&queue);
    for (bool sleeps = false;; sleeps = true) {
        const int head = bw_virtio_take(&queue);
        if (head == 0) return shared->answer.header.type;
        if (head != -1 || bw_virtio_failed(&device)) return 0;
        if (!sleeps) {
            /* Most answers are there at once. This one is not: asked for before a last look, or it is missed. */
            bw_virtio_interrupts(&queue, true);
            continue;
        }
        (void)bw_wait(BW_SLOT_NOTIFICATION);
        bw_virtio_acknowledge(&device);
        (void)bw_irq_ack(bw_use_irq.cap);
    }
}

static bool done(uint32_t type, uint64_t bytes) { return ask(type, (uint32_t)bytes) == OK_NODATA; }

/* Sets the device up, from whatever it was before: its picture is what lies in the windows, lent or not. */
static bool start_device(void) {
    struct request *r = &shared->request;
    if (!bw_virtio_begin(&device, bw_use_regs.address, DEVICE_GPU, 0) || !bw_virtio_queue_begin(&queue, &device, CONTROL, &shared->ring, QUEUE_IO) || queue.size < 2) return false;
    bw_virtio_ready(&device);
    if (ask(GET_DISPLAY_INFO, 0) != OK_DISPLAY_INFO) return false;
    width = shared->answer.displays[0].part.width;
    height = shared->answer.displays[0].part.height;
    if (width == 0 || height == 0 || width > MOST_SIDE || height > MOST_SIDE || windows() > WINDOWS) return false;
    r->create.id = PICTURE, r->create.format = FORMAT_BGRX, r->create.width = width, r->create.height = height;
    if (!done(RESOURCE_CREATE_2D, sizeof r->create)) return false;
    r->attach.id = PICTURE, r->attach.count = 1, r->attach.address = 0, r->attach.bytes = width * height * PIXEL, r->attach.padding = 0;
    if (!done(RESOURCE_ATTACH_BACKING, sizeof r->attach)) return false;
    r->show.part = (struct rectangle){0, 0, width, height}, r->show.display = 0, r->show.id = PICTURE;
    return done(SET_SCANOUT, sizeof r->show);
}

static void restart_device(void) {
    bw_virtio_reset(&device);
    present = start_device();
    bw_log(present ? "the device failed and was started anew" : "the device does not start anew");
}

static uint32_t do_info(struct bw_request *r) {
    if (!present) return DISPLAY_DRIVER_E_NO_DISPLAY;
    r->w[0] = width;
    r->w[1] = height;
    r->w[2] = windows();
    r->answer_length = 3;
    return 0;
}

static uint32_t do_window(struct bw_request *r) {
    const uint64_t number = r->w[0];
    uint32_t kind = 0, rights = 0;
    if (number >= WINDOWS) return DISPLAY_DRIVER_E_BAD_REQUEST;
    if (r->caps != 1 || r->unwrapped != 0 || bw_discrim_classify(BW_SLOT_DISCRIM, SLOT_RECEIVED, &kind, &rights) != 0 || kind != BW_KIND_FRAME) return DISPLAY_DRIVER_E_NO_CAPABILITY;
    if ((rights & BW_RIGHT_READ) == 0) return DISPLAY_DRIVER_E_NO_CAPABILITY;
    const bw_cptr slot = SLOT_WINDOWS + number;
    lent[number] = false;
    (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
    if (bw_cnode_move(BW_SLOT_CNODE, slot, BW_SLOT_CNODE, SLOT_RECEIVED) != 0) return DISPLAY_DRIVER_E_NO_CAPABILITY;
    /* To be read only, whatever else the capability allows. Of a smaller frame the device is refused what lies beyond, which is the client's own loss. */
    if (bw_iospace_map(bw_use_iospace.cap, slot, number * WINDOW, BW_RIGHT_READ) != 0) {
        (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
        return DISPLAY_DRIVER_E_NO_CAPABILITY;
    }
    lent[number] = true;
    return 0;
}

/* G2 */
static uint32_t check(const uint64_t w[4]) {
    if (w[0] >= width || w[1] >= height || w[2] == 0 || w[3] == 0 || w[2] > width - w[0] || w[3] > height - w[1]) return DISPLAY_DRIVER_E_BAD_REQUEST;
    const uint64_t first = (w[1] * width + w[0]) * PIXEL, last = ((w[1] + w[3] - 1) * width + w[0] + w[2]) * PIXEL - 1;
    for (uint64_t i = first / WINDOW; i <= last / WINDOW; i++) if (!lent[i]) return DISPLAY_DRIVER_E_NO_WINDOW;
    return 0;
}

static uint32_t do_flush(struct bw_request *r) {
    if (!present) return DISPLAY_DRIVER_E_NO_DISPLAY;
    const uint32_t refusal = check(r->w);
    if (refusal != 0) return refusal;
    const struct rectangle part = {(uint32_t)r->w[0], (uint32_t)r->w[1], (uint32_t)r->w[2], (uint32_t)r->w[3]};
    struct request *q = &shared->request;
    q->transfer.part = part, q->transfer.offset = ((uint64_t)part.y * width + part.x) * PIXEL, q->transfer.id = PICTURE, q->transfer.padding = 0;
    bool shown = done(TRANSFER_TO_HOST_2D, sizeof q->transfer);
    if (shown) {
        q->flush.part = part, q->flush.id = PICTURE, q->flush.padding = 0;
        shown = done(RESOURCE_FLUSH, sizeof q->flush);
    }
    if (bw_virtio_failed(&device)) restart_device();
    return shown ? 0 : DISPLAY_DRIVER_E_FAILED;
}

static void notified(uint64_t bits) {
    if ((bits & bw_use_irq.badge) == 0) return;
    bw_virtio_acknowledge(&device);
    if (present && bw_virtio_failed(&device)) restart_device();
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
    (void)bw_irq_ack(bw_use_irq.cap);
    present = start_device();
    if (!present) bw_log("there is no display that can be driven");
    static const struct bw_method methods[] = {
        {.label = DISPLAY_DRIVER_INFO, .words = 0, .handle = do_info},
        {.label = DISPLAY_DRIVER_WINDOW, .words = 1, .handle = do_window},
        {.label = DISPLAY_DRIVER_FLUSH, .words = 4, .handle = do_flush},
    };
    struct bw_service service = {
        .methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = DISPLAY_DRIVER_E_BAD_REQUEST,
        .notified = notified, .receive_first = SLOT_RECEIVED, .receive_count = 1,
    };
    bw_serve(&service);
}
