// A guest as a process: its threads are its harts, hart n being thread n + 1.
//
// The VMM notices nothing: it goes on waiting inside VCPURun, and what it does for the guest meanwhile (an interrupt, an answer from a disk) is there when the guest goes on.
// The guest's clock stands still while all of its harts are stopped.
import { VCPU_MACHINE_REGISTERS, VcpuRegister } from "../../../caps/abi/numbers.ts";
import { holdHart, letGuest, resumeHart } from "../../../core/kernel/debugger.ts";
import { watchpointWords, type Watchpoint } from "../../../core/kernel/held.ts";
import { VcpuRecord } from "../../../core/kernel/machine.ts";
import { exitNumber, hasMachineMode } from "../../../core/kernel/objects/hart.ts";
import type { Kernel, Vcpu } from "../../../core/kernel/state.ts";
import { VCPU_RECORD } from "../../../core/machine/shared.ts";
import { guestVirtual } from "./guest-memory.ts";
import { putMachineRegister, readMachineRegister } from "./machine-registers.ts";
import { readPieces, writePieces, type Locate } from "./memory.ts";
import { FIRMWARE_REGISTERS, floatControl, HART_REGISTERS, RegisterNumber, withFloatControl } from "./registers.ts";
import type { Members, Target } from "./target.ts";

/** Addresses that the harts of a guest stop at: each is a hook of the engine's. */
export const MOST_BREAKPOINTS = 1024;
const MACHINE_MODE = 3n;
const FIRST_MACHINE = VcpuRegister.mstatus, MACHINE_COUNT = VCPU_MACHINE_REGISTERS - FIRST_MACHINE;
const PRIVILEGES: Readonly<Record<string, string>> = { 0: "user", 1: "supervisor", 3: "machine" };
const STATES: Readonly<Record<string, string>> = { 0: "runs", 1: "stopped", 4: "suspended", 5: "waits for an interrupt" };

export function guestTarget(k: Kernel, pid: number, name: string, members: Members): Target {
  let held = false, attached = false;
  /** As gdb was told when it came. */
  let registers = HART_REGISTERS;
  let breakpoints: ReadonlySet<bigint> = new Set(), watchpoints: readonly Watchpoint[] = [];
  const known = new Set<number>();
  /** Where each hart was stopped at a breakpoint: it goes on there. */
  const stoppedAt = new Map<number, bigint>();
  const record = new BigUint64Array(k.machine.vcpu.words.buffer, k.machine.vcpu.words.byteOffset, k.machine.vcpu.words.length / 2);

  /** The guest's first VCPU. Before the VMM has made harts of them, each is one by itself. */
  const leaderOf = (): Vcpu | undefined =>
    members.vcpus().filter((v) => v.leader === v.id).sort((a, b) => b.harts.length - a.harts.length || k.objects.base[a.id]! - k.objects.base[b.id]!)[0];
  const harts = (leader = leaderOf()): readonly (Vcpu | undefined)[] => leader?.harts.map((id) => k.vcpus[id]) ?? [];
  const find = (tid: number): { readonly leader: Vcpu; readonly hart: Vcpu } | undefined => {
    const leader = leaderOf(), hart = harts(leader)[tid - 1];
    return leader === undefined || hart === undefined ? undefined : { leader, hart };
  };
  const registersOf = ({ leader, hart }: { readonly leader: Vcpu; readonly hart: Vcpu }): number => {
    if (leader.tcb !== 0) k.machine.vcpu.settle(leader.index);
    k.machine.vcpu.readRegisters(hart.index);
    return k.machine.vcpu.record(hart.index) / 2;
  };
  const tableOf = (at: number): bigint => (record[at + VCPU_RECORD.priv] === MACHINE_MODE ? 0n : record[at + VCPU_RECORD.satp]!);
  const locate = (tid: number): Locate => {
    const found = find(tid);
    if (found === undefined) return () => undefined;
    const satp = tableOf(registersOf(found));
    return (virtual) => guestVirtual(k, found.leader, satp, virtual);
  };
  const watch = (leader: Vcpu): void => k.machine.vcpu.watch(leader.index, BigUint64Array.from(breakpoints), watchpointWords(watchpoints));

  return {
    pid, name, kind: "guest",
    get registers() {
      return registers;
    },
    exists: () => leaderOf() !== undefined,
    isEntered: () => (leaderOf()?.tcb ?? 0) !== 0,
    threads: () => harts().flatMap((v, number) => (v === undefined ? [] : [number + 1])),
    describe(tid) {
      const found = find(tid);
      if (found === undefined) return "gone";
      const at = registersOf(found), state = record[at + VcpuRecord.STATE]!;
      return `hart ${tid - 1}, ${PRIVILEGES[String(record[at + VCPU_RECORD.priv]!)] ?? "?"} mode, ${STATES[String(state)] ?? "?"}`;
    },
    threadOf(stop) {
      const number = stop.kind === "hart" ? harts().findIndex((v) => v?.id === stop.id) : -1;
      if (number < 0) return undefined;
      const hart = harts()[number]!;
      if (stop.why === "breakpoint") stoppedAt.set(hart.id, record[k.machine.vcpu.record(hart.index) / 2 + VcpuRecord.ADDRESS]!);
      return number + 1;
    },

    hold(anew = false) {
      const leader = leaderOf();
      if (anew) registers = leader !== undefined && hasMachineMode(k, leader) ? FIRMWARE_REGISTERS : HART_REGISTERS;
      attached = held = true;
      this.refresh();
      for (const v of members.vcpus()) holdHart(k, v);
    },
    resume(action) {
      held = false;
      this.refresh();
      harts().forEach((v, number) => {
        if (v === undefined) return;
        const what = action(number + 1);
        if (what === "stay") return holdHart(k, v);
        const at = registersOf({ leader: leaderOf()!, hart: v }), pc = record[at + VCPU_RECORD.pc]!;
        resumeHart(k, v, what === "step", stoppedAt.get(v.id) === pc);
        stoppedAt.delete(v.id);
      });
      // Those that are no harts of the guest yet.
      for (const v of members.vcpus()) if (k.debugger?.harts.has(v.id) === true && !harts().includes(v)) resumeHart(k, v, false, false);
    },
    release() {
      attached = held = false;
      breakpoints = new Set();
      watchpoints = [];
      stoppedAt.clear();
      known.clear();
      for (const v of members.vcpus()) if (v.leader === v.id) letGuest(k, v);
    },
    setBreakpoints(addresses) {
      if (addresses.size > MOST_BREAKPOINTS) return false;
      breakpoints = new Set(addresses);
      const leader = leaderOf();
      if (leader !== undefined) watch(leader);
      return true;
    },
    setWatchpoints(wanted) {
      watchpoints = wanted;
      const leader = leaderOf();
      if (leader !== undefined) watch(leader);
      return true;
    },
    refresh() {
      if (!attached) return;
      for (const v of members.vcpus()) {
        if (known.has(v.serial)) continue;
        known.add(v.serial);
        if (held) holdHart(k, v);
        if (v === leaderOf()) watch(v);
      }
    },

    read(tid) {
      const found = find(tid);
      if (found === undefined) return undefined;
      const at = registersOf(found), words = (first: number, count: number): bigint[] => [...record.subarray(at + first, at + first + count)];
      const machine = registers === FIRMWARE_REGISTERS ? Array.from({ length: MACHINE_COUNT }, (_, n) => readMachineRegister(k, found.hart, record, at, FIRST_MACHINE + n)) : [];
      return [0n, ...words(VCPU_RECORD.x + 1, 31), record[at + VCPU_RECORD.pc]!, ...words(VCPU_RECORD.f, 32), ...floatControl(record[at + VCPU_RECORD.fcsr]!), ...words(VCPU_RECORD.sstatus, 9), record[at + VCPU_RECORD.priv]!, ...machine];
    },
    write(tid, register, value) {
      const found = find(tid);
      // While the VMM carries out what the hart has asked for, the answer belongs to where the hart is.
      if (found === undefined || (found.leader.tcb === 0 && found.leader.started && exitNumber(k, found.leader) === tid - 1)) return false;
      const at = registersOf(found), { X, PC, F, FFLAGS, SUPERVISOR, PRIV, MACHINE } = RegisterNumber, fcsr = withFloatControl(record[at + VCPU_RECORD.fcsr]!, register, value);
      if (register === X) return value === 0n;
      if (register > X && register < PC) record[at + VCPU_RECORD.x + register] = value;
      else if (register === PC) record[at + VCPU_RECORD.pc] = value;
      else if (register >= F && register < FFLAGS) record[at + VCPU_RECORD.f + register - F] = value;
      else if (fcsr !== undefined) record[at + VCPU_RECORD.fcsr] = fcsr;
      else if (register >= SUPERVISOR && register < PRIV) record[at + VCPU_RECORD.sstatus + register - SUPERVISOR] = value;
      else if (register === PRIV) record[at + VCPU_RECORD.priv] = value;
      else if (registers === FIRMWARE_REGISTERS && register >= MACHINE && register < MACHINE + MACHINE_COUNT) putMachineRegister(k, found.hart, record, at, FIRST_MACHINE + register - MACHINE, value);
      else return false;
      try {
        k.machine.vcpu.writeRegisters(found.hart.index);
        return true;
      } catch (error) {
        // One that no hart can have: the engine has checked before it changed anything.
        if (error instanceof RangeError) return false;
        throw error;
      }
    },
    readMemory: (tid, address, bytes) => readPieces(k, address, bytes, locate(tid)),
    writeMemory: (tid, address, bytes) => writePieces(k, address, bytes, locate(tid)),
  };
}
