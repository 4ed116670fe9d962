// Looking at the arguments of an invocation: CPtr words become slots, slot words become places in a CNode.
import { Kind, type Kind as KindT } from "../../caps/abi/numbers.ts";
import { accessTo, resolve } from "../../caps/model/cspace.ts";
import { lookup } from "./ipc.ts";
import { failedLookup, invalidCapability, missingRight, outOfRange, type Refusal } from "./outcome.ts";
import { wordHi, wordLo } from "./registers.ts";
import type { Kernel, Tcb } from "./state.ts";

/** The slot of the capability that word `arg` names, which must be of this kind. */
export function capArgument(k: Kernel, t: Tcb, arg: number, kind: KindT): number | Refusal {
  const slot = lookup(k, t, wordLo(k, t, arg), wordHi(k, t, arg));
  if (slot < 0) return failedLookup(arg, -1 - slot);
  return k.slots.kind[slot] === kind ? slot : invalidCapability(arg);
}

/** The slot that (index, depth) names from the CNode capability in `root`, when that CNode allows what is `needed`: Read to copy from it, Write to change it. */
export function slotArgument(k: Kernel, arg: number, root: number, index: number, depth: number, needed: number): number | Refusal {
  if (k.slots.kind[root] !== Kind.CNode) return invalidCapability(arg);
  if (depth < 1 || depth > 32) return outOfRange(arg, 1, 32);
  const slot = resolve(k.slots, k.cnodes, root, index, depth);
  if (slot < 0) return failedLookup(arg, -1 - slot);
  const missing = needed & ~accessTo(k.slots, k.cnodes, root, index, depth);
  return missing === 0 ? slot : missingRight(missing);
}
