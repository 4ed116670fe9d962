// The VMM: hosts one guest machine. A hosted program with the authority of its guest and no more: the guest's VCPU and RAM, the kernel's files to
// read, a console. Every exit of the guest comes here, is answered by a device model or the firmware's table of calls, and the guest goes on.
//
// Invariants
//   V1  Nothing a guest does makes the VMM fault: what makes no sense reads as 0, is refused, or ends this guest with a named reason.
//   V2  Each load and each call of the guest is answered once, by the completion of the next VCPURun; a store needs no answer.
//   V3  Console output reaches the server before the guest can wait for anything without coming back here (machine.ts, outputDue).
import { Exit, InitSlot, Invocation, VcpuState } from "../caps/abi/numbers.ts";
import { ORDER_BIT } from "../caps/image/system.ts";
import { vcpuSetState } from "../servers/lib/ts/objects.ts";
import type { Env, Message, Op, Word } from "../servers/lib/ts/sdk.ts";
import { toArgs } from "./args.ts";
import { GuestBalloon } from "./balloon.ts";
import { GuestConsole } from "./console.ts";
import { guestTree } from "./devicetree.ts";
import { SEED_BYTES, SeededEntropy } from "./entropy.ts";
import { writeDeviceTree } from "./fdt.ts";
import { checkNextStage, placeFirmware, treeRoom } from "./firmware.ts";
import { GENERATION_BYTES } from "./generation.ts";
import { checkKernel, IMAGE_HEAD_BYTES } from "./image.ts";
import { GuestLife } from "./life.ts";
import { initrdLength, place, planLayout, type LoadedFile } from "./loader.ts";
import { GuestMachine } from "./machine.ts";
import { GuestMemory } from "./memory.ts";
import { Reporter } from "./report.ts";
import { handleSbi, Sbi, type SbiCall, type SbiOutcome } from "./sbi.ts";
import { openServers } from "./servers.ts";
import { EndingStatus, GuestMap, type EndingKind, type GuestArgs } from "./spec.ts";
import { systemSuspend } from "./suspend.ts";
import { attachInput, createHarts, INPUT_BIT, setStart, setStartAgain, softwareInterrupt, statesOf } from "./vcpu.ts";

/** Completion codes of VCPURun. */
const Completion = { NONE: 0, MMIO: 1, SBI: 2 } as const;
const REPORT_LINES = 20;
const NO_FILE: LoadedFile = { address: 0, bytes: 0 };

interface Ending {
  readonly kind: EndingKind;
  readonly detail?: string;
}

export default function* main(env: Env): Op<void> {
  const reporter = new Reporter(env);
  const args = toArgs(env.args);
  if (typeof args === "string") return yield* end(reporter, null, { kind: "unbootable", detail: args }, null);
  const console = new GuestConsole(env, env.use["console"]?.cap ?? 0, reporter.complain);
  const entropy = args.seed === undefined ? null : new SeededEntropy(Uint8Array.from(args.seed));
  const memory = new GuestMemory(env.mem, env.use["ram"]?.address ?? 0, args.ramBytes);
  const servers = yield* openServers(env, args, memory, reporter.complain);
  if (typeof servers === "string") return yield* end(reporter, null, { kind: "unbootable", detail: servers }, null);
  const balloon = args.balloon === undefined ? null : new GuestBalloon(args.ramBytes, args.balloon);
  const machine = new GuestMachine({ memory, harts: args.cpus ?? 1, machineMode: firmwareOf(env) !== undefined, console, cmdline: args.cmdline, entropy, ...servers, balloon, complain: reporter.complain });
  const life = new GuestLife(env, args, vcpusOf(env, args), machine, console, reporter);
  machine.hearsInput = yield* attachInput(env.sys, args.input === false ? null : console, machine.outside.length === 0 && args.led !== true);
  const refusal = args.restore === true ? yield* goOn(env, args, machine, entropy, life) : yield* boot(env, args, machine, entropy);
  if (refusal !== null) return yield* end(reporter, null, { kind: "unbootable", detail: refusal }, null);
  yield* reporter.state({ state: "running" });
  const ending = yield* run(env, args, machine, console, reporter, life);
  yield* console.flush();
  yield* end(reporter, console, ending, machine.control.status);
}

/** Loads the guest and sets its hart to the kernel's entry. What prevents it, or null. */
function* boot(env: Env, args: GuestArgs, machine: GuestMachine, entropy: SeededEntropy | null): Op<string | null> {
  const { ram, kernel } = env.use, vcpus = vcpusOf(env, args), firmware = firmwareOf(env), machineMode = firmware !== undefined;
  if (vcpus.includes(0) || ram === undefined || ram.bytes < args.ramBytes) return "no VCPU, or less RAM than args.ramBytes";
  if (!machineMode && (kernel === undefined || kernel.bytes === 0)) return "there is no kernel image";
  const image = machineMode ? checkNextStage(env.mem, firmware, kernel) : checkKernel(env.mem.read(kernel!.address, Math.min(kernel!.bytes, IMAGE_HEAD_BYTES)), kernel!.bytes);
  if (!image.ok) return image.reason;
  const parts = [env.use["initrd"], env.use["initrdExtra"]].filter((part): part is NonNullable<typeof part> => part !== undefined && part.bytes > 0);
  const initrdBytes = initrdLength(parts);

  const seeds = entropy === null ? {} : { seeds: { rng: entropy.take(SEED_BYTES), kaslr: entropy.take(8) } };
  if (entropy !== null) machine.generation?.begin(entropy.take(GENERATION_BYTES));
  const treeFor = (initrd: number): Uint8Array =>
    writeDeviceTree(guestTree({ ...args, machineMode, virtioSlots: machine.virtioSlots, rtc: machine.clock !== null, generation: machine.generation !== null, ...(initrdBytes > 0 ? { initrd: { address: initrd, bytes: initrdBytes } } : {}), ...seeds }));
  // An address takes the same room whatever it is, so the tree's length is known before its contents.
  const treeBytes = treeFor(0).length;
  const layout = planLayout(args.ramBytes, image, initrdBytes, machineMode ? treeRoom(treeBytes) : treeBytes);
  if (!layout.ok) return layout.reason;
  place(env.mem, ram.address, layout, kernel ?? NO_FILE, parts, treeFor(layout.initrd));

  const problem = yield* createHarts(env.sys, vcpus, { clock: machine.clock !== null, generation: machine.generation !== null, machineMode });
  if (problem !== null) return problem;
  if (!machineMode) return yield* setStart(env.sys, vcpus[0]!, 0, layout.kernel, layout.tree);
  const info = placeFirmware(env.mem, ram.address, layout, firmware, treeBytes);
  for (const [hart, vcpu] of vcpus.entries()) {
    const refused = yield* setStart(env.sys, vcpu, hart, GuestMap.RAM.base, layout.tree, info);
    if (refused !== null) return refused;
  }
  return null;
}

/** Makes the guest what it was when its snapshot was taken. What prevents it, or null. */
function* goOn(env: Env, args: GuestArgs, machine: GuestMachine, entropy: SeededEntropy | null, life: GuestLife): Op<string | null> {
  const { ram } = env.use, vcpus = vcpusOf(env, args);
  if (vcpus.includes(0) || ram === undefined || ram.bytes < args.ramBytes) return "no VCPU, or less RAM than args.ramBytes";
  const problem = yield* createHarts(env.sys, vcpus, { clock: machine.clock !== null, generation: machine.generation !== null, machineMode: machine.hasFirmware });
  return problem ?? (yield* life.restore(entropy?.take(GENERATION_BYTES)));
}

/** A guest that has it starts in it, in machine mode. */
function firmwareOf(env: Env): LoadedFile | undefined {
  const { firmware } = env.use;
  return firmware !== undefined && firmware.bytes > 0 ? firmware : undefined;
}

/** The harts' VCPUs by number: the uses `vcpu`, `vcpu1` and so on. 0 for one that is missing. */
const vcpusOf = (env: Env, args: GuestArgs): number[] => Array.from({ length: args.cpus ?? 1 }, (_, hart) => env.use[hart === 0 ? "vcpu" : `vcpu${hart}`]?.cap ?? 0);

/** Runs the guest until it ends. */
function* run(env: Env, args: GuestArgs, machine: GuestMachine, console: GuestConsole, reporter: Reporter, life: GuestLife): Op<Ending> {
  const { sys } = env;
  const vcpus = vcpusOf(env, args), vcpu = vcpus[0]!;
  const { bus, input, outside } = machine;
  const memory = new GuestMemory(env.mem, env.use["ram"]!.address, args.ramBytes);
  // One array for all runs: completion, its two values, interrupt lines.
  const words: Word[] = [Completion.NONE, 0, 0, 0];

  for (;;) {
    words[3] = machine.lines;
    const exit = yield* sys.call(vcpu, Invocation.VCPURun, words);
    let address = -1;
    let rung = 0;
    words[0] = Completion.NONE;
    if (exit.error) return { kind: "broken", detail: `the kernel refuses to run it: error ${exit.label}` };
    const hart = exit.label >>> 8;
    switch (exit.label & 0xff) {
      case Exit.MMIO:
        address = exit.word(0);
        // What it shows must be known before the device is asked.
        if (machine.clockAt(address)) yield* machine.clock!.look();
        if (exit.hi(2) === 0) {
          words[0] = Completion.MMIO;
          words[1] = bus.read(address, exit.lo(2));
        } else {
          bus.write(address, exit.lo(2), exit.lo(1), exit.hi(1));
          if (machine.power.request !== null) return ended(machine.power.request.type, machine.power.request.failure ? "it reported a failure" : console.tail.panic, machine.control.status);
        }
        break;
      case Exit.SBI: {
        const call: SbiCall = { extension: exit.word(0), fn: exit.word(1), a0: exit.word(2), a1: exit.word(3), a2: exit.word(4) };
        const harts = call.extension === Sbi.HSM || call.extension === Sbi.SUSP ? { self: hart, states: yield* statesOf(sys, vcpus) } : undefined;
        const outcome = call.extension === Sbi.SUSP ? systemSuspend(call, memory, { wakes: machine.wakes, othersRun: harts!.states.some((state, n) => n !== hart && state !== VcpuState.stopped) }) : handleSbi(call, memory, machine.firmware, harts);
        if (outcome.kind === "reset") return ended(outcome.type, console.tail.panic ?? (outcome.failure ? "it reported a failure" : null), machine.control.status);
        words[0] = Completion.SBI;
        words[1] = outcome.kind === "return" ? outcome.error : outcome.kind === "legacy" ? outcome.value : 0;
        words[2] = outcome.kind === "return" ? outcome.value : outcome.kind === "legacy" ? exit.big(3) : 0;
        if (outcome.kind === "interrupt") yield* softwareInterrupt(sys, vcpus[hart]!);
        else if (outcome.kind === "stop" || outcome.kind === "sleep" || (outcome.kind === "suspend" && outcome.anew)) words[0] = Completion.NONE;
        if (outcome.kind === "sleep") {
          // Words of the exit are in the IPC buffer, which the calls made meanwhile write.
          const [address, word] = [outcome.resume, exit.big(4)];
          yield* sleep(env, machine, console, life);
          const problem = yield* setStartAgain(sys, vcpus[hart]!, hart, address, word);
          if (problem !== null) return { kind: "broken", detail: problem };
          break;
        }
        const problem = yield* changeHarts(sys, vcpus, hart, outcome, exit);
        if (problem !== null) return { kind: "broken", detail: problem };
        break;
      }
      case Exit.Notified:
        rung = exit.word(0);
        machine.notified++;
        if (hasBit(rung, ORDER_BIT)) rung = (yield* life.obey()) || rung;
        if (hasBit(rung, INPUT_BIT)) yield* console.fetch(input);
        break;
      case Exit.Stuck:
        return { kind: "stuck", detail: "it waits for an interrupt that nothing can raise" };
      case Exit.Broken:
        return { kind: "broken", detail: (args.cpus ?? 1) > 1 ? `hart ${hart} ${brokenDetail(exit)}` : brokenDetail(exit) };
      default:
        return { kind: "broken", detail: `unknown exit ${exit.label}` };
    }
    // Most exits are an access of the guest's, and nobody has rung.
    for (const device of outside) if (device.due || (rung !== 0 && hasBit(rung, device.bit))) yield* device.turn();
    while (machine.outputDue(address)) {
      yield* console.flush();
      machine.drained();
    }
    if (input.waiting > 0) {
      input.deliver();
      if (console.wantsFetch(input)) yield* console.fetch(input);
    }
    for (let news = machine.control.next(); news !== null; news = machine.control.next()) yield* reporter.state(news);
    const news = machine.balloon?.next() ?? null;
    if (news !== null) yield* reporter.state(news);
    if (reporter.pending) yield* reporter.send();
  }
}

/** The guest sleeps; its devices do not. Back when it is woken. */
function* sleep(env: Env, machine: GuestMachine, console: GuestConsole, life: GuestLife): Op<void> {
  yield* console.flush();
  machine.drained();
  machine.falls();
  for (let rung = 0; ; rung = yield* env.sys.wait(InitSlot.Notification)) {
    if (hasBit(rung, ORDER_BIT)) rung = (yield* life.obey()) || rung;
    if (hasBit(rung, INPUT_BIT)) yield* console.fetch(machine.input);
    for (const device of machine.outside) if (device.due || hasBit(rung, device.bit)) yield* device.turn();
    if (machine.woken) return;
  }
}

/** Of a notification's word, which may have any of 53 bits. */
const hasBit = (word: number, bit: number): boolean => Math.floor(word / bit) % 2 === 1;

/** What an SBI call does to harts. What went wrong, or null. */
function* changeHarts(sys: Env["sys"], vcpus: readonly number[], self: number, outcome: SbiOutcome, exit: Message): Op<string | null> {
  const [address, opaque] = [exit.big(3), exit.big(4)];
  switch (outcome.kind) {
    case "start": {
      const vcpu = vcpus[outcome.hart]!;
      const problem = yield* setStartAgain(sys, vcpu, outcome.hart, address, opaque);
      if (problem === null) yield* vcpuSetState(sys, vcpu, VcpuState.started);
      return problem;
    }
    case "stop":
      yield* vcpuSetState(sys, vcpus[self]!, VcpuState.stopped);
      return null;
    case "suspend": {
      const problem = outcome.anew ? yield* setStartAgain(sys, vcpus[self]!, self, address, opaque) : null;
      if (problem === null) yield* vcpuSetState(sys, vcpus[self]!, VcpuState.suspended);
      return problem;
    }
    default:
      return null;
  }
}

/** The guest asked its firmware to end. What its init said counts, unless its kernel failed before init could say anything. */
function ended(type: "shutdown" | "reboot", failure: string | null, status: number | null): Ending {
  if (status !== null) return { kind: "poweroff" };
  if (failure !== null) return { kind: "panic", detail: failure };
  return type === "reboot" ? { kind: "reboot", detail: "it asked for a reset" } : { kind: "poweroff" };
}

function brokenDetail(exit: Message): string {
  const error = exit.word(1);
  const why = error === 0 ? "it has no handler for an exception of its own" : `engine error ${error}, address 0x${exit.big(0).toString(16)}`;
  return `at pc 0x${exit.big(2).toString(16)}: ${why}`;
}

/** Says how it ended, and exits. Does not come back. */
function* end(reporter: Reporter, console: GuestConsole | null, ending: Ending, exitStatus: number | null): Op<void> {
  const status = ending.kind === "poweroff" ? (exitStatus ?? EndingStatus.poweroff) : EndingStatus[ending.kind];
  yield* reporter.send();
  yield* reporter.state({
    state: ending.kind,
    status,
    ...(ending.detail === undefined ? {} : { detail: ending.detail }),
    ...(console === null || ending.kind === "poweroff" ? {} : { console: console.tail.lines(REPORT_LINES) }),
  });
  yield* reporter.exit(status);
}
