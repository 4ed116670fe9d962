/* Virtio drivers that no device should have to meet. After each attack the device is reset and used as it should be: the device still works. */
#include "hostile.h"

enum { DEVICE_ID = 0x08, FEATURES_SELECT = 0x24, FEATURES = 0x20, QUEUE_SELECT = 0x30, QUEUE_SIZE = 0x38, QUEUE_READY = 0x44, NOTIFY = 0x50, ACK = 0x64, STATUS = 0x70 };
enum { DESCRIPTORS = 0x80, AVAILABLE = 0x90, USED = 0xa0 };
enum { DRIVER = 3, FEATURES_OK = 8, DRIVER_OK = 4, NEEDS_RESET = 64 };
enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };
enum { SIZE = 8 };

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
        uint16_t event;
    } used __attribute__((aligned(4)));
} volatile q __attribute__((aligned(16)));

static uint64_t device;
static void set(unsigned at, uint32_t value) { *(volatile uint32_t *)(device + at) = value; }
static uint32_t get(unsigned at) { return *(volatile uint32_t *)(device + at); }
static void place(unsigned at, uint64_t address) {
    set(at, (uint32_t)address);
    set(at + 4, (uint32_t)(address >> 32));
}

struct rings {
    uint64_t descriptors, available, used;
    uint32_t size;
};
static struct rings proper(void) { return (struct rings){(uintptr_t)q.descriptors, (uintptr_t)&q.available, (uintptr_t)&q.used, SIZE}; }

static void start(unsigned queue, struct rings r, uint32_t features) {
    set(STATUS, 0);
    q.available.index = q.used.index = 0;
    q.available.flags = 0;
    set(STATUS, DRIVER);
    set(FEATURES_SELECT, 0);
    set(FEATURES, features);
    set(FEATURES_SELECT, 1);
    set(FEATURES, 1);
    set(STATUS, DRIVER | FEATURES_OK);
    set(QUEUE_SELECT, queue);
    set(QUEUE_SIZE, r.size);
    place(DESCRIPTORS, r.descriptors);
    place(AVAILABLE, r.available);
    place(USED, r.used);
    set(QUEUE_READY, 1);
    set(STATUS, DRIVER | FEATURES_OK | DRIVER_OK);
}

static void describe(unsigned i, uint64_t address, uint32_t length, uint16_t flags, uint16_t next) {
    q.descriptors[i].address = address;
    q.descriptors[i].length = length;
    q.descriptors[i].flags = flags;
    q.descriptors[i].next = next;
}
static void offer(unsigned queue, uint16_t head, uint16_t by) {
    q.available.ring[q.available.index % SIZE] = head;
    q.available.index = (uint16_t)(q.available.index + by);
    __asm__ volatile("fence" ::: "memory");
    set(NOTIFY, queue);
}

static unsigned attacks, stopped;
static void attacked(void) {
    attacks++;
    if (get(STATUS) & NEEDS_RESET) stopped++;
}

static uint8_t bytes[64];

/* Rings and buffers that are not in RAM, or are in it in part. */
static void outside(unsigned queue, uint16_t direction) {
    static const uint64_t wrong[] = {0, 8, UART, PLIC, RAM - 16, RAM_END - 1, RAM_END - 16, RAM_END, 1UL << 32, (1UL << 53) + 16, 1UL << 63, UINT64_MAX - 15};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        for (unsigned which = 0; which < 4; which++) {
            struct rings r = proper();
            if (which == 0) r.descriptors = wrong[i];
            if (which == 1) r.available = wrong[i];
            if (which == 2) r.used = wrong[i];
            describe(0, which == 3 ? wrong[i] : (uintptr_t)bytes, sizeof bytes, direction, 0);
            start(queue, r, 0);
            offer(queue, 0, 1);
            attacked();
        }
    }
}

/* Chains without end, with heads and links that are none, with lengths that sum up to more than there is. */
static void chains(unsigned queue, uint16_t direction) {
    static const uint32_t lengths[] = {0, UINT32_MAX, 0x80000000, RAM_BYTES + 1};
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (unsigned d = 0; d < SIZE; d++) describe(d, RAM, lengths[i], (uint16_t)(direction | (d + 1 < SIZE ? NEXT : 0)), (uint16_t)(d + 1));
        start(queue, proper(), 0);
        offer(queue, 0, 1);
        attacked();
    }
    for (unsigned d = 0; d < SIZE; d++) describe(d, (uintptr_t)bytes, 1, (uint16_t)(direction | NEXT), (uint16_t)((d + 1) % SIZE));
    start(queue, proper(), 0);
    offer(queue, 0, 1);
    attacked();
    describe(0, (uintptr_t)bytes, 1, (uint16_t)(direction | NEXT), 0);
    start(queue, proper(), 0);
    offer(queue, 0, 1);
    attacked();
    for (unsigned head = SIZE; head < 65536; head = head * 2 + 1) {
        start(queue, proper(), 0);
        offer(queue, (uint16_t)head, 1);
        attacked();
        describe(0, (uintptr_t)bytes, 1, (uint16_t)(direction | NEXT), (uint16_t)head);
        start(queue, proper(), 0);
        offer(queue, 0, 1);
        attacked();
    }
    start(queue, proper(), 0);
    offer(queue, 0, 0x8000);
    attacked();
    describe(0, (uintptr_t)q.descriptors, sizeof q.descriptors, INDIRECT, 0);
    start(queue, proper(), 0);
    offer(queue, 0, 1);
    attacked();
    /* Tables within tables, tables of odd length, tables outside. */
    static const uint32_t tables[] = {0, 1, 15, 17, 16, UINT32_MAX & ~15U, 16 * 65537U};
    for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        describe(0, (uintptr_t)q.descriptors, tables[i], INDIRECT, 0);
        start(queue, proper(), 1U << 28);
        offer(queue, 0, 1);
        attacked();
        describe(0, RAM_END - 16, tables[i], INDIRECT | NEXT, 1);
        start(queue, proper(), 1U << 28 | 1U << 29);
        offer(queue, 0, 1);
        attacked();
    }
    /* The device writes over its own rings. */
    describe(0, (uintptr_t)&q, sizeof q, direction, 0);
    for (unsigned i = 1; i < SIZE; i++) describe(i, (uintptr_t)&q, sizeof q, direction, 0);
    start(queue, proper(), 0);
    offer(queue, 0, 4);
    attacked();
    /* Sizes that are none; rings that are not aligned. */
    static const uint32_t sizes[] = {0, 3, 1024, 32768, 65536, UINT32_MAX};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct rings r = proper();
        r.size = sizes[i];
        describe(0, (uintptr_t)bytes, 1, direction, 0);
        start(queue, r, 0);
        offer(queue, 0, 1);
        attacked();
        r = proper();
        r.descriptors += i + 1, r.available += i + 1, r.used += i + 1;
        start(queue, r, 0);
        offer(queue, 0, 1);
        attacked();
    }
}

/* Everything in the rings at random. */
static void noise(unsigned queue) {
    for (unsigned i = 0; i < 300; i++) {
        volatile uint64_t *words = (volatile uint64_t *)&q;
        for (unsigned w = 0; w < sizeof q / sizeof(uint64_t); w++) words[w] = chance();
        for (unsigned d = 0; d < SIZE; d++) {
            if (chance() & 1) describe(d, RAM + chance() % RAM_BYTES, (uint32_t)chance() % 512, (uint16_t)chance() & 7, (uint16_t)chance() % SIZE);
            /* It must not be given our own code to write on. */
            q.descriptors[d].flags = q.descriptors[d].flags & ~(unsigned)WRITE;
        }
        start(queue, proper(), chance() & 1 ? 1U << 28 | 1U << 29 : 0);
        set(QUEUE_SELECT, (uint32_t)chance());
        offer(queue, (uint16_t)(chance() % SIZE), (uint16_t)(chance() % 16));
        set(NOTIFY, (uint32_t)chance());
        attacked();
    }
}

/* One buffer, as it should be. */
static int works(unsigned queue, uint16_t direction) {
    describe(0, (uintptr_t)bytes, direction ? 16 : 0, direction, 0);
    start(queue, proper(), 0);
    offer(queue, 0, 1);
    return q.used.index == 1 && (get(STATUS) & NEEDS_RESET) == 0;
}

void guest_main(uint64_t hart, uint64_t tree) {
    (void)hart, (void)tree;
    static const struct {
        const char *name;
        unsigned slot, queue;
        uint16_t direction;
    } targets[] = {
        {"console output", 0, 1, 0}, {"control output", 1, 1, 0}, {"rng", 2, 0, WRITE},
        /* Only where there are such. */
        {"balloon in", 3, 0, 0}, {"balloon out", 3, 1, 0}, {"display", 16, 0, 0}, {"cursor", 16, 1, 0}, {"keyboard lights", 17, 1, 0}, {"tablet lights", 18, 1, 0},
    };
    for (unsigned i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        device = VIRTIO(targets[i].slot);
        if (get(DEVICE_ID) == 0) continue;
        attacks = stopped = 0;
        outside(targets[i].queue, targets[i].direction);
        chains(targets[i].queue, targets[i].direction);
        /* What the console is given it prints; the rng has nothing to say. */
        if (i > 0) noise(targets[i].queue);
        say(targets[i].name);
        say_number(": ", attacks, " attacks");
        say_number(", ", stopped, " stopped the device");
        say(works(targets[i].queue, targets[i].direction) ? ", which works\n" : ", which is DEAD\n");
    }
    say_number("alive after ", trapped.count, " exceptions\n");
}
