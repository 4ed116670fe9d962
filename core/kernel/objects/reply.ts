// Reply: the right to answer one caller once. A receive fills it, an answer empties it. See ../ipc.ts.
import { infoLength } from "../../../caps/abi/message.ts";
import { Invocation, Kind } from "../../../caps/abi/numbers.ts";
import { capArgument } from "../arguments.ts";
import { dropCaller } from "../ipc.ts";
import { moveLoan } from "../loans.ts";
import { ILLEGAL, TRUNCATED, type Outcome } from "../outcome.ts";
import { Reply, type Kernel, type Tcb } from "../state.ts";

export function createReply(k: Kernel, id: number): void {
  k.replies[id] = new Reply(k.objects, id);
}

export function destroyReply(k: Kernel, id: number): void {
  const r = k.replies[id]!;
  dropCaller(k, r);
  if (r.receiver !== 0) k.tcbs[r.receiver]!.reply = 0;
  k.replies[id] = undefined;
}

export function invokeReply(k: Kernel, t: Tcb, slot: number, label: number, info: number): Outcome {
  if (label !== Invocation.ReplySave) return ILLEGAL;
  if (infoLength(info) < 1) return TRUNCATED;
  const arg = capArgument(k, t, 0, Kind.Reply);
  if (typeof arg !== "number") return arg;
  const from = k.replies[k.slots.object[slot]!]!, to = k.replies[k.slots.object[arg]!]!;
  if (from.caller === 0 || to.caller !== 0 || to.receiver !== 0) return ILLEGAL;
  moveLoan(k, from, to);
  to.gives = from.gives;
  to.caller = from.caller;
  from.caller = 0;
  k.tcbs[to.caller]!.reply = to.id;
  return 0;
}
