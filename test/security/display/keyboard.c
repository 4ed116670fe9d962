/*
 * The driver of a keyboard that wants what is not its own: what is typed is written where it says, so who types would write into others' memory. It tries in turn every
 * way in which the device could be made to reach other memory than what was mapped for it, while somebody types.
 */
#include <bailiwick.h>
#include <bailiwick/virtio.h>

BW_USE(console);
BW_USE(regs);
BW_USE(irq);
BW_USE(iospace);

enum { SLOT_QUEUES = 128, SLOT_DATA = 132, SLOT_STALE = 134, SLOT_READ_ONLY = 136, SLOT_TABLE = 140 };
#define QUEUES 0x60000000UL
#define DATA 0x60200000UL
#define QUEUES_IO 0x10000UL
#define DATA_IO 0x400000UL
#define READ_ONLY_IO 0x800000UL
/* Where there is other memory. */
#define STALE_IO 0x81000000UL
#define VICTIM 0x82000000UL
#define UART 0x10000000UL
#define PAGE 4096UL

enum { DEVICE_INPUT = 18, EVENTS = 0, STATUS = 1, EVENT_BYTES = 8, BUFFERS = 16, PATIENCE = 200000 };

static struct bw_virtio_ring *ring(uint32_t queue) { return (struct bw_virtio_ring *)(QUEUES + queue * PAGE); }
static struct bw_virtio device;
static struct bw_virtio_queue queues[2];

static void must(bw_err error, const char *what) {
    if (error == 0) return;
    bw_printf("%s: %s\n", what, bw_error_name(error));
    bw_exit(1);
}

static void begin(void) {
    if (!bw_virtio_begin(&device, bw_use_regs.address, DEVICE_INPUT, 0)) bw_exit(2);
    for (uint32_t i = 0; i < 2; i++) if (!bw_virtio_queue_begin(&queues[i], &device, i, ring(i), QUEUES_IO + i * PAGE)) bw_exit(2);
    bw_virtio_ready(&device);
}

/* Somebody types all the time: the device does something with what it was given, or gives up. True: it did what it should not. */
static bool waits(uint32_t queue) {
    uint32_t written;
    for (uint32_t n = 0; n < PATIENCE; n++) {
        if (bw_virtio_failed(&device)) return false;
        if (bw_virtio_take_written(&queues[queue], &written) >= 0) return true;
        bw_yield();
    }
    bw_printf("nobody typed\n");
    return false;
}

static void offer_all(uint64_t address) {
    for (uint16_t i = 0; i < BUFFERS; i++) {
        ring(EVENTS)->descriptors[i] = (struct bw_virtio_descriptor){address + (uint64_t)i * EVENT_BYTES, EVENT_BYTES, BW_VIRTIO_WRITE, 0};
        bw_virtio_offer(&queues[EVENTS], i);
    }
    bw_virtio_notify(&queues[EVENTS]);
}

/* What is typed is written there. */
static bool hear(uint64_t address) {
    begin();
    offer_all(address);
    return waits(EVENTS);
}

/* A light to be switched on. The device has none, and never looks: only its queue is read. */
static bool light(uint64_t address) {
    begin();
    ring(STATUS)->descriptors[0] = (struct bw_virtio_descriptor){address, EVENT_BYTES, 0, 0};
    bw_virtio_offer(&queues[STATUS], 0);
    bw_virtio_notify(&queues[STATUS]);
    return waits(STATUS);
}

static bool misplaced(uint32_t queue, uint32_t which, uint64_t address) {
    static const uint32_t at[] = {0x80 / 4, 0x90 / 4, 0xa0 / 4};
    begin();
    device.registers[0x30 / 4] = queue;
    device.registers[0x44 / 4] = 0;
    device.registers[at[which]] = (uint32_t)address;
    device.registers[at[which] + 1] = (uint32_t)(address >> 32);
    device.registers[0x44 / 4] = 1;
    if (queue == EVENTS) {
        offer_all(DATA_IO);
    } else {
        ring(STATUS)->descriptors[0] = (struct bw_virtio_descriptor){DATA_IO, EVENT_BYTES, 0, 0};
        bw_virtio_offer(&queues[STATUS], 0);
        bw_virtio_notify(&queues[STATUS]);
    }
    for (uint32_t n = 0; n < PATIENCE / 20 && !bw_virtio_failed(&device); n++) bw_yield();
    return !bw_virtio_failed(&device);
}

static uint32_t reached;
static void tell(const char *how, bool did) {
    bw_printf("%-52s %s\n", how, did ? "REACHED" : "refused");
    bw_flush();
    reached += did;
}

static void lend(bw_cptr slot, uint32_t bits, uint64_t address, uint64_t io_address, uint32_t rights) {
    must(bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, bits, 1, BW_SLOT_CNODE, slot), "a frame");
    must(bw_cnode_copy(BW_SLOT_CNODE, slot + 1, BW_SLOT_CNODE, slot, BW_RIGHT_READ | BW_RIGHT_WRITE), "a copy");
    if (address != 0) must(bw_frame_map(slot, address, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE), "a mapping");
    must(bw_iospace_map(bw_use_iospace.cap, slot + 1, io_address, rights), "a mapping for the device");
}

int main(void) {
    const uint32_t both = BW_RIGHT_READ | BW_RIGHT_WRITE;
    bw_console_open(bw_use_console.cap);
    must(bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_PAGE_TABLE, 0, 1, BW_SLOT_CNODE, SLOT_TABLE), "a page table");
    must(bw_page_table_map(SLOT_TABLE, QUEUES, BW_SLOT_VSPACE), "a page table");
    lend(SLOT_DATA, 21, DATA, DATA_IO, both);
    for (uint32_t i = 0; i < 2; i++) lend(SLOT_QUEUES + 2 * i, 12, QUEUES + i * PAGE, QUEUES_IO + i * PAGE, both);
    lend(SLOT_READ_ONLY, 12, 0, READ_ONLY_IO, BW_RIGHT_READ);
    bw_printf("a driver's own memory: %s\n", hear(DATA_IO) && light(DATA_IO) ? "reached, as it should be" : "not reached");
    tell("what is typed into somebody's memory", hear(VICTIM));
    static const char *const parts[2][3] = {{"descriptors for events in it", "an available ring for events in it", "a used ring for events in it"},
        {"descriptors for lights in it", "an available ring for lights in it", "a used ring for lights in it"}};
    for (uint32_t queue = 0; queue < 2; queue++) for (uint32_t which = 0; which < 3; which++) tell(parts[queue][which], misplaced(queue, which, VICTIM));
    lend(SLOT_STALE, 21, 0, STALE_IO, both);
    bw_printf("memory of its own before it is revoked: %s\n", hear(STALE_IO) ? "reached, as it should be" : "not reached");
    must(bw_cnode_revoke(BW_SLOT_CNODE, SLOT_STALE), "revoke");
    tell("the same after it was revoked", hear(STALE_IO));
    tell("write into what was mapped to be read", hear(READ_ONLY_IO));
    tell("the end of its own memory, and what is behind", hear(DATA_IO + (2U << 20) - 4));
    tell("the registers of another device", hear(UART));
    bw_printf("%u of 11 ways\n", reached);
    return 0;
}
