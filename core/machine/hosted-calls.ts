// System calls of a hosted thread: registers into its trap frame, one `yield`, registers back into a Message. Words from the fifth on and capabilities
// go through the IPC buffer by the thread's own memory accessors, so a program without a buffer page faults as a machine program would.
import type { Memory, Message, Op, Sys, Word } from "../../caps/abi/hosted.ts";
import { IPC_BUFFER } from "../../caps/abi/hosted.ts";
import { Info, IpcBuffer, MAX_CAPS, MAX_WORDS, REGISTER_WORDS, Reg, toInfo } from "../../caps/abi/message.ts";
import { Syscall } from "../../caps/abi/numbers.ts";
import { Gate, type HostedThread } from "./hosted-thread.ts";

const WORD_AT = (i: number): number => IPC_BUFFER + 8 * (IpcBuffer.WORDS + i);
const TWO32 = 2 ** 32;
const A0 = 2 * Reg.a0;
const A1 = 2 * Reg.a1;
const A2 = 2 * Reg.a2;
const A6 = 2 * Reg.a6;
const A7 = 2 * Reg.a7;
const NONE: readonly never[] = [];

/** What a call answered. Its prototype is frozen before a program sees one; the instance is the program's to spoil. */
class Answer implements Message {
  readonly badge: number;
  readonly info: number;
  readonly #mem: Memory;
  readonly #l0: number;
  readonly #h0: number;
  readonly #l1: number;
  readonly #h1: number;
  readonly #l2: number;
  readonly #h2: number;
  readonly #l3: number;
  readonly #h3: number;

  constructor(words: Int32Array, base: number, mem: Memory) {
    this.badge = (words[base + A0]! >>> 0) + (words[base + A0 + 1]! >>> 0) * TWO32;
    this.info = words[base + A1]!;
    this.#mem = mem;
    const at = base + A2;
    this.#l0 = words[at]!;
    this.#h0 = words[at + 1]!;
    this.#l1 = words[at + 2]!;
    this.#h1 = words[at + 3]!;
    this.#l2 = words[at + 4]!;
    this.#h2 = words[at + 5]!;
    this.#l3 = words[at + 6]!;
    this.#h3 = words[at + 7]!;
  }

  get label(): number {
    return (this.info >>> Info.LABEL_SHIFT) & Info.LABEL_MASK;
  }
  get error(): boolean {
    return this.info < 0;
  }
  get length(): number {
    return this.info & Info.LENGTH_MASK;
  }
  get caps(): number {
    return (this.info >>> Info.CAPS_SHIFT) & Info.CAPS_MASK;
  }
  lo(i: number): number {
    switch (i) {
      case 0:
        return this.#l0;
      case 1:
        return this.#l1;
      case 2:
        return this.#l2;
      case 3:
        return this.#l3;
      default:
        return this.#buffered(i) ? this.#mem.load32(WORD_AT(i)) | 0 : 0;
    }
  }
  hi(i: number): number {
    switch (i) {
      case 0:
        return this.#h0;
      case 1:
        return this.#h1;
      case 2:
        return this.#h2;
      case 3:
        return this.#h3;
      default:
        return this.#buffered(i) ? this.#mem.load32(WORD_AT(i) + 4) | 0 : 0;
    }
  }
  word(i: number): number {
    return (this.lo(i) >>> 0) + (this.hi(i) >>> 0) * TWO32;
  }
  big(i: number): bigint {
    return (BigInt(this.hi(i) >>> 0) << 32n) | BigInt(this.lo(i) >>> 0);
  }
  #buffered(i: number): boolean {
    if (!Number.isInteger(i) || i < 0) throw new RangeError("words are numbered from 0");
    return i < this.length;
  }
}
// A program must not reach the constructor: it is handed the machine's registers.
Reflect.deleteProperty(Answer.prototype, "constructor");
export const answerPrototype: object = Answer.prototype;

/** @param frames the trap frames, as signed halves. */
export function createCalls(frames: Int32Array, thread: HostedThread, mem: Memory): Sys {
  const { base } = thread;

  function checkGate(): void {
    if (thread.gate !== Gate.OPEN) throw new Error("system calls are made only while the program runs");
  }

  function open(number: number, cap: number): void {
    checkGate();
    frames[base + A7] = number;
    frames[base + A7 + 1] = 0;
    put(A0, cap);
    thread.calling = true;
  }

  function put(register: number, value: Word): void {
    if (typeof value === "bigint") {
      frames[base + register] = Number(BigInt.asIntN(32, value));
      frames[base + register + 1] = Number(BigInt.asIntN(32, value >> 32n));
      return;
    }
    const low = value | 0;
    if (low === value) {
      frames[base + register] = low;
      frames[base + register + 1] = low >> 31;
      return;
    }
    if (!Number.isSafeInteger(value)) throw new RangeError(`not a word: ${String(value)} is not a safe integer`);
    frames[base + register] = low;
    frames[base + register + 1] = Math.floor(value / TWO32);
  }

  function putMessage(label: number, words: readonly Word[], caps: readonly number[]): void {
    checkGate();
    const length = words.length;
    const count = caps.length;
    if (length > MAX_WORDS) throw new RangeError(`a message has at most ${MAX_WORDS} words, not ${length}`);
    if (count > MAX_CAPS) throw new RangeError(`a message has at most ${MAX_CAPS} capabilities, not ${count}`);
    if (!(label >= 0 && label <= Info.LABEL_MASK)) throw new RangeError(`a label is 0..${Info.LABEL_MASK}, not ${String(label)}`);
    frames[base + A1] = toInfo(label, length, count);
    frames[base + A1 + 1] = 0;
    for (let i = 0; i < REGISTER_WORDS; i++) {
      if (i < length) put(A2 + 2 * i, words[i]!);
      else frames[base + A2 + 2 * i] = frames[base + A2 + 2 * i + 1] = 0;
    }
    for (let i = REGISTER_WORDS; i < length; i++) putBuffered(i, words[i]!);
    for (let i = 0; i < count; i++) mem.store64(IPC_BUFFER + 8 * (IpcBuffer.CAPS + i), BigInt(caps[i]!));
  }

  function putBuffered(i: number, value: Word): void {
    if (typeof value === "bigint") return mem.store64(WORD_AT(i), value);
    if (!Number.isSafeInteger(value)) throw new RangeError(`not a word: ${String(value)} is not a safe integer`);
    mem.store32(WORD_AT(i), value);
    mem.store32(WORD_AT(i) + 4, Math.floor(value / TWO32));
  }

  const answer = (): Message => new Answer(frames, base, mem);
  const badge = (): number => (frames[base + A1]! < 0 ? 0 : (frames[base + A0]! >>> 0) + (frames[base + A0 + 1]! >>> 0) * TWO32);

  function* transfer(number: number, cap: number, label: number, words: readonly Word[], caps: readonly number[]): Op<Message> {
    putMessage(label, words, caps);
    open(number, cap);
    yield;
    return answer();
  }

  function* receive(number: number, cap: number, reply: number): Op<Message> {
    open(number, cap);
    put(A6, reply);
    yield;
    return answer();
  }

  function* signalled(number: number, cap: number): Op<number> {
    open(number, cap);
    yield;
    return badge();
  }

  return {
    call: (cap, label, words = NONE, caps = NONE) => transfer(Syscall.Call, cap, label, words, caps),
    send: (cap, label, words = NONE, caps = NONE) => transfer(Syscall.Send, cap, label, words, caps),
    nbsend: (cap, label, words = NONE, caps = NONE) => transfer(Syscall.NBSend, cap, label, words, caps),
    recv: (cap, reply = 0) => receive(Syscall.Recv, cap, reply),
    nbrecv: (cap, reply = 0) => receive(Syscall.NBRecv, cap, reply),
    *replyRecv(cap, reply, label, words = NONE, caps = NONE) {
      putMessage(label, words, caps);
      open(Syscall.ReplyRecv, cap);
      put(A6, reply);
      yield;
      return answer();
    },
    *signal(cap) {
      open(Syscall.Signal, cap);
      yield;
    },
    wait: (cap) => signalled(Syscall.Wait, cap),
    poll: (cap) => signalled(Syscall.Poll, cap),
    *yield() {
      open(Syscall.Yield, 0);
      yield;
    },
    receiveSlots(cnode, index, depth, count) {
      if (!(Number.isInteger(count) && count >= 0 && count <= MAX_CAPS)) throw new RangeError(`0..${MAX_CAPS} capabilities can be received, not ${String(count)}`);
      mem.store64(IPC_BUFFER + 8 * IpcBuffer.RECEIVE_COUNT, BigInt(count));
      mem.store64(IPC_BUFFER + 8 * IpcBuffer.RECEIVE_CNODE, BigInt(cnode));
      mem.store64(IPC_BUFFER + 8 * IpcBuffer.RECEIVE_INDEX, BigInt(index));
      mem.store64(IPC_BUFFER + 8 * IpcBuffer.RECEIVE_DEPTH, BigInt(depth));
    },
  };
}
