// What a set of programs could ever come to hold, from what they were given: the take-grant argument, worked out by drawing every arrow that any of them
// could draw until none is left. It knows nothing of the kernel: objects are names, capabilities are names with rights, and the rules are written down
// once more. It may say more than the kernel ever does (a reply object is taken to be copied, all that is made from one Untyped is one object that can be
// anything), never less.

const WRITE = 1, READ = 2, GRANT = 4, GRANT_REPLY = 8;
export const ALL = 15;

/** "Memory" is whatever is made from an Untyped: as it may be of any kind, it is all of them. */
export type What = "CNode" | "TCB" | "Endpoint" | "Notification" | "Reply" | "SchedContext" | "VSpace" | "PageTable" | "Frame" | "Untyped" | "Discrim" | "Memory";

export interface Held {
  readonly object: string;
  readonly rights: number;
  /** 0n: without a badge, which can come to have any. CNodes' guards are nothing that counts here. */
  readonly badge: bigint;
  readonly weak: boolean;
}

export const memoryOf = (untyped: string): string => `memory of ${untyped}`;

/** What a weak view leaves of a capability: memory to read and tables to look into, and the harmless. */
function weakened(kinds: ReadonlyMap<string, What>, cap: Held): Held | null {
  const kind = kinds.get(cap.object);
  if (kind === "Discrim") return cap;
  return kind === "CNode" || kind === "Frame" || kind === "Memory" ? { ...cap, rights: cap.rights & ~WRITE, weak: true } : null;
}

export class Closure {
  readonly #kinds = new Map<string, What>();
  /** By CNode, TCB or memory: what stands, or could come to stand, in its slots. */
  readonly #inside = new Map<string, Map<string, Held>>();
  /** The names of capabilities but for their rights: put together once for each object. */
  readonly #keys = new WeakMap<Held, string>();
  /** By reply object: who could come to wait for its answer. */
  readonly #callers = new Map<string, Set<string>>();
  #changed = false;

  object(name: string, kind: What): void {
    this.#kinds.set(name, kind);
    if (kind === "CNode" || kind === "TCB") this.#inside.set(name, new Map());
    if (kind !== "Untyped") return;
    this.#kinds.set(memoryOf(name), "Memory");
    this.#inside.set(memoryOf(name), new Map());
  }

  /** A capability stands in a slot of `container`. */
  give(container: string, object: string, rights: number = ALL, badge = 0n, weak = false): void {
    this.#put(container, { object, rights: weak ? rights & ~WRITE : rights, badge, weak });
  }

  #put(container: string, cap: Held): void {
    const inside = this.#inside.get(container)!, key = this.#keyOf(cap), had = inside.get(key);
    if (had !== undefined && (had.rights | cap.rights) === had.rights) return;
    inside.set(key, had === undefined ? cap : { ...cap, rights: cap.rights | had.rights });
    this.#changed = true;
  }

  #keyOf(cap: Held): string {
    let key = this.#keys.get(cap);
    if (key === undefined) this.#keys.set(cap, (key = `${cap.object} ${cap.badge} ${cap.weak}`));
    return key;
  }

  #is(cap: Held, kind: What): boolean {
    const own = this.#kinds.get(cap.object);
    // Of memory a weak capability can only be to a table or a frame.
    return own === kind || (own === "Memory" && (!cap.weak || kind === "CNode" || kind === "Frame"));
  }

  /** Threads, and whatever threads could be made from somebody's memory. */
  get subjects(): string[] {
    return [...this.#inside.keys()].filter((name) => this.#kinds.get(name) !== "CNode");
  }

  /** What a subject can name: all that is in its CSpace, through every table on the way that is not weak. */
  #use(subject: string): Held[] {
    const own = [...this.#inside.get(subject)!.values()];
    // A thread names nothing of its own slots but what its CSpace leads to.
    const found = new Map<string, Held>(this.#kinds.get(subject) === "Memory" ? own.map((cap) => [this.#keyOf(cap), cap]) : []);
    const seen = new Set<string>(), open = own.filter((cap) => this.#is(cap, "CNode") && !cap.weak);
    for (let table = open.pop(); table !== undefined; table = open.pop()) {
      if (seen.has(table.object)) continue;
      seen.add(table.object);
      for (const cap of this.#inside.get(table.object)!.values()) {
        const key = this.#keyOf(cap), had = found.get(key);
        if (had === undefined) found.set(key, cap);
        else if ((had.rights | cap.rights) !== had.rights) found.set(key, { ...cap, rights: cap.rights | had.rights });
        if (this.#is(cap, "CNode") && !cap.weak) open.push(cap);
      }
    }
    return [...found.values()];
  }

  /** All that a subject can reach: also what it could fetch out of weak tables. */
  reach(subject: string): Held[] {
    const all = this.#use(subject), seen = new Set<string>();
    const open = all.filter((cap) => cap.weak && this.#is(cap, "CNode"));
    for (let table = open.pop(); table !== undefined; table = open.pop()) {
      if (seen.has(table.object)) continue;
      seen.add(table.object);
      for (const cap of this.#inside.get(table.object)!.values()) {
        const left = weakened(this.#kinds, cap);
        if (left === null) continue;
        all.push(left);
        if (this.#is(left, "CNode")) open.push(left);
      }
    }
    return all;
  }

  #tablesWith(use: readonly Held[], right: number): Held[] {
    return use.filter((cap) => this.#is(cap, "CNode") && (cap.rights & right) !== 0);
  }

  /** Draws arrows until there is none left to draw. */
  saturate(): this {
    do {
      this.#changed = false;
      const use = new Map(this.subjects.map((s) => [s, this.#use(s)]));
      const places = new Map([...use].map(([s, caps]) => [s, new Set(this.#tablesWith(caps, WRITE).map((cap) => cap.object))]));
      const handed = new Map<readonly Held[], Set<string>>();
      const hand = (caps: readonly Held[], to: string): void => {
        const before = handed.get(caps) ?? new Set();
        for (const place of places.get(to)!) {
          if (before.has(place)) continue;
          before.add(place);
          for (const cap of caps) this.#put(place, cap);
        }
        handed.set(caps, before);
      };
      for (const [subject, caps] of use) {
        // Copy: out of every table that it may read, into every one that it may write.
        for (const table of this.#tablesWith(caps, READ)) {
          const inside = [...this.#inside.get(table.object)!.values()];
          hand(table.weak ? inside.flatMap((cap) => weakened(this.#kinds, cap) ?? []) : inside, subject);
        }
        // Retype: anything at all, out of that memory.
        for (const cap of caps)
          if (this.#is(cap, "Untyped")) hand([{ object: this.#kinds.get(cap.object) === "Memory" ? cap.object : memoryOf(cap.object), rights: ALL, badge: 0n, weak: false }], subject);
        // A thread that it controls can be given all that it has for a CSpace, VSpace, buffer or keeper.
        const forThreads = caps.filter((cap) => (this.#is(cap, "CNode") && !cap.weak) || this.#is(cap, "VSpace") || this.#is(cap, "Frame") || this.#is(cap, "Endpoint"));
        for (const cap of caps) if (this.#is(cap, "TCB")) for (const given of forThreads) this.#put(cap.object, given);
        this.#send(subject, caps, use, hand);
        for (const reply of caps) {
          if (!this.#is(reply, "Reply")) continue;
          for (const caller of this.#waiting(reply.object)) {
            hand(caps, caller);
            // Saved: whoever holds another reply object can have the caller there.
            for (const other of caps) if (this.#is(other, "Reply")) this.#owe(other.object, caller);
          }
        }
      }
    } while (this.#changed);
    return this;
  }

  /** Messages: what is named goes to whoever receives, if the sender's capability has Grant; a Call leaves a caller with the receiver's reply objects. */
  #send(subject: string, caps: readonly Held[], use: ReadonlyMap<string, readonly Held[]>, hand: (caps: readonly Held[], to: string) => void): void {
    for (const ep of caps) {
      if (!this.#is(ep, "Endpoint") || (ep.rights & WRITE) === 0) continue;
      for (const [receiver, theirs] of use) {
        if (!theirs.some((cap) => cap.object === ep.object && (cap.rights & READ) !== 0 && this.#is(cap, "Endpoint"))) continue;
        if ((ep.rights & GRANT) !== 0) hand(caps, receiver);
        if ((ep.rights & (GRANT | GRANT_REPLY)) !== 0) for (const cap of theirs) if (this.#is(cap, "Reply")) this.#owe(cap.object, subject);
      }
    }
  }

  #waiting(reply: string): Set<string> {
    const waiting = this.#callers.get(reply) ?? new Set<string>();
    this.#callers.set(reply, waiting);
    return waiting;
  }
  #owe(reply: string, caller: string): void {
    const waiting = this.#waiting(reply);
    if (waiting.has(caller)) return;
    waiting.add(caller);
    this.#changed = true;
  }

  /** What could stand in a CNode, a TCB or memory. */
  inside(container: string): Held[] {
    return [...this.#inside.get(container)!.values()];
  }
}

/** Whether `among` has something that `cap` can come of. */
export function within(cap: Held, among: readonly Held[]): boolean {
  return among.some((from) => from.object === cap.object && (from.badge === cap.badge || from.badge === 0n) && (!from.weak || cap.weak)
    && (cap.rights & ~(cap.weak ? from.rights & ~WRITE : from.rights)) === 0);
}
