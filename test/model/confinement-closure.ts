// What programs could ever come to hold, computed from what they were given, without a look at the kernel: the take-grant argument. Capabilities travel in
// messages, through tables and along with what is made of memory; whoever can make objects that another comes to hold can talk to it in both ways.
// Source: Lipton and Snyder 1977 (take-grant); Elkaduwe, Klein and Elphinstone, VSTTE 2008 (for seL4).
import { Right } from "../../caps/abi/numbers.ts";

const { Read, Write, Grant, GrantReply, Weak } = Right;

/** What a program was given: an object of the beginning by name, with rights. */
export interface Given {
  readonly object: string;
  readonly rights: number;
}
/** An object of the beginning. A TCB says whose thread it is; a table what stands in it. */
export interface Initial {
  readonly kind: "Untyped" | "CNode" | "TCB" | "Endpoint" | "Reply" | "Frame" | "other";
  readonly runs?: string;
  readonly holds?: readonly Given[];
}

/** Rights by object; weak capabilities apart, under the name with a "~". What was made of an Untyped counts as the Untyped, with a "*". */
type Holding = Map<string, number>;

const bares = new Map<string, string>();
/** Without what is said about it. */
function bareName(name: string): string {
  let bare = bares.get(name);
  if (bare === undefined) bares.set(name, (bare = name.replace(/[*~]+$/, "")));
  return bare;
}
const weakened = (name: string): string => (name.endsWith("~") ? name : `${name}~`);

export class Closure {
  readonly #holders = new Map<string, Holding>();
  readonly #objects: ReadonlyMap<string, Initial>;
  #grew = true;
  /** How often each holding grew; and how far it had when it last flowed along a path. */
  readonly #versions = new Map<Holding, number>();
  readonly #flowed = new Map<string, number>();

  /** @param programs what each was given. Programs, tables and what Untypeds become hold something. */
  constructor(objects: ReadonlyMap<string, Initial>, programs: ReadonlyMap<string, readonly Given[]>) {
    this.#objects = objects;
    for (const [name, given] of programs) for (const { object, rights } of given) this.#add(name, object, rights);
    for (const [name, { kind, holds = [] }] of objects) {
      if (kind === "CNode") this.#of(name);
      if (kind === "Untyped") this.#of(`${name}*`);
      for (const { object, rights } of holds) this.#add(name, object, rights);
    }
    while (this.#grew) this.#grow([...programs.keys()]);
  }

  /** Whether `holder` (a program; NAME* for threads made of an Untyped) may come to have a capability to the object with these rights. */
  allows(holder: string, object: string, rights: number): boolean {
    const name = (rights & Weak) !== 0 ? weakened(object) : object;
    return (rights & ~Weak & ~(this.#of(holder).get(name) ?? 0)) === 0 && this.#of(holder).has(name);
  }

  /** Whether anything at all can go from one to the other, or both can reach one thing. */
  areApart(a: string, b: string): boolean {
    const mine = new Set([...this.#of(a).keys()].map((name) => bareName(name)));
    return ![...this.#of(b).keys()].some((name) => mine.has(bareName(name)));
  }

  #of(holder: string): Holding {
    let held = this.#holders.get(holder);
    if (held === undefined) this.#holders.set(holder, (held = new Map()));
    return held;
  }
  #add(holder: string, object: string, rights: number): void {
    const name = (rights & Weak) !== 0 ? weakened(object) : object, held = this.#of(holder), before = held.get(name), after = (before ?? 0) | (rights & ~Weak);
    if (before !== undefined && after === before) return;
    held.set(name, after);
    this.#versions.set(held, (this.#versions.get(held) ?? 0) + 1);
    this.#grew = true;
  }
  /** Whether anything has come to `from` since it last flowed along this path. */
  #isNew(path: string, from: string): boolean {
    const version = this.#versions.get(this.#of(from)) ?? 0;
    if (this.#flowed.get(path) === version) return false;
    this.#flowed.set(path, version);
    return true;
  }
  /** All that `from` holds can come to `to`. */
  #flow(from: string, to: string): void {
    if (from !== to && this.#isNew(`${from} > ${to}`, from)) for (const [name, rights] of this.#of(from)) this.#add(to, name.replace(/~$/, ""), name.endsWith("~") ? rights | Weak : rights);
  }
  /** Through a weak table comes memory to be read, and tables that are weak in turn. */
  #flowWeak(from: string, to: string): void {
    if (!this.#isNew(`${from} ~> ${to}`, from)) return;
    for (const [name, rights] of this.#of(from)) {
      const bare = bareName(name), kind = this.#objects.get(bare)?.kind;
      if (kind === "Frame" || kind === "CNode" || name.includes("*")) this.#add(to, name.replace(/~$/, ""), (rights & ~Write) | Weak);
      else if (bare === "discrim") this.#add(to, bare, rights);
    }
  }

  #grow(programs: readonly string[]): void {
    this.#grew = false;
    const holders = [...this.#holders.keys()];
    for (const p of holders) {
      for (const [name, rights] of this.#of(p)) {
        const weak = name.endsWith("~"), bare = bareName(name), object = this.#objects.get(bare);
        // What is memory or a table can be copied as weak.
        if (!weak && (object?.kind === "Frame" || object?.kind === "CNode" || name.includes("*"))) this.#add(p, name, (rights & ~Write) | Weak);
        // Memory can be made into anything, and that is whoever's who has it.
        if (object?.kind === "Untyped") {
          if (weak) {
            this.#flowWeak(`${bare}*`, p);
            continue;
          }
          this.#add(p, `${bare}*`, 15);
          this.#flow(p, `${bare}*`);
          this.#flow(`${bare}*`, p);
        }
        if (object?.kind === "CNode") {
          if (weak) this.#flowWeak(bare, p);
          else {
            // Whatever its rights, it can be somebody's CSpace.
            this.#flow(bare, p);
            if ((rights & Write) !== 0) this.#flow(p, bare);
          }
        }
        if (object?.kind === "TCB" && !weak) this.#flow(p, object.runs!);
        if (object?.kind === "Endpoint" && !weak && (rights & Write) !== 0) this.#send(p, bare, rights, holders, programs);
      }
    }
  }

  /** p may send through the endpoint: to whoever may receive there go its capabilities, and from whoever may answer come theirs. */
  #send(p: string, endpoint: string, rights: number, holders: readonly string[], programs: readonly string[]): void {
    for (const q of holders) {
      if (((this.#of(q).get(endpoint) ?? 0) & Read) === 0) continue;
      if ((rights & Grant) !== 0) this.#flow(p, q);
      if ((rights & (Grant | GrantReply)) === 0) continue;
      this.#flow(q, p);
      // The answer is given by whoever has the reply object.
      for (const reply of this.#of(q).keys()) {
        if (this.#objects.get(reply)?.kind !== "Reply") continue;
        for (const other of programs) if (this.#of(other).has(reply)) this.#flow(other, p);
      }
    }
  }
}
