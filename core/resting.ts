// Guests that hardly run give their engine back to the host and get a new one: some 40 MiB of translated code after a boot of Linux, and 10 MiB of what the engine knows of it. What they
// still need is translated again, a few MiB.
import { VCPU_RECORD } from "./machine/shared.ts";
import type { Kernel, Vcpu } from "./kernel/state.ts";

/** How often is looked, in ticks, at most: a host that sleeps for longer looks when it wakes. */
const INTERVAL = 10_000_000;
/** A guest that computes is entered at each slice, 200 times a second; the kit's Linux that waits at its prompt some four times, all of Debian up to 30 times. */
const FEW_ENTRIES = 50;
/** So long a guest has to be at rest, in ticks. */
const LONG = 30 * INTERVAL;

interface Rest {
  readonly serial: number;
  entries: number;
  /** Since when; Infinity: it has been forgotten, and has not worked since. */
  since: number;
}

export class Resting {
  readonly #k: Kernel;
  readonly #forget: (index: number) => void;
  #last = 0;
  readonly #guests = new Map<number, Rest>();

  /** @param forget gives translations back, of the VCPU with this record */
  constructor(k: Kernel, forget: (index: number) => void) {
    this.#k = k;
    this.#forget = forget;
  }

  /** Between two slices: looks, if it is time. One guest forgets at a time, which takes 20 to 30 ms of CPU. */
  look(now: number): void {
    const passed = now - this.#last;
    if (passed < INTERVAL) return;
    this.#last = now;
    let free = true, left = this.#k.vcpusAlive;
    for (let id = 0; left > 0; id++) {
      const v = this.#k.vcpus[id];
      if (v !== undefined) left--;
      if (v === undefined || v.leader !== v.id) continue;
      const rest = this.#restOf(v, now), entries = this.#entries(v);
      if (entries - rest.entries > (FEW_ENTRIES * passed) / INTERVAL) rest.since = now;
      rest.entries = entries;
      if (now - rest.since < LONG || !free) continue;
      rest.since = Infinity;
      free = false;
      this.#forget(v.index);
    }
  }

  #restOf(v: Vcpu, now: number): Rest {
    const known = this.#guests.get(v.id);
    if (known?.serial === v.serial) return known;
    const rest = { serial: v.serial, entries: 0, since: now - INTERVAL };
    this.#guests.set(v.id, rest);
    return rest;
  }

  #entries({ index }: Vcpu): number {
    const { words, record } = this.#k.machine.vcpu;
    return words[record(index) + 2 * VCPU_RECORD.exits]! >>> 0;
  }
}
