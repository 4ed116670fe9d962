// The network driver on the real machine, over cables of every temper: what its client sends arrives whole, what comes reaches it in order, and whoever
// misuses the driver, or the cable, harms nobody else.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { applianceFolder, Line, manifestWith, pause, runAppliance, until } from "../support/appliance-run.ts";
import { exactRounds, pairComponents, pairFiles } from "../support/bystanders.ts";
import { cable, tap } from "../support/cable.ts";

const LIMIT = { timeout: 180_000 };
const FOLDER = "test/integration/nic";
const source = (...names: readonly string[]): Record<string, Uint8Array> => Object.fromEntries(names.map((name) => [name, readFileSync(join(FOLDER, name))]));
/** The machine of these tests. The manifest's cables are not laid: each test has ends of its own. */
const machine = (memory = "64MiB"): string => `${memory}, networks: { net0: { cable: { listen: "9001", peer: "9002" } }, net1: { cable: { listen: "9002", peer: "9001" } } }`;
const NIC = "{ image: { server: nic }, cpu: { priority: 190 }, use: { regs: platform.net0.regs, irq: platform.net0.irq, iospace: platform.net0.iospace }, offer: { card: NicDriver } }";
const text = (words: string): Uint8Array => Uint8Array.of(...new Uint8Array(14).fill(1), ...Buffer.from(words));
/** A cable whose far end gives everything back. */
function mirror() {
  const end = tap();
  end.onSent = (frame) => end.deliver(frame);
  return end;
}

test.each([["at once", false], ["later", true]] as const)("frames of every length arrive whole and in order, by a cable that delivers %s", LIMIT, async (_, later) => {
  const [net0, net1] = cable(later);
  const { output, status, events } = await runAppliance(FOLDER, { networks: { net0, net1 } });
  expect(output.split("\n")).toEqual([
    expect.stringMatching(/^card [0-9a-f]{1,2}:\.\.:[0-9a-f]{1,2}, packets of 1500, link 1$/), "every length: 0 wrong", "too short or too long: 0 sent", "many: 4096 came, 0 misplaced", "driver: 0 failed, 0 nonsense", "",
  ]);
  expect(status).toBe(0);
  expect(events.filter(({ event }) => event === "log" || event === "fault" || event === "dma-fault")).toEqual([]);
});

test("what makes no sense is refused, memory taken away fails, and the driver goes on after each", LIMIT, async () => {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({ nic: NIC, client: "{ image: { c: misuse.c }, memory: 32MiB, use: { console: console.console, card: nic.card }, essential: true }" }, machine("96MiB")),
    ...source("misuse.c"),
  });
  const { output, status, events } = await runAppliance(folder.path, { networks: { net0: mirror() } });
  expect(output.split("\n")).toEqual([
    "other message sizes: 1 1 1 1", "no window, no frame, no such number: 2 2 1", "without a window: 2 2", "windows: 0 0 0", "round trip: 0",
    "no such operation: 2 2", "lengths: 2 2 2 2 2", "windows that are none: 2 2 2", "out of the window: 2 2 2 2", "read-only: room 2, frame 0, which comes: 0", "round trip: 0",
    "beyond a small window: 1", "round trip: 0", "one room too many: 2", "after another opening: 0", "another window: 0", "memory taken away: 8 failed", "round trip: 0",
    "a lying ring: 0", "after another opening: 0", "",
  ]);
  expect(status).toBe(0);
  expect(events.filter(({ event }) => event === "fault")).toEqual([]);
  // Of the small window and of the one that was taken away; the operator is told by whose driver.
  expect(events.filter(({ event }) => event === "dma-fault").map(({ component, device, direction, bytes }) => [component, device, direction, bytes])).toEqual([["nic", "net0", "read", 60], ["nic", "net0", "write", 60]]);
});

test("one client at a time: another is refused while it lives, and finds nothing of it when it has ended", LIMIT, async () => {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({
      nic: NIC,
      first: "{ image: { c: first.c }, memory: 8MiB, use: { card: nic.card } }",
      second: "{ image: { c: second.c }, memory: 16MiB, use: { console: console.console, card: nic.card }, essential: true }",
    }, machine()),
    ...source("first.c", "second.c"),
  });
  const net0 = mirror();
  const line = new Line();
  const seen = new Set<string>();
  const { output, status, events } = await runAppliance(folder.path, {
    line, networks: { net0 },
    onEvent: ({ event, component }) => void seen.add(`${String(component)} ${String(event)}`),
    async during(_, __, ended) {
      await until("the first has the card", () => seen.has("first log"));
      line.type("\n");
      await until("the second is refused", () => line.output.includes("while another"));
      net0.deliver(text("end"));
      await until("the first has ended", () => seen.has("first exit"));
      // Its rooms are still with the device: the IOMMU is between.
      for (let n = 0; n < 300; n++) net0.deliver(text("late"));
      await pause(50);
      line.type("\n");
      await ended();
    },
  });
  expect(output.replaceAll("\r", "")).toMatch(/while another has it: window 3, channel 3\nafterwards: open\ncame back: 200 of 200\n$/);
  expect(status).toBe(0);
  expect(events.filter(({ event, component }) => event === "fault" || (event === "exit" && component === "nic"))).toEqual([]);
});

test("a client that never sends gets what comes, also after its device was started anew", LIMIT, async () => {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({ nic: NIC, client: "{ image: { c: passive.c }, memory: 16MiB, use: { console: console.console, card: nic.card }, essential: true }" }, machine()),
    ...source("passive.c"),
  });
  const net0 = tap();
  let faults = 0;
  const { output, status } = await runAppliance(folder.path, {
    networks: { net0 },
    onEvent: ({ event }) => void (faults += Number(event === "dma-fault")),
    async during(_, line, ended) {
      await until("the device was refused an access", () => faults > 0);
      await until("a frame comes", () => {
        net0.deliver(text("frame"));
        return line.output !== "";
      });
      await ended();
    },
  });
  expect([output, status]).toEqual(["came: 19 bytes, 1 answers were nonsense\n", 0]);
});

test("a flood, and frames that are none, cost others nothing, and what comes of it comes in order", LIMIT, async () => {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({ ...pairComponents(), nic: NIC, swallow: "{ image: { c: swallow.c }, memory: 8MiB, use: { card: nic.card } }" }, machine()),
    ...pairFiles(), ...source("swallow.c"),
  });
  const net0 = tap();
  const numbered = (n: number): Uint8Array => {
    const frame = new Uint8Array(14 + (n % 1500)).fill(n & 0xff);
    frame.fill(0, 0, 14);
    new DataView(frame.buffer).setUint32(8, n, true);
    return frame;
  };
  const logs: string[] = [];
  const told: string[] = [];
  let rounds = 0;
  const SENT = 40_000;
  await runAppliance(folder.path, {
    networks: { net0 }, limitMs: 50_000,
    onEvent: ({ event, component, text: words }) => void (event === "log" && (component === "swallow" ? logs : told).push(String(words))),
    async during(_, line) {
      await until("the card is open", () => logs.length > 0);
      const before = exactRounds(line.output);
      for (let n = 1; n <= SENT; n++) {
        net0.deliver(numbered(n));
        if (n % 7 === 0) for (const bytes of [0, 13, 1515, 9000, 65536]) net0.deliver(new Uint8Array(bytes));
        if (n % 200 === 0) await pause(0);
      }
      await until("the pair goes on", () => exactRounds(line.output) > before + 1);
      rounds = exactRounds(line.output) - before;
      const question = Uint8Array.of("?".charCodeAt(0), ...new Uint8Array(59));
      await until("a frame is answered", () => {
        if (net0.sent.length === 0) net0.deliver(question);
        return net0.sent.length > 0;
      });
      expect(net0.sent[0]).toEqual(question);
    },
  });
  expect(rounds).toBeGreaterThan(1);
  const [, came, wrong, last] = /came (\d+), wrong (\d+), last (\d+)/.exec(logs.at(-1)!)!.map(Number);
  expect(wrong).toBe(0);
  expect(came).toBeGreaterThan(SENT / 100);
  expect(last).toBeLessThanOrEqual(SENT);
  // Told of at powers of two: 28,570 that were none, and those that found no room.
  expect(told.filter((words) => words.includes("came by the cable")).length).toBeLessThanOrEqual(15);
  expect(told.filter((words) => words.includes("waited for buffers")).length).toBeLessThanOrEqual(16);
});

test("a driver with nothing behind its device says so, and its client is told", LIMIT, async () => {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({ nic: NIC, client: "{ image: { c: client.c }, memory: 8MiB, use: { console: console.console, card: nic.card }, essential: true }" }, machine()),
    ...source("client.c"),
  });
  const { output, status, events } = await runAppliance(folder.path, { networks: {} });
  expect([output, status]).toEqual(["no card: IllegalOperation\n", 3]);
  expect(events).toContainEqual(expect.objectContaining({ event: "log", component: "nic", text: "there is no network behind the device" }));
});
