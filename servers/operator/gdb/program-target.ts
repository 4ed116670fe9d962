// A component's machine program as a process: its threads, by their TCBs' ids. Hosted programs have no registers and no instructions, and are none.
import { Frame } from "../../../caps/abi/message.ts";
import { Kind } from "../../../caps/abi/numbers.ts";
import { holdThread, letThread, MOST_OPERATOR_BREAKPOINTS, resumeThread, setThreadBreakpoints, setThreadWatchpoints } from "../../../core/kernel/debugger.ts";
import type { Watchpoint } from "../../../core/kernel/held.ts";
import { faultText, threadName } from "../../../core/kernel/names.ts";
import { movedPc } from "../../../core/kernel/objects/debug.ts";
import { translate, USER_TOP } from "../../../core/kernel/objects/vspace.ts";
import { TcbSlot, ThreadState, type Kernel, type Tcb } from "../../../core/kernel/state.ts";
import { readPieces, writePieces, type Locate } from "./memory.ts";
import { floatControl, RegisterNumber, THREAD_REGISTERS, withFloatControl } from "./registers.ts";
import type { Members, Target } from "./target.ts";

const STATES: Readonly<Record<number, string>> = Object.fromEntries(Object.entries(ThreadState).map(([name, state]) => [state, name]));

export function programTarget(k: Kernel, pid: number, name: string, members: Members): Target {
  let held = false, attached = false;
  let breakpoints: readonly number[] = [], watchpoints: readonly Watchpoint[] = [];
  /** Threads that have been seen, so that those that come later are told what the others were. */
  const known = new Set<number>();
  const threads = (): readonly Tcb[] => members.threads().filter((t) => !t.hosted && k.slots.kind[t.slots + TcbSlot.VSpace] === Kind.VSpace);
  const find = (tid: number): Tcb | undefined => threads().find((t) => t.id === tid);
  const each = (act: (t: Tcb) => void): void => threads().forEach(act);
  const frame = (t: Tcb, word: number): bigint => (BigInt(k.frames32[t.base + 2 * word + 1]! >>> 0) << 32n) | BigInt(k.frames32[t.base + 2 * word]! >>> 0);
  const setFrame = (t: Tcb, word: number, value: bigint): void => {
    k.frames32[t.base + 2 * word] = Number(value & 0xffff_ffffn) | 0;
    k.frames32[t.base + 2 * word + 1] = Number(value >> 32n) | 0;
  };
  /** Offset in RAM of a thread's address, whatever it may do there itself. */
  const locate = (t: Tcb | undefined): Locate => (virtual) => {
    if (t === undefined) return undefined;
    const v = k.vspaces[k.slots.object[t.slots + TcbSlot.VSpace]!];
    if (v === undefined || virtual >= BigInt(USER_TOP)) return undefined;
    for (const access of [1, 0, 2] as const) {
      const physical = translate(k, v, Number(virtual), access);
      if (physical >= 0) return physical >= k.machine.ramBase && physical - k.machine.ramBase < k.ram8.length ? physical - k.machine.ramBase : undefined;
    }
    return undefined;
  };

  return {
    pid, name, kind: "component", registers: THREAD_REGISTERS,
    exists: () => threads().length > 0,
    isEntered: () => threads().length > 0,
    threads: () => threads().map((t) => t.id).sort((a, b) => a - b),
    describe(tid) {
      const t = find(tid), fault = t === undefined ? null : faultText(t);
      return t === undefined ? "gone" : `${threadName(t)}, ${fault ?? STATES[t.state] ?? "?"}`;
    },
    threadOf: ({ kind, id }) => (kind === "thread" && find(id) !== undefined ? id : undefined),

    hold() {
      attached = held = true;
      this.refresh();
      each((t) => holdThread(k, t));
    },
    resume(action) {
      held = false;
      this.refresh();
      each((t) => {
        const what = action(t.id);
        if (what === "stay") holdThread(k, t);
        else resumeThread(k, t, what === "step");
      });
    },
    release() {
      attached = held = false;
      breakpoints = [];
      watchpoints = [];
      known.clear();
      each((t) => letThread(k, t));
    },
    setBreakpoints(addresses) {
      if (addresses.size > MOST_OPERATOR_BREAKPOINTS || [...addresses].some((at) => at >= BigInt(USER_TOP))) return false;
      breakpoints = [...addresses].map(Number);
      each((t) => setThreadBreakpoints(k, t, breakpoints));
      return true;
    },
    setWatchpoints(wanted) {
      if (wanted.some(({ address, bytes }) => address + BigInt(bytes) > BigInt(USER_TOP))) return false;
      watchpoints = wanted;
      each((t) => setThreadWatchpoints(k, t, watchpoints));
      return true;
    },
    refresh() {
      if (!attached) return;
      const now = threads();
      for (const id of known) if (!now.some((t) => t.id === id)) known.delete(id);
      for (const t of now) {
        if (known.has(t.id)) continue;
        known.add(t.id);
        setThreadBreakpoints(k, t, breakpoints);
        setThreadWatchpoints(k, t, watchpoints);
        if (held) holdThread(k, t);
      }
    },

    read(tid) {
      const t = find(tid);
      if (t === undefined) return undefined;
      const x = Array.from({ length: 32 }, (_, n) => (n === 0 ? 0n : frame(t, n))), f = Array.from({ length: 32 }, (_, n) => frame(t, Frame.F0 + n));
      return [...x, frame(t, Frame.PC), ...f, ...floatControl(frame(t, Frame.FCSR))];
    },
    write(tid, register, value) {
      const t = find(tid);
      // While it is in a system call its registers are the message.
      if (t === undefined || (t.state !== ThreadState.Ready && t.faultLabel === 0) || k.debugger?.called.has(t.id) === true) return false;
      const { X, PC, F, FFLAGS } = RegisterNumber, fcsr = withFloatControl(frame(t, Frame.FCSR), register, value);
      if (register === PC) {
        if ((value & 1n) !== 0n) return false;
        setFrame(t, Frame.PC, value);
        movedPc(k, t);
      } else if (register > X && register < PC) setFrame(t, register, value);
      else if (register >= F && register < FFLAGS) {
        setFrame(t, Frame.F0 + register - F, value);
        k.frames32[t.base + 2 * Frame.FLOATS] = 1;
      } else if (fcsr !== undefined) setFrame(t, Frame.FCSR, fcsr);
      else return register === X && value === 0n;
      return true;
    },
    readMemory: (tid, address, bytes) => readPieces(k, address, bytes, locate(find(tid))),
    writeMemory: (tid, address, bytes) => writePieces(k, address, bytes, locate(find(tid))),
  };
}
