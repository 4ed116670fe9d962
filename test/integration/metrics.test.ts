// METRICS-1*: metrics of guests that run, by the control socket: exact for a guest that makes a known number of exits, and as Linux itself has counted for its disk and its card.
import { request } from "node:http";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { startSession, type Session } from "../../servers/operator/session.ts";
import { openControl } from "../../servers/operator/vm/api-server.ts";
import { applianceFolder, Line, manifestWith, pause, until } from "../support/appliance-run.ts";
import { parseExposition } from "../support/exposition.ts";
import { compileGuest } from "../support/hostile-guest.ts";
import { outsideTool } from "../support/outside.ts";

const LIMIT_MS = 150_000;
/** All is collected at most so often. */
const FRESH_MS = 1050;
vi.setConfig({ testTimeout: 2 * LIMIT_MS });
const installed = findLinux(findPackage().record);
const hasLinux = installed.ok && installed.value !== undefined;
const promtool = outsideTool("promtool", "--version");

type Values = ReadonlyMap<string, number>;
interface Running {
  readonly session: Session;
  readonly line: Line;
  /** As it came. */
  text(): Promise<string>;
  /** By name and labels. */
  scrape(): Promise<Values>;
  /** As `scrape`, when what was counted by now is in it. */
  fresh(): Promise<Values>;
  /** Types a command; what it prints. */
  ask(command: string): Promise<string>;
}

function get(socket: string): Promise<{ readonly type: string | undefined; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: socket, path: "/metrics" }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("end", () => resolve({ type: response.headers["content-type"], text }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

async function running(folder: string, during: (run: Running) => Promise<void>): Promise<void> {
  const line = new Line(), session = await startSession(await prepareAppliance(folder), { console: line, timeoutMs: LIMIT_MS });
  const socket = join(folder, "control"), control = await openControl(socket, { name: "test", guests: session.guests, stop: () => session.stop(0) });
  const scrape = async (): Promise<Values> => {
    const { type, text } = await get(socket);
    expect(type).toBe("text/plain; version=0.0.4");
    const { status, stdout, stderr } = promtool.there ? promtool.run(["check", "metrics"], { input: text }) : { status: 0, stdout: "", stderr: "" };
    expect([status, stdout, stderr]).toEqual([0, "", ""]);
    return parseExposition(text).values;
  };
  let asked = 0;
  try {
    await during({
      session, line, scrape,
      text: async () => (await get(socket)).text,
      fresh: async () => {
        await pause(FRESH_MS);
        return scrape();
      },
      async ask(command) {
        const tag = `${++asked}.`, at = line.output.length;
        line.type(`echo be''gin ${tag}; ${command}; echo e''nd ${tag}\n`);
        await until(command, () => line.output.slice(at).includes(`end ${tag}\r\n`), LIMIT_MS / 2);
        const output = line.output.slice(at).replaceAll("\r", "");
        return output.slice(output.indexOf(`begin ${tag}\n`) + `begin ${tag}\n`.length, output.indexOf(`end ${tag}\n`));
      },
    });
  } finally {
    control.close();
    session.stop(0);
    await session.outcome;
  }
}
const of = (values: Values, name: string, labels = ""): number | undefined => values.get(`bailiwick_guest_${name}{guest="g"${labels}}`);
const exits = (values: Values, kind: string): number | undefined => of(values, "exits_total", `,kind="${kind}"`);

describe("METRICS", () => {
  test("101 of a guest that makes a known number of exits: exactly as many, and time where it was spent; paused, it is not up and nothing moves", async () => {
    const [LOADS, STORES, CALLS, IPIS, SLEEPS, BUSY_MS] = [1234, 567, 345, 23, 5, 400] as const;
    using folder = applianceFolder({
      "counted.image": compileGuest("counted", { LOADS, STORES, CALLS, IPIS, SLEEPS, BUSY_MS }, join(findPackage().root, "test", "integration", "metrics")),
      "appliance.yaml": `${manifestWith({})}guests:\n  g: { image: { kernel: counted.image }, memory: 16MiB, console: console.console, essential: true }\n`,
    });
    const since = performance.now();
    await running(folder.path, async ({ session, line, text, fresh }) => {
      await until("it is done", () => line.output.includes("counted: done\n"), LIMIT_MS / 2);
      const first = await fresh(), seconds = (performance.now() - since) / 1000;
      // It says one line, by one call.
      expect([exits(first, "mmio"), exits(first, "sbi"), exits(first, "broken"), of(first, "up")]).toEqual([LOADS + STORES, CALLS + 1, 0, 1]);
      expect(["software", "timer", "external"].map((kind) => of(first, "interrupts_total", `,kind="${kind}"`))).toEqual([IPIS, SLEEPS, 0]);
      expect(exits(first, "wfi")).toBeGreaterThanOrEqual(SLEEPS);
      expect(of(first, "console_bytes_total", ',direction="written"')).toBe("counted: done\n".length);
      expect([of(first, "memory_bytes"), of(first, "cpus")]).toEqual([16 * 2 ** 20, 1]);
      const own = of(first, "memory_used_bytes", ',kind="own"')!;
      expect(own).toBeGreaterThan(0);
      expect([own <= 16 * 2 ** 20, of(first, "memory_used_bytes", ',kind="shared"')]).toEqual([true, 0]);
      const parts = ["guest", "vmm", "kernel"].map((part) => of(first, "cpu_seconds_total", `,part="${part}"`)!);
      expect(parts[0]).toBeGreaterThan((0.5 * BUSY_MS) / 1000);
      expect(Math.min(...parts)).toBeGreaterThan(0);
      expect(parts[0]! + parts[1]! + parts[2]!).toBeLessThan(seconds);
      expect(first.get("process_cpu_seconds_total")).toBeGreaterThan(parts[0]! / 2);
      expect(first.get("bailiwick_engines")).toBeGreaterThan(1);
      expect(first.get("bailiwick_kernel_traps_total")).toBeGreaterThan(0);
      expect(first.get('bailiwick_appliance_info{appliance="test"}')).toBe(1);

      // Many at once cost the guest one exit, and what it does not do does not move.
      await pause(FRESH_MS);
      const texts = await Promise.all(Array.from({ length: 20 }, text)), many = parseExposition(texts[0]!).values;
      expect(new Set(texts).size).toBe(1);
      expect(exits(many, "notified")).toBe(exits(first, "notified")! + 1);
      expect(["mmio", "sbi", "broken"].map((kind) => exits(many, kind))).toEqual(["mmio", "sbi", "broken"].map((kind) => exits(first, kind)));
      for (const [key, value] of many) if (key.includes("_total")) expect(value, key).toBeGreaterThanOrEqual(first.get(key)!);

      await session.guests.pause("g");
      const paused = await fresh(), later = await fresh();
      expect([of(paused, "up"), of(later, "up"), exits(paused, "mmio"), exits(paused, "notified")]).toEqual([0, 0, LOADS + STORES, exits(many, "notified")]);
      for (const kind of ["mmio", "sbi", "wfi", "preempted", "broken"]) expect(exits(later, kind), kind).toBe(exits(paused, kind));
      expect(of(later, "cpu_seconds_total", ',part="guest"')).toBe(of(paused, "cpu_seconds_total", ',part="guest"'));
      await session.guests.resume("g");
      expect(of(await fresh(), "up")).toBe(1);
    });
  });

  test.skipIf(!hasLinux)("102 of Linux: its disk and its card have done what it has counted itself", async () => {
    const blk = "{ image: { server: blk }, cpu: { priority: 190 }, use: { regs: platform.blk0.regs, irq: platform.blk0.irq, iospace: platform.blk0.iospace }, offer: { disk: BlockDriver } }";
    const block = "{ image: { server: block }, memory: 32MiB, cpu: { priority: 185 }, use: { disk: blk.disk }, offer: { root: Block }, args: { root: {} } }";
    const nic = "{ image: { server: nic }, cpu: { priority: 190 }, use: { regs: platform.net0.regs, irq: platform.net0.irq, iospace: platform.net0.iospace }, offer: { card: NicDriver } }";
    const platform = "256MiB, disks: { blk0: { size: 16MiB, mode: memory } }, networks: { net0: { user: { hosts: loopback } } }";
    using folder = applianceFolder({ "appliance.yaml": `${manifestWith({ blk, block, nic }, platform)}guests:\n  g: { image: linux, memory: 96MiB, console: console.console, essential: true, disks: { data: block.root }, ports: { lan: nic.card } }\n` });
    await running(folder.path, async ({ line, fresh, ask }) => {
      await until("the shell", () => line.output.includes("guest:~# "), LIMIT_MS / 2);
      const stat = async (): Promise<number[]> => (await ask("sync; sleep 1; cat /sys/block/vda/stat")).trim().split(/\s+/).map(Number);
      // Counted by Linux: reads, merged, sectors, ms, the same of writes, ...; at 15 flushes, each of which it counts as a write of nothing, too (block/blk-flush.c).
      const counted = async (): Promise<(number | undefined)[]> => {
        const values = await fresh(), disk = (name: string, more = ""): number | undefined => of(values, `disk_${name}`, `,disk="data"${more}`);
        return [disk("requests_total", ',kind="read"'), disk("read_bytes_total"), disk("requests_total", ',kind="write"'), disk("written_bytes_total"), disk("requests_total", ',kind="flush"'), disk("failures_total")];
      };
      const linux = async (): Promise<number[]> => {
        const at = await stat();
        return [at[0]!, at[2]! * 512, at[4]! - at[15]!, at[6]! * 512, at[15]!, 0];
      };
      expect(await counted()).toEqual(await linux());
      const before = await counted();
      await ask("dd if=/dev/vda of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null; dd if=/dev/zero of=/dev/vda bs=64k count=8 oflag=direct conv=fsync 2>/dev/null");
      const after = await counted();
      expect(after).toEqual(await linux());
      expect([after[1]! - before[1]!, after[3]! - before[3]!]).toEqual([2 ** 20, 2 ** 19]);

      await ask("ip link set lo up; ip link set eth0 up; udhcpc -i eth0 -n -q >/dev/null 2>&1; sleep 1; ip link set eth0 down");
      const [sent, sentBytes, received, receivedBytes] = (await ask("cd /sys/class/net/eth0/statistics; cat tx_packets tx_bytes rx_packets rx_bytes")).trim().split("\n").map(Number);
      expect(sent).toBeGreaterThan(0);
      const values = await fresh(), card = (unit: string, direction: string): number | undefined => of(values, `network_${unit}_total`, `,card="lan",direction="${direction}"`);
      expect([card("frames", "sent"), card("bytes", "sent"), card("frames", "received"), card("bytes", "received")]).toEqual([sent, sentBytes, received, receivedBytes]);
      expect(of(values, "interrupts_total", ',kind="external"')).toBeGreaterThan(10);
      expect(of(values, "interrupts_total", ',kind="timer"')).toBeGreaterThan(10);
      expect(exits(values, "mmio")).toBeGreaterThan(100);
      // What was typed came to it.
      expect(of(values, "console_bytes_total", ',direction="read"')).toBeGreaterThan(100);
    });
  });
});
