// A ring without a machine: memory that knows which bytes may be touched, notifications of one word, and a hook before every access to the memory, in
// which tests let the other side run or write what it likes.
import { ErrorCode, Kind } from "../../caps/abi/numbers.ts";
import { ringBytes, RingLayout, type RingShape } from "../../caps/abi/ring.ts";
import type { Memory, Message, Op, Sys } from "../../servers/lib/ts/sdk.ts";
import { prepareRing, Receiver, Sender } from "../../servers/lib/ts/ring.ts";

export const ADDRESS = 0x6000_0040;

/** What a notification's slot holds. */
interface Bell {
  word: number;
  there: boolean;
  rings: number;
}

const message = (error: boolean, words: readonly number[] = [], label = 0): Message => ({
  badge: 0, info: error ? -1 : 0, label, error, length: words.length, caps: 0,
  word: (i) => words[i] ?? 0, lo: (i) => words[i] ?? 0, hi: () => 0, big: (i) => BigInt(words[i] ?? 0),
});

/** CPtrs of the two bells; each end waits on its own and rings the other's. */
export const SENDER_BELL = 40;
export const RECEIVER_BELL = 41;
export const BIT = 2 ** 52;

export class RingBed {
  readonly shape: RingShape;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  /** Called before each access to the shared memory, with the offset in the ring. */
  before: (offset: number, bytes: number, store: boolean) => void = () => undefined;
  accesses = 0;
  readonly bells = new Map<number, Bell>([SENDER_BELL, RECEIVER_BELL].map((cap) => [cap, { word: 0, there: true, rings: 0 }]));
  readonly mem: Memory;
  readonly sys: Sys;
  readonly sender: Sender;
  readonly receiver: Receiver;

  constructor(shape: RingShape) {
    this.shape = shape;
    this.bytes = new Uint8Array(ringBytes(shape));
    this.view = new DataView(this.bytes.buffer);
    this.mem = {
      load32: (address: number) => this.view.getUint32(this.#at(address, 4, false), true),
      store32: (address: number, value: number) => this.view.setUint32(this.#at(address, 4, true), value, true),
      read: (address: number, bytes: number) => {
        const at = this.#at(address, bytes, false);
        return this.bytes.slice(at, at + bytes);
      },
      write: (address: number, bytes: Uint8Array) => this.bytes.set(bytes, this.#at(address, bytes.length, true)),
    } as Partial<Memory> as Memory;
    const bells = this.bells;
    this.sys = {
      *nbsend(cap: number): Op<Message> {
        const bell = bells.get(cap);
        if (bell === undefined || !bell.there) return message(true, [], ErrorCode.InvalidCapability);
        bell.word = BIT;
        bell.rings++;
        yield;
        return message(false);
      },
      *wait(cap: number): Op<number> {
        const bell = bells.get(cap)!;
        do yield;
        while (bell.word === 0);
        const { word } = bell;
        bell.word = 0;
        return word;
      },
      /** Discrim, the only thing that a ring calls. */
      *call(_cap: number, _label: number, words: readonly number[] = []): Op<Message> {
        yield;
        return message(false, [bells.get(words[0]!)?.there === true ? Kind.Notification : Kind.Null, 1]);
      },
    } as Partial<Sys> as Sys;
    prepareRing(this, ADDRESS);
    this.sender = new Sender(this, ADDRESS, shape, { theirs: RECEIVER_BELL, own: SENDER_BELL, bit: BIT });
    this.receiver = new Receiver(this, ADDRESS, shape, { theirs: SENDER_BELL, own: RECEIVER_BELL, bit: BIT });
  }

  /** A read or write outside the ring, or that is not one field or one message, is what must never happen. */
  #at(address: number, bytes: number, store: boolean): number {
    const at = address - ADDRESS;
    const { MESSAGES } = RingLayout;
    const isField = bytes === 4 && (Object.values(RingLayout) as number[]).includes(at) && at < MESSAGES;
    const isMessage = bytes === this.shape.bytes && at >= MESSAGES && at + bytes <= MESSAGES + this.shape.capacity * bytes && (at - MESSAGES) % bytes === 0;
    if (!isField && !isMessage) throw new Error(`${bytes} bytes at ${at} are neither a field nor a message`);
    this.accesses++;
    this.before(at, bytes, store);
    return at;
  }

  field(name: keyof typeof RingLayout): number {
    return this.view.getUint32(RingLayout[name], true);
  }
  set(name: keyof typeof RingLayout, value: number): void {
    this.view.setUint32(RingLayout[name], value, true);
  }
  /** A message that holds this number, and fills the rest from it. */
  encode(number: number): Uint8Array {
    const bytes = new Uint8Array(this.shape.bytes).map((_, i) => number + 7 * i);
    new DataView(bytes.buffer).setUint32(0, number, true);
    return bytes;
  }
}

/** Runs what needs nobody else to its end. */
export function finish<T>(op: Op<T>, most = 100): T {
  for (let steps = 0; steps < most; steps++) {
    const step = op.next();
    if (step.done === true) return step.value;
  }
  throw new Error(`not done after ${most} system calls`);
}
