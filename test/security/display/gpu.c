/*
 * The driver of a GPU that wants what is not its own. What a GPU can read, it can show to whoever looks, and what it answers it writes. It has the registers and the
 * IOSpace of a GPU, as any driver has, and tries in turn every way in which the device could be made to reach other memory than what was mapped for it. A request
 * is done, or refused, when the device was notified.
 */
#include <bailiwick.h>
#include <bailiwick/virtio.h>

BW_USE(console);
BW_USE(regs);
BW_USE(irq);
BW_USE(iospace);

enum { SLOT_QUEUE = 128, SLOT_DATA = 130, SLOT_STALE = 132, SLOT_READ_ONLY = 134, SLOT_TABLE = 140 };
#define QUEUE 0x60000000UL
#define DATA 0x60200000UL
#define QUEUE_IO 0x10000UL
#define DATA_IO 0x400000UL
#define READ_ONLY_IO 0x800000UL
/* Where there is other memory. */
#define STALE_IO 0x81000000UL
#define RAM 0x80000000UL
#define RAM_BYTES (64UL << 20)
#define UART 0x10000000UL

enum { DEVICE_GPU = 16, CONTROL = 0, CREATE = 0x101, SHOW = 0x103, FLUSH = 0x104, TRANSFER = 0x105, ATTACH = 0x106, DETACH = 0x107, OK = 0x1100, FORMAT_BGRX = 2, PICTURE = 1, SIDE = 256 };
#define PICTURE_BYTES (SIDE * SIDE * 4U)

struct piece {
    uint64_t address;
    uint32_t bytes, padding;
};
struct request {
    uint32_t type, flags;
    uint64_t fence;
    uint32_t context, ring;
    union {
        struct { uint32_t id, format, width, height; } create;
        struct { uint32_t id, count; struct piece pieces[2]; } attach;
        struct { uint32_t x, y, width, height, display, id; } show;
        struct { uint32_t x, y, width, height, id, padding; } flush;
        struct { uint32_t x, y, width, height; uint64_t offset; uint32_t id, padding; } transfer;
    };
};
struct shared {
    struct bw_virtio_ring ring;
    struct request request;
    struct { uint32_t type, flags; uint64_t fence; uint32_t context, ring; } answer;
};
#define own ((struct shared *)QUEUE)
static struct bw_virtio device;
static struct bw_virtio_queue control;

static void must(bw_err error, const char *what) {
    if (error == 0) return;
    bw_printf("%s: %s\n", what, bw_error_name(error));
    bw_exit(1);
}

/* Offers the chain at descriptor 0. True: the device did what was asked. */
static bool go(void) {
    uint32_t written = 0;
    own->answer.type = 0;
    bw_virtio_offer(&control, 0);
    bw_virtio_notify(&control);
    return !bw_virtio_failed(&device) && bw_virtio_take_written(&control, &written) == 0 && written >= sizeof own->answer;
}

static bool ask_at(uint64_t request, uint32_t bytes, uint64_t answer) {
    own->ring.descriptors[0] = (struct bw_virtio_descriptor){request, bytes, BW_VIRTIO_NEXT, 1};
    own->ring.descriptors[1] = (struct bw_virtio_descriptor){answer, sizeof own->answer, BW_VIRTIO_WRITE, 0};
    return go();
}
#define OWN_REQUEST (QUEUE_IO + offsetof(struct shared, request))
#define OWN_ANSWER (QUEUE_IO + offsetof(struct shared, answer))
static bool ask(void) { return ask_at(OWN_REQUEST, sizeof own->request, OWN_ANSWER) && own->answer.type == OK; }

static bool create(void) {
    own->request = (struct request){.type = CREATE, .create = {PICTURE, FORMAT_BGRX, SIDE, SIDE}};
    if (!ask()) return false;
    own->request = (struct request){.type = SHOW, .show = {0, 0, SIDE, SIDE, 0, PICTURE}};
    return ask();
}

static void begin(void) {
    if (!bw_virtio_begin(&device, bw_use_regs.address, DEVICE_GPU, 0) || !bw_virtio_queue_begin(&control, &device, CONTROL, &own->ring, QUEUE_IO)) bw_exit(2);
    bw_virtio_ready(&device);
    if (!create()) bw_exit(3);
}

/* Memory behind the picture, of which all is shown. True: it was read. */
static bool picture_of(struct piece first, struct piece second) {
    own->request = (struct request){.type = DETACH, .attach = {.id = PICTURE}};
    (void)ask();
    own->request = (struct request){.type = ATTACH, .attach = {.id = PICTURE, .count = second.bytes == 0 ? 1 : 2, .pieces = {first, second}}};
    if (!ask()) return false;
    own->request = (struct request){.type = TRANSFER, .transfer = {0, 0, SIDE, SIDE, 0, PICTURE, 0}};
    if (!ask()) return false;
    own->request = (struct request){.type = FLUSH, .flush = {0, 0, SIDE, SIDE, PICTURE, 0}};
    return ask();
}
static bool show(uint64_t address) {
    begin();
    return picture_of((struct piece){address, PICTURE_BYTES, 0}, (struct piece){0});
}

/* All of the machine's memory, a picture after the other. */
static bool show_all(void) {
    bool any = false;
    begin();
    for (uint64_t at = RAM; at < RAM + RAM_BYTES; at += PICTURE_BYTES) {
        if (!picture_of((struct piece){at, PICTURE_BYTES, 0}, (struct piece){0})) return any;
        any = true;
    }
    return any;
}

/* The queue's descriptors, available or used ring are in somebody's memory. */
static bool misplaced(uint32_t which, uint64_t address) {
    static const uint32_t at[] = {0x80 / 4, 0x90 / 4, 0xa0 / 4};
    begin();
    own->request = (struct request){.type = FLUSH, .flush = {0, 0, SIDE, SIDE, PICTURE, 0}};
    own->ring.descriptors[0] = (struct bw_virtio_descriptor){OWN_REQUEST, sizeof own->request, BW_VIRTIO_NEXT, 1};
    own->ring.descriptors[1] = (struct bw_virtio_descriptor){OWN_ANSWER, sizeof own->answer, BW_VIRTIO_WRITE, 0};
    device.registers[0x30 / 4] = CONTROL;
    device.registers[0x44 / 4] = 0;
    device.registers[at[which]] = (uint32_t)address;
    device.registers[at[which] + 1] = (uint32_t)(address >> 32);
    device.registers[0x44 / 4] = 1;
    bw_virtio_offer(&control, 0);
    bw_virtio_notify(&control);
    return !bw_virtio_failed(&device);
}

static uint32_t reached;
static void tell(const char *how, bool did) {
    bw_printf("%-52s %s\n", how, did ? "REACHED" : "refused");
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
    /* Of others: the middle of all memory. */
    const uint64_t victim = RAM + RAM_BYTES / 2;
    bw_console_open(bw_use_console.cap);
    must(bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_PAGE_TABLE, 0, 1, BW_SLOT_CNODE, SLOT_TABLE), "a page table");
    must(bw_page_table_map(SLOT_TABLE, QUEUE, BW_SLOT_VSPACE), "a page table");
    lend(SLOT_DATA, 21, DATA, DATA_IO, both);
    lend(SLOT_QUEUE, 12, QUEUE, QUEUE_IO, both);
    lend(SLOT_READ_ONLY, 12, 0, READ_ONLY_IO, BW_RIGHT_READ);
    memset((void *)DATA, 0x42, PICTURE_BYTES);
    bw_printf("a driver's own memory: %s\n", show(DATA_IO) ? "reached, as it should be" : "not reached");
    tell("show all memory", show_all());
    tell("a picture half of which is somebody's", (begin(), picture_of((struct piece){DATA_IO, PICTURE_BYTES / 2, 0}, (struct piece){victim, PICTURE_BYTES / 2, 0})));
    tell("a request in somebody's memory", (begin(), ask_at(victim, sizeof own->request, OWN_ANSWER)));
    tell("an answer into it", (begin(), own->request = (struct request){.type = FLUSH, .flush = {0, 0, SIDE, SIDE, PICTURE, 0}}, ask_at(OWN_REQUEST, sizeof own->request, victim)));
    begin();
    own->request = (struct request){.type = ATTACH, .attach = {.id = PICTURE, .count = 1}};
    own->ring.descriptors[2] = (struct bw_virtio_descriptor){OWN_ANSWER, sizeof own->answer, BW_VIRTIO_WRITE, 0};
    own->ring.descriptors[1] = (struct bw_virtio_descriptor){victim, sizeof(struct piece), BW_VIRTIO_NEXT, 2};
    own->ring.descriptors[0] = (struct bw_virtio_descriptor){OWN_REQUEST, 32, BW_VIRTIO_NEXT, 1};
    tell("a list of pieces in it", go());
    static const char *const parts[] = {"descriptors in it", "an available ring in it", "a used ring in it"};
    for (uint32_t which = 0; which < 3; which++) tell(parts[which], misplaced(which, victim));
    lend(SLOT_STALE, 21, 0, STALE_IO, both);
    bw_printf("memory of its own before it is revoked: %s\n", show(STALE_IO) ? "reached, as it should be" : "not reached");
    must(bw_cnode_revoke(BW_SLOT_CNODE, SLOT_STALE), "revoke");
    tell("the same after it was revoked", show(STALE_IO));
    tell("write into what was mapped to be read", (begin(), ask_at(OWN_REQUEST, sizeof own->request, READ_ONLY_IO)));
    tell("the end of its own memory, and what is behind", show(DATA_IO + (2U << 20) - PICTURE_BYTES / 2));
    tell("the registers of another device", (begin(), picture_of((struct piece){DATA_IO, PICTURE_BYTES - 64, 0}, (struct piece){UART, 64, 0})));
    bw_printf("%u of 12 ways\n", reached);
    return 0;
}
