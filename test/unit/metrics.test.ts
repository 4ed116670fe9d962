// METRICS-0*: the metrics' text and how it comes about, with a machine that only notes what it is asked: hostile names and answers, many who scrape at once, guests that do not answer.
import { afterEach, describe, expect, test, vi } from "vitest";
import type { ResolvedSystem } from "../../caps/image/system.ts";
import { Exposition, sums, type Family } from "../../servers/operator/vm/exposition.ts";
import { GuestKeeper, type KeptMachine } from "../../servers/operator/vm/keeper.ts";
import { Metrics } from "../../servers/operator/vm/metrics.ts";
import type { MachineCounts } from "../../vmm/machine.ts";
import { parseExposition } from "../support/exposition.ts";
import { outsideTool } from "../support/outside.ts";

const promtool = outsideTool("promtool", "--version");
const checked = (text: string): string => {
  const { status, stdout, stderr } = promtool.run(["check", "metrics"], { input: text });
  return status === 0 ? "" : `${status}: ${stdout}${stderr}`;
};
const HOSTILE = ['"', "\\", "\n", '"} 1\nx{y="', "\\n", "\\\\\"", "a\rb", "\0", "\x1b[2J", "\ud800", "\udfff", "é", "🙂", "\u202e", "", "{}", ",", "x".repeat(1000)];

const LOST = { "sent-size": 1, "sent-header": 0, "came-size": 0, "came-unheard": 2, "came-no-buffer": 0, "came-small-buffer": 0 };
const disk = (name: string, reads = 1) => ({ name, reads, writes: 2, flushes: 3, readBytes: 4096, writtenBytes: 8192, failures: 0 });
const counts = (over: Partial<MachineCounts> = {}): MachineCounts => ({ notified: 5, console: { written: 7, read: 1 }, disks: [disk("d")], cards: [{ name: "c", frames: { sent: 1, received: 2, lost: LOST }, bytes: { sent: 60, received: 120 } }], ...over });

interface Bed {
  readonly keeper: GuestKeeper;
  readonly metrics: Metrics;
  readonly orders: { readonly guest: string; readonly id: number; readonly do: string }[];
  says(guest: string, event: Readonly<Record<string, unknown>>): void;
  /** The VMM's answer to an order, by default the last, in parts. */
  answers(text: string, order?: Bed["orders"][number]): void;
}
function bed(guests: readonly string[] = ["g"], answer: ((guest: string) => string) | undefined = undefined): Bed {
  const components = guests.map((guest, number) => ({ guest, number, name: `vmm ${number}`, args: { ramBytes: 4096, cpus: 2 } }));
  const keeper = new GuestKeeper({ components } as unknown as ResolvedSystem, {}), orders: Bed["orders"] = [];
  const says: Bed["says"] = (guest, event) => void keeper.heard({ event: "guest", guest, state: "", ...event } as never);
  const answers: Bed["answers"] = (text, { guest, id } = orders.at(-1)!) => {
    const part = 400, parts = Math.ceil(text.length / part);
    for (let n = 0; n < parts; n++) says(guest, { state: "stats", order: id, part: n, parts, data: text.slice(n * part, (n + 1) * part) });
  };
  const machine = {
    kernel: { tcbs: [] },
    stats: () => ({ traps: 10, fastCalls: 4, blocks: 0, engines: 3, rebinds: 1, ticks: 0 }),
    order(line: string) {
      const order = JSON.parse(line) as Bed["orders"][number];
      orders.push(order);
      if (answer !== undefined) setImmediate(() => answers(answer(order.guest), order));
      return true;
    },
  } as unknown as KeptMachine;
  keeper.begin(machine);
  for (const guest of guests) says(guest, { state: "running" });
  return { keeper, metrics: new Metrics("test", keeper), orders, says, answers };
}
const scraped = async ({ metrics }: Bed): Promise<ReadonlyMap<string, number>> => parseExposition(await metrics.text()).values;

afterEach(() => void vi.useRealTimers());

describe("METRICS", () => {
  test("001 whatever stands in a label, the text is by the grammar and each sample is there once", () => {
    const family: Family = { name: "a_total", type: "counter", help: "A." }, all = new Exposition();
    for (const [i, value] of HOSTILE.entries()) all.add(family, { l: value, m: "x" }, i);
    all.add({ name: "b", type: "gauge", help: "B." }, {}, 0.5);
    const { types, values } = parseExposition(all.text());
    expect([...types]).toEqual([["a_total", "counter"], ["b", "gauge"]]);
    const keys = [...values.keys()];
    for (const value of ['"', "\\", "\n", '"} 1\nx{y="', "\\n", "é", "🙂", "{}", ","]) expect(keys).toContain(`a_total{l=${JSON.stringify(value)},m="x"}`);
    // NUL and two halves of characters become the same, and the first of them counts.
    expect(values.get('a_total{l="\ufffd",m="x"}')).toBe(HOSTILE.indexOf("\0"));
    expect(values.size).toBe(HOSTILE.length - 2 + 1);
    expect(sums(all.text())).toEqual(new Map([["a_total", [...HOSTILE.keys()].reduce((sum, n) => sum + n, 0) - HOSTILE.indexOf("\ud800") - HOSTILE.indexOf("\udfff")], ["b", 0.5]]));
    if (promtool.there) expect(checked(all.text())).toBe("");
  });

  test("002 of guests with any names, disks and cards: all of it, and promtool has nothing to say of it", async () => {
    const b = bed(HOSTILE.slice(0, 6), () => JSON.stringify(counts({ disks: [disk('d"\n'), disk("e")] })));
    const text = await b.metrics.text(), { values, types } = parseExposition(text);
    expect(values.get('bailiwick_guest_disk_read_bytes_total{guest="\\n",disk="d\\"\\n"}')).toBe(4096);
    expect(values.get('bailiwick_guest_network_lost_frames_total{guest="\\\\",card="c",reason="came-unheard"}')).toBe(2);
    for (const [name, type] of types) expect(name.endsWith("_total"), name).toBe(type === "counter");
    expect(values.get("bailiwick_kernel_fast_calls_total")).toBe(4);
    if (promtool.there) expect(checked(text)).toBe("");
  });

  test("003 many who scrape at once, and again within a second, are answered by one look", async () => {
    const b = bed(["g"], () => JSON.stringify(counts()));
    const all = await Promise.all(Array.from({ length: 50 }, () => b.metrics.text()));
    expect(new Set(all).size).toBe(1);
    await b.metrics.text();
    expect(b.orders.map((order) => order.do)).toEqual(["stats"]);
    await new Promise((done) => setTimeout(done, 1050));
    await b.metrics.text();
    expect(b.orders.length).toBe(2);
  });

  test("004 a guest that does not answer is waited for a second and not asked again; what was known of it stays; late, it counts", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const b = bed();
    setImmediate(() => b.answers(JSON.stringify(counts())));
    expect((await scraped(b)).get('bailiwick_guest_up{guest="g"}')).toBe(1);
    for (let time = 0; time < 3; time++) {
      vi.advanceTimersByTime(1000);
      const values = scraped(b);
      await vi.advanceTimersByTimeAsync(1000);
      expect([(await values).get('bailiwick_guest_up{guest="g"}'), (await values).get('bailiwick_guest_disk_requests_total{guest="g",disk="d",kind="read"}')]).toEqual([0, 1]);
      expect(b.orders.length).toBe(2);
    }
    vi.advanceTimersByTime(1000);
    const values = scraped(b);
    b.answers(JSON.stringify(counts({ disks: [disk("d", 9)] })));
    await vi.advanceTimersByTimeAsync(0);
    expect([(await values).get('bailiwick_guest_up{guest="g"}'), (await values).get('bailiwick_guest_disk_requests_total{guest="g",disk="d",kind="read"}')]).toEqual([1, 9]);
    expect(b.orders.length).toBe(2);
  });

  test("005 one that is paused, or has ended, is not asked; one whose VMM was started again is", async () => {
    const b = bed();
    b.says("g", { state: "paused" });
    expect(await b.keeper.stats("g")).toBeUndefined();
    expect((await scraped(b)).get('bailiwick_guest_up{guest="g"}')).toBe(0);
    expect(b.orders).toEqual([]);
    b.says("g", { state: "resumed" });
    const lost = b.keeper.stats("g");
    b.says("g", { state: "running" });
    const again = b.keeper.stats("g");
    // What the old one was asked is answered late: the new one is still waited for, and not asked twice.
    b.answers("old", b.orders[0]);
    expect(await lost).toBe("old");
    const same = b.keeper.stats("g");
    expect(b.orders.length).toBe(2);
    b.answers("x");
    expect([await again, await same]).toEqual(["x", "x"]);
    const last = b.keeper.stats("g");
    b.says("g", { state: "panic" });
    expect([await last, await b.keeper.stats("g"), b.orders.length]).toEqual([undefined, undefined, 3]);
  });

  test("006 answers that are none count for nothing, and one without end is cut off", async () => {
    for (const answer of ["", "{", "null", "[]", "{}", JSON.stringify({ ...counts(), notified: -1 }), JSON.stringify({ ...counts(), notified: 1.5 }), JSON.stringify({ ...counts(), notified: "1" }), JSON.stringify(counts()).replace('"notified":5', '"notified":1e400'), JSON.stringify(counts({ disks: Array.from({ length: 33 }, (_, i) => disk(`${i}`)) })), JSON.stringify(counts({ disks: [disk("x".repeat(257))] }))]) {
      const b = bed(["g"], () => answer === "" ? " " : answer), values = await scraped(b);
      expect([...values.keys()].filter((key) => /disk|notified/.test(key)), answer).toEqual([]);
      expect(values.get('bailiwick_guest_up{guest="g"}')).toBe(0);
    }
    const twice = bed(["g"], () => JSON.stringify(counts({ disks: [disk("d", 1), disk("d", 2)] })));
    expect((await scraped(twice)).get('bailiwick_guest_disk_requests_total{guest="g",disk="d",kind="read"}')).toBe(1);
    const b = bed(), asked = b.keeper.stats("g");
    for (let part = 0; part < 64; part++) b.says("g", { state: "stats", order: b.orders[0]!.id, part, parts: 1e9, data: "x" });
    expect(await asked).toBeUndefined();
    void b.keeper.stats("g");
    expect(b.orders.length).toBe(2);
  });

  test("007 when the machine has stopped, there are none", async () => {
    const b = bed(["g"], () => JSON.stringify(counts()));
    b.keeper.end();
    await expect(b.metrics.text()).rejects.toThrow(/the machine does not run/);
  });
});
