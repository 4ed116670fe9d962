/* driver.h: a disk and a network card of the guest's, each worked through one queue, and waited for by its interrupt. Source: virtio 1.2, sections 2.7, 4.2, 5.1, 5.2. */
#pragma once
#include "hostile.h"

enum { DEVICE_ID = 0x08, FEATURES = 0x20, FEATURES_SELECT = 0x24, QUEUE_SELECT = 0x30, QUEUE_SIZE = 0x38, QUEUE_READY = 0x44, NOTIFY = 0x50, PENDING = 0x60, ACK = 0x64, STATUS = 0x70, CONFIG = 0x100 };
enum { DESCRIPTORS = 0x80, AVAILABLE = 0x90, USED = 0xa0 };
enum { DRIVER = 3, FEATURES_OK = 8, DRIVER_OK = 4 };
enum { NEXT = 1, WRITE = 2 };
enum { NET = 1, BLK = 2 };
/* The first of each (vmm/README.md). */
enum { BLK_SLOT = 4, BLK_IRQ = 5, NET_SLOT = 12, NET_IRQ = 16 };
enum { MOST = 64 };
enum { PLIC_ENABLE = 0x2000, PLIC_CLAIM = 0x200004 };
enum { SIE_TIMER = 1 << 5, SIE_EXTERNAL = 1 << 9 };
#define SECOND 10000000UL

struct queue {
    struct {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
    } descriptors[MOST];
    struct {
        uint16_t flags, index, ring[MOST];
    } available;
    struct {
        uint16_t flags, index;
        struct {
            uint32_t id, length;
        } ring[MOST];
    } used __attribute__((aligned(4)));
    /* Of what was used, so much has been looked at. */
    uint16_t seen;
} __attribute__((aligned(16)));

static inline volatile uint32_t *word(uint64_t at) { return (volatile uint32_t *)at; }
static inline uint64_t now(void) {
    uint64_t time;
    __asm__ volatile("rdtime %0" : "=r"(time));
    return time;
}

static inline void place(uint64_t at, uint64_t address) {
    *word(at) = (uint32_t)address;
    *word(at + 4) = (uint32_t)(address >> 32);
}

static void add_queue(uint64_t device, unsigned number, volatile struct queue *q) {
    *word(device + QUEUE_SELECT) = number;
    *word(device + QUEUE_SIZE) = MOST;
    place(device + DESCRIPTORS, (uintptr_t)q->descriptors);
    place(device + AVAILABLE, (uintptr_t)&q->available);
    place(device + USED, (uintptr_t)&q->used);
    *word(device + QUEUE_READY) = 1;
}

/* The device in that slot, with these queues. False: there is none of that kind. */
static bool start(unsigned slot, unsigned irq, uint32_t kind, unsigned queues, volatile struct queue *const *q) {
    const uint64_t device = VIRTIO(slot);
    if (*word(device + DEVICE_ID) != kind) return false;
    *word(device + STATUS) = 0;
    *word(device + STATUS) = DRIVER;
    *word(device + FEATURES_SELECT) = 0;
    *word(device + FEATURES) = 0;
    *word(device + FEATURES_SELECT) = 1;
    *word(device + FEATURES) = 1;
    *word(device + STATUS) = DRIVER | FEATURES_OK;
    for (unsigned i = 0; i < queues; i++) add_queue(device, i, q[i]);
    *word(device + STATUS) = DRIVER | FEATURES_OK | DRIVER_OK;
    *word(PLIC + 4 * irq) = 1;
    *word(PLIC + PLIC_ENABLE) |= 1U << irq;
    __asm__ volatile("csrs sie, %0" ::"r"((uint64_t)SIE_EXTERNAL));
    return true;
}

static inline void describe(volatile struct queue *q, unsigned i, const volatile void *at, uint32_t length, uint16_t flags) {
    q->descriptors[i].address = (uintptr_t)at;
    q->descriptors[i].length = length;
    q->descriptors[i].flags = flags;
    q->descriptors[i].next = (uint16_t)(i + 1);
}

static inline void offer(volatile struct queue *q, unsigned head) {
    q->available.ring[q->available.index % MOST] = (uint16_t)head;
    __asm__ volatile("fence" ::: "memory");
    q->available.index++;
}
static inline void notify(unsigned slot, unsigned queue) {
    __asm__ volatile("fence" ::: "memory");
    *word(VIRTIO(slot) + NOTIFY) = queue;
}

/* Waits for a device, or until then. Interrupts are off: a pending one ends the wait, and is answered here. */
static void rest(uint64_t until) {
    (void)sbi(SBI_TIME, 0, until, 0, 0);
    __asm__ volatile("csrs sie, %0\n wfi" ::"r"((uint64_t)SIE_TIMER) : "memory");
    const uint32_t irq = *word(PLIC + PLIC_CLAIM);
    if (irq == 0) return;
    const uint64_t device = VIRTIO(irq == BLK_IRQ ? BLK_SLOT : NET_SLOT);
    *word(device + ACK) = *word(device + PENDING);
    *word(PLIC + PLIC_CLAIM) = irq;
}
/* The oldest head that was used and not looked at; false: nothing came until then. */
static bool next_used(volatile struct queue *q, uint64_t until, unsigned *head) {
    while (q->used.index == q->seen) {
        if (now() >= until) return false;
        rest(until);
    }
    *head = q->used.ring[q->seen++ % MOST].id;
    return true;
}

/* Disk requests: a descriptor for the header, one for the data, one for the status. */
struct request {
    uint32_t type, reserved;
    uint64_t sector;
    uint8_t status;
};
enum { READ_SECTORS = 0, WRITE_SECTORS = 1 };
static volatile struct queue disk_queue;
static volatile struct request requests[MOST / 3];

static bool start_disk(void) {
    volatile struct queue *const queues[] = {&disk_queue};
    return start(BLK_SLOT, BLK_IRQ, BLK, 1, queues);
}
static inline void ask_disk(unsigned i, uint32_t type, uint64_t sector, volatile void *data, uint32_t bytes) {
    requests[i] = (struct request){.type = type, .sector = sector, .status = 0xff};
    describe(&disk_queue, 3 * i, &requests[i], 16, NEXT);
    describe(&disk_queue, 3 * i + 1, data, bytes, (uint16_t)(type == READ_SECTORS ? NEXT | WRITE : NEXT));
    describe(&disk_queue, 3 * i + 2, &requests[i].status, 1, WRITE);
    offer(&disk_queue, 3 * i);
    notify(BLK_SLOT, 0);
}

/* Frames, with the card's header before each. */
enum { NET_HEADER = 12, MOST_FRAME = 1514, FRAME_TYPE = 12 };
struct frame {
    uint8_t header[NET_HEADER], bytes[MOST_FRAME + 2];
};
static volatile struct queue come, go;
static struct frame came[MOST], gone[MOST];
static uint8_t mac[6];

static bool start_net(void) {
    volatile struct queue *const queues[] = {&come, &go};
    if (!start(NET_SLOT, NET_IRQ, NET, 2, queues)) return false;
    for (unsigned i = 0; i < 6; i++) mac[i] = *(volatile uint8_t *)(VIRTIO(NET_SLOT) + CONFIG + i);
    for (unsigned i = 0; i < MOST; i++) describe(&come, i, &came[i], sizeof came[i], WRITE), offer(&come, i);
    notify(NET_SLOT, 0);
    return true;
}
static inline void send_frame(unsigned i, uint32_t bytes) {
    describe(&go, i, &gone[i], NET_HEADER + bytes, 0);
    offer(&go, i);
}
