// Plays kernel, console server and root server for a VMM whose guest is a script: a generator that yields exits and is sent their completions.
// What the guest would do with an engine under it is in bare-host.ts; here a test decides it exit by exit.
import { ErrorCode, Exit, InitSlot, Invocation } from "../../caps/abi/numbers.ts";
import { Console } from "../../servers/console/protocol.ts";
import type { Env, Op, Use, Word } from "../../servers/lib/ts/sdk.ts";
import { Parent } from "../../servers/root/protocol.ts";
import main from "../../vmm/main.ts";
import type { GuestReport } from "../../vmm/spec.ts";
import { linuxImage } from "./kernel-image.ts";
import { Answer, counted, countedAnswer, memoryOf, type Area } from "./messages.ts";

export const RAM_BYTES = 16 * 1024 * 1024;
const VCPU = 16;
const CONSOLE = 17;
const RAM_AT = 0x10_0000_0000;
const KERNEL_AT = 0x5000_0000;
/** The first of the further servers. */
const SERVERS = 18;
const INITRD_AT = 0x5100_0000;
const EXTRA_AT = 0x5180_0000;
const FIRMWARE_AT = 0x5200_0000;

export type GuestExit =
  | { readonly load: number; readonly size?: number }
  | { readonly store: number; readonly value: number; readonly size?: number }
  /** a7, a6, a0, a1, a2. */
  | { readonly sbi: readonly [number, number, Word?, Word?, Word?] }
  | { readonly exit: Exit; readonly words?: readonly Word[] }
  | { readonly refuse: ErrorCode };

/** What VCPURun was given after an exit. */
export interface Completion {
  readonly kind: number;
  readonly value: Word;
  readonly second: Word;
  readonly lines: number;
  /** All that the console had been sent by then. */
  readonly output: string;
}

export type Script = (world: World) => Generator<GuestExit, void, Completion>;

export interface World {
  readonly ram: Uint8Array;
  output: string;
  /** Bytes of each write that the console got. */
  readonly writes: number[];
  /** Input that waits in the console. */
  input: number[];
  readonly reports: GuestReport[];
  readonly log: string[];
  /** Invocations other than VCPURun, of the VCPU and of our own objects. */
  readonly invocations: { readonly cap: number; readonly label: number; readonly words: readonly Word[] }[];
  runs: number;
  yields: number;
  status: number | null;
  /** Replaces the console's answers where it gives one. */
  console: (label: number, words: readonly Word[]) => Answer | null;
}

export interface ScriptOptions {
  readonly cmdline?: string;
  readonly kernel?: Uint8Array | null;
  readonly firmware?: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly initrdExtra?: Uint8Array;
  readonly args?: unknown;
  readonly console?: World["console"];
  readonly input?: string;
  /** Further servers that the VMM uses, by name: what they answer. */
  readonly servers?: Readonly<Record<string, (label: number, words: readonly Word[]) => Answer>>;
  /** What the VMM is woken by when it waits, in order. */
  readonly bells?: number[];
}

export function runScript(script: Script, options: ScriptOptions = {}): World {
  const ram = new Uint8Array(RAM_BYTES);
  const world: World = {
    ram,
    output: "",
    writes: [],
    input: [...new TextEncoder().encode(options.input ?? "")],
    reports: [],
    log: [],
    invocations: [],
    runs: 0,
    yields: 0,
    status: null,
    console: options.console ?? (() => null),
  };
  const guest = script(world);
  const files = [
    ["kernel", KERNEL_AT, options.kernel === undefined ? linuxImage() : options.kernel],
    ["firmware", FIRMWARE_AT, options.firmware],
    ["initrd", INITRD_AT, options.initrd],
    ["initrdExtra", EXTRA_AT, options.initrdExtra],
  ] as const;
  const use: Record<string, Use> = {
    vcpu: { cap: VCPU, address: 0, bytes: 0, badge: 0 },
    console: { cap: CONSOLE, address: 0, bytes: 0, badge: 0 },
    ram: { cap: 0, address: RAM_AT, bytes: RAM_BYTES, badge: 0 },
  };
  const servers = Object.entries(options.servers ?? {});
  for (const [i, [name]] of servers.entries()) use[name] = { cap: SERVERS + i, address: 0, bytes: 0, badge: 0 };
  const areas: Area[] = [{ address: RAM_AT, bytes: ram }];
  for (const [name, address, bytes] of files) {
    if (bytes === undefined || bytes === null) continue;
    use[name] = { cap: 0, address, bytes: bytes.length, badge: 0 };
    areas.push({ address, bytes });
  }

  const invoke = (cap: number, label: number, words: readonly Word[]): Answer => {
    if (cap === VCPU && label === Invocation.VCPURun) return run(words);
    if (cap === CONSOLE) return world.console(label, words) ?? onConsole(world, label, words);
    const server = servers[cap - SERVERS];
    if (server !== undefined) return server[1](label, words);
    if (cap === InitSlot.Parent) return onParent(world, label, words);
    world.invocations.push({ cap, label, words: [...words] });
    return new Answer(0, label === Invocation.VCPUReadRegisters ? [0] : []);
  };

  const run = (words: readonly Word[]): Answer => {
    world.runs++;
    const completion: Completion = { kind: Number(words[0]), value: words[1]!, second: words[2]!, lines: Number(words[3]), output: world.output };
    const step = guest.next(completion);
    return step.done === true ? new Answer(Exit.Stuck) : toAnswer(step.value);
  };

  const mem = memoryOf(areas);
  const env: Env = {
    sys: {
      *call(cap, label, words = []): Op<Answer> {
        yield;
        return invoke(cap, label, words).deliver(mem);
      },
      *yield() {
        world.yields++;
        yield;
      },
      send: unused,
      nbsend: unused,
      recv: unused,
      nbrecv: unused,
      replyRecv: unused,
      signal: unused,
      *wait() {
        yield;
        const bell = options.bells?.shift();
        if (bell === undefined) throw new Error("the VMM waits for ever");
        return bell;
      },
      poll: unused,
      receiveSlots: unused,
    },
    mem,
    name: "vmm",
    slots: 256,
    use,
    offers: [],
    args: options.args ?? { name: "scripted", ramBytes: RAM_BYTES, cmdline: options.cmdline ?? "" },
    start: { address: 0, bytes: 0 },
  };
  const program = main(env);
  while (world.status === null && program.next().done !== true);
  return world;
}

function unused(): never {
  throw new Error("a VMM makes no such system call");
}

function toAnswer(exit: GuestExit): Answer {
  if ("load" in exit) return new Answer(Exit.MMIO, [exit.load, 0, exit.size ?? 4]);
  if ("store" in exit) return new Answer(Exit.MMIO, [exit.store, exit.value, (exit.size ?? 4) + 2 ** 32]);
  if ("sbi" in exit) return new Answer(Exit.SBI, [...exit.sbi.map((word) => word ?? 0), ...Array<number>(8 - exit.sbi.length).fill(0)]);
  if ("exit" in exit) return new Answer(exit.exit, exit.words ?? []);
  return new Answer(exit.refuse, [], true);
}

function onConsole(world: World, label: number, words: readonly Word[]): Answer {
  if (label === Console.methods.write.label) {
    const bytes = counted(words);
    world.output += String.fromCharCode(...bytes);
    world.writes.push(bytes.length);
    return new Answer(0, [bytes.length]);
  }
  if (label === Console.methods.read.label) {
    const taken = Uint8Array.from(world.input.splice(0, Number(words[0])));
    return countedAnswer(taken);
  }
  return new Answer(label === Console.methods.attach.label ? 0 : Console.refusals.badRequest);
}

function onParent(world: World, label: number, words: readonly Word[]): Answer {
  const text = (): string => String.fromCharCode(...counted(words));
  if (label === Parent.methods.exit.label) world.status = Number(words[0]);
  else if (label === Parent.methods.guest.label) world.reports.push(JSON.parse(text()) as GuestReport);
  else world.log.push(text());
  return new Answer(0);
}
