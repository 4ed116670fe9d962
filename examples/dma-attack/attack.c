/*
 * A disk driver that wants what is not its own. It has the registers, the interrupt and the IOSpace of a disk, as any driver has, and tries in turn every
 * way in which a device could be made to reach other memory than what was mapped for it. It says what each came to.
 *
 * What it can check itself it checks: a disk keeps what it was given, so memory that the device could read is written to the disk first and read back
 * from there into memory of the driver's own.
 */
#include <bailiwick.h>
#include <bailiwick/virtio.h>

BW_USE(console);
BW_USE(regs);
BW_USE(irq);
BW_USE(iospace);

enum { SLOT_QUEUE = 128, SLOT_QUEUE_IO = 129, SLOT_DATA = 130, SLOT_DATA_IO = 131, SLOT_STALE = 132, SLOT_STALE_IO = 133, SLOT_TABLES = 136 };
#define QUEUE 0x60000000UL
#define DATA 0x60200000UL
#define QUEUE_IO 0x10000UL
#define DATA_IO 0x400000UL
#define RAM 0x80000000UL
#define RAM_BYTES (64UL << 20)
/* Where another driver has its mappings, and another device its registers. */
#define OTHERS_IO 0x81000000UL
#define UART 0x10000000UL

#define STEP 65536U
enum { IN = 0, OUT = 1, DEVICE_BLOCK = 2, INDIRECT = 4, FEATURE_INDIRECT = 28 };

struct header {
    uint32_t type, reserved;
    uint64_t sector;
};
struct shared {
    struct bw_virtio_ring ring;
    struct header header;
    volatile uint8_t status;
    struct bw_virtio_descriptor indirect[3] __attribute__((aligned(16)));
};
static struct shared *const shared = (struct shared *)QUEUE;
static struct bw_virtio device;
static struct bw_virtio_queue queue;

static void must(bw_err error, const char *what) {
    if (error == 0) return;
    bw_printf("%s: %s\n", what, bw_error_name(error));
    bw_exit(1);
}

static void begin(void) {
    if (!bw_virtio_begin(&device, bw_use_regs.address, DEVICE_BLOCK, 1ULL << FEATURE_INDIRECT) || !bw_virtio_queue_begin(&queue, &device, 0, &shared->ring, QUEUE_IO)) bw_exit(2);
    bw_virtio_ready(&device);
}

/* Waits until the device has answered or given up. True: it did what was asked. */
static bool wait_for_device(void) {
    for (;;) {
        uint64_t bits = 0;
        (void)bw_irq_ack(bw_use_irq.cap);
        while ((bits & bw_use_irq.badge) == 0) bits = bw_wait(BW_SLOT_NOTIFICATION).badge;
        bw_virtio_acknowledge(&device);
        if (bw_virtio_failed(&device)) {
            begin();
            return false;
        }
        if (bw_virtio_take(&queue) >= 0) return shared->status == 0;
    }
}

static void chain(struct bw_virtio_descriptor *d, uint32_t type, uint64_t sector, uint64_t address, uint32_t bytes) {
    shared->header = (struct header){.type = type, .sector = sector};
    shared->status = 0xff;
    d[0] = (struct bw_virtio_descriptor){QUEUE_IO + offsetof(struct shared, header), sizeof(struct header), BW_VIRTIO_NEXT, 1};
    d[1] = (struct bw_virtio_descriptor){address, bytes, (uint16_t)(BW_VIRTIO_NEXT | (type == IN ? BW_VIRTIO_WRITE : 0)), 2};
    d[2] = (struct bw_virtio_descriptor){QUEUE_IO + offsetof(struct shared, status), 1, BW_VIRTIO_WRITE, 0};
}

static bool go(void) {
    bw_virtio_offer(&queue, 0);
    bw_virtio_notify(&queue);
    return wait_for_device();
}

/* The device reads memory at `address` to the disk, or writes it from there. */
static bool transfer(uint32_t type, uint64_t address, uint32_t bytes) {
    chain(shared->ring.descriptors, type, 0, address, bytes);
    return go();
}

static bool is_secret(const uint64_t *page) {
    for (uint32_t i = 0; i < 512; i++) if (page[i] != (0x5ec2e75ec2e7ULL * (i + 1) ^ 0xa5a5a5a5a5a5a5a5ULL)) return false;
    return true;
}

/* All of the machine's memory through the disk; where the secret is, 0: not found. */
static uint64_t search(void) {
    for (uint64_t at = RAM; at < RAM + RAM_BYTES; at += STEP) {
        if (!transfer(OUT, at, STEP)) return 0;
        if (!transfer(IN, DATA_IO, STEP)) return 0;
        for (uint32_t page = 0; page < STEP; page += 4096) if (is_secret((const uint64_t *)(DATA + page))) return at + page;
    }
    return 0;
}

static uint32_t stolen;
static void tell(const char *how, bool reached) {
    bw_printf("%-52s %s\n", how, reached ? "REACHED" : "refused");
    stolen += reached;
}

/* A queue whose descriptors, available or used ring is in somebody's memory. */
static bool misplaced(uint32_t which, uint64_t address) {
    static const uint32_t at[] = {0x80 / 4, 0x90 / 4, 0xa0 / 4};
    chain(shared->ring.descriptors, OUT, 0, DATA_IO, 512);
    if (!bw_virtio_begin(&device, bw_use_regs.address, DEVICE_BLOCK, 0) || !bw_virtio_queue_begin(&queue, &device, 0, &shared->ring, QUEUE_IO)) return false;
    chain(shared->ring.descriptors, OUT, 0, DATA_IO, 512);
    device.registers[0x44 / 4] = 0;
    device.registers[at[which]] = (uint32_t)address;
    device.registers[at[which] + 1] = (uint32_t)(address >> 32);
    device.registers[0x44 / 4] = 1;
    bw_virtio_ready(&device);
    bw_virtio_offer(&queue, 0);
    bw_virtio_notify(&queue);
    /* The device has looked by now: it does so at once, and only a disk that is slow would answer later. */
    const bool reached = !bw_virtio_failed(&device);
    begin();
    return reached;
}

static void lend(bw_cptr slot, uint32_t bits, uint64_t address, uint64_t io_address) {
    must(bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, bits, 1, BW_SLOT_CNODE, slot), "a frame");
    must(bw_cnode_copy(BW_SLOT_CNODE, slot + 1, BW_SLOT_CNODE, slot, BW_RIGHT_READ | BW_RIGHT_WRITE), "a copy");
    if (address != 0) must(bw_frame_map(slot, address, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE), "a mapping");
    must(bw_iospace_map(bw_use_iospace.cap, slot + 1, io_address, BW_RIGHT_READ | BW_RIGHT_WRITE), "a mapping for the device");
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    must(bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_PAGE_TABLE, 0, 1, BW_SLOT_CNODE, SLOT_TABLES), "a page table");
    must(bw_page_table_map(SLOT_TABLES, QUEUE, BW_SLOT_VSPACE), "a page table");
    lend(SLOT_DATA, 21, DATA, DATA_IO);
    lend(SLOT_QUEUE, 12, QUEUE, QUEUE_IO);
    begin();
    bw_printf("a driver's own memory: %s\n", transfer(OUT, DATA_IO, STEP) && transfer(IN, DATA_IO, STEP) ? "reached, as it should be" : "not reached");

    const uint64_t secret = search();
    tell("read all memory, and find the secret in it", secret != 0);
    /* Where it is, or might be. */
    const uint64_t victim = secret != 0 ? secret : RAM + RAM_BYTES / 2;
    tell("write into it", transfer(IN, victim, 4096));
    tell("descriptors in it", misplaced(0, victim));
    tell("an available ring in it", misplaced(1, victim));
    tell("a used ring in it", misplaced(2, victim));

    shared->ring.descriptors[0] = (struct bw_virtio_descriptor){victim, sizeof shared->indirect, INDIRECT, 0};
    bw_virtio_offer(&queue, 0);
    bw_virtio_notify(&queue);
    tell("a table of descriptors in it", !bw_virtio_failed(&device));
    begin();
    chain(shared->indirect, OUT, 0, victim, 4096);
    shared->ring.descriptors[0] = (struct bw_virtio_descriptor){QUEUE_IO + offsetof(struct shared, indirect), sizeof shared->indirect, INDIRECT, 0};
    tell("a table of descriptors that names it", go());

    /* Its own once: where the device saw it, there is somebody else's memory when it is gone. */
    lend(SLOT_STALE, 21, 0, OTHERS_IO);
    const bool before = transfer(OUT, OTHERS_IO, 4096);
    must(bw_cnode_revoke(BW_SLOT_CNODE, SLOT_STALE), "revoke");
    bw_printf("memory of its own before it is revoked: %s\n", before ? "reached, as it should be" : "not reached");
    tell("the same after it was revoked", transfer(OUT, OTHERS_IO, 4096));
    tell("the end of its own memory, and what is behind", transfer(OUT, DATA_IO + (2U << 20) - 512, 1024));
    tell("the registers of another device", transfer(OUT, UART, 512));
    bw_printf("%u of 10 ways\n", stolen);
    return 0;
}
