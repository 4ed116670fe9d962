// Reply: the right to answer one caller once. A receive fills it, an answer empties it. See ../ipc.ts.
import { dropCaller } from "../ipc.ts";
import type { Kernel } from "../state.ts";

export function createReply(k: Kernel, id: number): void {
  k.replies[id] = { id, caller: 0, donated: 0, below: 0, receiver: 0 };
}

export function destroyReply(k: Kernel, id: number): void {
  const r = k.replies[id]!;
  dropCaller(k, r);
  if (r.receiver !== 0) k.tcbs[r.receiver]!.reply = 0;
  k.replies[id] = undefined;
}
