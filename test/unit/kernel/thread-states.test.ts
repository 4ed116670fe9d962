// TCB-STATE-*: one test for each cell of the table in caps/abi/reference/threads.ts: a thread in each state, and all that can happen to it there.
// `stays` and `becomes` make the test of a cell; the rows that wait in a system call have more to them.
import { describe, expect, test } from "vitest";
import type { ThreadEventName, ThreadStateName } from "../../../caps/abi/reference/threads.ts";
import { Frame, IpcBuffer, Reg, toInfo } from "../../../caps/abi/message.ts";
import { ErrorCode, Exit, Fault, Invocation, Kind, RetypeSize, Syscall } from "../../../caps/abi/numbers.ts";
import { moveSlot } from "../../../caps/model/derivation.ts";
import { checkInvariants } from "../../../core/kernel/invariants.ts";
import { Cause, VcpuRecord, VcpuStop } from "../../../core/kernel/machine.ts";
import { vcpuStopped } from "../../../core/kernel/objects/vcpu.ts";
import { isRunnable } from "../../../core/kernel/scheduler.ts";
import { ThreadState } from "../../../core/kernel/state.ts";
import { schedule } from "../../../core/kernel/time.ts";
import { answered, DONE, failed, KernelBed, retypeWord, Slot, slotWord, type Answer } from "../../support/kernel-bed.ts";

const I = Invocation;
/** Slots of all three threads; the boss's are those that everything descends from. */
const EP = 60, REPLY = 61, NTF = 62, GUEST = 63, BUFFER = 64;
/** The boss's alone. */
const T = 70, CNODE = 71, VSPACE = 72, SC = 73, OTHER_VSPACE = 74, TAKEN = 75;
/** What the thread sends, and what its guest's last exit was completed with. */
const MESSAGE = { label: 7, words: [11, 22] }, VALUE = 0x77;
const WORKED = 8;

interface Options {
  /** The notification is bound to the thread. */
  readonly bound?: boolean;
  /** The guest's timer is armed. */
  readonly timer?: boolean;
  /** Words of the thread's message. */
  readonly words?: readonly number[];
}

/** `t` in a state; `server` is whom it calls, `boss` holds everything. */
function scene(state: ThreadStateName, { bound = false, timer = false, words = MESSAGE.words }: Options = {}) {
  const bed = new KernelBed();
  const boss = bed.thread("boss"), server = bed.thread("server"), t = bed.thread("t");
  const { k } = bed;
  bed.hold(boss, GUEST, Kind.VCPU, RetypeSize.VCPU.bits);
  ([[Kind.Endpoint, EP], [Kind.Reply, REPLY], [Kind.Notification, NTF]] as const).forEach(([kind, slot]) =>
    expect(bed.call(boss, Slot.UNTYPED, I.UntypedRetype, retypeWord(kind), Slot.CNODE, slot)).toEqual(DONE));
  [EP, REPLY, NTF, GUEST].forEach((slot) => {
    for (const p of [server, t]) bed.share(boss, slot, p, slot, 15, slot === NTF ? 6 : 0);
  });
  bed.call(boss, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Frame, 12), Slot.CNODE, BUFFER);
  ([[Slot.TCB, T], [Slot.CNODE, CNODE], [Slot.VSPACE, VSPACE], [Slot.SC, SC]] as const).forEach(([from, slot]) => bed.share(t, from, boss, slot));
  bed.share(server, Slot.VSPACE, boss, OTHER_VSPACE);
  expect(bed.call(boss, T, I.TCBSetIPCBuffer, 0x5000_0000, BUFFER)).toEqual(DONE);
  const buffered = { ...t, buffer: t.tcb.buffer };
  if (bound || state === "WaitingVcpu") expect(bed.call(boss, T, I.TCBBindNotification, NTF)).toEqual(DONE);

  const record = k.machine.vcpu.record(k.vcpus[bed.slot(boss, GUEST)!.object]!.index);
  const settle = () => {
    schedule(k);
    checkInvariants(k);
  };
  const keeper = () => expect(bed.call(boss, T, I.TCBSetSpace, EP, CNODE, VSPACE)).toEqual(DONE);
  const send = () => {
    bed.setBuffer(buffered, IpcBuffer.CAPS, Slot.TCB);
    return bed.sys(buffered, Syscall.Call, EP, toInfo(MESSAGE.label, words.length, 1), words);
  };
  /** As the engine takes the completion. */
  const complete = () => void (k.machine.vcpu.words[record + 2 * VcpuRecord.COMPLETION] = 0);
  const completion = () => k.machine.vcpu.words[record + 2 * VcpuRecord.COMPLETION];
  const exits = (stop: number) => {
    vcpuStopped(k, t.tcb, stop);
    settle();
  };
  const enters: { readonly [S in ThreadStateName]: () => void } = {
    Inactive: () => void bed.call(boss, T, I.TCBSuspend),
    Ready: () => {},
    BlockedOnSend: () => void send(),
    BlockedOnReceive: () => void bed.recv(t, EP, REPLY),
    BlockedOnReply: () => {
      bed.recv(server, EP, REPLY);
      send();
    },
    BlockedOnNotification: () => void bed.wait(t, NTF),
    RunningVcpu: () => {
      bed.call(t, GUEST, I.VCPURun, 1, VALUE, 0, 0);
      complete();
    },
    WaitingVcpu: () => {
      bed.call(t, GUEST, I.VCPURun, 1, VALUE, 0, 0);
      complete();
      if (timer) k.machine.vcpu.floats[(record >> 1) + VcpuRecord.TIMECMP] = 1e9;
      exits(VcpuStop.WFI);
    },
    Faulted: () => bed.except(t, Cause.LoadPage, 8),
    FaultWaiting: () => {
      keeper();
      bed.except(t, Cause.LoadPage, 8);
    },
    FaultReceived: () => {
      keeper();
      bed.recv(server, EP, REPLY);
      bed.except(t, Cause.LoadPage, 8);
    },
  };
  /** Takes a capability of the boot's into the boss's own CNode, so that he can revoke and delete it. */
  const take = (row: number) => moveSlot(k.slots, row, boss.slots + TAKEN);
  const revoke = (slot: number) => expect(bed.finish(boss, Slot.CNODE, I.CNodeRevoke, slotWord(slot))).toEqual(DONE);
  const remove = (slot: number) => {
    revoke(slot);
    expect(bed.finish(boss, Slot.CNODE, I.CNodeDelete, slotWord(slot))).toEqual(DONE);
  };
  const ask = (label: number) => expect(bed.call(boss, T, label)).toEqual(DONE);
  const happens: { readonly [E in ThreadEventName]: () => void } = {
    Suspend: () => ask(I.TCBSuspend),
    Resume: () => ask(I.TCBResume),
    Restart: () => ask(I.TCBRestart),
    Destroyed: () => {
      take(t.rows.tcb);
      remove(TAKEN);
    },
    VSpace: () => {
      take(t.rows.vspace);
      revoke(TAKEN);
    },
    CSpace: () => {
      take(t.rows.cnode);
      revoke(TAKEN);
    },
    Buffer: () => remove(BUFFER),
    Unbound: () => expect(bed.call(boss, SC, I.SchedContextUnbind)).toEqual(DONE),
    Endpoint: () => remove(EP),
    Notification: () => remove(NTF),
    Reply: () => remove(REPLY),
  };
  enters[state]();
  const registers = () => Array.from({ length: 32 }, (_, i) => bed.get(t.tcb, i));
  return {
    bed, boss, server, t, happens, exits, completion, registers, before: registers(), id: t.tcb.id,
    runs: () => isRunnable(k, t.tcb), answer: (): Answer => bed.answer(t), signal: () => bed.signal(boss, NTF),
    /** The time is given back to the thread that it is lent from, or was never lent. */
    hasTime: () => expect([t.tcb.sc, server.tcb.sc]).toEqual([t.tcb.homeSc, server.tcb.homeSc]),
    rebind: () => expect(bed.call(boss, SC, I.SchedContextBind, T)).toEqual(DONE),
  };
}
type Scene = ReturnType<typeof scene>;

/** The kernel's state in each of ours. */
const kernelState = (state: ThreadStateName): ThreadState =>
  state === "FaultWaiting" ? ThreadState.BlockedOnSend : state === "FaultReceived" ? ThreadState.BlockedOnReply : ThreadState[state];

const untouched = (s: Scene) => expect(s.registers()).toEqual(s.before);

/** The event changes neither state nor registers. */
const stays = (state: ThreadStateName, event: ThreadEventName, also: (s: Scene) => void = () => {}, options: Options = {}) => () => {
  const s = scene(state, { bound: event === "Notification" && state !== "BlockedOnNotification", ...options });
  expect(s.t.tcb.state).toBe(kernelState(state));
  s.happens[event]();
  expect(s.t.tcb.state).toBe(kernelState(state));
  untouched(s);
  if (event === "Notification" && state !== "BlockedOnNotification") expect(s.t.tcb.boundNotification).toBe(0);
  if (event === "Buffer") expect(s.t.tcb.buffer).toBe(-1);
  also(s);
};

/** The event brings the thread into the kernel's state `next`. */
const becomes = (state: ThreadStateName, event: ThreadEventName, next: ThreadState, also: (s: Scene) => void = () => {}, options: Options = {}) => () => {
  const s = scene(state, { bound: event === "Notification" && state !== "BlockedOnNotification", ...options });
  expect(s.t.tcb.state).toBe(kernelState(state));
  s.happens[event]();
  expect(s.t.tcb.state).toBe(next);
  also(s);
};

/** A wait that ends with an error. */
const answers = (state: ThreadStateName, event: ThreadEventName, error: ErrorCode) => becomes(state, event, ThreadState.Ready, (s) => {
  expect(s.answer()).toEqual(failed(error));
  s.hasTime();
  expect(s.runs()).toBe(true);
});

/** The thread is gone, and `also` of what it waited for. */
const dies = (state: ThreadStateName, also: (s: Scene) => void = () => {}) => () => {
  const s = scene(state);
  s.happens.Destroyed();
  expect(s.bed.k.tcbs[s.id]).toBeUndefined();
  expect(s.server.tcb.sc).toBe(s.server.tcb.homeSc);
  also(s);
};

/** Suspended in a system call, it stops with its registers and its time; resumed, the call answers Cancelled. */
const stopsInCall = (state: ThreadStateName, also: (s: Scene) => void = () => {}) => becomes(state, "Suspend", ThreadState.Inactive, (s) => {
  untouched(s);
  s.hasTime();
  also(s);
  s.happens.Suspend();
  untouched(s);
  s.happens.Resume();
  expect([s.t.tcb.state, s.answer(), s.registers()[Frame.PC]]).toEqual([ThreadState.Ready, failed(ErrorCode.Cancelled), s.before[Frame.PC]]);
});

/** Resume means nothing to a thread that waits; after a Suspend it ends the call with Cancelled. */
const endsCall = (state: ThreadStateName) => stays(state, "Resume", (s) => {
  s.happens.Suspend();
  s.happens.Resume();
  expect([s.t.tcb.state, s.answer()]).toEqual([ThreadState.Ready, failed(ErrorCode.Cancelled)]);
  expect(s.runs()).toBe(true);
});

/** Restart means nothing to a thread that waits; after a Suspend it makes the call again, as it stands in its registers. */
const againCall = (state: ThreadStateName, waits: ThreadState, also: (s: Scene) => void = () => {}) => stays(state, "Restart", (s) => {
  s.happens.Suspend();
  s.happens.Restart();
  expect(s.t.tcb.state).toBe(ThreadState.Ready);
  expect(s.registers()).toEqual(s.before.with(Frame.PC, s.before[Frame.PC]! - 4));
  expect(s.bed.trap(s.t)).toBe("blocked");
  expect(s.t.tcb.state).toBe(waits);
  also(s);
});

/** A thread that has lost its VSpace cannot go on until it has another; then `then` is asked. */
const losesSpace = (state: ThreadStateName, then: (s: Scene) => void) => becomes(state, "VSpace", ThreadState.Inactive, (s) => {
  untouched(s);
  for (const label of [I.TCBResume, I.TCBRestart]) expect(s.bed.call(s.boss, T, label)).toEqual(failed(ErrorCode.IllegalOperation));
  s.hasTime();
  expect(s.bed.call(s.boss, T, I.TCBSetSpace, 0, CNODE, OTHER_VSPACE)).toEqual(DONE);
  expect(s.t.tcb.state).toBe(ThreadState.Inactive);
  s.happens.Resume();
  expect(s.t.tcb.state).toBe(ThreadState.Ready);
  then(s);
});
const cancelled = (s: Scene) => expect(s.answer()).toEqual(failed(ErrorCode.Cancelled));

/** Afterwards the thread, which is ready, names nothing any more. */
const namesNothing = (s: Scene) => {
  expect(s.t.tcb.state).toBe(ThreadState.Ready);
  expect(s.bed.nbsend(s.t, EP)).toEqual(failed(ErrorCode.FailedLookup, 0, 32));
};

/** Ready, but without time until it is bound again. */
const waitsForTime = (s: Scene) => {
  expect([s.t.tcb.state, s.t.tcb.sc, s.runs()]).toEqual([ThreadState.Ready, 0, false]);
  s.rebind();
  expect(s.runs()).toBe(true);
};

/** A fault is forgotten: the thread goes on at its pc, registers as they were. */
const goesOn = (s: Scene) => {
  expect([s.t.tcb.state, s.t.tcb.faultLabel]).toEqual([ThreadState.Ready, 0]);
  untouched(s);
  s.hasTime();
};
/** Suspended while its fault waits, it goes on by Resume and Restart alike. */
const forgetsFault = (state: ThreadStateName, event: "Resume" | "Restart") => stays(state, event, (s) => {
  expect(s.t.tcb.faultLabel).toBe(Fault.VMFault);
  s.happens.Suspend();
  s.happens[event]();
  goesOn(s);
});
const repair = (s: Scene) => expect(s.bed.send(s.server, REPLY)).toEqual(DONE);
const guestIsFree = (s: Scene) => expect(s.bed.call(s.server, GUEST, I.VCPURun, 0, 0, 0, 0)).toBe("blocked");

describe("TCB-STATE", () => {
  test("001 Inactive, Suspend: no change", stays("Inactive", "Suspend"));
  test("002 Inactive, Resume: goes on at its pc, or its call answers Cancelled", () => {
    becomes("Inactive", "Resume", ThreadState.Ready, untouched)();
    const s = scene("BlockedOnReceive");
    s.happens.Suspend();
    s.happens.Resume();
    cancelled(s);
    s.happens.Suspend();
    s.happens.Resume();
    expect(s.registers()[Frame.PC]).toBe(s.before[Frame.PC]);
  });
  test("003 Inactive, Restart: goes on at its pc, or makes its call again, once", () => {
    becomes("Inactive", "Restart", ThreadState.Ready, untouched)();
    const s = scene("BlockedOnReceive");
    s.happens.Suspend();
    s.happens.Restart();
    s.happens.Suspend();
    s.happens.Restart();
    expect(s.registers()).toEqual(s.before.with(Frame.PC, s.before[Frame.PC]! - 4));
  });
  test("004 Inactive, destroyed", dies("Inactive"));
  test("005 Inactive, its VSpace goes", losesSpace("Inactive", untouched));
  test("006 Inactive, its CSpace goes", stays("Inactive", "CSpace", (s) => {
    s.happens.Resume();
    namesNothing(s);
  }));
  test("007 Inactive, its buffer goes", stays("Inactive", "Buffer"));
  test("008 Inactive, unbound: resumed, it has no time", stays("Inactive", "Unbound", (s) => {
    s.happens.Resume();
    waitsForTime(s);
  }));
  test("009 Inactive, the endpoint goes: a call made again finds nothing", () => {
    stays("Inactive", "Endpoint")();
    const s = scene("BlockedOnSend");
    s.happens.Suspend();
    s.happens.Endpoint();
    untouched(s);
    s.happens.Restart();
    expect(s.bed.trap(s.t)).toEqual(failed(ErrorCode.InvalidCapability, 0));
  });
  test("010 Inactive, the bound notification goes", stays("Inactive", "Notification"));
  test("011 Inactive, a reply object goes", stays("Inactive", "Reply"));

  test("012 Ready, Suspend: stops where it is; itself, after the answer", () => {
    becomes("Ready", "Suspend", ThreadState.Inactive, (s) => {
      untouched(s);
      expect(s.runs()).toBe(false);
      s.happens.Resume();
      untouched(s);
    })();
    const s = scene("Ready");
    expect(s.bed.call(s.t, Slot.TCB, I.TCBSuspend)).toEqual(DONE);
    expect(s.t.tcb.state).toBe(ThreadState.Inactive);
    const after = s.registers();
    s.happens.Restart();
    expect([s.t.tcb.state, s.registers()]).toEqual([ThreadState.Ready, after]);
  });
  test("013 Ready, Resume: no change", stays("Ready", "Resume"));
  test("014 Ready, Restart: no change", stays("Ready", "Restart"));
  test("015 Ready, destroyed", dies("Ready"));
  test("016 Ready, its VSpace goes: it stops", losesSpace("Ready", untouched));
  test("017 Ready, its CSpace goes: it names nothing", stays("Ready", "CSpace", namesNothing));
  test("018 Ready, its buffer goes: four words", stays("Ready", "Buffer", (s) => {
    s.bed.recv(s.server, EP, REPLY);
    s.bed.call(s.t, EP, 1, 1, 2, 3, 4, 5, 6);
    expect(s.bed.answer(s.server).words).toEqual([1, 2, 3, 4]);
  }));
  test("019 Ready, unbound: no time", stays("Ready", "Unbound", waitsForTime));
  test("020 Ready, an endpoint goes", stays("Ready", "Endpoint"));
  test("021 Ready, the bound notification goes", stays("Ready", "Notification"));
  test("022 Ready, a reply object goes", stays("Ready", "Reply"));

  test("023 BlockedOnSend, Suspend: nobody receives the message", stopsInCall("BlockedOnSend", (s) => expect(s.bed.nbrecv(s.server, EP)).toEqual(failed(ErrorCode.WouldBlock))));
  test("024 BlockedOnSend, Resume", endsCall("BlockedOnSend"));
  test("025 BlockedOnSend, Restart: the message is sent as it is then", () => {
    againCall("BlockedOnSend", ThreadState.BlockedOnSend, (s) => expect(s.bed.recv(s.server, EP, REPLY)).toEqual(answered(MESSAGE.label, MESSAGE.words)))();
    const s = scene("BlockedOnSend");
    s.happens.Suspend();
    s.bed.set(s.t.tcb, Reg.a2, 99);
    s.happens.Restart();
    s.bed.trap(s.t);
    expect(s.bed.recv(s.server, EP, REPLY)).toEqual(answered(MESSAGE.label, [99, MESSAGE.words[1]!]));
  });
  test("026 BlockedOnSend, destroyed: its message is gone", dies("BlockedOnSend", (s) => expect(s.bed.nbrecv(s.server, EP)).toEqual(failed(ErrorCode.WouldBlock))));
  test("027 BlockedOnSend, its VSpace goes: it stops", losesSpace("BlockedOnSend", cancelled));
  test("028 BlockedOnSend, its CSpace goes: the message arrives without capabilities", stays("BlockedOnSend", "CSpace", (s) => {
    s.bed.receiveAt(s.server, 100);
    expect(s.bed.recv(s.server, EP, REPLY)).toEqual(answered(MESSAGE.label, MESSAGE.words));
    expect(s.bed.slot(s.server, 100)).toBeNull();
    repair(s);
    namesNothing(s);
  }));
  test("029 BlockedOnSend, its buffer goes: four words", stays("BlockedOnSend", "Buffer", (s) => {
    expect(s.bed.recv(s.server, EP, REPLY)).toEqual(answered(MESSAGE.label, [1, 2, 3, 4]));
  }, { words: [1, 2, 3, 4, 5, 6] }));
  test("030 BlockedOnSend, unbound: its Call lends no time", stays("BlockedOnSend", "Unbound", (s) => {
    expect(s.bed.recv(s.server, EP, REPLY)).toMatchObject({ label: MESSAGE.label });
    expect([s.t.tcb.state, s.server.tcb.sc]).toEqual([ThreadState.BlockedOnReply, s.server.tcb.homeSc]);
    s.bed.send(s.server, REPLY, WORKED);
    waitsForTime(s);
    expect(s.answer().label).toBe(WORKED);
  }));
  test("031 BlockedOnSend, its endpoint goes: Broken", answers("BlockedOnSend", "Endpoint", ErrorCode.Broken));
  test("032 BlockedOnSend, the bound notification goes", stays("BlockedOnSend", "Notification"));
  test("033 BlockedOnSend, a reply object goes", stays("BlockedOnSend", "Reply"));

  test("034 BlockedOnReceive, Suspend: the reply object is free", stopsInCall("BlockedOnReceive", (s) => expect(s.bed.nbrecv(s.server, EP, REPLY)).toEqual(failed(ErrorCode.WouldBlock))));
  test("035 BlockedOnReceive, Resume", endsCall("BlockedOnReceive"));
  test("036 BlockedOnReceive, Restart: a ReplyRecv does not answer twice", () => {
    againCall("BlockedOnReceive", ThreadState.BlockedOnReceive, (s) => {
      s.bed.call(s.server, EP, 5);
      expect(s.answer()).toEqual(answered(5));
    })();
    const s = scene("BlockedOnReceive");
    s.bed.call(s.server, EP, 5);
    s.bed.replyRecv(s.t, EP, REPLY, WORKED);
    expect(s.bed.answer(s.server)).toEqual(answered(WORKED));
    s.happens.Suspend();
    s.bed.set(s.server.tcb, Reg.a2, 1234);
    s.happens.Restart();
    expect(s.bed.trap(s.t)).toBe("blocked");
    expect([s.t.tcb.state, s.bed.answer(s.server), s.bed.get(s.server.tcb, Reg.a2)]).toEqual([ThreadState.BlockedOnReceive, answered(WORKED), 1234]);
  });
  test("037 BlockedOnReceive, destroyed: the reply object is free", dies("BlockedOnReceive", (s) => expect(s.bed.recv(s.server, EP, REPLY)).toBe("blocked")));
  test("038 BlockedOnReceive, its VSpace goes: it stops", losesSpace("BlockedOnReceive", cancelled));
  test("039 BlockedOnReceive, its CSpace goes: messages arrive without capabilities", stays("BlockedOnReceive", "CSpace", (s) => {
    const buffered = { ...s.t, buffer: s.t.tcb.buffer };
    s.bed.receiveAt(buffered, 100);
    s.bed.setBuffer(s.server, IpcBuffer.CAPS, Slot.TCB);
    s.bed.sys(s.server, Syscall.Send, EP, toInfo(5, 1, 1), [9]);
    expect(s.answer()).toEqual(answered(5, [9]));
    namesNothing(s);
  }));
  test("040 BlockedOnReceive, its buffer goes: four words", stays("BlockedOnReceive", "Buffer", (s) => {
    s.bed.send(s.server, EP, 5, 1, 2, 3, 4, 5, 6);
    expect(s.answer()).toEqual(answered(5, [1, 2, 3, 4]));
  }));
  test("041 BlockedOnReceive, unbound: a passive server", stays("BlockedOnReceive", "Unbound", (s) => {
    expect(s.bed.send(s.server, EP, 5)).toEqual(failed(ErrorCode.PassiveServer));
    expect(s.bed.call(s.server, EP, 6)).toBe("blocked");
    expect([s.answer(), s.runs()]).toEqual([answered(6), true]);
  }));
  test("042 BlockedOnReceive, its endpoint goes: Broken", answers("BlockedOnReceive", "Endpoint", ErrorCode.Broken));
  test("043 BlockedOnReceive, the bound notification goes: messages still arrive", stays("BlockedOnReceive", "Notification", (s) => {
    s.bed.send(s.server, EP, 5);
    expect(s.answer()).toEqual(answered(5));
  }));
  test("044 BlockedOnReceive, its reply object goes: a Call gets Broken, a Send arrives", () => {
    stays("BlockedOnReceive", "Reply", (s) => {
      expect(s.bed.call(s.server, EP, 5)).toEqual(failed(ErrorCode.Broken));
      expect(s.answer()).toEqual(answered(5));
    })();
    stays("BlockedOnReceive", "Reply", (s) => expect(s.bed.send(s.server, EP, 5)).toEqual(DONE))();
  });

  test("045 BlockedOnReply, Suspend: it has its time back, and the answer reaches nobody", stopsInCall("BlockedOnReply", (s) => {
    expect(s.bed.send(s.server, REPLY, WORKED)).toEqual(DONE);
    untouched(s);
  }));
  test("046 BlockedOnReply, Resume", endsCall("BlockedOnReply"));
  test("047 BlockedOnReply, Restart: the server gets the message twice", againCall("BlockedOnReply", ThreadState.BlockedOnSend, (s) => {
    expect(s.bed.answer(s.server)).toEqual(answered(MESSAGE.label, MESSAGE.words));
    expect(s.bed.recv(s.server, EP, REPLY)).toEqual(answered(MESSAGE.label, MESSAGE.words));
  }));
  test("048 BlockedOnReply, destroyed: the answer reaches nobody", dies("BlockedOnReply", repair));
  test("049 BlockedOnReply, its VSpace goes: it stops, with its time", losesSpace("BlockedOnReply", cancelled));
  test("050 BlockedOnReply, its CSpace goes: the answer arrives without capabilities", stays("BlockedOnReply", "CSpace", (s) => {
    s.bed.receiveAt({ ...s.t, buffer: s.t.tcb.buffer }, 100);
    s.bed.setBuffer(s.server, IpcBuffer.CAPS, Slot.TCB);
    s.bed.sys(s.server, Syscall.Send, REPLY, toInfo(WORKED, 1, 1), [9]);
    expect(s.answer()).toEqual(answered(WORKED, [9]));
    namesNothing(s);
  }));
  test("051 BlockedOnReply, its buffer goes: four words", stays("BlockedOnReply", "Buffer", (s) => {
    s.bed.send(s.server, REPLY, WORKED, 1, 2, 3, 4, 5, 6);
    expect(s.answer()).toEqual(answered(WORKED, [1, 2, 3, 4]));
  }));
  test("052 BlockedOnReply, unbound: the server goes on with its own time", stays("BlockedOnReply", "Unbound", (s) => {
    expect([s.server.tcb.sc, isRunnable(s.bed.k, s.server.tcb)]).toEqual([s.server.tcb.homeSc, true]);
    s.bed.send(s.server, REPLY, WORKED);
    waitsForTime(s);
  }));
  test("053 BlockedOnReply, the endpoint goes: it was received", stays("BlockedOnReply", "Endpoint", (s) => {
    s.bed.send(s.server, REPLY, WORKED);
    expect(s.answer()).toEqual(answered(WORKED));
  }));
  test("054 BlockedOnReply, the bound notification goes", stays("BlockedOnReply", "Notification"));
  test("055 BlockedOnReply, its reply object goes: Broken", answers("BlockedOnReply", "Reply", ErrorCode.Broken));

  test("056 BlockedOnNotification, Suspend: a signal stays", stopsInCall("BlockedOnNotification", (s) => {
    s.bed.signal(s.server, NTF);
    untouched(s);
    expect(s.bed.poll(s.server, NTF)).toEqual(answered(0, [], 6));
  }));
  test("057 BlockedOnNotification, Resume", endsCall("BlockedOnNotification"));
  test("058 BlockedOnNotification, Restart: it takes what was signalled meanwhile", () => {
    againCall("BlockedOnNotification", ThreadState.BlockedOnNotification)();
    const s = scene("BlockedOnNotification");
    s.happens.Suspend();
    s.bed.signal(s.server, NTF);
    s.happens.Restart();
    expect(s.bed.trap(s.t)).toEqual(answered(0, [], 6));
  });
  test("059 BlockedOnNotification, destroyed: a signal stays", dies("BlockedOnNotification", (s) => {
    s.bed.signal(s.server, NTF);
    expect(s.bed.poll(s.server, NTF)).toEqual(answered(0, [], 6));
  }));
  test("060 BlockedOnNotification, its VSpace goes: it stops", losesSpace("BlockedOnNotification", cancelled));
  test("061 BlockedOnNotification, its CSpace goes: a signal still wakes it", stays("BlockedOnNotification", "CSpace", (s) => {
    s.bed.signal(s.server, NTF);
    expect(s.answer()).toEqual(answered(0, [], 6));
    namesNothing(s);
  }));
  test("062 BlockedOnNotification, its buffer goes", stays("BlockedOnNotification", "Buffer"));
  test("063 BlockedOnNotification, unbound: signalled, it has no time", stays("BlockedOnNotification", "Unbound", (s) => {
    s.bed.signal(s.server, NTF);
    waitsForTime(s);
  }));
  test("064 BlockedOnNotification, an endpoint goes", stays("BlockedOnNotification", "Endpoint"));
  test("065 BlockedOnNotification, the notification goes: Broken", answers("BlockedOnNotification", "Notification", ErrorCode.Broken));
  test("066 BlockedOnNotification, a reply object goes", stays("BlockedOnNotification", "Reply"));

  test("067 RunningVcpu, Suspend: another may enter the guest", stopsInCall("RunningVcpu", guestIsFree));
  test("068 RunningVcpu, Resume", endsCall("RunningVcpu"));
  test("069 RunningVcpu, Restart: enters again and completes nothing twice", againCall("RunningVcpu", ThreadState.RunningVcpu, (s) => expect(s.completion()).toBe(0)));
  test("070 RunningVcpu, destroyed: another may enter the guest", dies("RunningVcpu", guestIsFree));
  test("071 RunningVcpu, its VSpace goes: it stops, and another may enter the guest", losesSpace("RunningVcpu", (s) => {
    cancelled(s);
    guestIsFree(s);
  }));
  test("072 RunningVcpu, its CSpace goes: the exit is answered", stays("RunningVcpu", "CSpace", (s) => {
    s.exits(VcpuStop.Broken);
    expect(s.answer().label).toBe(Exit.Broken);
    namesNothing(s);
  }));
  test("073 RunningVcpu, its buffer goes: an SBI exit has four words", stays("RunningVcpu", "Buffer", (s) => {
    s.exits(VcpuStop.SBI);
    expect(s.answer()).toMatchObject({ label: Exit.SBI, words: [0, 0, 0, 0] });
  }));
  test("074 RunningVcpu, unbound: the guest does not run until there is time", stays("RunningVcpu", "Unbound", (s) => {
    expect([s.t.tcb.sc, s.runs()]).toEqual([0, false]);
    s.rebind();
    expect([s.t.tcb.state, s.runs()]).toEqual([ThreadState.RunningVcpu, true]);
  }));
  test("075 RunningVcpu, an endpoint goes", stays("RunningVcpu", "Endpoint"));
  test("076 RunningVcpu, the bound notification goes", stays("RunningVcpu", "Notification"));
  test("077 RunningVcpu, a reply object goes", stays("RunningVcpu", "Reply"));

  test("078 WaitingVcpu, Suspend: another may enter the guest", stopsInCall("WaitingVcpu", guestIsFree));
  test("079 WaitingVcpu, Resume", endsCall("WaitingVcpu"));
  test("080 WaitingVcpu, Restart: enters again and completes nothing twice", againCall("WaitingVcpu", ThreadState.RunningVcpu, (s) => expect(s.completion()).toBe(0)));
  test("081 WaitingVcpu, destroyed: another may enter the guest", dies("WaitingVcpu", guestIsFree));
  test("082 WaitingVcpu, its VSpace goes: it stops, and another may enter the guest", losesSpace("WaitingVcpu", (s) => {
    cancelled(s);
    guestIsFree(s);
  }));
  test("083 WaitingVcpu, its CSpace goes: a signal still ends the wait", stays("WaitingVcpu", "CSpace", (s) => {
    s.bed.signal(s.server, NTF);
    expect(s.answer()).toEqual(answered(Exit.Notified, [6]));
    namesNothing(s);
  }));
  test("084 WaitingVcpu, its buffer goes", stays("WaitingVcpu", "Buffer"));
  test("085 WaitingVcpu, unbound: signalled, it has no time", stays("WaitingVcpu", "Unbound", (s) => {
    s.bed.signal(s.server, NTF);
    waitsForTime(s);
    expect(s.answer().label).toBe(Exit.Notified);
  }));
  test("086 WaitingVcpu, an endpoint goes", stays("WaitingVcpu", "Endpoint"));
  test("087 WaitingVcpu, the bound notification goes: Stuck, unless a timer is armed", () => {
    becomes("WaitingVcpu", "Notification", ThreadState.Ready, (s) => expect(s.answer()).toEqual(answered(Exit.Stuck)))();
    stays("WaitingVcpu", "Notification", () => {}, { timer: true })();
  });
  test("088 WaitingVcpu, a reply object goes", stays("WaitingVcpu", "Reply"));

  test("089 Faulted, Suspend: stays stopped", () => {
    const s = scene("Faulted");
    expect(s.t.tcb.state).toBe(ThreadState.Faulted);
    s.happens.Suspend();
    expect([s.runs(), s.t.tcb.state === ThreadState.Ready]).toEqual([false, false]);
    untouched(s);
    s.happens.Resume();
    goesOn(s);
  });
  test("090 Faulted, Resume: goes on at its pc", becomes("Faulted", "Resume", ThreadState.Ready, goesOn));
  test("091 Faulted, Restart: goes on at its pc", becomes("Faulted", "Restart", ThreadState.Ready, goesOn));
  test("092 Faulted, destroyed", dies("Faulted"));
  test("093 Faulted, its VSpace goes", losesSpace("Faulted", goesOn));
  test("094 Faulted, its CSpace goes", stays("Faulted", "CSpace", (s) => {
    s.happens.Resume();
    namesNothing(s);
  }));
  test("095 Faulted, its buffer goes", stays("Faulted", "Buffer"));
  test("096 Faulted, unbound: resumed, it has no time", stays("Faulted", "Unbound", (s) => {
    s.happens.Resume();
    waitsForTime(s);
  }));
  test("097 Faulted, an endpoint goes", stays("Faulted", "Endpoint"));
  test("098 Faulted, the bound notification goes", stays("Faulted", "Notification"));
  test("099 Faulted, a reply object goes", stays("Faulted", "Reply"));

  test("100 FaultWaiting, Suspend: its keeper does not hear of it", becomes("FaultWaiting", "Suspend", ThreadState.Inactive, (s) => {
    expect(s.bed.nbrecv(s.server, EP, REPLY)).toEqual(failed(ErrorCode.WouldBlock));
    s.happens.Resume();
    goesOn(s);
  }));
  test("101 FaultWaiting, Resume: waits on; suspended, it goes on", forgetsFault("FaultWaiting", "Resume"));
  test("102 FaultWaiting, Restart: waits on; suspended, it goes on", forgetsFault("FaultWaiting", "Restart"));
  test("103 FaultWaiting, destroyed: its fault is gone", dies("FaultWaiting", (s) => expect(s.bed.nbrecv(s.server, EP, REPLY)).toEqual(failed(ErrorCode.WouldBlock))));
  test("104 FaultWaiting, its VSpace goes", losesSpace("FaultWaiting", goesOn));
  test("105 FaultWaiting, its CSpace goes: the keeper hears all the same", stays("FaultWaiting", "CSpace", (s) => {
    expect(s.bed.recv(s.server, EP, REPLY)).toMatchObject({ label: Fault.VMFault });
    repair(s);
    namesNothing(s);
  }));
  test("106 FaultWaiting, its buffer goes", stays("FaultWaiting", "Buffer", (s) => expect(s.bed.recv(s.server, EP, REPLY)).toMatchObject({ label: Fault.VMFault })));
  test("107 FaultWaiting, unbound: told on the keeper's time", stays("FaultWaiting", "Unbound", (s) => {
    expect(s.bed.recv(s.server, EP, REPLY)).toMatchObject({ label: Fault.VMFault });
    expect(s.server.tcb.sc).toBe(s.server.tcb.homeSc);
    repair(s);
    waitsForTime(s);
  }));
  test("108 FaultWaiting, the keeper's endpoint goes: stays stopped", becomes("FaultWaiting", "Endpoint", ThreadState.Faulted, (s) => {
    untouched(s);
    s.happens.Resume();
    goesOn(s);
  }));
  test("109 FaultWaiting, the bound notification goes", stays("FaultWaiting", "Notification"));
  test("110 FaultWaiting, a reply object goes", stays("FaultWaiting", "Reply"));

  test("111 FaultReceived, Suspend: it has its time back, and the answer reaches nobody", becomes("FaultReceived", "Suspend", ThreadState.Inactive, (s) => {
    s.hasTime();
    repair(s);
    expect(s.t.tcb.state).toBe(ThreadState.Inactive);
    s.happens.Restart();
    goesOn(s);
  }));
  test("112 FaultReceived, Resume: waits on; suspended, it goes on", forgetsFault("FaultReceived", "Resume"));
  test("113 FaultReceived, Restart: waits on; suspended, it goes on", forgetsFault("FaultReceived", "Restart"));
  test("114 FaultReceived, destroyed: the answer reaches nobody", dies("FaultReceived", repair));
  test("115 FaultReceived, its VSpace goes", losesSpace("FaultReceived", goesOn));
  test("116 FaultReceived, its CSpace goes: it is repaired all the same", stays("FaultReceived", "CSpace", (s) => {
    repair(s);
    namesNothing(s);
  }));
  test("117 FaultReceived, its buffer goes", stays("FaultReceived", "Buffer", (s) => {
    repair(s);
    goesOn(s);
  }));
  test("118 FaultReceived, unbound: the keeper goes on with its own time", stays("FaultReceived", "Unbound", (s) => {
    expect([s.server.tcb.sc, isRunnable(s.bed.k, s.server.tcb)]).toEqual([s.server.tcb.homeSc, true]);
    repair(s);
    waitsForTime(s);
  }));
  test("119 FaultReceived, the keeper's endpoint goes: it was received", stays("FaultReceived", "Endpoint", (s) => {
    repair(s);
    goesOn(s);
  }));
  test("120 FaultReceived, the bound notification goes", stays("FaultReceived", "Notification"));
  test("121 FaultReceived, its reply object goes: stays stopped, with its time", becomes("FaultReceived", "Reply", ThreadState.Faulted, (s) => {
    untouched(s);
    s.hasTime();
  }));
});
