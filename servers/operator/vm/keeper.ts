// The life of an appliance's guests, as their keeper outside the machine sees it: what state each is in, and what it is asked to do. Orders go to the root server through the control device, and
// come back as reports with their numbers (servers/root/orders.ts, vmm/life.ts). Memory is saved and placed by the host itself, while the guest is paused or has not begun.
//
//   K1  Every order is answered (orders.ts).
//   K2  A guest that was running before its snapshot is taken runs again afterwards, also when that failed.
//   K3  What is written down is one moment: a guest that a component has go on meanwhile (servers/root/guests.ts) is not written down.
import type { ResolvedComponent, ResolvedSystem } from "../../../caps/image/system.ts";
import type { System } from "../../../core/boot.ts";
import type { RunDisk } from "../disks.ts";
import { Failure, FailureCode, failure, textOf } from "../failure.ts";
import { guestRam, placeRam } from "./guest-ram.ts";
import { Orders, type GuestEvent } from "./orders.ts";
import type { Snapshot, SnapshotDescription, SnapshotName } from "./snapshot.ts";
import { SnapshotWriter } from "./snapshot-writer.ts";

/** For what a guest has done nobody waits longer, and its answer has no more parts. */
const ANSWER_MS = 1000;
const MOST_STATS_PARTS = 64;
/** Characters of a state in one order: with escapes they fit (vmm/life.ts has the same). */
const PART = 400;
/** Orders that are given before the first is answered. */
const AT_ONCE = 32;

/** `standby`: all is ready for it to go on from its snapshot, as soon as it is told. */
export type LifeState = "starting" | "restoring" | "standby" | "running" | "paused" | "ended";

/** A snapshot to go on from, and how: at once; paused; or only when it is told (`resume`, or `pause`, which leaves it paused). */
export interface Restoring {
  readonly snapshot: Snapshot;
  readonly begin: "running" | "paused" | "standby";
}

export interface GuestInfo {
  readonly name: string;
  readonly state: LifeState;
  /** Bytes of its RAM. */
  readonly memory: number;
  readonly cpus: number;
  /** How it ended. */
  readonly ending?: string;
}

export interface SnapshotResult extends SnapshotDescription {
  /** How long the guest stood, in ms; 0: it stood anyway. */
  readonly pausedMs: number;
}

/** What of the machine it needs. */
export type KeptMachine = Pick<System, "kernel" | "order" | "ramImages" | "stats" | "hostedSeconds">;

interface Life {
  readonly component: ResolvedComponent;
  state: LifeState;
  ending?: string;
  /** How often it began or went on. */
  runs: number;
  /** It was not the operator who paused it, but a component: he may still. */
  byComponent: boolean;
  /** The snapshot that its memory lies on. */
  base?: SnapshotName;
  /** What it has been asked to say of itself and has not. */
  asked?: Promise<string | undefined> | undefined;
  /** Who waits for it to begin. */
  begun?: { readonly resolve: () => void; readonly reject: (error: Error) => void };
}

export class GuestKeeper {
  readonly #lives: ReadonlyMap<string, Life>;
  readonly #disks: Readonly<Record<string, RunDisk>>;
  readonly #restore: ReadonlyMap<string, Restoring>;
  #machine: KeptMachine | undefined;
  #ended = false;
  readonly #orders = new Orders((line) => !this.#ended && this.#machine?.order(line) === true);
  #lines: Promise<unknown> = Promise.resolve();

  /** @param restore what guests go on from, by name: their components were told so (appliance.ts) */
  constructor(system: ResolvedSystem, disks: Readonly<Record<string, RunDisk>>, restore: ReadonlyMap<string, Restoring> = new Map()) {
    this.#lives = new Map(system.components.flatMap((component) => (component.guest === undefined ? [] : [[component.guest, { component, state: "starting", runs: 0, byComponent: false } satisfies Life]])));
    this.#disks = disks;
    this.#restore = restore;
  }

  begin(machine: KeptMachine): void {
    this.#machine = machine;
  }

  /** @throws Failure when it has not begun, or has stopped */
  get machine(): KeptMachine {
    if (this.#machine === undefined || this.#ended) throw failure(FailureCode.guestState, "the machine does not run");
    return this.#machine;
  }

  /** The component that hosts a guest. */
  component(name: string): ResolvedComponent {
    return this.#life(name).component;
  }

  /** The machine has stopped. Back when what was under way has been given up. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#orders.end(new Error("the machine has stopped"));
    await this.#lines;
  }

  list(): readonly GuestInfo[] {
    return [...this.#lives.keys()].map((name) => this.info(name));
  }

  info(name: string): GuestInfo {
    const { component, state, ending } = this.#life(name);
    const { ramBytes = 0, cpus = 1 } = component.args as { readonly ramBytes?: number; readonly cpus?: number };
    return { name, state, memory: ramBytes, cpus, ...(ending === undefined ? {} : { ending }) };
  }

  /** A component has ended or faulted: if it hosted a guest, that is gone, though it had no time to say so. */
  gone(component: string, how: string): void {
    for (const [name, life] of this.#lives) if (life.component.name === component && life.state !== "ended") this.#over(name, life, how);
  }

  #over(name: string, life: Life, how: string): void {
    life.ending = how;
    this.#became(life, "ended");
    this.#orders.end(failure(FailureCode.guestState, `guest ${name} has ended (${how})`), name);
  }

  /** A report of a guest's. True: it was for nobody else. */
  heard(event: GuestEvent): boolean {
    const life = this.#lives.get(event.guest);
    this.#orders.heard(event);
    switch (event.state) {
      case "running":
        // What its VMM was asked before it was started again it does not know.
        if (life !== undefined) {
          life.asked = undefined;
          this.#became(life, "running");
        }
        return false;
      case "restoring": {
        const begin = this.#restore.get(event.guest)?.begin ?? "standby";
        if (life !== undefined) life.state = begin === "standby" ? "standby" : "restoring";
        // Not from inside the machine's own turn.
        if (begin !== "standby") setImmediate(() => void this.#place(event.guest, begin));
        return false;
      }
      case "paused":
      case "resumed":
        if (life !== undefined) {
          life.byComponent = Number(event["order"] ?? 0) < 0;
          this.#became(life, event.state === "paused" ? "paused" : "running");
        }
        return false;
      case "taken":
      case "saved":
      case "stats":
      case "refused":
        return true;
      case "ready":
      case "balloon":
      case "exit":
        return false;
      default: {
        if (life !== undefined) this.#over(event.guest, life, event.detail ?? event.state);
        return false;
      }
    }
  }

  #became(life: Life, state: LifeState): void {
    life.state = state;
    if (state === "running") life.runs++;
    const { begun } = life;
    delete life.begun;
    if (state === "ended") begun?.reject(failure(FailureCode.guestState, "the guest did not go on from its snapshot", { cause: life.ending ?? "no reason is given" }));
    else begun?.resolve();
  }

  /** @throws Failure when it is neither running nor on standby */
  async pause(name: string): Promise<void> {
    return this.#inTurn(() => (this.#life(name).state === "standby" ? this.#begin(name, "paused") : this.#pause(name)));
  }

  /** @throws Failure when it is neither paused nor on standby */
  async resume(name: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#life(name).state === "standby") return this.#begin(name, "running");
      this.#must(name, "paused", "resumed");
      await this.#orders.give(name, "resume");
    });
  }

  /** Asks it to shut down: back when it has been told. Whether it does so is its own affair. @throws Failure when it does not run */
  async shutdown(name: string): Promise<void> {
    return this.#inTurn(async () => {
      this.#must(name, "running", "asked to shut down");
      await this.#orders.give(name, "shutdown");
    });
  }

  /**
   * Writes the guest down to a new folder. It stands meanwhile only as long as its state and the beginning of the rest take: memory and disks are copied as they were then while it goes on.
   * What its disks had not done by then is in its state, and is begun again when it is restored.
   * @param changes of memory and disks only what was changed since the snapshot that it goes on from
   * @throws Failure when it neither runs nor is paused, when it has no such snapshot, or what went wrong; nothing is left then
   */
  async snapshot(name: string, folder: string, { changes = false }: { readonly changes?: boolean } = {}): Promise<SnapshotResult> {
    return this.#inTurn(() => this.#snapshot(name, folder, changes));
  }

  /**
   * What its devices have done, as its VMM says (vmm/machine.ts, MachineCounts); undefined: it does not run, or has not answered within a second.
   * It is asked once, and until it has answered not again: orders to one that takes none would be in the way of others.
   */
  async stats(name: string): Promise<string | undefined> {
    const life = this.#life(name);
    if (life.state !== "running") return undefined;
    if (life.asked === undefined) {
      const asked: Promise<string | undefined> = this.#orders.give(name, "stats", { patienceMs: Infinity, mostParts: MOST_STATS_PARTS })
        .catch(() => undefined)
        .finally(() => {
          if (life.asked === asked) life.asked = undefined;
        });
      life.asked = asked;
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), ANSWER_MS)));
    return Promise.race([life.asked, late]).finally(() => clearTimeout(timer));
  }

  async #snapshot(name: string, folder: string, changes: boolean): Promise<SnapshotResult> {
    const life = this.#life(name), ran = life.state === "running", { machine } = this;
    if (!ran) this.#must(name, "paused", "saved");
    if (changes && life.base === undefined) {
      throw failure(FailureCode.guestState, `guest ${name} goes on from no snapshot, so there are no changes to save`, { fix: "take a whole snapshot, and restore it: from then on there are" });
    }
    const memory = guestRam(machine.kernel, life.component);
    if (memory.length === 0) throw failure(FailureCode.guestState, `guest ${name} has no memory`);
    // All that can be made before the guest stands is made before.
    const writer = await SnapshotWriter.begin(folder, { guest: name, memory, disks: this.#disks, ...(changes && life.base !== undefined ? { base: life.base } : {}) });
    let pausedMs = 0;
    try {
      const files = await Promise.all(memory.map((_, i) => writer.memoryFile(i)));
      await writer.diskFiles();
      const since = performance.now();
      if (ran) await this.#pause(name);
      const { runs } = life;
      const state = await this.#orders.give(name, "save");
      writer.markDisks();
      await turn();
      // Reports come before a guest runs: what the root server has heard up to here, is here.
      if (life.state !== "paused" || life.runs !== runs) throw failure(FailureCode.guestState, `guest ${name} went on while it was written down`, { cause: "a component of the appliance wanted it to", fix: "pause it yourself first: then nobody else can have it go on" });
      const saved = memory.map(({ physical, bytes }, i) => this.machine.ramImages.save(physical, bytes, files[i]!, { backed: life.base !== undefined, changes }));
      if (ran) {
        await this.#orders.give(name, "resume");
        pausedMs = performance.now() - since;
      }
      // Not before: the host's turns are the guest's way on.
      const disks = writer.copyDisks();
      disks.catch(() => undefined);
      const problem = (await Promise.all(saved)).find((each) => each !== "");
      if (problem !== undefined) throw failure(FailureCode.snapshot, `the memory of guest ${name} cannot be written to ${folder}`, { cause: problem });
      await disks;
      return { ...(await writer.finish(state)), pausedMs };
    } catch (error) {
      if (ran && this.#life(name).state === "paused") await this.#orders.give(name, "resume").catch(() => undefined);
      await writer.abandon();
      throw error instanceof Failure ? error : failure(FailureCode.snapshot, `guest ${name} cannot be written down to ${folder}`, { cause: textOf(error) });
    }
  }

  async #pause(name: string): Promise<void> {
    const { state, byComponent } = this.#life(name);
    if (state !== "paused" || !byComponent) this.#must(name, "running", "paused");
    await this.#orders.give(name, "pause");
  }

  /** Back when it has begun. @throws Failure why it did not */
  async #begin(name: string, as: "running" | "paused"): Promise<void> {
    const life = this.#life(name);
    const begun = new Promise<void>((resolve, reject) => (life.begun = { resolve, reject }));
    await turn();
    await Promise.all([begun, this.#place(name, as)]);
  }

  /** Its memory becomes what the snapshot has, and it is told its state; then it goes on. What prevents that ends it, and is told as the reason. */
  async #place(name: string, as: "running" | "paused"): Promise<void> {
    const life = this.#lives.get(name), snapshot = this.#restore.get(name)?.snapshot, machine = this.#machine;
    if (life === undefined || snapshot === undefined || machine === undefined) return;
    try {
      placeRam(machine, guestRam(machine.kernel, life.component), snapshot);
      life.base = snapshot.chain.at(-1)!;
      const text = Buffer.from(snapshot.stateBytes).toString("latin1"), parts = Math.ceil(text.length / PART);
      for (let part = 0; part < parts; part++) {
        // So many are on their way at once; the last is answered by what the guest does.
        const told = part % AT_ONCE === AT_ONCE - 1 && part < parts - 1;
        await this.#orders.give(name, "restore", { answered: told, told, parts, data: text.slice(part * PART, (part + 1) * PART), paused: as === "paused" });
      }
    } catch (error) {
      await this.#orders.give(name, "forgo", { answered: false, why: `the memory of its snapshot cannot be put in place: ${textOf(error)}` }).catch(() => undefined);
    }
  }

  /** One after the other: who asks twice at once gets the second answer for the state that the first has left. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#lines.then(work);
    this.#lines = done.catch(() => undefined);
    return done;
  }

  #life(name: string): Life {
    const life = this.#lives.get(name);
    if (life !== undefined) return life;
    const names = [...this.#lives.keys()];
    throw failure(FailureCode.guestState, `there is no guest '${name}'`, { fix: names.length === 0 ? "the appliance has none" : `one of: ${names.join(", ")}` });
  }

  #must(name: string, state: LifeState, becomes: string): void {
    const now = this.#life(name).state;
    if (now !== state) throw failure(FailureCode.guestState, `guest ${name} is ${now}: only one that is ${state} can be ${becomes}`);
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
