// Debian's stock kernel on several harts: it finds them all, and locks hold under stress. What turns, fences and interrupts between harts do: test/conformance/harts.test.ts.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";

const LIMIT_MS = 120_000;
vi.setConfig({ testTimeout: 2 * LIMIT_MS });

const installed = findLinux(findPackage().record);
const hasLinux = installed.ok && installed.value !== undefined;
const here = dirname(fileURLToPath(import.meta.url));
/** Threads times rounds of smp/stress.c. */
const ADDED = 8 * 2000;

/** The stress program as text that BusyBox makes a program of: it needs no library. */
function stress(): string {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-"));
  try {
    const file = join(folder, "stress");
    const link = "-Wl,-Ttext-segment=0x10000,-z,max-page-size=4096,--no-relax,--build-id=none,-s";
    execFileSync("riscv64-unknown-elf-gcc", ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany", "-ffreestanding", "-nostdlib", "-static", link, "-o", file, join(here, "smp", "stress.c")]);
    return gzipSync(readFileSync(file)).toString("base64");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe.skipIf(!hasLinux)("Linux with several harts", () => {
  test.each([2, 4])("%i: all are up, interrupt each other, go off and on again, and lose nothing under locks", async (cpus) => {
    const others = Array.from({ length: cpus - 1 }, (_, n) => n + 1);
    const script = [
      "nproc",
      "grep -c '^processor' /proc/cpuinfo",
      `echo ${stress()} | base64 -d | gunzip >/tmp/stress && chmod +x /tmp/stress && /tmp/stress ${cpus} || exit 3`,
      // Each of the others was interrupted by a call of a function.
      String.raw`awk '/Function call interrupts/ { for (i = 2; i <= ${String(cpus + 1)}; i++) print ($i > 0) }' /proc/interrupts`,
      // HSM stop and start, and the same again on the harts that came back.
      ...others.map((n) => `echo 0 >/sys/devices/system/cpu/cpu${n}/online || exit 4`),
      "nproc",
      ...others.map((n) => `echo 1 >/sys/devices/system/cpu/cpu${n}/online || exit 5`),
      `nproc; /tmp/stress ${cpus}`,
    ].join("\n");
    using folder = applianceFolder({ "appliance.yaml": `${manifestWith({}, "256MiB")}guests:\n  debian: { image: linux, memory: 96MiB, cpus: ${cpus}, console: console.console }\n` });
    const { output, status } = await runAppliance(folder.path, { exec: script, limitMs: 2 * LIMIT_MS });
    const counted = `harts ${2 ** cpus - 1} mutex ${ADDED} tickets ${ADDED} amo ${ADDED} reservation ${ADDED}`;
    // The kernel's own first lines come before.
    expect(output.trimEnd().split("\n").filter((line) => !line.startsWith("["))).toEqual([`${cpus}`, `${cpus}`, counted, ...Array<string>(cpus).fill("1"), "1", `${cpus}`, counted]);
    expect(status).toBe(0);
  });

  test("by counted blocks two runs are the same", async () => {
    using folder = applianceFolder({ "appliance.yaml": `${manifestWith({}, "256MiB")}guests:\n  debian: { image: linux, memory: 96MiB, cpus: 2, console: console.console }\n` });
    const once = async (): Promise<string> => (await runAppliance(folder.path, { exec: "grep -E 'IPI[01]' /proc/interrupts; cat /proc/uptime", deterministic: true, limitMs: 2 * LIMIT_MS })).output;
    const first = await once();
    expect(first).toMatch(/IPI1/);
    expect(await once()).toBe(first);
  });
});
