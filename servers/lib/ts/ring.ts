// Messages of one size from one sender to one receiver, through memory that both have mapped, without a system call for each. The layout is in
// caps/abi/ring.ts; how two programs come to share the memory is channel.ts; the same in C is servers/lib/c/src/ring.c.
//
// The other side may be anybody, and may write anything there at any time. So:
//   RING-1  What says how far memory may be read or written (shape, own number, the other's number) is in this program's own memory.
//   RING-2  Each number of the other side's is read once, then checked, then used. One that cannot be ends the ring: Corrupt.
//   RING-3  A message is copied out once; what the caller looks at is its own copy.
//   RING-4  No call does more than copy one message and ring one bell. Only send and receive wait, and each turn of theirs costs the other a signal.
//   RING-5  A bell is rung only when its owner has said that it sleeps.
// So the other side can lose or spoil its own messages and no more. What it cannot be made to do is to go on: a call that waits, waits for it.
//
// A server does not wait here: it uses the try methods, says `sleeps`, and goes back to its loop. A hosted program is alone on the machine between two
// of its system calls, so the order of its stores and loads is the order they are written in.
import { InitSlot, Kind } from "../../../caps/abi/numbers.ts";
import { isRingShape, RING_FIRST, RingLayout, type RingResultName, type RingShape } from "../../../caps/abi/ring.ts";
import { discrimClassify } from "./objects.ts";
import type { Env, Op } from "./sdk.ts";

export { isRingShape, RING_MOST_BYTES, RING_MOST_MESSAGES, ringBytes, type RingShape } from "../../../caps/abi/ring.ts";

export type Sent = Exclude<RingResultName, "Empty">;
/** A message, or why there is none. */
export type Received = Uint8Array | Exclude<RingResultName, "Done" | "Full">;
/** What ended a ring for good. */
export type RingEnd = Extract<RingResultName, "Closed" | "Corrupt" | "Gone">;

/** Whom to ring, and where to be rung. */
export interface Bells {
  /** The other side's bell: CPtr of a notification to signal. */
  readonly theirs: number;
  /** The notification to wait on, and the one bit (a power of two) of its word that is this ring's. */
  readonly own: number;
  readonly bit: number;
}

type RingEnv = Pick<Env, "mem" | "sys">;

/** Makes the memory at `address` a ring on which nothing was sent; before the other side is told of it. */
export function prepareRing({ mem }: Pick<Env, "mem">, address: number): void {
  mem.store32(address + RingLayout.SENT, RING_FIRST);
  mem.store32(address + RingLayout.TAKEN, RING_FIRST);
  // The receiver sleeps until the first message is there; the sender wants nothing.
  mem.store32(address + RingLayout.RECEIVER_WAKE, RING_FIRST);
  mem.store32(address + RingLayout.SENDER_WAKE, RING_FIRST - 1);
  mem.store32(address + RingLayout.SENDER_CLOSED, 0);
  mem.store32(address + RingLayout.RECEIVER_CLOSED, 0);
}

/** What the two ends have in common. */
class End {
  readonly env: RingEnv;
  readonly address: number;
  readonly shape: RingShape;
  readonly bells: Bells;
  /** Messages that this end has sent or taken, and as many as the other side is known to have. */
  own = RING_FIRST;
  other = RING_FIRST;
  over: RingEnd | undefined = undefined;
  /** The other side's bell is no more; this end has told that it closed. */
  gone = false;
  closed = false;
  /** Other bits of the notification's word that waits have taken. The exact sum of powers of two below 2^53. */
  heard = 0;
  rung = 0;
  waited = 0;

  constructor(env: RingEnv, address: number, shape: RingShape, bells: Bells) {
    if (!isRingShape(shape)) throw new RangeError(`no ring has ${shape.capacity} messages of ${shape.bytes} bytes`);
    this.env = env;
    this.address = address;
    this.shape = shape;
    this.bells = bells;
  }

  look(field: number): number {
    return this.env.mem.load32(this.address + field);
  }
  tell(field: number, value: number): void {
    this.env.mem.store32(this.address + field, value);
  }
  /** Keeps the first end. */
  finish(how: RingEnd): RingEnd {
    return (this.over ??= how);
  }
  place(number: number): number {
    return this.address + RingLayout.MESSAGES + (number & (this.shape.capacity - 1)) * this.shape.bytes;
  }
  /** How far the other side has come, by its field, read once. It can have gone on by `most` and no more, and never goes back; false: it says what cannot be. */
  catchUp(field: number, most: number): boolean {
    const now = this.look(field);
    if (distance(this.other, now) > most) return false;
    this.other = now;
    return true;
  }
  /** NBSend and not Signal, for it says when the notification is no more. */
  *ring(): Op<void> {
    if (this.gone) return;
    this.rung++;
    if ((yield* this.env.sys.nbsend(this.bells.theirs, 0)).error) this.gone = true;
  }
  /** Waits until somebody rings. Not at all when the other side has ended already: nobody would. */
  *wait(): Op<void> {
    const is = yield* discrimClassify(this.env.sys, InitSlot.Discrim, this.bells.theirs);
    if (is.error || is.word(0) !== Kind.Notification) {
      this.gone = true;
      return;
    }
    this.waited++;
    this.heard = union(this.heard, without(yield* this.env.sys.wait(this.bells.own), this.bells.bit));
  }
  *close(field: number): Op<void> {
    this.finish("Closed");
    if (this.closed) return;
    this.closed = true;
    this.tell(field, 1);
    yield* this.ring();
  }
}

const distance = (from: number, to: number): number => (to - from) >>> 0;
const following = (number: number): number => (number + 1) >>> 0;
const preceding = (number: number): number => (number - 1) >>> 0;
const without = (word: number, bit: number): number => Number(BigInt(word) & ~BigInt(bit));
const union = (a: number, b: number): number => (b === 0 ? a : Number(BigInt(a) | BigInt(b)));

/** What can be asked of either end. */
class Side {
  protected readonly end: End;

  /** The memory at `address` was prepared and is long enough. Throws RangeError for a shape that cannot be. */
  constructor(env: RingEnv, address: number, shape: RingShape, bells: Bells) {
    this.end = new End(env, address, shape, bells);
  }

  /** How it ended. */
  get over(): RingEnd | undefined {
    return this.end.over;
  }
  /** How often this end has rung, and has waited; other bits that waits have taken from the notification. */
  get rung(): number {
    return this.end.rung;
  }
  get waited(): number {
    return this.end.waited;
  }
  get heard(): number {
    return this.end.heard;
  }
}

export class Sender extends Side {
  /**
   * How much room is worth waking it for, 1..capacity. Half the ring from the start: a receiver that rings for each place it empties would be called
   * back each time. 1 when the receiver may stop in the middle until this end has sent more.
   */
  batch: number;

  constructor(env: RingEnv, address: number, shape: RingShape, bells: Bells) {
    super(env, address, shape, bells);
    this.batch = Math.ceil(shape.capacity / 2);
  }

  /** Messages that the other side has been told of. */
  #announced = RING_FIRST;

  /** `message` has as many bytes as the ring's messages; RangeError otherwise. Its receiver is not rung before `announce`: one bell for many. */
  tryPut(message: Uint8Array): Sent {
    const { end } = this;
    const { shape } = end;
    if (message.length !== shape.bytes) throw new RangeError(`a message of this ring has ${shape.bytes} bytes, not ${message.length}`);
    if (end.over !== undefined) return end.over;
    if (end.look(RingLayout.RECEIVER_CLOSED) !== 0) return end.finish("Closed");
    if (end.gone) return end.finish("Gone");
    if (this.#inFlight() === shape.capacity) {
      if (!this.#seeTaken()) return end.finish("Corrupt");
      if (this.#inFlight() === shape.capacity) return "Full";
    }
    const number = end.own;
    end.own = following(number);
    end.env.mem.write(end.place(number), message);
    end.tell(RingLayout.SENT, end.own);
    return "Done";
  }

  /** Rings the receiver if it sleeps and what was put since the last time wakes it. Before anything is waited for. */
  *announce(): Op<void> {
    const { end } = this;
    const first = this.#announced;
    this.#announced = end.own;
    if (first === end.own || end.over !== undefined) return;
    if (distance(first, end.look(RingLayout.RECEIVER_WAKE)) < distance(first, end.own)) yield* end.ring();
    // Nobody will take it.
    if (end.gone) end.finish("Gone");
  }

  /** As tryPut, and announces it. */
  *trySend(message: Uint8Array): Op<Sent> {
    const result = this.tryPut(message);
    if (result === "Done") yield* this.announce();
    return result === "Done" && this.end.gone ? "Gone" : result;
  }

  /** As trySend, and waits while it is full. */
  *send(message: Uint8Array): Op<Exclude<Sent, "Full">> {
    for (;;) {
      const result = yield* this.trySend(message);
      if (result !== "Full") return result;
      if (this.sleeps()) yield* this.end.wait();
    }
  }

  /** How many messages can be sent now without waiting; 0 when it is over. */
  sendable(): number {
    const { end } = this;
    if (end.over !== undefined) return 0;
    if (!this.#seeTaken()) {
      end.finish("Corrupt");
      return 0;
    }
    return end.shape.capacity - this.#inFlight();
  }

  /** Says that this end goes to sleep and wants its bell rung. False: there is room already, so look again instead. True once it is over. */
  sleeps(): boolean {
    const { end } = this;
    const { capacity } = end.shape;
    if (end.over !== undefined) return true;
    // There are `batch` places free when this one is taken.
    const batch = Math.min(Math.max(Math.trunc(this.batch), 1), capacity);
    end.tell(RingLayout.SENDER_WAKE, (end.own - capacity + batch - 1) >>> 0);
    if (!this.#seeTaken()) end.finish("Corrupt");
    return end.over === undefined && this.#inFlight() === capacity;
  }

  /** Nothing more is sent; the other side is told, and rung. What was sent before can still be taken. */
  *close(): Op<void> {
    yield* this.end.close(RingLayout.SENDER_CLOSED);
  }

  /** The other side says that it takes nothing more. */
  get isClosedByReceiver(): boolean {
    return this.end.look(RingLayout.RECEIVER_CLOSED) !== 0;
  }

  #inFlight(): number {
    return distance(this.end.other, this.end.own);
  }
  #seeTaken(): boolean {
    return this.end.catchUp(RingLayout.TAKEN, this.#inFlight());
  }
}

export class Receiver extends Side {
  /** The oldest message, a copy. */
  *tryReceive(): Op<Received> {
    const { end } = this;
    if (end.over !== undefined) return end.over;
    if (this.#waiting() === 0) {
      // Closed first: what was sent before it closed is seen by the second look.
      const closed = this.isClosedBySender;
      if (!this.#seeSent()) return end.finish("Corrupt");
      if (this.#waiting() === 0) return closed ? end.finish("Closed") : end.gone ? end.finish("Gone") : "Empty";
    }
    const number = end.own;
    end.own = following(number);
    const message = end.env.mem.read(end.place(number), end.shape.bytes);
    end.tell(RingLayout.TAKEN, end.own);
    if (end.look(RingLayout.SENDER_WAKE) === number) yield* end.ring();
    return message;
  }

  /** As tryReceive, and waits while it is empty. */
  *receive(): Op<Exclude<Received, "Empty">> {
    for (;;) {
      const result = yield* this.tryReceive();
      if (result !== "Empty") return result;
      if (this.sleeps()) yield* this.end.wait();
    }
  }

  /** How many messages can be taken now without waiting; 0 when it is over. */
  receivable(): number {
    const { end } = this;
    if (end.over !== undefined) return 0;
    if (!this.#seeSent()) {
      end.finish("Corrupt");
      return 0;
    }
    return this.#waiting();
  }

  /** Says that this end goes to sleep and wants its bell rung. False: there is something already, so look again instead. True once it is over. */
  sleeps(): boolean {
    const { end } = this;
    if (end.over !== undefined) return true;
    if (this.#waiting() > 0) return false;
    end.tell(RingLayout.RECEIVER_WAKE, end.own);
    if (!this.#seeSent()) end.finish("Corrupt");
    return end.over === undefined && this.#waiting() === 0;
  }

  /** Says that this end looks by itself, and is not to be rung, until it says `sleeps`. */
  wakes(): void {
    // A number that has been sent already.
    if (this.end.over === undefined) this.end.tell(RingLayout.RECEIVER_WAKE, preceding(this.end.own));
  }

  /** Nothing more is taken; the other side is told, and rung. */
  *close(): Op<void> {
    yield* this.end.close(RingLayout.RECEIVER_CLOSED);
  }

  /** The other side says that it sends nothing more. */
  get isClosedBySender(): boolean {
    return this.end.look(RingLayout.SENDER_CLOSED) !== 0;
  }

  #waiting(): number {
    return distance(this.end.own, this.end.other);
  }
  #seeSent(): boolean {
    return this.end.catchUp(RingLayout.SENT, this.end.shape.capacity - this.#waiting());
  }
}
