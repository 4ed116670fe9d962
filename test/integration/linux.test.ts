// Debian's stock kernel, from the command line and by hand: what a user of examples/linux sees. Where Debian could not be reached these are skipped,
// and offline.test.ts says what happens then.
import { beforeAll, describe, expect, test, vi } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { applianceFolder, manifestWith, pause, runAppliance, until } from "../support/appliance-run.ts";
import { bailiwick, type Done } from "../support/command-line.ts";

const LIMIT_MS = 150_000;
vi.setConfig({ testTimeout: 2 * LIMIT_MS });

const installed = findLinux(findPackage().record);
const hasLinux = installed.ok && installed.value !== undefined;

const run = (command: string, ...options: string[]): Promise<Done> => bailiwick(["run", "examples/linux", "--exec", command, ...options]);
/** What BusyBox's shell says when it waits; then it asks the terminal where the cursor is. */
const PROMPT = /guest:~# (?:[^ -~]\[6n)?$/;
const MANIFEST = (guest: string): string => `${manifestWith({}, "256MiB")}guests:\n  debian: { image: linux, memory: 96MiB, console: console.console${guest} }\n`;

describe.skipIf(!hasLinux)("bailiwick run examples/linux --exec", () => {
  // It mostly sleeps: beside the others.
  let slept: Promise<Done>;
  beforeAll(() => {
    slept = run("echo begun; sleep 1000", "--timeout", "20s");
  });

  test("prints what the command prints, byte for byte, and exits with its status", async () => {
    const script = [
      String.raw`printf 'one\n\ttwo\r\nthree\001\377\000\303\274'`,
      "seq 1 3000",
      "test -c /dev/hwrng && dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c",
      "grep -c . /proc/cpuinfo >/dev/null && uname -m",
      "exit 7",
    ].join("\n");
    const { status, bytes, err } = await run(script);
    expect(err).toBe("");
    const numbers = Array.from({ length: 3000 }, (_, i) => `${i + 1}\n`).join("");
    expect(bytes.toString("latin1")).toBe(`one\n\ttwo\r\nthree\x01\xff\x00\xc3\xbc${numbers}64\nriscv64\n`);
    expect(status).toBe(7);
  });

  test("a status that is also a timeout's is the command's own: nothing is added", async () => {
    expect(await run("echo five; exit 5")).toMatchObject({ status: 5, out: "five\n", err: "" });
  });

  test("a command that does not exist is 127, said by the guest's shell", async () => {
    expect(await run("no-such-command")).toMatchObject({ status: 127, out: expect.stringMatching(/^[^\n]*no-such-command: not found\n$/), err: "" });
  });

  test("a panic is 82, with the last lines of its console", async () => {
    const { status, out, err } = await run("echo goodbye; echo c >/proc/sysrq-trigger; sleep 5");
    expect(err).toMatch(/^bailiwick: guest debian failed: its kernel panicked \(Kernel panic - not syncing: sysrq triggered crash\)\n {2}its console ended with:\n/);
    expect(err).toMatch(/\n {2}\| \[ .*write_sysrq_trigger/);
    expect(out).toMatch(/^goodbye\n/);
    expect(status).toBe(82);
  });

  test("a reset that is no panic is 81", async () => {
    const { status, err } = await run("echo bye; reboot -f; sleep 5");
    expect(err).toMatch(/^bailiwick: guest debian failed: it reset its machine/);
    expect(status).toBe(81);
  });

  test("--json: every line an event, the output whole; --deterministic: all of it twice the same", async () => {
    const once = (): Promise<Done> => run("echo 'a \"line\"'; dd if=/dev/urandom bs=16 count=1 2>/dev/null | md5sum; cat /proc/uptime; exit 0", "--json", "--deterministic");
    const [first, second] = await Promise.all([once(), once()]);
    const events = first.out.trimEnd().split("\n").map((line) => JSON.parse(line) as { event: string; text?: string; state?: string });
    expect(events.filter(({ event }) => event !== "console")).toEqual([
      { event: "started", component: "console" },
      { event: "started", component: "debian" },
      { event: "guest", guest: "debian", state: "running" },
      { event: "guest", guest: "debian", state: "ready" },
      { event: "guest", guest: "debian", state: "exit", status: 0 },
      { event: "guest", guest: "debian", state: "poweroff", status: 0 },
      { event: "exit", component: "debian", status: 0 },
      { event: "end", status: 0 },
    ]);
    expect(events.map(({ text = "" }) => text).join("")).toMatch(/a "line"\n[0-9a-f]{32} {2}-\n\d+\.\d\d \d+\.\d\d\n/);
    expect([first.status, first.err]).toEqual([0, ""]);
    expect(second.out).toBe(first.out);
  });

  test("--timeout ends it with 5, and shows where it was", async () => {
    const { status, err } = await slept;
    expect(err).toMatch(/^bailiwick: stopped: --timeout of 20 s is over\n(?: {2}\| .*\n)* {2}\| begun\n$/);
    expect(status).toBe(5);
  });
});

test.skipIf(!hasLinux)("with too little memory to boot it is refused, and told how much would do: that does", async () => {
  const withMemory = async (mib: number): Promise<Done> => {
    using folder = applianceFolder({ "appliance.yaml": MANIFEST("").replace("96MiB", `${mib}MiB`) });
    return await bailiwick(["run", folder.path, "--exec", "echo up"]);
  };
  const { status, err } = await withMemory(64);
  expect([status, err]).toEqual([1, expect.stringMatching(/BW0307[^]*do not fit in 64 MiB of RAM: kernel \d+ MiB, initial RAM disk \d+ MiB, and 48 MiB that this kernel takes to boot\n.*guests\.debian\.memory/)]);
  expect(await withMemory(Number(/give it at least (\d+) MiB/.exec(err)![1]))).toMatchObject({ status: 0, out: "up\n", err: "" });
});

describe.skipIf(!hasLinux)("typed to", () => {
  test("a shell with job control: lines, Ctrl-C, exit; its RAM is what the description says and no more", async () => {
    using folder = applianceFolder({ "appliance.yaml": MANIFEST("") });
    const { output, status, events } = await runAppliance(folder.path, {
      limitMs: LIMIT_MS,
      async during(_, line, ended) {
        const shows = (what: RegExp): Promise<void> => until(String(what), () => what.test(line.output), LIMIT_MS / 2);
        await shows(PROMPT);
        line.type("echo typed $((6 * 7))\r");
        await shows(/\r\ntyped 42\r\n/);
        line.type("sleep 1000; echo \"after $?\"\r");
        await pause(500);
        line.type("\x03");
        await until("a prompt after Ctrl-C", () => PROMPT.test(line.output.slice(line.output.indexOf("^C"))), LIMIT_MS / 2);
        line.type("grep MemTotal /proc/meminfo; cat /proc/iomem | grep 'System RAM'\r");
        await shows(/System RAM\r\n/);
        line.type("cat /proc/device-tree/memory@80000000/reg | od -An -tx1; exit 5\r");
        await ended();
      },
    });
    expect(output).toContain("Linux version 6.");
    // Sent off by Ctrl-C, the shell went on at once.
    expect(output).toMatch(/\^C[^]*guest:~# /);
    expect(output).toContain("00 00 00 00 80 00 00 00 00 00 00 00 06 00 00 00");
    const total = Number(/MemTotal:\s+(\d+) kB/.exec(output)?.[1]);
    expect(total).toBeGreaterThan(20_000);
    expect(total).toBeLessThan(96 * 1024);
    // 96 MiB from 0x80000000.
    const areas = [...output.matchAll(/([0-9a-f]+)-([0-9a-f]+) : System RAM/g)].map(([, from, to]) => [Number.parseInt(from!, 16), Number.parseInt(to!, 16)] as const);
    expect(areas.length).toBeGreaterThan(0);
    for (const [from, to] of areas) {
      expect(from).toBeGreaterThanOrEqual(0x8000_0000);
      expect(to).toBeLessThan(0x8000_0000 + (96 << 20));
    }
    expect(status).toBe(5);
    expect(events).toContainEqual({ event: "guest", guest: "debian", state: "exit", status: 5 });
  });

  test("over the 16550, named on its command line, it boots, answers, and powers off when asked", async () => {
    using folder = applianceFolder({ "appliance.yaml": MANIFEST(', cmdline: "console=ttyS0 bailiwick.control=hvc1 panic=-1 quiet"') });
    const { output, status } = await runAppliance(folder.path, {
      limitMs: LIMIT_MS,
      async during(_, line, ended) {
        await until("the prompt", () => PROMPT.test(line.output), LIMIT_MS / 2);
        line.type("tty; for i in 1 2 3; do echo row $i; done; poweroff\r");
        await until("the answer", () => line.output.includes("row 3\r\n"), LIMIT_MS);
        await ended();
      },
    });
    expect(output).toMatch(/\/dev\/ttyS0\r\nrow 1\r\nrow 2\r\nrow 3\r\n/);
    expect(status).toBe(0);
  });
});
