// Untyped: memory that is nothing yet. Retype turns some of it into objects, from a watermark upwards; the kernel has no
// other memory, so it cannot run out. Source: seL4 manual, "Kernel Memory Allocation". Keeps UT-1, OBJ-2.
import { infoLength } from "../../../caps/abi/message.ts";
import { ALL_RIGHTS, ErrorCode, Invocation, Kind, RetypeSize, Right, type Kind as KindT, type RetypeName } from "../../../caps/abi/numbers.ts";
import { capArgument } from "../arguments.ts";
import { install } from "../capabilities.ts";
import { MOST_LABEL } from "../names.ts";
import { AGAIN, DELETE_FIRST, ILLEGAL, invalidArgument, missingRight, outOfRange, refuse, REVOKE_FIRST, TRUNCATED, type Outcome } from "../outcome.ts";
import { wordLo, wordNumber } from "../registers.ts";
import type { Kernel, Tcb } from "../state.ts";
import { note, TraceEvent } from "../trace.ts";
import { createObject, roomFor } from "./table.ts";

/** Most objects in one Retype, and most bytes cleared in one entry into the kernel. */
export const MAX_RETYPE = 256;
export const CLEAR_PIECE = 2 ** 18;

const SIZES = new Map<number, (typeof RetypeSize)[RetypeName]>(
  (Object.keys(RetypeSize) as RetypeName[]).map((name) => [Kind[name], RetypeSize[name]]),
);

/** The size in bits of an object, or undefined when there is no such object or size. */
export function objectBits(kind: number, sizeBits: number): number | undefined {
  const size = SIZES.get(kind);
  if (size === undefined) return undefined;
  if (!size.sized) return size.bits;
  if (sizeBits < size.min || sizeBits > size.max) return undefined;
  if (kind === Kind.Frame && sizeBits !== size.min && sizeBits !== size.max) return undefined;
  return size.bits + sizeBits;
}

export function invokeUntyped(k: Kernel, t: Tcb, slot: number, label: number, info: number): Outcome {
  if (label !== Invocation.UntypedRetype) return ILLEGAL;
  if (infoLength(info) < 3) return TRUNCATED;
  const o = k.objects, untyped = k.slots.object[slot]!;
  const what = wordLo(k, t, 0);
  const kind = what & 0xff;
  const bits = objectBits(kind, (what >>> 8) & 0xff);
  const count = what >>> 16;
  if (bits === undefined) return invalidArgument(0);
  // To open an engine is work enough for one call.
  const most = kind === Kind.VCPU ? 1 : MAX_RETYPE;
  if (count < 1 || count > most) return outOfRange(0, 1, most);
  if (o.device[untyped] === 1 && kind !== Kind.Frame && kind !== Kind.Untyped) return ILLEGAL;
  const root = capArgument(k, t, 1, Kind.CNode);
  if (typeof root !== "number") return root;
  if ((k.slots.rights[root]! & Right.Write) === 0) return missingRight(Right.Write);
  const cnode = k.cnodes[k.slots.object[root]!]!;
  const first = wordNumber(k, t, 2);
  if (first + count > 2 ** cnode.radix) return outOfRange(2, 0, 2 ** cnode.radix - count);
  for (let i = 0; i < count; i++) if (!k.slots.isEmpty(cnode.first + first + i)) return DELETE_FIRST;

  // A copy stands directly behind; what this one made would come between them, out of the reach of the copy's revocation (CDT-2).
  const next = k.slots.next[slot]!;
  if (next !== 0 && k.slots.object[next] === untyped) return REVOKE_FIRST;

  const size = 2 ** bits;
  const used = o.children[untyped] === 0 ? 0 : o.watermark[untyped]!;
  const start = Math.ceil(used / size) * size;
  const end = start + count * size;
  if (end > o.size(untyped)) return refuse(ErrorCode.NotEnoughMemory, o.size(untyped) - used);
  if (!roomFor(k, kind as KindT, count)) return refuse(ErrorCode.MachineLimit);

  const base = o.base[untyped]!;
  if (!clear(k, kind as KindT, untyped, start, end)) return AGAIN;
  for (let i = 0; i < count; i++) {
    const id = createObject(k, kind as KindT, base + start + i * size, bits, untyped);
    // What lies above the parent's clean mark has never been written, and neither has that part of the child.
    if (kind === Kind.Untyped) o.clean[id] = Math.min(size, Math.max(0, o.clean[untyped]! - (start + i * size)));
    install(k, cnode.first + first + i, kind as KindT, id, ALL_RIGHTS, slot);
    note(k, TraceEvent.Create, kind, id, bits);
    // Until somebody names it, a thread is called after who made it and where its capability was put.
    if (kind === Kind.TCB) k.tcbs[id]!.label = `${t.label}/${first + i}`.slice(-MOST_LABEL);
  }
  o.watermark[untyped] = end;
  o.clean[untyped] = Math.max(o.clean[untyped]!, end);
  return 0;
}

/** Frames and tables start as zeros; memory above the clean mark is zero already. False when there is more to clear than one entry into the kernel may. */
function clear(k: Kernel, kind: KindT, untyped: number, start: number, end: number): boolean {
  const o = k.objects;
  if (o.device[untyped] === 1 || (kind !== Kind.Frame && kind !== Kind.PageTable && kind !== Kind.VSpace)) return true;
  const dirty = Math.min(end, o.clean[untyped]!);
  if (dirty <= start) return true;
  if (dirty - start <= CLEAR_PIECE) {
    zero(k, untyped, start, dirty);
    return true;
  }
  // From the mark downwards, so that the mark always says what is true. Above `start` is nothing of anybody's.
  const mark = o.clean[untyped]! - CLEAR_PIECE;
  zero(k, untyped, mark, o.clean[untyped]!);
  o.clean[untyped] = mark;
  return false;
}

function zero(k: Kernel, untyped: number, start: number, end: number): void {
  const base = k.objects.base[untyped]!;
  k.ram8.fill(0, base - k.machine.ramBase + start, base - k.machine.ramBase + end);
  k.machine.invalidate(base + start, end - start);
}
