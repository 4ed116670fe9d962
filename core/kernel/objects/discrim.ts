// Discrim: says what a capability is, and nothing more; so it is harmless, and constructors decide by it what would leak.
// Source: EROS, "Discrim" (classify, verify, compare).
import { infoLength } from "../../../caps/abi/message.ts";
import { Invocation, Kind, Right } from "../../../caps/abi/numbers.ts";
import { lookup } from "../ipc.ts";
import { failedLookup, ILLEGAL, TRUNCATED, type Outcome, type Refusal } from "../outcome.ts";
import { setNumber, wordHi, wordLo } from "../registers.ts";
import type { Kernel, Tcb } from "../state.ts";

export function invokeDiscrim(k: Kernel, t: Tcb, label: number, info: number): Outcome {
  const words = infoLength(info);
  switch (label) {
    case Invocation.DiscrimClassify: {
      const slot = words < 1 ? TRUNCATED : anyCapability(k, t, 0);
      if (typeof slot !== "number") return slot;
      setNumber(k, t, 0, k.slots.kind[slot]!);
      setNumber(k, t, 1, k.slots.rights[slot]!);
      setNumber(k, t, 2, shapeOf(k, slot));
      return 3;
    }
    case Invocation.DiscrimIsDiscreet: {
      const slot = words < 1 ? TRUNCATED : anyCapability(k, t, 0);
      if (typeof slot !== "number") return slot;
      setNumber(k, t, 0, isDiscreet(k, slot) ? 1 : 0);
      return 1;
    }
    case Invocation.DiscrimSame: {
      const a = words < 2 ? TRUNCATED : anyCapability(k, t, 0);
      if (typeof a !== "number") return a;
      const b = anyCapability(k, t, 1);
      if (typeof b !== "number") return b;
      setNumber(k, t, 0, sameness(k, a, b));
      return 1;
    }
    default:
      return ILLEGAL;
  }
}

/** The slot that word `arg` names, empty or not. */
function anyCapability(k: Kernel, t: Tcb, arg: number): number | Refusal {
  const slot = lookup(k, t, wordLo(k, t, arg), wordHi(k, t, arg));
  return slot < 0 ? failedLookup(arg, -1 - slot) : slot;
}

/** How many bits a CNode capability resolves, by its slots and by its guard: what one must know to name a slot through it. 0 for all that is no CNode. */
function shapeOf(k: Kernel, slot: number): number {
  const s = k.slots;
  return s.kind[slot] === Kind.CNode ? k.cnodes[s.object[slot]!]!.radix + s.badgeHi[slot]! * 2 ** 8 : 0;
}

/** Nothing goes out through it: an empty slot, a Discrim, memory that can only be read, a CNode of which nothing else can be fetched. */
function isDiscreet(k: Kernel, slot: number): boolean {
  const s = k.slots, rights = s.rights[slot]!;
  switch (s.kind[slot]) {
    case Kind.Null:
    case Kind.Discrim:
      return true;
    case Kind.CNode:
      return (rights & Right.Weak) !== 0;
    case Kind.Frame:
      // What is read from a device may change the device.
      return (rights & Right.Write) === 0 && k.objects.device[s.object[slot]!] === 0;
    default:
      return false;
  }
}

/** 0 different objects, 1 the same object, 3 and the same badge. Two empty slots are the same. */
function sameness(k: Kernel, a: number, b: number): number {
  const s = k.slots;
  if (s.kind[a] !== s.kind[b] || s.object[a] !== s.object[b]) return 0;
  const badged = s.kind[a] === Kind.Endpoint || s.kind[a] === Kind.Notification;
  return badged && (s.badgeLo[a] !== s.badgeLo[b] || s.badgeHi[a] !== s.badgeHi[b]) ? 1 : 3;
}
