// The VMM on the bare engine: plays the kernel, the console server and the root server for one VMM, with nothing between it and the addon.
// For tests of the VMM with real guests, and as the bare loop that the `hosting` benchmark compares with: same engine, same device models, no kernel.
import { Exit, InitSlot, Invocation, VcpuRegister } from "../../caps/abi/numbers.ts";
import { EXIT, VCPU_RECORD, VCPU_RECORD_BYTES } from "../../core/machine/shared.ts";
import { createMachine, type NativeMachine } from "../../core/machine/unicorn.ts";
import { Console } from "../../servers/console/protocol.ts";
import type { Env, Message, Op, Sys, Use, Word } from "../../servers/lib/ts/sdk.ts";
import { Parent } from "../../servers/root/protocol.ts";
import main from "../../vmm/main.ts";
import { INPUT_BIT } from "../../vmm/vcpu.ts";
import type { GuestReport } from "../../vmm/spec.ts";
import { Answer, counted, countedAnswer, memoryOf, type Area } from "./messages.ts";

export interface BareGuest {
  readonly ramBytes: number;
  readonly cmdline: string;
  readonly kernel?: Uint8Array;
  /** It starts in this, in machine mode. */
  readonly firmware?: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly initrdExtra?: Uint8Array;
  readonly seed?: readonly number[];
  /** Host milliseconds after which the run is given up: it throws. */
  readonly limit?: number;
  /** Called with all output so far, each time some arrives: bytes to type. */
  readonly answer?: (output: string) => string | null;
  readonly onOutput?: (bytes: Uint8Array) => void;
}

export interface BareRun {
  readonly output: string;
  readonly reports: readonly GuestReport[];
  readonly log: readonly string[];
  /** What the VMM exited with. */
  readonly status: number;
  readonly milliseconds: number;
  readonly exits: number;
}

const MIB = 1024 * 1024;
const VCPU = 16;
const CONSOLE = 17;
const RAM_AT = 0x10_0000_0000;
const FILES_AT = 0x20_0000_0000;

/** The words of an SBI exit: a7, a6, a0 ... */
const SBI_ORDER = [7, 6, 0, 1, 2, 3, 4, 5];

/** VCPURun's answers without a bigint: they are made 100,000 times. */
class ExitAnswer extends Answer {
  readonly #halves: Int32Array;
  constructor(label: number, halves: Int32Array) {
    super(label);
    this.#halves = halves;
  }
  override lo(i: number): number {
    return this.#halves[2 * i] ?? 0;
  }
  override hi(i: number): number {
    return this.#halves[2 * i + 1] ?? 0;
  }
  override word(i: number): number {
    return (this.lo(i) >>> 0) + (this.hi(i) >>> 0) * 2 ** 32;
  }
  override big(i: number): bigint {
    return (BigInt(this.hi(i) >>> 0) << 32n) | BigInt(this.lo(i) >>> 0);
  }
}

/** Sleeps without spinning; nothing else goes on in this thread meanwhile. */
const sleep = (milliseconds: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

/** Runs a guest to its end. */
export function runBare(guest: BareGuest): BareRun {
  const native = createMachine({ ramBytes: guest.ramBytes, maxThreads: 1, maxSpaces: 1, maxEngines: 1, maxVcpus: 1, clock: "host" });
  try {
    return drive(guest, native);
  } finally {
    native.close();
  }
}

function drive(guest: BareGuest, native: NativeMachine): BareRun {
  const started = performance.now();
  const vcpu = native.createVcpu();
  native.mapVcpuRam(vcpu, 0x8000_0000, 0, guest.ramBytes);
  const record = new Int32Array(native.vcpus, vcpu * VCPU_RECORD_BYTES, VCPU_RECORD_BYTES / 4);
  const times = new Float64Array(native.vcpus, vcpu * VCPU_RECORD_BYTES, VCPU_RECORD_BYTES / 8);
  const ram = new Uint8Array(native.ram, 0, guest.ramBytes);

  const areas: Area[] = [{ address: RAM_AT, bytes: ram }];
  const use: Record<string, Use> = {
    vcpu: { cap: VCPU, address: 0, bytes: 0, badge: 0 },
    console: { cap: CONSOLE, address: 0, bytes: 0, badge: 0 },
    ram: { cap: 0, address: RAM_AT, bytes: guest.ramBytes, badge: 0 },
  };
  let next = FILES_AT;
  for (const [name, bytes] of [["firmware", guest.firmware], ["kernel", guest.kernel], ["initrd", guest.initrd], ["initrdExtra", guest.initrdExtra]] as const) {
    if (bytes === undefined) continue;
    areas.push({ address: next, bytes });
    use[name] = { cap: 0, address: next, bytes: bytes.length, badge: 0 };
    next += Math.ceil((bytes.length + 1) / (2 * MIB)) * 2 * MIB;
  }

  const decoder = new TextDecoder("latin1");
  const reports: GuestReport[] = [];
  const log: string[] = [];
  let output = "";
  let typed: number[] = [];
  let notified = false;
  let status: number | null = null;
  let exits = 0;

  const registers = (first: number): number => 2 * (VCPU_RECORD.pc + first);

  function runVcpu(words: readonly Word[]): Answer {
    const [completion, w1, w2, lines] = [Number(words[0]), words[1] ?? 0, words[2] ?? 0, Number(words[3])];
    const put = (word: number, value: Word): void => {
      const whole = BigInt.asIntN(64, BigInt(value));
      record[2 * word] = Number(BigInt.asIntN(32, whole));
      record[2 * word + 1] = Number(whole >> 32n);
    };
    if (completion === 1) {
      if (typeof w1 === "number" && w1 === w1 >>> 0) {
        record[2 * VCPU_RECORD.data] = w1;
        record[2 * VCPU_RECORD.data + 1] = 0;
      } else put(VCPU_RECORD.data, w1);
      record[2 * VCPU_RECORD.completed] = 1;
    } else if (completion === 2) {
      put(VCPU_RECORD.a, w1);
      put(VCPU_RECORD.a + 1, w2);
    }
    record[2 * VCPU_RECORD.lines] = lines;
    for (;;) {
      if (guest.limit !== undefined && performance.now() - started > guest.limit) throw new Error(`the guest ran for more than ${guest.limit} ms; its output:\n${output}`);
      if (notified) {
        notified = false;
        return new Answer(Exit.Notified, [INPUT_BIT]);
      }
      switch (native.runVcpu(vcpu)) {
        case EXIT.mmio: {
          exits++;
          const word = (n: number): [number, number] => [record[2 * n]!, record[2 * n + 1]!];
          const [address, size] = [word(VCPU_RECORD.address), word(VCPU_RECORD.size)];
          return new ExitAnswer(Exit.MMIO, Int32Array.of(...address, ...word(VCPU_RECORD.data), size[0], record[2 * VCPU_RECORD.isWrite]!));
        }
        case EXIT.sbi: {
          exits++;
          const halves = new Int32Array(2 * SBI_ORDER.length);
          for (let i = 0; i < SBI_ORDER.length; i++) {
            const at = 2 * (VCPU_RECORD.a + SBI_ORDER[i]!);
            halves[2 * i] = record[at]!;
            halves[2 * i + 1] = record[at + 1]!;
          }
          return new ExitAnswer(Exit.SBI, halves);
        }
        case EXIT.wfi: {
          const left = times[VCPU_RECORD.timecmp]! - times[VCPU_RECORD.offset]! - native.clock();
          if (left === Infinity) return new Answer(Exit.Stuck);
          if (left > 0) sleep(Math.min(left / 10_000, 50));
          break;
        }
        case EXIT.broken:
          return new Answer(Exit.Broken, [record[2 * VCPU_RECORD.address]! >>> 0, record[2 * VCPU_RECORD.data]!, record[2 * VCPU_RECORD.pc]! >>> 0]);
        default: // preempted
      }
    }
  }

  function onConsole(label: number, words: readonly Word[]): Answer {
    if (label === Console.methods.write.label) {
      const bytes = counted(words);
      output += decoder.decode(bytes);
      guest.onOutput?.(bytes);
      const answer = guest.answer?.(output) ?? null;
      if (answer !== null) {
        typed.push(...new TextEncoder().encode(answer));
        notified = true;
      }
      return new Answer(0, [bytes.length]);
    }
    if (label === Console.methods.read.label) {
      const taken = Uint8Array.from(typed.slice(0, Number(words[0])));
      typed = typed.slice(taken.length);
      return countedAnswer(taken);
    }
    return new Answer(label === Console.methods.attach.label ? 0 : Console.refusals.badRequest);
  }

  function onParent(label: number, words: readonly Word[]): Answer {
    if (label === Parent.methods.exit.label) status = Number(words[0]);
    else if (label === Parent.methods.guest.label) reports.push(JSON.parse(decoder.decode(counted(words))) as GuestReport);
    else log.push(decoder.decode(counted(words)));
    return new Answer(0);
  }

  function invoke(cap: number, label: number, words: readonly Word[]): Answer {
    if (cap === CONSOLE) return onConsole(label, words);
    if (cap === InitSlot.Parent) return onParent(label, words);
    if (cap !== VCPU) return new Answer(0);
    switch (label) {
      case Invocation.VCPURun:
        return runVcpu(words);
      case Invocation.VCPUMapDevice:
        native.mapVcpuDevice(vcpu, Number(words[0]), Number(words[1]));
        return new Answer(0);
      case Invocation.VCPUAddMachineMode:
        native.addMachineMode(vcpu);
        return new Answer(0);
      case Invocation.VCPUWriteRegisters:
        native.readVcpu(vcpu);
        words.slice(1).forEach((word, i) => {
          record[registers(Number(words[0]) + i)] = Number(BigInt.asIntN(32, BigInt(word)));
          record[registers(Number(words[0]) + i) + 1] = Number(BigInt.asIntN(32, BigInt(word) >> 32n));
        });
        native.writeVcpu(vcpu);
        return new Answer(0);
      case Invocation.VCPUReadRegisters: {
        native.readVcpu(vcpu);
        const at = registers(VcpuRegister.sip);
        return new Answer(0, [record[at]! >>> 0]);
      }
      default:
        return new Answer(3, [], true);
    }
  }

  const mem = memoryOf(areas);
  const unused = (): never => {
    throw new Error("a VMM makes no such system call");
  };
  const sys: Sys = {
    *call(cap, label, words = []): Op<Message> {
      yield;
      return invoke(cap, label, words).deliver(mem);
    },
    send: unused,
    nbsend: unused,
    recv: unused,
    nbrecv: unused,
    replyRecv: unused,
    signal: unused,
    wait: unused,
    poll: unused,
    *yield() {
      yield;
    },
    receiveSlots: unused,
  };
  const args = { name: "bare", ramBytes: guest.ramBytes, cmdline: guest.cmdline, ...(guest.seed === undefined ? {} : { seed: guest.seed }) };
  const env: Env = { sys, mem, name: "vmm", slots: 256, use, offers: [], args, start: { address: 0, bytes: 0 } };
  const program = main(env);
  while (status === null && program.next().done !== true);
  if (status === null) throw new Error("the VMM returned without an exit");
  return { output, reports, log, status, milliseconds: performance.now() - started, exits };
}
