// Components that are started again, on the real machine and kernel: what is left of a former life (nothing), what clients see, and that one which fails again
// and again takes nobody's time or memory. Time is counted in blocks, so each run is the same.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { toInfo } from "../../caps/abi/message.ts";
import { ErrorCode, InitSlot, Invocation, Kind, Right, Syscall } from "../../caps/abi/numbers.ts";
import type { ResolvedComponent, ResolvedUse, Restart } from "../../caps/image/system.ts";
import { BOARD_DEVICES } from "../../core/machine/board.ts";
import type { System } from "../../core/boot.ts";
import { applianceFolder, runAppliance } from "../support/appliance-run.ts";
import { assemble } from "../support/assemble.ts";
import { writeElf } from "../support/elf-file.ts";
import { component, hosted, type Run, runSystem } from "../support/root-system.ts";

vi.setConfig({ testTimeout: 180_000 });

const PRELUDE = `
  function* log(text) { const bytes = new TextEncoder().encode(String(text)); const words = [bytes.length]; for (let i = 0; i < bytes.length; i += 8) { let w = 0n; for (let j = 7; j >= 0; j--) w = (w << 8n) | BigInt(bytes[i + j] ?? 0); words.push(w); } return yield* sys.call(15, 2, words); }
  function* exit(status) { yield* sys.call(15, 1, [status]); }
  function crash() { mem.load32(0x123000); }
  const seen = (r) => r.error ? "E" + r.label : r.label + ":" + r.word(0);
`;
const program = (body: string): Uint8Array => hosted(PRELUDE + body);
const CALL = Right.Write | Right.GrantReply;
const use = (name: string, from: string, badge = 1, rights: number = CALL): ResolvedUse => ({ name, kind: "endpoint", from, offer: 0, badge, rights });
const cpu = (priority: number) => ({ priority, budget: 10_000, period: 10_000 });
const restart = (given: Partial<Restart> = {}): Restart => ({ on: "fault", max: 3, window: 60_000_000, backoff: 20_000, ...given });
const SERVES: Pick<ResolvedComponent, "offers"> = { offers: [{ name: "it", protocol: "P", gives: true, passes: false }] };
/** Counts its calls, so that others can know how often they have lived. */
const COUNTER = program("let n = 0; yield* sys.recv(5, 4); for (;;) yield* sys.replyRecv(5, 4, 0, [n++]);");
const life = "const life = (yield* sys.call(env.use.lives.cap, 1)).word(0);";
const logs = ({ events }: Run, of: string): unknown[] => events.filter((e) => e.event === "log" && e["component"] === of).map((e) => e["text"]);
const eventsOf = ({ events }: Run, of: string): string[] => events.filter((e) => e["component"] === of).map((e) => (e.event === "log" ? `log ${String(e["text"])}` : e.event));

/** One that lives as the manifest says, beside a counter of its lives and one that ends the appliance after a while. */
const alone = (body: string, policy: Restart, given: Partial<ResolvedComponent> = {}): Promise<Run> =>
  runSystem([component("lives", 1, SERVES), component("it", 2, { uses: [use("lives", "lives")], restart: policy, essential: true, ...given })], { "lives.js": COUNTER, "it.js": program(`${life} ${body}`) });

describe("a component", () => {
  test("that faults is started again as often as its policy says; then it has ended for good, and an essential one ends the appliance", async () => {
    const run = await alone("yield* log(life); crash();", restart());
    expect(eventsOf(run, "it")).toEqual([
      "started", "log 0", "fault", "restarting", "restarted", "log 1", "fault", "restarting", "restarted", "log 2", "fault", "restarting", "restarted", "log 3", "fault",
      "log was started again as often as its manifest allows: it has ended for good",
    ]);
    expect(run.events.filter(({ event }) => event === "restarting").map(({ count, ms }) => [count, ms])).toEqual([[1, 20], [2, 40], [3, 80]]);
    expect(run.events.at(-1)).toEqual({ event: "end", status: 70 });
  });

  test("is started again for the end that its policy is for, and no other", async () => {
    const body = "yield* log(life); if (life === 1) crash(); yield* exit(life === 0 ? 7 : 9);";
    const onFault = await alone(body, restart({ on: "fault" }));
    expect([logs(onFault, "it"), onFault.events.at(-1)]).toEqual([["0"], { event: "end", status: 7 }]);
    const onExit = await alone(body, restart({ on: "exit" }));
    expect([logs(onExit, "it"), onExit.events.at(-1)]).toEqual([["0", "1"], { event: "end", status: 70 }]);
    const always = await alone(body, restart({ on: "always", max: 2 }));
    expect([logs(always, "it").slice(0, 3), always.events.at(-1)]).toEqual([["0", "1", "2"], { event: "end", status: 9 }]);
  });

  test("has nothing of its former life: its memory is zero, its slots are empty, its arguments are as they were", async () => {
    const run = await alone(
      `
      const places = []; for (const slot of [6, 7, 140]) places.push((yield* sys.call(${InitSlot.Discrim}, ${Invocation.DiscrimClassify}, [slot])).word(0));
      yield* sys.call(1, 0x202, [140 + 32 * 2 ** 32, 6 + (32 + 15 * 256) * 2 ** 32, 1, 5]);
      yield* log([env.args.greeting, places.join(), mem.load32(0x40001100)].join(" ")); mem.store32(0x40001100, 77); crash();`,
      restart({ max: 2 }),
      { args: { greeting: "hello" } },
    );
    const said = logs(run, "it").slice(0, 3);
    expect(said[0]).toMatch(/^hello \d+,\d+,0 0$/);
    expect(new Set(said)).toEqual(new Set([said[0]]));
  });

  test("can be started a hundred times: the root server's slots and the memory it is built from are the same", async () => {
    const run = await alone("if (life < 100) crash(); yield* exit(5);", restart({ max: 100, backoff: 10_000, window: 10_000 }), { memory: 128 * 1024 });
    expect(run.events.filter(({ event }) => event === "restarted")).toHaveLength(100);
    expect(run.events.at(-1)).toEqual({ event: "end", status: 5 });
  });

  test("that is not essential ends for good without anybody else", async () => {
    const run = await runSystem(
      [component("bad", 1, { restart: restart({ max: 1 }) }), component("good", 2, { essential: true, uses: [use("bad", "bad")], cpu: cpu(50) })],
      { "bad.js": program("yield* sys.recv(5, 4); crash();"), "good.js": program("const got = []; for (let i = 0; i < 4; i++) got.push(seen(yield* sys.call(env.use.bad.cap, 1))); yield* log(got.join()); yield* exit(3);") },
    );
    // Twice its server fell over its call, and then there was none.
    expect(logs(run, "good")).toEqual([[ErrorCode.Broken, ErrorCode.Broken, ErrorCode.InvalidCapability, ErrorCode.InvalidCapability].map((code) => `E${code}`).join()]);
    expect(run.events.at(-1)).toEqual({ event: "end", status: 3 });
  });
});

describe("clients of a server that crashes", () => {
  const client = (number: number, given: Partial<ResolvedComponent> = {}): ResolvedComponent => component(`client-${number}`, number + 2, { uses: [use("it", "server", number)], cpu: cpu(50), ...given });
  const SERVER = program(`${life} let r = yield* sys.recv(5, 4); for (;;) { if (life === 0 && r.label === 9) crash(); r = yield* sys.replyRecv(5, 4, 0, [100 * life + r.badge]); }`);
  const server = component("server", 2, { ...SERVES, uses: [use("lives", "lives")], restart: restart() });

  test("get Broken, those who are served and those in line, and go on when it is back: the same capability, the same badge", async () => {
    const ask = "const got = []; for (let i = 0; i < 3; i++) got.push(seen(yield* sys.call(env.use.it.cap, i === 1 ? 9 : 1))); yield* log(got.join());";
    const run = await runSystem(
      [component("lives", 1, SERVES), { ...server, cpu: cpu(10) }, client(1), client(2), client(3), component("last", 6, { essential: true, uses: [use("it", "server", 4)], cpu: cpu(5) })],
      { "lives.js": COUNTER, "server.js": SERVER, "client-1.js": program(`${ask} yield* exit(0);`), "client-2.js": program(`${ask} yield* exit(0);`), "client-3.js": program(`${ask} yield* exit(0);`), "last.js": program("yield* log(seen(yield* sys.call(env.use.it.cap, 1))); yield* exit(0);") },
    );
    const answers = [1, 2, 3].map((n) => logs(run, `client-${n}`).join());
    // Each saw the crash exactly once, at whichever of its calls, and was answered before and after.
    for (const [i, answer] of answers.entries()) expect(answer.replace(`E${ErrorCode.Broken}`, "B")).toMatch(new RegExp(`^(B|0:${i + 1}),(B|0:10${i + 1}),0:10${i + 1}$`));
    expect(answers.filter((answer) => answer.includes(`E${ErrorCode.Broken}`))).toHaveLength(3);
    expect(logs(run, "last")).toEqual(["0:104"]);
  });

  test("call it while it waits to be started, and are answered then", async () => {
    const run = await runSystem(
      [component("lives", 1, SERVES), { ...server, restart: restart({ backoff: 500_000 }) }, client(1, { essential: true })],
      { "lives.js": COUNTER, "server.js": SERVER, "client-1.js": program("const first = seen(yield* sys.call(env.use.it.cap, 9)); yield* log(first); yield* log(seen(yield* sys.call(env.use.it.cap, 1))); yield* exit(0);") },
    );
    const at = (event: string, text?: string): number => run.events.findIndex((e) => e.event === event && (text === undefined || e["text"] === text));
    expect(logs(run, "client-1")).toEqual([`E${ErrorCode.Broken}`, "0:101"]);
    expect(at("restarting")).toBeLessThan(at("log", `E${ErrorCode.Broken}`));
    expect(at("log", `E${ErrorCode.Broken}`)).toBeLessThan(at("restarted"));
    expect(at("restarted")).toBeLessThan(at("log", "0:101"));
  });

  test("have lost what it had made for them, and copies they had put elsewhere: a badge of its former life says nothing in this one", async () => {
    // The server gives out its service with badge 77; the client keeps that in 200, and a copy of its own capability in 210.
    const run = await runSystem(
      [component("lives", 1, SERVES), server, client(1, { essential: true })],
      {
        "lives.js": COUNTER,
        "server.js": program(`${life} yield* sys.call(1, 0x202, [150 + 32 * 2 ** 32, 5 + (32 + 15 * 256) * 2 ** 32, 1, 77]);
          let r = yield* sys.recv(5, 4); for (;;) { if (life === 0 && r.label === 9) crash(); r = r.label === 2 ? yield* sys.replyRecv(5, 4, 0, [], [150]) : yield* sys.replyRecv(5, 4, 0, [100 * life + r.badge]); }`),
        "client-1.js": program(`sys.receiveSlots(1, 200, 32, 1); yield* sys.call(env.use.it.cap, 2); sys.receiveSlots(1, 0, 32, 0);
          yield* sys.call(1, 0x201, [210 + 32 * 2 ** 32, env.use.it.cap + (32 + 15 * 256) * 2 ** 32, 1]);
          const ask = function* () { const got = []; for (const cap of [env.use.it.cap, 200, 210]) got.push(seen(yield* sys.call(cap, 1))); yield* log(got.join()); };
          yield* ask(); yield* sys.call(env.use.it.cap, 9); yield* ask(); yield* exit(0);`),
      },
    );
    const none = `E${ErrorCode.InvalidCapability}`;
    expect(logs(run, "client-1")).toEqual(["0:1,0:77,0:1", ["0:101", none, none].join()]);
  });

  test("get back no more than they had left: not what they had put away, not rights they had given up, and nothing over what stands there now", async () => {
    const it = "env.use.it.cap + 32 * 2 ** 32", away = `yield* sys.call(1, ${Invocation.CNodeDelete}, [${it}]);`;
    const copyTo = (to: string, from: string, rights: number): string => `yield* sys.call(1, ${Invocation.CNodeCopy}, [${to} + 32 * 2 ** 32, ${from} + (32 + ${rights} * 256) * 2 ** 32, 1]);`;
    const acts: Record<string, readonly [act: string, after: string]> = {
      kept: ["", `${Kind.Endpoint}:${CALL}`],
      away: [away, `${Kind.Null}:0`],
      elsewhere: [`${copyTo("220", "env.use.it.cap", 15)} ${away}`, `${Kind.Null}:0`],
      weaker: [`${copyTo("220", "env.use.it.cap", Right.Write)} ${away} ${copyTo("env.use.it.cap", "220", 15)}`, `${Kind.Endpoint}:${Right.Write}`],
      other: [`${away} ${copyTo("env.use.it.cap", String(InitSlot.Notification), 15)}`, `${Kind.Notification}:`],
    };
    for (const [name, [act, after]] of Object.entries(acts)) {
      const run = await runSystem(
        [component("lives", 1, SERVES), { ...server, offers: [...SERVES.offers, ...SERVES.offers] }, client(1, { essential: true, uses: [use("it", "server", 1), { ...use("second", "server", 2 ** 16 + 1), offer: 1 } as ResolvedUse] })],
        {
          "lives.js": COUNTER,
          "server.js": SERVER,
          "client-1.js": program(`${act} yield* log(seen(yield* sys.call(env.use.second.cap, 9))); yield* log(seen(yield* sys.call(env.use.second.cap, 1)));
            const what = function* (slot) { const r = yield* sys.call(${InitSlot.Discrim}, ${Invocation.DiscrimClassify}, [slot]); return r.word(0) + ":" + r.word(1); };
            yield* log(yield* what(env.use.it.cap)); yield* log(yield* what(220)); yield* exit(0);`),
        },
      );
      const said = logs(run, "client-1");
      expect(said.slice(0, 2), name).toEqual([`E${ErrorCode.Broken}`, `0:${100 + 2 ** 16 + 1}`]);
      expect(String(said[2]).startsWith(after), `${name}: ${String(said[2])}`).toBe(true);
      expect(said[3], name).toBe(`${Kind.Null}:0`);
    }
  });
});

describe("what a former life had given out", () => {
  test("its Parent capability is nobody's any more: nobody ends the new life, or speaks in its name", async () => {
    const run = await runSystem(
      [component("thief", 1, SERVES), component("lives", 2, SERVES), component("it", 3, { essential: true, uses: [use("lives", "lives"), use("thief", "thief", 1, CALL | Right.Grant)], restart: restart() })],
      {
        "lives.js": COUNTER,
        // Keeps the capability that comes with a request of label 2, and ends its owner by it at one of label 3.
        "thief.js": program("sys.receiveSlots(1, 200, 32, 1); let r = yield* sys.recv(5, 4); for (;;) { if (r.label === 2) r = yield* sys.replyRecv(5, 4, 0, [r.caps]); else { const tried = yield* sys.call(200, 1, [66]); r = yield* sys.replyRecv(5, 4, 0, [tried.error ? tried.label : 999]); } }"),
        "it.js": program(`${life} if (life === 0) { yield* log("handed over " + (yield* sys.call(env.use.thief.cap, 2, [], [${InitSlot.Parent}])).word(0)); crash(); } yield* log(seen(yield* sys.call(env.use.thief.cap, 3))); yield* exit(5);`),
      },
    );
    expect(logs(run, "it")).toEqual(["handed over 1", `0:${ErrorCode.InvalidCapability}`]);
    expect(run.events.at(-1)).toEqual({ event: "end", status: 5 });
  });

  test("a driver's device, interrupt and I/O space, and the right to hand out time, are its own again in each life", async () => {
    // The alarm rings in each life, though each ends with the alarm set and the interrupt not acknowledged; the device's memory is mapped at the same address.
    const clock = 0x1000_7000, entropy = BOARD_DEVICES.find(({ dma }) => dma)!;
    const uses: ResolvedUse[] = [
      use("lives", "lives"),
      { name: "regs", kind: "device", device: "alarm0", physical: clock, address: 0, bytes: 4096 },
      { name: "irq", kind: "irq", device: "alarm0", irq: 11, badge: 2 ** 32 },
      { name: "io", kind: "iospace", device: entropy.name },
      { name: "time", kind: "schedcontrol" },
    ];
    const run = await runSystem(
      [component("lives", 1, SERVES), component("driver", 2, { uses, restart: restart({ max: 2 }), essential: true, memory: 256 * 1024 })],
      {
        "lives.js": COUNTER,
        "driver.js": program(`${life} const at = env.use.regs.address;
          const made = yield* sys.call(${InitSlot.Untyped}, ${Invocation.UntypedRetype}, [${Kind.Frame} + 12 * 256 + 65536, 1, 200]);
          const mapped = yield* sys.call(env.use.io.cap, ${Invocation.IOSpaceMap}, [200, 0x10000, 3]);
          const time = yield* sys.call(${InitSlot.Discrim}, ${Invocation.DiscrimClassify}, [env.use.time.cap]), timed = time.word(0) === ${Kind.SchedControl};
          mem.store32(at + 0x10, 1);
          const low = mem.load32(at), high = mem.load32(at + 4), ring = high * 2 ** 32 + low + 5000000;
          mem.store32(at + 0xc, Math.floor(ring / 2 ** 32)); mem.store32(at + 8, ring % 2 ** 32);
          const word = yield* sys.wait(${InitSlot.Notification});
          yield* log([life, made.error, mapped.error ? mapped.label : "mapped", word === env.use.irq.badge, timed].join()); crash();`),
      },
    );
    expect(logs(run, "driver").slice(0, 3)).toEqual(["0,false,mapped,true,true", "1,false,mapped,true,true", "2,false,mapped,true,true"]);
    expect(run.events.at(-1)).toEqual({ event: "end", status: 70 });
  });
});

describe("one that fails again and again", () => {
  test("starves nobody: it has the highest priority, and whoever has the lowest gets on all the same", async () => {
    // Twenty million turns of a loop, and then exit(5).
    const code = assemble(`lui t0, 0x1312\nloop: addi t0, t0, -1\nbnez t0, loop\nli a0, ${InitSlot.Parent}\nli a1, ${toInfo(1, 1)}\nli a2, 5\nli a7, ${Syscall.Call}\necall`, 0x1_0000).bytes;
    const elf = writeElf(0x1_0000, [{ address: 0x1_0000, rights: 5, bytes: code }]);
    const worker = component("worker", 1, { essential: true, cpu: cpu(1), stack: 8192, program: { kind: "machine", file: "worker.elf" } });
    const bad = component("bad", 2, { cpu: cpu(254), memory: 4 * 2 ** 20, restart: restart({ max: 100, backoff: 10_000, window: 20_000 }) });
    const times: number[] = [];
    for (const components of [[worker], [worker, bad]]) {
      let end = 0;
      const run = await runSystem(components, { "worker.elf": elf, "bad.js": program("crash();") }, undefined, { onTurn: (kernel) => ((end = kernel.machine.clock()), false) });
      expect(run.events.at(-1)).toEqual({ event: "end", status: 5 });
      if (components.length > 1) expect(run.events.filter(({ event }) => event === "restarted").length).toBeGreaterThan(5);
      times.push(end);
    }
    expect(times[1]! / times[0]!).toBeLessThan(2);
  });

  test("keeps no machine awake: once its restarts count no more, the clock stops", async () => {
    const run = await runSystem([component("lives", 1, SERVES), component("it", 2, { uses: [use("lives", "lives")], restart: restart({ window: 300_000 }) })], {
      "lives.js": COUNTER,
      "it.js": program(`${life} if (life === 0) crash(); yield* log("waits"); for (;;) yield* sys.wait(${InitSlot.Notification});`),
    });
    expect(logs(run, "it")).toEqual(["waits"]);
    expect(run.ending).not.toMatchObject({ kind: "stopped" });
  });
});

describe("the kit's own servers", () => {
  test("a driver whose device reaches memory, and its client, start again and do the same again", async () => {
    const folder = join(import.meta.dirname, "blk");
    const manifest = readFileSync(join(folder, "appliance.yaml"), "utf8");
    const again = manifest
      .replace(/^( {2}blk:\n)/m, "$1    restart: { backoff: 10ms }\n")
      .replace(/^( {2}client:\n)/m, "$1    restart: { on: exit, max: 1, backoff: 2500ms }\n")
      .concat("  timer: { image: { server: timer }, cpu: { priority: 210 }, use: { regs: platform.alarm0.regs, irq: platform.alarm0.irq }, offer: { timer: Timer } }\n")
      .concat("  poker: { image: { ts: poker.ts }, use: { disk: blk.disk, timer: timer.timer } }\n");
    using appliance = applianceFolder({
      "appliance.yaml": again,
      "client.c": readFileSync(join(folder, "client.c")),
      // Wakes the driver after a while, and is no client of its.
      "poker.ts": `import { client, Timer, type Env, type Op } from "bailiwick/sdk";
        export default function* main({ sys, mem, use }: Env): Op<void> { const timer = client(Timer, sys, mem, use.timer!.cap); const t = yield* timer.now(); if (t.ok) yield* timer.sleepUntil(t.now + 1500000000); yield* sys.call(use.disk!.cap, 77); }`,
    });
    let driver: System["kernel"] | undefined;
    const { output, events, status } = await runAppliance(appliance.path, {
      limitMs: 30_000,
      onTurn: ({ kernel }) => (driver = kernel),
      // The driver's next instruction is nowhere: it falls when it is woken, in the middle of what it was doing, its device set up.
      onEvent: ({ event, component: of }) => {
        const t = event === "exit" && of === "client" ? driver?.tcbs.find((candidate) => candidate?.label === "blk") : undefined;
        if (driver !== undefined && t !== undefined) driver.frames32[t.base] = 0x10;
      },
    });
    const said = events.filter(({ event, component: of }) => !["started", "log"].includes(String(event)) && of !== "poker").map(({ event, component: of }) => (of === undefined ? event : `${String(of)} ${String(event)}`));
    expect(said.slice(0, 6)).toEqual(["client exit", "client restarting", "blk fault", "blk restarting", "blk restarted", "client restarted"]);
    const once = output.slice(0, output.length / 2);
    expect(once).toContain("written: 0 failed\nflushed: 0\nread back: 0 wrong\n");
    expect(output).toBe(once + once);
    expect(status).toBe(0);
  });
});
