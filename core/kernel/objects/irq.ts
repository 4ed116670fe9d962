// IRQControl hands out IRQHandlers, one an interrupt line. A handler turns its line into a signal; the line, level or edge, stays
// masked until its driver acknowledges, so a storm takes nobody's time but the driver's. Source: seL4 manual, "Interrupts".
import { infoLength } from "../../../caps/abi/message.ts";
import { ALL_RIGHTS, Invocation, Kind, Right } from "../../../caps/abi/numbers.ts";
import { capArgument, slotArgument } from "../arguments.ts";
import { install } from "../capabilities.ts";
import { DELETE_FIRST, ILLEGAL, invalidArgument, missingRight, outOfRange, TRUNCATED, type Outcome } from "../outcome.ts";
import { wordHi, wordLo } from "../registers.ts";
import type { IrqHandler, Kernel, Tcb } from "../state.ts";
import { note, TraceEvent } from "../trace.ts";
import { takeDmaFaults } from "./iospace.ts";
import { signal } from "./notification.ts";

export function invokeIrqControl(k: Kernel, t: Tcb, slot: number, label: number, info: number): Outcome {
  if (label !== Invocation.IRQControlGet) return ILLEGAL;
  if (infoLength(info) < 3) return TRUNCATED;
  const line = wordLo(k, t, 0) >>> 0, trigger = wordHi(k, t, 0);
  if (line < 1 || line >= k.machine.irq.lines) return outOfRange(0, 1, k.machine.irq.lines - 1);
  if (trigger !== 0 && trigger !== 1) return invalidArgument(0);
  // One handler a line: two drivers cannot both own it; and the IOMMU's is the kernel's.
  if (k.irqLines[line] !== 0 || line === k.machine.iommu.line) return ILLEGAL;
  const root = capArgument(k, t, 1, Kind.CNode);
  if (typeof root !== "number") return root;
  const target = slotArgument(k, 2, root, wordLo(k, t, 2), wordHi(k, t, 2), Right.Write);
  if (typeof target !== "number") return target;
  if (!k.slots.isEmpty(target)) return DELETE_FIRST;
  const id = k.objects.create(Kind.IRQHandler, 0, 0, 0);
  k.irqHandlers[id] = { line, notification: 0, badgeLo: 0, badgeHi: 0 };
  k.irqLines[line] = id;
  k.machine.irq.setEdge(line, trigger === 1);
  install(k, target, Kind.IRQHandler, id, ALL_RIGHTS, slot);
  k.slots.original[target] = 0;
  return 0;
}

export function invokeIrqHandler(k: Kernel, t: Tcb, slot: number, label: number, info: number): Outcome {
  const handler = k.irqHandlers[k.slots.object[slot]!]!;
  switch (label) {
    case Invocation.IRQHandlerAck:
      k.machine.irq.unmask(handler.line);
      return 0;
    case Invocation.IRQHandlerSetNotification: {
      if (infoLength(info) < 1) return TRUNCATED;
      const arg = capArgument(k, t, 0, Kind.Notification);
      if (typeof arg !== "number") return arg;
      if ((k.slots.rights[arg]! & Right.Write) === 0) return missingRight(Right.Write);
      handler.notification = k.slots.object[arg]!;
      handler.badgeLo = k.slots.badgeLo[arg]!;
      handler.badgeHi = k.slots.badgeHi[arg]!;
      k.machine.irq.unmask(handler.line);
      return 0;
    }
    case Invocation.IRQHandlerClear:
      handler.notification = 0;
      k.machine.irq.mask(handler.line);
      return 0;
    default:
      return ILLEGAL;
  }
}

export function destroyIrqHandler(k: Kernel, id: number): void {
  const { line } = k.irqHandlers[id]!;
  k.machine.irq.mask(line);
  k.irqLines[line] = 0;
  k.irqHandlers[id] = undefined;
}

/** Signals for all lines that are pending and not masked. Each is masked as it is taken, so this ends. */
export function takeInterrupts(k: Kernel): void {
  for (let line = k.machine.irq.take(); line >= 0; line = k.machine.irq.take()) {
    note(k, TraceEvent.Interrupt, line);
    if (line === k.machine.iommu.line) {
      takeDmaFaults(k);
      k.machine.irq.unmask(line);
      continue;
    }
    const handler = k.irqHandlers[k.irqLines[line]!];
    if (handler === undefined) continue;
    const n = handler.notification === 0 ? undefined : k.notifications[handler.notification];
    if (n !== undefined) signal(k, n, handler.badgeLo, handler.badgeHi);
  }
}

/** A notification is gone: no handler may signal whatever takes its number next. */
export function forgetNotification(k: Kernel, id: number): void {
  for (const h of handlers(k)) if (h.notification === id) h.notification = 0;
}

/** Whether any interrupt could wake anybody. */
export const awaitsInterrupt = (k: Kernel): boolean => handlers(k).some((h) => h.notification !== 0);

/** One a line at most. */
const handlers = (k: Kernel): IrqHandler[] => k.irqLines.flatMap((id) => k.irqHandlers[id] ?? []);
