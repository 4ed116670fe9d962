/*
 * virtio.c: virtio devices on the MMIO transport, polled: one queue a device, one buffer at a time.
 * Source: Virtual I/O Device 1.2, 2.7 (split virtqueues), 4.2 (MMIO transport).
 */
#include "guest.h"

/* Offsets of the MMIO registers, in 32-bit words. */
enum {
    MAGIC = 0x000 / 4, VERSION = 0x004 / 4, DEVICE = 0x008 / 4, DRIVER_FEATURES = 0x020 / 4, DRIVER_FEATURES_SELECT = 0x024 / 4, QUEUE_SELECT = 0x030 / 4,
    QUEUE_MOST = 0x034 / 4, QUEUE_SIZE = 0x038 / 4, QUEUE_READY = 0x044 / 4, QUEUE_NOTIFY = 0x050 / 4, INTERRUPT_STATUS = 0x060 / 4, INTERRUPT_ACK = 0x064 / 4,
    STATUS = 0x070 / 4, DESCRIPTORS = 0x080 / 4, AVAILABLE = 0x090 / 4, USED = 0x0a0 / 4,
};
enum { MAGIC_VALUE = 0x74726976, MODERN = 2 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { FEATURES_HIGH = 1, FEATURE_VERSION_1 = 1 << 0, DESCRIPTOR_WRITE = 2, NO_INTERRUPT = 1 };
/* How long a device may take, in ticks of the time counter: about a second. */
enum { PATIENCE = 10000000 };

uint32_t virtio_device(uint64_t address) {
    const volatile uint32_t *r = (const volatile uint32_t *)address;
    return r[MAGIC] == MAGIC_VALUE && r[VERSION] == MODERN ? r[DEVICE] : 0;
}

static void set_address(volatile uint32_t *registers, uint32_t at, const volatile void *address) {
    registers[at] = (uint32_t)(uintptr_t)address;
    registers[at + 1] = (uint32_t)((uintptr_t)address >> 32);
}

static void fence(void) { __asm__ volatile("fence" ::: "memory"); }

static bool start(struct virtio *v) {
    volatile uint32_t *r = v->registers;
    r[STATUS] = 0;
    r[STATUS] = ACKNOWLEDGE | DRIVER;
    r[DRIVER_FEATURES_SELECT] = 0;
    r[DRIVER_FEATURES] = 0;
    r[DRIVER_FEATURES_SELECT] = FEATURES_HIGH;
    r[DRIVER_FEATURES] = FEATURE_VERSION_1;
    r[STATUS] = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    if ((r[STATUS] & FEATURES_OK) == 0) return false;
    r[QUEUE_SELECT] = v->queue;
    if (r[QUEUE_MOST] < VIRTIO_QUEUE_SIZE) return false;
    v->available.flags = NO_INTERRUPT;
    r[QUEUE_SIZE] = VIRTIO_QUEUE_SIZE;
    set_address(r, DESCRIPTORS, v->descriptors);
    set_address(r, AVAILABLE, &v->available);
    set_address(r, USED, &v->used);
    r[QUEUE_READY] = 1;
    r[STATUS] = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
    return true;
}

bool virtio_transfer(struct virtio *v, void *bytes, uint32_t count, bool device_writes, uint32_t *written) {
    if (v->registers == NULL || (!v->ready && !start(v))) return false;
    v->ready = true;
    v->descriptors[0] = (struct virtio_descriptor){.address = (uintptr_t)bytes, .length = count, .flags = device_writes ? DESCRIPTOR_WRITE : 0};
    const uint16_t before = v->used.index;
    v->available.ring[v->available.index % VIRTIO_QUEUE_SIZE] = 0;
    fence();
    v->available.index++;
    fence();
    v->registers[QUEUE_NOTIFY] = v->queue;
    for (const uint64_t end = now() + PATIENCE; v->used.index == before;) {
        if (now() > end) return false;
    }
    fence();
    v->registers[INTERRUPT_ACK] = v->registers[INTERRUPT_STATUS];
    *written = v->used.ring[before % VIRTIO_QUEUE_SIZE].length;
    return true;
}
