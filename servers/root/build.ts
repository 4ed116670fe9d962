// Builds one component: everything it needs is made from one Untyped, its address space is filled, its CSpace wired, its thread ready to be resumed.
//
//   ROOT-1  All that a component's memory was spent on descends from its Untyped: revoking that takes the component away and frees exactly what it paid for.
//   ROOT-2  A component's CSpace holds what InitSlot lists and what its `use` entries name, and nothing else.
import { Reg } from "../../caps/abi/message.ts";
import { ALL_RIGHTS, InitSlot, type RetypeName, Right } from "../../caps/abi/numbers.ts";
import { AddressMap, KEEPER_BADGE, mayGive, ORDER_BIT, type ResolvedComponent, type ResolvedUse } from "../../caps/image/system.ts";
import {
  cnodeCopy, cnodeMint, cnodeMove, frameMap, hostedControlBind, ioSpaceMap, irqControlGet, irqSetNotification, MapRights, pageTableMap, type Place, schedContextBind,
  schedControlConfigure, tcbBindNotification, tcbSetIpcBuffer, tcbSetLabel, tcbSetPriority, tcbSetSpace, tcbWriteRegisters, vcpuMapFrame, zeroGuard,
} from "../lib/ts/objects.ts";
import type { Op } from "../lib/ts/sdk.ts";
import type { BootFileEntry, Boot } from "./bootinfo.ts";
import { keepDevice, type KeptDevice } from "./dma.ts";
import { must, StartFailure } from "./failure.ts";
import { cspaceBits, LARGE, type Layout, PAGE } from "./layout.ts";
import { objectBits } from "./memory.ts";
import type { PlannedComponent } from "./plan.ts";
import type { Region, RootSpace } from "./space.ts";

/** The Untypeds of a component: its memory's, and its guest's RAM, largest first. */
export interface Carved {
  readonly untyped: number;
  readonly ram: readonly { readonly untyped: number; readonly bits: number }[];
}

/** A component that was built: capabilities in the root server's CSpace. */
export interface Built {
  readonly component: ResolvedComponent;
  readonly tcb: number;
  readonly endpoint: number;
  /** What it has of the root server's own, of which it has copies: its Parent capability, those over guests. Revoking these takes them from whomever they were handed to. */
  readonly lent: readonly number[];
  /** A slot of its CSpace. */
  readonly at: (slot: number) => Place;
  /** The slots of the root server's that all this stands in. */
  readonly region: Region;
  /** The Untypeds that everything of it was made from. */
  readonly untypeds: readonly number[];
  /** Its devices that reach memory. */
  readonly devices: readonly KeptDevice[];
  /** Of a guest's VMM: rings it for an order of the operator's. */
  readonly order?: number;
}

export interface Builder {
  readonly space: RootSpace;
  readonly boot: Boot;
  /** Components built so far, by name: what later ones use stands here. */
  readonly built: ReadonlyMap<string, Built>;
  /** Those that have ended for good: what others use of them stays empty when they are built again. */
  readonly ended: ReadonlySet<string>;
  /** IRQ handlers by interrupt. There can be one of each, so the root server keeps it, and gives it anew to a component that is built again. */
  readonly handlers: Map<number, number>;
}

/** @param before the slots that it stood in before it was taken away; absent: it is built for the first time */
export function* buildComponent(builder: Builder, planned: PlannedComponent, carved: Carved, before?: Region): Op<Built> {
  yield* takeInterrupts(builder, planned.component);
  const { value, region } = yield* builder.space.within(before, makeComponent(builder, planned, carved));
  return { ...value, region };
}

function* makeComponent(builder: Builder, planned: PlannedComponent, carved: Carved): Op<Omit<Built, "region">> {
  const { space } = builder;
  const { sys } = space;
  const { component, layout } = planned;
  const says = (what: string): string => `${what} of component ${component.name}`;

  const made = new Map<RetypeName, number>(), vcpus: number[] = [];
  for (const need of planned.needs) {
    made.set(need.kind, yield* space.make(carved.untyped, need.kind, need.sizeBits, need.count, says(`${need.count} objects (${need.kind}, 2^${objectBits(need)} bytes)`)));
    if (need.kind === "VCPU") vcpus.push(made.get("VCPU")!);
  }
  const slotOf = (kind: RetypeName): number => {
    const slot = made.get(kind);
    if (slot === undefined) throw new StartFailure(`component ${component.name} has no ${kind}`);
    return slot;
  };
  const [tcb, vspace, context, endpoint, notification] = [slotOf("TCB"), slotOf("VSpace"), slotOf("SchedContext"), slotOf("Endpoint"), slotOf("Notification")];
  const cnode = slotOf("CNode");
  // The guard takes the upper bits of a CPtr, so that slot n is CPtr n however many slots there are.
  const bits = cspaceBits(component);
  const cspace = yield* space.mint(cnode, ALL_RIGHTS, zeroGuard(32 - bits), says("CSpace"));
  const at = (slot: number): Place => ({ cnode, index: slot, depth: bits });

  const buffer = yield* fillSpace(space, layout, vspace, slotOf, says);

  const give = (slot: number, from: number, rights = ALL_RIGHTS): Op<unknown> => must(cnodeCopy(sys, at(slot), space.place(from), rights), says(`fill slot ${slot}`));
  yield* give(InitSlot.CNode, cspace);
  yield* give(InitSlot.TCB, tcb);
  yield* give(InitSlot.VSpace, vspace);
  yield* must(cnodeMove(sys, at(InitSlot.Reply), space.place(slotOf("Reply"))), says("hand over the reply object"));
  yield* give(InitSlot.Service, endpoint, mayGive(component) ? ALL_RIGHTS : ALL_RIGHTS & ~Right.Grant);
  yield* give(InitSlot.Notification, notification);
  if (made.has("Untyped")) yield* must(cnodeMove(sys, at(InitSlot.Untyped), space.place(slotOf("Untyped"))), says("hand over the rest of the memory"));
  yield* give(InitSlot.SchedContext, context);
  yield* give(InitSlot.IPCBuffer, buffer);
  yield* give(InitSlot.Discrim, InitSlot.Discrim);
  const parent = yield* space.mint(InitSlot.Service, Right.Write | Right.GrantReply, component.number, says("parent capability"));
  yield* give(InitSlot.Parent, parent);
  const keeper = yield* space.mint(InitSlot.Service, Right.Write | Right.GrantReply, KEEPER_BADGE + component.number, says("keeper"));

  const wiring: Wiring = { ...builder, component, at, vspace, notification, vcpus, ram: carved.ram, devices: [], guestFrames: [], lent: [parent], says };
  for (const [i, use] of component.uses.entries()) yield* wire(wiring, use, InitSlot.First + i);

  yield* must(tcbSetLabel(sys, tcb, component.name), says("name the thread"));
  yield* must(tcbSetSpace(sys, tcb, keeper, cspace, vspace), says("give the thread its spaces"));
  yield* must(tcbSetIpcBuffer(sys, tcb, AddressMap.IPC_BUFFER, buffer), says("give the thread its IPC buffer"));
  yield* must(tcbSetPriority(sys, tcb, component.cpu.priority, component.cpu.priority, InitSlot.TCB), says("set the priority"));
  yield* must(tcbBindNotification(sys, tcb, notification), says("bind the notification"));
  yield* must(schedControlConfigure(sys, InitSlot.SchedControl, context, component.cpu.budget, component.cpu.period), says("set the budget"));
  yield* must(schedContextBind(sys, context, tcb), says("bind the scheduling context"));
  const { start } = layout;
  if (start.kind === "machine") {
    yield* must(tcbWriteRegisters(sys, tcb, 0, [start.entry]), says("set the entry point"));
    yield* must(tcbWriteRegisters(sys, tcb, Reg.sp, [AddressMap.STACK_TOP]), says("set the stack"));
    yield* must(tcbWriteRegisters(sys, tcb, Reg.a0, [AddressMap.IPC_BUFFER, AddressMap.ARGUMENTS]), says("set the arguments"));
  } else {
    yield* must(hostedControlBind(sys, InitSlot.HostedControl, tcb, start.text, start.textBytes), says(`load the text (${component.program.file})`));
    yield* must(tcbWriteRegisters(sys, tcb, Reg.a0, [AddressMap.ENVIRONMENT, start.environmentBytes]), says("set the arguments"));
  }
  const order = component.guest === undefined ? {} : { order: yield* space.mint(notification, Right.Write, ORDER_BIT, says("bell")) };
  return { ...order, component, tcb, endpoint, lent: wiring.lent, at, untypeds: [carved.untyped, ...carved.ram.map((block) => block.untyped)], devices: wiring.devices };
}

/** Page tables, fresh frames and shared files into the VSpace. The slot of the IPC buffer's frame. */
function* fillSpace(space: RootSpace, layout: Layout, vspace: number, slotOf: (kind: RetypeName) => number, says: (what: string) => string): Op<number> {
  const { sys } = space;
  const tables = slotOf("PageTable");
  for (const [i, address] of layout.tables.entries()) yield* must(pageTableMap(sys, tables + i, address, vspace), says("map the page tables"));
  let frame = slotOf("Frame");
  let buffer = 0;
  for (const { address, pages, rights, fill } of layout.areas) {
    if (address === AddressMap.IPC_BUFFER) buffer = frame;
    if (fill !== undefined) {
      const [from, bytes] = "data" in fill ? [fill.data, fill.data.length] : [fill.from, fill.bytes];
      yield* space.fill(frame, pages, fill.offset, from, bytes);
    }
    for (let i = 0; i < pages; i++) yield* must(frameMap(sys, frame + i, address + i * PAGE, vspace, rights), says(`map page 0x${(address + i * PAGE).toString(16)}`));
    frame += pages;
  }
  for (const { address, file, rights } of layout.shared) yield* shareFile(space, file, address, vspace, rights, says);
  return buffer;
}

/** A copy of each frame capability, for a capability holds one mapping. */
function* shareFile(space: RootSpace, file: BootFileEntry, address: number, vspace: number, rights: number, says: (what: string) => string): Op<void> {
  const size = 2 ** file.bits;
  for (let i = 0; i < file.frames; i++) {
    const frame = yield* space.copy(file.slot + i, Right.Read, `a frame of ${file.name}`);
    yield* must(frameMap(space.sys, frame, address + i * size, vspace, rights), says(`map the file ${file.name}`));
  }
}

interface Wiring extends Builder {
  readonly component: ResolvedComponent;
  readonly at: (slot: number) => Place;
  readonly vspace: number;
  readonly notification: number;
  /** One for each use of a VCPU, in their order. */
  readonly vcpus: readonly number[];
  readonly ram: Carved["ram"];
  /** Frames of its guest's RAM that were mapped, in the root server's CSpace. */
  readonly guestFrames: { readonly frame: number; readonly guestPhysical: number }[];
  readonly devices: KeptDevice[];
  readonly lent: number[];
  readonly says: (what: string) => string;
}

/** Puts what a `use` names into its slot and its address. */
function* wire(w: Wiring, use: ResolvedUse, slot: number): Op<void> {
  const { space, at, says } = w;
  const { sys } = space;
  const what = says(`wire ${use.name}`);
  switch (use.kind) {
    case "endpoint": {
      const server = w.built.get(use.from);
      if (w.ended.has(use.from)) return;
      if (server === undefined) throw new StartFailure(`component ${w.component.name} uses ${use.from}, which does not stand before it`);
      yield* must(cnodeMint(sys, at(slot), space.place(server.endpoint), use.rights, use.badge), what);
      return;
    }
    case "device": {
      const frames = yield* deviceFrames(w, use.physical, use.bytes / PAGE, use.device);
      for (let i = 0; i < use.bytes / PAGE; i++) yield* must(frameMap(sys, frames + i, use.address + i * PAGE, w.vspace, MapRights.ReadWrite), what);
      yield* must(cnodeCopy(sys, at(slot), space.place(frames), ALL_RIGHTS), what);
      return;
    }
    case "irq": {
      const handler = w.handlers.get(use.irq)!;
      const signal = yield* space.mint(w.notification, Right.Write, use.badge, what);
      yield* must(irqSetNotification(sys, handler, signal), what);
      yield* must(cnodeCopy(sys, at(slot), space.place(handler), ALL_RIGHTS), what);
      return;
    }
    case "iospace": {
      const ioSpace = w.boot.ioSpaces.get(use.device);
      if (ioSpace === undefined) throw new StartFailure(`the machine has no I/O space for ${use.device}, which component ${w.component.name} uses`);
      yield* must(cnodeCopy(sys, at(slot), space.place(ioSpace), Right.Read | Right.Write), what);
      // A device that a guest drives itself reaches the guest's RAM, at the addresses that the guest knows.
      for (const { frame, guestPhysical } of w.guestFrames) {
        const copy = yield* space.copy(frame, ALL_RIGHTS, "a frame of the guest's RAM");
        yield* must(ioSpaceMap(sys, ioSpace, copy, guestPhysical, MapRights.ReadWrite), what);
      }
      w.devices.push(yield* keepDevice(space, use.device, w.component.name, ioSpace, [...w.boot.ioSpaces.keys()].indexOf(use.device)));
      return;
    }
    case "guest": {
      const over = yield* space.mint(InitSlot.Service, Right.Write | Right.GrantReply, use.badge, what);
      yield* must(cnodeCopy(sys, at(slot), space.place(over), ALL_RIGHTS), what);
      w.lent.push(over);
      return;
    }
    case "schedcontrol":
      yield* must(cnodeCopy(sys, at(slot), space.place(InitSlot.SchedControl), ALL_RIGHTS), what);
      return;
    case "vcpu":
      yield* must(cnodeCopy(sys, at(slot), space.place(w.vcpus[w.component.uses.filter(({ kind }) => kind === "vcpu").indexOf(use)]!), ALL_RIGHTS), what);
      return;
    case "ram": {
      let offset = 0;
      for (const { untyped, bits } of w.ram) {
        const count = 2 ** bits / LARGE;
        const frames = yield* space.make(untyped, "Frame", 21, count, says("the guest's RAM"));
        for (let i = 0; i < count; i++, offset += LARGE) {
          yield* must(frameMap(sys, frames + i, use.address + offset, w.vspace, MapRights.ReadWrite), what);
          const guest = yield* space.copy(frames + i, ALL_RIGHTS, "a frame of the guest's RAM");
          yield* must(vcpuMapFrame(sys, w.vcpus[0]!, guest, use.guestPhysical + offset), what);
          w.guestFrames.push({ frame: frames + i, guestPhysical: use.guestPhysical + offset });
        }
      }
      return;
    }
    case "file":
      return; // mapped with the address space
  }
}

/** Its IRQ handlers, if the root server has them not yet. */
function* takeInterrupts({ space, handlers }: Builder, { name, uses }: ResolvedComponent): Op<void> {
  for (const use of uses) {
    if (use.kind !== "irq" || handlers.has(use.irq)) continue;
    const handler = space.take(1);
    yield* must(irqControlGet(space.sys, InitSlot.IRQControl, use.irq, space.place(handler)), `take interrupt ${use.irq} for component ${name}`);
    handlers.set(use.irq, handler);
  }
}

/** Frames of a device's registers, from the Untyped that stands for it. */
export function* deviceFrames({ space, boot }: Pick<Builder, "space" | "boot">, physical: number, pages: number, name: string): Op<number> {
  return yield* space.make(deviceUntyped(boot, physical, pages, name), "Frame", 12, pages, `the registers of ${name}`);
}

export function deviceUntyped(boot: Boot, physical: number, pages: number, name: string): number {
  const untyped = boot.untypeds.find((u) => u.device && u.physical === physical && 2 ** u.bits >= pages * PAGE);
  if (untyped === undefined) throw new StartFailure(`the machine has no device ${name} of ${pages * PAGE} bytes at 0x${physical.toString(16)}`);
  return untyped.slot;
}
