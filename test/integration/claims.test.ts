// A manifest's claims while the appliance runs: what a trusted component hands on against them is found out, and the appliance is stopped.
import { expect, test } from "vitest";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import { startSession, type Outcome } from "../../servers/operator/session.ts";
import { applianceFolder } from "../support/appliance-run.ts";

const MANIFEST = `apiVersion: bailiwick/1
kind: Appliance
name: claims
version: 0.1.0
platform: { board: virt-rv64, memory: 64MiB }
components:
  console: { image: { server: console }, cpu: { priority: 200 }, use: { regs: platform.uart0.regs, irq: platform.uart0.irq }, offer: { console: Console } }
  wall: { image: { ts: wall.ts }, use: { console: console.console }, offer: { way: Way } }
  app: { image: { ts: app.ts }, use: { way: { from: wall.way, rights: [call, grant] } }, essential: true }
assert:
  - no-path: { from: app, to: console, trusting: [wall] }
  - only-holders: { of: platform.uart0, are: [console, wall, app] }
`;
/** Answers with what `give` names, a capability of its own each time. */
const wall = (give: string): string => `
import { InitSlot, Kind, cnodeCopy, retype, type Env, type Op } from "bailiwick/sdk";
export default function* main({ sys, use }: Env): Op<void> {
  yield* retype(sys, InitSlot.Untyped, Kind.CNode, 4, 1, InitSlot.CNode, 130);
  yield* cnodeCopy(sys, { cnode: 130, index: 3, depth: 4 }, { cnode: InitSlot.CNode, index: use.console!.cap, depth: 32 }, 15);
  yield* sys.recv(InitSlot.Service, InitSlot.Reply);
  for (;;) yield* sys.replyRecv(InitSlot.Service, InitSlot.Reply, 0, [], [${give}]);
}`;
/** Asks, and then runs on for a while: whoever looks has the time to. */
const APP = `
import { InitSlot, type Env, type Op } from "bailiwick/sdk";
export default function* main({ sys, use }: Env): Op<void> {
  sys.receiveSlots(InitSlot.CNode, 140, 32, 1);
  yield* sys.call(use.way!.cap, 1);
  for (let i = 0; i < 300_000; i++) yield* sys.yield();
}`;

async function outcome(give: string, manifest = MANIFEST): Promise<Outcome> {
  using folder = applianceFolder({ "appliance.yaml": manifest, "wall.ts": wall(give), "app.ts": APP });
  const session = await startSession(await prepareAppliance(folder.path), { console: { write() {}, ready: () => true, onDrained() {}, onInput() {} }, timeoutMs: 60_000 });
  return session.outcome;
}

test("a component that keeps to its protocol is left alone", { timeout: 180_000 }, async () => {
  expect(await outcome("InitSlot.Notification")).toEqual({ status: 0 });
});

test.each([
  ["hands on a capability", "use.console!.cap"],
  ["hands over a table with one in it", "130"],
])("one that is trusted and %s is found out", { timeout: 180_000 }, async (_, give) => {
  expect(await outcome(give)).toEqual({
    status: 4,
    why: "the appliance was stopped: app was given console.console, and claim 1 of the manifest (no-path) does not hold any more: app can come to hold console.console",
  });
});

test("without claims nobody looks", { timeout: 180_000 }, async () => {
  expect(await outcome("use.console!.cap", MANIFEST.replace(/assert:[^]*/, ""))).toEqual({ status: 0 });
});

const RESTARTED = MANIFEST.replace("essential: true", "restart: { backoff: 10ms, max: 1 }, essential: true");
const FALLEN = `
import { InitSlot, type Env, type Op } from "bailiwick/sdk";
export default function* main({ sys, mem, use }: Env): Op<void> {
  sys.receiveSlots(InitSlot.CNode, 140, 32, 1);
  const first = yield* sys.call(use.way!.cap, 1);
  if (first.word(0) !== 2) mem.load32(0x123000);
  for (let i = 0; i < 300_000; i++) yield* sys.yield();
}`;
/** Says 1 and gives nothing to the app's first life, which ends over that; says 2 to the second, and gives what `give` names. */
const wallOfLives = (give: string): string => wall(give).replace("yield* sys.recv(InitSlot.Service, InitSlot.Reply);", "let n = 0; yield* sys.recv(InitSlot.Service, InitSlot.Reply);").replace("InitSlot.Reply, 0, [], [", "InitSlot.Reply, 0, [++n], n < 2 ? [] : [");

test.each([
  ["is left alone while everybody keeps to the protocols", "InitSlot.Notification", 0],
  ["is watched as before", "use.console!.cap", 4],
])("a component that is started again %s", { timeout: 180_000 }, async (_, give, status) => {
  using folder = applianceFolder({ "appliance.yaml": RESTARTED, "wall.ts": wallOfLives(give), "app.ts": FALLEN });
  const events: string[] = [];
  const session = await startSession(await prepareAppliance(folder.path), {
    console: { write() {}, ready: () => true, onDrained() {}, onInput() {} }, timeoutMs: 60_000,
    onEvent: (event) => void (event?.event === "restarted" && events.push(event.component)),
  });
  expect(await session.outcome).toMatchObject({ status });
  expect(events).toEqual(["app"]);
});
