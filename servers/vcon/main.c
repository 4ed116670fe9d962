/*
 * The virtio console's driver: what servers/console is for the 16550. It has the registers of one device, its interrupt, and an IOSpace in which the device
 * sees four pages of the driver's. What it does with clients is <bailiwick/views.h>; protocol and behaviour: servers/console/README.md.
 *
 * Invariants
 *   N1  A buffer is the device's or the driver's: it is read and written here only while the device does not have it. Of input that came, each byte is taken once.
 *   N2  Nothing that the device says is believed: a number that cannot be ends the queue, a length is cut to the buffer.
 *   N3  The device can keep nobody busy: one that fails is started anew at once, but not for ever.
 * Source: VIRTIO 1.2, 5.3.
 */
#include <bailiwick.h>
#include <bailiwick/views.h>
#include <bailiwick/virtio.h>

BW_USE(regs);
BW_USE(irq);
BW_USE(iospace);
/* For quotas. */
BW_USE_OPTIONAL(timer);

enum { DEVICE_CONSOLE = 3, INPUT = 0, OUTPUT = 1, BUFFERS = 4, BUFFER_BYTES = 1024, PAGE = 4096, MOST_FAILURES = 3 };
/* Pages: a queue and its buffers, for each direction. */
enum { PAGES = 4, SLOT_TABLE = BW_VIEWS_SLOTS_END, SLOT_PAGES, SLOT_COPIES = SLOT_PAGES + PAGES };
_Static_assert(BUFFERS * BUFFER_BYTES == PAGE, "the buffers are a page");
_Static_assert(SLOT_COPIES + PAGES <= 256, "all slots are there");
/* Where the device sees what lies at BW_ADDRESS_OWN: from 0 on. */
#define IO(address) ((uint64_t)(address) - BW_ADDRESS_OWN)

static struct direction {
    struct bw_virtio_queue queue;
    /* The device has this buffer. */
    bool lent[BUFFERS];
} input, output;

static struct bw_virtio device;
static bool present;
/* In a row, without a buffer that came back between them; and whether the operator is to be told. */
static uint32_t failures;
static bool tell;

/* Input that came: a buffer, and what of it is left. */
static uint32_t current, next, left;

static struct bw_virtio_ring *ring_of(uint32_t number) { return (struct bw_virtio_ring *)(BW_ADDRESS_OWN + 2UL * PAGE * number); }
static volatile uint8_t *buffer_of(uint32_t number, uint32_t buffer) { return (volatile uint8_t *)(BW_ADDRESS_OWN + 2UL * PAGE * number + PAGE + (uint64_t)buffer * BUFFER_BYTES); }

static void lend(struct direction *d, uint32_t buffer, uint32_t bytes) {
    const uint32_t number = d->queue.number;
    d->queue.ring->descriptors[buffer] = (struct bw_virtio_descriptor){IO(buffer_of(number, buffer)), bytes, number == INPUT ? BW_VIRTIO_WRITE : 0, 0};
    d->lent[buffer] = true;
    bw_virtio_offer(&d->queue, (uint16_t)buffer);
}

/* Sets the device up, from whatever it was before: it has all buffers for input, and none for output. */
static bool start_device(void) {
    input = output = (struct direction){0};
    left = 0;
    if (!bw_virtio_begin(&device, bw_use_regs.address, DEVICE_CONSOLE, 0)) return false;
    if (!bw_virtio_queue_begin(&input.queue, &device, INPUT, ring_of(INPUT), IO(ring_of(INPUT)))) return false;
    if (!bw_virtio_queue_begin(&output.queue, &device, OUTPUT, ring_of(OUTPUT), IO(ring_of(OUTPUT)))) return false;
    if (input.queue.size < BUFFERS || output.queue.size < BUFFERS) return false;
    for (uint32_t i = 0; i < BUFFERS; i++) lend(&input, i, BUFFER_BYTES);
    bw_virtio_ready(&device);
    bw_virtio_notify(&input.queue);
    return true;
}

/* What the device had to send is lost. No system call here: the operator is told when there may be one. */
static void fail(void) {
    bw_virtio_reset(&device);
    present = ++failures < MOST_FAILURES && start_device();
    tell = true;
}

/* A buffer that the device is done with, -1: none. */
static int take_back(struct direction *d, uint32_t *bytes) {
    const int head = present ? bw_virtio_take_written(&d->queue, bytes) : -1;
    if (head >= 0 && head < BUFFERS && d->lent[head]) {
        d->lent[head] = false;
        failures = 0;
        return head;
    }
    if (present && (head != -1 || bw_virtio_failed(&device))) fail();
    return -1;
}

static uint32_t send(const uint8_t *bytes, uint32_t count) {
    uint32_t sent = 0, ignored = 0;
    /* Behind a device that is given up there is nobody: nobody is to wait for it. */
    if (!present) return count;
    while (take_back(&output, &ignored) >= 0) continue;
    for (uint32_t i = 0; present && i < BUFFERS && sent < count; i++) {
        if (output.lent[i]) continue;
        const uint32_t piece = count - sent < BUFFER_BYTES ? count - sent : BUFFER_BYTES;
        volatile uint8_t *buffer = buffer_of(OUTPUT, i);
        for (uint32_t n = 0; n < piece; n++) buffer[n] = bytes[sent + n];
        sent += piece;
        lend(&output, i, piece);
    }
    if (sent > 0) bw_virtio_notify(&output.queue);
    return sent;
}

static bool receive(uint8_t *byte) {
    while (left == 0) {
        uint32_t bytes = 0;
        const int buffer = take_back(&input, &bytes);
        if (buffer < 0) return false;
        current = (uint32_t)buffer;
        next = 0;
        left = bytes < BUFFER_BYTES ? bytes : BUFFER_BYTES;
        if (left == 0) return false;
    }
    *byte = buffer_of(INPUT, current)[next++];
    if (--left == 0) {
        lend(&input, current, BUFFER_BYTES);
        bw_virtio_notify(&input.queue);
    }
    return true;
}

static void tell_operator(void) {
    if (tell) bw_log(present ? "the device failed and was started anew" : "the device failed again and again: it is given up");
    tell = false;
}

static void notified(uint64_t bits) {
    if ((bits & bw_use_irq.badge) == 0) return;
    if (present) bw_virtio_acknowledge(&device);
    bw_views_go_on();
    tell_operator();
    (void)bw_irq_ack(bw_use_irq.cap);
}

/* The queues' pages: mapped here, and in the IOSpace by second capabilities. */
static bw_err make_pages(void) {
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_PAGE_TABLE, 0, 1, BW_SLOT_CNODE, SLOT_TABLE);
    if (error == 0) error = bw_page_table_map(SLOT_TABLE, BW_ADDRESS_OWN, BW_SLOT_VSPACE);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 12, PAGES, BW_SLOT_CNODE, SLOT_PAGES);
    for (uint32_t i = 0; i < PAGES && error == 0; i++) {
        const uint32_t rights = BW_RIGHT_READ | BW_RIGHT_WRITE;
        error = bw_cnode_copy(BW_SLOT_CNODE, SLOT_COPIES + i, BW_SLOT_CNODE, SLOT_PAGES + i, rights);
        if (error == 0) error = bw_frame_map(SLOT_PAGES + i, BW_ADDRESS_OWN + (uint64_t)i * PAGE, BW_SLOT_VSPACE, rights);
        if (error == 0) error = bw_iospace_map(bw_use_iospace.cap, SLOT_COPIES + i, (uint64_t)i * PAGE, rights);
    }
    return error;
}

int main(void) {
    if (make_pages() != 0) {
        bw_log("the driver's memory does not suffice");
        return 1;
    }
    present = start_device();
    if (!present) {
        bw_log("there is no console device");
        return 1;
    }
    (void)bw_irq_ack(bw_use_irq.cap);
    const struct bw_line line = {.send = send, .receive = receive, .notified = notified, .sent = tell_operator, .timer = bw_use_timer.cap};
    bw_views_serve(&line);
    return 1;
}
