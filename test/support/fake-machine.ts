// A machine without an engine, for tests of the kernel: RAM and trap frames as buffers, a clock that the test moves, and
// threads and guests that are played by functions of the test. Interrupt lines and the IOMMU are the real ones.
import { Frame } from "../../caps/abi/message.ts";
import { Cause, type Machine, type MachineState, VcpuRecord, type VcpuPort } from "../../core/kernel/machine.ts";
import { IOMMU_LINE } from "../../core/machine/board.ts";
import { Iommu } from "../../core/machine/iommu.ts";
import { IrqChip } from "../../core/machine/irqchip.ts";

export const RAM_BASE = 0x8000_0000;
const RECORD_BYTES = 1024;

/** What a thread does between two traps: it changes its registers and answers the cause of its trap. */
export type Step = () => number;

export class FakeMachine implements Machine {
  readonly ram: ArrayBuffer;
  readonly ramBase = RAM_BASE;
  readonly maxThreads: number;
  readonly maxSpaces: number = 12;
  readonly maxVcpus: number;
  readonly frames: ArrayBuffer;
  readonly irq = new IrqChip();
  readonly iommu: Iommu;

  /** Ticks of 100 ns; tests set it. */
  now = 0;
  deadline = Infinity;
  /** Ticks that each step of a thread takes. */
  stepTicks = 0;
  /** Every call that changes something outside the kernel, in order. */
  readonly log: string[] = [];
  /** By trap frame. A thread without a step spins until it is preempted. */
  readonly steps = new Map<number, Step>();
  /** Frames in the order in which they ran, one entry for each step. */
  readonly ran: number[] = [];

  /** Hosted programs: texts by frame, and what `load` answers. */
  readonly texts = new Map<number, Uint8Array>();
  loadAnswer: string | null = null;

  /** By VCPU: what the guest does when it is run, a VcpuStop. Without one it spins. */
  readonly guests = new Map<number, (record: GuestRecord) => number>();

  constructor(ramBytes = 32 << 20, maxThreads = 32, maxVcpus = 3) {
    this.ram = new ArrayBuffer(ramBytes);
    this.maxThreads = maxThreads;
    this.maxVcpus = maxVcpus;
    this.vcpu = this.#vcpuPort();
    this.frames = new ArrayBuffer(maxThreads * Frame.BYTES);
    const iommu = new Iommu(["dma0", "dma1"], { ram: this.ram, ramBase: RAM_BASE, written: () => {} }, (level) => this.irq.setLevel(IOMMU_LINE, level));
    this.irq.unmask(IOMMU_LINE);
    const note = (name: string, ...what: unknown[]): void => void this.log.push(`${name}(${what.join(",")})`);
    const [map, unmap, clear] = [iommu.map.bind(iommu), iommu.unmap.bind(iommu), iommu.clear.bind(iommu)];
    this.iommu = Object.assign(iommu, {
      map: (...a: Parameters<typeof map>) => (note("iommu.map", ...a), map(...a)),
      unmap: (...a: Parameters<typeof unmap>) => (note("iommu.unmap", ...a), unmap(...a)),
      clear: (...a: Parameters<typeof clear>) => (note("iommu.clear", ...a), clear(...a)),
    });
  }

  run(first: number, trap: (frame: number, cause: number) => number): void {
    for (let frame = first; frame >= 0; ) frame = trap(frame, this.#step(frame));
  }

  #step(frame: number): number {
    this.ran.push(frame);
    const step = this.steps.get(frame);
    if (step === undefined || this.now + this.stepTicks >= this.deadline) return this.#spin(`thread in frame ${frame}`);
    this.now += this.stepTicks;
    return step();
  }

  /** Time passes until the deadline. */
  #spin(who: string): number {
    if (this.deadline === Infinity) throw new Error(`the ${who} has nothing to do and nothing will preempt it`);
    this.now = Math.max(this.now, this.deadline);
    return Cause.Preempted;
  }

  /** By address space: where its root is, as the kernel said last. */
  readonly roots = new Map<number, number>();
  dma(device: number): ReturnType<Iommu["dma"]> {
    return this.iommu.dma(device);
  }

  bindSpace(space: number, root: number): void {
    this.roots.set(space, root);
    this.log.push(`bindSpace(${space},${root.toString(16)})`);
  }
  dropSpace(space: number): void {
    this.roots.delete(space);
    this.log.push(`dropSpace(${space})`);
  }
  flushSpace(space: number): void {
    this.log.push(`flushSpace(${space})`);
  }
  invalidate(physical: number, bytes: number): void {
    this.log.push(`invalidate(${physical.toString(16)},${bytes})`);
  }
  setWatchpoints(frame: number, watchpoints: BigUint64Array): void {
    this.log.push(`setWatchpoints(${[frame, ...watchpoints].join(",")})`);
  }
  setBreakpoint(frame: number, number: number, address: number, on: boolean): void {
    this.log.push(`setBreakpoint(${frame},${number},${address.toString(16)},${on})`);
  }
  stranded(thread: string, fault: string): void {
    this.log.push(`stranded(${thread}: ${fault})`);
  }
  state(): MachineState {
    return { ticks: this.now, blocks: 0, kick: 0, lines: this.irq.state, faults: this.iommu.faults };
  }
  restore({ ticks, lines, faults }: MachineState): void {
    this.now = ticks;
    this.iommu.faults = faults;
    this.irq.state = lines;
  }
  clock(): number {
    return this.now;
  }
  setDeadline(ticks: number): void {
    this.deadline = ticks;
  }

  readonly hosted = {
    load: (frame: number, text: Uint8Array): string | null => {
      this.log.push(`load(${frame})`);
      if (this.loadAnswer === null) this.texts.set(frame, text);
      return this.loadAnswer;
    },
    step: (frame: number): number => this.#step(frame),
    unload: (frame: number): void => {
      this.log.push(`unload(${frame})`);
      this.texts.delete(frame);
    },
    lastError: (): string => "",
  };

  readonly vcpu: VcpuPort;

  #vcpuPort(): VcpuPort {
    const buffer = new ArrayBuffer(this.maxVcpus * RECORD_BYTES);
    const words = new Int32Array(buffer), floats = new Float64Array(buffer);
    const free = new Set(Array.from({ length: this.maxVcpus }, (_, i) => i));
    const note = (name: string, ...what: unknown[]): void => void this.log.push(`vcpu.${name}(${what.join(",")})`);
    const record = (vcpu: number): number => (vcpu * RECORD_BYTES) / 4;
    return {
      words, floats, record,
      run: (vcpu) => {
        const guest = this.guests.get(vcpu);
        if (guest !== undefined) return guest(new GuestRecord(words, floats, record(vcpu)));
        this.#spin(`guest ${vcpu}`);
        return 4;
      },
      create: (at) => {
        const vcpu = at ?? Math.min(...free);
        if (!free.delete(vcpu)) throw new Error("the kernel made more VCPUs than the machine has");
        words.fill(0, record(vcpu), record(vcpu) + RECORD_BYTES / 4);
        floats[(record(vcpu) >> 1) + VcpuRecord.TIMECMP] = Infinity;
        note("create", vcpu);
        return vcpu;
      },
      destroy: (vcpu) => {
        note("destroy", vcpu);
        this.guests.delete(vcpu);
        free.add(vcpu);
      },
      addHart: (...a) => note("addHart", ...a),
      setState: (vcpu, state) => {
        words[record(vcpu) + 2 * VcpuRecord.STATE] = state;
        note("setState", vcpu, state);
      },
      addMachineMode: (vcpu) => {
        words[record(vcpu) + 2 * VcpuRecord.MACHINE] = 1;
        note("addMachineMode", vcpu);
      },
      mapRam: (...a) => note("mapRam", ...a),
      unmapRam: (...a) => note("unmapRam", ...a),
      mapDevice: (...a) => note("mapDevice", ...a),
      settle: (...a) => note("settle", ...a),
      hold: (...a) => note("hold", ...a),
      watch: (vcpu, addresses, watchpoints) => note("watch", vcpu, ...addresses, ...(watchpoints.length > 0 ? [`memory ${watchpoints.join(" ")}`] : [])),
      stopWatching: (...a) => note("stopWatching", ...a),
      readRegisters: (...a) => note("readRegisters", ...a),
      writeRegisters: (...a) => note("writeRegisters", ...a),
      restore: (...a) => note("restore", ...a),
    };
  }
}

/** A guest's side of its exit record. */
export class GuestRecord {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #at: number;

  constructor(words: Int32Array, floats: Float64Array, at: number) {
    this.#words = words;
    this.#floats = floats;
    this.#at = at;
  }

  get(word: number): number {
    return this.#words[this.#at + 2 * word]!;
  }
  set(word: number, lo: number, hi = 0): this {
    this.#words[this.#at + 2 * word] = lo;
    this.#words[this.#at + 2 * word + 1] = hi;
    return this;
  }
  setTicks(word: number, ticks: number): this {
    this.#floats[(this.#at >> 1) + word] = ticks;
    return this;
  }
}
