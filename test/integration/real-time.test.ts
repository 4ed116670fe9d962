// examples/real-time: what it counts is right; alone and beside a busy guest it keeps its beat, and the guest goes on.
import { describe, expect, test } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { applianceFolder, manifestWith, runAppliance, until } from "../support/appliance-run.ts";
import { bailiwick } from "../support/command-line.ts";
import { exampleFiles } from "../support/example-files.ts";

const LIMIT = { timeout: 180_000 };
const files = exampleFiles("real-time");
const installed = findLinux(findPackage().record);

/** One line of the component's. */
interface Shown {
  readonly what: string;
  readonly wakes: number;
  readonly missed: number;
  /** min, median, 99%, 99.9%, max; microseconds. */
  readonly late: readonly number[];
}
const shown = (output: string): Shown[] =>
  [...output.matchAll(/^(window|all): (\d+) wakes, us late: min (\S+) median (\S+) 99% (\S+) 99\.9% (\S+) max (\S+); (\d+) missed\r?$/gm)].map(([, what, wakes, min, median, p99, p999, max, missed]) => ({
    what: what!, wakes: Number(wakes), missed: Number(missed), late: [min, median, p99, p999, max].map(Number),
  }));
const withArgs = (manifest: string, args: string): string => manifest.replace(/args: \{ period[^}]*\}/, `args: ${args}`);

test("quantiles are the upper ends of what was counted, within a thirty-second, whatever it was", LIMIT, async () => {
  const program = `#include <bailiwick.h>
#include "late.h"
static struct late late;
static void say(const char *what) { bw_logf("%s %lu %lu %lu %lu %lu %lu", what, late.count, late.least, late_quantile(&late, 500), late_quantile(&late, 990), late_quantile(&late, 1000), late.most); }
int main(void) {
    late_clear(&late);
    bw_logf("none %lu %lu", late.count, late_quantile(&late, 500));
    late_add(&late, 7);
    say("one");
    late_clear(&late);
    for (uint64_t i = 1; i <= 1000; i++) late_add(&late, i);
    say("thousand");
    late_clear(&late);
    for (uint32_t i = 0; i < 64; i++) late_add(&late, 1ULL << i);
    late_add(&late, UINT64_MAX);
    say("all");
    uint32_t wrong = 0;
    for (uint64_t at = 1; at < 1000000000; at += at / 7 + 1) {
        late_clear(&late);
        late_add(&late, at), late_add(&late, 10000000000);
        const uint64_t middle = late_quantile(&late, 500);
        wrong += middle < at || middle - at > at / 32;
    }
    bw_logf("wrong %u", wrong);
    return 0;
}`;
  using folder = applianceFolder({ "appliance.yaml": manifestWith({ check: "{ image: { c: [check.c, late.c] }, essential: true }" }), "check.c": program, "late.c": files["late.c"]!, "late.h": files["late.h"]! });
  const { status, events } = await runAppliance(folder.path);
  expect(status).toBe(0);
  // 500 is counted in 496..503, 990 in 976..991; what is beyond all buckets counts as the most there was.
  expect(events.filter(({ event }) => event === "log").map(({ text }) => text)).toEqual([
    "none 0 0", "one 1 7 7 7 7 7", "thousand 1000 1 503 991 1000 1000", `all 65 1 ${2 ** 32 + 2 ** 27 - 1} ${2n ** 64n - 1n} ${2n ** 64n - 1n} ${2n ** 64n - 1n}`, "wrong 0",
  ]);
});

test("by counted blocks it is late by what the machine does, the same each time", LIMIT, async () => {
  using folder = applianceFolder({ ...files, "appliance.yaml": withArgs(files["alone.yaml"]!, "{ period: 1000, window: 200, windows: 2 }") });
  const runs = [await runAppliance(folder.path, { deterministic: true }), await runAppliance(folder.path, { deterministic: true })];
  expect(runs[0]!.output).toBe(runs[1]!.output);
  expect(shown(runs[0]!.output).map(({ what, wakes, missed }) => [what, wakes, missed])).toEqual([["window", 199, 0], ["window", 199, 0], ["all", 398, 0]]);
});

test("a period that is too short for it falls out, and is counted", LIMIT, async () => {
  using folder = applianceFolder({ ...files, "appliance.yaml": withArgs(files["alone.yaml"]!, "{ period: 1, window: 200, windows: 1 }") });
  const [window] = shown((await runAppliance(folder.path)).output);
  expect(window!.missed).toBeGreaterThan(1000);
  expect(window!.wakes + window!.missed).toBeGreaterThan(190_000);
});

describe.skipIf(!installed.ok || installed.value === undefined)("beside Debian's kernel", () => {
  test("that is busy it wakes within a slice of the guest's, and the guest goes on", LIMIT, async () => {
    using folder = applianceFolder({ ...files, "appliance.yaml": withArgs(files["appliance.yaml"]!, "{ period: 1000, window: 1000 }") });
    const { output, events } = await runAppliance(folder.path, {
      exec: files["busy.sh"]!,
      limitMs: 100_000,
      during: async (_system, line) => until("the guest has been busy for some windows", () => shown(line.output.slice(line.output.indexOf("busy: round 1"))).length > 4 && line.output.includes("busy: round 3"), 90_000),
    });
    const windows = shown(output.slice(output.indexOf("busy: round 1"))).slice(1);
    for (const { wakes, missed, late } of windows) {
      expect(wakes + missed).toBeGreaterThan(900);
      expect(late).toEqual(late.toSorted((a, b) => a - b));
    }
    // A slice has 5 ms: who waits for its end is late by half of it.
    expect(windows.map(({ late }) => late[1]!).toSorted((a, b) => a - b)[windows.length >> 1]).toBeLessThan(1000);
    expect(events.filter(({ event }) => event === "fault" || event === "exit")).toEqual([]);
  });

  test("its clock is its own: the claim holds, and nobody else can be given it", LIMIT, async () => {
    const { status, out } = await bailiwick(["check", "examples/real-time"]);
    expect([status, out.match(/^ {2}holds: /gm)?.length]).toEqual([0, 1]);
    using folder = applianceFolder({ ...files, "appliance.yaml": files["appliance.yaml"]!.replace("    offer: { disk: BlockDriver }", "    offer: { disk: BlockDriver }\n  other: { image: { server: timer }, use: { regs: platform.alarm0.regs, irq: platform.alarm0.irq }, offer: { timer: Timer } }") });
    const again = await bailiwick(["check", folder.path]);
    expect([again.status === 0, again.err]).toEqual([false, expect.stringContaining("platform.alarm0.regs is used twice")]);
  });
});
