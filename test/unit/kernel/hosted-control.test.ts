// HOSTED-*: HostedControl.Bind: a thread becomes a hosted program.
import { describe, expect, test } from "vitest";
import { ErrorCode, Invocation, Kind, MAP_EXECUTE, Right } from "../../../caps/abi/numbers.ts";
import { MAX_TEXT } from "../../../core/kernel/objects/hosted.ts";
import { run } from "../../../core/kernel/kernel.ts";
import { checkInvariants } from "../../../core/kernel/invariants.ts";
import { DONE, KernelBed, Slot, slotWord } from "../../support/kernel-bed.ts";
import { TEXT } from "../../support/testbed.ts";
import { refuses } from "./refusal.ts";

const { HostedControlBind, TCBResume, CNodeDelete } = Invocation;
const CONTROL = 10, T = 40;

const setup = () => {
  const bed = new KernelBed();
  const a = bed.thread("a"), t = bed.thread("t", { stopped: true });
  bed.singleton(a, CONTROL, Kind.HostedControl);
  bed.share(t, Slot.TCB, a, T);
  return { bed, a, t };
};

describe("HOSTED-BIND", () => {
  test("001 hands the executable text of its VSpace to the engine, across pages", () => {
    const { bed, a, t } = setup();
    const second = bed.map(t.vspace, TEXT + 4096, Right.Read | MAP_EXECUTE);
    new Uint8Array(bed.machine.ram, second, 3).set([1, 2, 3]);
    expect(bed.call(a, CONTROL, HostedControlBind, T, TEXT + 4090, 9)).toEqual(DONE);
    expect(bed.machine.texts.get(t.tcb.frame)).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2, 3));
    expect(t.tcb.hosted).toBe(true);
    bed.call(a, T, TCBResume);
    bed.machine.stepTicks = 1;
    let steps = 0;
    bed.machine.steps.set(t.tcb.frame, () => {
      steps++;
      return 64;
    });
    bed.force(t.tcb);
    run(bed.k, 1000);
    checkInvariants(bed.k);
    expect(steps).toBeGreaterThan(100);
  });
  test("002 text that is not mapped executable is a failed lookup", () => {
    const { bed, a } = setup();
    for (const address of [TEXT + 4096, TEXT - 4, 0x2_0000 - 4096, 2n ** 38n, 2n ** 64n - 1n]) refuses(bed, a, [CONTROL, HostedControlBind, T, address, 8], ErrorCode.FailedLookup, 1, 12);
    refuses(bed, a, [CONTROL, HostedControlBind, T, TEXT + 4090, 9], ErrorCode.FailedLookup, 1, 12);
  });
  test("003 1 byte to 16 MiB", () => {
    const { bed, a } = setup();
    for (const bytes of [0, MAX_TEXT + 1, 2n ** 60n]) refuses(bed, a, [CONTROL, HostedControlBind, T, TEXT, bytes], ErrorCode.RangeError, 2, 1, MAX_TEXT);
  });
  test("004 only a stopped thread with a VSpace, once", () => {
    const { bed, a, t } = setup();
    refuses(bed, a, [CONTROL, HostedControlBind, Slot.TCB, TEXT, 4], ErrorCode.IllegalOperation);
    bed.hold(a, 50, Kind.TCB, 11);
    refuses(bed, a, [CONTROL, HostedControlBind, 50, TEXT, 4], ErrorCode.IllegalOperation);
    bed.call(a, CONTROL, HostedControlBind, T, TEXT, 4);
    refuses(bed, a, [CONTROL, HostedControlBind, T, TEXT, 4], ErrorCode.IllegalOperation);
    expect(t.tcb.hosted).toBe(true);
  });
  test("005 a text that is no program is an InvalidArgument, and the thread is what it was", () => {
    const { bed, a, t } = setup();
    bed.machine.loadAnswer = "SyntaxError";
    expect(bed.call(a, CONTROL, HostedControlBind, T, TEXT, 4)).toMatchObject({ error: ErrorCode.InvalidArgument, words: [1] });
    expect(t.tcb.hosted).toBe(false);
  });
  test("006 wants a TCB and three words; an unknown label is an IllegalOperation", () => {
    const { bed, a } = setup();
    refuses(bed, a, [CONTROL, HostedControlBind, Slot.CNODE, TEXT, 4], ErrorCode.InvalidCapability, 0);
    refuses(bed, a, [CONTROL, HostedControlBind, T, TEXT], ErrorCode.TruncatedMessage);
    refuses(bed, a, [CONTROL, TCBResume, T, TEXT, 4], ErrorCode.IllegalOperation);
  });
  test("007 a destroyed hosted thread is unloaded", () => {
    const { bed, a } = setup();
    bed.call(a, Slot.UNTYPED, Invocation.UntypedRetype, Kind.TCB + 2 ** 16, Slot.CNODE, 60);
    bed.call(a, 60, Invocation.TCBSetSpace, 0, Slot.CNODE, Slot.VSPACE);
    expect(bed.call(a, CONTROL, HostedControlBind, 60, TEXT, 4)).toEqual(DONE);
    const frame = bed.k.tcbs[bed.slot(a, 60)!.object]!.frame;
    bed.finish(a, Slot.CNODE, CNodeDelete, slotWord(60));
    expect(bed.machine.log).toContain(`unload(${frame})`);
  });
});
