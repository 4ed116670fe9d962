// A thread's mistake becomes a message to its keeper, as if the thread had called it. Layouts: caps/abi/numbers.ts, Fault.
import { Fault, Kind, Right } from "../../caps/abi/numbers.ts";
import { CAN_REPLY, send } from "./ipc.ts";
import { Cause } from "./machine.ts";
import { strand } from "./names.ts";
import { unready } from "./scheduler.ts";
import { TcbSlot, ThreadState, type Kernel, type Tcb } from "./state.ts";
import { noteFault } from "./trace.ts";

/** Whether the capability in a TCB's own slot is to an endpoint that a fault can be told through. */
export function canTell(k: Kernel, slot: number): boolean {
  const rights = k.slots.rights[slot]!;
  return k.slots.kind[slot] === Kind.Endpoint && (rights & Right.Write) !== 0 && (rights & CAN_REPLY) !== 0;
}

/** Stops the thread with a fault. `words` after the pc are pairs of halves. */
export function fault(k: Kernel, t: Tcb, label: Fault, ...words: number[]): void {
  t.faultLabel = label;
  const told = t.faultWords;
  told[0] = k.frames32[t.base]!;
  told[1] = k.frames32[t.base + 1]!;
  told.set(words, 2);
  t.faultLength = 1 + (words.length >> 1);
  noteFault(k, t, label, words[0] ?? 0, words[1] ?? 0);
  const slot = t.slots + (label === Fault.Timeout ? TcbSlot.TimeoutKeeper : TcbSlot.Keeper);
  const s = k.slots;
  unready(k, t);
  t.state = ThreadState.Faulted;
  if (!canTell(k, slot)) return strand(k, t);
  send(k, t, k.endpoints[s.object[slot]!]!, s.badgeLo[slot]!, s.badgeHi[slot]!, s.rights[slot]!, true, true);
}

/** Turns a RISC-V exception of a thread into its fault. `tval` stands in the trap frame. */
export function exception(k: Kernel, t: Tcb, cause: number, tvalLo: number, tvalHi: number): void {
  switch (cause) {
    case Cause.FetchPage:
    case Cause.FetchAccess:
      return fault(k, t, Fault.VMFault, tvalLo, tvalHi, 0, 0);
    case Cause.LoadPage:
    case Cause.LoadAccess:
      return fault(k, t, Fault.VMFault, tvalLo, tvalHi, 1, 0);
    case Cause.StorePage:
    case Cause.StoreAccess:
      return fault(k, t, Fault.VMFault, tvalLo, tvalHi, 2, 0);
    case Cause.Breakpoint:
      return fault(k, t, Fault.Breakpoint, 0, 0);
    default:
      return fault(k, t, Fault.UserException, cause, 0, tvalLo, tvalHi);
  }
}
