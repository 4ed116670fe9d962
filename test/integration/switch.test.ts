// The switch on the real machine: stacks that talk through it, stations led by hand, uplinks of every temper, and clients that mean harm beside one that does not.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openUserNet } from "../../core/host/user-net.ts";
import { userNetHelper } from "../../servers/operator/networks.ts";
import { applianceFolder, Line, manifestWith, pause, runAppliance, until } from "../support/appliance-run.ts";
import { tap, type Tap } from "../support/cable.ts";
import { freePorts } from "../support/ports.ts";

const LIMIT = { timeout: 180_000 };
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

test("an answer in two pieces waits for no acknowledgement", LIMIT, async () => {
  using folder = applianceFolder(files);
  const line = new Line();
  let ticks: number | undefined;
  await runAppliance(folder.path, {
    line, limitMs: 60_000, deterministic: true,
    onTurn: (system) => void (ticks === undefined && steadyIsDone(line.output) && (ticks = system.stats().ticks)),
    during: () => until("steady is done", () => ticks !== undefined, 50_000),
  });
  expect(line.output).toContain(STEADY[0]);
  // Forty of its sixty answers come in two pieces, and a peer acknowledges the first of two after 250 ms. By the machine's own time: 10,000,000 ticks are a second.
  expect(ticks).toBeLessThan(20_000_000);
});

// Stations, led by what comes over the uplink.
const NIC = "{ image: { server: nic }, cpu: { priority: 190 }, use: { regs: platform.net0.regs, irq: platform.net0.irq, iospace: platform.net0.iospace }, offer: { card: NicDriver } }";
const TIMER = "{ image: { server: timer }, cpu: { priority: 199 }, use: { regs: platform.alarm0.regs, irq: platform.alarm0.irq }, offer: { timer: Timer } }";
const MACHINE = '192MiB, networks: { net0: { cable: { listen: "9001", peer: "9002" } } }';
const EVERYBODY = "ffffffffffff", OUTSIDE = "020000000099";
const PROGRAMS: Readonly<Record<string, string>> = { sleeper: "sleeper.c", whole: "restrict.c" };
const stationsOf = (rules: Readonly<Record<string, string>>, uses = "uplink: nic.card, ") => ({
  nic: NIC, timer: TIMER,
  switch: `{ image: { server: switch }, memory: 8MiB, slots: 512, cpu: { priority: 185 }, use: { ${uses}timer: timer.timer, time: platform.cpu.time }, offer: { ${Object.keys(rules).map((name) => `${name}: NicDriver`).join(", ")}, watch: Switch }, args: { ${Object.entries(rules).map(([name, lines]) => `${name}: ${lines}`).join(", ")}, watch: monitor } }`,
  ...Object.fromEntries(Object.keys(rules).map((name) => [`${name}-station`, `{ image: { c: ${PROGRAMS[name] ?? "station.c"} }, memory: 16MiB, use: { console: console.console, port: switch.${name}, watch: switch.watch } }`])),
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

/** Those in `silent` do not say that they are there. */
async function withStations(rules: Readonly<Record<string, string>>, lead: (net: Net, line: Line) => Promise<void>, silent: readonly string[] = []) {
  using folder = applianceFolder({ "appliance.yaml": manifestWith(stationsOf(rules), MACHINE), ...Object.fromEntries(["station.c", "sleeper.c", "restrict.c", "monitor.c"].map((name) => [name, file(name)])) });
  const line = new Line(), net0 = tap();
  return await runAppliance(folder.path, {
    line, networks: { net0 }, limitMs: 60_000,
    async during() {
      const net = new Net(line, net0);
      await net.ready(...Object.keys(rules).filter((name) => !silent.includes(name)));
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
  await withStations({ one: "isolated", two: "isolated", free: "[]", slow: '["receive frames 8", "send bytes 4000"]' }, async (net) => {
    const [one, two, free, slow] = ["one", "two", "free", "slow"].map((name) => net.mac(name)) as [string, string, string, string];
    net.lead(one, frameOf(two, one, "88b5", "00000001"));
    net.lead(one, frameOf(free, one, "88b5", "00000002"));
    net.lead(free, frameOf(one, free, "88b5", "00000003"));
    net.lead(one, frameOf(EVERYBODY, one, "88b5", "00000004"));
    net.lead(free, frameOf(EVERYBODY, free, "88b5", "00000005"));
    net.lead(one, frameOf(OUTSIDE, one, "88b5", "00000006"));
    net.lead(free, frameOf(two, free, "88b5", "00000007"));
    await until("the slow one has the frame to all", () => net.got("00000005") === "outside slow");
    await net.settle();
    expect(["1", "2", "3", "4", "5", "6", "7"].map((tag) => net.got(`0000000${tag}`))).toEqual(["", "", "", "outside", "outside slow", "outside", ""]);
    // One at once, and eight a second; the free one loses nothing.
    for (let i = 0; i < 30; i++) {
      net.fromOutside(frameOf(slow, OUTSIDE, "88b5", "00000010"));
      net.fromOutside(frameOf(free, OUTSIDE, "88b5", "00000011"));
    }
    await net.settle();
    expect(net.got("00000011").split(" ")).toHaveLength(30);
    expect(net.got("00000010").split(" ").length).toBeLessThan(25);
    await pause(400);
    net.fromOutside(frameOf(slow, OUTSIDE, "88b5", "00000012"));
    await net.settle();
    expect(net.got("00000012")).toBe("slow");
    const counts = await net.counts();
    expect(counts["one"]).toMatch(/, 2 sent isolated$/);
    expect(counts["free"]).toMatch(/, 2 sent isolated$/);
    expect(counts["slow"]).toMatch(/, \d+ received rate/);
  });
});

test("who takes nothing loses its own: 64 rooms and 32 more frames, and no other waits for it", LIMIT, async () => {
  await withStations({ free: "[]", sleeper: "[]" }, async (net) => {
    const [free, sleeper] = [net.mac("free"), net.mac("sleeper")];
    for (let i = 0; i < 300; i++) {
      net.fromOutside(frameOf(sleeper, OUTSIDE, "88b5", "00000001"));
      net.fromOutside(frameOf(free, OUTSIDE, "88b5", "00000002"));
      // The card itself keeps 64 that wait.
      if (i % 20 === 19) await until("they have come", () => net.got("00000002").split(" ").length === i + 1);
    }
    await net.settle();
    const counts = await net.counts();
    expect(net.got("00000002").split(" ")).toHaveLength(300);
    const [, received, lost] = /, (\d+)\/\d+ received, (\d+) received room$/.exec(counts["sleeper"]!)!.map(Number);
    // The frame to all that says that everything has come is among them.
    expect([received, lost]).toEqual([96, 205]);
    expect(counts["free"]).toMatch(/, 301\/\d+ received$/);
  });
});

test("less of a port: its lines hold beside the port's, its client has the port until it is closed, and nothing under it is left then", LIMIT, async () => {
  const { output } = await withStations({ whole: "[ip 10.0.2.9]", sink: "mac any" }, async (net, line) => {
    await until("it has tried", () => line.output.includes("restricted"));
    await net.settle();
  }, ["whole"]);
  expect(output.split("\n").filter((said) => !/^(sink|\d+:)/.test(said) && said !== "")).toEqual([
    "nonsense: 1 1 1", "narrow: 0 0, opens: none, the whole meanwhile: IllegalOperation", "closes: 0, again: 6, the whole: 7, under it: info 5, restrict 6, close 6",
    "the whole opens: none, the first is over: 1", "restricted",
  ]);
  expect([...output.matchAll(/^sink-station got \d+: [0-9a-f]{24}08004500002e([0-9a-f]{4})/gm)].map(([, number]) => Number.parseInt(number!, 16))).toEqual([3, 9, 10, 12]);
});

// Beside two stacks and a client that counts, somebody at a port of its own (`ip 10.0.2.9`), with a card's client library or with its bare hands.
const HOSTILE_HEAD = `#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/nic.h>
#include <bailiwick/nicdriver.h>
#include <bailiwick/switch.h>
BW_USE(console);
BW_USE(port);
static struct bw_nic nic;
static uint8_t frame[2048];
static uint64_t dice = 7;
__attribute__((unused)) static uint32_t roll(void) { dice = dice * 6364136223846793005UL + 1442695040888963407UL; return (uint32_t)(dice >> 33); }
static bw_err begin(void) { return bw_nic_open(&nic, bw_use_port.cap, 128, BW_ADDRESS_OWN, 1UL << 52); }
/* Addresses of a frame: 10.0.2.LAST, by ARP. */
__attribute__((unused)) static void arp(const uint8_t *from, uint8_t sender, uint8_t target, uint8_t operation) {
    static const uint8_t head[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 8, 6, 0, 1, 8, 0, 6, 4, 0, 0};
    memcpy(frame, head, sizeof head), memcpy(frame + 6, from, 6), memcpy(frame + 22, from, 6), frame[21] = operation;
    frame[28] = 10, frame[29] = 0, frame[30] = 2, frame[31] = sender, memset(frame + 32, 0xff, 6), frame[38] = 10, frame[39] = 0, frame[40] = 2, frame[41] = target;
}
__attribute__((unused)) static bool put(uint32_t operation, uint32_t window, uint32_t offset, uint32_t bytes) {
    const struct bw_nic_request r = {.id = 9, .operation = operation, .window = window, .offset = offset, .bytes = bytes};
    return bw_try_put(&nic.channel.out, &r) == BW_RING_DONE;
}
/* What the switch says is thrown away. */
__attribute__((unused)) static void forget(void) { struct bw_nic_answer a; while (bw_try_receive(&nic.channel.in, &a) == BW_RING_DONE) {} }
enum { FRAME = 200, LENT, BELL };
`;
const HOSTILE: Readonly<Record<string, { body: string; says?: RegExp; cpu?: string; rules?: string }>> = {
  // What goes to all is work for all, in stacks of higher priority: a rate is what bounds it.
  "floods everybody, and takes nothing": { rules: "[ip 10.0.2.9, send frames 400]", body: "for (;;) { arp(nic.mac, 9, 9, 1); if (!bw_nic_send(&nic, frame, 60)) { bw_announce(&nic.channel.out); forget(); nic.free_sends = 64; memset(nic.lent, 0, sizeof nic.lent); } }" },
  "says it is somebody else": {
    body: `static const uint8_t near[6] = {2, 0, 0, 0, 0, 1};
      for (;; bw_announce(&nic.channel.out), (void)bw_nic_receive(&nic, frame)) { const uint32_t what = roll() % 5;
        arp(what == 0 ? near : nic.mac, what < 3 ? 2 : 15, what == 1 ? 2 : 15, what % 2 == 0 ? 2 : 1);
        if (what == 3) memcpy(frame + 22, near, 6);
        if (what == 4) { memset(frame + 14, 0, 60); frame[12] = 8, frame[13] = 0, frame[14] = 0x45, frame[17] = 40, frame[23] = 6, frame[26] = 10, frame[28] = 2, frame[29] = 2, frame[30] = 10, frame[32] = 2, frame[33] = 15, frame[46] = 0x50, frame[47] = 4; }
        (void)bw_nic_send(&nic, frame, 60); }`,
  },
  "asks for what makes no sense": {
    body: "for (;; forget(), bw_announce(&nic.channel.out)) { const struct bw_nic_request r = {roll(), roll() % 3, roll() % 3 == 0 ? roll() : roll() % 17, roll() % 2 == 0 ? roll() : roll() % 4096, roll() % 2 == 0 ? roll() : roll() % 1600, {roll()}}; (void)bw_try_put(&nic.channel.out, &r); }",
  },
  "takes its memory back before it is looked at": {
    body: `bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, FRAME);
      for (uint32_t n = 0;; n++) {
        if (error == 0) error = bw_cnode_copy(BW_SLOT_CNODE, LENT, BW_SLOT_CNODE, FRAME, BW_RIGHT_READ | BW_RIGHT_WRITE);
        bw_ipc()->caps[0] = LENT;
        const struct bw_msg m = bw_call(bw_use_port.cap, bw_info(NIC_DRIVER_WINDOW, 1, 1), 1 + n % 15, 0, 0, 0);
        for (uint32_t i = 0; i < 20; i++) (void)put(i % 2 == 0 ? BW_NIC_SEND : BW_NIC_TAKE, 1 + n % 15, i * 2048 + i % 3, 1514);
        (void)bw_cnode_revoke(BW_SLOT_CNODE, FRAME);
        bw_announce(&nic.channel.out);
        uint32_t failed = 0; struct bw_nic_answer a;
        while (bw_try_receive(&nic.channel.in, &a) == BW_RING_DONE) failed += a.result == BW_NIC_FAILED;
        if (n == 200) { bw_printf("hostile: %s %u, %u failed at least\\n", bw_error_name(error), bw_label(&m), failed > 0); bw_flush(); }
      }`,
    says: /^hostile: none 0, 1 failed at least$/m,
  },
  "runs before the switch, and takes its memory back in the middle": {
    body: `bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, FRAME);
      for (uint32_t n = 0, all = 0;; n++) {
        if (error == 0) error = bw_cnode_delete(BW_SLOT_CNODE, LENT);
        if (error == 0) error = bw_cnode_copy(BW_SLOT_CNODE, LENT, BW_SLOT_CNODE, FRAME, BW_RIGHT_READ | BW_RIGHT_WRITE);
        bw_ipc()->caps[0] = LENT;
        const struct bw_msg m = bw_call(bw_use_port.cap, bw_info(NIC_DRIVER_WINDOW, 1, 1), 1 + n % 15, 0, 0, 0);
        for (uint32_t i = 0; i < 20; i++) (void)put(i % 2 == 0 ? BW_NIC_SEND : BW_NIC_TAKE, 1 + n % 15, i * 2048 + i % 3, 1514);
        bw_announce(&nic.channel.out);
        /* Its time ends somewhere in here, and it comes back while the switch copies. */
        if (n % 8 == 7) (void)bw_cnode_revoke(BW_SLOT_CNODE, FRAME);
        uint32_t failed = 0; struct bw_nic_answer a;
        while (bw_try_receive(&nic.channel.in, &a) == BW_RING_DONE) failed += a.result == BW_NIC_FAILED;
        all += failed; if (n == 2000) { bw_printf("hostile: %s %u, %u failed at least\\n", bw_error_name(error), bw_label(&m), all > 0); bw_flush(); }
      }`,
    cpu: "cpu: { priority: 190, budget: 1ms, period: 5ms }, ",
    says: /^hostile: none 0, 1 failed at least$/m,
  },
  "dies with its hands full": { body: "arp(nic.mac, 9, 9, 1); for (uint32_t i = 0; i < 64; i++) (void)bw_nic_send(&nic, frame, 60); bw_puts(\"hostile: dies\"); bw_flush(); __builtin_trap();", says: /^hostile: dies$/m },
  "opens its port again and again": {
    body: `bw_announce(&nic.channel.out); bw_channel_close(&nic.channel);
      const struct bw_channel_wish wish = {.to_server = {128, 32}, .from_server = {128, 16}, .slots = 130, .address = BW_ADDRESS_OWN, .bit = 1UL << 52}; uint32_t refusal = 0;
      for (uint32_t n = 0;; n++) { const bw_err error = bw_channel_open(&nic.channel, bw_use_port.cap, &wish, &refusal); for (uint32_t i = 0; i < 20; i++) (void)put(i % 2, 0, i * 2048, 1514); bw_announce(&nic.channel.out);
        if (n == 100) { bw_printf("hostile: %s %u\\n", bw_error_name(error), refusal); bw_flush(); } bw_channel_close(&nic.channel); }`,
    says: /^hostile: none 0$/m,
  },
  "writes nonsense into the ring": { body: "for (;;) { uint32_t *memory = (uint32_t *)(roll() % 2 == 0 ? nic.channel.out.end.memory : nic.channel.in.end.memory); memory[roll() % 300] = roll() % 2 == 0 ? roll() : 0xfffffc18U + roll() % 300; nic.channel.out.end.over = 0; (void)put(0, 0, 0, 60); bw_announce(&nic.channel.out); (void)bw_signal(nic.channel.out.end.bells.theirs); }" },
  "makes capabilities without end": {
    body: "uint32_t c = 0, s = 0, d = 0; for (; s == 0 && c < 100; c++) s = bw_switch_restrict(bw_use_port.cap, \"ip *\", 210 + c % 40); bw_cptr last = 210; (void)bw_switch_close(211); for (uint32_t t = 0; t == 0 && d < 20; d++, last = 211) t = bw_switch_restrict(last, \"isolated\", 230), bw_cnode_delete(BW_SLOT_CNODE, 211), bw_cnode_move(BW_SLOT_CNODE, 211, BW_SLOT_CNODE, 230);\nbw_printf(\"hostile: %u then %u, deep %u\\n\", c - 1, s, d - 1); bw_flush(); for (;;) bw_yield();",
    says: /^hostile: 8 then 3, deep 1$/m,
  },
  "calls with anything": {
    body: `static const uint32_t labels[] = {NIC_DRIVER_INFO, NIC_DRIVER_WINDOW, NIC_DRIVER_OPEN, NIC_DRIVER_MEMORY, SWITCH_PORT_RESTRICT, SWITCH_PORT_CLOSE, 3, 4711};
      bw_cptr port = bw_use_port.cap; (void)bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 12, 2, BW_SLOT_CNODE, FRAME); (void)bw_switch_restrict(bw_use_port.cap, "to * any", 210);
      for (uint32_t n = 0;; n++) { for (uint32_t i = 0; i < 120; i++) bw_ipc()->words[i] = roll() % 2 == 0 ? roll() % 20 : (uint64_t)roll() << (roll() % 40);
        bw_receive_slots(240, 3); const bw_cptr caps[] = {FRAME, 0, BW_SLOT_VSPACE, BW_SLOT_NOTIFICATION, bw_use_console.cap, BW_SLOT_IPC_BUFFER}; bw_ipc()->caps[0] = caps[roll() % 6];
        (void)bw_call_buffer(roll() % 4 == 0 ? 210 : port, labels[roll() % 8], roll() % 121, caps[0] == 0 ? 0 : roll() % 2); for (uint32_t i = 0; i < 3; i++) (void)bw_cnode_delete(BW_SLOT_CNODE, 240 + i);
        if (n == 3000) { bw_puts("hostile: has asked"); bw_flush(); } }`,
    says: /^hostile: has asked$/m,
    cpu: "cpu: { budget: 3ms, period: 10ms }, ",
  },
};

for (const [what, { body, says, cpu = "cpu: { budget: 1ms, period: 10ms }, ", rules = "[ip 10.0.2.9]" }] of Object.entries(HOSTILE)) {
  test(`a client that ${what} harms itself only`, LIMIT, async () => {
    using folder = applianceFolder({
      ...files,
      "hostile.c": `${HOSTILE_HEAD}int main(void) { bw_console_open(bw_use_console.cap); const bw_err opened = begin(); bw_printf("hostile opens: %s\\n", bw_error_name(opened)); bw_flush();\n${body}\n}\n`,
      "appliance.yaml": `${files["appliance.yaml"].replace("other: [ip 10.0.2.9]", `other: ${rules}`)}  hostile: { image: { c: hostile.c }, memory: 16MiB, ${cpu}use: { console: console.console, port: switch.other } }\n`,
    });
    const line = new Line();
    const { output, events } = await runAppliance(folder.path, {
      line, limitMs: 80_000,
      async during() {
        await until("both are done", () => steadyIsDone(line.output) && (says === undefined || says.test(line.output)), 70_000);
        line.type("x");
        await until("the monitor has told", () => line.output.includes("that is all"));
      },
    });
    for (const said of ["hostile opens: none\n", ...STEADY]) expect(output).toContain(said);
    // Nothing of the neighbours' was refused or lost but what the hostile one sent to all.
    for (const name of ["near", "far"]) expect(output).toMatch(new RegExp(`^${name} open, 0 stations: \\d+/\\d+ sent, \\d+/\\d+ received(, \\d+ received room)?$`, "m"));
    expect(events.filter(({ event, component }) => (event === "fault" || event === "exit") && component !== "hostile" && component !== "steady")).toEqual([]);
  });
}

// Uplinks of every temper: the two stacks' hub of test/integration/net as a driver.
const HUB = "  hub: { image: { c: hub.c }, memory: 4MiB, cpu: { priority: 190 }, offer: { near: NicDriver, far: NicDriver, control: Hub }, args: { mode: plain } }\n";
const KILLER = "  killer: { image: { c: killer.c }, use: { console: console.console, hub: hub.control } }\n";
const withHub = files["appliance.yaml"].replace("use: { timer: timer.timer, time", "use: { uplink: hub.far, timer: timer.timer, time");

test("an uplink that makes up frames and answers, and lies in both, harms no connection over it", LIMIT, async () => {
  using folder = applianceFolder({
    ...files, "hub.c": file("hub.c", NET),
    "appliance.yaml": `${withHub.replace("nic: switch.near", "nic: hub.near")}${HUB.replace("plain", "nonsense")}`,
  });
  const line = new Line();
  const { output, events } = await runAppliance(folder.path, {
    line, limitMs: 80_000,
    async during() {
      await until("steady is done", () => steadyIsDone(line.output), 70_000);
      line.type("x");
      await until("the monitor has told", () => line.output.includes("that is all"));
    },
  });
  for (const said of STEADY) expect(output).toContain(said);
  // Some of it was for nobody, some spoke for others.
  expect(output).toMatch(/^uplink open uplink, \d+ stations: \d+\/\d+ sent, .* sent mac/m);
  expect(events.filter(({ event, component }) => event === "fault" || (event === "exit" && component !== "steady"))).toEqual([]);
});

test.each([
  ["ends", "bw_exit(1);"],
  ["takes its channel's memory back", "for (bw_cptr s = SLOT_CHANNELS; s < SLOT_CHANNELS + BW_CHANNEL_TABLES + ENDS * BW_CHANNEL_SLOTS(PAGES); s++) (void)bw_cnode_revoke(BW_SLOT_CNODE, s);"],
] as const)("an uplink whose driver %s is an uplink less", LIMIT, async (_, worst) => {
  using folder = applianceFolder({
    ...files, "killer.c": file("killer.c"), "hub.c": file("hub.c", NET).replace("    cut = r->w[0] != 0;", `    cut = r->w[0] != 0;\n    ${worst}`),
    "appliance.yaml": `${withHub}${HUB}${KILLER}`,
  });
  const line = new Line();
  const heard: Record<string, unknown>[] = [];
  const { output, events } = await runAppliance(folder.path, {
    line, limitMs: 80_000, onEvent: (event) => void heard.push(event),
    async during() {
      await until("both are done", () => steadyIsDone(line.output) && line.output.includes("killer: ") && heard.some(({ event, component }) => event === "log" && component === "switch"), 70_000);
      line.type("x");
      await until("the monitor has told", () => line.output.includes("that is all"));
    },
  });
  for (const said of STEADY) expect(output).toContain(said);
  // In the middle of the neighbour's work.
  expect(output).toMatch(/^killer: [^]*^steady: [^]*^uplink uplink, 0 stations: /m);
  expect(events.filter(({ event, component }) => event === "log" && component === "switch").map(({ text }) => text)).toEqual(["an uplink's driver has ended: the switch goes on without it"]);
  expect(events.filter(({ event, component }) => (event === "fault" || event === "exit") && component === "switch")).toEqual([]);
});

test.each([
  ["near: [ip 10.0.2.15]", "near: [ip 10.0.2.15, to somewhere tcp 80]", /^this line of an offer is no rule/],
  ["near: [ip 10.0.2.15]", "near: monitored", /^this line of an offer is no rule/],
  ["slots: 512", "slots: 256", /^more than three ports take more slots/],
  ["use: { timer: timer.timer,", "use: { uplink: spoiler.card, timer: timer.timer,", /^an uplink's driver has no network, or another client$/],
] as const)("%s as %s keeps it from starting, and it says why", LIMIT, async (right, wrong, why) => {
  const spoiler = "  spoiler: { image: { c: spoiler.c }, offer: { card: NicDriver } }\n";
  using folder = applianceFolder({
    ...files, "appliance.yaml": `${files["appliance.yaml"].replace(right, wrong)}${spoiler}`,
    "spoiler.c": "#include <bailiwick.h>\nint main(void) { struct bw_service none = {.bad_request = 5, .receive_first = 128, .receive_count = 1}; bw_serve(&none); }\n",
  });
  const events: Record<string, unknown>[] = [];
  await runAppliance(folder.path, { limitMs: 60_000, onEvent: (event) => void events.push(event), during: () => until("it ends", () => events.some(({ event, component, status }) => event === "exit" && status === 1 && component === "switch"), 30_000) });
  expect(events).toContainEqual(expect.objectContaining({ event: "log", component: "switch", text: expect.stringMatching(why) as string }));
});

function helper(): string | undefined {
  try {
    return userNetHelper();
  } catch {
    return undefined;
  }
}
const HELPER = helper();

test.skipIf(HELPER === undefined)("through a card to a user network: an address by DHCP, and a page, as far as the port's rules say", LIMIT, async () => {
  const page = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 2_654_435_761) >>> 24));
  const server = createServer((_, response) => {
    response.sendDate = false;
    response.writeHead(200, { "content-length": page.length, connection: "close" }).end(page);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo, [closed] = await freePorts(1, "tcp");
  try {
    const USER_NET = "test/integration/user-net";
    const between = "  switch: { image: { server: switch }, memory: 8MiB, cpu: { priority: 185 }, use: { uplink: nic.card, timer: timer.timer, time: platform.cpu.time }, offer: { one: NicDriver }, args: { one: [ip 0.0.0.0, ip 10.0.2.15, to * udp 67, to 10.0.2.2 tcp *, isolated] } }\n";
    using folder = applianceFolder({
      "client.c": file("client.c", USER_NET),
      "appliance.yaml": file("appliance.yaml", USER_NET).replace("port: 80, closed: 81", `port: ${port}, closed: ${closed}`).replace("nic: nic.card, timer", "nic: switch.one, timer").replace("  net:\n", `${between}  net:\n`),
    });
    const network = await openUserNet({ helper: HELPER!, hosts: "loopback", forward: [], onLost: () => undefined });
    const { output, events } = await runAppliance(folder.path, { limitMs: 80_000, networks: { net0: network }, during: (_, line) => until("a page, and what is not allowed", () => /elsewhere: \d+\n/.test(line.output), 60_000) });
    await network.close();
    const said = output.split("\n");
    expect(said[0]).toBe("address a00020f ffffff00 by a000202");
    expect(said[1]).toMatch(new RegExp(`^page: 0, ${page.length + `HTTP/1.1 200 OK\r\ncontent-length: ${page.length}\r\nconnection: close\r\n\r\n`.length} bytes`));
    // Another port of the same host is reached; datagrams to it and other hosts are not: nobody answers, where without rules it would be 'refused'.
    expect(said.slice(2, 5)).toEqual(["connect: 5", expect.stringMatching(/^datagram: 7, /), "elsewhere: 7"]);
    expect(events.filter(({ event }) => event === "fault" || event === "exit")).toEqual([]);
  } finally {
    server.close();
  }
});
