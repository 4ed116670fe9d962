// How each invariant is broken: by number, what is done to a healthy system so that this one is the first that does not hold.
import { Frame } from "../../caps/abi/message.ts";
import { Kind, MAP_EXECUTE, Right } from "../../caps/abi/numbers.ts";
import { deleteSlot, derive, install } from "../../core/kernel/capabilities.ts";
import { Debugger } from "../../core/kernel/held.ts";
import { IN_TCB } from "../../core/kernel/objects/mapping.ts";
import { Pte, setPte, walk } from "../../core/kernel/objects/vspace.ts";
import { TcbSlot, ThreadState, type Kernel, type SchedContext, type Tcb } from "../../core/kernel/state.ts";
import { Slot } from "../support/kernel-bed.ts";
import type { Program } from "../support/testbed.ts";
import { At, CODE_ADDRESS, FAR, FRAME_ADDRESS, IO_ADDRESS, type RichWorld } from "./rich-world.ts";

type Ways = Readonly<Record<string, (w: RichWorld) => void>>;

const PAGE = 4096;
/** A row that is empty. */
const free = (w: RichWorld): number => w.row(200);
const own = (w: RichWorld, p: Program): SchedContext => w.k.schedContexts[p.tcb.homeSc]!;
const entry = (w: RichWorld, address: number): number => walk(w.k, w.b.vspace, address / PAGE, 0);
const head = (w: RichWorld, slot: number): number => {
  let row = w.row(slot);
  while (w.k.slots.prev[row] !== 0) row = w.k.slots.prev[row]!;
  return row;
};
/** Takes a row out of its list, and back in `steps` behind a row (0: none), or at the end. */
function relink(w: RichWorld, row: number, list: number, steps = Infinity): void {
  const s = w.k.slots;
  if (s.prev[row] !== 0) s.next[s.prev[row]!] = s.next[row]!;
  if (s.next[row] !== 0) s.prev[s.next[row]!] = s.prev[row]!;
  let last = list;
  for (let n = 0; n < steps && s.next[last] !== 0; n++) last = s.next[last]!;
  s.prev[row] = last;
  s.next[row] = last === 0 ? 0 : s.next[last]!;
  if (last !== 0) s.next[last] = row;
  if (s.next[row] !== 0) s.prev[s.next[row]!] = row;
}
const NOBODY = 2 ** 20;
const debugged = (w: RichWorld): Debugger => (w.k.debugger = new Debugger());
const queue = (k: Kernel, t: Tcb): void => {
  t.queued = true;
  k.readyHead[t.priority] = t.id;
  k.readyTail[t.priority] = t.id;
  k.readyBits[t.priority >> 5]! |= 1 << (t.priority & 31);
};

const capabilities: Readonly<Record<string, Ways>> = {
  "SLOT-1": { "row 0 is filled": ({ k }) => (k.slots.kind[0] = Kind.TCB) },
  "SLOT-2": {
    "an empty row is linked": (w) => (w.k.slots.next[free(w)] = w.row(At.EP)),
    "an empty row remembers where it was mapped": (w) => (w.k.slots.mapPage[free(w)] = 5),
    "a row is emptied without leaving its list": (w) => w.k.slots.clear(w.row(At.EP)),
  },
  "SLOT-3": {
    "a CNode's rows are free at the same time": (w) => w.k.slots.release(w.k.cnodes[w.k.slots.object[w.a.rows.cnode]!]!.first, 8),
    "a run is free twice": ({ k }) => {
      const [run] = [...k.slots.freeRuns()];
      k.slots.release(run!.first, run!.bits);
    },
    "a run is longer than the table": ({ k }) => k.slots.release(k.slots.end - 4, 4),
    "a capability is left in rows that were given back": (w) => {
      const [run] = [...w.k.slots.freeRuns()];
      derive(w.k, w.row(At.EP), run!.first, 15, 0, 0);
    },
    "two TCBs have the same rows": (w) => Object.defineProperty(w.ready.tcb, "slots", { value: w.a.tcb.slots }),
    "a capability was derived into no CNode": (w) => derive(w.k, w.row(At.EP), w.k.slots.allocate(0), 15, 0, 0),
  },
  "CDT-1": {
    "a link back is wrong": (w) => (w.k.slots.prev[w.row(At.INNER)] = w.row(At.NTF)),
    "a list goes round": (w) => (w.k.slots.next[w.row(At.BADGED)] = w.row(At.BADGED)),
  },
  "CDT-2": {
    "an Untyped stands behind what was made from it": (w) => relink(w, w.row(At.UNTYPED), head(w, Slot.UNTYPED)),
    "what was made from an Untyped stands behind what was not": (w) => relink(w, w.row(At.FRAME), w.row(At.UNTYPED), 0),
    "a badged capability stands before the one that it was minted from": (w) => {
      w.bed.share(w.b, At.INNER, w.b, 200, 15, 5);
      relink(w, w.row(At.INNER), w.row(200), 0);
    },
    "what was made from an Untyped has left its list": (w) => relink(w, w.row(At.FRAME), 0),
    "it stands in a list of others": (w) => relink(w, w.row(At.FRAME), w.row(At.NTF)),
  },
  "CDT-3": {
    "a copy has a right that its ancestor lacks": (w) => (w.k.slots.rights[head(w, At.EP)] = Right.Read),
    "a copy of a weak capability is not weak": (w) => {
      derive(w.k, w.row(At.WEAK), free(w), 15, 0, 24);
      // The weak one is a copy of an original; so it is made one itself.
      w.k.slots.original[w.row(At.WEAK)] = 3;
      w.k.slots.rights[free(w)] = 15;
    },
  },
  "CDT-4": { "what may have descendants is a copy among a badge's": (w) => (w.k.slots.original[w.row(At.BADGED)] = 1) },
  "CAP-1": {
    "a count is off by one": (w) => w.k.objects.refs[w.id(At.EP)]!++,
    "a row names an object of another kind": (w) => (w.k.slots.object[w.row(At.FRAME)] = w.id(At.EP)),
    "a row names nothing that is": (w) => (w.k.slots.object[w.row(At.REPLY)] = 10_000),
  },
  "CAP-2": {
    "a right that there is not": (w) => (w.k.slots.rights[w.row(At.REPLY)] = 32),
    "a weak capability that writes": (w) => (w.k.slots.rights[w.row(At.WEAK)] = Right.Weak | Right.Write),
    "a weak endpoint": (w) => (w.k.slots.rights[w.row(At.INNER)] = Right.Weak),
    "a guard that is longer than a CPtr": (w) => (w.k.slots.badgeHi[w.row(At.WEAK)] = 30),
    "a guard that does not fit its size": (w) => (w.k.slots.badgeLo[w.row(At.WEAK)] = 1 << 30),
    "a badge on a reply object": (w) => (w.k.slots.badgeLo[w.row(At.REPLY)] = 1),
    "a mapping that does more than its capability": (w) => (w.k.slots.rights[w.row(At.FRAME)] = Right.Read),
    "a frame that is mapped nowhere, with rights": (w) => (w.k.slots.badgeLo[w.row(At.LINE)] = Right.Read),
  },
};

const objects: Readonly<Record<string, Ways>> = {
  "OBJ-1": {
    "an object lives that nothing names": ({ k }) => void k.objects.create(Kind.Endpoint, 0, 5, 0),
    "an object has no state": (w) => (w.k.schedContexts[w.bed.object(w.a.rows.sc)] = undefined),
    "a dead one has state": ({ k }) => (k.irqHandlers[5000] = { line: 7, notification: 0, badgeLo: 0, badgeHi: 0 }),
    "the state of one is in the place of another": (w) => (w.k.pages[w.id(At.FRAME)] = w.k.pages[w.id(At.CODE)]),
    "an Untyped miscounts what was made from it": (w) => w.k.objects.children[w.id(At.UNTYPED)]!--,
    "what is no Untyped counts objects": (w) => w.k.objects.children[w.id(At.EP)]!++,
    "an object is made from what is no Untyped": (w) => (w.k.objects.parent[w.id(At.EP)] = w.id(At.NTF)),
    "a CNode has more slots than its memory pays for": (w) => w.k.objects.bits[w.k.slots.object[w.a.rows.cnode]!]!--,
  },
  "OBJ-2": {
    "two objects overlap": (w) => (w.k.objects.base[w.id(At.INNER)] = w.k.objects.base[w.id(At.INNER + 1)]!),
    "an object lies outside the Untyped that it was made from": (w) => (w.k.objects.base[w.id(At.INNER)] = w.k.objects.base[w.id(At.UNTYPED)]! + 8192),
  },
  "OBJ-3": {
    "an object has a size that its kind has not": (w) => (w.k.objects.bits[w.id(At.NTF)] = 5),
    "an object lies between two multiples of its size": (w) => (w.k.objects.base[w.id(At.NTF)]! += 32),
    "an object of the boot lies outside RAM": (w) => (w.k.objects.base[w.id(At.NTF)] = 2 ** 32),
    "a frame of device memory is taken for RAM": (w) => (w.k.objects.device[w.id(At.LINE)] = 0),
    "an endpoint is made of device memory": (w) => (w.k.objects.device[w.id(At.EP)] = 1),
  },
  "OBJ-4": {
    "an id is lost": ({ k }) => void (k.objects.count++),
    "a live object is in the list of free ids": (w) => {
      const [first] = [...w.k.objects.freeIds()];
      w.k.objects.parent[first!] = w.id(At.EP);
    },
    "the list of free ids goes round": ({ k }) => {
      const ids = [...k.objects.freeIds()];
      k.objects.parent[ids.at(-1)!] = ids[0]!;
    },
  },
  "OBJ-5": {
    "a dying object is named again": (w) => {
      install(w.k, free(w), Kind.CNode, [...w.k.dying.keys()][0]!, 15, w.row(Slot.UNTYPED));
    },
    "what is gone is still dying": ({ k }) => k.dying.set(4000, 0),
    "a thread pays without knowing": (w) => w.b.tcb.debts.splice(0),
    "a dead thread pays": ({ k }) => k.dying.set([...k.dying.keys()][0]!, 4000),
    "somebody pays between entries": (w) => (w.k.payer = w.b.tcb.id),
    "a CNode that is in use was emptied": (w) => (w.k.cnodes[w.k.slots.object[w.a.rows.cnode]!]!.emptied = 1),
    "a capability came into what was emptied": (w) => derive(w.k, w.row(At.EP), w.k.cnodes[[...w.k.dying.keys()][0]!]!.first, 15, 0, 0),
  },
  "UT-1": {
    "a watermark falls below what is alive": (w) => (w.k.objects.watermark[w.id(At.UNTYPED)] = 0),
    "a watermark is beyond the end": (w) => (w.k.objects.watermark[w.id(At.UNTYPED)] = 8192),
  },
  "UT-2": {
    "a clean mark falls below what is alive": (w) => (w.k.objects.clean[w.id(At.UNTYPED)] = 0),
    "a clean mark is beyond the end": (w) => (w.k.objects.clean[w.id(At.UNTYPED)] = 8192),
    "memory above the clean mark was written": (w) => {
      const untyped = w.id(Slot.UNTYPED, w.a), end = w.k.objects.base[untyped]! + w.k.objects.size(untyped);
      w.k.ram32[(end - PAGE - w.k.machine.ramBase) / 4] = 1;
    },
  },
  "SER-1": {
    "a serial names another space": (w) => w.k.spacesBySerial.set(w.a.vspace.serial, w.c.vspace.id),
    "a serial names what is gone": ({ k }) => k.spacesBySerial.set(3000, 3000),
    "a serial was not given out": ({ k }) => (k.nextSerial = 3),
    "a capability names a serial that was not given out": (w) => (w.k.slots.mapSpace[w.row(At.LINE)] = 3000),
  },
};

const threads: Readonly<Record<string, Ways>> = {
  "TCB-1": {
    "a thread's trap frame is free": (w) => w.k.freeFrames.push(w.a.tcb.frame),
    "a trap frame is free twice": ({ k }) => k.freeFrames.push(k.freeFrames[0]!),
    "a trap frame is lost": ({ k }) => k.freeFrames.pop(),
    "a trap frame names another thread": (w) => (w.k.tcbOfFrame[w.a.tcb.frame] = w.c.tcb),
  },
  "TCB-2": {
    "a thread's CSpace is weak": (w) => (w.k.slots.rights[w.a.tcb.slots + TcbSlot.CSpace] = Right.Read | Right.Weak),
    "a keeper that cannot be told": (w) => (w.k.slots.rights[w.faulting.tcb.slots + TcbSlot.Keeper] = Right.Read),
    "a slot that is for nothing is filled": (w) => derive(w.k, w.row(At.EP), w.a.tcb.slots + 7, 15, 0, 0),
    "a thread's own slot says nothing of it": (w) => (w.k.slots.mapPage[w.a.tcb.slots + TcbSlot.CSpace] = w.c.tcb.id),
    "a capability says that it is in a TCB, and is not": (w) => {
      w.k.slots.mapSpace[w.row(At.WEAK)] = IN_TCB;
      w.k.slots.mapPage[w.row(At.WEAK)] = w.a.tcb.id;
    },
  },
  "TCB-3": {
    "a thread goes on without a VSpace": (w) => {
      w.k.slots.mapSpace[w.ready.tcb.slots + TcbSlot.VSpace] = 0;
      deleteSlot(w.k, w.ready.tcb.slots + TcbSlot.VSpace);
    },
    "a trap frame names another's space": (w) => (w.k.frames32[w.a.tcb.base + 2 * Frame.SPACE] = w.c.vspace.space),
    "a priority that there is not": (w) => (w.a.tcb.maxPriority = 256),
  },
  "TCB-4": {
    "a thread that waits was stopped in a call": (w) => (w.e.tcb.interrupted = true),
    "a thread that was stopped in a call has a fault": (w) => (w.stopped.tcb.faultLabel = 4),
  },
  "FAULT-1": {
    "a thread runs with a fault": (w) => (w.ready.tcb.faultLabel = 4),
    "a thread is stopped by no fault": (w) => (w.stopped.tcb.interrupted = false, w.stopped.tcb.state = ThreadState.Faulted),
    "a fault has no words": (w) => (w.faulting.tcb.faultLength = 0),
  },
  "DEBUG-1": {
    "the machine takes no steps": (w) => (w.k.frames32[w.c.tcb.base + 2 * Frame.DEBUG] = 2),
    "the machine looks for breakpoints that nobody set": (w) => (w.k.frames32[w.a.tcb.base + 2 * Frame.DEBUG] = 2),
    "a step is told to nobody": (w) => (w.ready.tcb.stepped = true),
    "a breakpoint in the kernel's half": (w) => (w.c.tcb.breakpoints[0] = 2 ** 38),
  },
  "DEBUG-2": {
    "a thread is held that is not there": (w) => debugged(w).threads.add(NOBODY),
    "a thread steps and is held": (w) => {
      const d = debugged(w);
      d.threads.add(w.stopped.tcb.id);
      d.steps.add(w.stopped.tcb.id);
    },
    "a step is told of a thread that takes none": (w) => debugged(w).called.add(w.stopped.tcb.id),
    "a breakpoint of the operator's is in the kernel's half": (w) => debugged(w).breakpoints.set(w.c.tcb.id, [2 ** 38]),
    "a guest's clock stands still while it runs": (w) => debugged(w).still.set(w.vmm.tcb.vcpu, 0),
    "a hart is held that is not there": (w) => debugged(w).harts.add(NOBODY),
    "a held thread waits for the CPU": (w) => debugged(w).threads.add(w.ready.tcb.id),
  },
  "VCPU-1": {
    "a VCPU names a thread that is not inside": (w) => {
      w.k.vcpus[w.vmm.tcb.vcpu]!.tcb = 0;
      w.k.vcpus[w.vmm.tcb.vcpu]!.tcb = w.a.tcb.id;
    },
    "a thread that is outside names a VCPU": (w) => (w.a.tcb.vcpu = w.vmm.tcb.vcpu),
  },
};

const ipc: Readonly<Record<string, Ways>> = {
  "IPC-1": {
    "a waiting thread is in no line": (w) => (w.k.endpoints[w.id(At.EP)]!.head = 0),
    "an endpoint has the wrong kind of line": (w) => (w.k.endpoints[w.id(At.EP)]!.waiting = 2),
    "a thread waits on what is not there": (w) => (w.c.tcb.blockedOn = w.id(At.FRAME)),
    "a thread that does not wait stands in a line": (w) => (w.c.tcb.state = ThreadState.Inactive, w.c.tcb.blockedOn = 0, w.c.tcb.next = 0, w.c.tcb.prev = 0),
    "a line has another end": (w) => (w.k.endpoints[w.id(At.EP)]!.tail = w.a.tcb.id),
  },
  "IPC-2": {
    "a reply object forgets its caller": (w) => (w.k.replies[w.id(At.REPLY)]!.caller = 0),
    "a thread waits for an answer from nobody": (w) => (w.a.tcb.reply = 0),
    "a reply object names a receiver that does not wait": (w) => (w.k.replies[w.id(At.REPLY)]!.receiver = w.b.tcb.id),
    "time stays in an empty reply object": (w) => {
      w.bed.checks = false;
      w.bed.send(w.b, At.REPLY);
      w.k.replies[w.id(At.REPLY)]!.donated = w.a.tcb.sc;
    },
  },
  "IPC-3": {
    "a thread that waits in no line has links": (w) => (w.a.tcb.next = w.c.tcb.id),
    "a ticket was not given out": ({ k }) => (k.nextTicket = 1),
    "somebody waits to send who may not": (w) => (w.c.tcb.sendRights = Right.Read),
  },
  "NTF-1": {
    "a binding is one-sided": (w) => (w.k.notifications[w.id(At.NTF)]!.boundTcb = 0),
    "the other side": (w) => (w.b.tcb.boundNotification = 0),
    "somebody waits for a word that is there": (w) => (w.k.notifications[w.id(At.NTF2)]!.wordLo = 1),
  },
};

const time: Readonly<Record<string, Ways>> = {
  "SCHED-1": {
    "a thread that can run is forgotten": ({ k, ready: { tcb } }) => {
      k.readyHead[tcb.priority] = 0;
      k.readyTail[tcb.priority] = 0;
      k.readyBits.fill(0);
      tcb.queued = false;
    },
    "the current thread is queued too": ({ k }) => queue(k, k.tcbs[k.current]!),
    "a thread that waits is chosen": (w) => (w.k.chosen = w.c.tcb.id),
    "a priority's bit is wrong": ({ k }) => (k.readyBits[0] = 1),
    "the current thread is gone": (w) => {
      w.b.tcb.queued = true;
      w.k.current = 4000;
    },
  },
  "SCHED-2": {
    "two threads run on one time": (w) => (w.stopped.tcb.sc = w.b.tcb.sc),
    "a thread has lost the time that it is bound to": (w) => {
      own(w, w.c).tcb = 0;
      w.c.tcb.sc = 0;
    },
    "a loan is not among the loans": (w) => w.k.schedContexts[w.b.tcb.sc]!.cutLoans(0),
    "a binding is one-sided": (w) => (own(w, w.c).home = 0),
    "a loan is in another place": ({ k }) => k.replies.find((r) => r !== undefined && r.donated !== 0)!.place++,
    "the running time is gone": ({ k }) => (k.runningSc = 4000),
  },
  "SCHED-3": { "a turn is over that nobody lent": (w) => (own(w, w.c).turnOver = 5) },
  "TIME-1": { "time is lost": (w) => (own(w, w.spent).budget += 50) },
  "TIME-2": { "time comes back out of order": (w) => (own(w, w.spent).refills.push({ amount: 5, at: 20 }, { amount: -5, at: 10 })) },
  "TIME-3": { "used-up time that nothing will give back": (w) => (own(w, w.spent).releaseAt += 5) },
  "TIME-4": {
    "the next timer is too late": ({ k }) => (k.nextTimer = Infinity),
    "a guest's timer is forgotten": ({ k }) => k.waitingVcpus.pop(),
    "a guest waits twice": ({ k }) => k.waitingVcpus.push(k.waitingVcpus[0]!),
    "what is due first is not on top": ({ k }) => k.releases.push({ at: 5, sc: 4000 }),
  },
  "TIME-5": {
    "more time than the budget": (w) => own(w, w.c).remaining++,
    "a budget longer than its period": (w) => (own(w, w.c).budget *= 2),
    "a full one is owed time": (w) => own(w, w.c).refills.push({ amount: 5, at: 5 }),
  },
};

const memory: Readonly<Record<string, Ways>> = {
  "VS-1": { "an entry is writable and executable": (w) => (w.k.ram32[entry(w, FRAME_ADDRESS)]! |= Pte.X | Pte.W) },
  "VS-3": {
    "an entry is left when its capability has gone": (w) => {
      const at = entry(w, FRAME_ADDRESS), lo = w.k.ram32[at]!, hi = w.k.ram32[at + 1]!;
      deleteSlot(w.k, w.row(At.FRAME));
      w.k.ram32[at] = lo;
      w.k.ram32[at + 1] = hi;
    },
    "a table is in use twice": (w) => (w.k.ram32[walk(w.k, w.b.vspace, 512, 1)] = w.k.ram32[walk(w.k, w.b.vspace, 0, 1)]!),
    "a table is a frame by now": (w) => setPte(w.k, walk(w.k, w.b.vspace, 512, 1), w.k.objects.base[w.id(At.DMA)]!, Pte.V),
    "a table is in use where no capability says": (w) => (w.k.slots.mapPage[w.row(At.TABLE + 1)] = 0),
    "an IPC buffer lies outside its frame": (w) => (w.c.tcb.buffer += 8192),
    "an IPC buffer without a frame": (w) => (w.c.tcb.buffer = -1),
  },
  "VS-4": {
    "an entry allows what its mapping does not": (w) => (w.k.ram32[entry(w, CODE_ADDRESS)]! ^= Pte.X | Pte.W),
    "an entry is the kernel's": (w) => (w.k.ram32[entry(w, FAR)]! ^= Pte.U),
  },
  "WX-1": {
    "a page is writable here and executable there": (w) => {
      const page = w.id(At.FRAME);
      w.bed.share(w.b, At.FRAME, w.b, 200);
      const s = w.k.slots, at = w.row(200);
      w.k.pages[page]!.executors++;
      s.mapSpace[at] = w.b.vspace.serial;
      s.mapPage[at] = 0x25;
      s.badgeLo[at] = Right.Read | MAP_EXECUTE;
      setPte(w.k, entry(w, 0x2_5000), w.k.objects.base[page]!, Pte.V | Pte.R | Pte.X | Pte.U);
    },
    "a frame miscounts its mappings": (w) => w.k.pages[w.id(At.FRAME)]!.writers--,
    "a device writes what a program executes": (w) => {
      const page = w.id(At.DMA);
      w.bed.share(w.b, At.DMA, w.b, 200);
      const s = w.k.slots, at = w.row(200);
      s.mapSpace[at] = w.b.vspace.serial;
      s.mapPage[at] = 0x25;
      s.badgeLo[at] = Right.Read | MAP_EXECUTE;
      w.k.pages[page]!.executors++;
      setPte(w.k, entry(w, 0x2_5000), w.k.objects.base[page]!, Pte.V | Pte.R | Pte.X | Pte.U);
    },
  },
};

const devices: Readonly<Record<string, Ways>> = {
  "IOMMU-1": {
    "an IOSpace miscounts its mappings": (w) => w.k.ioSpaces[w.id(At.IO)]!.mappings++,
    "a device reaches memory that no capability says": (w) => void w.bed.machine.iommu.map(0, 0x8000, w.k.objects.base[w.id(At.CODE)]!, PAGE, 3),
    "a device reaches other memory than the capability says": (w) => {
      w.bed.machine.iommu.unmap(0, IO_ADDRESS);
      w.bed.machine.iommu.map(0, IO_ADDRESS, w.k.objects.base[w.id(At.CODE)]!, PAGE, 3);
    },
    "a device has more rights than the capability says": (w) => {
      w.k.slots.badgeLo[w.row(At.DMA)] = Right.Read;
      w.k.pages[w.id(At.DMA)]!.writers--;
    },
    "a device without an IOSpace reaches memory": (w) => void w.bed.machine.iommu.map(1, 0, w.k.objects.base[w.id(At.DMA)]!, PAGE, 1),
    "the machine has forgotten a mapping": (w) => w.bed.machine.iommu.unmap(0, IO_ADDRESS),
    "two IOSpaces are of one device": (w) => Object.defineProperty(w.k.ioSpaces[w.id(At.IO)]!, "device", { value: 2 }),
  },
  "SPACE-1": {
    "two VSpaces have one number": (w) => {
      Object.defineProperty(w.k.vspaces[w.c.vspace.id]!, "space", { value: w.a.vspace.space });
      w.k.frames32[w.c.tcb.base + 2 * Frame.SPACE] = w.a.vspace.space;
    },
    "the number of a VSpace is free": (w) => w.k.freeSpaces.push(w.a.vspace.space),
    "a number is free twice": ({ k }) => k.freeSpaces.push(k.freeSpaces[0]!),
    "a number is lost": ({ k }) => k.freeSpaces.pop(),
  },
  "SPACE-2": {
    "a space is bound to another's root": (w) => w.bed.machine.roots.set(w.a.vspace.space, w.c.vspace.root),
    "a space that is nobody's is bound": (w) => w.bed.machine.roots.set(11, w.c.vspace.root),
    "a space is not bound": (w) => w.bed.machine.roots.delete(w.a.vspace.space),
  },
  "IOMMU-2": {
    "a fault signals what is gone": (w) => (w.k.ioSpaces[w.id(At.IO)]!.notification = w.id(At.EP)),
    "a driver has the IOMMU's line": (w) => {
      w.k.irqLines[w.k.machine.iommu.line] = w.id(At.IRQ);
    },
  },
  "IRQ-1": {
    "a line has lost its handler": ({ k }) => (k.irqLines[5] = 0),
    "another line has it too": (w) => (w.k.irqLines[6] = w.id(At.IRQ)),
    "a handler signals what is gone": (w) => (w.k.irqHandlers[w.id(At.IRQ)]!.notification = w.id(At.EP)),
  },
  "VCPU-2": {
    "a guest has memory that no capability says": (w) => (w.k.vcpus[w.vmm.tcb.vcpu]!.regions.at(-1)!.bytes += PAGE),
    "a guest has lost memory": (w) => w.k.vcpus[w.vmm.tcb.vcpu]!.regions.pop(),
    "a window lies over memory": (w) => w.k.vcpus[w.vmm.tcb.vcpu]!.devices.push({ guestPhysical: 0x8000_0000, bytes: PAGE }),
    "a shattered one has memory": (w) => (w.k.vcpus[w.vmm.tcb.vcpu]!.shattered = true),
    "VCPUs are miscounted": ({ k }) => k.vcpusAlive++,
  },
  "VCPU-3": {
    "a guest has a hart that says otherwise": (w) => w.k.vcpus[w.vmm.tcb.vcpu]!.harts.push(9999),
    "a guest has a hart twice": (w) => w.k.vcpus[w.vmm.tcb.vcpu]!.harts.push(w.vmm.tcb.vcpu),
    "a hart of nobody's has memory": (w) => (w.k.vcpus[w.vmm.tcb.vcpu]!.leader = 0),
    "a hart says it is of a guest that does not": (w) => Object.assign(w.k.vcpus[w.vmm.tcb.vcpu]!, { leader: 9999, harts: [] }),
  },
};

export const corruptions: Readonly<Record<string, Ways>> = { ...capabilities, ...objects, ...threads, ...ipc, ...time, ...memory, ...devices };
