// A program's own slots as places, and messages as they are passed on: what the patterns have in common.
import { Info, IpcBuffer, MAX_CAPS } from "../../../../caps/abi/message.ts";
import { InitSlot } from "../../../../caps/abi/numbers.ts";
import { cnodeDelete, discrimSame, type Place } from "../objects.ts";
import { IPC_BUFFER, type Env, type Memory, type Message, type Op, type Sys } from "../sdk.ts";

/** What the patterns work with. */
export type Own = Pick<Env, "sys" | "mem">;

/** The slot that a CPtr of this program's names. */
export const own = (slot: number): Place => ({ cnode: InitSlot.CNode, index: slot, depth: 32 });

/** Received capabilities go to `count` slots from here on. */
export const receiveAt = (sys: Sys, first: number, count: number = MAX_CAPS): void => sys.receiveSlots(InitSlot.CNode, first, 32, count);

export function* empty(sys: Sys, first: number, count: number): Op<void> {
  for (let slot = first; slot < first + count; slot++) yield* cnodeDelete(sys, own(slot));
}

/** All words of a message, exactly. Before the next system call. */
export const wordsOf = (message: Message): bigint[] => Array.from({ length: message.length }, (_, i) => message.big(i));

/** A capability of a message: it stands in a slot, or came as its badge, since it is one of the receiver's own endpoint. */
export type Arrived = { readonly slot: number } | { readonly badge: number };

/** The capabilities of a message that was received with slots from `first` on. Before the next system call. */
export function arrivals(message: Message, mem: Memory, first: number): Arrived[] {
  const unwrapped = message.info >>> Info.UNWRAPPED_SHIFT;
  return Array.from({ length: message.caps }, (_, i): Arrived => (((unwrapped >>> i) & 1) === 1 ? { badge: Number(mem.load64(IPC_BUFFER + 8 * (IpcBuffer.CAPS + i))) } : { slot: first++ }));
}

/** Both name the same object, and if it has badges the same one. */
export function* isSame(sys: Sys, a: number, b: number): Op<boolean> {
  return (yield* sameness(sys, a, b)) === 3;
}

export function* isSameObject(sys: Sys, a: number, b: number): Op<boolean> {
  return (yield* sameness(sys, a, b)) >= 1;
}

function* sameness(sys: Sys, a: number, b: number): Op<number> {
  const answer = yield* discrimSame(sys, InitSlot.Discrim, a, b);
  return answer.error ? 0 : answer.word(0);
}
