// All of a kernel's state as text, so that "a refusal changes nothing" can be asked by comparing two strings.
import { Frame, Reg } from "../../caps/abi/message.ts";
import { Kind } from "../../caps/abi/numbers.ts";
import { OBJECT_WORDS } from "../../caps/model/objects.ts";
import { Pte, pteTarget } from "../../core/kernel/objects/vspace.ts";
import type { Kernel, Tcb } from "../../core/kernel/state.ts";
import { FakeMachine } from "./fake-machine.ts";

/** `caller`'s result registers (a0..a5) and pc are left out: an error is told there. */
export function dump(k: Kernel, caller?: Tcb): string {
  const s = k.slots, o = k.objects;
  const slots = [], objects = [];
  for (let i = 1; i < s.end; i++)
    if (s.kind[i] !== Kind.Null)
      slots.push([i, s.kind[i], s.rights[i], s.original[i], s.object[i], s.badgeLo[i], s.badgeHi[i], s.mapSpace[i], s.mapPage[i], s.next[i], s.prev[i]]);
  for (let i = 1; i < o.count; i++)
    if (o.kind[i] !== Kind.Null) objects.push([i, o.kind[i], o.base[i], o.bits[i], o.refs[i], o.parent[i], o.watermark[i], o.clean[i], o.children[i], o.device[i], ...o.words.subarray(i * OBJECT_WORDS, (i + 1) * OBJECT_WORDS)]);
  return JSON.stringify({
    slots, objects,
    tcbs: k.tcbs.map((t) => t && { ...t, registers: registers(k, t, t === caller) }),
    tables: [k.cnodes, k.endpoints, k.notifications, k.replies, k.schedContexts, k.vspaces, k.vcpus, k.pages, k.ioSpaces, k.irqHandlers],
    pages: k.vspaces.flatMap((v) => (v === undefined ? [] : leaves(k, v.root, 2))),
    scheduler: [k.current, k.chosen, [...k.readyHead].flatMap((id, p) => (id === 0 ? [] : [[p, id]])), k.runningSc, k.releases, k.waitingVcpus, String(k.nextTimer)],
    rest: [[...k.dying], k.nextSerial, k.freeFrames, k.freeSpaces, k.framesUsed, k.spacesUsed, k.vcpusAlive, [...k.spacesBySerial]],
    machine: k.machine instanceof FakeMachine ? k.machine.log.length : 0,
  });
}

function registers(k: Kernel, t: Tcb, isCaller: boolean): number[] {
  const all = [...k.frames32.subarray(t.base, t.base + 2 * Frame.WORDS)];
  if (isCaller) all.fill(0, 0, 2).fill(0, 2 * Reg.a0, 2 * (Reg.a0 + 8));
  return all;
}

function leaves(k: Kernel, table: number, level: number): number[] {
  const at = (table - k.machine.ramBase) / 4, found: number[] = [];
  for (let i = 0; i < 512; i++) {
    const flags = k.ram32[at + 2 * i]!;
    if ((flags & Pte.V) === 0) continue;
    const target = pteTarget(k, at + 2 * i);
    found.push(i, flags & 0x3ff, target);
    if ((flags & Pte.LEAF) === 0 && level > 0) found.push(...leaves(k, target, level - 1));
  }
  return found;
}
