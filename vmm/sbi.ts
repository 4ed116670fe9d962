// SBI calls that the engine does not handle itself. Source: RISC-V Supervisor Binary Interface Specification 2.0.
// The engine arms timers, sends interrupts from hart to hart and fences them; of those only what it cannot make sense of arrives here.
// System suspend is suspend.ts. What is not here is answered as absent: PMU, CPPC, NACL, STA, and of the legacy calls those that find their harts by a pointer.
import { VcpuState } from "../caps/abi/numbers.ts";
import type { DmaPort } from "../core/devices/device.ts";

/** Extension IDs. The legacy ones return one value, in a0, and change nothing else (chapter 5). */
export const Sbi = {
  LEGACY_PUTCHAR: 1,
  LEGACY_GETCHAR: 2,
  LEGACY_SHUTDOWN: 8,
  LEGACY_LAST: 8,
  BASE: 0x10,
  TIME: 0x5449_4d45,
  IPI: 0x0073_5049,
  RFENCE: 0x5246_4e43,
  HSM: 0x0048_534d,
  SRST: 0x5352_5354,
  DBCN: 0x4442_434e,
  SUSP: 0x5355_5350,
} as const;

export const SbiError = { SUCCESS: 0, FAILED: -1, NOT_SUPPORTED: -2, INVALID_PARAM: -3, DENIED: -4, INVALID_ADDRESS: -5, ALREADY_AVAILABLE: -6 } as const;

const SPEC_VERSION = 0x0200_0000;
/** Not one of the registered implementation IDs; "BLWK". */
const IMPLEMENTATION = 0x424c_574b;
const IMPLEMENTATION_VERSION = 1;
const PRESENT: ReadonlySet<number> = new Set<number>([0, Sbi.LEGACY_PUTCHAR, Sbi.LEGACY_GETCHAR, Sbi.LEGACY_SHUTDOWN, Sbi.BASE, Sbi.TIME, Sbi.IPI, Sbi.RFENCE, Sbi.HSM, Sbi.SRST, Sbi.DBCN, Sbi.SUSP]);
/** All ones, as a number: rounded. As a mask base it means all harts. */
const ALL = 2 ** 64;
const HART = 0;
/** Suspend types: the hart keeps what it has, or begins anew where it says. */
const RETENTIVE = 0, NON_RETENTIVE = 0x8000_0000;
/** Debug console bytes taken or given in one call; the specification lets us move fewer than were asked for. */
const MOST_BYTES = 4096;

export const Reset = { SHUTDOWN: 0, COLD: 1, WARM: 2 } as const;
const RESET_REASON_FAILURE = 1;

/** A call: a7, a6 and arguments as unsigned numbers, rounded above 2^53. `a1` is also kept exactly, for the legacy calls that preserve it. */
export interface SbiCall {
  readonly extension: number;
  readonly fn: number;
  readonly a0: number;
  readonly a1: number;
  readonly a2: number;
}

export type SbiOutcome =
  /** Return to the guest: `error` to a0, `value` to a1. */
  | { readonly kind: "return"; readonly error: number; readonly value: number }
  /** Return to the guest: `value` to a0, a1 as it was. */
  | { readonly kind: "legacy"; readonly value: number }
  /** Return success, after making the hart's own software interrupt pending. */
  | { readonly kind: "interrupt" }
  /** The machine sleeps until something wakes it; then its hart goes on at `resume`, with a2 of the call in a1. */
  | { readonly kind: "sleep"; readonly resume: number }
  /** Hart `hart` starts at the call's address (a1), with its number in a0 and the call's a2 in a1; then return success. */
  | { readonly kind: "start"; readonly hart: number }
  /** The calling hart stops. */
  | { readonly kind: "stop" }
  /** The calling hart waits for an interrupt, then returns success, or (`anew`) begins at the call's address as one that starts. */
  | { readonly kind: "suspend"; readonly anew: boolean }
  /** The guest ends its machine. `failure`: it says that it failed. */
  | { readonly kind: "reset"; readonly type: "shutdown" | "reboot"; readonly failure: boolean };

/** The firmware's console. */
export interface SbiConsole {
  write(bytes: Uint8Array): void;
  /** Takes up to `most` bytes of input; none when there are none. */
  read(most: number): Uint8Array;
}

/** The harts as a call finds them: whose it is, and the state of each (VcpuState), by number. */
export interface HartView {
  readonly self: number;
  readonly states: readonly number[];
}
const ALONE: HartView = { self: HART, states: [VcpuState.started] };

const done = (value = 0): SbiOutcome => ({ kind: "return", error: SbiError.SUCCESS, value });
const refused = (error: number): SbiOutcome => ({ kind: "return", error, value: 0 });
const NOT_SUPPORTED = refused(SbiError.NOT_SUPPORTED);

export function handleSbi(call: SbiCall, memory: DmaPort, console: SbiConsole, harts = ALONE): SbiOutcome {
  switch (call.extension) {
    case Sbi.BASE:
      return base(call);
    case Sbi.DBCN:
      return debugConsole(call, memory, console);
    case Sbi.SRST:
      return systemReset(call);
    case Sbi.HSM:
      return hartState(call, memory, harts);
    case Sbi.IPI:
      return call.fn !== 0 ? NOT_SUPPORTED : selectsUs(call.a0, call.a1) ? { kind: "interrupt" } : refused(SbiError.INVALID_PARAM);
    case Sbi.RFENCE:
      // Only the engine can fence its hart, and did not: to say "done" would be a lie.
      return call.fn > 6 ? NOT_SUPPORTED : refused(selectsUs(call.a0, call.a1) ? SbiError.FAILED : SbiError.INVALID_PARAM);
    case Sbi.LEGACY_PUTCHAR:
      console.write(Uint8Array.of(call.a0 & 0xff));
      return { kind: "legacy", value: SbiError.SUCCESS };
    case Sbi.LEGACY_GETCHAR:
      return { kind: "legacy", value: console.read(1)[0] ?? -1 };
    case Sbi.LEGACY_SHUTDOWN:
      return { kind: "reset", type: "shutdown", failure: false };
    default:
      return call.extension <= Sbi.LEGACY_LAST ? { kind: "legacy", value: SbiError.NOT_SUPPORTED } : NOT_SUPPORTED;
  }
}

function base({ fn, a0 }: SbiCall): SbiOutcome {
  switch (fn) {
    case 0:
      return done(SPEC_VERSION);
    case 1:
      return done(IMPLEMENTATION);
    case 2:
      return done(IMPLEMENTATION_VERSION);
    case 3:
      return done(PRESENT.has(a0) ? 1 : 0);
    case 4: // mvendorid, marchid, mimpid: 0, not a commercial implementation
    case 5:
    case 6:
      return done(0);
    default:
      return NOT_SUPPORTED;
  }
}

/** Whether a hart mask (bits counted from hart `from`, or all harts) selects hart 0 and no hart that does not exist. */
const selectsUs = (mask: number, from: number): boolean => from === ALL || (from === HART && mask === 1);

function hartState({ fn, a0, a1 }: SbiCall, memory: DmaPort, { self, states }: HartView): SbiOutcome {
  const state = states[a0];
  switch (fn) {
    case 0:
      if (state === undefined) return refused(SbiError.INVALID_PARAM);
      if (state !== VcpuState.stopped) return refused(SbiError.ALREADY_AVAILABLE);
      return isCode(a1, memory) ? { kind: "start", hart: a0 } : refused(SbiError.INVALID_ADDRESS);
    case 1: // nothing could start the last one again
      return states.every((other, hart) => hart === self || other === VcpuState.stopped) ? refused(SbiError.FAILED) : { kind: "stop" };
    case 2:
      return state === undefined ? refused(SbiError.INVALID_PARAM) : done(state);
    case 3: // a hart that is alone has wfi
      if (states.length === 1) return NOT_SUPPORTED;
      if (a0 !== RETENTIVE && a0 !== NON_RETENTIVE) return refused(SbiError.INVALID_PARAM);
      return a0 === RETENTIVE || isCode(a1, memory) ? { kind: "suspend", anew: a0 === NON_RETENTIVE } : refused(SbiError.INVALID_ADDRESS);
    default:
      return NOT_SUPPORTED;
  }
}

const isCode = (address: number, memory: DmaPort): boolean => address % 2 === 0 && typeof memory.load16(address) === "number";

function systemReset({ fn, a0: type, a1: reason }: SbiCall): SbiOutcome {
  if (fn !== 0) return NOT_SUPPORTED;
  if (type !== Reset.SHUTDOWN && type !== Reset.COLD && type !== Reset.WARM) return refused(SbiError.INVALID_PARAM);
  if (reason > RESET_REASON_FAILURE && !(reason >= 0xe000_0000 && reason <= 0xffff_ffff)) return refused(SbiError.INVALID_PARAM);
  return { kind: "reset", type: type === Reset.SHUTDOWN ? "shutdown" : "reboot", failure: reason === RESET_REASON_FAILURE };
}

function debugConsole({ fn, a0, a1, a2 }: SbiCall, memory: DmaPort, console: SbiConsole): SbiOutcome {
  if (fn === 2) {
    console.write(Uint8Array.of(a0 & 0xff));
    return done();
  }
  if (fn > 2) return NOT_SUPPORTED;
  // a0 = bytes, a1 and a2 = address; memory that is not all there is refused before anything moves.
  if (a2 !== 0) return refused(SbiError.INVALID_PARAM);
  const bytes = Math.min(a0, MOST_BYTES);
  const area = memory.read(a1, bytes);
  if (!(area instanceof Uint8Array)) return refused(SbiError.INVALID_PARAM);
  if (fn === 0) {
    if (bytes > 0) console.write(area);
    return done(bytes);
  }
  const input = console.read(bytes);
  return memory.write(a1, input) === null ? done(input.length) : refused(SbiError.FAILED);
}
