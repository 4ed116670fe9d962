// The VMM with a real guest (guests/bare) on the real engine, the kernel played by test/support/bare-host.ts.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildBareGuest } from "../../servers/operator/toolchain.ts";
import { runBare, type BareGuest, type BareRun } from "../support/bare-host.ts";

const folder = mkdtempSync(join(tmpdir(), "bailiwick-vmm-"));
let kernel: Uint8Array;

beforeAll(async () => {
  const built = await buildBareGuest({ outDir: folder });
  if (!built.ok) throw new Error(built.error.message);
  kernel = readFileSync(built.value.image);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const seed = Array.from({ length: 32 }, (_, i) => i);
const boot = (cmdline: string, more: Partial<BareGuest> = {}): BareRun => runBare({ ramBytes: 32 * 1024 * 1024, cmdline, kernel, seed, limit: 30_000, ...more });
const states = (run: BareRun): string[] => run.reports.map(({ state }) => state);

/** Types each line when the guest prompts for the next. */
function typing(lines: readonly string[]): (output: string) => string | null {
  let next = 0;
  return (output) => (output.endsWith("bare> ") && next < lines.length ? `${lines[next++]}\n` : null);
}

describe("guests/bare under the VMM", () => {
  it("runs a command, prints what it prints, and its status is the VMM's", () => {
    const run = boot("bailiwick.exec=echo hello from the guest");
    expect(run.output).toBe("hello from the guest\n");
    expect([run.status, run.log]).toEqual([0, []]);
    expect(states(run).at(-1)).toBe("poweroff");
    expect(boot("bailiwick.exec=no-such-command").status).toBe(1);
  });

  it("passes its own checks of memory, paging, exceptions and timer", () => {
    expect(boot("bailiwick.exec=mem; sv39; trap; sleep 1; uptime").status).toBe(0);
  });

  it("gets the seed's random bytes, the same each time", () => {
    const [a, b] = [boot("bailiwick.exec=rng"), boot("bailiwick.exec=rng")];
    expect(a.status).toBe(0);
    expect(a.output).toBe(b.output);
    expect(boot("bailiwick.exec=rng", { seed: seed.map((byte) => byte ^ 1) }).output).not.toBe(a.output);
  });

  it("is typed to through the serial port, by interrupt", () => {
    const run = boot("console=ttyS0", { answer: typing(["echo one two", "echo three", "poweroff"]) });
    expect(run.output).toContain("one two");
    expect(run.output).toContain("three");
    expect(run.status).toBe(0);
  });

  it.each([
    ["reboot", "reboot", 81],
    ["panic", "panic", 82],
  ] as const)("ends by %s as %s", (command, state, status) => {
    const run = boot("", { answer: typing([command]) });
    expect([states(run).at(-1), run.status]).toEqual([state, status]);
    expect(run.reports.at(-1)!.console!.join("\n")).toContain("bare>");
  });
});
