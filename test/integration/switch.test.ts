// The switch on the real machine: stacks that talk through it, stations led by hand, uplinks of every temper, and clients that mean harm beside one that does not.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { applianceFolder, Line, manifestWith, pause, runAppliance, until } from "../support/appliance-run.ts";
import { tap, type Tap } from "../support/cable.ts";

const LIMIT = { timeout: 90_000 };
const FOLDER = "test/integration/switch";
const file = (name: string, folder = FOLDER) => readFileSync(join(folder, name), "utf8");
const NET = "test/integration/net";
const files = { "appliance.yaml": file("appliance.yaml"), "server.c": file("server.c", NET), "steady.c": file("steady.c", NET), "monitor.c": file("monitor.c") };
const STEADY = ["steady: 60 rounds, 0 wrong, 0 refused, datagrams came\n", "steady: listens: 0\n"];
const steadyIsDone = (output: string) => /steady: listens: \d+\n/.test(output);

test("two stacks talk, each from its own address, and a monitor is told how much", LIMIT, async () => {
  using folder = applianceFolder(files);
  const line = new Line();
  const { output, events } = await runAppliance(folder.path, {
    line, limitMs: 60_000,
    async during() {
      await until("steady is done", () => steadyIsDone(line.output), 50_000);
      line.type("x");
      await until("the monitor has told", () => line.output.includes("that is all"));
    },
  });
  for (const said of STEADY) expect(output).toContain(said);
  expect(output).toContain("0: 4 ports, 0 uplinks; beyond: 1, another request: 7\n");
  const counts = [...output.matchAll(/^(near|far) open, 0 stations: (\d+)\/(\d+) sent, (\d+)\/(\d+) received$/gm)].map(([, name, ...numbers]) => [name, ...numbers.map(Number)]);
  // What one sends the other receives: nothing is lost, nothing is refused, and nobody else has anything.
  expect(counts).toHaveLength(2);
  expect(counts[0]!.slice(1, 3)).toEqual(counts[1]!.slice(3, 5));
  expect(counts[1]!.slice(1, 3)).toEqual(counts[0]!.slice(3, 5));
  expect(Number(counts[0]![1])).toBeGreaterThan(200);
  for (const idle of ["other, 0 stations: 0/0 sent, 0/0 received\n", "spare any, 0 stations: 0/0 sent, 0/0 received\n"]) expect(output).toContain(idle);
  expect(events.filter(({ event, component }) => event === "fault" || (event === "exit" && component !== "steady"))).toEqual([]);
});

// Stations, led by what comes over the uplink.
const NIC = "{ image: { server: nic }, cpu: { priority: 190 }, use: { regs: platform.net0.regs, irq: platform.net0.irq, iospace: platform.net0.iospace }, offer: { card: NicDriver } }";
const TIMER = "{ image: { server: timer }, cpu: { priority: 199 }, use: { regs: platform.alarm0.regs, irq: platform.alarm0.irq }, offer: { timer: Timer } }";
const MACHINE = '128MiB, networks: { net0: { cable: { listen: "9001", peer: "9002" } } }';
const EVERYBODY = "ffffffffffff", OUTSIDE = "020000000099";
const stationsOf = (rules: Readonly<Record<string, string>>, uses = "uplink: nic.card, ") => ({
  nic: NIC, timer: TIMER,
  switch: `{ image: { server: switch }, memory: 8MiB, slots: 512, cpu: { priority: 185 }, use: { ${uses}timer: timer.timer, time: platform.cpu.time }, offer: { ${Object.keys(rules).map((name) => `${name}: NicDriver`).join(", ")}, watch: Switch }, args: { ${Object.entries(rules).map(([name, lines]) => `${name}: ${lines}`).join(", ")}, watch: monitor } }`,
  ...Object.fromEntries(Object.keys(rules).map((name) => [`${name}-station`, `{ image: { c: station.c }, memory: 8MiB, use: { console: console.console, port: switch.${name} } }`])),
  monitor: "{ image: { c: monitor.c }, use: { console: console.console, watch: switch.watch } }",
});
const frameOf = (to: string, from: string, type: string, payload: string): Uint8Array => Buffer.from(`${to}${from}${type}${payload}`.padEnd(120, "0"), "hex");

/** The hands of one run. */
class Net {
  readonly #line: Line;
  readonly #end: Tap;
  constructor(line: Line, end: Tap) {
    this.#line = line;
    this.#end = end;
  }
  mac(name: string): string {
    const found = new RegExp(`^${name}-station opens: none, mac ([0-9a-f]{12})`, "m").exec(this.#line.output)?.[1];
    if (found === undefined) throw new Error(`no ${name}: ${this.#line.output}`);
    return found;
  }
  ready = (...names: readonly string[]) => until("stations are there", () => names.every((name) => this.#line.output.includes(`${name}-station opens: `)));
  /** Has a station send this; `at` is where it is reached. */
  lead(at: string, frame: Uint8Array): void {
    this.#end.deliver(frameOf(at, OUTSIDE, "88b6", `${frame.length.toString(16).padStart(4, "0")}${Buffer.from(frame).toString("hex")}`));
  }
  fromOutside(frame: Uint8Array): void {
    this.#end.deliver(frame);
  }
  /** Who has got a frame with this tag (of the payload), and how often; the outside among them. */
  got(tag: string): string {
    const inside = [...this.#line.output.matchAll(/^(\w+)-station got \d+: [0-9a-f]{28}([0-9a-f]{8})/gm)].filter(([, , found]) => found === tag).map(([, name]) => name!);
    const outside = this.#end.sent.filter((frame) => Buffer.from(frame).toString("hex", 14, 18) === tag).map(() => "outside");
    return [...inside, ...outside].sort().join(" ");
  }
  async counts(): Promise<Record<string, string>> {
    const before = this.#line.output.length;
    this.#line.type("x");
    await until("the monitor has told", () => this.#line.output.slice(before).includes("that is all"));
    return Object.fromEntries([...this.#line.output.slice(before).matchAll(/^(\w+)[^:]*: (.*)$/gm)].map(([, name, said]) => [name!, said!]));
  }
  /** What was under way has arrived: a frame that goes to all comes after it. */
  async settle(): Promise<void> {
    const tag = `ee${(this.#settled++).toString(16).padStart(6, "0")}`;
    this.fromOutside(frameOf(EVERYBODY, OUTSIDE, "88b5", tag));
    await until("it has come", () => this.got(tag) !== "");
    await pause(30);
  }
  #settled = 0;
}

async function withStations(rules: Readonly<Record<string, string>>, lead: (net: Net, line: Line) => Promise<void>) {
  using folder = applianceFolder({ "appliance.yaml": manifestWith(stationsOf(rules), MACHINE), "station.c": file("station.c"), "monitor.c": files["monitor.c"] });
  const line = new Line(), net0 = tap();
  return await runAppliance(folder.path, {
    line, networks: { net0 }, limitMs: 60_000,
    async during() {
      const net = new Net(line, net0);
      await net.ready(...Object.keys(rules));
      await lead(net, line);
    },
  });
}

test("a frame goes to whom it is for, a group's to all, one for nobody known to who may have stations, and none back", LIMIT, async () => {
  const { events } = await withStations({ one: "[]", two: "[]", any: "mac any" }, async (net) => {
    const [one, two, any] = ["one", "two", "any"].map((name) => net.mac(name)) as [string, string, string];
    expect(new Set([one, two, any]).size).toBe(3);
    // Locally administered, and of one station.
    for (const mac of [one, two, any]) expect(Number.parseInt(mac.slice(0, 2), 16) & 3).toBe(2);
    net.fromOutside(frameOf(one, OUTSIDE, "88b5", "00000001"));
    net.fromOutside(frameOf(EVERYBODY, OUTSIDE, "88b5", "00000002"));
    net.fromOutside(frameOf("01005e000001", OUTSIDE, "88b5", "00000003"));
    net.fromOutside(frameOf("020000000055", OUTSIDE, "88b5", "00000004"));
    net.lead(one, frameOf(two, one, "88b5", "00000005"));
    net.lead(one, frameOf(OUTSIDE, one, "88b5", "00000006"));
    net.lead(one, frameOf(EVERYBODY, one, "88b5", "00000007"));
    net.lead(one, frameOf(one, one, "88b5", "00000008"));
    net.lead(one, frameOf("020000000055", one, "88b5", "00000009"));
    await net.settle();
    // A station that the third has behind it is known from its first frame on.
    net.lead(any, frameOf(OUTSIDE, "020000000055", "88b5", "0000000a"));
    await net.settle();
    net.lead(one, frameOf("020000000055", one, "88b5", "0000000b"));
    net.fromOutside(frameOf("020000000055", OUTSIDE, "88b5", "0000000c"));
    net.fromOutside(frameOf(OUTSIDE, "020000000098", "88b5", "0000000d"));
    // Between a station and its bridge.
    net.lead(one, frameOf("0180c2000000", one, "88b5", "0000000e"));
    net.fromOutside(frameOf("0180c200000e", OUTSIDE, "88b5", "0000000f"));
    net.lead(one, frameOf("0180c2000010", one, "88b5", "00000010"));
    await net.settle();
    expect(Array.from({ length: 16 }, (_, i) => net.got((i + 1).toString(16).padStart(8, "0")))).toEqual([
      "one", "any one two", "any one two", "any", "two", "outside", "any outside two", "", "any outside", "outside", "any", "any", "", "", "", "any outside two",
    ]);
    const counts = await net.counts();
    expect(counts["one"]).toMatch(/, 1 sent reserved$/);
    expect(counts["uplink"]).toMatch(/, 1 sent reserved$/);
  });
  expect(events.filter(({ event }) => event === "fault" || event === "exit")).toEqual([]);
});

test("nobody sends from another's address: not a port, not one that may use any, not the uplink", LIMIT, async () => {
  await withStations({ one: "[]", two: "[]", any: "mac any" }, async (net) => {
    const [one, two, any] = ["one", "two", "any"].map((name) => net.mac(name)) as [string, string, string];
    await net.settle();
    // Of its own choice, another port's, a group's, none; the outside's, who was heard just now.
    for (const [i, from] of ["020000000056", two, "010000000001", "000000000000", OUTSIDE].entries()) net.lead(one, frameOf(EVERYBODY, from, "88b5", `000000${10 + i}`));
    for (const [i, from] of [one, two, "010000000001", "000000000000", OUTSIDE].entries()) net.lead(any, frameOf(EVERYBODY, from, "88b5", `000000${20 + i}`));
    for (const [i, from] of [one, any, "010000000001", "000000000000"].entries()) net.fromOutside(frameOf(EVERYBODY, from, "88b5", `000000${30 + i}`));
    // And what is for the outside still goes there.
    net.lead(one, frameOf(OUTSIDE, one, "88b5", "00000040"));
    net.lead(any, frameOf(EVERYBODY, "020000000056", "88b5", "00000041"));
    await net.settle();
    net.fromOutside(frameOf(EVERYBODY, "020000000056", "88b5", "00000042"));
    await net.settle();
    for (const tag of ["10", "11", "12", "13", "14", "20", "21", "22", "23", "24", "30", "31", "32", "33", "42"]) expect([tag, net.got(`000000${tag}`)]).toEqual([tag, ""]);
    expect(net.got("00000040")).toBe("outside");
    expect(net.got("00000041")).toBe("one outside two");
    const counts = await net.counts();
    expect([counts["one"], counts["any"], counts["uplink"]]).toEqual([expect.stringMatching(/, 5 sent mac$/), expect.stringMatching(/, 5 sent mac$/), expect.stringMatching(/, 5 sent mac$/)]);
  });
});

test("a flood of addresses drives out its own alone: who was known elsewhere is known still", LIMIT, async () => {
  await withStations({ one: "[]", any: "mac any", third: "mac any" }, async (net) => {
    const [one, any, third] = ["one", "any", "third"].map((name) => net.mac(name)) as [string, string, string];
    net.lead(third, frameOf(EVERYBODY, "0200000000aa", "88b5", "00000001"));
    await net.settle();
    for (let i = 0; i < 500; i++) {
      net.lead(any, frameOf(OUTSIDE, `0600000${i.toString(16).padStart(5, "0")}`, "88b5", "000000ff"));
      if (i % 20 === 0) await pause(2);
    }
    await net.settle();
    // Were it forgotten, the flooding port would have it too.
    net.lead(one, frameOf("0200000000aa", one, "88b5", "00000002"));
    net.lead(one, frameOf(OUTSIDE, one, "88b5", "00000003"));
    await net.settle();
    expect([net.got("00000002"), net.got("00000003")]).toEqual(["third", "outside"]);
    expect((await net.counts())["any"]).toBeDefined();
  });
});

test("isolated ports have the outside, and each other not; rules about peers hold both ways, and a rate is kept", LIMIT, async () => {
  await withStations({ one: "isolated", two: "isolated", free: "[]", slow: '["receive frames 80", "send bytes 4000"]' }, async (net) => {
    const [one, two, free, slow] = ["one", "two", "free", "slow"].map((name) => net.mac(name)) as [string, string, string, string];
    net.lead(one, frameOf(two, one, "88b5", "00000001"));
    net.lead(one, frameOf(free, one, "88b5", "00000002"));
    net.lead(free, frameOf(one, free, "88b5", "00000003"));
    net.lead(one, frameOf(EVERYBODY, one, "88b5", "00000004"));
    net.lead(free, frameOf(EVERYBODY, free, "88b5", "00000005"));
    net.lead(one, frameOf(OUTSIDE, one, "88b5", "00000006"));
    net.lead(free, frameOf(two, free, "88b5", "00000007"));
    await net.settle();
    expect(["1", "2", "3", "4", "5", "6", "7"].map((tag) => net.got(`0000000${tag}`))).toEqual(["", "", "", "outside", "outside slow", "outside", ""]);
    // An eighth of a second's worth at once; the free one loses nothing.
    for (let i = 0; i < 40; i++) {
      net.fromOutside(frameOf(slow, OUTSIDE, "88b5", "00000010"));
      net.fromOutside(frameOf(free, OUTSIDE, "88b5", "00000011"));
    }
    await net.settle();
    expect(net.got("00000011").split(" ")).toHaveLength(40);
    expect(net.got("00000010").split(" ").length).toBeLessThan(30);
    await pause(300);
    net.fromOutside(frameOf(slow, OUTSIDE, "88b5", "00000012"));
    await net.settle();
    expect(net.got("00000012")).toBe("slow");
    const counts = await net.counts();
    expect(counts["one"]).toMatch(/, 2 sent isolated$/);
    expect(counts["free"]).toMatch(/, 2 sent isolated$/);
    expect(counts["slow"]).toMatch(/, \d+ received rate/);
  });
});
