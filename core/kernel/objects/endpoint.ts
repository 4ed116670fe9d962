// Endpoint: where senders and receivers meet. It holds no messages, only the line of those who wait. See ../ipc.ts.
import { ErrorCode } from "../../../caps/abi/numbers.ts";
import { cancelWait } from "../cancel.ts";
import { setError } from "../registers.ts";
import { wake } from "../scheduler.ts";
import { ThreadState, type Kernel } from "../state.ts";

export function createEndpoint(k: Kernel, id: number): void {
  k.endpoints[id] = { id, head: 0, tail: 0, waiting: 0 };
}

/** All who wait get Broken; a faulting thread stays stopped. */
export function destroyEndpoint(k: Kernel, id: number): void {
  const ep = k.endpoints[id]!;
  while (ep.head !== 0) {
    const t = k.tcbs[ep.head]!;
    cancelWait(k, t);
    if (t.faultLabel !== 0) {
      t.state = ThreadState.Faulted;
      continue;
    }
    setError(k, t, ErrorCode.Broken);
    t.state = ThreadState.Ready;
    wake(k, t);
  }
  k.endpoints[id] = undefined;
}
