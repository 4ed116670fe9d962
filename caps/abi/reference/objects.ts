// All objects. A kind left out is a compile error.
import { CNODE } from "./cnode.ts";
import { DISCRIM } from "./discrim.ts";
import { ENDPOINT } from "./endpoint.ts";
import { FRAME } from "./frame.ts";
import { HOSTED_CONTROL } from "./hosted-control.ts";
import { IO_SPACE } from "./iospace.ts";
import { IRQ_CONTROL } from "./irq-control.ts";
import { IRQ_HANDLER } from "./irq-handler.ts";
import { NOTIFICATION } from "./notification.ts";
import { PAGE_TABLE } from "./page-table.ts";
import type { FaultName } from "../numbers.ts";
import type { InvocationName, ObjectName, ObjectPage } from "./page.ts";
import { REPLY } from "./reply.ts";
import { SCHED_CONTEXT } from "./sched-context.ts";
import { SCHED_CONTROL } from "./sched-control.ts";
import { TCB } from "./tcb.ts";
import { UNTYPED } from "./untyped.ts";
import { VCPU } from "./vcpu.ts";
import { VSPACE } from "./vspace.ts";

export const OBJECTS: { readonly [K in ObjectName]: ObjectPage<K> } = {
  Untyped: UNTYPED,
  CNode: CNODE,
  TCB,
  Endpoint: ENDPOINT,
  Notification: NOTIFICATION,
  Reply: REPLY,
  SchedContext: SCHED_CONTEXT,
  VSpace: VSPACE,
  PageTable: PAGE_TABLE,
  Frame: FRAME,
  VCPU,
  IRQControl: IRQ_CONTROL,
  IRQHandler: IRQ_HANDLER,
  SchedControl: SCHED_CONTROL,
  HostedControl: HOSTED_CONTROL,
  IOSpace: IO_SPACE,
  Discrim: DISCRIM,
};

/** Operations and faults whose tests are still to come: their pages name none. It is empty when the kernel is tested whole. */
export const PENDING: readonly (InvocationName | FaultName)[] = [];
