// Invocations of the VCPU that are made once or seldom: its device windows, its start, and the wiring of console input to the thread that runs it.
import { InitSlot, Invocation, Right, VcpuRegister } from "../caps/abi/numbers.ts";
import type { Op, Sys, Word } from "../servers/lib/ts/sdk.ts";
import type { GuestConsole } from "./console.ts";
import { GuestMap } from "./spec.ts";

/** CPtrs are 32 bits, all of them resolved. */
const DEPTH = 32;
const TWO32 = 2 ** 32;
const pair = (lo: number, hi: number): number => lo + hi * TWO32;

/** A slot of the upper half of the CSpace, which is the program's own. */
const SIGNAL_SLOT = 128;
/** Any bit will do: all that is ever signalled is "look for input". */
const SIGNAL_BADGE = TWO32;
/** sip.SSIP */
const SUPERVISOR_SOFTWARE = 1 << 1;
const A0 = 10;
const HART = 0;

/** What the guest finds as devices; accesses there come to us. Few windows: each costs the engine. What went wrong, or null. */
export function* createVcpu(sys: Sys, vcpu: number): Op<string | null> {
  const { PLIC, UART, VIRTIO } = GuestMap;
  const windows = [
    [PLIC.base, PLIC.bytes],
    [UART.base, VIRTIO.base + VIRTIO.slots * VIRTIO.stride - UART.base],
  ] as const;
  for (const [base, bytes] of windows) {
    const problem = yield* invoke(sys, vcpu, Invocation.VCPUMapDevice, [base, bytes], "a device window is refused");
    if (problem !== null) return problem;
  }
  return null;
}

/** The hart begins in supervisor mode without address translation, as a new VCPU does: at `entry`, a0 = hart, a1 = device tree. */
export function* setStart(sys: Sys, vcpu: number, entry: number, tree: number): Op<string | null> {
  return (
    (yield* invoke(sys, vcpu, Invocation.VCPUWriteRegisters, [VcpuRegister.pc, entry], "the entry point is refused")) ??
    (yield* invoke(sys, vcpu, Invocation.VCPUWriteRegisters, [A0, HART, tree], "the start registers are refused"))
  );
}

/** Makes the hart's software interrupt pending; the guest clears it. */
export function* softwareInterrupt(sys: Sys, vcpu: number): Op<void> {
  const answer = yield* sys.call(vcpu, Invocation.VCPUReadRegisters, [pair(VcpuRegister.sip, 1)]);
  if (!answer.error) yield* sys.call(vcpu, Invocation.VCPUWriteRegisters, [VcpuRegister.sip, answer.lo(0) | SUPERVISOR_SOFTWARE]);
}

/**
 * Gives the console a badged capability to our notification. Without input nothing outside can wake the guest, so the notification is unbound:
 * the kernel can then tell a guest that waits for ever (Exit.Stuck) from one that waits for a key.
 */
export function* attachInput(sys: Sys, console: GuestConsole): Op<void> {
  const minted = yield* sys.call(InitSlot.CNode, Invocation.CNodeMint, [pair(SIGNAL_SLOT, DEPTH), pair(InitSlot.Notification, DEPTH | (Right.Write << 8)), InitSlot.CNode, SIGNAL_BADGE]);
  const attached = !minted.error && (yield* console.attach(SIGNAL_SLOT));
  if (!attached) yield* sys.call(InitSlot.TCB, Invocation.TCBBindNotification, [0]);
}

function* invoke(sys: Sys, cap: number, label: number, words: readonly Word[], problem: string): Op<string | null> {
  const answer = yield* sys.call(cap, label, words);
  return answer.error ? `${problem}: error ${answer.label}` : null;
}
