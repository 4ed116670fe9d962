// Making and unmaking capabilities: every slot is filled by `install` or `derive` and emptied by `deleteSlot`.
// Revocation and the emptying of dead CNodes go in pieces of PIECE slots; between pieces others run.
//
// CAP-1  objects.refs counts the slots that name the object; at 0 the object is destroyed.
import { Kind, type Kind as KindT } from "../../caps/abi/numbers.ts";
import { derivesOriginal, hasDescendants, insertAfter, insertRoot, unlink } from "../../caps/model/derivation.ts";
import { destroyObject } from "./objects/table.ts";
import { unmapSlot } from "./objects/mapping.ts";
import type { Kernel } from "./state.ts";

/** Most slots emptied in one entry into the kernel. */
export const PIECE = 64;

/** Fills an empty slot with the first capability to an object, below `parent` in the derivation order (0: of the boot). */
export function install(k: Kernel, slot: number, kind: KindT, object: number, rights: number, parent: number): void {
  const s = k.slots;
  s.kind[slot] = kind;
  s.rights[slot] = rights;
  s.object[slot] = object;
  k.objects.refs[object]!++;
  if (parent === 0) insertRoot(s, slot);
  else insertAfter(s, parent, slot, true);
}

/** Fills the empty slot `to` with a capability derived from the one in `from`. The caller has checked that it may be. */
export function derive(k: Kernel, from: number, to: number, rights: number, badgeLo: number, badgeHi: number): void {
  const s = k.slots;
  const original = derivesOriginal(s, from, badgeLo, badgeHi);
  s.copyFields(from, to);
  s.rights[to] = s.rights[from]! & rights;
  s.badgeLo[to] = badgeLo;
  s.badgeHi[to] = badgeHi;
  insertAfter(s, from, to, original);
  k.objects.refs[s.object[to]!]!++;
}

/**
 * Whether a capability may be copied at all: Untypeds only while nothing has come of them (else two would hand out the
 * same memory), reply objects and IRQControl never, and a page table not either, for it has one place in one space.
 */
export function mayDerive(k: Kernel, slot: number): boolean {
  switch (k.slots.kind[slot]) {
    case Kind.Untyped:
      return k.objects.children[k.slots.object[slot]!] === 0 && !hasDescendants(k.slots, k.objects, slot);
    case Kind.Reply:
    case Kind.IRQControl:
    case Kind.PageTable:
      return false;
    default:
      return true;
  }
}

/** The badge a plain copy has: its own, but a copied Frame is not mapped anywhere. */
export function copiedBadge(k: Kernel, slot: number): { lo: number; hi: number } {
  if (k.slots.kind[slot] === Kind.Frame) return { lo: 0, hi: 0 };
  return { lo: k.slots.badgeLo[slot]!, hi: k.slots.badgeHi[slot]! };
}

/** Empties a slot. The last capability to an object destroys it. */
export function deleteSlot(k: Kernel, slot: number): void {
  const s = k.slots;
  const kind = s.kind[slot]!;
  if (kind === Kind.Null) return;
  const object = s.object[slot]!;
  if (s.mapSpace[slot] !== 0) unmapSlot(k, slot);
  unlink(s, slot);
  s.clear(slot);
  if (--k.objects.refs[object]! === 0) destroyObject(k, kind as KindT, object);
}

/** Deletes up to PIECE descendants; true when none are left. */
export function revokePiece(k: Kernel, slot: number): boolean {
  for (let n = 0; n < PIECE; n++) {
    if (!hasDescendants(k.slots, k.objects, slot)) return reap(k);
    deleteSlot(k, k.slots.next[slot]!);
  }
  return false;
}

/** Empties up to PIECE slots of CNodes that nobody can reach any more; true when there are none. */
export function reap(k: Kernel): boolean {
  for (let n = 0; n < PIECE; n++) {
    const cnode = k.dying[k.dying.length - 1];
    if (cnode === undefined) return true;
    if (cnode.at === 2 ** cnode.radix) {
      k.dying.pop();
      k.slots.release(cnode.first, cnode.radix);
      k.objects.destroy(cnode.object);
      continue;
    }
    deleteSlot(k, cnode.first + cnode.at++);
  }
  return k.dying.length === 0;
}
