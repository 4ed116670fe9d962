// gdb itself, as Debian has it, on Debian's stock kernel in a guest, and on a program in C with its symbols. Where gdb-multiarch or the kernel is not installed these are skipped.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { findFirmware } from "../../guests/u-boot/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { applianceFolder, manifestWith, until } from "../support/appliance-run.ts";
import { runProcess } from "../support/command-line.ts";
import { withGdb } from "../support/gdb-run.ts";

vi.setConfig({ testTimeout: 180_000 });

const GDB = "gdb-multiarch";
const hasGdb = spawnSync(GDB, ["--version"]).status === 0;
const installed = findLinux(findPackage().record);
const hasLinux = installed.ok && installed.value !== undefined;
const firmware = findFirmware(findPackage().record);
const why = hasGdb ? "" : ` (skipped: ${GDB} is not installed; apt-get install ${GDB})`;

/** Runs gdb with these commands to its end; what it wrote. */
async function gdb(port: number, ...commands: readonly string[]): Promise<string> {
  const all = ["set confirm off", "set pagination off", "set width 0", `target extended-remote 127.0.0.1:${port}`, ...commands];
  const { out, err } = await runProcess(GDB, ["-nx", "-batch", ...all.flatMap((command) => ["-ex", command])], { limitMs: 100_000 });
  return `${out}\n${err}`;
}

describe.skipIf(!hasGdb || !hasLinux)(`gdb on Debian's kernel${why}`, () => {
  test("stops in a system call of the kernel, steps, shows registers, memory and harts; the guest ends as it should", async () => {
    using folder = applianceFolder({ "appliance.yaml": `${manifestWith({}, "256MiB")}guests:\n  debian: { image: linux, memory: 96MiB, cpus: 2, console: console.console, essential: true }\n` });
    const exec = "grep ' __do_sys_newuname$' /proc/kallsyms; n=0; until [ $n = 60 ]; do uname >/dev/null; sleep 0.1; n=$((n+1)); done; echo counted $n";
    await withGdb(folder.path, { exec, limitMs: 150_000 }, async ({ port, line, outcome }) => {
      await until("the address", () => /([0-9a-f]{16}) t __do_sys_newuname/.test(line.output), 60_000);
      const address = /([0-9a-f]{16}) t __do_sys_newuname/.exec(line.output)![1]!;
      const out = await gdb(port, `break *0x${address}`, "continue", "info registers pc satp priv", "info threads", "x/i $pc", "stepi", "stepi", "printf \"at %lx\\n\", $pc", "x/2gx $sp", "continue", "printf \"again %lx\\n\", $pc", "delete", "detach");
      expect(out).toMatch(new RegExp(`hit Breakpoint 1, 0x${address} in`));
      expect(out).toMatch(new RegExp(`pc +0x${address}`));
      // Sv39 or more, in supervisor mode.
      expect(out).toMatch(/satp +0x[89a][0-9a-f]{15}/);
      expect(out).toMatch(/priv +0x1/);
      expect(out).toMatch(/Thread 1\.1 \(debian: hart 0, /);
      expect(out).toMatch(/Thread 1\.2 \(debian: hart 1, /);
      expect(out).toMatch(new RegExp(`=> 0x${address}:\\s+\\w`));
      const at = BigInt(`0x${/^at ([0-9a-f]+)/m.exec(out)?.[1] ?? "0"}`) - BigInt(`0x${address}`);
      expect(at > 0n && at <= 8n, out).toBe(true);
      expect(out).toMatch(/0x[0-9a-f]{16}:\t0x[0-9a-f]{16}\t0x[0-9a-f]{16}/);
      expect(out).toContain(`again ${address}`);
      expect(out).toContain("detached");
      const { status } = await outcome;
      expect(line.output).toContain("counted 60\n");
      expect(status).toBe(0);
    });
  });
});

describe.skipIf(!hasGdb || !hasLinux)(`gdb's watchpoints on Debian's kernel${why}`, () => {
  test("a word of the kernel's memory: stops for each store to it, whichever hart makes it, with the old value and the new", async () => {
    using folder = applianceFolder({ "appliance.yaml": `${manifestWith({}, "256MiB")}guests:\n  debian: { image: linux, memory: 96MiB, cpus: 2, console: console.console, essential: true }\n` });
    // The kernel counts its ticks there.
    const exec = "grep -E ' (jiffies_64|tick_do_timer_cpu)$' /proc/kallsyms; n=0; until [ $n = 20 ]; do sleep 0.1; n=$((n+1)); done; echo counted $n";
    await withGdb(folder.path, { exec, limitMs: 150_000 }, async ({ port, line, outcome }) => {
      await until("the address", () => /([0-9a-f]{16}) \w jiffies_64/.test(line.output), 60_000);
      const address = /([0-9a-f]{16}) \w jiffies_64/.exec(line.output)![1]!;
      const show = `printf "jiffies %lu priv %d\\n", *(unsigned long *) 0x${address}, $priv`;
      const out = await gdb(port, show, `watch *(unsigned long *) 0x${address}`, "continue", show, "x/i $pc", "continue", show, "continue", show, "delete", "detach");
      // Where it was stopped first is anywhere; who stores is the kernel.
      const shown = [...out.matchAll(/^jiffies (\d+) priv (\d)/gm)], [before = 0, ...after] = shown.map(([, count]) => Number(count));
      expect(shown.slice(1).map(([, , privilege]) => privilege), out).toEqual(["1", "1", "1"]);
      expect(out).toMatch(/Hardware watchpoint 1: /);
      // Each stop is of a store that changed it; a clock that was late may count more than one.
      expect(after.length, out).toBe(3);
      after.forEach((count, i) => expect(count, out).toBeGreaterThan(i === 0 ? before : after[i - 1]!));
      expect([...out.matchAll(/^Old value = (\d+)\nNew value = (\d+)/gm)].map((m) => Number(m[2]))).toEqual(after);
      const { status } = await outcome;
      expect(line.output).toContain("counted 20\n");
      expect(status).toBe(0);
    });
  });
});

describe.skipIf(!hasGdb || firmware === undefined)(`gdb on firmware${why}`, () => {
  test("shows and changes machine mode's registers, and stops in it", async () => {
    using folder = applianceFolder({ "appliance.yaml": `${manifestWith({}, "256MiB")}guests:\n  boot: { image: u-boot, memory: 128MiB, console: console.console, essential: true }\n` });
    await withGdb(folder.path, { wait: "boot", limitMs: 150_000 }, async ({ port, line }) => {
      const out = await gdb(port, "info registers pc priv", "info registers mstatus mtvec pmpaddr3", "set $mscratch = 0x1234", "set $mtvec = -1", "set $mstatus = $mstatus | 0x1000", "info registers mscratch mtvec",
        // The next stage, in supervisor mode.
        "hbreak *0x80200000", "continue", "info registers pc priv", "info registers mstatus", "info registers medeleg", "info registers mtvec", "info registers pmpcfg0", "delete", "detach");
      expect(out).toMatch(/^pc +0x80000000/m);
      expect(out).toMatch(/^priv +0x3/m);
      // MPP is machine mode; registers of 64 bits.
      expect(out).toMatch(/^mstatus +0x[0-9a-f]*a0000[0-9a-f]?1[89a][0-9a-f]{2}\b/m);
      expect(out).toMatch(/^mscratch +0x1234\b/m);
      expect(out).toMatch(/^mtvec +0xfffffffffffffffd\b/m);
      const entered = out.slice(out.indexOf("Breakpoint 1, "));
      expect(entered).toMatch(/^pc +0x80200000/m);
      expect(entered).toMatch(/^priv +0x1\b/m);
      expect(entered).toMatch(/^medeleg +0xb\d{3}\b/m);
      expect(entered).toMatch(/^mtvec +0x8000[0-9a-f]{4}\b/m);
      await until("U-Boot", () => line.output.includes("U-Boot 20"), 60_000);
    });
  });
});

const PROGRAM = `#include <bailiwick.h>
BW_USE(console);
static volatile uint64_t calls;
__attribute__((noinline)) static uint64_t twice(uint64_t n) { calls++; return 2 * n; }
int main(void) {
    bw_console_open(bw_use_console.cap);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < 5; i++) sum += twice(i);
    bw_printf("sum %lu\\n", sum);
    return 0;
}
`;

describe.skipIf(!hasGdb)(`gdb on a component's program${why}`, () => {
  test("waits for gdb; a breakpoint that is met with each call, an argument that is changed, the program's end", async () => {
    using folder = applianceFolder({ "appliance.yaml": manifestWith({ main: "{ image: { c: main.c }, use: { console: console.console }, essential: true }" }), "main.c": PROGRAM }, "own");
    await withGdb(folder.path, { wait: "main" }, async ({ port, line, outcome }) => {
      const built = join(folder.path, ".bailiwick"), elf = (readdirSync(built, { recursive: true }) as string[]).find((name) => /main-[^/]*\.elf$/.test(name)) ?? "";
      const out = await gdb(port, `symbol-file ${join(built, elf)}`, "stepi", "info threads", "break *twice", "continue", "continue", "info symbol $pc", "print $a0", "set $a0 = 100", "delete", "continue");
      expect(out).toMatch(/Thread 2\.\w+ \(main: main, /);
      expect(out).toMatch(/Breakpoint 1, 0x[0-9a-f]+ in twice \(\)[^]*Breakpoint 1, 0x[0-9a-f]+ in twice \(\)/);
      expect(out).toMatch(/twice in section \.text\n\$1 = 1\n/);
      expect(out).toMatch(/exited normally/);
      expect((await outcome).status).toBe(0);
      // 2 * 100 in place of 2 * 1.
      expect(line.output).toBe("sum 218\n");
    });
  });

  test("a variable of C is watched: each store, what it was and is; a read; and the program's end", async () => {
    using folder = applianceFolder({ "appliance.yaml": manifestWith({ main: "{ image: { c: main.c }, use: { console: console.console }, essential: true }" }), "main.c": PROGRAM }, "own");
    await withGdb(folder.path, { wait: "main" }, async ({ port, line, outcome }) => {
      const built = join(folder.path, ".bailiwick"), elf = (readdirSync(built, { recursive: true }) as string[]).find((name) => /main-[^/]*\.elf$/.test(name)) ?? "";
      const out = await gdb(port, `symbol-file ${join(built, elf)}`, "watch *(unsigned long *) &calls", "continue", "continue", "info symbol $pc", "delete", "awatch *(unsigned long *) &calls", "continue", "continue", "delete", "continue");
      expect(out).toMatch(/Hardware watchpoint 1: \*\(unsigned long \*\) &calls/);
      expect(out).toMatch(/Old value = 0\nNew value = 1\n[^]*Old value = 1\nNew value = 2\n/);
      expect(out).toMatch(/^twice.* in section \.text$/m);
      expect(out).toMatch(/Hardware access \(read\/write\) watchpoint 2[^]*Value = 2\n[^]*Old value = 2\nNew value = 3\n/);
      expect(out).toMatch(/exited normally/);
      expect((await outcome).status).toBe(0);
      expect(line.output).toBe("sum 20\n");
    });
  });
});
