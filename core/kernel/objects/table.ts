// The table over the kinds of object: how each is made and unmade. A kind left out is a compile error.
import { Kind, type Kind as KindT, type KindName } from "../../../caps/abi/numbers.ts";
import { kassert } from "../../../caps/model/panic.ts";
import type { Kernel } from "../state.ts";
import { createCNode, destroyCNode } from "./cnode.ts";
import { createEndpoint, destroyEndpoint } from "./endpoint.ts";
import { createFrame, destroyFrame } from "./frame.ts";
import { destroyIoSpace } from "./iospace.ts";
import { destroyIrqHandler } from "./irq.ts";
import { createNotification, destroyNotification } from "./notification.ts";
import { createReply, destroyReply } from "./reply.ts";
import { createSchedContext, destroySchedContext } from "./schedcontext.ts";
import { createTcb, destroyTcb } from "./tcb.ts";
import { createVcpu, destroyVcpu } from "./vcpu.ts";
import { createVSpace, destroyVSpace } from "./vspace.ts";

interface ObjectOps {
  /** Makes the object's state; null for kinds that only the boot makes. The object table knows the id already. */
  readonly create: ((k: Kernel, id: number) => void) | null;
  /** Unmakes it: nothing may name the id afterwards. */
  readonly destroy: (k: Kernel, id: number) => void;
  /** The memory stays taken until something else gives it back (CNodes, emptied in pieces). */
  readonly lingers?: boolean;
}

const nothing = (): void => {};

const OBJECTS: { readonly [K in KindName]: ObjectOps } = {
  Null: { create: null, destroy: nothing },
  Untyped: { create: nothing, destroy: nothing },
  CNode: { create: createCNode, destroy: destroyCNode, lingers: true },
  TCB: { create: createTcb, destroy: destroyTcb },
  Endpoint: { create: createEndpoint, destroy: destroyEndpoint },
  Notification: { create: createNotification, destroy: destroyNotification },
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

export function destroyObject(k: Kernel, kind: KindT, id: number): void {
  const ops = BY_KIND[kind]!;
  ops.destroy(k, id);
  if (ops.lingers !== true) k.objects.destroy(id);
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
