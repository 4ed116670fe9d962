// The SchedContexts that wait for time, soonest first: a binary heap, so that ten thousand that wait cost the one that runs nothing.
// An entry whose SchedContext is not exhausted any more, or due at another time, is void; it is dropped when it comes to the top.
import type { Kernel, Release, SchedContext } from "./state.ts";

export function addRelease(k: Kernel, sc: SchedContext): void {
  const heap = k.releases, entry: Release = { at: sc.releaseAt, sc: sc.id };
  let i = heap.length;
  for (let up = (i - 1) >> 1; i > 0 && heap[up]!.at > entry.at; up = (i - 1) >> 1) {
    heap[i] = heap[up]!;
    i = up;
  }
  heap[i] = entry;
}

/** Takes out the next SchedContext that is due by `now`; 0 for none. */
export function dueRelease(k: Kernel, now: number): number {
  for (let first = k.releases[0]; first !== undefined; first = k.releases[0]) {
    const sc = k.schedContexts[first.sc];
    const valid = sc !== undefined && sc.exhausted && sc.releaseAt === first.at;
    if (valid && first.at > now) return 0;
    takeFirst(k.releases);
    if (valid) return first.sc;
  }
  return 0;
}

function takeFirst(heap: Release[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
    if (heap[child]!.at >= last.at) break;
    heap[i] = heap[child]!;
    i = child;
  }
  heap[i] = last;
}
