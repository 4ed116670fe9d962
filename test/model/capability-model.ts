// Capabilities as a child would draw them: objects, and capabilities that know their parent and children. No lists, no ranges, no flags in
// bits. Who descends from whom is written down when a capability is made, where the kernel works it out from what stands where.

export interface Thing {
  readonly kind: ThingKind;
  readonly bits: number;
  readonly from: Thing | null;
  readonly caps: Set<Cap>;
  /** An Untyped: what is alive of what was made from it, and how far it has handed out. */
  readonly made: Set<Thing>;
  used: number;
  /** A CNode's slots. */
  readonly slots: (Cap | null)[];
}
export type ThingKind = "Untyped" | "CNode" | "TCB" | "Endpoint" | "Notification" | "Reply" | "SchedContext" | "PageTable" | "Frame";

export interface Cap {
  readonly thing: Thing;
  readonly rights: number;
  /** 64 bits. Of a CNode: its guard's bits, and 2^32 times how many they are. */
  badge: bigint;
  /** Whether what is derived from it is its own, or its parent's. */
  original: boolean;
  parent: Cap | null;
  readonly children: Set<Cap>;
  place: Place;
}
/** `access`: the rights of the capability by which the CNode was named. */
export interface Place {
  readonly cnode: Thing;
  readonly index: number;
  readonly access: number;
}

const READ = 2, WRITE = 1, WEAK = 16;
const mayRead = (place: Place): boolean => (place.access & READ) !== 0;
const mayWrite = (place: Place): boolean => (place.access & WRITE) !== 0;
/** May be weak. */
const TABLES_AND_MEMORY: ReadonlySet<ThingKind> = new Set<ThingKind>(["CNode", "Frame"]);

const BADGED: ReadonlySet<ThingKind> = new Set<ThingKind>(["Endpoint", "Notification"]);
const NEVER_COPIED: ReadonlySet<ThingKind> = new Set<ThingKind>(["Reply", "PageTable"]);

export const newThing = (kind: ThingKind, bits: number, from: Thing | null, slots = 0): Thing =>
  ({ kind, bits, from, caps: new Set(), made: new Set(), used: 0, slots: Array.from({ length: slots }, () => null) });

export const at = (place: Place): Cap | null => place.cnode.slots[place.index]!;

export function put(thing: Thing, place: Place, parent: Cap | null, rights: number, badge: bigint, original: boolean): Cap {
  const cap: Cap = { thing, rights, badge, original, parent, children: new Set(), place };
  thing.caps.add(cap);
  parent?.children.add(cap);
  place.cnode.slots[place.index] = cap;
  return cap;
}

/** Objects from an Untyped, all or none. `size` in bytes. */
export function retype(source: Cap, kind: ThingKind, bits: number, slots: number, places: readonly Place[]): boolean {
  const untyped = source.thing;
  if ([...source.children].some((c) => c.thing === untyped)) return false;
  if (places.some((p) => !mayWrite(p) || p.index >= p.cnode.slots.length || at(p) !== null)) return false;
  const used = untyped.made.size === 0 ? 0 : untyped.used;
  const start = Math.ceil(used / 2 ** bits) * 2 ** bits, end = start + places.length * 2 ** bits;
  if (end > 2 ** untyped.bits) return false;
  untyped.used = end;
  for (const place of places) {
    const thing = newThing(kind, bits, untyped, slots);
    untyped.made.add(thing);
    put(thing, place, source, 15, 0n, true);
  }
  return true;
}

const parentOfCopy = (source: Cap): Cap | null => (source.original ? source : source.parent);

export function copy(from: Place, to: Place, asked: number, badge: bigint | null): boolean {
  const source = at(from);
  if (source === null || at(to) !== null || !mayRead(from) || !mayWrite(to)) return false;
  const { kind } = source.thing;
  const weak = ((asked | from.access) & WEAK) !== 0;
  if (weak && !TABLES_AND_MEMORY.has(kind)) return false;
  const full = source.rights & asked & 15;
  const rights = weak || (source.rights & WEAK) !== 0 ? (full & ~WRITE) | WEAK : full;
  if (badge !== null && !mayBadge(source, badge)) return false;
  if (NEVER_COPIED.has(kind) || (kind === "Untyped" && (source.thing.made.size > 0 || source.children.size > 0))) return false;
  const changed = BADGED.has(kind) && badge !== null && badge !== source.badge;
  put(source.thing, to, parentOfCopy(source), rights, badge ?? source.badge, kind === "Untyped" || changed);
  return true;
}

function mayBadge(source: Cap, badge: bigint): boolean {
  if (BADGED.has(source.thing.kind)) return source.badge === 0n;
  const { size, bits } = guardOf(badge);
  return source.thing.kind === "CNode" && size + Math.log2(source.thing.slots.length) <= 32 && bits < 2 ** size;
}

export const guardOf = (badge: bigint): { size: number; bits: number } => ({ size: Number(badge >> 32n), bits: Number(badge & 0xffff_ffffn) });

export function move(from: Place, to: Place, badge: bigint | null): boolean {
  const cap = at(from);
  if (cap === null || at(to) !== null || !mayRead(from) || !mayWrite(from) || !mayWrite(to)) return false;
  if (badge !== null) {
    if (!mayBadge(cap, badge) || (cap.original && cap.children.size > 0)) return false;
    if (BADGED.has(cap.thing.kind) && badge !== cap.badge) cap.original = true;
    cap.badge = badge;
  }
  from.cnode.slots[from.index] = null;
  to.cnode.slots[to.index] = cap;
  cap.place = to;
  return true;
}

const same = (a: Place, b: Place): boolean => a.cnode === b.cnode && a.index === b.index;

/** pivot to `to`, from to pivot. */
export function rotate(to: Place, pivot: Place, from: Place): boolean {
  const p = at(pivot), f = at(from);
  if (!mayWrite(to) || [pivot, from].some((place) => !mayRead(place) || !mayWrite(place))) return false;
  if (same(pivot, to) || same(pivot, from) || p === null || f === null) return false;
  if (!same(to, from) && at(to) !== null) return false;
  from.cnode.slots[from.index] = null;
  to.cnode.slots[to.index] = p;
  p.place = to;
  pivot.cnode.slots[pivot.index] = f;
  f.place = pivot;
  return true;
}

export function remove(cap: Cap): void {
  cap.place.cnode.slots[cap.place.index] = null;
  cap.parent?.children.delete(cap);
  for (const child of cap.children) {
    child.parent = cap.parent;
    cap.parent?.children.add(child);
  }
  cap.children.clear();
  cap.thing.caps.delete(cap);
  if (cap.thing.caps.size > 0) return;
  for (const inside of cap.thing.slots) if (inside !== null && at(inside.place) === inside) remove(inside);
  bury(cap.thing);
}

/** Its memory is free when nothing made from it is alive either. */
function bury(thing: Thing): void {
  if (thing.caps.size > 0 || thing.made.size > 0) return;
  const { from } = thing;
  if (from === null) return;
  from.made.delete(thing);
  if (from.caps.size === 0) bury(from);
}

export function descendants(cap: Cap): Set<Cap> {
  const all = new Set<Cap>();
  const add = (c: Cap): void => {
    for (const child of c.children) {
      all.add(child);
      add(child);
    }
  };
  if (cap.original) add(cap);
  return all;
}

/** All of them, even when the capability itself goes on the way, because the CNode that it is in is one of them. */
export function revoke(cap: Cap): void {
  for (const next of descendants(cap)) if (next.thing.caps.has(next)) remove(next);
}
