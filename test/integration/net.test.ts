// The network server on the real machine: two stacks, joined by a cable that a test program is, so that real frames go between them. By the machine's own time: what is lost, and what is
// waited for, is the same on every host.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { applianceFolder, runAppliance, until } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const FOLDER = "test/integration/net";
const file = (name: string) => readFileSync(join(FOLDER, name), "utf8");
const files = { "appliance.yaml": file("appliance.yaml"), "hub.c": file("hub.c"), "server.c": file("server.c"), "client.c": file("client.c"), "pinger.c": file("pinger.c") };

/** What the client says when all is well. Refusals are the protocol's numbers. */
const TALK = [
  "info: 0 a00020f ffffff00 link 1",
  "connect: 0",
  "said hello: 0, heard HELLO",
  "bulk: 100000 back, 0 wrong, 0",
  "half closed: 0, 14 back, 0, send: 10",
  "close: 0",
];
const DATAGRAMS = [
  "udp: 0",
  ...[0, 5, 928, 1472].map((bytes) => `datagram of ${bytes}: 0 0, ${bytes} back from a000202:7, 0 wrong`),
  "datagram of 1473: 12 0, 1472 back from a000202:7, 0 wrong",
];
const PINGS = [
  ...[0, 56, 1472].map((bytes) => `ping of ${bytes}: 0 from a000202, timed`),
  "ping of 1473: 12 from a000202, timed",
  "by name: 0 from a000202, found: 0 a000202, none: 9, in silence: 7, no name: 1",
  "not allowed: host 4, name 4, by others 4 4, connect 4 4, udp 4",
  "restricted: 4 0, then 0, beyond it: 4; itself: 8, nobody there: 7, everybody: 8, at once: 7",
];
const NAMES = ["name: 0 a000202, another's: 4, by address: 4, at another port: 4", "none: 9, silent: 7", "by name: 0", "said hello: 0, heard HELLO", "closed: 0"];
const RULES = [
  "not allowed: port 4, host 4, name 4, udp 4, listen 4, nothing 4",
  "restrict wider: 4, nonsense: 1, narrower: 0",
  "narrower: 0, beyond it: 4, and again: 4",
  "said hello: 0, heard HELLO",
  "closed: 0 0",
  "refused: 5, nobody there: 7, no such place: 8, itself: 8",
];
const VANISHED = ["connect: 0", "the peer vanished: 0 7, and then 7"];
const ALL = [...TALK, ...DATAGRAMS, ...PINGS, ...NAMES, ...RULES, ...VANISHED];

test("two stacks talk over TCP and UDP, nothing is lost, and a capability does what its rules say and no more", LIMIT, async () => {
  const { output } = await runAppliance(FOLDER, { deterministic: true, limitMs: 60_000, during: (_system, line) => until("the client is done", () => /asked again: .*\n/.test(line.output), 50_000) });
  expect(output.trimEnd().split("\n")).toEqual([...ALL, "asked again: 0"]);
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])("frames that are malformed, cut short, too long or not asked for, and answers that no driver gives, harm no connection (%i)", LIMIT, async (seed) => {
  using folder = applianceFolder({ ...files, "appliance.yaml": files["appliance.yaml"].replace("mode: plain", `mode: nonsense, seed: "${seed}"`) });
  const { output, events } = await runAppliance(folder.path, { deterministic: true, limitMs: 80_000, during: (_system, line) => until("the client is done", () => line.output.includes("nonsense\n"), 70_000) });
  const said = output.trimEnd().split("\n");
  expect(said.slice(0, -2)).toEqual(ALL);
  // Hundreds of them there were; and of what nobody but the client repeats little was lost among them.
  expect(Number(/^(\d+) frames of nonsense$/.exec(said.at(-1) ?? "")?.[1])).toBeGreaterThan(500);
  expect(Number(/^asked again: (\d+)$/.exec(said.at(-2) ?? "")?.[1])).toBeLessThan(5);
  expect(events.filter(({ event }) => event === "fault" || event === "dma-fault")).toEqual([]);
});

test("of what comes back for a ping only the answer itself is believed, and that there is no way of whoever has seen the request", LIMIT, async () => {
  using folder = applianceFolder({
    ...files,
    "appliance.yaml": files["appliance.yaml"].replace("mode: plain", "mode: lies").replace(/  client:[^]*$/, "  client: { image: { c: pinger.c }, use: { console: console.console, net: near.any } }\n"),
  });
  const { output } = await runAppliance(folder.path, { deterministic: true, limitMs: 60_000, during: (_system, line) => until("the client is done", () => line.output.includes("\n"), 50_000) });
  // What each of them is, by its place, is said in hub.c.
  expect(output).toBe(`answers: 0 ${"7 ".repeat(9)}8 7 7 7 8 7 0 7 0 0\n`);
});

/** What hostile clients do; `net` is all there is to have, `c` a counter, `s` an answer's label. What they say at last is waited for. */
const HOSTILE: Readonly<Record<string, { body: string; says?: RegExp; cpu?: string }>> = {
  "opens all that it may, and closes nothing": {
    // The other side may not listen yet.
    body: "while (bw_net_connect(bw_use_net.cap, \"10.0.2.2\", 80, 0, 128) == NET_E_REFUSED) bw_yield();\n(void)bw_cnode_delete(BW_SLOT_CNODE, 128);\nfor (c = 0; c < 100 && (s = bw_net_connect(bw_use_net.cap, \"10.0.2.2\", c % 2 == 0 ? 80 : 9, 2000, 128)) == 0; c++) (void)bw_cnode_delete(BW_SLOT_CNODE, 128);\nbw_printf(\"hostile: %u then %u\\n\", c, s); for (;;) bw_yield();",
    says: /^hostile: \d+ then [37]$/m,
  },
  "floods another host with datagrams": { body: "(void)bw_net_udp(bw_use_net.cap, 0, 128); for (;;) (void)bw_net_send_to(128, (struct bw_net_peer){0x0a000202, 9}, bytes, 1400);" },
  "makes itself a flood of datagrams, and receives none": { body: "(void)bw_net_udp(bw_use_net.cap, 0, 128); for (;;) (void)bw_net_send_to(128, (struct bw_net_peer){0x0a000202, 7}, bytes, 900);" },
  "sends datagrams to everybody on the net": { body: "(void)bw_net_udp(bw_use_net.cap, 0, 128); for (;; c++) (void)bw_net_send_to(128, (struct bw_net_peer){0x0a000200 + c % 256, 7}, bytes, 10);" },
  "pings everybody on the net": { body: "char host[] = \"10.0.2.100\"; for (;; c++) { host[8] = (char)('0' + c / 10 % 10), host[9] = (char)('0' + c % 10); (void)bw_net_ping(bw_use_net.cap, host, 1472, c % 2 == 0 ? BW_NET_NOW : 20, NULL); }" },
  // A host of 8 letters is one word. Who sends instead of calling is answered nowhere, and its requests hold places for the hour that they ask for: its own.
  "asks for pings of an hour, and waits for none": {
    body: "uint64_t host; memcpy(&host, \"10.0.2.9\", 8); for (c = 0; c < 50; c++) (void)bw_send(bw_use_net.cap, bw_info(NET_PING, 4, 0), 3600000, 8, 8, host); s = bw_net_ping(bw_use_net.cap, \"10.0.2.2\", 8, 0, NULL); bw_printf(\"hostile: %u\\n\", s); for (;;) bw_yield();",
    says: /^hostile: 3$/m,
  },
  "listens at all ports": { body: "for (c = 1; c < 200 && s == 0; c++) { s = bw_net_listen(bw_use_net.cap, (uint16_t)(6000 + c), 32, 128); (void)bw_cnode_delete(BW_SLOT_CNODE, 128); } bw_printf(\"hostile: %u then %u\\n\", c - 2, s); for (;;) bw_yield();", says: /^hostile: 32 then 3$/m },
  "makes capabilities without end": { body: "for (c = 0; s == 0 && c < 100; c++) { s = bw_net_restrict(bw_use_net.cap, \"connect *:*\", 128); (void)bw_cnode_delete(BW_SLOT_CNODE, 128); } bw_printf(\"hostile: %u then %u\\n\", c - 1, s); for (;;) bw_yield();", says: /^hostile: 8 then 3$/m },
  "asks for names without end": { body: "for (;;) { uint32_t a; (void)bw_net_resolve(bw_use_net.cap, \"silent.test\", BW_NET_NOW, &a); }" },
  "sends for ever and receives nothing": { body: "if (bw_net_connect(bw_use_net.cap, \"10.0.2.2\", 80, 0, 128) == 0) for (;;) (void)bw_net_send(128, bytes, sizeof bytes, BW_NET_NOW, &done);", cpu: "" },
  "asks for what makes no sense": {
    body: `bw_cptr to[3] = {bw_use_net.cap, 128, 129}; uint64_t d = 7; (void)bw_net_udp(bw_use_net.cap, 0, 128); (void)bw_net_connect(bw_use_net.cap, "10.0.2.2", 80, 0, 129);
      for (;; c++) { for (uint32_t i = 0; i < 120; i++) { d = d * 6364136223846793005UL + 1442695040888963407UL; bw_ipc()->words[i] = (d >> 60) < 8 ? d >> (d >> 58) : d >> 62; }
        const uint32_t label = (uint32_t)(d >> 33) % 20; if (label != 14 && label != 10) (void)bw_call_buffer(to[c % 3], label, (uint32_t)(d >> 40) % 121, 0); }`,
  },
  "begins connections and closes them at once": { body: "for (;;) if (bw_net_connect(bw_use_net.cap, \"10.0.2.2\", 80, 0, 128) == 0) { (void)bw_net_send(128, bytes, 900, 0, &done); (void)bw_net_close(128); }" },
  "dies with all its hands full": {
    body: "(void)bw_net_watch(bw_use_net.cap, 130, 1UL << 45); s = bw_net_listen(bw_use_net.cap, 5000, 8, 131); for (c = 0; c < 10; c++) { (void)bw_net_connect(bw_use_net.cap, \"10.0.2.2\", 80, 0, 128); (void)bw_cnode_delete(BW_SLOT_CNODE, 128); } bw_printf(\"hostile: %u\\n\", s); bw_flush(); __builtin_trap();",
    says: /^hostile: 0$/m,
  },
};

for (const [what, { body, says, cpu = "cpu: { budget: 1ms, period: 10ms }, " }] of Object.entries(HOSTILE)) {
  test(`a client that ${what} harms itself only`, LIMIT, async () => {
    using folder = applianceFolder({
      ...files,
      "steady.c": file("steady.c"),
      "hostile.c": `#include <bailiwick.h>\n#include <bailiwick/console.h>\n#include <bailiwick/net-protocol.h>\n#include <bailiwick/net.h>\nBW_USE(console);\nBW_USE(net);\nstatic uint8_t bytes[4096];\nint main(void) {
        uint32_t c = 0, s = 0; size_t done = 0; (void)c; (void)s; (void)done; (void)bytes; bw_console_open(bw_use_console.cap);\n${body}\nreturn 0;\n}\n`,
      "appliance.yaml": files["appliance.yaml"].replace(
        /  client:[^]*$/,
        `  steady: { image: { c: steady.c }, use: { console: console.console, net: near.any } }\n  hostile: { image: { c: hostile.c }, ${cpu}use: { console: console.console, net: near.other } }\n`,
      ).replace("offer: { web: Net,", "offer: { other: Net, web: Net,").replace("any: { all: true }\n  far", "any: { all: true }\n      other: { all: true }\n  far"),
    });
    const { output, events } = await runAppliance(folder.path, { deterministic: true, limitMs: 80_000, during: (_system, line) => until("both are done", () => /steady: listens: \d+\n/.test(line.output) && (says === undefined || says.test(line.output)), 70_000) });
    for (const said of ["steady: 60 rounds, 0 wrong, 0 refused, datagrams came\n", "steady: listens: 0\n"]) expect(output).toContain(said);
    expect(events.filter(({ event, component }) => (event === "fault" || event === "exit") && component !== "hostile" && component !== "steady")).toEqual([]);
  });
}

for (const how of ["stream", "datagrams", "bell"]) {
  test(`a client's quota is what it sends and receives in a second (${how}), through all that it makes of its capability; its neighbour is not slowed`, LIMIT, async () => {
    const part = (name: string, use: string) => `  ${name}: { image: { c: paced.c }, args: { how: ${how} }, use: { console: console.console, timer: timer.timer, net: ${use} } }\n`;
    using folder = applianceFolder({ ...files, "paced.c": file("paced.c"), "appliance.yaml": files["appliance.yaml"].replace(/  client:[^]*$/, `${part("greedy", "{ from: near.any, quota: 64KiB/s }")}${part("neighbour", "near.any")}`) });
    const { output } = await runAppliance(folder.path, { deterministic: true, limitMs: 60_000, during: (_system, line) => until("both are done", () => line.output.includes("greedy:") && line.output.includes("neighbour:"), 50_000) });
    const of = (name: string) => (new RegExp(`${name}: (\\d+) bytes in (\\d+) ms, 0 wrong`).exec(output) ?? []).slice(1).map(Number);
    const [greedy = 0, time = 0] = of("greedy"), [neighbour = 0] = of("neighbour");
    expect(greedy).toBeLessThanOrEqual(65_536 * (time / 1000 + 1 / 8) + 4 * 900);
    expect(greedy).toBeGreaterThan((65_536 * time) / 1000 / 4);
    expect(neighbour).toBeGreaterThan(greedy * 3);
  });
}

/** Runs until one of these components has ended with status 1; what was logged. */
async function endOf(folder: string, ...components: readonly string[]): Promise<unknown[]> {
  const events: Record<string, unknown>[] = [];
  const ended = () => events.some(({ event, component, status }) => event === "exit" && status === 1 && components.includes(String(component)));
  await runAppliance(folder, { limitMs: 60_000, onEvent: (event) => void events.push(event), during: () => until("a server ends", ended, 30_000) });
  return events.filter(({ event }) => event === "log").map(({ text }) => text);
}

test("without an address everything says so; one that nobody gives is asked for meanwhile", LIMIT, async () => {
  using folder = applianceFolder({
    ...files,
    "appliance.yaml": files["appliance.yaml"].replace(/  server:[^]*$/, "  client: { image: { c: lost.c }, use: { console: console.console, net: near.any }, essential: true }\n").replace("      address: 10.0.2.15/24\n", ""),
    "lost.c": `#include <bailiwick.h>\n#include <bailiwick/console.h>\n#include <bailiwick/net.h>\nBW_USE(console);\nBW_USE(net);\nint main(void) {
      struct bw_net_info info; bw_console_open(bw_use_console.cap); const uint32_t told = bw_net_info(bw_use_net.cap, &info);
      (void)bw_net_udp(bw_use_net.cap, 0, 129);
      bw_printf("info %u: %x, link %u; connect %u, listen %u, send %u\\n", told, info.address, info.link, bw_net_connect(bw_use_net.cap, "10.0.2.2", 80, 0, 128), bw_net_listen(bw_use_net.cap, 80, 1, 128), bw_net_send_to(129, (struct bw_net_peer){0x0a000202, 7}, "x", 1));\nreturn 0;\n}\n`,
  });
  const { output } = await runAppliance(folder.path, { deterministic: true, limitMs: 60_000, during: (_system, line) => until("it is told", () => line.output.includes("info"), 30_000) });
  expect(output).toBe("info 0: 0, link 1; connect 14, listen 0, send 14\n");
});

test.each([
  ["address: 10.0.2.15/24", "address: 10.0.2.15/31", /'address' of the arguments is none: as in 10\.0\.2\.15\/24/],
  ["address: 10.0.2.15/24", "address: ten", /'address' of the arguments is none/],
  ["dns: 10.0.2.2", "dns: example.org", /'gateway' or 'dns' of the arguments is no address/],
  ['connect: "10.0.2.2:80"', 'connect: "10.0.2.2"', /argument of an offer is no rule: connect: HOST:PORTS/],
  ['connect: "10.0.2.2:80"', 'listen: "80-70"', /argument of an offer is no rule/],
] as const)("%s as %s keeps the server from starting, and it says why", LIMIT, async (right, wrong, why) => {
  using folder = applianceFolder({ ...files, "appliance.yaml": files["appliance.yaml"].replace(right, wrong) });
  expect(await endOf(folder.path, "near")).toContainEqual(expect.stringMatching(why));
});

test("a driver that has a client already is said to", LIMIT, async () => {
  const third = "  third: { image: { server: net }, memory: 24MiB, use: { nic: hub.control, timer: timer.timer }, offer: { any: Net }, args: { address: 10.0.2.3/24 } }\n";
  using folder = applianceFolder({ ...files, "appliance.yaml": files["appliance.yaml"].replace("memory: 128MiB", "memory: 192MiB").replace("control: Hub", "control: NicDriver") + third });
  expect(await endOf(folder.path, "near", "far", "third")).toContainEqual("the network device's driver has no network, or another client");
});
