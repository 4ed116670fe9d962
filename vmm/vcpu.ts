// Invocations of the VCPU that are made once or seldom: its device windows, its start, and the wiring of console input to the thread that runs it.
import { InitSlot, Invocation, Right, VcpuRegister, VcpuState } from "../caps/abi/numbers.ts";
import { cnodeMint, tcbBindNotification, vcpuAddHart, vcpuAddMachineMode, vcpuGetState, vcpuMapDevice, vcpuSetState } from "../servers/lib/ts/objects.ts";
import type { Message, Op, Sys, Word } from "../servers/lib/ts/sdk.ts";
import type { GuestConsole } from "./console.ts";
import { GuestMap } from "./spec.ts";

const TWO32 = 2 ** 32;
/** CPtrs are 32 bits, all of them resolved. */
const own = (index: number): { readonly cnode: number; readonly index: number; readonly depth: number } => ({ cnode: InitSlot.CNode, index, depth: 32 });
/** A slot of the upper half of the CSpace, which is the program's own. */
const SIGNAL_SLOT = 128;
/** The bit of the notification by which the console says that there is input. Below are interrupts of the machine's devices (passed.ts), above what servers ring (outside.ts). */
export const INPUT_BIT = 2 ** 37;
/** Privilege. */
const SUPERVISOR = 1;
/** sip.SSIP */
const SUPERVISOR_SOFTWARE = 1 << 1;
const A0 = 10;

/**
 * What the guest finds as devices (`clock`: a real-time clock among them; `generation`: its counter); accesses there come to us. Few windows: each costs the engine. All but the first of the harts are stopped;
 * with a machine mode all start, as at power-on. What went wrong, or null.
 */
export function* createHarts(sys: Sys, [vcpu = 0, ...others]: readonly number[], { clock, generation, machineMode }: { readonly clock: boolean; readonly generation: boolean; readonly machineMode: boolean }): Op<string | null> {
  const { GENERATION, PLIC, POWER, RTC, UART, VIRTIO } = GuestMap;
  const windows = [
    ...(machineMode ? [[POWER.base, POWER.bytes] as const] : []),
    ...(clock ? [[RTC.base, RTC.bytes] as const] : []),
    ...(generation ? [[GENERATION.base, GENERATION.bytes] as const] : []),
    [PLIC.base, PLIC.bytes],
    [UART.base, VIRTIO.base + VIRTIO.slots * VIRTIO.stride - UART.base],
  ] as const;
  for (const [base, bytes] of windows) {
    const problem = problemOf(yield* vcpuMapDevice(sys, vcpu, base, bytes), "a device window is refused");
    if (problem !== null) return problem;
  }
  for (const other of others) {
    const added = problemOf(yield* vcpuAddHart(sys, vcpu, other), "a further hart is refused");
    const problem = added ?? (machineMode ? null : problemOf(yield* vcpuSetState(sys, other, VcpuState.stopped), "a further hart does not stop"));
    if (problem !== null) return problem;
  }
  for (const each of machineMode ? [vcpu, ...others] : []) {
    const problem = problemOf(yield* vcpuAddMachineMode(sys, each), "a machine mode is refused");
    if (problem !== null) return problem;
  }
  return null;
}

/** The hart begins without address translation, as a new VCPU does: at `entry`, a0 = its number, a1 = the device tree, or what whoever starts it says, and a2. What went wrong, or null. */
export function* setStart(sys: Sys, vcpu: number, hart: number, entry: Word, opaque: Word, ...more: readonly Word[]): Op<string | null> {
  const write = writer(sys, vcpu);
  return problemOf(yield* write(VcpuRegister.pc, entry), "the entry point is refused") ?? problemOf(yield* write(A0, hart, opaque, ...more), "the start registers are refused");
}

/** The same for one that has run: without interrupts, too. */
export function* setStartAgain(sys: Sys, vcpu: number, hart: number, entry: Word, opaque: Word): Op<string | null> {
  const write = writer(sys, vcpu);
  const problem = problemOf(yield* write(VcpuRegister.sstatus, 0), "the start registers are refused") ?? problemOf(yield* write(VcpuRegister.satp, 0, SUPERVISOR), "the start registers are refused");
  return problem ?? (yield* setStart(sys, vcpu, hart, entry, opaque));
}

const writer = (sys: Sys, vcpu: number) => (first: number, ...values: Word[]): Op<Message> => sys.call(vcpu, Invocation.VCPUWriteRegisters, [first, ...values]);

/** The state of each hart, by number. */
export function* statesOf(sys: Sys, vcpus: readonly number[]): Op<number[]> {
  const states: number[] = [];
  for (const vcpu of vcpus) states.push((yield* vcpuGetState(sys, vcpu)).word(0));
  return states;
}

/** Makes the hart's software interrupt pending; the guest clears it. */
export function* softwareInterrupt(sys: Sys, vcpu: number): Op<void> {
  const answer = yield* sys.call(vcpu, Invocation.VCPUReadRegisters, [VcpuRegister.sip + 1 * TWO32]);
  if (!answer.error) yield* sys.call(vcpu, Invocation.VCPUWriteRegisters, [VcpuRegister.sip, answer.lo(0) | SUPERVISOR_SOFTWARE]);
}

/**
 * Gives the console (null: there is no input) a badged capability to our notification. Where nothing outside can wake the guest, neither a key nor a server of a device (`alone`), the
 * notification is unbound: the kernel can then tell a guest that waits for ever (Exit.Stuck) from one that waits for something. False: no input comes.
 */
export function* attachInput(sys: Sys, console: GuestConsole | null, alone: boolean): Op<boolean> {
  const minted = console !== null && !(yield* cnodeMint(sys, own(SIGNAL_SLOT), own(InitSlot.Notification), Right.Write, INPUT_BIT)).error;
  const attached = minted && (yield* console.attach(SIGNAL_SLOT));
  if (!attached && alone) yield* tcbBindNotification(sys, InitSlot.TCB, 0);
  return attached;
}

const problemOf = (answer: Message, problem: string): string | null => (answer.error ? `${problem}: error ${answer.label}` : null);
