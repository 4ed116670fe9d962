/*
 * ring.h: messages of one size from one sender to one receiver, through memory that both have mapped, without a system call for each. The layout of
 * the memory is in caps/abi/ring.ts; how two programs come to share it is channel.h.
 *
 * The other side may be anybody, and may write anything there at any time. So:
 *   RING-1  What says how far memory may be read or written (shape, own number, the other's number) is in this program's own memory.
 *   RING-2  Each number of the other side's is read once, then checked, then used. One that cannot be ends the ring: BW_RING_CORRUPT.
 *   RING-3  A message is copied out once; what the caller looks at is its own copy.
 *   RING-4  No call does more than copy one message and ring one bell. Only send and receive wait, and each turn of theirs costs the other a signal.
 *   RING-5  A bell is rung only when its owner has said that it sleeps.
 * So the other side can lose or spoil its own messages and no more. What it cannot be made to do is to go on: a call that waits, waits for it.
 *
 * A bell is a notification. The end that waits in bw_send or bw_receive waits on its program's own notification; bits of others that come meanwhile are
 * kept in `heard`. A server does not wait there: it uses the try functions, says bw_receiver_sleeps (or bw_sender_sleeps), and goes back to its loop.
 *
 * Memory order: messages before the number that tells of them (release, acquire); WAKE before the look at the other's number, and the own number before
 * the look at the other's WAKE (a full fence between).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bailiwick/syscall.h>

/* 0 (BW_RING_DONE), or one of BW_RING_EMPTY, _FULL, _CLOSED, _CORRUPT, _GONE. */
typedef uint32_t bw_ring_result;

/* What both sides see. */
struct bw_ring_memory {
    uint32_t sent;
    uint32_t sender_wake;
    uint32_t sender_closed;
    uint32_t reserved0[13];
    uint32_t taken;
    uint32_t receiver_wake;
    uint32_t receiver_closed;
    uint32_t reserved1[13];
    uint8_t messages[];
};
_Static_assert(offsetof(struct bw_ring_memory, sent) == BW_RING_AT_SENT, "SENT");
_Static_assert(offsetof(struct bw_ring_memory, sender_wake) == BW_RING_AT_SENDER_WAKE, "SENDER_WAKE");
_Static_assert(offsetof(struct bw_ring_memory, sender_closed) == BW_RING_AT_SENDER_CLOSED, "SENDER_CLOSED");
_Static_assert(offsetof(struct bw_ring_memory, taken) == BW_RING_AT_TAKEN, "TAKEN");
_Static_assert(offsetof(struct bw_ring_memory, receiver_wake) == BW_RING_AT_RECEIVER_WAKE, "RECEIVER_WAKE");
_Static_assert(offsetof(struct bw_ring_memory, receiver_closed) == BW_RING_AT_RECEIVER_CLOSED, "RECEIVER_CLOSED");
_Static_assert(offsetof(struct bw_ring_memory, messages) == BW_RING_AT_MESSAGES, "MESSAGES");

/* capacity: messages, a power of two, 1..BW_RING_MOST_MESSAGES. bytes of a message: a multiple of BW_RING_UNIT, up to BW_RING_MOST_BYTES. Both 0: no ring. */
struct bw_ring_shape {
    uint32_t capacity;
    uint32_t bytes;
};

bool bw_is_ring_shape(struct bw_ring_shape shape);
/* Bytes that a ring takes, a multiple of 64; 0 for none. */
size_t bw_ring_bytes(struct bw_ring_shape shape);

/* Whom to ring, and where to be rung. */
struct bw_bells {
    /* The other side's bell, a notification to signal. */
    bw_cptr theirs;
    /* The notification to wait on, and which bits of its word are this ring's. 0: this end never waits. */
    bw_cptr own;
    uint64_t bits;
};

/* What the two kinds of ends have in common. To be read only. */
struct bw_ring_end {
    struct bw_ring_memory *memory;
    struct bw_ring_shape shape;
    struct bw_bells bells;
    /* Messages that this end has sent or taken, and as many as the other side is known to have. */
    uint32_t own;
    uint32_t other;
    /* 0, or what ended it. */
    bw_ring_result over;
    /* The other side's bell is no more; this end has told that it closed. */
    bool gone;
    bool closed;
    /* Bits that waits have taken from the notification and that are not this ring's. */
    uint64_t heard;
    /* How often this end has rung, and has waited. */
    uint64_t rung;
    uint64_t waited;
};

struct bw_sender {
    struct bw_ring_end end;
    /* Messages up to this one were announced. */
    uint32_t announced;
    /* How much room is worth waking it for, 1..capacity. Half the ring from the start: a receiver that rings for each place it empties would be called
     * back each time. 1 when the receiver may stop in the middle until this end has sent more. */
    uint32_t batch;
};

struct bw_receiver {
    struct bw_ring_end end;
};

/* Makes the memory a ring on which nothing was sent; before the other side is told of it. The memory is the caller's alone. */
void bw_ring_prepare(void *memory);
/* The shape is right and the memory, at a multiple of 8, long enough: the caller's duty. */
void bw_sender_init(struct bw_sender *sender, void *memory, struct bw_ring_shape shape, struct bw_bells bells);
void bw_receiver_init(struct bw_receiver *receiver, void *memory, struct bw_ring_shape shape, struct bw_bells bells);

/* Puts in a message of shape.bytes. Results: Done, Full, Closed, Corrupt, Gone. */
bw_ring_result bw_try_send(struct bw_sender *sender, const void *message);
/*
 * As bw_try_send in two steps, so that many messages cost one bell: bw_try_put puts a message in, and the receiver may find it; bw_announce rings if the
 * receiver sleeps. What was put is announced before this side waits for anything.
 */
bw_ring_result bw_try_put(struct bw_sender *sender, const void *message);
void bw_announce(struct bw_sender *sender);
/* As bw_try_send, and waits while it is full. */
bw_ring_result bw_send_message(struct bw_sender *sender, const void *message);
/* Takes the oldest message. Results: Done, Empty, Closed, Corrupt, Gone. */
bw_ring_result bw_try_receive(struct bw_receiver *receiver, void *message);
/* As bw_try_receive, and waits while it is empty. */
bw_ring_result bw_receive_message(struct bw_receiver *receiver, void *message);

/* How many messages can be taken, or sent, now without waiting: 0..capacity; 0 when it is over. */
uint32_t bw_receivable(struct bw_receiver *receiver);
uint32_t bw_sendable(struct bw_sender *sender);

/* Says that this end goes to sleep and wants its bell rung. False: there is something already, so look again instead. True once it is over. */
bool bw_receiver_sleeps(struct bw_receiver *receiver);
bool bw_sender_sleeps(struct bw_sender *sender);
/* Takes that back: this end is awake, whoever woke it, and looks again before it sleeps, so nobody needs to ring. */
void bw_receiver_wakes(struct bw_receiver *receiver);

/* Nothing more is sent, or taken; the other side is told, and rung. What was sent before can still be taken. */
void bw_sender_close(struct bw_sender *sender);
void bw_receiver_close(struct bw_receiver *receiver);

/* "Corrupt" for BW_RING_CORRUPT; "unknown" for a number that is none. */
const char *bw_ring_name(bw_ring_result result);
