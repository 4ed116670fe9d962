// A ring in shared memory, as data: the one place where its layout stands. `header.ts` generates the C side from it; servers/lib/c/src/ring.c and
// servers/lib/ts/ring.ts are the two implementations.
//
// A ring carries messages of one size from one sender to one receiver. Its capacity and the size of a message are agreed on beside the memory and kept
// by each side for itself: nothing in the shared memory says how much may be read. Every field is written by one side only:
//
//   offset   bytes  written by  meaning
//   0        4      sender      SENT: how many messages it has put in, counted from FIRST, modulo 2^32
//   4        4      sender      SENDER_WAKE: ring its bell when the message of this number is taken
//   8        4      sender      SENDER_CLOSED: not 0: it sends nothing more
//   64       4      receiver    TAKEN: how many messages it has taken, counted as SENT
//   68       4      receiver    RECEIVER_WAKE: ring its bell when the message of this number has been put in
//   72       4      receiver    RECEIVER_CLOSED: not 0: it takes nothing more
//   128      ...    sender      message n stands at 128 + (n modulo capacity) * bytes
//
// All numbers are little-endian. A side that goes to sleep writes its WAKE, then looks once more at the other's number, then waits; the other writes
// its number, then looks at WAKE: in this order, with a full fence between, no wake-up is lost. A WAKE that nobody takes back is passed once and then
// stands for a message 2^32 messages away.
// Source: sDDF (queues with capacity outside shared memory, signals only to who sleeps); virtio 1.2, "used_event" (a number instead of a flag).

/** Offsets in bytes from the ring's first byte. The sender's and the receiver's fields are on cache lines of their own. */
export const RingLayout = {
  SENT: 0,
  SENDER_WAKE: 4,
  SENDER_CLOSED: 8,
  TAKEN: 64,
  RECEIVER_WAKE: 68,
  RECEIVER_CLOSED: 72,
  MESSAGES: 128,
} as const;

/** Both numbers begin here, so that every ring that is used for long goes through the wrap-around at 2^32 early. */
export const RING_FIRST = 2 ** 32 - 1000;
/** Messages in a ring: a power of two, 1..this. */
export const RING_MOST_MESSAGES = 2 ** 15;
/** Bytes of a message: a multiple of RING_UNIT, RING_UNIT..this. */
export const RING_MOST_BYTES = 2 ** 12;
export const RING_UNIT = 8;

/** What an operation on a ring comes to. The last three are for good. */
export const RingResult = {
  Done: 0,
  /** Nothing to take now. */
  Empty: 1,
  /** No room now. */
  Full: 2,
  /** The other side (a receiver: after its last message), or this one, has closed. */
  Closed: 3,
  /** The other side's number cannot be: it is broken or means harm. Nothing was read or written by it. */
  Corrupt: 4,
  /** The other side's notification is no more: it has ended. A receiver takes first what is there. */
  Gone: 5,
} as const;
export type RingResultName = keyof typeof RingResult;

/** The shape of a ring. Both 0: there is none. */
export interface RingShape {
  readonly capacity: number;
  readonly bytes: number;
}

/** Whether there may be a ring of this shape. */
export function isRingShape({ capacity, bytes }: RingShape): boolean {
  return Number.isInteger(capacity) && capacity >= 1 && capacity <= RING_MOST_MESSAGES && (capacity & (capacity - 1)) === 0
    && Number.isInteger(bytes) && bytes >= RING_UNIT && bytes <= RING_MOST_BYTES && bytes % RING_UNIT === 0;
}

/** Bytes that a ring takes, a multiple of 64; 0 for none. */
export const ringBytes = ({ capacity, bytes }: RingShape): number => (capacity === 0 ? 0 : Math.ceil((RingLayout.MESSAGES + capacity * bytes) / 64) * 64);
