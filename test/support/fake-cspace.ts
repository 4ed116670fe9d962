// A program's CSpace and the calls that the library's patterns make in it, without a kernel: for models of what they decide. It knows capabilities as the kernel
// does as far as that goes: copies of a badge are one family, which revoking the first of them ends; an object that is destroyed takes all its capabilities along.
import { Info, IpcBuffer, MAX_CAPS, toInfo } from "../../caps/abi/message.ts";
import { ErrorCode, InitSlot, Invocation, Kind, Right } from "../../caps/abi/numbers.ts";
import { IPC_BUFFER, type Memory, type Message, type Op, type Sys, type Word } from "../../servers/lib/ts/sdk.ts";

export interface Thing {
  readonly kind: number;
  alive: boolean;
}

export class Cap {
  alive = true;
  readonly thing: Thing;
  readonly badge: number;
  readonly rights: number;
  readonly family: Set<Cap>;

  constructor(thing: Thing, badge: number, rights: number, family = new Set<Cap>()) {
    this.thing = thing;
    this.badge = badge;
    this.rights = rights;
    this.family = family;
    family.add(this);
  }
  get isThere(): boolean {
    return this.alive && this.thing.alive;
  }
  copy(rights = 15): Cap {
    return new Cap(this.thing, this.badge, this.rights & rights, this.family);
  }
}

export interface Sent {
  readonly label: number;
  readonly words: readonly Word[];
  readonly caps: readonly Cap[];
}

export class FakeCSpace {
  readonly #slots = new Map<number, Cap>();
  readonly #words = new Map<number, bigint>();
  #receive = { first: 0, count: 0 };
  /** What a target does with a call. */
  target: (cap: Cap, sent: Sent) => Sent = () => ({ label: 0, words: [], caps: [] });
  signalled: Cap[] = [];

  at(slot: number): Cap | undefined {
    const cap = this.#slots.get(slot);
    return cap?.isThere === true ? cap : undefined;
  }
  put(slot: number, cap: Cap): void {
    if (this.at(slot) !== undefined) throw new Error(`slot ${slot} is occupied`);
    this.#slots.set(slot, cap);
  }
  inUse(): number {
    return [...this.#slots.keys()].filter((slot) => this.at(slot) !== undefined).length;
  }

  readonly mem = { load64: (address: number) => this.#words.get(address) ?? 0n } as Memory;

  /** A message as the program receives it: capabilities to `own` come as their badges. */
  receive(badge: number, { label, words, caps }: Sent, own?: Thing, error = false): Message {
    let next = 0, unwrapped = 0, taken = 0;
    for (const cap of caps) {
      if (!cap.isThere) break;
      if (cap.thing === own) {
        this.#words.set(IPC_BUFFER + 8 * (IpcBuffer.CAPS + taken), BigInt(cap.badge));
        unwrapped |= 1 << taken;
      } else {
        if (next === Math.min(this.#receive.count, MAX_CAPS) || this.at(this.#receive.first + next) !== undefined) break;
        this.put(this.#receive.first + next++, cap.copy());
      }
      taken++;
    }
    const big = (i: number): bigint => BigInt.asUintN(64, BigInt(words[i] ?? 0));
    return {
      badge, label, error, length: words.length, caps: taken, info: toInfo(label, words.length, taken) | (unwrapped << Info.UNWRAPPED_SHIFT),
      word: (i) => Number(big(i)), big, lo: (i) => Number(BigInt.asIntN(32, big(i))), hi: (i) => Number(BigInt.asIntN(32, big(i) >> 32n)),
    };
  }

  readonly sys = {
    receiveSlots: (_cnode: number, first: number, _depth: number, count: number) => void (this.#receive = { first, count }),
    signal: (slot: number) => this.#signal(slot),
    call: (slot: number, label: number, words: readonly Word[] = [], caps: readonly number[] = []) => this.#call(slot, label, words, caps),
  } as unknown as Sys;

  *#signal(slot: number): Op<void> {
    const cap = this.at(slot);
    if (cap?.thing.kind === Kind.Notification) this.signalled.push(cap);
  }

  *#call(slot: number, label: number, words: readonly Word[], caps: readonly number[]): Op<Message> {
    const answer = (...values: Word[]): Message => this.receive(0, { label: 0, words: values, caps: [] });
    const refuse = (code: number): Message => this.receive(0, { label: code, words: [0], caps: [] }, undefined, true);
    const args = words.map(BigInt);
    const low = (i: number): number => Number((args[i] ?? 0n) & 0xffff_ffffn);
    if (slot === InitSlot.Discrim) {
      const [a, b] = [this.at(low(0)), this.at(low(1))];
      if (label === Invocation.DiscrimClassify) return answer(a?.thing.kind ?? Kind.Null, a?.rights ?? 0);
      if (a?.thing !== b?.thing) return answer(0);
      return answer(a?.badge === b?.badge ? 3 : 1);
    }
    if (slot === InitSlot.CNode) return this.#invoke(label, low, args, answer, refuse);
    const cap = this.at(slot);
    if (cap === undefined || cap.thing.kind !== Kind.Endpoint) return refuse(ErrorCode.InvalidCapability);
    const sent = caps.map((each) => this.at(each));
    const known = sent.slice(0, sent.includes(undefined) ? sent.indexOf(undefined) : sent.length) as Cap[];
    return this.receive(0, this.target(cap, { label, words, caps: (cap.rights & Right.Grant) === 0 ? [] : known }));
  }

  #invoke(label: number, low: (i: number) => number, args: readonly bigint[], answer: () => Message, refuse: (code: number) => Message): Message {
    const to = low(0), cap = this.at(to);
    switch (label) {
      case Invocation.CNodeDelete:
        if (cap !== undefined) cap.alive = false;
        this.#slots.delete(to);
        return answer();
      case Invocation.CNodeRevoke:
        for (const other of cap?.family ?? []) if (other !== cap) other.alive = false;
        return answer();
      case Invocation.CNodeCopy:
      case Invocation.CNodeMint: {
        const from = this.at(low(1)), rights = Number((args[1] ?? 0n) >> 40n);
        if (cap !== undefined) return refuse(ErrorCode.DeleteFirst);
        if (from === undefined) return refuse(ErrorCode.InvalidCapability);
        if (label === Invocation.CNodeMint && from.badge !== 0) return refuse(ErrorCode.IllegalOperation);
        this.put(to, label === Invocation.CNodeCopy ? from.copy(rights) : new Cap(from.thing, Number(args[3]), from.rights & rights));
        return answer();
      }
      default:
        throw new Error(`the patterns make no invocation ${label}`);
    }
  }
}

/** Runs an operation that makes no real system call to its end. */
export function finish<T>(op: Op<T>): T {
  const step = op.next();
  if (step.done !== true) throw new Error("a system call that this CSpace does not know");
  return step.value;
}
