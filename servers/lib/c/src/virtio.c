/* virtio.c: see virtio.h. Registers: VIRTIO 1.2, 4.2.2. */
#include <bailiwick.h>
#include <bailiwick/virtio.h>

enum {
    MAGIC = 0x000 / 4,
    VERSION = 0x004 / 4,
    DEVICE_ID = 0x008 / 4,
    DEVICE_FEATURES = 0x010 / 4,
    DEVICE_FEATURES_SELECT = 0x014 / 4,
    DRIVER_FEATURES = 0x020 / 4,
    DRIVER_FEATURES_SELECT = 0x024 / 4,
    QUEUE_SELECT = 0x030 / 4,
    QUEUE_MOST = 0x034 / 4,
    QUEUE_SIZE = 0x038 / 4,
    QUEUE_READY = 0x044 / 4,
    QUEUE_NOTIFY = 0x050 / 4,
    INTERRUPT_STATUS = 0x060 / 4,
    INTERRUPT_ACKNOWLEDGE = 0x064 / 4,
    STATUS = 0x070 / 4,
    QUEUE_DESCRIPTORS = 0x080 / 4,
    QUEUE_AVAILABLE = 0x090 / 4,
    QUEUE_USED = 0x0a0 / 4,
    CONFIG = 0x100 / 4,
};
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64 };
enum { NO_INTERRUPT = 1 };
#define VIRTIO_MAGIC 0x74726976U
#define VERSION_1 (1ULL << 32)

static void put_address(volatile uint32_t *r, uint32_t at, uint64_t address) {
    r[at] = (uint32_t)address;
    r[at + 1] = (uint32_t)(address >> 32);
}

bool bw_virtio_begin(struct bw_virtio *device, uint64_t registers, uint32_t id, uint64_t wanted) {
    volatile uint32_t *r = (volatile uint32_t *)registers;
    device->registers = r;
    if (r[MAGIC] != VIRTIO_MAGIC || r[VERSION] != 2 || r[DEVICE_ID] != id) return false;
    r[STATUS] = 0;
    r[STATUS] = ACKNOWLEDGE;
    r[STATUS] = ACKNOWLEDGE | DRIVER;
    uint64_t offered = 0;
    for (uint32_t half = 0; half < 2; half++) {
        r[DEVICE_FEATURES_SELECT] = half;
        offered |= (uint64_t)r[DEVICE_FEATURES] << 32 * half;
    }
    device->features = offered & (wanted | VERSION_1);
    for (uint32_t half = 0; half < 2; half++) {
        r[DRIVER_FEATURES_SELECT] = half;
        r[DRIVER_FEATURES] = (uint32_t)(device->features >> 32 * half);
    }
    r[STATUS] = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    return (device->features & VERSION_1) != 0 && (r[STATUS] & FEATURES_OK) != 0;
}

bool bw_virtio_queue_begin(struct bw_virtio_queue *queue, struct bw_virtio *device, uint32_t number, struct bw_virtio_ring *ring, uint64_t io_address) {
    volatile uint32_t *r = device->registers;
    *queue = (struct bw_virtio_queue){.device = device, .ring = ring, .number = number};
    memset(ring, 0, sizeof *ring);
    r[QUEUE_SELECT] = number;
    const uint32_t most = r[QUEUE_MOST];
    if (most == 0) return false;
    queue->size = BW_VIRTIO_MOST;
    while (queue->size > most) queue->size /= 2;
    r[QUEUE_SIZE] = queue->size;
    put_address(r, QUEUE_DESCRIPTORS, io_address);
    put_address(r, QUEUE_AVAILABLE, io_address + offsetof(struct bw_virtio_ring, available));
    put_address(r, QUEUE_USED, io_address + offsetof(struct bw_virtio_ring, used));
    r[QUEUE_READY] = 1;
    return true;
}

void bw_virtio_ready(struct bw_virtio *device) { device->registers[STATUS] = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK; }
void bw_virtio_reset(struct bw_virtio *device) { device->registers[STATUS] = 0; }
bool bw_virtio_failed(const struct bw_virtio *device) { return (device->registers[STATUS] & NEEDS_RESET) != 0; }
void bw_virtio_acknowledge(struct bw_virtio *device) { device->registers[INTERRUPT_ACKNOWLEDGE] = device->registers[INTERRUPT_STATUS]; }
uint32_t bw_virtio_config(const struct bw_virtio *device, uint32_t offset) { return device->registers[CONFIG + offset / 4]; }

void bw_virtio_offer(struct bw_virtio_queue *queue, uint16_t head) {
    queue->ring->available.ring[queue->available++ % queue->size] = head;
    __atomic_store_n(&queue->ring->available.index, queue->available, __ATOMIC_RELEASE);
}

void bw_virtio_notify(struct bw_virtio_queue *queue) { queue->device->registers[QUEUE_NOTIFY] = queue->number; }

void bw_virtio_interrupts(struct bw_virtio_queue *queue, bool wanted) {
    __atomic_store_n(&queue->ring->available.flags, wanted ? 0 : NO_INTERRUPT, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

int bw_virtio_take_written(struct bw_virtio_queue *queue, uint32_t *bytes) {
    if (__atomic_load_n(&queue->ring->used.index, __ATOMIC_ACQUIRE) == queue->used) return -1;
    const uint32_t at = queue->used++ % queue->size;
    const uint32_t id = *(volatile uint32_t *)&queue->ring->used.ring[at].id;
    *bytes = *(volatile uint32_t *)&queue->ring->used.ring[at].bytes;
    return id < queue->size ? (int)id : -2;
}

int bw_virtio_take(struct bw_virtio_queue *queue) {
    uint32_t bytes;
    return bw_virtio_take_written(queue, &bytes);
}
