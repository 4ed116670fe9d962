// The other half of each invocation's tests: a call that must be refused, with which error, and with nothing changed by it.
import { expect } from "vitest";
import type { ErrorCode } from "../../../caps/abi/numbers.ts";
import { schedule } from "../../../core/kernel/time.ts";
import { dump } from "../../support/kernel-dump.ts";
import { failed, type KernelBed, type Outcome, type Word } from "../../support/kernel-bed.ts";
import type { Program } from "../../support/testbed.ts";

/** Makes the call and expects it to be refused without a trace. */
export function refuses(bed: KernelBed, p: Program, call: readonly [cap: Word, label: number, ...words: Word[]], error: ErrorCode, ...details: number[]): void {
  leavesAlone(bed, p, () => bed.call(p, ...call), failed(error, ...details));
}

/** Does something that must come to this and change nothing. */
export function leavesAlone(bed: KernelBed, p: Program, act: () => Outcome, outcome: Outcome): void {
  bed.force(p.tcb);
  schedule(bed.k);
  bed.force(p.tcb);
  const before = dump(bed.k, p.tcb);
  expect(act()).toEqual(outcome);
  bed.force(p.tcb);
  expect(dump(bed.k, p.tcb)).toBe(before);
}
