/** A machine with hand-made address spaces and threads, for the conformance suite: no kernel, only page tables and frames. */
import { CAUSE, CONTROL, FRAME, FRAME_BYTES, RAM_BASE, VCPU_RECORD_BYTES } from "../../core/machine/shared.ts";
import { createMachine, type MachineOptions, type NativeMachine } from "../../core/machine/unicorn.ts";
import { assemble, type Assembled } from "../support/assemble.ts";

export const PAGE = 4096;
const PERMISSION = { r: 2, w: 4, x: 8, u: 16 } as const;
/** "urw" and the like, as page-table bits with V, A and D. */
const bits = (permissions: string): number => [...permissions].reduce((sum, p) => sum | PERMISSION[p as keyof typeof PERMISSION], 0xc1);

/** When on, guests get new engines (forgetVcpu) before their runs: of each machine's runs before the first twenty, then before every twentieth. */
export const renewals = { on: false, done: 0 };
const RENEWED = 20;

function renewing(machine: NativeMachine): NativeMachine {
  let runs = 0, inside = false;
  const inRun = <T>(body: () => T): T => {
    const before = inside;
    inside = true;
    try {
      return body();
    } finally {
      inside = before;
    }
  };
  return {
    ...machine,
    run: (frame, onTrap, fast) => inRun(() => machine.run(frame, onTrap, fast)),
    runVcpu(vcpu) {
      if (!inside && (runs++ < RENEWED || runs % RENEWED === 0)) {
        machine.forgetVcpu(vcpu);
        renewals.done++;
      }
      return inRun(() => machine.runVcpu(vcpu));
    },
  };
}

export class Rig {
  readonly machine: NativeMachine;
  readonly words: BigUint64Array;
  readonly frames: BigUint64Array;
  readonly control: Float64Array;
  readonly kick: Int32Array;
  #next = RAM_BASE;

  constructor(options: Partial<MachineOptions> = {}) {
    const machine = createMachine({ ramBytes: 32 << 20, maxThreads: 32, maxSpaces: 32, maxEngines: 4, maxVcpus: 2, clock: "blocks", ...options });
    this.machine = renewals.on ? renewing(machine) : machine;
    this.words = new BigUint64Array(this.machine.ram);
    this.frames = new BigUint64Array(this.machine.frames);
    this.control = new Float64Array(this.machine.control, 0, 32);
    this.kick = new Int32Array(this.machine.control, 256, 1);
  }

  /** Physical address of so many fresh pages. */
  alloc(pages = 1): number {
    const at = this.#next;
    this.#next += pages * PAGE;
    return at;
  }

  word(phys: number): bigint {
    return this.words[(phys - RAM_BASE) / 8] ?? 0n;
  }

  setWord(phys: number, value: bigint): void {
    this.words[(phys - RAM_BASE) / 8] = value;
  }

  /** A fresh root table, bound to the id. */
  space(id: number): number {
    const root = this.alloc();
    this.machine.bindSpace(id, root);
    return root;
  }

  /** The Sv39 leaf for a virtual address, with the tables above it made. */
  leaf(root: number, virt: number): number {
    let table = root;
    for (const level of [2, 1]) {
      const at = table + (Math.floor(virt / PAGE / 512 ** level) % 512) * 8;
      if ((this.word(at) & 1n) === 0n) this.setWord(at, (BigInt(this.alloc()) / 4096n) << 10n | 1n);
      table = Number((this.word(at) >> 10n) * 4096n);
    }
    return table + (Math.floor(virt / PAGE) % 512) * 8;
  }

  map(root: number, virt: number, phys: number, permissions: string): void {
    this.setWord(this.leaf(root, virt), (BigInt(phys) / 4096n) << 10n | BigInt(bits(permissions)));
  }

  write(phys: number, bytes: Uint8Array): void {
    new Uint8Array(this.machine.ram).set(bytes, phys - RAM_BASE);
  }

  /** Assembles for a virtual address and puts it there, user-executable; the physical page too. */
  program(root: number, virt: number, source: string): Assembled & { phys: number } {
    const code = assemble(source, virt);
    const pages = Math.ceil(code.bytes.length / PAGE);
    const phys = this.alloc(pages);
    this.write(phys, code.bytes);
    for (let i = 0; i < pages; i++) this.map(root, virt + i * PAGE, phys + i * PAGE, "urx");
    return { bytes: code.bytes, label: code.label, phys };
  }

  /** A data page, user read-write; its physical address. */
  data(root: number, virt: number): number {
    const phys = this.alloc();
    this.map(root, virt, phys, "urw");
    return phys;
  }

  get(frame: number, word: number): bigint {
    return this.frames[frame * (FRAME_BYTES / 8) + word] ?? 0n;
  }

  set(frame: number, word: number, value: bigint | number): void {
    this.frames[frame * (FRAME_BYTES / 8) + word] = BigInt(value);
    if (word >= FRAME.f && word < FRAME.f + 32) this.frames[frame * (FRAME_BYTES / 8) + FRAME.floats] = 1n;
  }

  thread(frame: number, space: number, pc: number): void {
    this.frames.fill(0n, frame * (FRAME_BYTES / 8), (frame + 1) * (FRAME_BYTES / 8));
    this.set(frame, FRAME.pc, pc);
    this.set(frame, FRAME.space, space);
  }

  /** Runs one thread to its first trap; the cause. */
  trap(frame: number): number {
    let seen = -1;
    this.machine.run(frame, (_frame, cause) => ((seen = cause), -1));
    return seen;
  }

  /** Views of a VCPU's record. */
  record(vcpu: number): { words: BigUint64Array; floats: Float64Array } {
    const at = vcpu * VCPU_RECORD_BYTES;
    return { words: new BigUint64Array(this.machine.vcpus, at, VCPU_RECORD_BYTES / 8), floats: new Float64Array(this.machine.vcpus, at, VCPU_RECORD_BYTES / 8) };
  }
}

/** Runs a test body on a machine that is closed afterwards. */
export function withRig<T>(body: (rig: Rig) => T, options: Partial<MachineOptions> = {}): T {
  const rig = new Rig(options);
  try {
    return body(rig);
  } finally {
    rig.machine.close();
  }
}

/** Runs threads in turn, each for so many ticks of the block clock, until all have called; counts preemptions. */
export function roundRobin(rig: Rig, threads: number[], ticks: number): number {
  const alive = [...threads];
  let preemptions = 0;
  rig.control[CONTROL.deadline] = rig.machine.clock() + ticks;
  rig.machine.run(alive[0] ?? 0, (frame, cause) => {
    if (cause === CAUSE.preempted) preemptions++;
    else if (cause === CAUSE.call) alive.splice(alive.indexOf(frame), 1);
    else throw new Error(`cause ${cause} at ${rig.get(frame, FRAME.pc).toString(16)}`);
    rig.control[CONTROL.deadline] = rig.machine.clock() + ticks;
    if (alive.length === 0) return -1;
    return alive[(alive.indexOf(frame) + 1) % alive.length] ?? -1;
  });
  return preemptions;
}
