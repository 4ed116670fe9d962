// The ABI of hosted programs, as types: what a generator finds in `env` and how it makes system calls. `core/machine/hosted*.ts` implements it,
// `servers/lib/ts/sdk.ts` is what programs import. The meaning of every call is that of `Syscall` in numbers.ts.

/** A message word. Numbers are safe integers (RangeError otherwise); negative ones travel as two's complement. BigInts are cut to 64 bits. */
export type Word = number | bigint;

/** A step of a program: delegate to it with `yield*`. */
export type Op<T> = Generator<void, T, void>;

/** What a call brought back. A snapshot, but for words 4 and up: they stand in the IPC buffer and are gone after the next system call. */
export interface Message {
  /** Exact below 2^53. 0 for replies. */
  readonly badge: number;
  /** The info word, a signed 32-bit number: message.ts takes it apart. */
  readonly info: number;
  /** 0..2^19-1. An ErrorCode when `error`, a Fault on a keeper's endpoint, else the sender's choice. */
  readonly label: number;
  /** The kernel refused or could not complete the call. */
  readonly error: boolean;
  /** Words, 0..120. */
  readonly length: number;
  /** Capabilities received, 0..3. */
  readonly caps: number;
  /** Word i as an unsigned number, rounded when above 2^53-1. 0 beyond `length` from word 4 on. */
  word(i: number): number;
  /** Halves of word i as signed 32-bit numbers. */
  lo(i: number): number;
  hi(i: number): number;
  /** Word i exactly, unsigned. */
  big(i: number): bigint;
}

/** System calls. CPtrs and labels are unsigned; `words` holds at most 120, `caps` at most three CPtrs. */
export interface Sys {
  /** Sends and waits for the answer; on a kernel object, invokes it. */
  call(cap: number, label: number, words?: readonly Word[], caps?: readonly number[]): Op<Message>;
  /** The message carries only what went wrong, if anything. */
  send(cap: number, label: number, words?: readonly Word[], caps?: readonly number[]): Op<Message>;
  nbsend(cap: number, label: number, words?: readonly Word[], caps?: readonly number[]): Op<Message>;
  /** `reply` is the reply object that will hold the caller; without it a Call cannot be answered. */
  recv(cap: number, reply?: number): Op<Message>;
  nbrecv(cap: number, reply?: number): Op<Message>;
  /** Answers the caller that `reply` holds, then receives on `cap` into the same reply object. */
  replyRecv(cap: number, reply: number, label: number, words?: readonly Word[], caps?: readonly number[]): Op<Message>;
  signal(cap: number): Op<void>;
  /** The notification's word, exact below 2^53. 0 when the capability does not allow it. */
  wait(cap: number): Op<number>;
  /** As `wait`, but 0 when nothing was signalled. */
  poll(cap: number): Op<number>;
  yield(): Op<void>;
  /** Where received capabilities go from now on: CPtr of the CNode, first slot, depth in bits, how many (0..3; 0 for none). */
  receiveSlots(cnode: number, index: number, depth: number, count: number): void;
}

/**
 * The thread's memory, through its VSpace. Little-endian; any alignment; loads are unsigned, stores cut to their width. An access that the VSpace does
 * not allow throws, and is a VM fault of the thread even when the program catches what was thrown. Device registers are loaded and stored by 8, 16 or 32 bits.
 */
export interface Memory {
  load8(address: number): number;
  load16(address: number): number;
  load32(address: number): number;
  load64(address: number): bigint;
  store8(address: number, value: number): void;
  store16(address: number, value: number): void;
  store32(address: number, value: number): void;
  store64(address: number, value: bigint): void;
  /** A copy. */
  read(address: number, bytes: number): Uint8Array;
  write(address: number, bytes: Uint8Array): void;
  /** The areas may overlap. */
  copy(to: number, from: number, bytes: number): void;
  fill(address: number, bytes: number, value: number): void;
}

/** Something the manifest gave the program. `cap` is 0 when it is memory only; `address` and `bytes` are 0 when nothing is mapped. */
export interface Use {
  readonly cap: number;
  readonly address: number;
  readonly bytes: number;
  /** Badge bit of an interrupt, or what the server sees of an endpoint's client. */
  readonly badge: number;
}

export interface Env {
  readonly sys: Sys;
  readonly mem: Memory;
  readonly name: string;
  /** Of its CSpace: those from 128 on are the program's own. 0 when the thread was started without an environment. */
  readonly slots: number;
  readonly use: Readonly<Record<string, Use>>;
  /** In index order: a client of offers[i] has i in the high half of its badge's low 32 bits. */
  readonly offers: readonly string[];
  readonly args: unknown;
  /** a0 and a1 at the start. `bytes` is 0 when the thread was started without an environment: the root server, whose `address` is bootinfo's. */
  readonly start: { readonly address: number; readonly bytes: number };
}

/** What the environment page of a hosted program holds, as JSON in UTF-8. */
export interface HostedEnvironment {
  readonly name: string;
  readonly slots: number;
  readonly use: Readonly<Record<string, Use>>;
  readonly offers: readonly string[];
  readonly args: unknown;
}

/** A hosted program's default export. */
export type HostedMain = (env: Env) => Op<unknown>;

/** Where every program's IPC buffer is mapped. */
export const IPC_BUFFER = 0x4000_1000;
