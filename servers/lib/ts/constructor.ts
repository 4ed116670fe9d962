// Constructors for hosted programs: for those who build programs into them, and for those who have them run. Protocol: servers/constructor/protocol.ts; the same in C is
// servers/lib/c/src/constructor.c. What a requestor says of itself is true only if it is genuine: `verifyRequestor` asks a capability of the constructor's that one trusts.
//
// Capabilities that come go into the empty slot that is said; the program's own receive slots are as before afterwards.
import { IpcBuffer } from "../../../caps/abi/message.ts";
import { InitSlot } from "../../../caps/abi/numbers.ts";
import { Constructor } from "../../constructor/protocol.ts";
import { packBytes, unpackBytes } from "./bytes.ts";
import { client, type Client } from "./client.ts";
import { IPC_BUFFER, type Env, type Message, type Op, type Word } from "./sdk.ts";

const CPTR_BITS = 32;
/** Bytes of a file that go with one message. */
const PIECE = 936;
const METHODS = Constructor.methods;
const REFUSALS = new Map<number, string>(Object.entries(Constructor.refusals).map(([name, label]) => [label, name]));

/** `refusal`: the server's, by name; `error` when the kernel's (label: an ErrorCode): the server has ended, or the capability is none of its. `why`: of badImage. */
export type Refused = { readonly ok: false; readonly refusal: string; readonly label: number; readonly why?: string };
export type Answered<T> = ({ readonly ok: true } & T) | Refused;

/** A product takes 2^bits bytes, 16..24, and has so many pages of stack, 1..64. */
export interface ProductSize {
  readonly bits: number;
  readonly stackPages: number;
}

/** What a product is built from, all of it its client's. */
export interface YieldFrom {
  readonly bank: number;
  /** A SchedContext that no thread has. */
  readonly schedule: number;
  /** An endpoint that is told of its faults, with the rights to write and to be answered. */
  readonly keeper: number;
  /** Only if the constructor is discreet and nobody else can tell how much the bank has sold. */
  readonly strict: boolean;
}

export interface RequestorCheck {
  readonly genuine: boolean;
  readonly discreet: boolean;
  readonly holes: number;
}

export interface Hole {
  /** Kind.Null: an instruction that reads a clock, or what cannot be looked into any more. */
  readonly kind: number;
  readonly rights: number;
  readonly path: string;
}

type Programs = Pick<Env, "sys" | "mem">;

const asking = ({ sys, mem }: Programs, cap: number): Client<typeof Constructor> => client(Constructor, sys, mem, cap);
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const refusedAs = (message: Message): Refused => ({ ok: false, refusal: message.error ? "error" : (REFUSALS.get(message.label) ?? "unknown"), label: message.label });

/** A call whose answer brings a capability into `slot`. */
function* fetch({ sys, mem }: Programs, cap: number, label: number, words: readonly Word[], caps: readonly number[], slot: number): Op<Message> {
  const before = [IpcBuffer.RECEIVE_CNODE, IpcBuffer.RECEIVE_INDEX, IpcBuffer.RECEIVE_DEPTH, IpcBuffer.RECEIVE_COUNT].map((at) => Number(mem.load64(IPC_BUFFER + 8 * at)));
  sys.receiveSlots(InitSlot.CNode, slot, CPTR_BITS, 1);
  const message = yield* sys.call(cap, label, words, caps);
  const [cnode = 0, index = 0, depth = 0, count = 0] = before;
  sys.receiveSlots(cnode, index, depth, count);
  return message;
}

/** A new constructor for an ELF file, all of which is written to it: its builder into `slot`. The name: at most 23 bytes '!' to '~'. When the file cannot be written, the constructor is destroyed. */
export function* createConstructor(env: Programs, constructor: number, name: string, elf: Uint8Array, { bits, stackPages }: ProductSize, slot: number): Op<Answered<object>> {
  const bytes = encode(name);
  const made = yield* fetch(env, constructor, METHODS.create.label, [elf.length, bits, stackPages, bytes.length, ...packBytes(bytes)], [], slot);
  if (made.error || made.label !== 0) return refusedAs(made);
  const builder = asking(env, slot);
  for (let at = 0; at < elf.length; at += PIECE) {
    const written = yield* builder.write(at, elf.subarray(at, at + PIECE));
    if (!written.ok) {
      yield* builder.destroy();
      return written;
    }
  }
  return { ok: true };
}

/** The capability in `cap` for each product, under this name. hole: something could go out through it. */
export function* installCapability(env: Programs, builder: number, name: string, cap: number): Op<Answered<{ readonly hole: boolean }>> {
  const answer = yield* asking(env, builder).install(encode(name), cap);
  return answer.ok ? { ok: true, hole: answer.hole === 1 } : answer;
}

/** The requestor into `slot`. */
export function* sealConstructor(env: Programs, builder: number, slot: number): Op<Answered<{ readonly holes: number }>> {
  const message = yield* fetch(env, builder, METHODS.seal.label, [], [], slot);
  if (!message.error && message.label === 0) return { ok: true, holes: message.word(0) };
  const why = !message.error && message.label === Constructor.refusals.badImage ? unpackBytes(message, env.mem, 1, message.word(0)) : null;
  return { ...refusedAs(message), ...(why === null ? {} : { why: new TextDecoder().decode(why) }) };
}

/** The constructor ends, and with it the text that its products run. */
export function* destroyConstructor(env: Programs, builder: number): Op<Answered<object>> {
  return yield* asking(env, builder).destroy();
}

/** @param constructor one that is trusted @param suspect any capability */
export function* verifyRequestor(env: Programs, constructor: number, suspect: number): Op<Answered<RequestorCheck>> {
  const answer = yield* asking(env, constructor).verify(suspect);
  return answer.ok ? { ok: true, genuine: answer.genuine === 1, discreet: answer.genuine === 1 && answer.discreet === 1, holes: answer.holes } : answer;
}

/** The place'th hole, from 0; notFound behind the last. */
export function* holeOf(env: Programs, requestor: number, place: number): Op<Answered<Hole>> {
  const answer = yield* asking(env, requestor).hole(place);
  return answer.ok ? { ok: true, kind: answer.kind, rights: answer.rights, path: new TextDecoder().decode(answer.bytes) } : answer;
}

/** The product's endpoint into `slot`; number: by which the bank frees all of it. It runs already. */
export function* yieldProduct(env: Programs, requestor: number, { bank, schedule, keeper, strict }: YieldFrom, slot: number): Op<Answered<{ readonly number: number }>> {
  const message = yield* fetch(env, requestor, METHODS.yield.label, [strict ? 1 : 0], [bank, schedule, keeper], slot);
  return message.error || message.label !== 0 ? refusedAs(message) : { ok: true, number: message.word(0) };
}
