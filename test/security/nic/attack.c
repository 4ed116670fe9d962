/*
 * The driver of a network card that wants what is not its own. A card is the shortest way out of a machine: what it can read, it can send to anybody. It has
 * the registers and the IOSpace of a card, as any driver has, and tries in turn every way in which the card could be made to reach other memory than what was
 * mapped for it. The far end of the cable gives back what is sent, at once, so all that a request does is done when the card was notified.
 */
#include <bailiwick.h>
#include <bailiwick/virtio.h>

BW_USE(console);
BW_USE(regs);
BW_USE(irq);
BW_USE(iospace);

enum { SLOT_QUEUES = 128, SLOT_DATA = 132, SLOT_STALE = 134, SLOT_READ_ONLY = 136, SLOT_TABLES = 140 };
#define QUEUES 0x60000000UL
#define DATA 0x60200000UL
#define QUEUES_IO 0x10000UL
#define DATA_IO 0x400000UL
#define READ_ONLY_IO 0x800000UL
/* Where there is other memory. */
#define STALE_IO 0x81000000UL
#define RAM 0x80000000UL
#define RAM_BYTES (64UL << 20)
#define UART 0x10000000UL
#define PAGE 4096UL
/* Of a frame that looks for the secret: a whole number of words. */
#define PIECE 1024U

enum { DEVICE_NETWORK = 1, RECEIVE = 0, TRANSMIT = 1, INDIRECT = 4, FEATURE_INDIRECT = 28, HEADER = 12 };

struct shared {
    struct bw_virtio_ring ring;
    uint8_t header[HEADER];
    struct bw_virtio_descriptor indirect[2] __attribute__((aligned(16)));
};
static struct shared *shared(uint32_t queue) { return (struct shared *)(QUEUES + queue * PAGE); }
static uint64_t shared_io(uint32_t queue) { return QUEUES_IO + queue * PAGE; }
static struct bw_virtio device;
static struct bw_virtio_queue queues[2];

static void must(bw_err error, const char *what) {
    if (error == 0) return;
    bw_printf("%s: %s\n", what, bw_error_name(error));
    bw_exit(1);
}

static void begin(void) {
    if (!bw_virtio_begin(&device, bw_use_regs.address, DEVICE_NETWORK, 1ULL << FEATURE_INDIRECT)) bw_exit(2);
    for (uint32_t i = 0; i < 2; i++) {
        if (!bw_virtio_queue_begin(&queues[i], &device, i, &shared(i)->ring, shared_io(i))) bw_exit(2);
        memset(shared(i)->header, 0, HEADER);
    }
    bw_virtio_ready(&device);
}

/* Offers the chain at descriptor 0. True: the card did what was asked; else it has given up, and is started anew. */
static bool go(uint32_t queue) {
    bw_virtio_offer(&queues[queue], 0);
    bw_virtio_notify(&queues[queue]);
    if (!bw_virtio_failed(&device)) return true;
    begin();
    return false;
}

static void chain(struct bw_virtio_descriptor *d, uint32_t queue, uint64_t header, uint64_t address, uint32_t bytes) {
    const uint16_t write = queue == RECEIVE ? BW_VIRTIO_WRITE : 0;
    d[0] = (struct bw_virtio_descriptor){header, HEADER, (uint16_t)(BW_VIRTIO_NEXT | write), 1};
    d[1] = (struct bw_virtio_descriptor){address, bytes, write, 0};
}

/* The card sends what is at `address`. */
static bool send(uint64_t address, uint32_t bytes) {
    chain(shared(TRANSMIT)->ring.descriptors, TRANSMIT, shared_io(TRANSMIT) + offsetof(struct shared, header), address, bytes);
    const bool done = go(TRANSMIT);
    /* What was sent before is of no use to later ones. */
    uint32_t written;
    if (done) (void)bw_virtio_take_written(&queues[TRANSMIT], &written);
    return done;
}

/* The card writes a frame that comes, of PIECE bytes out of the driver's own memory, to `header` and `address`. True: it did. */
static bool receive(uint64_t header, uint64_t address) {
    begin();
    chain(shared(RECEIVE)->ring.descriptors, RECEIVE, header, address, PIECE);
    bw_virtio_offer(&queues[RECEIVE], 0);
    bw_virtio_notify(&queues[RECEIVE]);
    chain(shared(TRANSMIT)->ring.descriptors, TRANSMIT, shared_io(TRANSMIT) + offsetof(struct shared, header), DATA_IO, PIECE);
    bw_virtio_offer(&queues[TRANSMIT], 0);
    bw_virtio_notify(&queues[TRANSMIT]);
    uint32_t written = 0;
    const bool done = !bw_virtio_failed(&device) && bw_virtio_take_written(&queues[RECEIVE], &written) == 0 && written == HEADER + PIECE;
    begin();
    return done;
}

static uint64_t own_header(uint32_t queue) { return shared_io(queue) + offsetof(struct shared, header); }
#define OWN_ROOM (DATA_IO + 65536)
static const uint64_t *const room = (const uint64_t *)(DATA + 65536);

static bool is_secret(void) {
    for (uint32_t i = 0; i < PIECE / 8; i++) if (room[i] != (0x5ec2e75ec2e7ULL * (i + 1) ^ 0xa5a5a5a5a5a5a5a5ULL)) return false;
    return true;
}

/* All of the machine's memory to the cable and back; where the secret is, 0: not found. */
static uint64_t search(void) {
    uint32_t written;
    begin();
    for (uint64_t at = RAM; at < RAM + RAM_BYTES; at += PAGE) {
        chain(shared(RECEIVE)->ring.descriptors, RECEIVE, own_header(RECEIVE), OWN_ROOM, PIECE);
        bw_virtio_offer(&queues[RECEIVE], 0);
        if (!send(at, PIECE)) return 0;
        if (bw_virtio_take_written(&queues[RECEIVE], &written) == 0 && is_secret()) return at;
    }
    return 0;
}

static uint32_t stolen;
static void tell(const char *how, bool reached) {
    bw_printf("%-52s %s\n", how, reached ? "REACHED" : "refused");
    stolen += reached;
}

/* A queue whose descriptors, available or used ring is in somebody's memory. */
static bool misplaced(uint32_t queue, uint32_t which, uint64_t address) {
    static const uint32_t at[] = {0x80 / 4, 0x90 / 4, 0xa0 / 4};
    begin();
    chain(shared(queue)->ring.descriptors, queue, own_header(queue), OWN_ROOM, PIECE);
    device.registers[0x30 / 4] = queue;
    device.registers[0x44 / 4] = 0;
    device.registers[at[which]] = (uint32_t)address;
    device.registers[at[which] + 1] = (uint32_t)(address >> 32);
    device.registers[0x44 / 4] = 1;
    bw_virtio_offer(&queues[queue], 0);
    if (queue == RECEIVE) {
        chain(shared(TRANSMIT)->ring.descriptors, TRANSMIT, own_header(TRANSMIT), DATA_IO, PIECE);
        bw_virtio_offer(&queues[TRANSMIT], 0);
    }
    bw_virtio_notify(&queues[TRANSMIT]);
    const bool reached = !bw_virtio_failed(&device);
    begin();
    return reached;
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
    must(bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_PAGE_TABLE, 0, 1, BW_SLOT_CNODE, SLOT_TABLES), "a page table");
    must(bw_page_table_map(SLOT_TABLES, QUEUES, BW_SLOT_VSPACE), "a page table");
    lend(SLOT_DATA, 21, DATA, DATA_IO, both);
    for (uint32_t i = 0; i < 2; i++) lend(SLOT_QUEUES + 2 * i, 12, QUEUES + i * PAGE, shared_io(i), both);
    lend(SLOT_READ_ONLY, 12, 0, READ_ONLY_IO, BW_RIGHT_READ);
    memset((void *)DATA, 0x42, PIECE);
    bw_printf("a driver's own memory: %s\n", receive(own_header(RECEIVE), OWN_ROOM) && memcmp((void *)DATA, room, PIECE) == 0 ? "reached, as it should be" : "not reached");

    const uint64_t secret = search();
    tell("send all memory, and find the secret in it", secret != 0);
    /* Where it is, or might be. */
    const uint64_t victim = secret != 0 ? secret : RAM + RAM_BYTES / 2;
    begin();
    tell("send it with its first bytes for a header", (chain(shared(TRANSMIT)->ring.descriptors, TRANSMIT, victim, victim + HEADER, PIECE), go(TRANSMIT)));
    tell("a table of descriptors that names it", (chain(shared(TRANSMIT)->indirect, TRANSMIT, own_header(TRANSMIT), victim, PIECE),
        shared(TRANSMIT)->ring.descriptors[0] = (struct bw_virtio_descriptor){shared_io(TRANSMIT) + offsetof(struct shared, indirect), sizeof shared(0)->indirect, INDIRECT, 0}, go(TRANSMIT)));
    begin();
    tell("a table of descriptors in it", (shared(TRANSMIT)->ring.descriptors[0] = (struct bw_virtio_descriptor){victim, 32, INDIRECT, 0}, go(TRANSMIT)));
    tell("write a frame that comes into it", receive(own_header(RECEIVE), victim));
    tell("write a frame's header into it", receive(victim + 2048, OWN_ROOM));
    static const char *const parts[] = {"descriptors", "an available ring", "a used ring"};
    for (uint32_t queue = 0; queue < 2; queue++) {
        for (uint32_t which = 0; which < 3; which++) {
            char how[52];
            const char *texts[] = {parts[which], queue == RECEIVE ? " for receiving in it" : " for sending in it"};
            uint32_t n = 0;
            for (uint32_t t = 0; t < 2; t++) for (const char *c = texts[t]; *c != 0; c++) how[n++] = *c;
            how[n] = 0;
            tell(how, misplaced(queue, which, victim));
        }
    }
    /* Its own once. */
    lend(SLOT_STALE, 21, 0, STALE_IO, both);
    bw_printf("memory of its own before it is revoked: %s\n", send(STALE_IO, PIECE) ? "reached, as it should be" : "not reached");
    must(bw_cnode_revoke(BW_SLOT_CNODE, SLOT_STALE), "revoke");
    tell("the same after it was revoked", send(STALE_IO, PIECE));
    tell("write into what was mapped to be read", receive(own_header(RECEIVE), READ_ONLY_IO));
    tell("the end of its own memory, and what is behind", send(DATA_IO + (2U << 20) - 512, PIECE));
    tell("the registers of another device", send(UART, 512));
    bw_printf("%u of 16 ways\n", stolen);
    return 0;
}
