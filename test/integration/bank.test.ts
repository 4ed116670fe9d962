// Space banks on the real machine: what is bought, what it is limited to, and that destroying a bank takes back exactly what it sold.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";

const LIMIT = { timeout: 240_000 };
const client = readFileSync("test/integration/bank/client.c", "utf8");

interface Setting {
  readonly memory?: string;
  readonly slots?: number;
  readonly offers?: string;
  readonly args?: string;
  /** Other components. */
  readonly more?: Readonly<Record<string, string>>;
}

interface Client {
  readonly does: readonly string[];
  readonly offer?: string;
}

/** Sends nonsense, and sense, without pause; keeps what it gets. */
const FLOOD = `#include <bailiwick.h>
BW_USE(bank);
int main(void) {
  for (uint64_t i = 0, next = 1; ; i++) {
    next = next * 6364136223846793005UL + 1442695040888963407UL;
    uint64_t *w = bw_ipc()->words;
    const uint64_t odd[] = {0, 12, 12, 13, 1UL << 63, 4096, 65536, next, next >> 40, UINT64_MAX};
    for (uint32_t n = 0; n < 12; n++) w[n] = odd[(next >> (4 * n)) % 10];
    bw_ipc()->caps[0] = 128 + i % 128, bw_ipc()->caps[1] = i % 20;
    (void)bw_cnode_delete(BW_SLOT_CNODE, 128 + i * 7 % 128);
    bw_receive_slots(128 + i * 7 % 128, 1);
    (void)bw_call_buffer(next >> 63 != 0 ? 128 + i * 3 % 128 : bw_use_bank.cap, (uint32_t)(next >> 33) % 10, (uint32_t)(next >> 50) % 12, (uint32_t)(next >> 60) % 3);
  }
}\n`;

interface Run {
  readonly said: readonly string[];
  readonly logs: readonly string[];
  readonly events: readonly Record<string, unknown>[];
  readonly status: number | undefined;
}

/** Each client does what it says, one after the other; the last one's end is the appliance's. */
async function run(clients: Readonly<Record<string, Client>>, { memory = "8MiB", slots = 4096, offers = "{ bank: Bank }", args = "{}", more = {} }: Setting = {}): Promise<Run> {
  const names = Object.keys(clients);
  const components = Object.entries(clients).map(([name, { does, offer = "bank" }], i) => {
    const last = i === names.length - 1;
    // The machine's time is one client's only.
    return [
      name,
      `{ image: { c: ${last ? "timed.c" : "client.c"} }, memory: 2MiB, slots: 4096, use: { console: console.console, bank: bank.${offer}${last ? ", time: platform.cpu.time" : ""} }, args: { do: ${JSON.stringify(does)} }, cpu: { priority: ${150 - i} }${last ? ", essential: true" : ""} }`,
    ];
  });
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({ bank: `{ image: { server: bank }, memory: ${memory}, slots: ${slots}, cpu: { priority: 180 }, offer: ${offers}, args: ${args} }`, ...Object.fromEntries(components), ...more }),
    "client.c": client,
    "timed.c": `#define WITH_TIME\n${client}`,
    "flood.c": FLOOD,
  });
  const { output, events, status } = await runAppliance(folder.path, { limitMs: 60_000 });
  return { said: output.trimEnd().split("\n"), logs: events.flatMap(({ event, component, text }) => (event === "log" && component === "bank" ? [String(text)] : [])), events, status };
}

/** What one client is told, and what it says to each. Numbers of blocks are told where they mean something: in the banks that are alone. */
async function dialogue(lines: readonly (readonly [does: string, says: string])[], setting: Setting = {}): Promise<Run> {
  const result = await run({ a: { does: lines.map(([does]) => does) } }, setting);
  expect(result.said).toEqual(lines.map(([does, says]) => `a: ${does}: ${says}`));
  expect(result.events.filter(({ event }) => event === "fault")).toEqual([]);
  return result;
}

test("a block is bought, is memory that is zero, and is freed with all that was made of it", LIMIT, async () => {
  await dialogue([
    ["figures b", "0/0 reserve 0 peak 0 blocks 0"], ["buy b 12", "done"], ["frame 0", "mapped, zero"], ["kind 0", "something"],
    ["figures b", "4096/0 reserve 0 peak 4096 blocks 1"], ["free b #0", "done"], ["kind 0", "nothing"], ["free b #0", "notFound"], ["figures b", "0/0 reserve 0 peak 4096 blocks 0"],
    // What lay there is not seen by who buys it next, in whatever size.
    ["buy b 12", "done"], ["frame 1", "mapped, zero"], ["free b #1", "done"], ["buy b 13", "done"], ["frame 2", "mapped, zero"], ["figures b", "8192/0 reserve 0 peak 8192 blocks 1"],
    // A slot that is not empty takes nothing, and then nothing is bought or made.
    ["full b", "no slot, no slot, no slot"], ["figures b", "8192/0 reserve 0 peak 12288 blocks 1"], ["list b", "0:bank 8192/0 reserve 0 peak 12288 blocks 1"],
    // Nobody is told the number of what was bought without waiting for the answer; it is accounted for all the same.
    ["send b 1 12", "none"], ["figures b", "12288/0 reserve 0 peak 12288 blocks 2"],
    ["destroy b", "done"], ["figures b", "0/0 reserve 0 peak 12288 blocks 0"], ["churn b 20", "0 refused"], ["figures b", "0/0 reserve 0 peak 1015808 blocks 0"],
  ]);
});

test("limits hold at every level, a level's own without its neighbours'", LIMIT, async () => {
  await dialogue([
    ["make b x 65536 0 10", "done"], ["make x y 32768 0 5", "done"], ["make y z 49152 0 0", "done"], ["make x w 0 0 0", "done"],
    // y's limit, three levels down; then x's, by w, which has none.
    ["buy z 15", "done"], ["buy z 12", "limit"], ["buy y 12", "limit"], ["buy w 14", "done"], ["buy w 15", "limit"], ["exhaust w 12", "4 blocks, then limit"],
    ["list b", "0:bank 65536/0 reserve 0 peak 65536 blocks 0, 1:x 65536/65536 reserve 0 peak 65536 blocks 0, 2:w 32768/0 reserve 0 peak 32768 blocks 5, 2:y 32768/32768 reserve 0 peak 32768 blocks 0, 3:z 32768/49152 reserve 0 peak 32768 blocks 1"],
    // z's block is z's: neither those above nor those beside free it.
    ["free y #0", "notFound"], ["free x #0", "notFound"], ["free w #0", "notFound"], ["buy b 12", "done"],
    // Banks that may be made are counted out like memory: x may have ten, of which y has six and w one.
    ["make z q 0 4096 0", "full"], ["make x q 0 8192 0", "limit"], ["make x q 0 0 3", "full"], ["make x q 0 0 2", "done"], ["make x p 0 0 0", "full"],
    ["destroy y", "done"], ["buy w 15", "done"], ["make x p 0 0 5", "done"],
    ["list x", "0:x 65536/65536 reserve 0 peak 65536 blocks 0, 1:p 0/0 reserve 0 peak 0 blocks 0, 1:q 0/0 reserve 0 peak 0 blocks 0, 1:w 65536/0 reserve 0 peak 65536 blocks 6"],
  ]);
});

test("what is set aside for a bank is there for it whatever others do, and nobody else gets it", LIMIT, async () => {
  await dialogue([
    ["make b x 0 65536 5", "done"], ["make b y 65536 65536 5", "done"], ["figures b", "131072/0 reserve 0 peak 131072 blocks 0"], ["exhaust b 12", "983 blocks, then noMemory"], ["buy b 12", "noMemory"],
    // x goes on above its reserve only where there is something; y never.
    ["exhaust x 12", "16 blocks, then noMemory"], ["buy y 16", "done"], ["buy y 12", "limit"], ["free b #0", "done"], ["buy x 12", "done"], ["buy y 12", "limit"], ["figures x", "69632/0 reserve 65536 peak 69632 blocks 17"],
    // A reserve within a reserve, but not all of it: it would have to be both banks' at once.
    ["destroy x", "done"], ["make y z 0 65536 0", "limit"], ["free y #999", "done"], ["make y z 0 65536 0", "noMemory"], ["make y z 32768 32768 0", "done"], ["figures y", "32768/65536 reserve 65536 peak 65536 blocks 0"],
    ["exhaust y 12", "8 blocks, then limit"], ["exhaust z 12", "8 blocks, then limit"], ["figures y", "65536/65536 reserve 65536 peak 65536 blocks 8"], ["destroy b", "done"], ["figures b", "0/0 reserve 0 peak 4157440 blocks 0"],
  ]);
});

test("of a bank that is alone nothing is seen by others, nor of them by it: numbers, refusals, memory that is in pieces", LIMIT, async () => {
  const alone: readonly (readonly [string, string])[] = [
    ["verify b z", "done, official, rights 15, alone"], ["buy z 12", "done"], ["buy z 12", "done"], ["buy z 12", "done"], ["buy z 12", "done"], ["number #0", "4"], ["number #1", "5"], ["number #2", "6"], ["number #3", "7"],
    // Half of it is free, in two places: what is outside is not for it though its limit would allow that, nor for those under it.
    ["free z #0", "done"], ["free z #2", "done"], ["buy z 13", "noMemory"], ["make z y 0 0 1", "done"], ["buy y 13", "noMemory"], ["buy y 14", "limit"], ["make z x 0 8192 0", "noMemory"], ["make y w 0 4096 0", "done"],
    ["buy w 12", "done"], ["number #4", "1"], ["buy w 12", "done"], ["buy w 12", "limit"], ["figures z", "16384/16384 reserve 16384 peak 16384 blocks 2"], ["make z x 0 0 1", "full"], ["verify b y", "done, official, rights 15"],
    ["list z", "0:z 16384/16384 reserve 16384 peak 16384 blocks 2, 1:y 8192/0 reserve 0 peak 8192 blocks 0, 2:w 8192/0 reserve 4096 peak 8192 blocks 2"],
  ];
  const make = "make b z 16384 16384 3";
  await dialogue([[make, "done"], ...alone]);
  // The same words beside one that has bought this and that before.
  const others = ["make b q 0 0 20", "make q p 0 16384 5", "send q 1 12", "send q 1 15", "send p 1 13", "send b 1 20", make, "stay"];
  const { said } = await run({ first: { does: others }, a: { does: [make, ...alone.map(([does]) => does)], offer: "other" } }, { offers: "{ bank: Bank, other: Bank }" });
  expect(said.filter((line) => line.startsWith("a: "))).toEqual([[make, "done"], ...alone].map(([does, says]) => `a: ${does}: ${says}`));
});

test("destroying takes back what the bank sold, and what those under it did; a neighbour keeps everything", LIMIT, async () => {
  await dialogue([
    ["make b x 0 0 9", "done"], ["make x y 0 262144 3", "done"], ["make b n 0 0 0", "done"], ["buy x 12", "done"], ["buy n 12", "done"], ["buy y 12", "done"], ["buy n 12", "done"], ["buy x 12", "done"], ["buy n 13", "done"],
    ["frame 0", "mapped, zero"], ["frame 1", "mapped, zero"], ["frame 2", "mapped, zero"], ["frame 3", "mapped, zero"], ["frame 5", "mapped, zero"],
    ["figures b", "286720/0 reserve 0 peak 286720 blocks 0"], ["destroy x", "done"], ["figures b", "16384/0 reserve 0 peak 286720 blocks 0"],
    ["kind 0", "nothing"], ["kind 2", "nothing"], ["kind 4", "nothing"], ["kind 1", "something"], ["kind 3", "something"], ["kind 5", "something"], ["same 1", "the same"], ["same 3", "the same"], ["same 5", "the same"],
    ["figures n", "16384/0 reserve 0 peak 16384 blocks 3"], ["free n #1", "done"], ["free n #3", "done"], ["free n #5", "done"], ["buy b 21", "done"], ["destroy b", "done"], ["figures n", "gone"], ["list b", "0:bank 0/0 reserve 0 peak 2097152 blocks 0"],
  ]);
});

test("destroying much is done in pieces: from the first on the banks are dead, and a neighbour is served in between", LIMIT, async () => {
  await dialogue([
    ["make b x 0 0 9", "done"], ["make x y 0 65536 0", "done"], ["make b n 0 0 0", "done"], ["refuse x 12 40", "done"], ["refuse y 12 20", "done"], ["restrict y 4 t", "done"],
    ["piece x", "left 1"], ["buy x 12", "gone"], ["figures x", "gone"], ["restrict x 15 q", "gone"], ["make y z 0 0 0", "gone"], ["verify b x", "done, not official, rights 0"], ["verify y b", "gone, not official, rights 0"], ["free x #0", "gone"],
    // 20 of y's blocks, its end and 11 of x's were 32: who looks from above sees the rest.
    ["list b", "0:bank 118784/0 reserve 0 peak 245760 blocks 0, 1:n 0/0 reserve 0 peak 0 blocks 0, 1:x 118784/0 reserve 0 peak 245760 blocks 29"], ["buy n 12", "done"], ["piece y", "gone"], ["piece t", "gone"],
    ["piece x", "left 0"], ["piece x", "gone"], ["destroy x", "gone"], ["list b", "0:bank 4096/0 reserve 0 peak 245760 blocks 0, 1:n 4096/0 reserve 0 peak 4096 blocks 1"], ["kind 60", "something"], ["kind 59", "nothing"],
    // A bank of the manifest's opens again when it is empty.
    ["refuse b 12 40", "done"], ["piece b", "left 1"], ["buy b 12", "gone"], ["figures n", "gone"], ["piece b", "left 0"], ["buy b 12", "done"], ["list b", "0:bank 4096/0 reserve 0 peak 245760 blocks 1"],
  ]);
});

test("banks one under the other, as many as there are, are charged and destroyed like any others", LIMIT, async () => {
  await dialogue([
    ["chain b z 1022", "done"], ["make z y 0 0 0", "full"], ["make b y 0 0 0", "full"], ["buy z 12", "done"], ["free b #0", "notFound"], ["figures b", "4096/0 reserve 0 peak 4096 blocks 0"], ["exhaust z 12", "1014 blocks, then noMemory"],
    ["figures b", "4157440/0 reserve 0 peak 4157440 blocks 0"], ["free z #3", "done"], ["free z #3", "notFound"], ["figures b", "4153344/0 reserve 0 peak 4157440 blocks 0"],
    ["destroy b", "done"], ["figures z", "gone"], ["list b", "0:bank 0/0 reserve 0 peak 4157440 blocks 0"], ["make b y 0 0 0", "done"],
  ]);
});

test("a program in bought memory that resists is stopped, loses everything, and leaves no trace", LIMIT, async () => {
  await dialogue([
    ["make b x 0 0 0", "done"], ["buy x 18", "done"], ["resist 150", "made, it ran"], ["destroy x", "done"], ["left", "0 capabilities, it is stopped"], ["figures b", "0/0 reserve 0 peak 262144 blocks 0"],
    ["buy b 12", "done"], ["frame 1", "mapped, zero"], ["buy b 16", "done"], ["frame 2", "mapped, zero"],
  ]);
});

test("a thread that frees what it and its time are made of is gone, and the bank serves on", LIMIT, async () => {
  const { said, events } = await run({ a: { does: ["buy b 18", "suicide 150", "figures b", "buy b 18", "left", "churn b 3"] } });
  expect(said).toEqual(["a: buy b 18: done", "a: suicide 150: made, it ran", "and then: it is gone", "a: figures b: 0/0 reserve 0 peak 262144 blocks 0", "a: buy b 18: done", "a: left: 1 capabilities, it is stopped", "a: churn b 3: 0 refused"]);
  expect(events).not.toContainEqual(expect.objectContaining({ component: "bank", event: "exit" }));
});

test("capabilities of a bank that was destroyed are dead, also when its place is used again", LIMIT, async () => {
  await dialogue([
    ["make b x 0 0 0", "done"], ["restrict x 9 c", "done"], ["destroy x", "done"], ["make b y 0 0 0", "done"], ["buy y 12", "done"],
    ["buy x 12", "gone"], ["free x #0", "gone"], ["figures x", "gone"], ["list x", ""], ["verify b x", "done, not official, rights 0"], ["verify x b", "gone, not official, rights 0"], ["restrict x 15 d", "gone"], ["destroy x", "gone"], ["figures c", "gone"],
    ["figures y", "4096/0 reserve 0 peak 4096 blocks 1"], ["remake b f 3000", "0 wrong, alive again 0 times"], ["figures b", "4096/0 reserve 0 peak 4096 blocks 0"],
  ]);
});

test("a capability does what its rights say, and what is made of it no more", LIMIT, async () => {
  await dialogue([
    ["restrict b 1 x", "done"], ["buy x 12", "done"], ["make x q 0 0 0", "notAllowed"], ["destroy x", "notAllowed"], ["list x", ""], ["raw x 8 1 0", "notAllowed"], ["figures x", "4096/0 reserve 0 peak 4096 blocks 1"], ["free x #0", "done"],
    ["restrict b 10 y", "done"], ["buy y 12", "notAllowed"], ["free y #0", "notAllowed"], ["make y z 0 0 0", "done"], ["destroy y", "notAllowed"], ["list y", "0:bank 0/0 reserve 0 peak 4096 blocks 0, 1:z 0/0 reserve 0 peak 0 blocks 0"],
    ["restrict y 7 w", "done"], ["verify b w", "done, official, rights 2"], ["restrict w 15 v", "done"], ["verify b v", "done, official, rights 2"], ["restrict b 0 n", "done"], ["verify b n", "done, official, rights 0"], ["figures n", "0/0 reserve 0 peak 4096 blocks 0"],
    ["restrict b 18446744073709551615 a", "done"], ["verify b a", "done, official, rights 15"], ["restrict b 4 t", "done"], ["destroy t", "done"], ["figures z", "gone"], ["figures t", "0/0 reserve 0 peak 4096 blocks 0"],
  ]);
});

test("verify knows this server's banks, and nothing else for one", LIMIT, async () => {
  await dialogue([
    ["make b x 16384 0 0", "done"], ["make b y 0 16384 0", "done"], ["make b w 32768 16384 0", "done"], ["make b z 16384 16384 0", "done"],
    // Without a limit of its own, or with one above its reserve, it sells what others could have had.
    ["verify b x", "done, official, rights 15"], ["verify b y", "done, official, rights 15"], ["verify b w", "done, official, rights 15"], ["verify b z", "done, official, rights 15, alone"], ["verify z b", "done, official, rights 15"],
    ["restrict b 0 n", "done"], ["verify n z", "done, official, rights 15, alone"],
    ["verify b nothing", "noCapability, not official, rights 0"], ["verify b console", "done, not official, rights 0"], ["verify b cnode", "done, not official, rights 0"], ["verify b endpoint", "done, not official, rights 0"], ["raw b 6 0", "noCapability"],
    ["buy z 12", "done"], ["verify b block", "done, not official, rights 0"], ["destroy z", "done"], ["verify b z", "done, not official, rights 0"], ["verify b block", "noCapability, not official, rights 0"],
  ]);
});

test("an offer is a bank of its own; one with `all` looks at all of them and does nothing", LIMIT, async () => {
  const offers = "{ shop: Bank, garage: Bank, audit: Bank }", args = "{ shop: { limit: 65536, banks: 3 }, garage: { limit: 32768, reserve: 32768 }, audit: { all: 1 } }";
  const { said } = await run({
    s: { offer: "shop", does: ["make b x 8192 0 1", "make x y 0 4096 0", "buy y 12", "make b p 0 0 1", "verify b b", "stay"] },
    g: { offer: "garage", does: ["buy b 13", "verify b b", "destroy b", "buy b 12", "list b", "stay"] },
    o: { offer: "audit", does: ["list b", "buy b 12", "make b q 0 0 0", "destroy b", "free b 1", "restrict b 15 r", "verify b r", "figures b"] },
  }, { offers, args });
  expect(said).toEqual([
    "s: make b x 8192 0 1: done", "s: make x y 0 4096 0: done", "s: buy y 12: done", "s: make b p 0 0 1: full", "s: verify b b: done, official, rights 15", "s: stay: stays",
    "g: buy b 13: done", "g: verify b b: done, official, rights 15, alone", "g: destroy b: done", "g: buy b 12: done", "g: list b: 0:garage 4096/32768 reserve 32768 peak 8192 blocks 1", "g: stay: stays",
    "o: list b: 0:all 36864/0 reserve 0 peak 36864 blocks 0, 1:garage 4096/32768 reserve 32768 peak 8192 blocks 1, 1:shop 4096/65536 reserve 0 peak 4096 blocks 0, 2:x 4096/8192 reserve 0 peak 4096 blocks 0, 3:y 4096/0 reserve 4096 peak 4096 blocks 1",
    "o: buy b 12: notAllowed", "o: make b q 0 0 0: notAllowed", "o: destroy b: notAllowed", "o: free b 1: notAllowed", "o: restrict b 15 r: done", "o: verify b r: done, official, rights 8", "o: figures b: 36864/0 reserve 0 peak 36864 blocks 0",
  ]);
});

test("requests that make no sense are refused and change nothing", LIMIT, async () => {
  const huge = "18446744073709551615", top = "9223372036854775808";
  const refused = (line: string, says = "badRequest"): [string, string] => [line, says];
  await dialogue([
    ["make b x 65536 32768 2", "done"], ["buy x 12", "done"], ["buy x 15", "done"], ["buy b 12", "done"], ["figures x", "36864/65536 reserve 32768 peak 36864 blocks 2"],
    ...["0", "11", "31", "32", "63", "64", "76", "4294967308", top, huge].map((bits) => refused(`raw b 1 1 ${bits}`)), refused("raw b 1 0"), refused("raw b 0 4"), refused("raw b 9 4"), refused("raw b 524287 4"), refused("buy b 30", "noMemory"),
    // make: reserves that are none, limits below them, more banks than there are; then names.
    ...["1", "2048", "12288", "2147483648", top, huge].map((reserve) => refused(`raw b 3 4 0 ${reserve} 0 0`)), refused("raw b 3 3"), refused("raw b 3 4 4096 8192 0 0"), refused("raw b 3 4 0 1073741824 0 0", "noMemory"),
    ...["1024", "4294967296", top, huge].map((banks) => refused(`raw b 3 4 0 0 ${banks} 0`)), refused("raw b 3 4 0 0 1023 0", "full"), ...["24", "1000", "4294967299", huge].map((count) => refused(`raw b 3 4 0 0 0 ${count}`)),
    ...["3 3 32", "3 3 0", "3 3 127", "3 3 255", "3 3 10", "24 24 126", "9 8 126", "1000 23 126"].map((name) => refused(`rawmake b ${name}`)), ...["3 3 33", "23 23 126", "0 0 0"].map((name) => refused(`rawmake b ${name}`, "done")),
    // A limit that no memory could ever reach is one.
    [`make b y ${huge} 0 0`, "done"], ["buy y 12", "done"], [`make b w ${top} 4096 0`, "done"],
    // Blocks that nobody has, that are in halves, of others, of levels that are not there.
    ...["0", "1", "2", "524288", "1048575", "1048576", "1048577", "1048578", "2097153", "4194304", "1073741824", "4294967297", top, "9223372036855824385", huge].flatMap((block) => [refused(`free x ${block}`, "notFound"), refused(`free b ${block}`, "notFound")]),
    refused("free x #2", "notFound"), refused("free b #0", "notFound"), refused("free b #1", "notFound"), refused("free b #3", "notFound"), refused("raw b 2 0"),
    ...["1024", "1023", "5", "4294967296", huge].map((place) => refused(`raw b 8 1 ${place}`, "notFound")), refused("raw b 8 0"), ["raw b 6 0", "noCapability"],
    ["list b", `0:bank 77824/0 reserve 0 peak 77824 blocks 1, 1:w 0/${top} reserve 4096 peak 0 blocks 0, 1:y 4096/${huge} reserve 0 peak 4096 blocks 1, 1:x 36864/65536 reserve 32768 peak 36864 blocks 2`],
    ["destroy x", "done"], ["destroy y", "done"], ["destroy w", "done"], ["free b #2", "done"], ["figures b", "0/0 reserve 0 peak 77824 blocks 0"], ["churn b 10", "0 refused"], ["exhaust b 12", "1015 blocks, then noMemory"], ["destroy b", "done"], ["buy b 20", "done"],
  ]);
});

test("who has memory set aside notices nothing of one that takes all there is, asks for nonsense and does not stop", LIMIT, async () => {
  const does = [
    "make b x 65536 65536 2", "exhaust x 12", "figures b", "make x y 0 4096 0", "list b", "number #3", "free x #3", "make x y 0 4096 0", "buy y 12", "frame 0", "frame 1", "same 0", "churn b 30", "destroy x", "buy b 16", "buy b 16", "buy b 12", "free b #0", "list b",
    // So long that those who flood come to their limit, which they have a fifth to two fifths of the time for each.
    "churn b 3000", "verify b b",
  ];
  const setting: Setting = { offers: "{ bank: Bank, free: Bank, odd: Bank }", args: "{ bank: { limit: 131072, reserve: 131072, banks: 3 }, free: { limit: 3145728 }, odd: { limit: 65536 } }" };
  const flood = "{ image: { c: flood.c }, use: { bank: bank.odd }, cpu: { priority: 160, budget: 2ms, period: 5ms } }";
  const quiet = await run({ a: { does } }, setting);
  expect(quiet.said.slice(1, 3)).toEqual(["a: exhaust x 12: 16 blocks, then limit", "a: figures b: 65536/131072 reserve 131072 peak 65536 blocks 0"]);
  expect(quiet.said.at(-1)).toBe("a: verify b b: done, official, rights 15, alone");
  const greedy = await run({ greedy: { offer: "free", does: ["make b x 0 0 0", "exhaust x 12", "exhaust b 12", "stay"] }, a: { does } }, setting);
  expect(greedy.said.slice(0, 3)).toEqual(["greedy: make b x 0 0 0: done", "greedy: exhaust x 12: 768 blocks, then limit", "greedy: exhaust b 12: 0 blocks, then limit"]);
  expect(greedy.said.filter((line) => line.startsWith("a: "))).toEqual(quiet.said);
  const flooded = await run({ a: { does } }, { ...setting, more: { eve: flood, mallory: flood } });
  expect(flooded.said).toEqual(quiet.said);
  expect(flooded.logs).toContainEqual(expect.stringContaining("bank odd has reached its limit"));
  expect(flooded.events.filter(({ event, component }) => event === "fault" || (event === "exit" && component === "bank"))).toEqual([]);
});

test("a bank that is used up is told to the operator, the first, second, fourth... time", LIMIT, async () => {
  const limited = await run({ a: { does: ["refuse b 14 2", "refuse b 12 1000", "make b x 4096 0 0", "free b #0", "buy x 12", "refuse x 12 500", "make b y 0 8192 0"] } }, { args: "{ bank: { limit: 16384 } }" });
  expect(limited.said.at(-1)).toBe("a: make b y 0 8192 0: done");
  // A bank that a client has made may be refused as often as it likes: that is its maker's affair.
  expect(limited.logs).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((times) => `bank bank has reached its limit: 16 of 16 KiB sold, requests refused so far: ${times}`));
  const all = await run({ a: { does: ["buy b 21", "refuse b 21 300", "buy b 30"] } });
  expect(all.logs).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256].map((times) => `no block of 2048 KiB is left for bank bank: 2048 of 4060 KiB are sold; requests refused so far: ${times}`));
});

test("a manifest that asks for what cannot be is refused with what to do", LIMIT, async () => {
  const said = async (setting: Setting): Promise<readonly string[]> => {
    const { logs, events } = await run({ a: { does: ["buy b 12"] } }, setting);
    expect(events).toContainEqual({ event: "exit", component: "bank", status: 1 });
    return logs;
  };
  expect(await said({ args: "{ bank: { limit: 8MiB } }" })).toEqual(['args of offer bank: `limit` is "8MiB" where a number is wanted (of bytes, for sizes): write 8388608 for 8 MiB']);
  expect(await said({ args: "{ bank: { reserve: 12288 } }" })).toEqual(["args of offer bank: `reserve` is 0 or a power of two from 4096 to 1073741824, and `limit` is 0 or no less than that"]);
  expect(await said({ args: "{ bank: { reserve: 4194304 } }" })).toEqual(["args of offer bank: there is no block of 4096 KiB left for its `reserve`; the bank has 4060 KiB in all: give the component more memory"]);
  expect(await said({ args: "{ bank: { banks: 500 }, b2: { banks: 522 } }", offers: "{ bank: Bank, b2: Bank }" })).toEqual(["args of offer b2: `banks` of all offers, and one more for each, are 1023 at most"]);
  expect(await said({ args: "{ bank: { all: 1, limit: 4096 } }" })).toEqual(["args of offer bank: `all` is 0 or 1, and an offer that has it is no bank of its own: it has no `limit`, `reserve` or `banks`"]);
  expect(await said({ offers: `{ bank: Bank, ${Array.from({ length: 16 }, (_, i) => `b${i}: Bank`).join(", ")} }` })).toEqual(["a bank has at most 16 offers: have one of its clients make banks for the others"]);
  expect(await said({ slots: 2048 })).toEqual(["to sell 4 MiB the bank needs a slot for each block: say `slots: 4096` in the manifest", "the component has too few slots"]);
  expect(await said({ memory: "1MiB", slots: 4096 })).toEqual(["the bank has less than 1 MiB to sell: give the component more memory"]);
});
