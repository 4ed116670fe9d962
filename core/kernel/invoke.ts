// Invoking a kernel object: capability kind → the object's decoder, which checks everything and then acts.
import { Reg } from "../../caps/abi/message.ts";
import { Kind } from "../../caps/abi/numbers.ts";
import { infoLabel } from "../../caps/abi/message.ts";
import { invokeCNode } from "./objects/cnode.ts";
import { invokeDiscrim } from "./objects/discrim.ts";
import { invokeFrame } from "./objects/frame.ts";
import { invokeHostedControl } from "./objects/hosted.ts";
import { invokeIoSpace } from "./objects/iospace.ts";
import { invokeIrqControl, invokeIrqHandler } from "./objects/irq.ts";
import { invokeReply } from "./objects/reply.ts";
import { invokeSchedContext, invokeSchedControl } from "./objects/schedcontext.ts";
import { invokeTcb } from "./objects/tcb.ts";
import { invokeUntyped } from "./objects/untyped.ts";
import { invokeVcpu } from "./objects/vcpu.ts";
import { invokePageTable } from "./objects/vspace.ts";
import { ILLEGAL, type Outcome } from "./outcome.ts";
import type { Kernel, Tcb } from "./state.ts";

export function invoke(k: Kernel, t: Tcb, slot: number): Outcome {
  const info = k.frames32[t.base + 2 * Reg.a1]!;
  const label = infoLabel(info);
  switch (k.slots.kind[slot]) {
    case Kind.Untyped:
      return invokeUntyped(k, t, slot, label, info);
    case Kind.CNode:
      return invokeCNode(k, t, slot, label, info);
    case Kind.TCB:
      return invokeTcb(k, t, slot, label, info);
    case Kind.SchedContext:
      return invokeSchedContext(k, t, slot, label, info);
    case Kind.SchedControl:
      return invokeSchedControl(k, t, label, info);
    case Kind.PageTable:
      return invokePageTable(k, t, slot, label, info);
    case Kind.Frame:
      return invokeFrame(k, t, slot, label, info);
    case Kind.VCPU:
      return invokeVcpu(k, t, slot, label, info);
    case Kind.IRQControl:
      return invokeIrqControl(k, t, slot, label, info);
    case Kind.IRQHandler:
      return invokeIrqHandler(k, t, slot, label, info);
    case Kind.HostedControl:
      return invokeHostedControl(k, t, label, info);
    case Kind.IOSpace:
      return invokeIoSpace(k, t, slot, label, info);
    case Kind.Discrim:
      return invokeDiscrim(k, t, label, info);
    case Kind.Reply:
      return invokeReply(k, t, slot, label, info);
    default:
      // A notification has no methods; a VSpace is only named by others.
      return ILLEGAL;
  }
}
