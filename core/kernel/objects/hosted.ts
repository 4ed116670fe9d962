// HostedControl: the right to make a thread a hosted program. Such a program comes back only when it wants to, so this
// right stays with the root server.
import { infoLength } from "../../../caps/abi/message.ts";
import { ErrorCode, Invocation, Kind } from "../../../caps/abi/numbers.ts";
import { capArgument } from "../arguments.ts";
import { ILLEGAL, invalidArgument, outOfRange, refuse, TRUNCATED, type Outcome } from "../outcome.ts";
import { wordNumber } from "../registers.ts";
import { TcbSlot, ThreadState, type Kernel, type Tcb } from "../state.ts";
import { PAGE, translate } from "./vspace.ts";

/** Longest program text, bytes. */
export const MAX_TEXT = 16 * 2 ** 20;

export function invokeHostedControl(k: Kernel, caller: Tcb, label: number, info: number): Outcome {
  if (label !== Invocation.HostedControlBind) return ILLEGAL;
  if (infoLength(info) < 3) return TRUNCATED;
  const slot = capArgument(k, caller, 0, Kind.TCB);
  if (typeof slot !== "number") return slot;
  const t = k.tcbs[k.slots.object[slot]!]!;
  const address = wordNumber(k, caller, 1), bytes = wordNumber(k, caller, 2);
  if (bytes < 1 || bytes > MAX_TEXT) return outOfRange(2, 1, MAX_TEXT);
  if (t.state !== ThreadState.Inactive || t.hosted || k.slots.kind[t.slots + TcbSlot.VSpace] !== Kind.VSpace) return ILLEGAL;
  const v = k.vspaces[k.slots.object[t.slots + TcbSlot.VSpace]!]!;
  const text = new Uint8Array(bytes);
  for (let done = 0; done < bytes; ) {
    // Program text is what its VSpace lets it execute, as for machine programs.
    const physical = translate(k, v, address + done, 0);
    if (physical < 0) return refuse(ErrorCode.FailedLookup, 1, 12);
    const piece = Math.min(bytes - done, PAGE - ((address + done) % PAGE));
    const at = physical - k.machine.ramBase;
    text.set(k.ram8.subarray(at, at + piece), done);
    done += piece;
  }
  const problem = k.machine.hosted.load(t.frame, text);
  if (problem !== null) return invalidArgument(1);
  t.hosted = true;
  return 0;
}
