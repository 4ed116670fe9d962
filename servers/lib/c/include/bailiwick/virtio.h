/*
 * virtio.h: the driver's side of a virtio device over MMIO (modern), with split queues. Source: Virtual I/O Device (VIRTIO) 1.2, 2.7 and 4.2.
 *
 * What the device reads and writes lies in frames that the driver has mapped into the device's IOSpace; addresses given to it are I/O addresses.
 * A device is not trusted: a number of its that cannot be is an end of the queue, never an index.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    BW_VIRTIO_NEXT = 1,  /* the chain goes on with `next` */
    BW_VIRTIO_WRITE = 2, /* the device writes this piece */
    BW_VIRTIO_MOST = 128, /* most descriptors of a queue: all of it fits a page, with room behind it */
};

struct bw_virtio_descriptor {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};
struct bw_virtio_available {
    uint16_t flags;
    uint16_t index;
    uint16_t ring[BW_VIRTIO_MOST];
    uint16_t used_event;
};
struct bw_virtio_used {
    uint16_t flags;
    uint16_t index;
    struct {
        uint32_t id;
        uint32_t bytes;
    } ring[BW_VIRTIO_MOST];
    uint16_t available_event;
};
/* A queue of up to BW_VIRTIO_MOST descriptors as it lies in memory, at a multiple of 16. One that is shorter uses the beginning of each part. */
struct bw_virtio_ring {
    struct bw_virtio_descriptor descriptors[BW_VIRTIO_MOST];
    struct bw_virtio_available available;
    _Alignas(4) struct bw_virtio_used used;
};
_Static_assert(sizeof(struct bw_virtio_ring) <= 3344, "headers have room in the same page");

struct bw_virtio {
    volatile uint32_t *registers;
    uint64_t features;
};
struct bw_virtio_queue {
    struct bw_virtio *device;
    struct bw_virtio_ring *ring;
    uint32_t number;
    /* Descriptors, a power of two: BW_VIRTIO_MOST, or fewer if the device has fewer. */
    uint16_t size;
    uint16_t available;
    uint16_t used;
};

/* Resets the device and takes the features of `wanted` that it has. False: it is no device of this kind (`id`), or does not accept them. */
bool bw_virtio_begin(struct bw_virtio *device, uint64_t registers, uint32_t id, uint64_t wanted);
/* Sets up queue `number` in zeroed memory that the device finds at `io_address`. False: the device has no such queue. Between begin and ready. */
bool bw_virtio_queue_begin(struct bw_virtio_queue *queue, struct bw_virtio *device, uint32_t number, struct bw_virtio_ring *ring, uint64_t io_address);
void bw_virtio_ready(struct bw_virtio *device);
/* Nothing more is done, and nothing is in memory any more. */
void bw_virtio_reset(struct bw_virtio *device);
/* The device has given up, because of an access that was refused or a queue that made no sense: only a reset helps. */
bool bw_virtio_failed(const struct bw_virtio *device);
/* Why the device interrupts; it lowers its line. */
void bw_virtio_acknowledge(struct bw_virtio *device);
uint32_t bw_virtio_config(const struct bw_virtio *device, uint32_t offset);

/* Hands the chain that begins with descriptor `head` to the device, which looks when it is notified. */
void bw_virtio_offer(struct bw_virtio_queue *queue, uint16_t head);
void bw_virtio_notify(struct bw_virtio_queue *queue);
/* Whether the device is to interrupt for chains that it is done with from now on. To be asked for before a last look, or one is missed. */
void bw_virtio_interrupts(struct bw_virtio_queue *queue, bool wanted);
/* A chain that the device is done with: its head, -1 for none, -2 for a number that cannot be. */
int bw_virtio_take(struct bw_virtio_queue *queue);
/* The same, and how many bytes the device says that it wrote: as it says, so it is to be checked. */
int bw_virtio_take_written(struct bw_virtio_queue *queue, uint32_t *bytes);
