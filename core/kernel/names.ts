// What people are told of threads: names and faults in words.
import { Fault } from "../../caps/abi/numbers.ts";
import type { Kernel, Tcb } from "./state.ts";

/** Longest name of a thread, characters. */
export const MOST_LABEL = 32;

/** For messages to people: the thread's label, or its number. */
export const threadName = (t: Tcb): string => (t.label === "" ? `thread ${t.id}` : t.label);

/** The fault a thread is stopped by, for messages to people; null when there is none. */
export function faultText(t: Tcb): string | null {
  if (t.faultLabel === 0) return null;
  const name = Object.entries(Fault).find(([, n]) => n === t.faultLabel)?.[0] ?? "fault";
  const words: string[] = [];
  for (let i = 0; i < t.faultLength; i++) {
    const n = (BigInt(t.faultWords[2 * i + 1]! >>> 0) << 32n) | BigInt(t.faultWords[2 * i]! >>> 0);
    words.push(`0x${n.toString(16)}`);
  }
  return `${name} (${words.join(", ")})`;
}

/** Tells the operator of a thread that stays stopped because nobody can be told of its fault. */
export function strand(k: Kernel, t: Tcb): void {
  k.machine.stranded(threadName(t), faultText(t) ?? "");
}
