// KEEPER-*: orders and their answers, with a machine that only notes them: who waits is answered whatever becomes of the guest.
import { describe, expect, test } from "vitest";
import type { ResolvedSystem } from "../../caps/image/system.ts";
import { GuestKeeper, type KeptMachine } from "../../servers/operator/vm/keeper.ts";

const setup = () => {
  const orders: { readonly id: number; readonly do: string }[] = [];
  const keeper = new GuestKeeper({ components: [{ name: "vmm", number: 1, guest: "g", args: { ramBytes: 4096 }, uses: [] }] } as unknown as ResolvedSystem, {});
  let takes = true;
  keeper.begin({ order: (line: string) => takes && orders.push(JSON.parse(line) as (typeof orders)[number]) > 0 } as unknown as KeptMachine);
  const says = (state: string, more: object = {}): boolean => keeper.heard({ event: "guest", guest: "g", state, ...more } as Parameters<GuestKeeper["heard"]>[0]);
  says("running");
  return { keeper, orders, says, full: () => void (takes = false) };
};
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("KEEPER", () => {
  test("001 an order is answered by the report with its number, and by no other", async () => {
    const { keeper, orders, says } = setup();
    const paused = keeper.pause("g");
    await soon();
    expect(orders).toEqual([{ guest: "g", id: 1, do: "pause" }]);
    expect(says("paused", { order: 7 })).toBe(false);
    let done = false;
    void paused.then(() => (done = true));
    await soon();
    expect(done).toBe(false);
    says("paused", { order: 1 });
    await paused;
    expect(keeper.info("g")).toEqual({ name: "g", state: "paused", memory: 4096, cpus: 1 });
  });
  test("002 refused, ended, faulted without a word, the machine stopped, or too many orders: who waits is told", async () => {
    for (const [what, says] of [
      [({ says }: ReturnType<typeof setup>) => void says("refused", { order: 1, detail: "it does not want to" }), /does not do that\n.*it does not want to/],
      [({ says }) => void says("panic", { detail: "at once" }), /guest g has ended \(at once\)/],
      [({ keeper }) => keeper.gone("vmm", "fault"), /guest g has ended \(fault\)/],
      [({ keeper }) => keeper.end(), /the machine has stopped/],
    ] as [(bed: ReturnType<typeof setup>) => void, RegExp][]) {
      const bed = setup(), paused = bed.keeper.pause("g");
      await soon();
      what(bed);
      await expect(paused).rejects.toThrow(says);
    }
    const bed = setup();
    bed.full();
    await expect(bed.keeper.pause("g")).rejects.toThrow(/takes no more orders now/);
  });
  test("003 who is gone is ended, once, by what it said; another component's end is not its own", () => {
    const { keeper, says } = setup();
    keeper.gone("console", "exit");
    expect(keeper.info("g").state).toBe("running");
    says("reboot", { detail: "it asked for a reset" });
    keeper.gone("vmm", "exit");
    expect(keeper.info("g")).toMatchObject({ state: "ended", ending: "it asked for a reset" });
  });
  test("004 parts of a state that are out of place, or of no order, are nobody's", async () => {
    const { keeper, says } = setup();
    const paused = keeper.pause("g");
    await soon();
    says("paused", { order: 1 });
    await paused;
    for (const [part, parts] of [[1, 2], [0, "x"], [-1, 2]]) expect(says("saved", { order: 2, part, parts, data: "x" })).toBe(true);
    expect(says("saved", { order: 99, part: 0, parts: 1, data: "{}" })).toBe(true);
    expect(keeper.info("g").state).toBe("paused");
  });
});
