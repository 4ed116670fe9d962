// The table over the kinds of object: how each is made and unmade. A kind left out is a compile error.
import { Kind, type Kind as KindT, type KindName } from "../../../caps/abi/numbers.ts";
import { kassert } from "../../../caps/model/panic.ts";
import type { Kernel } from "../state.ts";
import { note, TraceEvent } from "../trace.ts";
import { createCNode, destroyCNode, emptyCNode } from "./cnode.ts";
import { breakEndpoint, createEndpoint, destroyEndpoint } from "./endpoint.ts";
import { createFrame, destroyFrame } from "./frame.ts";
import { destroyIoSpace } from "./iospace.ts";
import { destroyIrqHandler } from "./irq.ts";
import { breakNotification, createNotification, destroyNotification } from "./notification.ts";
import { createReply, destroyReply } from "./reply.ts";
import { createSchedContext, destroySchedContext } from "./schedcontext.ts";
import { createTcb, destroyTcb } from "./tcb.ts";
import { createVcpu, destroyVcpu } from "./vcpu.ts";
import { createVSpace, destroyVSpace } from "./vspace.ts";

interface ObjectOps {
  /** Makes the object's state; null for kinds that only the boot makes. The object table knows the id already. */
  readonly create: ((k: Kernel, id: number) => void) | null;
  /** Unmakes it, a bounded amount of work: nothing may name the id afterwards. */
  readonly destroy: (k: Kernel, id: number) => void;
  /** Work that grows with something comes before that: does a little of it, and answers how many steps of a piece that was; 0 when there is none left. */
  readonly dismantle?: (k: Kernel, id: number) => number;
}

const nothing = (): void => {};

const OBJECTS: { readonly [K in KindName]: ObjectOps } = {
  Null: { create: null, destroy: nothing },
  Untyped: { create: nothing, destroy: nothing },
  CNode: { create: createCNode, destroy: destroyCNode, dismantle: emptyCNode },
  TCB: { create: createTcb, destroy: destroyTcb },
  Endpoint: { create: createEndpoint, destroy: destroyEndpoint, dismantle: breakEndpoint },
  Notification: { create: createNotification, destroy: destroyNotification, dismantle: breakNotification },
  Reply: { create: createReply, destroy: destroyReply },
  SchedContext: { create: createSchedContext, destroy: destroySchedContext },
  VSpace: { create: createVSpace, destroy: destroyVSpace },
  PageTable: { create: nothing, destroy: nothing },
  Frame: { create: createFrame, destroy: destroyFrame },
  VCPU: { create: createVcpu, destroy: destroyVcpu },
  IRQControl: { create: null, destroy: nothing },
  IRQHandler: { create: null, destroy: destroyIrqHandler },
  SchedControl: { create: null, destroy: nothing },
  HostedControl: { create: null, destroy: nothing },
  IOSpace: { create: null, destroy: destroyIoSpace },
  Discrim: { create: null, destroy: nothing },
};

const BY_KIND: readonly ObjectOps[] = Object.entries(Kind)
  .sort(([, a], [, b]) => a - b)
  .map(([name]) => OBJECTS[name as KindName]);

/** Makes an object in memory that the caller has found free; its id. */
export function createObject(k: Kernel, kind: KindT, base: number, bits: number, parent: number): number {
  const id = k.objects.create(kind, base, bits, parent);
  const create = BY_KIND[kind]!.create;
  kassert(create !== null, "OBJ-1", `kind ${kind} is made by the boot only`);
  create(k, id);
  return id;
}

/** Unmakes an object that no capability names: 0 when that is done, else how many steps were. `begun`: it is known to be more than one. */
export function unmake(k: Kernel, id: number, begun: boolean): number {
  const { dismantle, destroy } = BY_KIND[k.objects.kind[id]!]!;
  if (dismantle !== undefined && !begun && !isBare(k, id)) return 1;
  const steps = begun && dismantle !== undefined ? dismantle(k, id) : 0;
  if (steps > 0) return steps;
  note(k, TraceEvent.Destroy, k.objects.kind[id]!, id);
  destroy(k, id);
  return steps;
}

/** Nobody waits on it. A CNode is never bare: to look through its slots is work. */
function isBare(k: Kernel, id: number): boolean {
  return (k.endpoints[id] ?? k.notifications[id])?.head === 0;
}

/** Whether the machine's own tables have room for `count` more: threads, address spaces and VCPUs are numbered by the machine. */
export function roomFor(k: Kernel, kind: KindT, count: number): boolean {
  const m = k.machine;
  switch (kind) {
    case Kind.TCB:
      return k.freeFrames.length + m.maxThreads - k.framesUsed >= count;
    case Kind.VSpace:
      return k.freeSpaces.length + m.maxSpaces - k.spacesUsed >= count;
    case Kind.VCPU:
      return k.vcpusAlive + count <= m.maxVcpus;
    default:
      return true;
  }
}
