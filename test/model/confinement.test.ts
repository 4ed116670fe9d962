// CONFINE: whatever a set of programs does, what they hold stays within what could be computed from what they were given; and who shares nothing with
// another changes nothing that it could see. Commands are those of the fuzz, one system call each; a failure shrinks to the calls that matter.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Frame, IpcBuffer, Reg } from "../../caps/abi/message.ts";
import { ALL_RIGHTS, Kind, Right } from "../../caps/abi/numbers.ts";
import { moveSlot } from "../../caps/model/derivation.ts";
import { suspend } from "../../core/kernel/cancel.ts";
import { derive } from "../../core/kernel/capabilities.ts";
import { isRunnable } from "../../core/kernel/scheduler.ts";
import { TcbSlot, ThreadState, type Tcb } from "../../core/kernel/state.ts";
import { Act, draw, drawBuffer, Own } from "../fuzz/calls.ts";
import { Random } from "../fuzz/random.ts";
import { FakeMachine } from "../support/fake-machine.ts";
import { KernelBed } from "../support/kernel-bed.ts";
import type { Program } from "../support/testbed.ts";
import { Closure, type Given, type Initial } from "./confinement-closure.ts";
import { below, runs } from "./runs.ts";

const PROGRAMS = 4;
const { Read, Write, Grant, GrantReply, Weak } = Right;
const SHARES = [ALL_RIGHTS, Write | Grant, Write | GrantReply, Write, Read, Read | Write, Read | Weak] as const;

/** Programs, what each was given (by slot), and the same as a drawing. */
class World {
  readonly bed = new KernelBed(new FakeMachine(2 ** 24, 64));
  readonly programs: Program[] = [];
  readonly names = new Map<number, string>();
  readonly objects = new Map<string, Initial>();
  readonly given = new Map<string, Given[]>();
  readonly closure: Closure;
  /** Capabilities that came to somebody who did not have the object at first. */
  readonly travelled = new Set<string>();

  /** @param apart the programs share nothing at all */
  constructor(seed: number, apart = false) {
    const r = new Random(seed), { bed } = this;
    for (let i = 0; i < PROGRAMS; i++) this.#makeProgram(i);
    for (const [i, p] of apart ? [] : this.programs.entries()) {
      const q = r.below(PROGRAMS), other = this.programs[q]!;
      // One thing or two are shared with a neighbour, with rights of chance.
      if (r.once(2)) this.#share(p, i, Own.SHARED_ENDPOINT, other, Own.ENDPOINT[0], r.pick(SHARES.slice(0, 6)));
      if (r.once(3)) this.#share(p, i, Own.SHARED_TABLE, other, Own.TABLE[0], r.pick(SHARES));
      if (r.once(3)) this.#share(p, i, Own.SHARED_FRAME, other, Own.FRAME[0], r.pick([ALL_RIGHTS, Read, Read | Weak]));
      if (r.once(8)) this.#share(p, i, Own.THREAD[1], other, Own.TCB[0], ALL_RIGHTS);
    }
    // Something stands in each table: a frame, and the second table, with a frame in turn.
    for (const [i, p] of this.programs.entries()) {
      const outer = bed.k.cnodes[this.#object(p, Own.TABLE[0])]!, inner = bed.k.cnodes[this.#object(p, Own.TABLE[1])]!;
      const put = (slot: number, row: number): Given => {
        derive(bed.k, p.slots + slot, row, ALL_RIGHTS, 0, 0);
        return { object: this.names.get(this.#object(p, slot))!, rights: ALL_RIGHTS };
      };
      const frames = [Own.FRAME[1 + r.below(3)]!, Own.FRAME[1 + r.below(3)]!] as const;
      this.objects.set(`table0 of ${i}`, { kind: "CNode", holds: [put(frames[0], outer.first + r.below(7)), put(Own.TABLE[1], outer.first + 7)] });
      this.objects.set(`table1 of ${i}`, { kind: "CNode", holds: [put(frames[1], inner.first + r.below(7)), put(Own.ENDPOINT[0], inner.first + 7)] });
    }
    this.closure = new Closure(this.objects, this.given);
    for (const p of this.programs) bed.start(p);
  }

  #object(p: Program, slot: number): number {
    return this.bed.k.slots.object[p.slots + slot]!;
  }

  #makeProgram(i: number): void {
    const { bed } = this, p = bed.program(`program ${i}`, new Uint8Array(4), 100), name = `program ${i}`;
    p.tcb.maxPriority = 255;
    this.programs.push(p);
    this.given.set(name, []);
    const know = (slot: number, what: string, initial: Initial): void => {
      this.names.set(this.#object(p, slot), what);
      this.objects.set(what, initial);
      this.given.get(name)!.push({ object: what, rights: ALL_RIGHTS });
    };
    derive(bed.k, p.rows.cnode, p.slots + Own.CNODE, ALL_RIGHTS, bed.k.slots.badgeLo[p.rows.cnode]!, bed.k.slots.badgeHi[p.rows.cnode]!);
    bed.give(p, Own.VSPACE, p.rows.vspace);
    bed.give(p, Own.TCB[0], p.rows.tcb);
    bed.give(p, Own.SC[0], p.rows.sc);
    know(Own.CNODE, `cspace of ${i}`, { kind: "CNode" });
    know(Own.VSPACE, `vspace of ${i}`, { kind: "other" });
    know(Own.TCB[0], `thread of ${i}`, { kind: "TCB", runs: name });
    know(Own.SC[0], `time of ${i}`, { kind: "other" });
    const own = (slots: readonly number[], kind: (typeof Kind)[keyof typeof Kind], bits: number, what: string, as: Initial["kind"]): void =>
      slots.forEach((slot, n) => {
        moveSlot(bed.k.slots, bed.make(kind, bits), p.slots + slot);
        know(slot, `${what}${n} of ${i}`, { kind: as });
      });
    own(Own.UNTYPED.slice(0, 2), Kind.Untyped, 16, "untyped", "Untyped");
    own(Own.ENDPOINT, Kind.Endpoint, 5, "endpoint", "Endpoint");
    own(Own.NOTIFICATION, Kind.Notification, 6, "notification", "other");
    own(Own.REPLY, Kind.Reply, 5, "reply", "Reply");
    own(Own.TABLE, Kind.CNode, 13, "table", "CNode");
    own(Own.FRAME, Kind.Frame, 12, "frame", "Frame");
    own(Own.PAGE_TABLE.slice(0, 2), Kind.PageTable, 12, "pagetable", "other");
    own(Own.TIME, Kind.SchedContext, 8, "time", "other");
    own(Own.THREAD.slice(0, 1), Kind.TCB, 11, "idle thread", "TCB");
    this.objects.set(`idle thread0 of ${i}`, { kind: "TCB", runs: `idle of ${i}` });
    // Its IPC buffer and what else the testbed keeps of it are in its TCB.
    this.names.set(bed.k.slots.object[p.tcb.slots + TcbSlot.Buffer]!, `buffer of ${i}`);
    this.objects.set(`buffer of ${i}`, { kind: "Frame" });
    this.given.get(name)!.push({ object: `buffer of ${i}`, rights: ALL_RIGHTS });
  }

  #share(p: Program, i: number, slot: number, other: Program, at: number, rights: number): void {
    if (other === p) return;
    const s = this.bed.k.slots;
    derive(this.bed.k, other.slots + at, p.slots + slot, rights, s.badgeLo[other.slots + at]!, s.badgeHi[other.slots + at]!);
    this.given.get(`program ${i}`)!.push({ object: this.names.get(this.#object(other, at))!, rights });
  }

  /** Threads of a program of the beginning that can run. */
  able(of: readonly Program[]): Program[] {
    return of.filter(({ tcb }) => this.bed.k.tcbs[tcb.id] === tcb && tcb.state === ThreadState.Ready && isRunnable(this.bed.k, tcb));
  }

  /** One system call of one of these programs, drawn from the seed; false when none of them can make one. */
  step(of: readonly Program[], who: number, seed: number): boolean {
    const able = this.able(of), p = able[who % Math.max(1, able.length)], { bed } = this;
    if (p === undefined) return false;
    const r = new Random(seed), call = draw(r), buffer = drawBuffer(r), t = p.tcb;
    if (call.act !== Act.Call) return false;
    bed.set(t, Reg.a7, call.number);
    bed.set(t, Reg.a0, call.cap);
    bed.set(t, Reg.a1, call.info >>> 0);
    bed.set(t, Reg.a6, call.reply);
    call.words.slice(0, 4).forEach((word, n) => bed.set(t, Reg.a2 + n, word));
    if (t.buffer >= 0) {
      const at: Program = { ...p, buffer: t.buffer };
      call.words.slice(4).forEach((word, n) => bed.setBuffer(at, IpcBuffer.WORDS + 4 + n, word));
      buffer.caps.forEach((word, n) => bed.setBuffer(at, IpcBuffer.CAPS + n, word));
      buffer.window.forEach((word, n) => bed.setBuffer(at, n === 0 ? IpcBuffer.RECEIVE_COUNT : IpcBuffer.RECEIVE_CNODE + n - 1, word));
    }
    bed.trap(p);
    return true;
  }

  /** Threads that stand still go on: their keeper is patient. */
  revive(of: readonly Program[]): void {
    const { k } = this.bed;
    for (const { tcb } of of) {
      if (k.tcbs[tcb.id] !== tcb || tcb.state === ThreadState.Ready || k.slots.kind[tcb.slots + TcbSlot.VSpace] !== Kind.VSpace) continue;
      suspend(k, tcb);
      this.bed.start({ ...this.programs[0]!, tcb });
    }
  }

  /** Every capability that a thread can reach: in its own slots, and in tables as deep as they go. */
  reach(t: Tcb, found: (object: number, rights: number) => void): void {
    const { slots: s, cnodes } = this.bed.k, seen = new Set<string>();
    const walk = (row: number, weak: boolean): void => {
      if (s.kind[row] === Kind.Null) return;
      const memory = s.kind[row] === Kind.CNode || s.kind[row] === Kind.Frame;
      if (weak && !memory && s.kind[row] !== Kind.Discrim) return;
      const rights = weak && memory ? (s.rights[row]! & ~Write) | Weak : s.rights[row]!, object = s.object[row]!;
      found(object, rights);
      if (s.kind[row] !== Kind.CNode || seen.has(`${object} ${rights & Weak}`)) return;
      seen.add(`${object} ${rights & Weak}`);
      const { first, radix } = cnodes[object]!;
      for (let i = 0; i < 2 ** radix; i++) walk(first + i, (rights & Weak) !== 0);
    };
    for (let i = 0; i < 2 ** TcbSlot.COUNT_BITS; i++) walk(t.slots + i, false);
  }

  /** The object of the beginning that this one is, or what it was made of, with a "*". */
  nameOf(object: number): string {
    // Ids are used again, by what was made of an Untyped.
    const { parent } = this.bed.k.objects;
    for (let id = object; id !== 0; id = parent[id]!) {
      const name = parent[id] === 0 ? this.names.get(id) : undefined;
      if (name !== undefined) return id === object ? name : `${name}*`;
    }
    return `object ${object}, of which nobody knows`;
  }

  /** Throws when somebody has what he could not have. */
  check(): void {
    for (const t of this.bed.k.tcbs) {
      if (t === undefined) continue;
      const name = this.nameOf(t.id), runs = this.objects.get(name)?.runs ?? name;
      this.reach(t, (object, rights) => {
        const what = this.nameOf(object);
        if (!this.closure.allows(runs, what, rights)) throw new Error(`${runs} has a capability to ${what} with rights ${rights}, which it could never have got`);
        if (runs.startsWith("program") && !what.endsWith(runs.slice(-1)) && !what.endsWith(`${runs.slice(-1)}*`)) this.travelled.add(what);
      });
    }
  }
}

/** Worlds are dear: what failed is made smaller only when it is asked for again by its seed. */
const bounded = (): ReturnType<typeof runs> & { readonly endOnFailure: boolean } => ({ ...runs(25), endOnFailure: process.env["FUZZ_SEED"] === undefined });

interface Step {
  readonly who: number;
  readonly call: number;
}
const step: fc.Arbitrary<Step> = fc.record({ who: below(PROGRAMS), call: fc.integer() });
const steps = fc.array(step, { minLength: 40, maxLength: 160, size: "max" });

describe("CONFINE", () => {
  test("001 what programs hold stays within the closure of what they were given", { timeout: 600_000 }, () => {
    let made = 0, travelled = 0;
    fc.assert(
      fc.property(fc.integer(), steps, (seed, list) => {
        const world = new World(seed);
        world.check();
        list.forEach(({ who, call }, n) => {
          if (n % 10 === 9) world.revive(world.programs);
          if (world.step(world.programs, who, call)) made++;
          if (n % 5 === 0) world.check();
        });
        world.check();
        travelled += world.travelled.size;
      }),
      bounded(),
    );
    // Not because nothing happens.
    expect(made).toBeGreaterThan(1000);
    expect(travelled).toBeGreaterThan(20);
  });

  test("002 who shares nothing with another changes nothing that it could see", { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(fc.integer(), steps, (seed, list) => {
        const world = new World(seed, true), { k } = world.bed, [a, b] = [world.programs.slice(0, 2), world.programs.slice(2)];
        expect(world.closure.areApart("program 0", "program 2")).toBe(true);
        // Both do something first, so that there is something to be seen.
        list.slice(0, 20).forEach(({ who, call }) => world.step(world.programs, who, call));
        for (const [n, { who, call }] of list.slice(20).entries()) {
          const [actors, others] = n % 2 === 0 ? [a, b] : [b, a];
          if (n % 10 === 9) world.revive(world.programs);
          const before = others.map((p) => view(world, p));
          world.step(actors, who, call);
          others.forEach((p, i) => expect(view(world, p), `what ${k.tcbs[p.tcb.id]?.label} sees`).toEqual(before[i]));
        }
      }),
      bounded(),
    );
  });

  describe("the test can fail", () => {
    test("003 a capability that came out of nowhere", () => {
      const world = new World(1, true), { k } = world.bed, [a, b] = world.programs;
      derive(k, a!.slots + Own.FRAME[0]!, b!.slots + Own.WORK, Right.Read, 0, 0);
      expect(() => world.check()).toThrow("program 1 has a capability to frame0 of 0 with rights 2, which it could never have got");
    });
    test("004 a right more than was given", () => {
      const world = new World(1, true), { k } = world.bed, [a] = world.programs;
      world.check();
      world.given.get("program 0")!.splice(0, Infinity, ...world.given.get("program 0")!.map((g) => (g.object === "frame1 of 0" ? { ...g, rights: Right.Read } : g)));
      k.slots.rights[a!.slots + Own.FRAME[1]!] = Right.Read;
      const strict = new Closure(new Map([...world.objects].map(([name, o]) => [name, { ...o, holds: [] }])), world.given);
      expect([strict.allows("program 0", "frame1 of 0", Right.Read), strict.allows("program 0", "frame1 of 0", Right.Read | Right.Write)]).toEqual([true, false]);
    });
    test("005 a change in a stranger's table", () => {
      const world = new World(1, true), b = world.programs[2]!, before = view(world, b);
      world.bed.k.slots.rights[b.slots + Own.FRAME[0]!] = 1;
      expect(view(world, b)).not.toEqual(before);
    });
  });
});

/** All that a program could see of the system but time: its registers, its memory, its tables, and the state of what it has. */
function view(world: World, p: Program): unknown {
  const { k } = world.bed, t = p.tcb, s = k.slots, seen: unknown[] = [];
  if (k.tcbs[t.id] !== t) return "gone";
  world.reach(t, (object, rights) => {
    const n = k.notifications[object], ep = k.endpoints[object], r = k.replies[object], page = k.pages[object];
    seen.push([object, rights, k.objects.kind[object], k.objects.refs[object], n && [n.wordLo, n.wordHi, n.head], ep && [ep.waiting, ep.head, ep.tail], r && [r.caller, r.receiver], page && { ...page }]);
    if (page !== undefined && k.objects.bits[object] === 12) seen.push(createHash("sha1").update(k.ram8.subarray(k.objects.base[object]! - k.machine.ramBase, k.objects.base[object]! - k.machine.ramBase + 4096)).digest("hex"));
  });
  return [seen, k.frames32.slice(t.base, t.base + 2 * Frame.KERNEL), t.state, t.blockedOn, t.reply, t.faultLabel, t.priority, s.kind[t.slots]];
}
