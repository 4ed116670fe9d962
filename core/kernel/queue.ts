// The waiting line of an endpoint or notification: first come, first served, linked through the threads.
import type { Kernel, Tcb } from "./state.ts";

interface Line {
  readonly id: number;
  head: number;
  tail: number;
}

export function append(k: Kernel, line: Line, t: Tcb): void {
  t.next = 0;
  t.prev = line.tail;
  if (line.tail === 0) line.head = t.id;
  else k.tcbs[line.tail]!.next = t.id;
  line.tail = t.id;
  t.blockedOn = line.id;
}

export function remove(k: Kernel, line: Line, t: Tcb): void {
  if (t.prev === 0) line.head = t.next;
  else k.tcbs[t.prev]!.next = t.next;
  if (t.next === 0) line.tail = t.prev;
  else k.tcbs[t.next]!.prev = t.prev;
  t.next = 0;
  t.prev = 0;
  t.blockedOn = 0;
}
