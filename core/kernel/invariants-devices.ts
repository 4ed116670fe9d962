// What must hold of what stands outside RAM and threads: VCPU-1 (vcpu.ts), IOMMU-1 (machine/iommu.ts), and
//
// VCPU-2  A VCPU's memory is the frames that capabilities say are mapped into it: no byte more or less, nothing twice, none of it a device's window.
//         One that was shattered has none. A VCPU and its engine's number are each other's alone.
// VCPU-3  (objects/hart.ts)
// IOMMU-2  What is signalled when a device is refused an access is a live notification or none; no driver has the IOMMU's own interrupt line.
// IRQ-1  A line and its handler name each other; a handler signals a live notification or none.
// SPACE-1  Address spaces: a VSpace has a number of its own and its object's memory for a root; numbers that were used and are nobody's are free, once.
// SPACE-2  The machine's address space of that number is bound to that root, and no other is bound.
import { Kind } from "../../caps/abi/numbers.ts";
import { kassert } from "../../caps/model/panic.ts";
import { MAX_HARTS } from "./objects/hart.ts";
import { MAX_DEVICES, MAX_REGIONS } from "./objects/vcpu.ts";
import { PAGE } from "./objects/vspace.ts";
import type { Kernel, Vcpu } from "./state.ts";

/** What a machine can be asked about what the kernel told it: not of the kernel's interface, for the kernel never asks. */
export interface Hardware {
  /** The physical address of the root by address space. */
  readonly roots: ReadonlyMap<number, number>;
  /** What a device may reach. */
  dma(device: number): Iterable<Dma>;
}
export interface Dma {
  readonly ioAddress: number;
  readonly physical: number;
  readonly bytes: number;
  readonly rights: number;
}

export function checkDevices(k: Kernel, hardware: Hardware | undefined): void {
  checkSpaces(k, hardware);
  checkIoSpaces(k, hardware);
  checkInterrupts(k);
  checkVcpus(k);
}

function checkSpaces(k: Kernel, hardware: Hardware | undefined): void {
  const taken = new Set<number>(), free = new Set(k.freeSpaces);
  kassert(free.size === k.freeSpaces.length, "SPACE-1", "an address space is free twice");
  for (const v of k.vspaces) {
    if (v === undefined) continue;
    kassert(!taken.has(v.space) && !free.has(v.space) && v.space < k.spacesUsed, "SPACE-1", `VSpace ${v.id} has number ${v.space}, which is free or another's`);
    kassert(v.root === k.objects.base[v.id], "SPACE-1", `VSpace ${v.id} has its root at 0x${v.root.toString(16)}, outside its memory`);
    taken.add(v.space);
    if (hardware === undefined) continue;
    const bound = hardware.roots.get(v.space);
    kassert(bound === v.root, "SPACE-2", `address space ${v.space} is bound to ${bound}, VSpace ${v.id} has its root at ${v.root}`);
  }
  kassert(taken.size + free.size === k.spacesUsed && k.spacesUsed <= k.machine.maxSpaces, "SPACE-1", `${taken.size} address spaces are taken, ${free.size} free, of ${k.spacesUsed}`);
  if (hardware !== undefined) kassert(hardware.roots.size === taken.size, "SPACE-2", `${hardware.roots.size} address spaces are bound, ${taken.size} are VSpaces'`);
}

/** Every mapping of a device is held by a capability that allows it, and the IOSpace has counted it; and the machine maps exactly those. */
function checkIoSpaces(k: Kernel, hardware: Hardware | undefined): void {
  const s = k.slots, o = k.objects, devices = new Set<number>();
  const held = new Map<number, Map<number, Dma>>();
  for (let slot = 1; slot < s.end; slot++) {
    const io = s.kind[slot] === Kind.Frame && s.mapSpace[slot]! > 0 ? k.ioSpaces[k.spacesBySerial.get(s.mapSpace[slot]!) ?? 0] : undefined;
    if (io === undefined) continue;
    const ioAddress = s.mapPage[slot]! * PAGE, object = s.object[slot]!;
    const mappings = held.get(io.id) ?? new Map<number, Dma>();
    kassert(!mappings.has(ioAddress) && o.device[object] === 0, "IOMMU-1", `row ${slot} maps what is mapped already, or a device, into IOSpace ${io.id}`);
    held.set(io.id, mappings.set(ioAddress, { ioAddress, physical: o.base[object]!, bytes: o.size(object), rights: s.badgeLo[slot]! }));
  }
  for (const io of k.ioSpaces) {
    if (io === undefined) continue;
    kassert(!devices.has(io.device) && io.device < k.machine.iommu.devices.length, "IOMMU-1", `IOSpace ${io.id} is of device ${io.device}, which has one or is none`);
    devices.add(io.device);
    kassert(io.notification === 0 || k.notifications[io.notification] !== undefined, "IOMMU-2", `IOSpace ${io.id} signals a notification that is gone`);
    const mappings = held.get(io.id) ?? new Map<number, Dma>();
    kassert(io.mappings === mappings.size, "IOMMU-1", `IOSpace ${io.id} counts ${io.mappings} mappings, capabilities hold ${mappings.size}`);
    if (hardware !== undefined) checkDma(io.device, hardware, mappings);
  }
  kassert((k.irqLines[k.machine.iommu.line] ?? 0) === 0, "IOMMU-2", "a driver has the IOMMU's interrupt line");
  if (hardware === undefined) return;
  for (const device of k.machine.iommu.devices.keys()) if (!devices.has(device)) checkDma(device, hardware, new Map());
}

function checkDma(device: number, hardware: Hardware, held: ReadonlyMap<number, Dma>): void {
  let found = 0;
  for (const real of hardware.dma(device)) {
    found++;
    const dma = held.get(real.ioAddress);
    const same = dma !== undefined && dma.physical === real.physical && dma.bytes === real.bytes && dma.rights === real.rights;
    kassert(same, "IOMMU-1", `device ${device} reaches 0x${real.physical.toString(16)} at 0x${real.ioAddress.toString(16)} with ${real.rights}, and no capability says so`);
  }
  kassert(found === held.size, "IOMMU-1", `device ${device} has ${found} mappings, capabilities hold ${held.size}`);
}

function checkInterrupts(k: Kernel): void {
  k.irqLines.forEach((id, line) => kassert(id === 0 || k.irqHandlers[id]?.line === line, "IRQ-1", `line ${line} has handler ${id}, which is not of it`));
  k.irqHandlers.forEach((h, id) => {
    if (h === undefined) return;
    kassert(k.irqLines[h.line] === id, "IRQ-1", `handler ${id} is of line ${h.line}, which has ${k.irqLines[h.line]}`);
    kassert(h.notification === 0 || k.notifications[h.notification] !== undefined, "IRQ-1", `line ${h.line} signals a notification that is gone`);
  });
}

function checkVcpus(k: Kernel): void {
  const engines = new Set<number>(), pages = guestPages(k);
  let alive = 0;
  for (const v of k.vcpus) {
    if (v === undefined) continue;
    alive++;
    kassert(!engines.has(v.index) && v.index < k.machine.maxVcpus, "VCPU-2", `VCPU ${v.id} has engine ${v.index}, which is another's or none`);
    engines.add(v.index);
    if (v.tcb !== 0) kassert(k.tcbs[v.tcb]?.vcpu === v.id, "VCPU-1", `VCPU ${v.id} names thread ${v.tcb}, which is not inside`);
    checkHarts(k, v);
    checkGuestMemory(v, pages.get(v.serial) ?? new Map());
  }
  kassert(alive === k.vcpusAlive, "VCPU-2", `${k.vcpusAlive} VCPUs are counted, ${alive} alive`);
}

function checkHarts(k: Kernel, v: Vcpu): void {
  if (v.leader === v.id) {
    kassert(v.harts[0] === v.id && v.harts.length <= MAX_HARTS && new Set(v.harts.filter((id) => id !== 0)).size === v.harts.filter((id) => id !== 0).length, "VCPU-3", `VCPU ${v.id} leads ${v.harts.join(", ")}`);
    for (const id of v.harts) kassert(id === 0 || k.vcpus[id]?.leader === v.id, "VCPU-3", `VCPU ${v.id} leads VCPU ${id}, which does not say so`);
    return;
  }
  kassert(v.leader === 0 || k.vcpus[v.leader]?.harts.includes(v.id) === true, "VCPU-3", `VCPU ${v.id} is a hart of VCPU ${v.leader}, which does not say so`);
  kassert(v.harts.length === 0 && v.tcb === 0 && !v.started && v.regions.length === 0 && v.devices.length === 0, "VCPU-3", `VCPU ${v.id} is a hart of VCPU ${v.leader}, and has harts, memory, windows or a thread`);
}

/** By serial: physical address by guest-physical page, as capabilities say. */
function guestPages(k: Kernel): Map<number, Map<number, number>> {
  const s = k.slots, all = new Map<number, Map<number, number>>();
  for (let slot = 1; slot < s.end; slot++) {
    const serial = s.mapSpace[slot]!;
    if (serial <= 0 || s.kind[slot] !== Kind.Frame || k.vcpus[k.spacesBySerial.get(serial) ?? 0] === undefined) continue;
    const pages = all.get(serial) ?? new Map<number, number>(), object = s.object[slot]!;
    kassert(k.objects.device[object] === 0, "VCPU-2", `row ${slot} maps a device's memory for a guest`);
    for (let i = 0; i < k.objects.size(object) / PAGE; i++) {
      kassert(!pages.has(s.mapPage[slot]! + i), "VCPU-2", `row ${slot} maps what is mapped already for a guest`);
      pages.set(s.mapPage[slot]! + i, k.objects.base[object]! + i * PAGE);
    }
    all.set(serial, pages);
  }
  return all;
}

function checkGuestMemory(v: Vcpu, held: ReadonlyMap<number, number>): void {
  kassert(v.regions.length <= MAX_REGIONS && v.devices.length <= MAX_DEVICES, "VCPU-2", `VCPU ${v.id} has ${v.regions.length} regions and ${v.devices.length} windows`);
  kassert(!v.shattered || v.regions.length === 0, "VCPU-2", `VCPU ${v.id} was shattered, and has memory`);
  let pages = 0;
  for (const r of v.regions) {
    for (let done = 0; done < r.bytes; done += PAGE, pages++) {
      if (held.get((r.guestPhysical + done) / PAGE) !== r.physical + done) kassert(false, "VCPU-2", `VCPU ${v.id} has memory at 0x${(r.guestPhysical + done).toString(16)} that no capability says`);
    }
  }
  kassert(v.shattered || pages === held.size, "VCPU-2", `VCPU ${v.id} has ${pages} pages, capabilities hold ${held.size}`);
  const ranges = [...v.regions, ...v.devices].sort((a, b) => a.guestPhysical - b.guestPhysical);
  ranges.forEach((r, i) => {
    const next = ranges[i + 1];
    kassert(next === undefined || r.guestPhysical + r.bytes <= next.guestPhysical, "VCPU-2", `VCPU ${v.id} has two things at 0x${next?.guestPhysical.toString(16)}`);
  });
}
