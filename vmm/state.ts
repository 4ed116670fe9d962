// A guest written down but for its RAM: its harts' registers, its time, and what its devices are in the middle of. Plain data, so that it can be kept as JSON. A machine of the same kind, whose
// RAM is the same, goes on from it exactly.
//
//   S1  It is taken and put back while no hart runs and no exit waits for its answer.
//   S2  A state is refused, in words, unless it is of this format and of a machine with the same RAM, harts and devices.
// What servers have at that moment is asked of them again: a disk's requests are begun anew from their descriptors (core/devices/virtio/blk.ts); frames on a cable may be lost, as on any.
import { Invocation, VCPU_MACHINE_REGISTERS, VCPU_REGISTERS, VcpuState } from "../caps/abi/numbers.ts";
import { vcpuGetState, vcpuGetTime, vcpuSetState, vcpuSetTime } from "../servers/lib/ts/objects.ts";
import type { Op, Sys, Word } from "../servers/lib/ts/sdk.ts";
import type { GuestMachine, MachineState } from "./machine.ts";

export const STATE_FORMAT = 1;
const TWO32 = 2 ** 32;

export interface HartState {
  /** VcpuState. */
  readonly state: number;
  /** By VcpuRegister, hexadecimal: with those of machine mode where the guest has firmware of its own. */
  readonly registers: readonly string[];
}

export interface GuestState {
  readonly format: number;
  readonly ramBytes: number;
  /** Ticks. */
  readonly time: number;
  readonly harts: readonly HartState[];
  readonly machine: MachineState;
}

/** What the guest is now; or why it cannot be told. */
export function* takeState(sys: Sys, vcpus: readonly number[], ramBytes: number, machine: GuestMachine): Op<GuestState | string> {
  const harts: HartState[] = [], count = registersOf(machine);
  for (const vcpu of vcpus) {
    const state = (yield* vcpuGetState(sys, vcpu)).word(0);
    const answer = yield* sys.call(vcpu, Invocation.VCPUReadRegisters, [count * TWO32]);
    if (answer.error) return `its registers cannot be read: error ${answer.label}`;
    harts.push({ state, registers: Array.from({ length: count }, (_, i) => answer.big(i).toString(16)) });
  }
  return { format: STATE_FORMAT, ramBytes, time: (yield* vcpuGetTime(sys, vcpus[0]!)).word(0), harts, machine: machine.save() };
}

/** The guest goes on from it when it runs next. What prevents that, or null; then it must not run. */
export function* putState(sys: Sys, vcpus: readonly number[], ramBytes: number, machine: GuestMachine, given: unknown): Op<string | null> {
  const state = checked(given);
  if (typeof state === "string") return state;
  const differs = difference(state, { ramBytes, registers: registersOf(machine), harts: vcpus.length, devices: machine.deviceNames });
  if (differs !== null) return differs;
  for (const [hart, { registers, state: doing }] of state.harts.entries()) {
    const vcpu = vcpus[hart]!;
    const values: Word[] = registers.map((hex) => BigInt(`0x${hex}`));
    const written = yield* sys.call(vcpu, Invocation.VCPUWriteRegisters, [0, ...values]);
    if (written.error) return `the registers of hart ${hart} are refused: error ${written.label}, word ${written.word(0)}`;
    if (doing !== VcpuState.started || hart > 0) yield* vcpuSetState(sys, vcpu, doing);
  }
  if ((yield* vcpuSetTime(sys, vcpus[0]!, state.time)).error) return "its time is refused";
  machine.restore(state.machine);
  return null;
}

const registersOf = (machine: GuestMachine): number => (machine.hasFirmware ? VCPU_MACHINE_REGISTERS : VCPU_REGISTERS);

function checked(given: unknown): GuestState | string {
  const { format, ramBytes, time, harts, machine } = (typeof given === "object" && given !== null ? given : {}) as Partial<GuestState>;
  if (format !== STATE_FORMAT) return `the state has format ${String(format)}, and this version reads format ${STATE_FORMAT}`;
  const isHart = ({ state, registers }: Partial<HartState>): boolean =>
    (state === VcpuState.started || state === VcpuState.stopped || state === VcpuState.suspended) && Array.isArray(registers) && (registers.length === VCPU_REGISTERS || registers.length === VCPU_MACHINE_REGISTERS) && registers.every((hex) => /^[0-9a-f]{1,16}$/.test(String(hex)));
  if (typeof ramBytes !== "number" || typeof time !== "number" || !(time >= 0 && time < 2 ** 53) || !Array.isArray(harts) || !harts.every((hart) => isHart(hart as Partial<HartState>)) || typeof machine !== "object") return "the state is damaged";
  return given as GuestState;
}

/** In words what is not as it was. */
function difference(state: GuestState, now: { readonly ramBytes: number; readonly registers: number; readonly harts: number; readonly devices: readonly string[] }): string | null {
  const says = (what: string, was: unknown, is: unknown): string => `the snapshot is of a guest with ${what} ${String(was)}, and this one has ${String(is)}`;
  if (state.ramBytes !== now.ramBytes) return says("RAM bytes", state.ramBytes, now.ramBytes);
  if (state.harts.length !== now.harts) return says("cpus", state.harts.length, now.harts);
  const had = state.harts.some(({ registers }) => registers.length !== VCPU_REGISTERS), has = now.registers !== VCPU_REGISTERS;
  if (had !== has) return had ? "the snapshot is of a guest with firmware of its own, which this one has not" : "this guest has firmware of its own, which the snapshot's had not";
  if (state.harts.some(({ registers }) => registers.length !== now.registers)) return "the state is damaged";
  const was = Object.keys(state.machine.devices ?? {});
  const missing = was.find((name) => !now.devices.includes(name)), more = now.devices.find((name) => !was.includes(name));
  if (missing !== undefined) return `the snapshot is of a guest with ${missing}, which this one has not`;
  return more === undefined ? null : `this guest has ${more}, which the snapshot's had not`;
}
