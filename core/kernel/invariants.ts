// What must hold of the kernel's state between any two entries, as code. This file: the tables themselves, and
//
// OBJ-5  A dying object is alive, no capability names it and nothing made from it is alive. Its payer is a live thread that knows of it, or 0; nobody
//        pays between entries.
// SER-1  A serial number names one live VSpace, VCPU or IOSpace and was given out; capabilities name none that was not.
//
// INVARIANTS.md lists all of them. Slow and plain on purpose; the tests ask after each step.
import { Kind, type Kind as KindT } from "../../caps/abi/numbers.ts";
import { checkCapabilities, type Run } from "../../caps/model/invariants.ts";
import { kassert } from "../../caps/model/panic.ts";
import { checkDevices, type Hardware } from "./invariants-devices.ts";
import { checkIpc } from "./invariants-ipc.ts";
import { checkMemory } from "./invariants-memory.ts";
import { checkThreads } from "./invariants-threads.ts";
import { checkTime } from "./invariants-time.ts";
import { TcbSlot, type Kernel } from "./state.ts";

/** Throws KernelPanic with the number of the first invariant that does not hold. `hardware`: what the machine itself says that it was told. */
export function checkInvariants(k: Kernel, hardware?: Hardware): void {
  checkCapabilities(k.slots, k.objects, new Set(k.dying.keys()), runs(k));
  checkTables(k);
  checkDying(k);
  checkSerials(k);
  checkThreads(k);
  checkIpc(k);
  checkTime(k);
  checkMemory(k);
  checkDevices(k, hardware);
}

/** Whose rows are in use: CNodes' and TCBs'. */
function runs(k: Kernel): Run[] {
  const all: Run[] = [];
  for (const c of k.cnodes) if (c !== undefined) all.push({ first: c.first, bits: c.radix });
  for (const t of k.tcbs) if (t !== undefined) all.push({ first: t.slots, bits: TcbSlot.COUNT_BITS });
  return all;
}

/** OBJ-1: every live object has its state in the table of its kind, under its id, and no dead one has. */
function checkTables(k: Kernel): void {
  const tables: readonly (readonly [KindT, readonly (object | undefined)[]])[] = [
    [Kind.CNode, k.cnodes], [Kind.TCB, k.tcbs], [Kind.Endpoint, k.endpoints], [Kind.Notification, k.notifications], [Kind.Reply, k.replies],
    [Kind.SchedContext, k.schedContexts], [Kind.VSpace, k.vspaces], [Kind.VCPU, k.vcpus], [Kind.Frame, k.pages], [Kind.IOSpace, k.ioSpaces], [Kind.IRQHandler, k.irqHandlers],
  ];
  for (const [kind, table] of tables) {
    for (let id = 1; id < Math.max(k.objects.count, table.length); id++) {
      const state = table[id], alive = k.objects.kind[id] === kind;
      if (alive !== (state !== undefined)) kassert(false, "OBJ-1", `object ${id} of kind ${kind} is ${alive ? "alive without state" : "dead and has state"}`);
      if (state !== undefined && "id" in state) kassert(state.id === id, "OBJ-1", `the state of object ${id} says that it is ${String(state.id)}`);
    }
  }
  for (const c of k.cnodes.keys()) {
    const shape = k.cnodes[c];
    if (shape === undefined) continue;
    kassert(shape.radix === k.objects.bits[c]! - 5, "OBJ-1", `CNode ${c} has 2^${shape.radix} slots in 2^${k.objects.bits[c]} bytes`);
    kassert(shape.emptied === 0 || k.dying.has(c), "OBJ-5", `CNode ${c} is emptied, but not dying`);
    for (let slot = shape.first; slot < shape.first + shape.emptied; slot++) kassert(k.slots.isEmpty(slot), "OBJ-5", `row ${slot} of the dying CNode ${c} was emptied, and is filled`);
  }
}

function checkDying(k: Kernel): void {
  kassert(k.payer === 0, "OBJ-5", `thread ${k.payer} still pays`);
  for (const [id, payer] of k.dying) {
    kassert(k.objects.kind[id] !== Kind.Null && k.objects.refs[id] === 0 && k.objects.children[id] === 0, "OBJ-5", `object ${id} is dying, and is gone or in use`);
    kassert(payer === 0 || k.tcbs[payer]?.debts.includes(id) === true, "OBJ-5", `object ${id} dies on the account of ${payer}, which knows nothing of it`);
  }
}

function checkSerials(k: Kernel): void {
  let alive = 0;
  for (const table of [k.vspaces, k.vcpus, k.ioSpaces]) {
    for (const space of table) {
      if (space === undefined) continue;
      alive++;
      kassert(k.spacesBySerial.get(space.serial) === space.id, "SER-1", `serial ${space.serial} of object ${space.id} names ${k.spacesBySerial.get(space.serial)}`);
      kassert(space.serial > 0 && space.serial < k.nextSerial, "SER-1", `object ${space.id} has the serial ${space.serial}, which was not given out`);
    }
  }
  kassert(k.spacesBySerial.size === alive, "SER-1", `${k.spacesBySerial.size} serials are in use for ${alive} spaces`);
  for (let slot = 1; slot < k.slots.end; slot++) kassert(k.slots.mapSpace[slot]! < k.nextSerial, "SER-1", `row ${slot} names a serial that was not given out`);
}
