// Image → running system. The machine is opened, the boot files are laid in its RAM, the root server gets a capability to
// everything there is, and the loop begins: the kernel runs until it pauses, the host gets its turn, and so on.
import { ROOT_FILE } from "../caps/image/system.ts";
import { KernelPanic } from "../caps/model/panic.ts";
import type { BootFile, ConsoleBackend } from "./host/backend.ts";
import { run } from "./kernel/kernel.ts";
import { threadName } from "./kernel/names.ts";
import { awaitsInterrupt } from "./kernel/objects/irq.ts";
import { threadMemory } from "./kernel/objects/vspace.ts";
import { startRoot } from "./kernel/root.ts";
import { Kernel } from "./kernel/state.ts";
import { Trace, type TraceRecord } from "./kernel/trace.ts";
import { BOARD_DEVICES, DEVICE_BYTES } from "./machine/board.ts";
import { openMachine, type BoardMachine, type MachineOptions, type RamImages } from "./machine/machine.ts";
import { Resting } from "./resting.ts";
import { StepTimes } from "./step-times.ts";
import { Waits } from "./waits.ts";

/** The host's turn comes this often, in ticks of 100 ns: input waits no longer. */
const SLICE = 50_000;
/** What the wall clock shows when a deterministic run begins: 2026-01-01. */
const DETERMINISTIC_EPOCH = 1_767_225_600_000_000_000n;
/** Records of the kernel's trace that wait for the host's turn: more than are made in a slice. */
const TRACE_ENTRIES = 2 ** 16;

export interface BootOptions {
  /** Bytes of RAM, a multiple of 2 MiB. */
  readonly ramBytes: number;
  readonly files: readonly BootFile[];
  readonly console: ConsoleBackend;
  /** The device that it is behind, as MachineOptions.terminal. */
  readonly terminal?: MachineOptions["terminal"];
  /** A line of JSON from the root server, or of the machine's own: an event for the operator. */
  readonly onEvent: (line: string) => void;
  /** "blocks" counts what is executed, so that the same inputs give the same run. Default "host". */
  readonly clock?: "host" | "blocks";
  /** As MachineOptions.largePages. */
  readonly largePages?: boolean;
  /** What is behind the block devices; the caller closes it when the run is over. */
  readonly disks?: MachineOptions["disks"];
  /** What is behind the network devices; the caller closes it when the run is over. */
  readonly networks?: MachineOptions["networks"];
  /** A display with a keyboard and a tablet, for a board that is to have them. */
  readonly display?: MachineOptions["display"];
  /** Without DMA translation, where no mapping says otherwise: for showing what it is there for. */
  readonly unchecked?: boolean;
  /** Records what the kernel does and hands it over at each turn of the host; absent: nothing is recorded. */
  readonly onTrace?: (records: readonly TraceRecord[], lost: number) => void;
  /** Called between two slices, when no thread runs: to look at the state, or to save it. */
  readonly onTurn?: () => void;
  /** 32 bytes from which the machine's entropy device draws; absent: the host's randomness. */
  readonly seed?: Uint8Array;
  /** Takes the place of both, as `MachineOptions.entropy`; no bytes: there are none now. */
  readonly entropy?: MachineOptions["entropy"];
}

export interface SystemStats {
  readonly traps: number;
  /** Of those, calls that the machine carried out itself. */
  readonly fastCalls: number;
  readonly blocks: number;
  readonly engines: number;
  readonly rebinds: number;
  readonly ticks: number;
}

/** Why a system stopped: it was told to, nothing in it can ever run again, or the kernel broke a promise of its own. */
export type Ending = { readonly kind: "stopped"; readonly reason: string } | { readonly kind: "idle" } | { readonly kind: "panic"; readonly message: string };

export interface System {
  /** Runs until the end; once. */
  run(): Promise<Ending>;
  stop(reason: string): void;
  /** Something outside has made a thread ready, between two slices: the machine does not sleep. */
  wake(): void;
  stats(): SystemStats;
  readonly kernel: Kernel;
  /** CPU time of the hosted program in a trap frame, by estimate; 0 in deterministic runs. */
  hostedSeconds(frame: number): number;
  /** A line for the root server, which hands it on to a guest's VMM. False: too many wait. */
  order(line: string): boolean;
  /** Images of RAM. Between two slices. */
  readonly ramImages: RamImages;
}

/** @throws RangeError when the files do not fit into RAM or the root server is missing or not a program; AddonError when the engine cannot be loaded. */
export async function boot(options: BootOptions): Promise<System> {
  const entropy = options.entropy ?? (options.seed === undefined ? await hostEntropy() : seededEntropy(options.seed));
  const report = (event: object): void => options.onEvent(JSON.stringify(event));
  let kernel: Kernel | undefined;
  const machine = openMachine({
    ramBytes: options.ramBytes, largePages: options.largePages ?? true, clock: options.clock ?? "host", console: options.console, onControl: options.onEvent, entropy,
    wallClock: options.clock === "blocks" ? DETERMINISTIC_EPOCH : BigInt(Date.now()) * 1_000_000n,
    ...(options.terminal === undefined ? {} : { terminal: options.terminal }),
    ...(options.disks === undefined ? {} : { disks: options.disks }),
    ...(options.networks === undefined ? {} : { networks: options.networks }),
    ...(options.display === undefined ? {} : { display: options.display }),
    ...(options.unchecked === undefined ? {} : { unchecked: options.unchecked }),
    onProgramError: (frame, text) => {
      const t = kernel?.tcbOfFrame[frame];
      report({ event: "log", component: t === undefined ? "?" : threadName(t), text });
    },
    onStranded: (thread, fault) => report({ event: "fault", component: thread, reason: `${fault}, and it has no keeper: it stays stopped` }),
    onDevice: (device, text) => report({ event: "log", component: device, text }),
  });
  try {
    const times = new StepTimes();
    const { hosted } = machine;
    const k = (kernel = new Kernel(options.clock === "blocks" ? machine : { ...machine, hosted: { ...hosted, step: times.watch(hosted.step) } }));
    machine.attach(threadMemory(k));
    if (options.onTrace !== undefined) k.trace = new Trace(TRACE_ENTRIES);
    startRoot(k, { files: options.files, program: ROOT_FILE, devices: BOARD_DEVICES.map(({ physical }) => ({ physical, bytes: DEVICE_BYTES })) });
    return systemOf(k, machine, times, options);
  } catch (error) {
    machine.close();
    throw error;
  }
}

function systemOf(k: Kernel, machine: BoardMachine, times: StepTimes, { clock, onTrace, onTurn }: BootOptions): System {
  const deterministic = clock === "blocks";
  let stopped: string | undefined;
  let wakeUp = (): void => {};
  machine.onInterrupt(() => wakeUp());
  // An alarm is set in the middle of a slice: the host's turn comes when it is due.
  machine.alarms.onSooner = (ticks) => {
    k.hostDeadline = Math.min(k.hostDeadline, ticks);
    k.deadline = Math.min(k.deadline, ticks);
    machine.setDeadline(k.deadline);
  };

  const waits = new Waits(k), resting = new Resting(k, machine.forgetVcpu);
  /** Waits for an interrupt, or until something is due. */
  const idle = (): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      let timer: NodeJS.Timeout | undefined;
      // After everything else that the host has to tell by then: disks that are done together interrupt once.
      wakeUp = () => void setImmediate(done);
      const ms = waits.sleep(machine.clock(), machine.alarms.next);
      if (ms === Infinity) {
        // Nothing holds the process open while a machine waits for input only.
        timer = setTimeout(done, 1000);
        return;
      }
      if (ms === 0) setImmediate(done);
      else timer = setTimeout(done, ms);
    });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  let traced = 0;
  const handOver = (): void => {
    if (k.trace === null || k.trace.written === traced) return;
    const { records, lost } = k.trace.read(traced);
    traced = k.trace.written;
    onTrace?.(records, lost);
  };

  const loop = async (): Promise<Ending> => {
    while (stopped === undefined) {
      const pause = run(k, Math.min(machine.clock() + SLICE, machine.alarms.next));
      machine.alarms.ring();
      const due = Math.min(k.nextTimer, machine.alarms.next);
      handOver();
      onTurn?.();
      if (!deterministic) resting.look(machine.clock());
      if (stopped !== undefined) break;
      if (pause === "slice") {
        await turn();
      } else if (k.nextTimer === Infinity && !awaitsInterrupt(k) && k.debugger?.holds !== true) {
        return { kind: "idle" };
      } else if (deterministic && due < Infinity && !machine.irq.pending && k.debugger?.holds !== true) {
        machine.advanceClock(Math.max(0, Math.ceil(due - machine.clock())));
        machine.alarms.ring();
        await turn();
      } else {
        if (!machine.irq.pending) await idle();
        machine.alarms.ring();
        wakeUp = () => {};
      }
    }
    return { kind: "stopped", reason: stopped };
  };

  let stats: SystemStats | undefined;
  const readStats = (): SystemStats => {
    const c = new Float64Array(machine.control, 0, 8);
    return { traps: c[5]!, fastCalls: c[6]!, blocks: c[2]!, engines: c[3]!, rebinds: c[4]!, ticks: machine.clock() };
  };
  return {
    async run() {
      try {
        return await loop();
      } catch (error) {
        // What led to it is in the trace.
        handOver();
        if (error instanceof KernelPanic) return { kind: "panic", message: error.message };
        throw error;
      } finally {
        stats = readStats();
        machine.close();
      }
    },
    stop(reason) {
      stopped ??= reason;
      k.hostDeadline = 0;
      k.leave = true;
      wakeUp();
    },
    wake: () => wakeUp(),
    stats: () => stats ?? readStats(),
    kernel: k,
    hostedSeconds: (frame) => times.seconds(frame),
    order: machine.order,
    ramImages: machine.ramImages,
  };
}

async function hostEntropy(): Promise<(most: number) => Uint8Array> {
  const { randomBytes } = await import("node:crypto");
  return (most) => randomBytes(most);
}

/** A stream that follows from the seed alone, for repeatable runs; no secret. Source: xoshiro128**, Blackman and Vigna 2018. */
function seededEntropy(seed: Uint8Array): (most: number) => Uint8Array {
  const state = new Uint32Array(4);
  seed.forEach((byte, i) => (state[(i >> 2) & 3]! ^= byte << (8 * (i & 3))));
  if (state.every((word) => word === 0)) state[0] = 1;
  const next = (): number => {
    const [a, b, c, d] = [state[0]!, state[1]!, state[2]!, state[3]!];
    const x = Math.imul(b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    state[2] = c ^ a;
    state[3] = d ^ b;
    state[1] = b ^ state[2]!;
    state[0] = a ^ state[3]!;
    state[2]! ^= b << 9;
    state[3] = (state[3]! << 11) | (state[3]! >>> 21);
    return result;
  };
  return (most) => Uint8Array.from({ length: most }, () => next() & 0xff);
}

