/*
 * entropy.c: a driver for virtio's entropy device, polled: one queue, one buffer.
 * Source: Virtual I/O Device 1.2, 2.7 (split virtqueues), 4.2 (MMIO transport), 5.4 (entropy device).
 */
#include "guest.h"

/* Offsets of the MMIO registers, in 32-bit words. */
enum {
    MAGIC = 0x000 / 4, VERSION = 0x004 / 4, DEVICE = 0x008 / 4, DRIVER_FEATURES = 0x020 / 4, DRIVER_FEATURES_SELECT = 0x024 / 4, QUEUE_SELECT = 0x030 / 4,
    QUEUE_MOST = 0x034 / 4, QUEUE_SIZE = 0x038 / 4, QUEUE_READY = 0x044 / 4, QUEUE_NOTIFY = 0x050 / 4, INTERRUPT_STATUS = 0x060 / 4, INTERRUPT_ACK = 0x064 / 4,
    STATUS = 0x070 / 4, DESCRIPTORS = 0x080 / 4, AVAILABLE = 0x090 / 4, USED = 0x0a0 / 4,
};
enum { MAGIC_VALUE = 0x74726976, MODERN = 2, DEVICE_ENTROPY = 4 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { FEATURES_HIGH = 1, FEATURE_VERSION_1 = 1 << 0, DESCRIPTOR_WRITE = 2, SIZE = 2, NO_INTERRUPT = 1 };
/* How long the device may take, in ticks of the time counter: about a second. */
enum { PATIENCE = 10000000 };

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};
struct available {
    uint16_t flags, index, ring[SIZE];
};
struct used {
    uint16_t flags, index;
    struct {
        uint32_t id, length;
    } ring[SIZE];
};

static struct {
    volatile uint32_t *registers;
    bool ready;
    struct descriptor descriptors[SIZE] __attribute__((aligned(16)));
    volatile struct available available __attribute__((aligned(2)));
    volatile struct used used __attribute__((aligned(4)));
} state;

void entropy_found(uint64_t address) {
    volatile uint32_t *r = (volatile uint32_t *)address;
    if (r[MAGIC] == MAGIC_VALUE && r[VERSION] == MODERN && r[DEVICE] == DEVICE_ENTROPY) state.registers = r;
}

static void set_address(uint32_t at, const volatile void *address) {
    state.registers[at] = (uint32_t)(uintptr_t)address;
    state.registers[at + 1] = (uint32_t)((uintptr_t)address >> 32);
}

static bool start(void) {
    volatile uint32_t *r = state.registers;
    r[STATUS] = 0;
    r[STATUS] = ACKNOWLEDGE | DRIVER;
    r[DRIVER_FEATURES_SELECT] = 0;
    r[DRIVER_FEATURES] = 0;
    r[DRIVER_FEATURES_SELECT] = FEATURES_HIGH;
    r[DRIVER_FEATURES] = FEATURE_VERSION_1;
    r[STATUS] = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    if ((r[STATUS] & FEATURES_OK) == 0) return false;
    r[QUEUE_SELECT] = 0;
    if (r[QUEUE_MOST] < SIZE) return false;
    state.available.flags = NO_INTERRUPT;
    r[QUEUE_SIZE] = SIZE;
    set_address(DESCRIPTORS, state.descriptors);
    set_address(AVAILABLE, &state.available);
    set_address(USED, &state.used);
    r[QUEUE_READY] = 1;
    r[STATUS] = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
    return true;
}

bool entropy_read(uint8_t *bytes, uint32_t count) {
    if (state.registers == NULL) return false;
    if (!state.ready && !start()) return false;
    state.ready = true;
    state.descriptors[0] = (struct descriptor){.address = (uintptr_t)bytes, .length = count, .flags = DESCRIPTOR_WRITE};
    const uint16_t before = state.used.index;
    state.available.ring[state.available.index % SIZE] = 0;
    __asm__ volatile("fence" ::: "memory");
    state.available.index++;
    __asm__ volatile("fence" ::: "memory");
    state.registers[QUEUE_NOTIFY] = 0;
    for (const uint64_t end = now() + PATIENCE; state.used.index == before;) {
        if (now() > end) return false;
    }
    __asm__ volatile("fence" ::: "memory");
    state.registers[INTERRUPT_ACK] = state.registers[INTERRUPT_STATUS];
    return state.used.ring[before % SIZE].length == count;
}
