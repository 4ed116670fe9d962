// What a group of programs could see of itself: its threads, tables, objects and memory. Objects go by where they lie, which depends on nobody else; time and
// what waits for the CPU are left out.
import { Frame } from "../../caps/abi/message.ts";
import { Kind } from "../../caps/abi/numbers.ts";
import { TcbSlot } from "../../core/kernel/state.ts";
import type { ConfinedWorld } from "./confinement-world.ts";

const GROUP = 2;

export function viewOf(world: ConfinedWorld, group: number): string {
  const { k } = world, o = k.objects, s = k.slots;
  const at = (id: number): string => (id === 0 ? "-" : o.base[id] !== 0 ? o.base[id]!.toString(16) : (world.nameOf(id) ?? "?"));
  const ours = (id: number): boolean => Math.floor(world.ownerOf(id) / GROUP) === group;
  const rows = (first: number, bits: number): string[] =>
    Array.from({ length: 2 ** bits }, (_, i) => first + i).flatMap((row, i) => {
      if (s.isEmpty(row)) return [];
      const space = s.mapSpace[row]! > 0 ? at(k.spacesBySerial.get(s.mapSpace[row]!) ?? 0) : s.mapSpace[row] === 0 ? "" : "thread";
      return [`${i}:${s.kind[row]} ${at(s.object[row]!)} ${s.rights[row]} ${s.badgeLo[row]},${s.badgeHi[row]} ${space} ${space === "thread" ? "" : s.mapPage[row]}`];
    });
  const seen: string[] = [];
  for (let id = 1; id < o.count; id++) {
    if (o.kind[id] === Kind.Null || !ours(id)) continue;
    const t = k.tcbs[id], c = k.cnodes[id], ep = k.endpoints[id], n = k.notifications[id], r = k.replies[id];
    const what: unknown[] = [o.kind[id], o.bits[id], o.kind[id] === Kind.Untyped ? [o.watermark[id], o.children[id]] : ""];
    if (c !== undefined) what.push(rows(c.first, c.radix));
    if (ep !== undefined) what.push(ep.waiting, at(ep.head), at(ep.tail));
    if (n !== undefined) what.push(n.wordLo, n.wordHi, at(n.head), at(n.boundTcb));
    if (r !== undefined) what.push(at(r.caller), at(r.receiver));
    if (t !== undefined) {
      what.push(t.state, at(t.blockedOn), at(t.reply), at(t.boundNotification), t.buffer, t.bufferAddress, t.faultLabel, t.faultLength, [...t.faultWords], t.interrupted);
      // The words behind the registers are between kernel and engine.
      what.push([...k.frames32.subarray(t.base, t.base + 2 * Frame.SPACE)], rows(t.slots, TcbSlot.COUNT_BITS));
    }
    seen.push(`${at(id)} ${JSON.stringify(what)}`);
  }
  return seen.sort().join("\n");
}

/** The bytes of a group's objects that the boot made, one after the other in the order of their addresses. */
export function memoryOfGroup(world: ConfinedWorld, group: number): Buffer {
  const { k } = world, o = k.objects;
  const ids = [...world.names.keys()].filter((id) => o.base[id] !== 0 && Math.floor(world.ownerOf(id) / GROUP) === group).sort((a, b) => o.base[a]! - o.base[b]!);
  return Buffer.concat(ids.map((id) => k.ram8.subarray(o.base[id]! - k.machine.ramBase, o.base[id]! - k.machine.ramBase + o.size(id))));
}
