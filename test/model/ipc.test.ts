// The kernel's IPC and lending of time against the naive model: random calls among five threads and a director that stops, resumes and destroys;
// after each, every thread must do, hold and run on the same.
import fc from "fast-check";
import { expect, test } from "vitest";
import { toInfo } from "../../caps/abi/message.ts";
import { ErrorCode, Invocation, Kind, Right, Syscall } from "../../caps/abi/numbers.ts";
import { ThreadState } from "../../core/kernel/state.ts";
import { FakeMachine } from "../support/fake-machine.ts";
import { DONE, KernelBed, pair, retypeWord, Slot, slotWord } from "../support/kernel-bed.ts";
import type { Program } from "../support/testbed.ts";
import { IpcModel, type Actor, type Doing } from "./ipc-model.ts";
import { below, LIMIT, runs, wasLong } from "./runs.ts";

const I = Invocation;
/** Actors 3 and 4 lose their time once they wait: they are passive servers from then on. */
const OWN = [true, true, true, false, false], ENDPOINTS = 2, NOTIFICATIONS = 2;
const EP = 20, REPLY = 30, SAVED = 31, NTF = 40, SIGNAL = 50;
/** The director's slots: each actor's TCB and CNode, and the endpoints. */
const TCB = 60, CNODE = 70, DIRECTOR_EP = 80, NEW = 90;
const NAMES: Readonly<Record<number, string>> = Object.fromEntries(Object.entries(ErrorCode).map(([name, code]) => [code, name]));
const DOING: Readonly<Record<number, Doing>> = {
  [ThreadState.Ready]: "ready", [ThreadState.BlockedOnSend]: "sending", [ThreadState.BlockedOnReceive]: "receiving",
  [ThreadState.BlockedOnNotification]: "waiting", [ThreadState.BlockedOnReply]: "owed", [ThreadState.Inactive]: "stopped",
};

type Act = { readonly by: number } & (
  | { readonly do: "call" | "send" | "nbsend"; readonly e: number; readonly label: number }
  | { readonly do: "recv" | "nbrecv"; readonly e: number; readonly reply: boolean }
  | { readonly do: "replyRecv"; readonly e: number; readonly label: number }
  | { readonly do: "reply" | "replySaved"; readonly label: number }
  | { readonly do: "save"; readonly label: number }
  | { readonly do: "signal" | "wait" | "poll"; readonly n: number }
  | { readonly do: Direction }
);
type ActorsAct = Exclude<Act, { readonly do: Direction }>;
type Direction = "suspend" | "resume" | "restart" | "renewReply" | "renewEndpoint" | "cancelBadge";

class World {
  readonly bed = new KernelBed(new FakeMachine(2 ** 24));
  readonly model = new IpcModel(OWN, ENDPOINTS, NOTIFICATIONS);
  readonly director = this.bed.thread("director", { priority: 200 });
  readonly threads = OWN.map((_, i) => this.bed.thread(`actor${i}`));
  /** What each did last. */
  readonly lastActs: ActorsAct[] = OWN.map((_, i) => ({ do: "recv", by: i, e: 0, reply: true }));
  restarted = 0;

  constructor() {
    const { bed, director, threads } = this;
    threads.forEach((t, i) => {
      bed.share(t, Slot.TCB, director, TCB + i);
      bed.share(t, Slot.CNODE, director, CNODE + i);
      this.newReply(i);
      bed.hold(t, SAVED, Kind.Reply, 5);
    });
    for (let e = 0; e < ENDPOINTS; e++) this.newEndpoint(e);
    for (let n = 0; n < NOTIFICATIONS; n++) {
      const row = bed.make(Kind.Notification, 6);
      threads.forEach((t, i) => {
        bed.give(t, NTF + n, row, Right.Read);
        bed.give(t, SIGNAL + n, row, Right.Write, 1 << i);
      });
    }
    expect(bed.call(threads[0]!, Slot.TCB, I.TCBBindNotification, NTF)).toEqual(DONE);
    // The passive ones receive once, and are on the model's side as if they had just begun to.
    OWN.forEach((own, i) => {
      if (own) return;
      expect(bed.recv(threads[i]!, EP, REPLY)).toBe("blocked");
      bed.share(threads[i]!, Slot.SC, director, 100);
      expect(bed.call(director, 100, I.SchedContextUnbind)).toEqual(DONE);
      expect(bed.call(director, Slot.CNODE, I.CNodeDelete, slotWord(100))).toEqual(DONE);
      this.model.receive(this.model.actors[i]!, 0, true, true);
    });
    threads.forEach((t, i) => (this.model.actors[i]!.got = this.got(t)));
  }

  newReply(i: number): void {
    const { bed, director } = this;
    expect(bed.call(director, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Reply), Slot.CNODE, NEW)).toEqual(DONE);
    expect(bed.call(director, CNODE + i, I.CNodeMove, slotWord(REPLY), pair(NEW, 32), Slot.CNODE)).toEqual(DONE);
  }

  newEndpoint(e: number): void {
    const { bed, director } = this;
    expect(bed.call(director, Slot.UNTYPED, I.UntypedRetype, retypeWord(Kind.Endpoint), Slot.CNODE, DIRECTOR_EP + e)).toEqual(DONE);
    this.threads.forEach((_, i) => {
      expect(bed.call(director, CNODE + i, I.CNodeMint, slotWord(EP + e), pair(DIRECTOR_EP + e, 32 | (15 << 8)), Slot.CNODE, 100 + i)).toEqual(DONE);
    });
  }

  /** What a thread's registers say of its last call. */
  got(t: (typeof this.threads)[number]): string {
    const answer = this.bed.answer(t);
    if (answer.error !== 0) return NAMES[answer.error] ?? "";
    return answer.label === 0 && answer.badge === 0 ? "done" : `${answer.label} from ${answer.badge}`;
  }

  /** False when nobody can act. */
  step(act: Act): void {
    const { model, director } = this;
    if (!("e" in act || "n" in act || "label" in act)) return this.direct(act.do, act.by);
    const able = model.runnable();
    const actor = able[act.by % able.length];
    if (actor === undefined) return;
    expect(director.tcb.state).toBe(ThreadState.Ready);
    this.lastActs[actor.name] = act;
    this.actInKernel(this.threads[actor.name]!, act);
    this.actInModel(actor, act);
  }

  actInKernel(t: Program, act: ActorsAct): void {
    const { bed } = this;
    switch (act.do) {
      case "call":
        return void bed.call(t, EP + act.e, act.label);
      case "send":
        return void bed.send(t, EP + act.e, act.label);
      case "nbsend":
        return void bed.nbsend(t, EP + act.e, act.label);
      case "recv":
        return void bed.recv(t, EP + act.e, act.reply ? REPLY : 0);
      case "nbrecv":
        return void bed.nbrecv(t, EP + act.e, act.reply ? REPLY : 0);
      case "replyRecv":
        return void bed.sys(t, Syscall.ReplyRecv, EP + act.e, toInfo(act.label, 0), [], REPLY);
      case "reply":
        return void bed.send(t, REPLY, act.label);
      case "replySaved":
        return void bed.send(t, SAVED, act.label);
      case "save":
        return void bed.call(t, REPLY, I.ReplySave, SAVED);
      case "signal":
        return void bed.signal(t, SIGNAL + act.n);
      case "wait":
        return void bed.wait(t, NTF + act.n);
      case "poll":
        return void bed.poll(t, NTF + act.n);
    }
  }

  actInModel(actor: Actor, act: ActorsAct): void {
    const { model } = this, badge = 100 + actor.name;
    switch (act.do) {
      case "call":
        return model.send(actor, act.e, act.label, badge, true, true);
      case "send":
        return model.send(actor, act.e, act.label, badge, false, true);
      case "nbsend":
        return model.send(actor, act.e, act.label, badge, false, false);
      case "recv":
        return model.receive(actor, act.e, act.reply, true);
      case "nbrecv":
        return model.receive(actor, act.e, act.reply, false);
      case "replyRecv":
        model.reply(actor, act.label);
        return model.receive(actor, act.e, true, true);
      case "reply":
      case "replySaved":
        model.reply(actor, act.label, act.do === "replySaved");
        actor.got = "done";
        return;
      case "save":
        return model.save(actor);
      case "signal":
        actor.got = "done";
        return model.signal(act.n, 1 << actor.name);
      case "wait":
        return model.wait(actor, act.n, true);
      case "poll":
        return model.wait(actor, act.n, false);
    }
  }

  direct(what: Direction, by: number): void {
    const { bed, model, director } = this;
    const i = by % OWN.length, actor = model.actors[i]!;
    switch (what) {
      case "suspend":
        expect(bed.call(director, TCB + i, I.TCBSuspend)).toEqual(DONE);
        return model.suspend(actor);
      case "resume":
        expect(bed.call(director, TCB + i, I.TCBResume)).toEqual(DONE);
        return model.resume(actor);
      case "restart": {
        // Without time it could not make its call again at once.
        if (actor.time === null) return;
        expect(bed.call(director, TCB + i, I.TCBRestart)).toEqual(DONE);
        if (!model.restart(actor)) return;
        const act = this.lastActs[i]!;
        bed.trap(this.threads[i]!);
        this.restarted++;
        return this.actInModel(actor, act);
      }
      case "cancelBadge":
        for (let e = 0; e < ENDPOINTS; e++) {
          expect(bed.finish(director, CNODE + i, I.CNodeCancelBadgedSends, slotWord(EP + e), 0, 0)).toEqual(DONE);
          model.cancelBadge(e, 100 + i);
        }
        return;
      case "renewReply":
        expect(bed.finish(director, CNODE + i, I.CNodeDelete, slotWord(REPLY))).toEqual(DONE);
        this.newReply(i);
        return model.renewReply(actor);
      case "renewEndpoint": {
        const e = by % ENDPOINTS;
        expect(bed.finish(director, Slot.CNODE, I.CNodeRevoke, slotWord(DIRECTOR_EP + e))).toEqual(DONE);
        expect(bed.finish(director, Slot.CNODE, I.CNodeDelete, slotWord(DIRECTOR_EP + e))).toEqual(DONE);
        this.newEndpoint(e);
        return model.renewEndpoint(e);
      }
    }
  }

  compare(): void {
    const { k } = this.bed;
    const owner = new Map(this.threads.map((t, i) => [this.bed.object(t.rows.sc), i]));
    const kernel = this.threads.map((t) => ({ doing: DOING[t.tcb.state], time: t.tcb.sc === 0 ? null : owner.get(t.tcb.sc) }));
    expect(kernel).toEqual(this.model.actors.map(({ doing, time }) => ({ doing, time })));
    this.threads.forEach((t, i) => {
      const actor: Actor = this.model.actors[i]!;
      // While a thread waits its registers are its own.
      if ((actor.doing === "ready" || actor.doing === "stopped") && !actor.interrupted) expect(this.got(t), `actor ${i}`).toBe(actor.got);
    });
    const line = (head: number): number[] => (head === 0 ? [] : [this.threads.findIndex((t) => t.tcb.id === head), ...line(k.tcbs[head]!.next)]);
    for (let e = 0; e < ENDPOINTS; e++) {
      const ep = k.endpoints[this.bed.slot(this.director, DIRECTOR_EP + e)!.object]!;
      expect(line(ep.head)).toEqual([...this.model.senders[e]!, ...this.model.receivers[e]!].map((a) => a.name));
    }
  }
}

const by = below(60), e = below(ENDPOINTS), n = below(NOTIFICATIONS), label = fc.integer({ min: 1, max: 1000 });
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("call" as const), by, e, label }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("send" as const, "nbsend" as const), by, e, label }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("recv" as const), by, e, reply: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("nbrecv" as const), by, e, reply: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("replyRecv" as const), by, e, label }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("reply" as const), by, label }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("save" as const, "replySaved" as const), by, label }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("signal" as const, "wait" as const, "poll" as const), by, n }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("suspend" as const, "suspend" as const, "resume" as const, "restart" as const, "restart" as const, "renewReply" as const, "renewEndpoint" as const, "cancelBadge" as const), by }) },
);

test("MODEL-IPC any sequence of calls leaves every thread where the naive model has it, on the time it says", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(act, { minLength: 10, maxLength: 100, size: "max" }), (acts) => {
      const world = new World();
      for (const a of acts) {
        world.step(a);
        world.compare();
        for (const actor of world.model.actors) {
          seen.add(actor.doing);
          seen.add(actor.time === null ? "no time" : actor.time === actor.name ? "own time" : "lent time");
        }
        for (const stack of world.model.loans) seen.add(`lent ${stack.length} deep`);
      }
      if (world.restarted > 0) seen.add("restarted");
      if (world.model.owed.some((o, i) => i >= OWN.length && o.caller !== null)) seen.add("saved");
    }),
    runs(120),
  );
  if (wasLong(120)) for (const what of ["sending", "receiving", "waiting", "owed", "stopped", "no time", "lent time", "lent 2 deep", "restarted", "saved"]) expect([...seen]).toContain(what);
}, LIMIT);
