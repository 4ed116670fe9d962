// REPLY-SAVE-*: a caller is kept for later in another reply object.
import { describe, expect, test } from "vitest";
import { IpcBuffer, toInfo } from "../../../caps/abi/message.ts";
import { ALL_RIGHTS, ErrorCode, Invocation, Kind, Right, Syscall } from "../../../caps/abi/numbers.ts";
import { ThreadState } from "../../../core/kernel/state.ts";
import { answered, DONE, failed, KernelBed, retypeWord, Slot, slotWord } from "../../support/kernel-bed.ts";
import { refuses } from "./refusal.ts";

const I = Invocation;
const EP = 20, REPLY = 21, SAVED = 22, BACK = 23, BACK_REPLY = 24;

/** `client` has called `server`, which holds it in REPLY and has another reply object in SAVED. */
const setup = () => {
  const bed = new KernelBed();
  const client = bed.thread("client"), server = bed.thread("server"), backend = bed.thread("backend");
  const ep = bed.hold(server, EP, Kind.Endpoint, 5);
  expect(bed.call(server, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Reply, 0, 2), Slot.CNODE, REPLY)).toEqual(DONE);
  bed.give(client, EP, ep, 15, 7);
  const back = bed.hold(backend, BACK, Kind.Endpoint, 5);
  bed.hold(backend, BACK_REPLY, Kind.Reply, 5);
  bed.give(server, BACK, back, 15, 1);
  bed.recv(backend, BACK, BACK_REPLY);
  bed.recv(server, EP, REPLY);
  bed.call(client, EP, 1, 5);
  return { bed, client, server, backend };
};

describe("REPLY-SAVE", () => {
  test("001 the caller is answered through the other one, with its time; the first is free", () => {
    const { bed, client, server } = setup();
    const home = client.tcb.homeSc;
    expect(bed.call(server, REPLY, I.ReplySave, SAVED)).toEqual(DONE);
    bed.send(server, REPLY, 9);
    expect([client.tcb.state, server.tcb.sc]).toEqual([ThreadState.BlockedOnReply, home]);
    bed.send(server, SAVED, 3, 6);
    expect(bed.answer(client)).toEqual(answered(3, [6]));
    expect([client.tcb.sc, server.tcb.sc]).toEqual([home, server.tcb.homeSc]);
  });
  test("002 a loan made on from it stays above it", () => {
    const { bed, client, server, backend } = setup();
    const home = client.tcb.homeSc;
    expect(bed.call(server, REPLY, I.ReplySave, SAVED)).toEqual(DONE);
    bed.call(server, BACK, 2);
    expect(backend.tcb.sc).toBe(home);
    bed.replyRecv(backend, BACK, BACK_REPLY, 4);
    expect([server.tcb.sc, backend.tcb.sc]).toEqual([home, backend.tcb.homeSc]);
    bed.send(server, SAVED, 3);
    expect([client.tcb.sc, bed.answer(client).label]).toEqual([home, 3]);
  });
  test("003 another can be received with the first meanwhile", () => {
    const { bed, client, server } = setup();
    const other = bed.thread("other");
    bed.share(server, EP, other, EP);
    expect(bed.call(server, REPLY, I.ReplySave, SAVED)).toEqual(DONE);
    expect(bed.recv(server, EP, REPLY)).toBe("blocked");
    bed.call(other, EP, 2);
    bed.send(server, REPLY, 1);
    bed.send(server, SAVED, 2);
    expect([bed.answer(other).label, bed.answer(client).label]).toEqual([1, 2]);
  });
  test("004 the caller gets Broken when the reply object that keeps it goes", () => {
    const { bed, client, server } = setup();
    expect(bed.call(server, REPLY, I.ReplySave, SAVED)).toEqual(DONE);
    expect(bed.finish(server, Slot.CNODE, I.CNodeDelete, slotWord(REPLY))).toEqual(DONE);
    expect(client.tcb.state).toBe(ThreadState.BlockedOnReply);
    expect(bed.finish(server, Slot.CNODE, I.CNodeDelete, slotWord(SAVED))).toEqual(DONE);
    expect(bed.answer(client)).toEqual(failed(ErrorCode.Broken));
  });
  test("005 the first must hold a caller, the other be free: IllegalOperation", () => {
    const { bed, server } = setup();
    refuses(bed, server, [SAVED, I.ReplySave, REPLY], ErrorCode.IllegalOperation);
    refuses(bed, server, [REPLY, I.ReplySave, REPLY], ErrorCode.IllegalOperation);
    refuses(bed, server, [REPLY, I.CNodeCopy, SAVED], ErrorCode.IllegalOperation);
    // Another thread waits to receive with it.
    const second = bed.thread("second");
    bed.share(server, EP, second, EP);
    bed.share(server, SAVED, second, SAVED);
    expect(bed.recv(second, EP, SAVED)).toBe("blocked");
    refuses(bed, server, [REPLY, I.ReplySave, SAVED], ErrorCode.IllegalOperation);
  });
  test("006 wants a reply object in one word", () => {
    const { bed, server } = setup();
    refuses(bed, server, [REPLY, I.ReplySave], ErrorCode.TruncatedMessage);
    refuses(bed, server, [REPLY, I.ReplySave, EP], ErrorCode.InvalidCapability, 0);
    refuses(bed, server, [REPLY, I.ReplySave, 2 ** 20], ErrorCode.FailedLookup, 0, 32);
  });
  test("007 whether the answer may carry capabilities goes along", () => {
    for (const [first, carried] of [[Right.Read, 0], [ALL_RIGHTS, 1]] as const) {
      const { bed, client, server } = setup();
      bed.hold(server, 30, Kind.Notification, 6);
      bed.share(server, EP, server, 40, first);
      bed.receiveAt(client, 60, 1);
      bed.send(server, REPLY, 0);
      bed.recv(server, 40, REPLY);
      bed.call(client, EP, 1);
      expect(bed.call(server, REPLY, I.ReplySave, SAVED)).toEqual(DONE);
      bed.setBuffer(server, IpcBuffer.CAPS, 30);
      bed.sys(server, Syscall.Send, SAVED, toInfo(3, 0, 1), []);
      expect(bed.answer(client)).toMatchObject({ label: 3, caps: carried });
    }
  });
});
