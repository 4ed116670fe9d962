// CONTROL-*: components that lead the lives of guests (protocol Guest), on the real kernel and root server, with VMMs that do as they are told and VMMs that do not. Time is counted in blocks, so each run is the same.
import { describe, expect, test, vi } from "vitest";
import { ErrorCode, InitSlot, Right } from "../../caps/abi/numbers.ts";
import { GUEST_BADGE, type GuestFacet, type ResolvedComponent, type ResolvedUse, type Restart } from "../../caps/image/system.ts";
import { Guest, GuestEnding, GuestState, STOPPED_STATUS } from "../../servers/root/guest-protocol.ts";
import { component, hosted, type Run, runSystem } from "../support/root-system.ts";

vi.setConfig({ testTimeout: 180_000 });

const { methods, refusals } = Guest;
const PRELUDE = `
  const packed = (text) => { const words = [text.length]; for (let i = 0; i < text.length; i += 8) { let w = 0n; for (let j = 7; j >= 0; j--) w = (w << 8n) | BigInt(i + j < text.length ? text.charCodeAt(i + j) : 0); words.push(w); } return words; };
  function* log(text) { return yield* sys.call(${InitSlot.Parent}, 2, packed(String(text))); }
  function* report(what) { return yield* sys.call(${InitSlot.Parent}, 3, packed(JSON.stringify(what))); }
  function* exit(status) { yield* sys.call(${InitSlot.Parent}, 1, [status]); }
  function crash() { mem.load32(0x123000); }
  function* order() {
    const r = yield* sys.call(${InitSlot.Parent}, 5, []);
    if (r.error || r.label !== 0) return null;
    let text = ""; for (let i = 0; i < r.word(0); i++) text += String.fromCharCode(Number((r.big(1 + Math.floor(i / 8)) >> BigInt(8 * (i % 8))) & 0xffn));
    return JSON.parse(text);
  }
  /** The next order, when it comes. */
  function* obey() { for (;;) { const next = yield* order(); if (next !== null) return next; yield* sys.wait(${InitSlot.Notification}); } }
  const words = (r) => r.error ? "E" + r.label : r.label !== 0 ? "refused " + r.label : Array.from({ length: r.length }, (_, i) => r.word(i)).join(" ");
  function* ask(label, given = [], use = "g") { return words(yield* sys.call(env.use[use].cap, label, given)); }
  /** So long that others get on: nobody else of this priority or a lower one runs meanwhile. */
  function* turns(count) { for (let i = 0; i < count; i++) yield* sys.yield(); }
`;
const program = (body: string): Uint8Array => hosted(PRELUDE + body);

/** One that does as it is told, as vmm/life.ts does. */
const HONEST = `
  let paused = false;
  yield* report({ state: "running" });
  for (;;) {
    const { id, do: what } = yield* obey();
    if (what === "pause" && !paused) { paused = true; yield* report({ state: "paused", order: id }); }
    else if (what === "resume" && paused) { paused = false; yield* report({ state: "resumed", order: id }); }
    else if (what === "count") yield* report({ state: "counted", order: id, counts: [1, 2, 3, 4, 5, 6, 7] });
    else yield* report({ state: "refused", order: id, detail: "no" });
  }`;
const SILENT = `yield* report({ state: "running" }); for (;;) yield* obey();`;

let badges = 0;
const over = (guest = "g", facet: GuestFacet = "control", name = "g", badge = GUEST_BADGE + badges++): ResolvedUse => ({ name, kind: "guest", guest, facet, badge });
const onOrder = (given: Partial<Restart> = {}): Restart => ({ on: "order", max: 3, window: 60_000_000, backoff: 20_000, ...given });
const cpu = (priority: number) => ({ priority, budget: 10_000, period: 10_000 });

/** A component, or a VMM with `guest`, by what it does. */
type Part = Partial<ResolvedComponent> & { readonly does: string };
const run = (parts: Readonly<Record<string, Part>>): Promise<Run> => {
  badges = 0;
  const entries = Object.entries(parts);
  return runSystem(entries.map(([name, { does: _does, ...given }], i) => component(name, i + 1, given)), Object.fromEntries(entries.map(([name, { does }]) => [`${name}.js`, program(does)])));
};
const logs = ({ events }: Run, of: string): unknown[] => events.filter((e) => e.event === "log" && e["component"] === of).map((e) => e["text"]);
const guestEvents = ({ events }: Run): unknown[] => events.filter(({ event }) => event === "guest").map(({ event: _event, ...rest }) => rest);
const vmm = (does: string, given: Partial<ResolvedComponent> = {}): Part => ({ guest: "g", cpu: cpu(50), ...given, does });
const { state, changed, stats, pause, resume, stop, restart } = Object.fromEntries(Object.entries(methods).map(([name, { label }]) => [name, label])) as Record<keyof typeof methods, number>;
const OFFERS = [{ name: "it", protocol: "P", gives: false, passes: false }];
const endpoint = (from: string): ResolvedUse => ({ name: from, kind: "endpoint", from, offer: 0, badge: 1, rights: Right.Write | Right.GrantReply | Right.Grant });
/** Says each answer. */
const asks = (...calls: readonly (readonly [label: number, words?: readonly number[]])[]): string => calls.map(([label, given = []]) => `yield* log(yield* ask(${label}, [${given.join()}]));`).join("\n");

describe("CONTROL", () => {
  test("001 what is asked is answered when it is done, and the operator hears of it with who wanted it", async () => {
    const happened = await run({
      main: { uses: [over()], essential: true, does: `yield* log(yield* ask(${changed}, [1])); ${asks([pause], [state], [pause], [resume], [resume], [stats], [state])} yield* exit(0);` },
      vmm: vmm(HONEST),
    });
    expect(logs(happened, "main")).toEqual([
      `${GuestState.running} 0 0 1 2`, "", `${GuestState.paused} 0 0 1 3`, `refused ${refusals.wrongState}`, "", `refused ${refusals.wrongState}`, "1 2 3 4 5 6 7", `${GuestState.running} 0 0 1 4`,
    ]);
    expect(guestEvents(happened)).toEqual([{ guest: "g", state: "running" }, { guest: "g", state: "paused", order: -1, by: "main" }, { guest: "g", state: "resumed", order: -3, by: "main" }]);
  });

  test("002 a view looks, and can do nothing else: every label", async () => {
    const happened = await run({
      main: {
        uses: [over("g", "view")], essential: true,
        does: `yield* ask(${changed}, [1]); yield* log(yield* ask(${stats}));
          const said = {}; for (let label = 0; label < 300; label++) if (![${[state, changed, stats].join()}].includes(label)) { const r = yield* ask(label, [0, 0, 0]); said[r] = (said[r] ?? 0) + 1; }
          yield* log(JSON.stringify(said)); ${asks([state])} yield* exit(0);`,
      },
      vmm: vmm(HONEST, { restart: onOrder() }),
    });
    expect(logs(happened, "main")).toEqual(["1 2 3 4 5 6 7", JSON.stringify({ [`refused ${refusals.badRequest}`]: 13, [`refused ${refusals.notAllowed}`]: 284 }), `${GuestState.running} 0 0 1 2`]);
    expect(guestEvents(happened)).toEqual([{ guest: "g", state: "running" }]);
  });

  test("003 a VMM that never answers costs its caller some seconds; the root server serves all others meanwhile, and takes back what was not fetched", async () => {
    const happened = await run({
      main: { uses: [over()], cpu: cpu(60), does: `yield* ask(${changed}, [1]); ${asks([pause], [state])} yield* exit(0);` },
      other: { uses: [over("g", "view")], essential: true, cpu: cpu(40), does: `let n = 0; for (; n < 400; n++) if ((yield* ask(${state})) !== "${GuestState.running} 0 0 1 2") break; yield* log(n); yield* log(yield* ask(${stats})); yield* exit(0);` },
      vmm: vmm(SILENT),
    });
    expect(logs(happened, "main")).toEqual([`refused ${refusals.noAnswer}`, `${GuestState.running} 0 0 1 2`]);
    expect(logs(happened, "other")).toEqual(["400", `refused ${refusals.noAnswer}`]);

    // This one fetches its orders when nobody waits for them any more.
    const late = await run({
      vmm: vmm(`yield* report({ state: "running" }); while ((yield* sys.recv(${InitSlot.Service}, ${InitSlot.Reply})).label !== 9); yield* log(yield* order()); yield* exit(0);`, { essential: true, offers: OFFERS }),
      main: { uses: [over(), endpoint("vmm")], cpu: cpu(60), does: `yield* ask(${changed}, [1]); ${asks([pause])} yield* sys.send(env.use.vmm.cap, 9);` },
    });
    expect([logs(late, "main"), logs(late, "vmm")]).toEqual([[`refused ${refusals.noAnswer}`], ["null"]]);
  });

  test("004 a VMM answers its own guest's orders and no others, by the report that fits", async () => {
    const lies = [{ state: "paused" }, { state: "resumed" }, { state: "counted", counts: [9] }, { state: "refused" }].flatMap((what) => [-1, -2, -3, 1, 0, -(2 ** 60), "-1"].map((order) => ({ ...what, order })));
    const happened = await run({
      main: { uses: [over(), over("h", "view", "h")], essential: true, cpu: cpu(60), does: `yield* ask(${changed}, [1]); ${asks([pause], [state])} yield* log(yield* ask(${state}, [], "h")); yield* exit(0);` },
      liar: vmm(`for (;;) { for (const lie of JSON.parse(${JSON.stringify(JSON.stringify(lies))})) yield* report(lie); yield* report({ state: "poweroff", status: 0 }); yield* sys.yield(); }`, { guest: "h" }),
      vmm: vmm(`yield* report({ state: "running" }); const { id } = yield* obey(); yield* turns(20); yield* report({ state: "resumed", order: id }); yield* report({ state: "counted", order: id }); yield* log("now"); yield* report({ state: "paused", order: id }); yield* report({ state: "refused", order: id }); for (;;) yield* obey();`),
    });
    expect(happened.events.filter(({ event }) => event === "log").map(({ text }) => text)).toEqual([
      "now", "", `${GuestState.paused} 0 0 1 4`, expect.stringMatching(/^[23] 0 0 1 \d+$/),
    ]);
  });

  test("005 numbers of a VMM's are numbers, whatever it sends", async () => {
    const sends = ["[1.5, -1, null, 1e300, \"7\", {}, 9007199254740991, 8, 9]", "{}", "7", "[]", "null"];
    const happened = await run({
      main: { uses: [over("g", "view")], essential: true, does: `yield* ask(${changed}, [1]); ${asks(...sends.map(() => [stats] as const))} yield* exit(0);` },
      vmm: vmm(`yield* report({ state: "running" }); for (const counts of [${sends.join()}]) yield* report({ state: "counted", order: (yield* obey()).id, counts }); for (;;) yield* obey();`),
    });
    expect(logs(happened, "main")).toEqual(["0 0 0 0 0 0 9007199254740991", ...sends.slice(1).map(() => "0 0 0 0 0 0 0")]);
  });

  test.each([
    ["faults", "crash();", GuestEnding.faulted, 70],
    ["exits without a word", "yield* exit(3);", GuestEnding.exited, 3],
    ["says how its guest ended, and exits", `yield* report({ state: "panic", status: 82 }); yield* exit(82);`, GuestEnding.panic, 82],
  ])("006 a guest whose VMM %s while a call waits: the caller is told, and those who wait for a change", async (_, ends, ending, status) => {
    const happened = await run({
      main: { uses: [over()], essential: true, cpu: cpu(60), does: `yield* ask(${changed}, [1]); ${asks([pause], [state], [pause], [stats], [stop], [restart])} yield* turns(3); yield* exit(0);` },
      watcher: { uses: [over("g", "view")], cpu: cpu(65), does: asks([changed, [1]], [changed, [2]]) },
      vmm: vmm(`yield* report({ state: "running" }); yield* obey(); ${ends}`),
    });
    expect(logs(happened, "main")).toEqual([`refused ${refusals.ended}`, `${GuestState.ended} ${ending} ${status} 1 3`, ...[0, 1, 2].map(() => `refused ${refusals.ended}`), `refused ${refusals.notAllowed}`]);
    expect(logs(happened, "watcher")).toEqual([`${GuestState.running} 0 0 1 2`, `${GuestState.ended} ${ending} ${status} 1 3`]);
  });

  test("007 a guest that says it has ended and has not can be ended all the same", async () => {
    const happened = await run({
      main: { uses: [over()], essential: true, does: `yield* ask(${changed}, [1]); yield* turns(5); ${asks([state], [stop], [state])} yield* exit(0);` },
      vmm: vmm(`yield* report({ state: "running" }); yield* report({ state: "poweroff", status: 0 }); for (;;) yield* sys.yield();`, { cpu: cpu(100) }),
    });
    expect(logs(happened, "main")).toEqual([`${GuestState.running} 0 0 1 2`, "", `${GuestState.ended} ${GuestEnding.stopped} ${STOPPED_STATUS} 1 3`]);
    expect(guestEvents(happened).at(-1)).toEqual({ guest: "g", state: "stopped", status: STOPPED_STATUS, detail: "ended by main" });
  });

  test("008 a guest is begun anew, running, paused or ended, as often as its manifest says, and not of itself", async () => {
    const happened = await run({
      main: {
        uses: [over()], essential: true, cpu: cpu(60),
        does: `yield* ask(${changed}, [1]); ${asks([pause], [restart], [state], [stop], [restart], [state], [restart], [restart], [state], [pause])} yield* exit(0);`,
      },
      vmm: vmm(HONEST, { restart: onOrder() }),
    });
    expect(logs(happened, "main")).toEqual([
      "", "", `${GuestState.running} 9 85 2 6`, "", "", `${GuestState.running} 9 85 3 10`, "", `refused ${refusals.spent}`, `${GuestState.running} 9 85 4 13`, "",
    ]);
    expect(happened.events.filter(({ event }) => event === "restarting").map(({ component: of, count }) => [of, count])).toEqual([["vmm", 1], ["vmm", 2], ["vmm", 3]]);

    const ofItself = await run({
      main: { uses: [over()], essential: true, cpu: cpu(60), does: `yield* ask(${changed}, [1]); ${asks([changed, [2]], [restart], [state])} yield* exit(0);` },
      vmm: vmm(`yield* report({ state: "running" }); yield* turns(3); yield* exit(4);`, { restart: onOrder() }),
    });
    expect(logs(ofItself, "main")).toEqual([`${GuestState.ended} ${GuestEnding.exited} 4 1 3`, "", `${GuestState.running} ${GuestEnding.exited} 4 2 6`]);
  });

  test("009 an essential guest that is ended ends the appliance; one that may not be begun anew is not, and goes on", async () => {
    const happened = await run({ main: { uses: [over()], does: `yield* ask(${changed}, [1]); ${asks([restart], [state], [stop])}` }, vmm: vmm(HONEST, { essential: true }) });
    expect(logs(happened, "main")).toEqual([`refused ${refusals.notAllowed}`, `${GuestState.running} 0 0 1 2`, ""].slice(0, logs(happened, "main").length));
    expect(logs(happened, "main").length).toBeGreaterThan(1);
    expect(happened.events.at(-1)).toMatchObject({ event: "end", status: STOPPED_STATUS });
  });

  test("010 each capability has places of its own: a crowd at one of them is told busy, and takes nobody else's", async () => {
    const crowd = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`c${i}`, { uses: [over("g", "control", "g", GUEST_BADGE)], cpu: cpu(60), does: `yield* ask(${changed}, [1]); ${asks([pause])}` }] as const));
    const happened = await run({
      ...crowd,
      main: { uses: [over("g", "control", "g", GUEST_BADGE + 1)], essential: true, cpu: cpu(55), does: `yield* ask(${changed}, [1]); yield* turns(5); ${asks([stats], [state])} yield* exit(0);` },
      vmm: vmm(`yield* report({ state: "running" }); yield* sys.wait(${InitSlot.Notification}); for (;;) { const next = yield* obey(); if (next.do === "count") yield* report({ state: "counted", order: next.id, counts: [1] }); }`, { cpu: cpu(65) }),
    });
    const said = Object.keys(crowd).map((name) => logs(happened, name)[0]);
    expect(said.filter((one) => one === `refused ${refusals.busy}`)).toHaveLength(3);
    expect(logs(happened, "main")).toEqual(["1 0 0 0 0 0 0", `${GuestState.running} 0 0 1 2`]);
  });

  test("011 whoever only waits for a change makes room for one more of his own", async () => {
    const waits = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`c${i}`, { uses: [over("g", "view", "g", GUEST_BADGE)], cpu: cpu(50), does: `while ((yield* ask(${state})) !== "2 0 0 1 2") yield* sys.yield(); ${asks([changed, [2]])}` }] as const));
    const happened = await run({ ...waits, main: { uses: [over("g", "control", "g", GUEST_BADGE + 1)], essential: true, cpu: cpu(50), does: `while ((yield* ask(${state})) !== "2 0 0 1 2") yield* sys.yield(); yield* turns(20); yield* log("so far"); ${asks([pause])} yield* turns(20); yield* exit(0);` }, vmm: vmm(HONEST, { cpu: cpu(50) }) });
    const said = happened.events.filter(({ event, component: of }) => event === "log" && String(of).startsWith("c")).map(({ text }) => text);
    expect(said).toEqual([`${GuestState.running} 0 0 1 2`, ...[0, 1, 2, 3].map(() => `${GuestState.paused} 0 0 1 3`)]);
  });

  test("012 two hold it: what they ask is done in order, whoever asks", async () => {
    const happened = await run({
      one: { uses: [over()], cpu: cpu(60), does: `yield* ask(${changed}, [1]); ${asks([pause])}` },
      two: { uses: [over()], cpu: cpu(60), essential: true, does: `yield* ask(${changed}, [1]); ${asks([pause], [resume], [state])} yield* exit(0);` },
      vmm: vmm(HONEST),
    });
    expect([logs(happened, "one"), logs(happened, "two")]).toEqual([[""], [`refused ${refusals.wrongState}`, "", `${GuestState.running} 0 0 1 4`]]);
  });

  test("013 a holder that ends while it waits leaves nothing behind: in its next life its places are free, and what it had handed on is dead", async () => {
    const happened = await run({
      friend: {
        offers: OFFERS, cpu: cpu(70),
        does: `sys.receiveSlots(1, 200, 32, 1); yield* sys.recv(${InitSlot.Service}, ${InitSlot.Reply}); sys.receiveSlots(1, 0, 32, 0); yield* log(words(yield* sys.call(200, ${state})));
          yield* sys.replyRecv(${InitSlot.Service}, ${InitSlot.Reply}, 0); yield* log(words(yield* sys.call(200, ${state})));`,
      },
      // It is a VMM, so that it can be ended in the middle of its call: had its places stayed taken, its fifth life would be told busy.
      main: vmm(`yield* sys.call(env.use.friend.cap, 1, [], [env.use.g.cap]); yield* report({ state: "running" }); yield* log(yield* ask(${pause}));`, { guest: "h", uses: [endpoint("friend"), over()], cpu: cpu(60), restart: onOrder({ max: 6 }) }),
      last: { uses: [over("h", "control", "h")], essential: true, cpu: cpu(40), does: `for (let n = 0; n < 6; n++) { yield* turns(3); yield* log(yield* ask(${restart}, [], "h")); } yield* turns(3); yield* exit(0);` },
      vmm: vmm(SILENT),
    });
    expect(logs(happened, "last")).toEqual(["", "", "", "", "", ""]);
    expect(logs(happened, "main")).toEqual([]);
    expect(logs(happened, "friend")).toEqual([`${GuestState.starting} 0 0 1 1`, `E${ErrorCode.InvalidCapability}`]);
  });

  test("014 however many look, the VMM is asked of its devices once for all of them, and at most once a tick", async () => {
    const looks = Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`c${i}`, { uses: [over("g", "view", "g", GUEST_BADGE)], cpu: cpu(60), does: `while (!(yield* ask(${state})).startsWith("${GuestState.running}")) yield* ask(${changed}, [1]); for (let n = 0; n < 10; n++) yield* ask(${stats}); yield* log("done"); yield* sys.send(env.use.vmm.cap, 9);` }] as const));
    const happened = await run({
      vmm: vmm(`yield* report({ state: "running" }); let counted = 0, done = 0;
        while (done < 4) { for (let next = yield* order(); next !== null; next = yield* order()) { counted++; yield* report({ state: "counted", order: next.id, counts: [] }); } if ((yield* sys.recv(${InitSlot.Service}, ${InitSlot.Reply})).label === 9) done++; }
        yield* log(counted); yield* exit(0);`, { essential: true, offers: OFFERS }),
      ...Object.fromEntries(Object.entries(looks).map(([name, part]) => [name, { ...part, uses: [...part.uses, endpoint("vmm")] }])),
    });
    const counted = Number(logs(happened, "vmm")[0]);
    expect(counted).toBeGreaterThanOrEqual(10);
    expect(counted).toBeLessThan(14);
  });
});
