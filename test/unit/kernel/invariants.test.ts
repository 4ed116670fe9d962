// INV-*: each invariant is broken on purpose, in the kernel's own tables, and is reported by its number.
import { beforeEach, describe, expect, test } from "vitest";
import { Invocation, Kind, MAP_EXECUTE, Right } from "../../../caps/abi/numbers.ts";
import { KernelPanic } from "../../../caps/model/panic.ts";
import { install } from "../../../core/kernel/capabilities.ts";
import { checkInvariants } from "../../../core/kernel/invariants.ts";
import { createIoSpace } from "../../../core/kernel/objects/iospace.ts";
import { Pte, setPte, walk } from "../../../core/kernel/objects/vspace.ts";
import { Endpoint, ThreadState, type Kernel, type SchedContext } from "../../../core/kernel/state.ts";
import { DONE, KernelBed, retypeWord, Slot, slotWord } from "../../support/kernel-bed.ts";
import type { Program } from "../../support/testbed.ts";

const I = Invocation;
const EP = 20, REPLY = 21, NTF = 22, BADGED = 23, FRAME = 30, UNTYPED = 32, INNER = 33;

let bed: KernelBed, k: Kernel, a: Program, b: Program, c: Program;
/** A system with something of everything: a waits for an answer of b's, c waits in line. */
beforeEach(() => {
  bed = new KernelBed();
  k = bed.k;
  a = bed.thread("a");
  b = bed.thread("b");
  c = bed.thread("c");
  bed.hold(b, EP, Kind.Endpoint, 5);
  bed.hold(b, REPLY, Kind.Reply, 5);
  bed.hold(b, NTF, Kind.Notification, 6);
  bed.share(b, EP, a, EP, 15, 5);
  bed.share(b, EP, c, EP, 15, 6);
  bed.share(b, EP, b, BADGED, Right.Write, 7);
  expect(bed.call(b, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Frame, 12, 2), Slot.CNODE, FRAME)).toEqual(DONE);
  expect(bed.call(b, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Untyped, 12), Slot.CNODE, UNTYPED)).toEqual(DONE);
  expect(bed.call(b, UNTYPED, I.UntypedRetype, retypeWord(Kind.Endpoint, 0, 2), Slot.CNODE, INNER)).toEqual(DONE);
  expect(bed.call(b, FRAME, I.FrameMap, 0x2_4000, Slot.VSPACE, 3)).toEqual(DONE);
  install(k, b.slots + 40, Kind.IOSpace, createIoSpace(k, 0), 15, 0);
  expect(bed.call(b, 40, I.IOSpaceMap, FRAME + 1, 0x4000, 3)).toEqual(DONE);
  expect(bed.call(b, Slot.TCB, I.TCBBindNotification, NTF)).toEqual(DONE);
  bed.recv(b, EP, REPLY);
  bed.call(a, EP, 1);
  bed.call(c, EP, 1);
});

const row = (slot: number, p: Program = b): number => p.slots + slot;
const id = (slot: number): number => k.slots.object[row(slot)]!;
const free = (): number => row(100);
const sc = (p: Program): SchedContext => k.schedContexts[p.tcb.homeSc]!;

function breaks(invariant: string, ...ways: readonly (readonly [string, () => void])[]): void {
  describe(`INV ${invariant}`, () => {
    for (const [what, act] of ways) {
      test(what, () => {
        expect(() => checkInvariants(k)).not.toThrow();
        act();
        let caught: unknown;
        try {
          checkInvariants(k);
        } catch (error) {
          caught = error;
        }
        expect(caught).toBeInstanceOf(KernelPanic);
        expect((caught as KernelPanic).invariant).toBe(invariant);
      });
    }
  });
}

breaks("SLOT-1", ["row 0 is filled", () => (k.slots.kind[0] = Kind.TCB)]);
breaks("SLOT-2",
  ["an empty row is linked", () => (k.slots.next[free()] = row(EP))],
  ["an empty row remembers where it was mapped", () => (k.slots.mapPage[free()] = 5)],
  ["a row is emptied without leaving its list", () => k.slots.clear(row(EP))]);
breaks("CDT-1",
  ["a link back is wrong", () => (k.slots.prev[row(INNER)] = row(NTF))],
  ["a list goes round", () => (k.slots.next[row(BADGED)] = row(BADGED))]);
breaks("CDT-2", ["an object of an Untyped has left its list", () => {
  // A descendant moved to the far end: rows between it and its ancestor do not descend.
  const s = k.slots, [from, tail] = [row(INNER), row(NTF)];
  s.next[s.prev[from]!] = s.next[from]!;
  if (s.next[from] !== 0) s.prev[s.next[from]!] = s.prev[from]!;
  let last = row(Slot.UNTYPED);
  while (s.next[last] !== 0) last = s.next[last]!;
  expect(tail).toBeGreaterThan(0);
  s.next[last] = from;
  s.prev[from] = last;
  s.next[from] = 0;
}]);
breaks("CDT-3", ["a copy has a right that its ancestor lacks", () => {
  let head = row(EP, a);
  while (k.slots.prev[head] !== 0) head = k.slots.prev[head]!;
  k.slots.rights[head] = Right.Read;
}]);
breaks("CAP-1",
  ["a count is off by one", () => k.objects.refs[id(EP)]!++],
  ["a row names an object of another kind", () => (k.slots.object[row(FRAME)] = id(EP))],
  ["a row names nothing that is", () => (k.slots.object[row(REPLY)] = 10_000)]);
breaks("OBJ-1",
  ["an object lives that nothing names", () => void k.objects.create(Kind.Endpoint, 0, 5, 0)],
  ["an object has no state", () => (k.schedContexts[bed.object(a.rows.sc)] = undefined)],
  ["a dead one has state", () => (k.endpoints[5000] = new Endpoint(k.objects, 5000))],
  ["an Untyped miscounts what was made from it", () => k.objects.children[id(UNTYPED)]!--]);
breaks("OBJ-2",
  ["two objects overlap", () => (k.objects.base[id(INNER)] = k.objects.base[id(INNER + 1)]!)],
  ["an object lies outside the Untyped that it was made from", () => (k.objects.base[id(INNER)] = k.objects.base[id(UNTYPED)]! + 8192)]);
breaks("UT-1", ["a watermark falls below what is alive", () => (k.objects.watermark[id(UNTYPED)] = 0)]);
breaks("IPC-1",
  ["a waiting thread is in no line", () => (k.endpoints[id(EP)]!.head = 0)],
  ["an endpoint has the wrong kind of line", () => (k.endpoints[id(EP)]!.waiting = 2)],
  ["a thread waits on what is not there", () => (c.tcb.blockedOn = id(FRAME))],
  ["a thread that does not wait stands in a line", () => (c.tcb.state = ThreadState.Inactive)]);
breaks("IPC-2",
  ["a reply object forgets its caller", () => (k.replies[id(REPLY)]!.caller = 0)],
  ["a thread waits for an answer from nobody", () => (a.tcb.reply = 0)],
  ["a reply object names a receiver that does not wait", () => Object.assign(k.replies[id(REPLY)]!, { receiver: b.tcb.id, caller: 0 })],
  ["time stays in an empty reply object", () => {
    bed.send(b, REPLY);
    k.replies[id(REPLY)]!.donated = a.tcb.sc;
  }]);
breaks("NTF-1",
  ["a binding is one-sided", () => (k.notifications[id(NTF)]!.boundTcb = 0)],
  ["the other side", () => (b.tcb.boundNotification = 0)],
  ["somebody waits for a word that is there", () => {
    bed.send(b, REPLY);
    bed.share(b, NTF, a, NTF);
    bed.wait(a, NTF);
    k.notifications[id(NTF)]!.wordLo = 1;
  }]);
breaks("SCHED-1",
  ["a thread that can run is forgotten", () => {
    bed.send(b, REPLY);
    const lost = k.current === a.tcb.id ? b.tcb : a.tcb;
    k.readyHead[lost.priority] = 0;
    k.readyTail[lost.priority] = 0;
    k.readyBits.fill(0);
    lost.queued = false;
  }],
  ["the current thread is queued too", () => {
    const t = k.tcbs[k.current]!;
    t.queued = true;
    k.readyHead[t.priority] = t.id;
    k.readyTail[t.priority] = t.id;
    k.readyBits[t.priority >> 5]! |= 1 << (t.priority & 31);
  }],
  ["a thread that waits is chosen", () => (k.chosen = c.tcb.id)],
  ["a priority's bit is wrong", () => (k.readyBits[0] = 1)]);
breaks("SCHED-2",
  ["two threads run on one time", () => (c.tcb.sc = b.tcb.sc)],
  ["a thread has lost the time that it is bound to", () => {
    k.schedContexts[c.tcb.sc]!.tcb = 0;
    c.tcb.sc = 0;
  }],
  ["a loan is not among the loans", () => k.schedContexts[b.tcb.sc]!.cutLoans(0)],
  ["a binding is one-sided", () => (k.schedContexts[c.tcb.homeSc]!.home = 0)],
  ["a loan is in another place", () => k.replies.find((r) => r !== undefined && r.donated !== 0)!.place++]);
breaks("TIME-1", ["time is lost", () => (sc(c).budget = 50_000)]);
breaks("TIME-2", ["time comes back out of order", () => sc(c).refills.push({ amount: 5, at: 20 }, { amount: -5, at: 10 })]);
breaks("TIME-3", ["used-up time that nothing will give back", () => (sc(c).exhausted = true)]);
breaks("VS-1", ["an entry is writable and executable", () => (k.ram32[walk(k, b.vspace, 0x24, 0)]! |= Pte.X | Pte.W)]);
breaks("VS-3",
  ["an entry is left when its capability has gone", () => {
    const entry = walk(k, b.vspace, 0x24, 0), lo = k.ram32[entry]!, hi = k.ram32[entry + 1]!;
    bed.call(b, FRAME, I.FrameUnmap);
    k.ram32[entry] = lo;
    k.ram32[entry + 1] = hi;
  }],
  ["a table is in use twice", () => {
    const upper = walk(k, b.vspace, 0, 1);
    k.ram32[walk(k, b.vspace, 512, 1)] = k.ram32[upper]!;
  }],
  ["a table is a frame by now", () => setPte(k, walk(k, b.vspace, 512, 1), k.objects.base[id(FRAME + 1)]!, Pte.V)],
  ["an IPC buffer lies outside its frame", () => (c.tcb.buffer += 8192)]);
breaks("WX-1",
  ["a page is writable here and executable there", () => {
    bed.share(b, FRAME, b, 50);
    expect(bed.call(b, 50, I.FrameMap, 0x2_5000, Slot.VSPACE, 3)).toEqual(DONE);
    setPte(k, walk(k, b.vspace, 0x24, 0), k.objects.base[id(FRAME)]!, Pte.V | Pte.R | Pte.X);
  }],
  ["a frame miscounts its mappings", () => k.pages[id(FRAME)]!.writers--],
  ["a device writes what a program executes", () => {
    const at = row(FRAME + 1);
    k.slots.badgeLo[at] = Right.Read;
    k.pages[id(FRAME + 1)]!.writers--;
    bed.share(b, FRAME + 1, b, 50);
    bed.call(b, 50, I.FrameMap, 0x2_5000, Slot.VSPACE, Right.Read | MAP_EXECUTE);
    k.slots.badgeLo[at] = 3;
    k.pages[id(FRAME + 1)]!.writers++;
  }]);
breaks("IOMMU-1", ["an IOSpace miscounts its mappings", () => k.ioSpaces[id(40)]!.mappings++]);
breaks("VCPU-1", ["a VCPU names a thread that is not inside", () => {
  bed.give(b, 61, bed.make(Kind.Untyped, 21));
  bed.call(b, 61, I.UntypedRetype, retypeWord(Kind.VCPU), Slot.CNODE, 60);
  k.vcpus[id(60)]!.tcb = c.tcb.id;
}]);

test("INV the system that is broken here holds them all, to its end", () => {
  expect(bed.finish(b, Slot.CNODE, I.CNodeRevoke, slotWord(Slot.UNTYPED))).toEqual(DONE);
  expect(bed.slot(b, FRAME)).toBeNull();
});
