/* A guest that drives a disk of the machine itself, and tells it to reach everything that is not the guest's. Slot 19 is the first of such devices (vmm/spec.ts). */
#include "hostile.h"

enum { FEATURES_SELECT = 0x24, FEATURES = 0x20, QUEUE_SELECT = 0x30, QUEUE_SIZE = 0x38, QUEUE_READY = 0x44, NOTIFY = 0x50, STATUS = 0x70, DESCRIPTORS = 0x80, AVAILABLE = 0x90, USED = 0xa0 };
enum { DRIVER = 3, FEATURES_OK = 8, DRIVER_OK = 4, NEEDS_RESET = 64, NEXT = 1, WRITE = 2, SIZE = 8 };
#define DEVICE VIRTIO(19)

static struct {
    struct {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
    } descriptors[SIZE];
    struct {
        uint16_t flags, index, ring[SIZE + 1];
    } available;
    struct {
        uint16_t flags, index;
        struct {
            uint32_t id, length;
        } ring[SIZE];
    } used __attribute__((aligned(4)));
} volatile q __attribute__((aligned(16)));

static void set(unsigned at, uint32_t value) { *(volatile uint32_t *)(DEVICE + at) = value; }
static uint32_t get(unsigned at) { return *(volatile uint32_t *)(DEVICE + at); }
static void place(unsigned at, uint64_t address) {
    set(at, (uint32_t)address);
    set(at + 4, (uint32_t)(address >> 32));
}

static void start(uint64_t used) {
    set(STATUS, 0);
    q.available.index = q.used.index = 0;
    set(STATUS, DRIVER);
    set(FEATURES_SELECT, 0);
    set(FEATURES, 0);
    set(FEATURES_SELECT, 1);
    set(FEATURES, 1);
    set(STATUS, DRIVER | FEATURES_OK);
    set(QUEUE_SELECT, 0);
    set(QUEUE_SIZE, SIZE);
    place(DESCRIPTORS, (uintptr_t)q.descriptors);
    place(AVAILABLE, (uintptr_t)&q.available);
    place(USED, used);
    set(QUEUE_READY, 1);
    set(STATUS, DRIVER | FEATURES_OK | DRIVER_OK);
}

static volatile uint32_t header[4];
static volatile uint8_t data[512], status;

/* A request with its data at `address`: what the device says of it, 255 if nothing. */
static uint32_t request(uint32_t type, uint64_t address) {
    header[0] = type, header[2] = 3;
    status = 255;
    const uint16_t before = q.used.index;
    q.descriptors[0].address = (uintptr_t)header, q.descriptors[0].length = 16, q.descriptors[0].flags = NEXT, q.descriptors[0].next = 1;
    q.descriptors[1].address = address, q.descriptors[1].length = 512, q.descriptors[1].flags = (uint16_t)(NEXT | (type == 0 ? WRITE : 0)), q.descriptors[1].next = 2;
    q.descriptors[2].address = (uintptr_t)&status, q.descriptors[2].length = 1, q.descriptors[2].flags = WRITE;
    q.available.ring[q.available.index % SIZE] = 0;
    q.available.index++;
    __asm__ volatile("fence" ::: "memory");
    set(NOTIFY, 0);
    for (uint64_t n = 0; n < 100000 && q.used.index == before && !(get(STATUS) & NEEDS_RESET); n++) {}
    return status;
}

void guest_main(uint64_t hart, uint64_t tree) {
    (void)hart, (void)tree;
    static const uint64_t foreign[] = {0, 0x10000000, 0x10003000, RAM - 512, RAM_END, RAM_END + (16 << 20), RAM + (64 << 20), RAM + (200 << 20), 1UL << 32, 1UL << 38, ~0UL - 511};
    unsigned reached = 0, refused = 0;
    for (unsigned i = 0; i < 512; i++) data[i] = (uint8_t)(i * 7);
    start((uintptr_t)&q.used);
    say(request(1, (uintptr_t)data) == 0 ? "wrote\n" : "WRITE FAILED\n");
    for (unsigned i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        for (uint32_t type = 0; type < 2; type++) {
            start((uintptr_t)&q.used);
            if (request(type, foreign[i]) == 0) reached++;
            else refused++;
        }
    }
    /* The ring itself elsewhere. */
    start(RAM_END + 4096);
    if (request(1, (uintptr_t)data) != 255 && !(get(STATUS) & NEEDS_RESET)) reached++;
    else refused++;
    for (unsigned i = 0; i < 512; i++) data[i] = 0;
    start((uintptr_t)&q.used);
    bool same = request(0, (uintptr_t)data) == 0;
    for (unsigned i = 0; i < 512; i++) same = same && data[i] == (uint8_t)(i * 7);
    say(same ? "read back the same\n" : "READ BACK OTHERWISE\n");
    say_number("refused ", refused, "\n");
    say_number("reached ", reached, "\n");
}
