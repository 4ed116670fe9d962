// Programs with some authority over their own things and over each other's, what a closure is told of that, and what they then do: system calls that mostly
// fit what the caller holds at that moment.
import fc from "fast-check";
import { IpcBuffer, Reg, toInfo } from "../../caps/abi/message.ts";
import { Invocation, Kind, Right, Syscall } from "../../caps/abi/numbers.ts";
import { install, mayDerive } from "../../core/kernel/capabilities.ts";
import { suspend } from "../../core/kernel/cancel.ts";
import { isRunnable } from "../../core/kernel/scheduler.ts";
import { TcbSlot, ThreadState, type Tcb } from "../../core/kernel/state.ts";
import { FakeMachine } from "../support/fake-machine.ts";
import { KernelBed, pair, retypeWord, Slot, type Outcome, type Word } from "../support/kernel-bed.ts";
import type { Program } from "../support/testbed.ts";
import { ALL, Closure, memoryOf, type Held, type What } from "./confinement-closure.ts";
import { below } from "./runs.ts";

const I = Invocation;
/** A program's own things, and where gifts come to stand. `FLAT` and `DEEP` are its own CNode again, with guards that let walks go on into others. */
const At = { FLAT: 6, DEEP: 9, EP: 20, NTF: 21, REPLY: 22, FRAME: 23, SUB: 24, SC: 25, DISCRIM: 26, BELOW: 27, GIFTS: 32 } as const;
const SUB_BITS = 4, GUARD = 24;

/** What `from` gives `to` at the beginning. */
export interface Gift {
  readonly what: "EP" | "NTF" | "REPLY" | "FRAME" | "SUB" | "TCB" | "CNODE" | "VSPACE" | "UNTYPED";
  readonly from: number;
  readonly to: number;
  readonly rights: number;
  readonly weak: boolean;
  readonly badge: number;
}
/** What a program does: numbers choose among what it holds. */
export interface Act {
  readonly who: number;
  readonly do: keyof typeof ACTS;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly rights: number;
}

const KINDS: Readonly<Record<number, What>> = {
  [Kind.CNode]: "CNode", [Kind.TCB]: "TCB", [Kind.Endpoint]: "Endpoint", [Kind.Notification]: "Notification", [Kind.Reply]: "Reply", [Kind.SchedContext]: "SchedContext",
  [Kind.VSpace]: "VSpace", [Kind.PageTable]: "PageTable", [Kind.Frame]: "Frame", [Kind.Untyped]: "Untyped", [Kind.Discrim]: "Discrim",
};
const MAKES: readonly (readonly [kind: number, sizeBits: number])[] = [
  [Kind.CNode, 2], [Kind.CNode, 4], [Kind.Endpoint, 0], [Kind.Notification, 0], [Kind.Reply, 0], [Kind.Frame, 12], [Kind.Untyped, 13], [Kind.TCB, 0], [Kind.SchedContext, 0], [Kind.PageTable, 0],
];

/** A capability that a thread can name. */
interface Named {
  readonly cptr: number;
  readonly row: number;
}
/** A slot, and how an invocation names it: the CPtr of a CNode, and index and depth from there. */
interface Place {
  readonly root: number;
  readonly index: number;
  readonly depth: number;
  readonly row: number;
}

export class ConfinedWorld {
  /** With more threads than anybody makes here: to have none left would be a signal between those who share nothing else. */
  readonly bed = new KernelBed(new FakeMachine(2 ** 24, 512));
  readonly k = this.bed.k;
  readonly closure = new Closure();
  readonly programs: Program[] = [];
  /** Of each object that is there at the beginning. */
  readonly names = new Map<number, string>();
  readonly done = new Map<string, number>();
  /** Capabilities that came into a program's tables by what another did. */
  travelled = 0;

  constructor(count: number, gifts: readonly Gift[]) {
    this.bed.checks = false;
    for (let i = 0; i < count; i++) this.#program(i);
    const given = this.programs.map(() => 0);
    for (const gift of gifts) this.#give(gift, given);
    this.closure.saturate();
  }

  #program(i: number): void {
    const { bed, k, closure } = this;
    const p = bed.thread(`p${i}`);
    this.programs.push(p);
    const name = (object: number, what: string, kind: What): string => {
      this.names.set(object, `p${i}.${what}`);
      closure.object(`p${i}.${what}`, kind);
      return `p${i}.${what}`;
    };
    const own = name(k.slots.object[p.rows.cnode]!, "CNODE", "CNode");
    const tcb = name(p.tcb.id, "TCB", "TCB");
    const vspace = name(p.vspace.id, "VSPACE", "VSpace");
    const buffer = name(k.slots.object[p.tcb.slots + TcbSlot.Buffer]!, "BUFFER", "Frame");
    closure.give(tcb, own);
    closure.give(tcb, vspace);
    closure.give(tcb, buffer);
    for (const object of [own, tcb, vspace]) closure.give(own, object);
    closure.give(own, name(bed.slot(p, Slot.UNTYPED)!.object, "UNTYPED", "Untyped"));
    closure.give(own, name(bed.slot(p, Slot.SC)!.object, "SC", "SchedContext"));
    const make = (slot: number, kind: number, bits: number, what: string): void => {
      const row = bed.hold(p, slot, kind as Kind, bits);
      closure.give(own, name(bed.object(row), what, KINDS[kind]!));
    };
    make(At.EP, Kind.Endpoint, 5, "EP");
    make(At.NTF, Kind.Notification, 6, "NTF");
    make(At.REPLY, Kind.Reply, 5, "REPLY");
    make(At.FRAME, Kind.Frame, 12, "FRAME");
    make(At.SUB, Kind.CNode, SUB_BITS + 5, "SUB");
    make(At.SC, Kind.SchedContext, 8, "SC2");
    const spare = k.schedContexts[bed.slot(p, At.SC)!.object]!;
    spare.budget = 100_000;
    spare.period = 100_000;
    spare.remaining = 100_000;
    // The boot keeps a capability to each: an object that is gone would give its number to another.
    const discrim = k.objects.create(Kind.Discrim, 0, 0, 0), row = k.slots.allocate(0);
    install(k, row, Kind.Discrim, discrim, ALL, 0);
    bed.give(p, At.DISCRIM, row);
    closure.give(own, name(discrim, "DISCRIM", "Discrim"));
    for (const [slot, guard] of [[At.FLAT, 0], [At.DEEP, GUARD - SUB_BITS]] as const) bed.share(p, Slot.CNODE, p, slot, ALL, guard * 2 ** 32);
    make(At.BELOW, Kind.CNode, SUB_BITS + 5, "BELOW");
    // The inner table has things of the program's, and a table below it: a weak view of the one leads to the other.
    for (const [slot, things] of [[At.SUB, [At.EP, At.FRAME, At.BELOW]], [At.BELOW, [At.NTF, At.FRAME, At.REPLY]]] as const) {
      const inside = { ...p, slots: k.cnodes[bed.slot(p, slot)!.object]!.first };
      things.forEach((thing, n) => {
        bed.share(p, thing, inside, n);
        closure.give(this.names.get(bed.slot(p, slot)!.object)!, this.names.get(bed.slot(p, thing)!.object)!);
      });
    }
  }

  #give({ what, from, to, rights, weak, badge }: Gift, given: number[]): void {
    if (given[to]! >= 24) return;
    const giver = this.programs[from]!, taker = this.programs[to]!;
    const slot = what in At ? At[what as keyof typeof At] : Slot[what as keyof typeof Slot];
    // What the kernel would not let them do at all.
    if (what === "UNTYPED" && !mayDerive(this.k, giver.slots + slot)) return;
    const isWeak = weak && (what === "FRAME" || what === "SUB" || what === "CNODE");
    const badged = what === "EP" || what === "NTF";
    // A guard, like a badge, is what the test bed puts into the copy.
    const extra = badged ? badge : what === "CNODE" ? badge % 2 === 0 ? 0 : GUARD * 2 ** 32 : undefined;
    this.bed.share(giver, slot, taker, At.GIFTS + given[to]!++, rights | (isWeak ? Right.Weak : 0), extra);
    this.closure.give(`p${to}.CNODE`, `p${from}.${what}`, rights, badged ? BigInt(badge) : 0n, isWeak);
  }

  /** What an object is to the closure: its name, or the memory that it was made of; null when nobody that we know made it. */
  nameOf(object: number): string | null {
    const name = this.names.get(object);
    if (name !== undefined) return name;
    let from = this.k.objects.parent[object]!;
    while (from !== 0 && !this.names.has(from)) from = this.k.objects.parent[from]!;
    return from === 0 ? null : memoryOf(this.names.get(from)!);
  }

  /** Whose an object is: the number of a program. */
  ownerOf(object: number): number {
    return Number(/p(\d+)/.exec(this.nameOf(object) ?? "")?.[1] ?? -1);
  }

  /** What the capability in a row is to the closure; null when it is to something that nobody has made. */
  held(row: number, throughWeak = false): Held | null {
    const s = this.k.slots, kind = s.kind[row]!;
    const badged = kind === Kind.Endpoint || kind === Kind.Notification;
    const name = this.nameOf(s.object[row]!);
    if (name === null) return null;
    const weak = throughWeak || (s.rights[row]! & Right.Weak) !== 0;
    return { object: name, rights: s.rights[row]! & (weak ? ALL & ~Right.Write : ALL), badge: badged ? pair(s.badgeLo[row]!, s.badgeHi[row]!) : 0n, weak };
  }

  /** Everything in a thread's CSpace, as deep as it goes; through weak tables only what is not lost there. */
  reached(t: Tcb): { row: number; weak: boolean }[] {
    const { slots: s, cnodes } = this.k, all: { row: number; weak: boolean }[] = [], seen = new Set<string>();
    const look = (table: number, weak: boolean): void => {
      const id = s.object[table]!, shape = cnodes[id]!, through = weak || (s.rights[table]! & Right.Weak) !== 0;
      if (seen.has(`${id} ${through}`)) return;
      seen.add(`${id} ${through}`);
      for (let row = shape.first; row < shape.first + 2 ** shape.radix; row++) {
        const kind = s.kind[row]!;
        if (kind === Kind.Null || (through && kind !== Kind.CNode && kind !== Kind.Frame && kind !== Kind.Discrim)) continue;
        all.push({ row, weak: through && kind !== Kind.Discrim });
        if (kind === Kind.CNode) look(row, through);
      }
    };
    if (s.kind[t.slots + TcbSlot.CSpace] === Kind.CNode) look(t.slots + TcbSlot.CSpace, false);
    return all;
  }

  /** All that a thread can name by a CPtr. */
  named(t: Tcb): Named[] {
    const { slots: s, cnodes } = this.k, all: Named[] = [];
    const look = (table: number, prefix: number, left: number): void => {
      const { first, radix } = cnodes[s.object[table]!]!, guard = s.badgeHi[table]!, rest = left - guard - radix;
      if (rest < 0) return;
      for (let i = 0; i < 2 ** radix; i++) {
        const row = first + i, cptr = ((prefix * 2 ** guard + (s.badgeLo[table]! >>> 0)) * 2 ** radix + i);
        if (s.kind[row] === Kind.Null) continue;
        if (rest === 0) all.push({ cptr, row });
        else if (s.kind[row] === Kind.CNode && (s.rights[row]! & Right.Weak) === 0) look(row, cptr, rest);
      }
    };
    if (s.kind[t.slots + TcbSlot.CSpace] === Kind.CNode) look(t.slots + TcbSlot.CSpace, 0, 32);
    return all;
  }

  /** The slots that invocations can name from a table, one table deeper too if the bits allow. */
  places(table: Named): Place[] {
    const { slots: s, cnodes } = this.k, all: Place[] = [];
    const look = (cap: number, prefix: number, used: number): void => {
      const { first, radix } = cnodes[s.object[cap]!]!, depth = used + s.badgeHi[cap]! + radix;
      if (depth > 32) return;
      for (let i = 0; i < 2 ** radix; i++) {
        const index = (prefix * 2 ** s.badgeHi[cap]! + (s.badgeLo[cap]! >>> 0)) * 2 ** radix + i;
        all.push({ root: table.cptr, index, depth, row: first + i });
        if (used === 0 && s.kind[first + i] === Kind.CNode && first + i !== table.row) look(first + i, index, depth);
      }
    };
    look(table.row, 0, 0);
    return all;
  }

  /** Live threads by where they lie in memory: an order that does not depend on what others made. */
  threads(of: (t: Tcb) => boolean): Tcb[] {
    const { base } = this.k.objects;
    return this.k.tcbs.filter((t): t is Tcb => t !== undefined && of(t)).sort((x, y) => base[x.id]! - base[y.id]!);
  }

  /** A thread does something; false when nobody can, or it holds nothing to do that with. */
  step(act: Act, of: (t: Tcb) => boolean = () => true): boolean {
    if (act.do === "goOn") return this.#goOn(act, of);
    const able = this.#able(of), t = able[act.who % Math.max(1, able.length)];
    if (t === undefined) return false;
    return act.do === "converse" ? this.#converse(t, act, of) : this.#act(t, act);
  }

  #able(of: (t: Tcb) => boolean): Tcb[] {
    return this.threads((t) => t.state === ThreadState.Ready && isRunnable(this.k, t) && of(t));
  }

  /** A thread receives on an endpoint that another can name too, that one calls it or sends, and it answers: by chance they would seldom meet. */
  #converse(t: Tcb, act: Act, of: (t: Tcb) => boolean): boolean {
    const endpoints = (u: Tcb): number[] => this.named(u).filter(({ row }) => this.k.slots.kind[row] === Kind.Endpoint).map(({ row }) => this.k.slots.object[row]!);
    const mine = endpoints(t), pairs = this.#able((u) => of(u) && u !== t).flatMap((u) => endpoints(u).map((ep, i) => ({ u, i, j: mine.indexOf(ep) }))).filter(({ j }) => j >= 0);
    const met = pairs[act.a % Math.max(1, pairs.length)];
    if (met === undefined) return false;
    this.#act(met.u, { ...act, do: "recv", a: met.i });
    const { state } = met.u;
    if (this.k.tcbs[t.id] !== t || !this.#able(of).includes(t)) return true;
    this.#act(t, { ...act, do: act.d % 2 === 0 ? "call" : "send", a: met.j, rights: act.rights | 1 });
    if (state !== met.u.state && this.#able(of).includes(met.u)) this.#act(met.u, { ...act, do: "reply", a: act.b, b: act.c, c: act.a, rights: act.c });
    return true;
  }

  #act(t: Tcb, act: Act): boolean {
    const before = this.#filled(t);
    const p: Program = { ...this.programs[0]!, tcb: t, buffer: Math.max(t.buffer, 0) };
    const outcome = ACTS[act.do](new Actor(this, p, act), act);
    if (outcome === null) return false;
    const fine = outcome === "blocked" || outcome === "again" || (typeof outcome !== "string" && outcome.error === 0);
    if (fine) this.done.set(act.do, (this.done.get(act.do) ?? 0) + 1);
    const came = typeof outcome === "string" || !act.do.includes("ecv") ? 0 : outcome.caps - [1, 2, 4].filter((bit) => (outcome.unwrapped & bit) !== 0).length;
    this.travelled += Math.max(0, this.#filled(t) - before) + came;
    return true;
  }

  /** How much stands in the tables of other programs than this thread's. */
  #filled(t: Tcb): number {
    const owner = this.ownerOf(t.id);
    return this.programs.reduce((sum, p, i) => sum + (i === owner ? 0 : this.#count(p)), 0);
  }

  #count({ slots }: Program): number {
    let n = 0;
    for (let row = slots; row < slots + 256; row++) if (!this.k.slots.isEmpty(row)) n++;
    return n;
  }

  /** Somebody lets a thread go on, whatever stopped it: the threads are not to come to rest for ever. */
  #goOn(act: Act, of: (t: Tcb) => boolean): boolean {
    const stuck = this.threads((t) => t.state !== ThreadState.Ready && this.k.slots.kind[t.slots + TcbSlot.VSpace] === Kind.VSpace && of(t));
    const t = stuck[act.who % Math.max(1, stuck.length)];
    if (t === undefined) return false;
    suspend(this.k, t);
    this.bed.start({ ...this.programs[0]!, tcb: t });
    return true;
  }
}

/** One system call of a thread: what it names is chosen by the numbers of the act. */
class Actor {
  readonly world: ConfinedWorld;
  readonly p: Program;
  readonly #named: readonly Named[];

  constructor(world: ConfinedWorld, p: Program, act: Act) {
    this.world = world;
    this.p = p;
    this.#named = world.named(p.tcb);
    this.#receiveSlots(act);
  }

  /** The nth capability of a kind, 0 for none, which no call takes for one. */
  cap(kind: number, n: number): Named | null {
    const fit = this.#named.filter(({ row }) => this.world.k.slots.kind[row] === kind);
    return fit[n % Math.max(1, fit.length)] ?? null;
  }
  /** Whatever can be sent: the message ends with the first that cannot. */
  any(n: number): Named | null {
    const fit = this.#named.filter(({ row }) => mayDerive(this.world.k, row));
    return fit[n % Math.max(1, fit.length)] ?? null;
  }
  place(n: number, filled: boolean): Place | null {
    const table = this.cap(Kind.CNode, n & 0xff);
    if (table === null) return null;
    const fit = this.world.places(table).filter(({ row }) => this.world.k.slots.isEmpty(row) !== filled);
    return fit[(n >> 8) % Math.max(1, fit.length)] ?? null;
  }

  /** A thread always says where it takes capabilities. */
  #receiveSlots(act: Act): void {
    const { p, world: { bed } } = this, place = this.place(act.d, false);
    if (p.tcb.buffer < 0 || place === null) return;
    [1 + (act.d % 3), place.root, place.index, place.depth].forEach((word, i) => bed.setBuffer(p, [IpcBuffer.RECEIVE_COUNT, IpcBuffer.RECEIVE_CNODE, IpcBuffer.RECEIVE_INDEX, IpcBuffer.RECEIVE_DEPTH][i]!, word));
  }

  invoke(cap: Named | null, label: number, ...words: (Word | null)[]): Outcome | null {
    if (cap === null || words.includes(null)) return null;
    return this.world.bed.call(this.p, cap.cptr, label, ...(words as Word[]));
  }

  /** A message with the capabilities that three numbers choose. */
  message(number: number, cap: Named | null, act: Act, reply = 0): Outcome | null {
    if (cap === null) return null;
    const { p, world: { bed } } = this, count = act.rights % 4;
    if (p.tcb.buffer >= 0) [act.b, act.c, act.d].forEach((n, i) => bed.setBuffer(p, IpcBuffer.CAPS + i, this.any(n >> i)?.cptr ?? 0));
    return bed.sys(p, number, cap.cptr, toInfo(act.a, 2, count), [act.b, act.c], reply);
  }
}

/** From where, with which rights: word 1 of Copy. */
const source = (from: Place, rights: number): bigint => pair(from.index, from.depth | (rights << 8));
const cptrOf = (cap: Named | null): number | null => cap?.cptr ?? null;

function transfer(label: number, badged: boolean) {
  return (by: Actor, act: Act): Outcome | null => {
    const from = by.place(act.a, true), to = by.place(act.b, false);
    if (from === null || to === null) return null;
    const words: Word[] = [pair(to.index, to.depth), source(from, act.rights), from.root, ...(badged ? [act.c % 5] : [])];
    return by.world.bed.call(by.p, to.root, label, ...words);
  };
}
const onSlot = (label: number) => (by: Actor, act: Act): Outcome | null => {
  const at = by.place(act.a, true);
  return at === null ? null : by.world.bed.finish(by.p, at.root, label, pair(at.index, at.depth), 0, 0);
};

export const ACTS = {
  copy: transfer(I.CNodeCopy, false),
  mint: transfer(I.CNodeMint, true),
  move: transfer(I.CNodeMove, false),
  mutate: transfer(I.CNodeMutate, true),
  rotate(by: Actor, act: Act) {
    const from = by.place(act.a, true), pivot = by.place(act.b, true), to = by.place(act.c, false);
    if (from === null || pivot === null || to === null) return null;
    return by.world.bed.call(by.p, to.root, I.CNodeRotate, pair(to.index, to.depth), pair(pivot.index, pivot.depth), pair(from.index, from.depth), pair(pivot.root, from.root));
  },
  delete: onSlot(I.CNodeDelete),
  revoke: onSlot(I.CNodeRevoke),
  cancel: onSlot(I.CNodeCancelBadgedSends),
  retype(by: Actor, act: Act) {
    const table = by.cap(Kind.CNode, act.b), [kind, bits] = MAKES[act.c % MAKES.length]!;
    if (table === null) return null;
    const size = 2 ** by.world.k.cnodes[by.world.k.slots.object[table.row]!]!.radix;
    return by.invoke(by.cap(Kind.Untyped, act.a), I.UntypedRetype, retypeWord(kind, bits, 1 + (act.d % 2)), table.cptr, (act.d >> 4) % size);
  },
  call: (by: Actor, act: Act) => by.message(Syscall.Call, by.cap(Kind.Endpoint, act.a), act),
  send: (by: Actor, act: Act) => by.message(Syscall.Send, by.cap(Kind.Endpoint, act.a), act),
  nbsend: (by: Actor, act: Act) => by.message(Syscall.NBSend, by.cap(Kind.Endpoint, act.a), act),
  recv: (by: Actor, act: Act) => by.message(Syscall.Recv, by.cap(Kind.Endpoint, act.a), act, cptrOf(by.cap(Kind.Reply, act.b)) ?? 0),
  replyRecv: (by: Actor, act: Act) => by.message(Syscall.ReplyRecv, by.cap(Kind.Endpoint, act.a), act, cptrOf(by.cap(Kind.Reply, act.b)) ?? 0),
  reply: (by: Actor, act: Act) => by.message(Syscall.Send, by.cap(Kind.Reply, act.a), act),
  save: (by: Actor, act: Act) => by.invoke(by.cap(Kind.Reply, act.a), I.ReplySave, cptrOf(by.cap(Kind.Reply, act.b))),
  signal: (by: Actor, act: Act) => by.message(Syscall.Signal, by.cap(Kind.Notification, act.a), act),
  poll: (by: Actor, act: Act) => by.message(Syscall.Poll, by.cap(Kind.Notification, act.a), act),
  wait: (by: Actor, act: Act) => by.message(Syscall.Wait, by.cap(Kind.Notification, act.a), act),
  setSpace: (by: Actor, act: Act) =>
    by.invoke(by.cap(Kind.TCB, act.a), I.TCBSetSpace, act.d % 2 === 0 ? 0 : cptrOf(by.cap(Kind.Endpoint, act.d)), cptrOf(by.cap(Kind.CNode, act.b)), cptrOf(by.cap(Kind.VSpace, act.c))),
  setBuffer: (by: Actor, act: Act) => by.invoke(by.cap(Kind.TCB, act.a), I.TCBSetIPCBuffer, 0x2_5000, cptrOf(by.cap(Kind.Frame, act.b))),
  keeper: (by: Actor, act: Act) => by.invoke(by.cap(Kind.TCB, act.a), I.TCBSetTimeoutKeeper, cptrOf(by.cap(Kind.Endpoint, act.b))),
  bind: (by: Actor, act: Act) => by.invoke(by.cap(Kind.TCB, act.a), I.TCBBindNotification, act.c % 3 === 0 ? 0 : cptrOf(by.cap(Kind.Notification, act.b))),
  suspend: (by: Actor, act: Act) => by.invoke(by.cap(Kind.TCB, act.a), I.TCBSuspend),
  resume: (by: Actor, act: Act) => by.invoke(by.cap(Kind.TCB, act.a), act.b % 2 === 0 ? I.TCBResume : I.TCBRestart),
  write: (by: Actor, act: Act) => by.invoke(by.cap(Kind.TCB, act.a), I.TCBWriteRegisters, 2 ** 32 * (act.b % 2) + Reg.a0, act.c),
  give: (by: Actor, act: Act) => by.invoke(by.cap(Kind.SchedContext, act.a), I.SchedContextBind, cptrOf(by.cap(Kind.TCB, act.b))),
  map: (by: Actor, act: Act) => by.invoke(by.cap(Kind.Frame, act.a), I.FrameMap, 0x2_4000 + 4096 * (act.c % 4), cptrOf(by.cap(Kind.VSpace, act.b)), 1 + (act.d % 3)),
  unmap: (by: Actor, act: Act) => by.invoke(by.cap(Kind.Frame, act.a), I.FrameUnmap),
  table: (by: Actor, act: Act) => by.invoke(by.cap(Kind.PageTable, act.a), I.PageTableMap, 2 ** 30 * (1 + (act.c % 2)), cptrOf(by.cap(Kind.VSpace, act.b))),
  /** A thread of its own, in four calls, with a CSpace of its choice. */
  spawn(by: Actor, act: Act) {
    const root = by.place(act.d, false);
    if (root === null) return null;
    const made = by.invoke(by.cap(Kind.Untyped, act.a), I.UntypedRetype, retypeWord(Kind.TCB), root.root, root.index % 256);
    const tcb = by.world.named(by.p.tcb).find(({ row }) => row === root.row);
    if (made === null || typeof made === "string" || made.error !== 0 || tcb === undefined) return made;
    by.invoke(tcb, I.TCBSetSpace, 0, cptrOf(by.cap(Kind.CNode, act.b)), cptrOf(by.cap(Kind.VSpace, act.c)));
    by.invoke(by.cap(Kind.SchedContext, act.c), I.SchedContextBind, tcb.cptr);
    return by.invoke(tcb, I.TCBResume);
  },
  goOn: (): Outcome | null => null,
  converse: (): Outcome | null => null,
} as const satisfies Record<string, (by: Actor, act: Act) => Outcome | null>;

const WEIGHTS: Partial<Record<keyof typeof ACTS, number>> = {
  copy: 6, mint: 4, move: 3, retype: 4, call: 10, send: 5, recv: 10, replyRecv: 4, reply: 5, setSpace: 2, goOn: 12, converse: 16, revoke: 1, delete: 1, suspend: 1, cancel: 1, keeper: 1, unmap: 1, poll: 1, wait: 1, nbsend: 1,
};
const number = below(2 ** 16);
export const acts: fc.Arbitrary<Act> = fc.record({
  who: below(60), do: fc.oneof(...Object.keys(ACTS).map((name) => ({ weight: WEIGHTS[name as Act["do"]] ?? 2, arbitrary: fc.constant(name as Act["do"]) }))),
  a: number, b: number, c: number, d: number, rights: fc.oneof({ weight: 2, arbitrary: fc.constant(15) }, { weight: 1, arbitrary: below(32) }),
});

/** Gifts among programs `first`.. of `count`. */
export const gift = (first: number, count: number): fc.Arbitrary<Gift> =>
  fc.record({
    what: fc.constantFrom("EP", "EP", "EP", "EP", "EP", "EP", "NTF", "NTF", "REPLY", "FRAME", "FRAME", "SUB", "SUB", "SUB", "CNODE", "TCB", "VSPACE", "UNTYPED"),
    from: below(count).map((n) => n + first), to: below(count).map((n) => n + first),
    rights: fc.oneof({ weight: 1, arbitrary: fc.constant(ALL) }, { weight: 1, arbitrary: below(16) }), weak: fc.boolean(), badge: below(3),
  });
