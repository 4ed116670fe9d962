// LEAD-*: a component and the operator lead one Linux guest: its time stands while either wants it to, what the operator holds no component lets go, and what is written down is one moment.
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import { describeEvent, type SystemEvent } from "../../servers/operator/events.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { startSession, type Outcome, type Session } from "../../servers/operator/session.ts";
import { SnapshotWriter } from "../../servers/operator/vm/snapshot-writer.ts";
import { openSnapshot } from "../../servers/operator/vm/snapshot.ts";
import { GuestEnding, STOPPED_STATUS } from "../../servers/root/guest-protocol.ts";
import { applianceFolder, Line, manifestWith, until } from "../support/appliance-run.ts";

const LIMIT_MS = 150_000;
vi.setConfig({ testTimeout: 2 * LIMIT_MS });
const installed = findLinux(findPackage().record);

/** The next snapshot's turn of the host, between the moment of the disks and that of the memory, takes until `over`. What is returned puts back what was. */
function longTurn(over: () => Promise<unknown>): () => void {
  const disks = vi.spyOn(SnapshotWriter.prototype, "markDisks").mockImplementationOnce(() => {
    const turn = vi.spyOn(globalThis, "setImmediate").mockImplementationOnce(((then: () => void) => void over().then(then)) as unknown as typeof setImmediate);
    queueMicrotask(() => turn.mockRestore());
  });
  return () => disks.mockRestore();
}

const MANIFEST = (more = ""): string => `${manifestWith(
  {
    timer: "{ image: { server: timer }, cpu: { priority: 210 }, use: { regs: platform.alarm0.regs, irq: platform.alarm0.irq }, offer: { timer: Timer } }",
    ctl: "{ image: { ts: ctl.ts }, cpu: { priority: 150 }, use: { g: guests.g.control, timer: timer.timer } }",
    friend: "{ image: { ts: friend.ts }, use: { it: { from: hand.it, rights: [call] } } }",
    hand: "{ image: { ts: hand.ts }, use: { g: guests.g.control }, offer: { it: Own } }",
  },
  "192MiB",
).replace(", essential: true", "")}guests:
  g:
    image: linux
    memory: 96MiB
    console: console.console
    input: false
    cmdline: >-
      console=ttyS0 quiet loglevel=1 panic=-1 rdinit=/bin/busybox -- sh -c
      "b=/bin/busybox; $b mount -t devtmpfs d /dev; $b mount -t proc p /proc; exec >/dev/ttyS0; while :; do read up rest </proc/uptime; echo t $up; $b sleep 0.1; done"
${more}`;
const PROGRAM = (steps: string, told = 200): string => `
import { client, Guest, GuestState, InitSlot, Parent, Timer, type Env, type Op } from "bailiwick/sdk";
export default function* main({ sys, mem, use }: Env): Op<void> {
  const g = client(Guest, sys, mem, use.g!.cap), timer = client(Timer, sys, mem, use.timer!.cap), parent = client(Parent, sys, mem, InitSlot.Parent);
  const say = function* (text: string): Op<void> { yield* parent.log(Uint8Array.from(text, (letter) => letter.charCodeAt(0))); };
  const sleep = function* (ms: number): Op<void> { const now = yield* timer.now(); if (now.ok) yield* timer.sleepUntil(now.now + ms * 1e6); };
  const is = function* (wanted: number): Op<void> { for (let change = 0; ; ) { const now = yield* g.changed(change); if (!now.ok || now.state === wanted) return; change = now.change; } };
  const tells = (what: string, answer: { readonly ok: boolean; readonly refusal?: string }): string => what + ": " + (answer.ok ? "done" : answer.refusal);
  yield* is(GuestState.running);
  for (;;) { const stats = yield* g.stats(); if (!stats.ok || stats.consoleWritten > ${told}) break; yield* sleep(100); }
  ${steps}
  yield* say("over");
}`;
const HAND = `
import { InitSlot, type Env, type Op } from "bailiwick/sdk";
export default function* main({ sys, use }: Env): Op<void> {
  yield* sys.recv(InitSlot.Service, InitSlot.Reply);
  for (;;) yield* sys.replyRecv(InitSlot.Service, InitSlot.Reply, 0, [], [use.g!.cap]);
}`;
const NOBODY = "export default function* main() {}";
const ASKER = `
import { InitSlot, type Env, type Op } from "bailiwick/sdk";
export default function* main({ sys, use }: Env): Op<void> {
  sys.receiveSlots(InitSlot.CNode, 140, 32, 1);
  yield* sys.call(use.it!.cap, 1);
  yield* sys.wait(InitSlot.Notification);
}`;

interface Running {
  readonly session: Session;
  readonly line: Line;
  readonly events: readonly SystemEvent[];
  /** Waits until ctl has said it. */
  said(text: string): Promise<void>;
}
async function leading(steps: string, during: (run: Running) => Promise<void>, manifest = MANIFEST(), more: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  using folder = applianceFolder({ "appliance.yaml": manifest, "ctl.ts": PROGRAM(steps), "hand.ts": HAND, "friend.ts": NOBODY, ...more });
  const line = new Line(), events: SystemEvent[] = [];
  const session = await startSession(await prepareAppliance(folder.path), { console: line, timeoutMs: LIMIT_MS, onEvent: (event) => void (event === undefined || events.push(event)) });
  const said = (text: string): Promise<void> => until(`ctl says ${text}`, () => events.some((event) => event.event === "log" && event.component === "ctl" && event.text === text), LIMIT_MS / 2);
  try {
    await during({ session, line, events, said });
  } catch (error) {
    throw new Error(`${String(error)}\n${events.map((event) => JSON.stringify(event)).slice(-12).join("\n")}\n${line.output.slice(-300)}`, { cause: error });
  } finally {
    session.stop(0);
  }
  return session.outcome;
}
const stateOf = ({ session }: Running): string => session.guests.info("g").state;
/** What the guest's clock showed last, in seconds. */
const guestTime = ({ line }: Running): number => Number([...line.output.matchAll(/^t (\d+\.\d+)\r?\n/gm)].at(-1)?.[1]);

describe.skipIf(!installed.ok || installed.value === undefined)("LEAD", () => {
  test("001 a component pauses a guest: its time stands, its state is seen from outside, and it goes on", async () => {
    await leading(`yield* say(tells("pause", yield* g.pause())); yield* sleep(3000); const at = yield* g.stats(); yield* say("stats " + (at.ok && at.consoleWritten > 200)); yield* say("go on"); yield* say(tells("resume", yield* g.resume()));`, async (run) => {
      await run.said("pause: done");
      const [stood, from] = [guestTime(run), run.line.output.length];
      expect(stateOf(run)).toBe("paused");
      await run.said("go on");
      expect(run.line.output.length).toBe(from);
      await run.said("resume: done");
      await run.said("stats true");
      expect(stateOf(run)).toBe("running");
      await until("the guest says more", () => guestTime(run) > stood);
      const first = Number(/^t (\d+\.\d+)\r?\n/m.exec(run.line.output.slice(run.line.output.lastIndexOf("t ", from - 1)).replace(/^t \d+\.\d+\r?\n/, ""))?.[1]);
      expect(first - stood).toBeLessThan(1.5);
      const paused = run.events.find((event) => event.event === "guest" && event.state === "paused");
      expect(paused).toMatchObject({ guest: "g", by: "ctl" });
      expect(describeEvent(paused!, true)).toBe("guest g: paused by ctl");
    });
  });

  test("002 what the operator has paused no component lets go; what a component has paused the operator may, and may take over", async () => {
    const steps = `
      yield* say("yours"); yield* is(GuestState.paused); yield* say(tells("1 resume", yield* g.resume())); yield* say(tells("1 pause", yield* g.pause())); yield* is(GuestState.running);
      yield* say(tells("2 pause", yield* g.pause())); yield* is(GuestState.running);
      yield* say(tells("3 pause", yield* g.pause())); const before = yield* g.state(); yield* g.changed(before.ok ? before.change : 0); yield* say(tells("3 resume", yield* g.resume())); yield* is(GuestState.running);
      yield* say(tells("4 pause", yield* g.pause())); yield* say(tells("4 resume", yield* g.resume()));`;
    await leading(steps, async (run) => {
      const { guests } = run.session;
      await run.said("yours");
      await guests.pause("g");
      await run.said("1 resume: held");
      await run.said("1 pause: wrongState");
      expect(stateOf(run)).toBe("paused");
      await guests.resume("g");
      await run.said("2 pause: done");
      await guests.resume("g");
      await run.said("3 pause: done");
      await guests.pause("g");
      await expect(guests.pause("g")).rejects.toThrow(/only one that is running can be paused/);
      await run.said("3 resume: held");
      await guests.resume("g");
      await run.said("4 resume: done");
      expect(stateOf(run)).toBe("running");
    });
  });

  test("003 a guest that a component has go on while it is written down is not written down; one that the operator holds is", async () => {
    const steps = `
      yield* say(tells("1 pause", yield* g.pause())); yield* sleep(1500); yield* say(tells("1 resume", yield* g.resume()));
      yield* say("2 yours"); yield* is(GuestState.paused); yield* say(tells("2 resume", yield* g.resume())); yield* is(GuestState.running);`;
    await leading(steps, async (run) => {
      using folder = applianceFolder({});
      const at = join(folder.path, "snap"), { guests } = run.session;
      await run.said("1 pause: done");
      // Between its state and its memory the component has it go on.
      const slow = longTurn(() => run.said("1 resume: done"));
      await expect(guests.snapshot("g", at)).rejects.toThrow(/guest g went on while it was written down/);
      slow();
      await expect(openSnapshot(at)).rejects.toThrow(/there is no snapshot/);
      await run.said("2 yours");
      const held = longTurn(() => run.said("2 resume: held"));
      expect((await guests.snapshot("g", at)).guest).toBe("g");
      held();
      expect((await openSnapshot(at)).guest).toBe("g");
      expect(stateOf(run)).toBe("running");
    });
  });

  test("004 an essential guest that a component ends ends the appliance, and what the operator had asked of it", async () => {
    const outcome = leading(`yield* say("now"); yield* is(GuestState.paused); yield* g.stop();`, async (run) => {
      await run.said("now");
      await run.session.guests.pause("g");
      await run.session.outcome;
      expect(run.session.guests.info("g")).toMatchObject({ state: "ended", ending: "ended by ctl" });
    });
    expect(await outcome).toEqual({ status: STOPPED_STATUS });
  });

  test("005 claims about who leads a guest are compared with what was booted, and watched: one that hands it on is found out", async () => {
    const claim = "assert: [{ only-holders: { of: guests.g.control, are: [ctl, hand], trusting: [hand, timer, console] } }]\n";
    const kept = await leading(`yield* sleep(500);`, (run) => run.said("over"), MANIFEST(claim));
    expect(kept).toEqual({ status: 0 });
    const broken = await leading("yield* sleep(20000);", async (run) => void (await run.session.outcome), MANIFEST(claim), { "friend.ts": ASKER });
    expect(broken).toEqual({ status: 4, why: expect.stringMatching(/friend was given guests\.g\.control, and claim 1 of the manifest \(only-holders\) does not hold any more/) });
  });
  test("006 a guest that a component asks to shut down does", async () => {
    // Its own init, which hears; it has said enough when its shell is there.
    const usual = MANIFEST().replace(/ {4}input: false\n {4}cmdline: >-\n.*\n.*\n/, "");
    const steps = 'yield* sleep(500); yield* say(tells("shutdown", yield* g.shutdown())); yield* is(GuestState.ended); yield* say(tells("again", yield* g.shutdown())); const end = yield* g.state(); yield* say("ending " + (end.ok ? end.ending : "?"));';
    await leading(steps, async (run) => {
      await run.said("shutdown: done");
      await run.said("again: ended");
      await run.said(`ending ${GuestEnding.poweroff}`);
      expect(run.session.guests.info("g")).toMatchObject({ state: "ended", ending: "poweroff" });
    }, usual);
  });
});
