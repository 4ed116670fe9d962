// IPC-*: messages between threads: Call, Send, NBSend, Recv, NBRecv, ReplyRecv, and what they carry.
import { describe, expect, test } from "vitest";
import { Info, IpcBuffer, toInfo } from "../../../caps/abi/message.ts";
import { ErrorCode, Fault, Invocation, Kind, Right, Syscall } from "../../../caps/abi/numbers.ts";
import { ThreadState } from "../../../core/kernel/state.ts";
import { answered, DONE, failed, KernelBed, pair, retypeWord, Slot, slotWord, type Answer } from "../../support/kernel-bed.ts";
import { leavesAlone, refuses } from "./refusal.ts";

const { CNodeDelete, CNodeRevoke, UntypedRetype } = Invocation;
const EP = 20, REPLY = 21;

/** A server with an endpoint and a reply object in slots 20 and 21, and a client with a badged capability in 20. */
const setup = (options: { time?: boolean; rights?: number } = {}) => {
  const bed = new KernelBed();
  const server = bed.thread("server"), client = bed.thread("client"), other = bed.thread("other");
  const ep = bed.hold(server, EP, Kind.Endpoint, 5);
  bed.hold(server, REPLY, Kind.Reply, 5);
  bed.give(client, EP, ep, options.rights ?? 15, 77);
  bed.give(other, EP, ep, options.rights ?? 15, 5 + 2 ** 40);
  if (options.time === false) {
    // It waits first: a passive server is started with time and then loses it.
    bed.recv(server, EP, REPLY);
    bed.call(client, Slot.SC, Invocation.SchedContextConsumed);
    bed.share(server, Slot.SC, client, 40);
    expect(bed.call(client, 40, Invocation.SchedContextUnbind)).toEqual(DONE);
  }
  const state = (p: typeof server) => p.tcb.state;
  return { bed, server, client, other, state, object: bed.slot(server, EP)!.object };
};
const got = (bed: KernelBed, p: Parameters<KernelBed["answer"]>[0]): Answer => bed.answer(p);

describe("IPC-CALL", () => {
  test("001 to a waiting server: label, words and badge arrive, the reply comes back", () => {
    const { bed, server, client } = setup();
    expect(bed.recv(server, EP, REPLY)).toBe("blocked");
    expect(bed.call(client, EP, 12, 1, 2, 3, pair(4, 5))).toBe("blocked");
    expect(got(bed, server)).toEqual(answered(12, [1, 2, 3, 4 + 5 * 2 ** 32], 77));
    expect(bed.replyRecv(server, EP, REPLY, 13, 9, 8)).toBe("blocked");
    expect(got(bed, client)).toEqual(answered(13, [9, 8]));
  });
  test("002 before the server waits: the caller stands in line, first come first served", () => {
    const { bed, server, client, other, state } = setup();
    expect(bed.call(client, EP, 1, 10)).toBe("blocked");
    expect(bed.call(other, EP, 2, 20)).toBe("blocked");
    expect(state(client)).toBe(ThreadState.BlockedOnSend);
    expect(bed.recv(server, EP, REPLY)).toEqual(answered(1, [10], 77));
    expect(bed.replyRecv(server, EP, REPLY, 0, 11)).toEqual(answered(2, [20], 5 + 2 ** 40));
    expect(got(bed, client)).toEqual(answered(0, [11]));
  });
  test("003 a capability without Write, or without a right to reply, is refused", () => {
    for (const [rights, needed] of [[Right.Read, Right.Write], [0, Right.Write], [Right.Write, Right.GrantReply], [Right.Write | Right.Read, Right.GrantReply]] as const) {
      const { bed, client } = setup({ rights });
      refuses(bed, client, [EP, 1, 2], ErrorCode.MissingRight, needed);
    }
    for (const rights of [Right.Write | Right.Grant, Right.Write | Right.GrantReply]) {
      const { bed, client } = setup({ rights });
      expect(bed.call(client, EP, 1)).toBe("blocked");
    }
  });
  test("004 an empty slot is an InvalidCapability, an address that leads nowhere a FailedLookup", () => {
    const { bed, client } = setup();
    refuses(bed, client, [99, 1], ErrorCode.InvalidCapability, 0);
    refuses(bed, client, [0, 1], ErrorCode.InvalidCapability, 0);
    refuses(bed, client, [256, 1], ErrorCode.FailedLookup, 0, 32);
    refuses(bed, client, [2n ** 64n - 1n, 1], ErrorCode.FailedLookup, 0, 32);
  });
  test("005 a server that receives without a reply object cannot answer: Broken", () => {
    const { bed, server, client } = setup();
    bed.recv(server, EP);
    expect(bed.call(client, EP, 1)).toEqual(failed(ErrorCode.Broken));
    bed.call(client, EP, 1);
    expect(bed.recv(server, EP)).toMatchObject({ label: 1 });
    expect(got(bed, client)).toEqual(failed(ErrorCode.Broken));
  });
  test("006 objects without methods refuse every call", () => {
    const { bed, server, client } = setup();
    bed.hold(client, 30, Kind.Notification, 6);
    for (const slot of [30, Slot.VSPACE]) refuses(bed, client, [slot, 1, 2, 3], ErrorCode.IllegalOperation);
    refuses(bed, server, [REPLY, 1], ErrorCode.IllegalOperation);
  });
  test("007 a sender cannot pretend to be the kernel: the error flag does not travel", () => {
    const { bed, server, client } = setup();
    bed.recv(server, EP, REPLY);
    bed.sys(client, Syscall.Call, EP, toInfo(ErrorCode.Broken, 1) | Info.ERROR, [7]);
    expect(got(bed, server)).toEqual(answered(ErrorCode.Broken, [7], 77));
    bed.sys(server, Syscall.ReplyRecv, EP, toInfo(ErrorCode.Broken, 1) | Info.ERROR, [8], REPLY);
    expect(got(bed, client)).toEqual(answered(ErrorCode.Broken, [8]));
  });
});

describe("IPC-WORDS", () => {
  test("001 0 to 120 words arrive, and no word beyond them is touched", () => {
    const { bed, server, client } = setup();
    for (const n of [0, 1, 3, 4, 5, 6, 50, 119, 120]) {
      const words = Array.from({ length: n }, (_, i) => 1000 * n + i);
      for (let i = 4; i < 120; i++) bed.setBuffer(server, IpcBuffer.WORDS + i, 0xdead);
      bed.recv(server, EP, REPLY);
      bed.call(client, EP, n, ...words);
      expect(got(bed, server)).toEqual(answered(n, words, 77));
      for (let i = Math.max(4, n); i < 120; i++) expect(bed.buffer(server, IpcBuffer.WORDS + i)).toBe(0xdead);
      bed.send(server, REPLY, 1, ...words.map((w) => w + 1));
      expect(got(bed, client)).toEqual(answered(1, words.map((w) => w + 1)));
    }
  });
  test("002 a length above 120 is cut to 120", () => {
    const { bed, server, client } = setup();
    bed.recv(server, EP, REPLY);
    bed.sys(client, Syscall.Call, EP, toInfo(3, 127));
    expect(got(bed, server).words).toHaveLength(120);
    // The buffer's own fields behind the words are the receiver's.
    expect(bed.buffer(server, IpcBuffer.USER_DATA)).toBe(0);
  });
  test("003 without an IPC buffer on either side, four words arrive", () => {
    for (const side of ["server", "client"] as const) {
      const all = setup();
      all.bed.call(all[side], Slot.TCB, Invocation.TCBSetIPCBuffer, 0, 0);
      all.bed.recv(all.server, EP, REPLY);
      all.bed.call(all.client, EP, 1, 1, 2, 3, 4, 5, 6);
      expect(got(all.bed, all.server)).toEqual(answered(1, [1, 2, 3, 4], 77));
    }
  });
  test("004 registers beyond the length are the receiver's own", () => {
    const { bed, server, client } = setup();
    bed.sys(server, Syscall.Recv, EP, 0, [91, 92, 93, 94], REPLY);
    bed.call(client, EP, 1, 5);
    expect([12, 13, 14, 15].map((r) => bed.get(server.tcb, r))).toEqual([5, 92, 93, 94]);
  });
});

describe("IPC-CAPS", () => {
  const withCaps = (bed: KernelBed, from: Parameters<KernelBed["sys"]>[0], caps: readonly number[], label = 1, words: readonly number[] = [], number: number = Syscall.Call, cap = EP) => {
    caps.forEach((c, i) => bed.setBuffer(from, IpcBuffer.CAPS + i, c));
    return bed.sys(from, number, cap, toInfo(label, words.length, caps.length), words);
  };
  test("001 up to three capabilities are copied into the receive slots", () => {
    const { bed, server, client } = setup();
    bed.hold(client, 30, Kind.Notification, 6, Right.Write, 9);
    bed.hold(client, 31, Kind.Frame, 12);
    bed.receiveAt(server, 50, 3);
    bed.recv(server, EP, REPLY);
    withCaps(bed, client, [30, 31, Slot.TCB], 4, [5]);
    expect(got(bed, server)).toMatchObject({ label: 4, caps: 3, unwrapped: 0, words: [5] });
    expect(bed.slot(server, 50)).toMatchObject({ kind: Kind.Notification, rights: Right.Write, badge: 9 });
    expect([bed.slot(server, 51)!.kind, bed.slot(server, 52)!.kind]).toEqual([Kind.Frame, Kind.TCB]);
    expect(bed.slot(client, 30)).not.toBeNull();
  });
  test("002 only through a capability with Grant; the message arrives all the same", () => {
    const { bed, server, client } = setup({ rights: Right.Write | Right.GrantReply });
    bed.receiveAt(server, 50, 3);
    bed.recv(server, EP, REPLY);
    withCaps(bed, client, [Slot.TCB], 4, [5]);
    expect(got(bed, server)).toMatchObject({ label: 4, caps: 0, words: [5] });
    expect(bed.slot(server, 50)).toBeNull();
  });
  test("003 no more than the receiver has slots for, and none into an occupied slot", () => {
    const { bed, server, client } = setup();
    bed.receiveAt(server, 50, 1);
    bed.recv(server, EP, REPLY);
    withCaps(bed, client, [Slot.TCB, Slot.VSPACE]);
    expect(got(bed, server).caps).toBe(1);
    bed.send(server, REPLY);
    bed.recv(server, EP, REPLY);
    withCaps(bed, client, [Slot.TCB]);
    expect(got(bed, server).caps).toBe(0);
    bed.send(server, REPLY);
    bed.receiveAt(server, 60, 0);
    bed.recv(server, EP, REPLY);
    withCaps(bed, client, [Slot.TCB]);
    expect(got(bed, server).caps).toBe(0);
  });
  test("004 a capability to the endpoint itself is unwrapped: the receiver sees its badge", () => {
    const { bed, server, client } = setup();
    bed.share(client, EP, client, 41);
    bed.receiveAt(server, 50, 1);
    bed.recv(server, EP, REPLY);
    withCaps(bed, client, [41, Slot.TCB, EP]);
    expect(got(bed, server)).toMatchObject({ caps: 3, unwrapped: 0b101 });
    expect([bed.buffer(server, IpcBuffer.CAPS), bed.buffer(server, IpcBuffer.CAPS + 2)]).toEqual([77, 77]);
    expect(bed.slot(server, 50)!.kind).toBe(Kind.TCB);
  });
  test("005 stops at the first that cannot be taken: an empty slot, no such slot, what may not be copied", () => {
    for (const bad of [99, 256, 42, 43]) {
      const { bed, server, client } = setup();
      bed.hold(client, 42, Kind.Reply, 5);
      bed.call(client, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.PageTable), Slot.CNODE, 43);
      bed.receiveAt(server, 50, 3);
      bed.recv(server, EP, REPLY);
      withCaps(bed, client, [Slot.TCB, bad, Slot.VSPACE]);
      expect(got(bed, server).caps).toBe(1);
      expect(bed.slot(server, 51)).toBeNull();
    }
  });
  test("006 a reply carries capabilities", () => {
    const { bed, server, client } = setup();
    bed.hold(server, 30, Kind.Notification, 6);
    bed.recv(server, EP, REPLY);
    bed.receiveAt(client, 60, 1);
    bed.call(client, EP, 1);
    withCaps(bed, server, [30], 2, [], Syscall.Send, REPLY);
    expect(got(bed, client)).toMatchObject({ label: 2, caps: 1 });
    expect(bed.slot(client, 60)!.kind).toBe(Kind.Notification);
  });
  test("007 a receiver whose receive path is nonsense takes none", () => {
    for (const [index, value] of [[IpcBuffer.RECEIVE_CNODE, 99], [IpcBuffer.RECEIVE_CNODE, 2n ** 40n], [IpcBuffer.RECEIVE_DEPTH, 0], [IpcBuffer.RECEIVE_DEPTH, 64], [IpcBuffer.RECEIVE_INDEX, 300]] as const) {
      const { bed, server, client } = setup();
      bed.receiveAt(server, 50, 3);
      bed.setBuffer(server, index, value);
      bed.recv(server, EP, REPLY);
      withCaps(bed, client, [Slot.TCB]);
      expect(got(bed, server).caps).toBe(0);
    }
  });
  test("008 what was received descends from what was sent, and goes when that is revoked", () => {
    const { bed, server, client } = setup();
    bed.call(client, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Frame, 12), Slot.CNODE, 30);
    bed.receiveAt(server, 50, 1);
    bed.recv(server, EP, REPLY);
    withCaps(bed, client, [30]);
    expect(bed.slot(server, 50)).not.toBeNull();
    bed.send(server, REPLY);
    expect(bed.finish(client, Slot.CNODE, CNodeRevoke, slotWord(30))).toEqual(DONE);
    expect(bed.slot(server, 50)).toBeNull();
  });
  test("009 an answer carries none when the request was received through a capability without Grant", () => {
    for (const waits of [true, false]) {
      const { bed, server, client } = setup();
      bed.hold(server, 30, Kind.Notification, 6);
      bed.share(server, EP, server, 40, Right.Read);
      bed.receiveAt(client, 60, 1);
      if (waits) bed.recv(server, 40, REPLY);
      bed.call(client, EP, 1);
      if (!waits) bed.recv(server, 40, REPLY);
      withCaps(bed, server, [30], 2, [5], Syscall.Send, REPLY);
      expect(got(bed, client)).toMatchObject({ label: 2, caps: 0, words: [5] });
      expect(bed.slot(client, 60)).toBeNull();
      // The next request, received through the other one, can be.
      bed.recv(server, EP, REPLY);
      bed.call(client, EP, 1);
      withCaps(bed, server, [30], 2, [], Syscall.Send, REPLY);
      expect(got(bed, client)).toMatchObject({ caps: 1 });
    }
  });
});

describe("IPC-SEND", () => {
  test("001 is over when it is received; the receiver owes nothing", () => {
    const { bed, server, client } = setup();
    expect(bed.send(client, EP, 3, 1, 2)).toBe("blocked");
    expect(bed.recv(server, EP, REPLY)).toEqual(answered(3, [1, 2], 77));
    expect(got(bed, client)).toEqual(DONE);
    bed.recv(server, EP, REPLY);
    expect(bed.send(client, EP, 4)).toEqual(DONE);
    expect(got(bed, server)).toEqual(answered(4, [], 77));
  });
  test("002 NBSend reaches who waits and is dropped silently when nobody does", () => {
    const { bed, server, client } = setup();
    leavesAlone(bed, client, () => bed.nbsend(client, EP, 5, 1), DONE);
    bed.recv(server, EP);
    expect(bed.nbsend(client, EP, 5, 1)).toEqual(DONE);
    expect(got(bed, server)).toEqual(answered(5, [1], 77));
  });
  test("003 needs Write", () => {
    const { bed, client } = setup({ rights: Right.Read });
    for (const number of [Syscall.Send, Syscall.NBSend]) leavesAlone(bed, client, () => bed.sys(client, number, EP), failed(ErrorCode.MissingRight, Right.Write));
  });
  test("004 to a server without time of its own would wedge it: PassiveServer", () => {
    const { bed, server, client, state } = setup({ time: false });
    for (const number of [Syscall.Send, Syscall.NBSend]) leavesAlone(bed, client, () => bed.sys(client, number, EP, toInfo(1, 0)), failed(ErrorCode.PassiveServer));
    expect(state(server)).toBe(ThreadState.BlockedOnReceive);
    expect(bed.call(client, EP, 1)).toBe("blocked");
    expect(bed.send(client === server ? client : server, 99)).toEqual(failed(ErrorCode.InvalidCapability, 0));
  });
  test("005 that waits when a passive server comes is told PassiveServer too, and the next caller is served", () => {
    const { bed, server, client, other } = setup({ time: false });
    bed.call(client, EP, 1);
    const third = bed.thread("third");
    bed.share(server, EP, third, EP, 15, 3);
    bed.send(other, EP, 2);
    bed.call(third, EP, 3);
    expect(bed.replyRecv(server, EP, REPLY, 9)).toEqual(answered(3, [], 3));
    expect(got(bed, client)).toMatchObject({ label: 9 });
    expect(got(bed, other)).toEqual(failed(ErrorCode.PassiveServer));
    expect(third.tcb.state).toBe(ThreadState.BlockedOnReply);
  });
  test("006 on what is neither endpoint, reply nor notification is an IllegalOperation", () => {
    const { bed, client } = setup();
    for (const slot of [Slot.TCB, Slot.CNODE, Slot.UNTYPED, Slot.VSPACE]) leavesAlone(bed, client, () => bed.send(client, slot), failed(ErrorCode.IllegalOperation));
    leavesAlone(bed, client, () => bed.send(client, 99), failed(ErrorCode.InvalidCapability, 0));
    leavesAlone(bed, client, () => bed.send(client, 256), failed(ErrorCode.FailedLookup, 0, 32));
  });
});

describe("IPC-RECV", () => {
  test("001 NBRecv takes a waiting message, else answers WouldBlock", () => {
    const { bed, server, client } = setup();
    expect(bed.nbrecv(server, EP, REPLY)).toEqual(failed(ErrorCode.WouldBlock));
    bed.send(client, EP, 3);
    expect(bed.nbrecv(server, EP, REPLY)).toEqual(answered(3, [], 77));
  });
  test("002 on what cannot be received on is a capability fault", () => {
    const { bed, server } = setup();
    const rogue = (slot: number, reply = 0) => {
      const p = bed.thread(`rogue${slot}`);
      bed.share(server, EP, p, EP, Right.Write | Right.Grant);
      expect(bed.recv(p, slot, reply)).toBe("fault");
      expect(p.tcb.faultLabel).toBe(Fault.Capability);
      expect([p.tcb.faultWords[0], p.tcb.faultWords[2]]).toEqual([0x1_0004, slot]);
    };
    for (const slot of [EP, Slot.TCB, 99, 256]) rogue(slot);
    const p = bed.thread("p");
    bed.share(server, EP, p, EP);
    expect(bed.recv(p, EP, Slot.TCB)).toBe("fault");
  });
  test("003 with a reply object that another thread waits with is a capability fault", () => {
    const { bed, server, client } = setup();
    bed.recv(server, EP, REPLY);
    bed.share(server, EP, client, 30);
    bed.share(server, REPLY, client, 31);
    expect(bed.recv(client, 30, 31)).toBe("fault");
  });
  test("004 with a reply object that still holds a caller drops that caller: Broken", () => {
    const { bed, server, client, other } = setup();
    bed.recv(server, EP, REPLY);
    bed.call(client, EP, 1);
    bed.call(other, EP, 2);
    expect(bed.recv(server, EP, REPLY)).toMatchObject({ label: 2 });
    expect(got(bed, client)).toEqual(failed(ErrorCode.Broken));
  });
  test("005 ReplyRecv without a reply object, or with one that holds nobody, is a Recv", () => {
    const { bed, server, client } = setup();
    expect(bed.replyRecv(server, EP, 0, 9)).toBe("blocked");
    bed.send(client, EP, 1);
    expect(bed.replyRecv(server, EP, REPLY, 9)).toBe("blocked");
  });
  test("006 ReplyRecv on a notification is a capability fault, and answers nobody", () => {
    const { bed, server, client } = setup();
    bed.hold(server, 30, Kind.Notification, 6);
    bed.recv(server, EP, REPLY);
    bed.call(client, EP, 1);
    expect(bed.replyRecv(server, 30, REPLY, 5)).toBe("fault");
    expect(client.tcb.state).toBe(ThreadState.BlockedOnReply);
  });
});

describe("IPC-REPLY", () => {
  test("001 a reply object answers once; then it holds nobody and answers nobody", () => {
    const { bed, server, client } = setup();
    bed.recv(server, EP, REPLY);
    bed.call(client, EP, 1);
    expect(bed.send(server, REPLY, 2, 5)).toEqual(DONE);
    expect(got(bed, client)).toEqual(answered(2, [5]));
    expect(bed.send(server, REPLY, 3, 6)).toEqual(DONE);
    expect(got(bed, client)).toEqual(answered(2, [5]));
    expect(bed.nbsend(server, REPLY, 3, 6)).toEqual(DONE);
  });
  test("002 answers may come in any order with a reply object each", () => {
    const { bed, server, client, other } = setup();
    bed.hold(server, 22, Kind.Reply, 5);
    bed.recv(server, EP, REPLY);
    bed.call(client, EP, 1);
    expect(bed.recv(server, EP, 22)).toBe("blocked");
    bed.call(other, EP, 2);
    bed.send(server, 22, 22);
    bed.send(server, REPLY, 21);
    expect([got(bed, other).label, got(bed, client).label]).toEqual([22, 21]);
  });
});

describe("IPC-BROKEN", () => {
  test("001 the reply object is destroyed: its caller gets Broken", () => {
    const { bed, client, other } = setup();
    bed.call(other, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Endpoint), Slot.CNODE, 30);
    bed.call(other, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Reply), Slot.CNODE, 31);
    bed.share(other, 30, client, 30);
    bed.recv(other, 30, 31);
    bed.call(client, 30, 1);
    expect(bed.call(other, Slot.CNODE, CNodeDelete, slotWord(31))).toEqual(DONE);
    expect(got(bed, client)).toEqual(failed(ErrorCode.Broken));
  });
  test("002 the endpoint is destroyed: senders, callers and receivers get Broken", () => {
    const { bed, client, other, server } = setup();
    const last = bed.thread("last");
    bed.call(other, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Endpoint, 0, 2), Slot.CNODE, 30);
    for (const p of [client, server, last]) {
      bed.share(other, 30, p, 30);
      bed.share(other, 31, p, 31);
    }
    bed.call(client, 30, 1);
    bed.send(server, 30, 2);
    bed.recv(last, 31);
    expect(bed.finish(other, Slot.CNODE, CNodeRevoke, slotWord(Slot.UNTYPED))).toEqual(DONE);
    for (const p of [client, server, last]) {
      expect(got(bed, p)).toEqual(failed(ErrorCode.Broken));
      expect(p.tcb.state).toBe(ThreadState.Ready);
    }
  });
  test("003 the server's memory is revoked, thread and reply object with it: Broken, and the time is back", () => {
    const { bed, client, other } = setup();
    const K = Invocation;
    bed.call(other, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.TCB), Slot.CNODE, 30);
    bed.call(other, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.Reply), Slot.CNODE, 31);
    bed.call(other, Slot.UNTYPED, UntypedRetype, retypeWord(Kind.SchedContext), Slot.CNODE, 32);
    bed.singleton(other, 33, Kind.SchedControl);
    expect(bed.call(other, 33, K.SchedControlConfigure, 32, 1000, 1000)).toEqual(DONE);
    expect(bed.call(other, 30, K.TCBSetSpace, 0, Slot.CNODE, Slot.VSPACE)).toEqual(DONE);
    expect(bed.call(other, 32, K.SchedContextBind, 30)).toEqual(DONE);
    expect(bed.call(other, 30, K.TCBResume)).toEqual(DONE);
    const tcb = bed.k.tcbs[bed.slot(other, 30)!.object]!;
    const server = { ...other, tcb };
    const ep = bed.hold(other, 41, Kind.Endpoint, 5);
    bed.give(client, 41, ep);
    expect(bed.recv(server, 41, 31)).toBe("blocked");
    expect(bed.call(client, 41, 1)).toBe("blocked");
    expect(tcb.sc).toBe(client.tcb.homeSc);
    expect(bed.finish(other, Slot.CNODE, CNodeRevoke, slotWord(Slot.UNTYPED))).toEqual(DONE);
    expect(got(bed, client)).toEqual(failed(ErrorCode.Broken));
    expect(client.tcb.sc).toBe(client.tcb.homeSc);
    expect(bed.nbsend(client, 41)).toEqual(DONE);
  });
});
