/*
 * A guest that does at random what a guest can do to its VMM, FUZZ_EXITS times, in an order that follows from FUZZ_SEED: loads and stores of all widths at its devices, calls of its firmware,
 * devices set up and reset at any moment, queues full of buffers that are right, wrong, overlapping, endless, outside its memory, and changed while they are in use.
 *
 * What devices may write to is the upper half of its memory, so that it does not change its own text. It does not ask for what would end it.
 */
#include "hostile.h"

enum { FEATURES_SELECT = 0x24, FEATURES = 0x20, QUEUE_SELECT = 0x30, QUEUE_SIZE = 0x38, QUEUE_READY = 0x44, NOTIFY = 0x50, INTERRUPTS = 0x60, ACK = 0x64, STATUS = 0x70, CONFIG = 0x100, DEVICE_ID = 0x08 };
enum { DESCRIPTORS = 0x80, AVAILABLE = 0x90, USED = 0xa0 };
enum { DRIVER = 3, FEATURES_OK = 8, DRIVER_OK = 4 };
enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };
enum { QUEUES = 4, MOST = 32 };
/* A said line begins with this, and the sink lets nothing else through (test/fuzz/guest). */
#define POOL (RAM + RAM_BYTES / 2)
#define POOL_BYTES (RAM_BYTES / 2)

struct ring {
    struct {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
    } descriptors[MOST];
    struct {
        uint16_t flags, index, ring[MOST + 1];
    } available;
    struct {
        uint16_t flags, index;
        struct {
            uint32_t id, length;
        } ring[MOST];
        uint16_t event;
    } used __attribute__((aligned(4)));
} __attribute__((aligned(4096)));
#define RINGS ((volatile struct ring (*)[QUEUES])POOL)
#define FREE (POOL + VIRTIO_SLOTS * QUEUES * sizeof(struct ring))

static uint64_t state = FUZZ_SEED ^ 0x9e3779b97f4a7c15UL, exits;
/* xorshift64*, Vigna 2016. */
static uint64_t draw(void) {
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return state * 0x2545f4914f6cdd1dUL;
}
static uint32_t below(uint32_t n) { return (uint32_t)((draw() >> 32) % n); }
#define ONE_OF(list) ((list)[below(sizeof(list) / sizeof((list)[0]))])

/* Slots that hold a device, by what they say. */
static uint32_t slots[VIRTIO_SLOTS], kinds[VIRTIO_SLOTS], found;

static uint32_t load(uint64_t at) {
    exits++;
    return *(volatile uint32_t *)at;
}
static void store(uint64_t at, uint32_t value) {
    exits++;
    *(volatile uint32_t *)at = value;
}

/* An address that a driver might give: of the pool, or none that it should. */
static uint64_t address(void) {
    static const uint64_t outside[] = {0, 1, RAM - 1, RAM - 4096, RAM_END - 1, RAM_END - 16, RAM_END, RAM_END + 4096, UART, PLIC, 1UL << 32, (1UL << 38) + 8, 1UL << 53, 1UL << 63, ~0UL, ~0UL - 4095};
    switch (below(8)) {
    case 0: return ONE_OF(outside);
    case 1: return (uint64_t)&RINGS[below(VIRTIO_SLOTS)][below(QUEUES)] + below(sizeof(struct ring));
    case 2: return FREE + (below(1 << 20) & ~511U);
    default: return FREE + below(POOL_BYTES - (FREE - POOL));
    }
}
static uint32_t length(void) {
    static const uint32_t some[] = {0, 1, 2, 12, 16, 24, 512, 1514, 1526, 4096, 65536, 1 << 20, 8 << 20, 0x7fffffff, 0xffffffff};
    return below(3) != 0 ? ONE_OF(some) : below(5000);
}

static void raw(void) {
    static const uint64_t bases[] = {PLIC, PLIC + 0x1000, PLIC + 0x2000, PLIC + 0x200000, UART, UART, RTC};
    uint64_t at = below(3) != 0 ? VIRTIO(below(VIRTIO_SLOTS)) + below(0x200) : ONE_OF(bases) + below(64);
    const uint64_t value = below(2) != 0 ? draw() : below(16);
    /* Where the rings are is said elsewhere: not at random, which might be this text. */
    if (at >= VIRTIO(0) && (at & 0xfff) >= DESCRIPTORS - 8 && (at & 0xfff) < USED + 8) at = (at & ~0xfffUL) + INTERRUPTS;
    exits++;
    switch (below(8)) {
    case 0: *(volatile uint8_t *)at = (uint8_t)value; break;
    case 1: *(volatile uint16_t *)at = (uint16_t)value; break;
    case 2: *(volatile uint32_t *)at = (uint32_t)value; break;
    case 3: *(volatile uint64_t *)at = value; break;
    case 4: (void)*(volatile uint8_t *)at; break;
    case 5: (void)*(volatile uint16_t *)at; break;
    case 6: (void)*(volatile uint32_t *)at; break;
    default: (void)*(volatile uint64_t *)at;
    }
}

static void place(uint64_t at, uint64_t value) {
    store(at, (uint32_t)value);
    store(at + 4, (uint32_t)(value >> 32));
}

/* A device from nothing to running; now and then a step is left out, or is wrong. */
static void start(void) {
    const uint32_t which = below(found), slot = slots[which];
    const uint64_t device = VIRTIO(slot);
    const bool proper = below(4) != 0;
    store(device + STATUS, 0);
    if (!proper && below(3) == 0) return;
    store(device + STATUS, DRIVER);
    store(device + FEATURES_SELECT, 0);
    store(device + FEATURES, proper ? (below(2) ? 1U << 28 | 1U << 29 : 0) : (uint32_t)draw());
    store(device + FEATURES_SELECT, 1);
    store(device + FEATURES, 1);
    store(device + STATUS, DRIVER | FEATURES_OK);
    for (uint32_t queue = 0; queue < QUEUES; queue++) {
        volatile struct ring *r = &RINGS[slot][queue];
        store(device + QUEUE_SELECT, queue);
        r->available.index = r->used.index = r->available.flags = 0;
        store(device + QUEUE_SIZE, proper || below(2) ? 1U << below(6) : (uint32_t)draw());
        place(device + DESCRIPTORS, proper || below(4) ? (uintptr_t)r->descriptors : address());
        place(device + AVAILABLE, proper || below(4) ? (uintptr_t)&r->available : address());
        place(device + USED, proper || below(4) ? (uintptr_t)&r->used : address());
        store(device + QUEUE_READY, 1);
    }
    store(device + STATUS, DRIVER | FEATURES_OK | DRIVER_OK);
}

static void describe(volatile struct ring *r, uint32_t i, uint64_t at, uint32_t bytes, uint32_t flags, uint32_t next) {
    r->descriptors[i % MOST].address = at;
    r->descriptors[i % MOST].length = bytes;
    r->descriptors[i % MOST].flags = (uint16_t)flags;
    r->descriptors[i % MOST].next = (uint16_t)next;
}

/* What a driver of a disk asks for: its header, data, a place for the status. */
static uint32_t disk_request(volatile struct ring *r, uint32_t first) {
    static const uint32_t types[] = {0, 0, 1, 1, 4, 8, 11, 13, 99};
    volatile uint32_t *header = (volatile uint32_t *)(FREE + 64 * below(1024));
    const uint32_t type = ONE_OF(types);
    header[0] = type, header[1] = 0;
    header[2] = below(8) ? below(8192) : (uint32_t)draw();
    header[3] = below(16) ? 0 : (uint32_t)draw();
    const uint32_t pieces = 1 + below(3);
    describe(r, first, (uintptr_t)header, 16, NEXT, (first + 1) % MOST);
    for (uint32_t i = 1; i <= pieces; i++) describe(r, first + i, FREE + (below(1 << 21) & ~511U), below(6) ? 512 * (1 + below(300)) : length(), NEXT | (type == 1 ? 0U : WRITE), (first + i + 1) % MOST);
    describe(r, first + pieces + 1, FREE + below(1 << 21), 1, WRITE, 0);
    return pieces + 2;
}

static uint32_t chain_of_chance(volatile struct ring *r, uint32_t first) {
    const uint32_t count = 1 + below(6);
    for (uint32_t i = 0; i < count; i++) describe(r, first + i, address(), length(), (i + 1 < count || below(8) == 0 ? NEXT : 0U) | (below(2) ? WRITE : 0U) | (below(6) ? 0U : INDIRECT), below(6) ? (first + i + 1) % MOST : below(2 * MOST));
    return count;
}

static void offer(void) {
    const uint32_t which = below(found), slot = slots[which], queue = below(QUEUES);
    volatile struct ring *r = &RINGS[slot][queue];
    uint32_t first = below(MOST);
    for (uint32_t n = 1 + below(4); n > 0; n--) {
        r->available.ring[r->available.index % MOST] = (uint16_t)(below(20) ? first : (uint32_t)draw());
        if (kinds[which] == 2 && below(4)) first += disk_request(r, first);
        else if (kinds[which] == 1 && below(3)) describe(r, first, FREE + 2048 * below(64), 12 + 14 + below(1501), queue == 0 ? WRITE : 0U, 0), first++;
        else first += chain_of_chance(r, first);
        r->available.index = (uint16_t)(r->available.index + (below(40) ? 1 : below(2000)));
        first %= MOST;
    }
    if (below(8) == 0) r->available.flags = (uint16_t)below(3);
    __asm__ volatile("fence" ::: "memory");
    store(VIRTIO(slot) + NOTIFY, below(10) ? queue : (uint32_t)draw());
}

/* While a device has them. */
static void change(void) {
    volatile struct ring *r = &RINGS[slots[below(found)]][below(QUEUES)];
    for (uint32_t n = below(8); n > 0; n--) {
        if (below(2)) describe(r, below(MOST), address(), length(), below(8), below(2 * MOST));
        else ((volatile uint32_t *)r)[below(sizeof *r / 4)] = (uint32_t)draw();
    }
}

static void interrupts_taken(void) {
    const uint32_t source = load(PLIC + 0x200004);
    if (below(4)) store(PLIC + 0x200004, source);
    const uint64_t device = VIRTIO(slots[below(found)]);
    store(device + ACK, load(device + INTERRUPTS));
    store(PLIC + 0x2000, below(4) ? 0xfffffffeU : (uint32_t)draw());
    store(PLIC + 4 * below(40), below(9));
}

static void firmware(void) {
    static const uint64_t extensions[] = {SBI_PUTCHAR, SBI_GETCHAR, 3, 4, 5, 6, 7, SBI_BASE, SBI_TIME, SBI_IPI, SBI_RFENCE, SBI_HSM, SBI_CONSOLE, SBI_CONSOLE, 0x504d55, 0x4e41434c, 0x535441, 9, ~0UL};
    static const uint64_t values[] = {0, 1, 2, 3, 64, 0x100, RAM, RAM_END - 1, RAM_END, 1UL << 32, 1UL << 63, ~0UL};
    const uint64_t extension = below(20) ? ONE_OF(extensions) : draw() & ~0xffUL;
    uint64_t function = below(4) ? below(8) : draw();
    if (extension == SBI_RESET || extension == 0x53555350) return;
    /* Stopping or suspending the only hart would be the end. */
    if (extension == SBI_HSM && (function == 1 || function == 3)) function = 2;
    exits++;
    if (extension == SBI_CONSOLE && below(4)) (void)sbi(extension, below(3), below(2000), FREE + below(POOL_BYTES / 2), below(8) ? 0 : draw());
    else (void)sbi(extension, function, ONE_OF(values), below(2) ? ONE_OF(values) : draw(), ONE_OF(values));
}

/* Sleeps for a moment: the timer wakes it. */
static void sleep(void) {
    uint64_t time;
    __asm__ volatile("rdtime %0" : "=r"(time));
    (void)sbi(SBI_TIME, 0, time + below(1000), 0, 0);
    __asm__ volatile("csrs sie, %0\n wfi\n csrc sie, %0" ::"r"(1UL << 5) : "memory");
}

void guest_main(uint64_t hart, uint64_t tree) {
    (void)hart, (void)tree;
    for (uint32_t slot = 0; slot < VIRTIO_SLOTS; slot++) {
        const uint32_t kind = load(VIRTIO(slot) + DEVICE_ID);
        if (kind != 0) slots[found] = slot, kinds[found++] = kind;
    }
    for (uint64_t next = 0; exits < FUZZ_EXITS;) {
        switch (below(16)) {
        case 0: case 1: case 2: raw(); break;
        case 3: start(); break;
        case 4: case 5: case 6: case 7: case 8: offer(); break;
        case 9: case 10: change(); break;
        case 11: case 12: interrupts_taken(); break;
        case 13: store(VIRTIO(slots[below(found)]) + (below(2) ? STATUS : 4 * below(0x100 / 4) % DESCRIPTORS), below(2) ? 0 : (uint32_t)draw()); break;
        case 14: firmware(); break;
        default: if (below(40) == 0) sleep();
        }
        if (exits < next) continue;
        say_number("\n@", exits, " exits\n");
        next = exits + FUZZ_EXITS / 20;
    }
    say_number("\n@", exits, " exits\n");
    say_number("@", found, " devices: done\n");
}
