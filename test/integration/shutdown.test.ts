// SHUTDOWN-1*: guests that are asked to shut down: they do, with all that they have written; or do not, and are named. By the keeper, and by `bailiwick vm stop`.
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { mountsDisks } from "../../guests/debian/image.ts";
import { findDebian } from "../../guests/debian/installed.ts";
import { findLinux } from "../../guests/linux/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { ask } from "../../servers/operator/vm/client.ts";
import { applianceFolder, manifestWith, pause, until } from "../support/appliance-run.ts";
import { bailiwick, type Done } from "../support/command-line.ts";

const LIMIT_MS = 120_000;
vi.setConfig({ testTimeout: 3 * LIMIT_MS });
const { record } = findPackage(), linux = findLinux(record), debian = findDebian(record);
const hasLinux = linux.ok && linux.value !== undefined, hasDebian = hasLinux && mountsDisks(linux.value!) && debian.ok;

const state = mkdtempSync(join(tmpdir(), "bailiwick-shutdown-"));
const vm = (...args: readonly string[]): Promise<Done> => bailiwick(["vm", ...args], { env: { XDG_STATE_HOME: state }, limitMs: LIMIT_MS });
const done = async (...args: readonly string[]): Promise<string> => {
  const { status, out, err } = await vm(...args);
  if (status !== 0) throw new Error(`vm ${args.join(" ")}: ${status}: ${err}`);
  return out;
};
const place = (name: string, file: string): string => join(state, "bailiwick", "vms", name, file);
const logOf = (name: string): string => readFileSync(place(name, "console.log"), "latin1");
const endings = (name: string): readonly string[] => readFileSync(place(name, "events.log"), "utf8").split("\n").flatMap((line) => (line.includes('"event":"guest"') ? [(JSON.parse(line) as { readonly state: string }).state] : []));
const type = (name: string, text: string): Promise<void> => new Promise((sent) => {
  const socket = connect(place(name, "console.sock"), () => socket.end(text, () => setTimeout(sent, 100)));
});
const states = async (): Promise<string> => (JSON.parse(await done("ls", "--json")) as { readonly name: string; readonly state: string }[]).map(({ name, state: is }) => `${name} ${is}`).join("; ");
afterAll(async () => {
  for (const { name } of JSON.parse((await vm("ls", "--json")).out || "[]") as { readonly name: string }[]) await vm("rm", "--force", name);
  rmSync(state, { recursive: true, force: true });
});

const BLK = "{ image: { server: blk }, cpu: { priority: 190 }, use: { regs: platform.blk0.regs, irq: platform.blk0.irq, iospace: platform.blk0.iospace }, offer: { disk: BlockDriver } }";
const BLOCK = "{ image: { server: block }, memory: 32MiB, cpu: { priority: 185 }, use: { disk: blk.disk }, offer: { root: Block }, args: { root: {} } }";
const withDisk = (disk: string, guest: string, memory = "256MiB"): string => `${manifestWith({ blk: BLK, block: BLOCK }, `${memory}, disks: { blk0: ${disk} }`)}guests:\n  g: { console: console.console, essential: true, disks: { data: block.root }, ${guest} }\n`;
const LINUX = "image: linux, memory: 96MiB";
const plain = (guests: string): string => `${manifestWith({}, "512MiB")}guests:\n${guests}`;

describe.skipIf(!hasLinux)("SHUTDOWN", () => {
  test("101 what a guest has in mind to write is written when it is asked to shut down, and programs are told; with its power cut it is not", async () => {
    using folder = applianceFolder({ "appliance.yaml": withDisk("{ file: disk.img, mode: rw }", LINUX), "disk.img": "" });
    const disk = join(folder.path, "disk.img");
    for (const way of ["--force", "asked"] as const) {
      writeFileSync(disk, "");
      truncateSync(disk, 16 * 2 ** 20);
      await done("create", "a", folder.path);
      await done("start", "a");
      await until("the shell", () => logOf("a").includes("guest:~# "), LIMIT_MS);
      // In the kernel's cache alone, since somebody has the disk open; and another program, which has more to say when it is told to end.
      await type("a", "exec 9</dev/vda; printf kept | dd of=/dev/vda conv=notrunc bs=4 2>/dev/null; (trap 'printf told | dd of=/dev/vda conv=notrunc bs=4 seek=1 2>/dev/null; exit' TERM; echo in''side; while :; do sleep 0.1; done) &\n");
      await until("it is written", () => logOf("a").includes("inside"), LIMIT_MS);
      expect(await done("stop", ...(way === "--force" ? ["--force"] : []), "a")).toBe("");
      expect(readFileSync(disk).subarray(0, 8).toString("latin1")).toBe(way === "--force" ? "\0\0\0\0\0\0\0\0" : "kepttold");
      if (way === "asked") expect(endings("a")).toEqual(["running", "ready", "poweroff"]);
      await done("rm", "a");
    }
  });

  test("102 one that is asked before it can hear does when it can; several are asked at once; and one that sleeps wakes for it", async () => {
    using two = applianceFolder({ "appliance.yaml": plain(`  g: { ${LINUX}, console: console.console }\n  h: { ${LINUX}, console: console.console }\n`) });
    await done("create", "b", two.path);
    await done("start", "b");
    await done("stop", "--timeout", "60s", "b");
    expect([...endings("b")].sort()).toEqual(["poweroff", "poweroff", "ready", "ready", "running", "running"]);
    await done("rm", "b");
    using one = applianceFolder({ "appliance.yaml": plain(`  g: { ${LINUX}, console: console.console, essential: true }\n`) });
    await done("create", "b", one.path);
    await done("start", "b");
    await until("the shell", () => logOf("b").includes("guest:~# "), LIMIT_MS);
    await type("b", "echo mem >/sys/power/state\n");
    await until("it sleeps", () => logOf("b").includes("Suspending console"), LIMIT_MS);
    await pause(500);
    await done("stop", "--timeout", "60s", "b");
    expect(endings("b")).toEqual(["running", "ready", "poweroff"]);
    await done("rm", "b");
  });

  test("103 a guest that ignores it is named, and the machine goes on; then it has had its time, or its power is cut", async () => {
    using folder = applianceFolder({ "appliance.yaml": plain("  deaf: { image: bare, memory: 16MiB, console: console.console, essential: true }\n") });
    await done("create", "c", folder.path);
    await done("start", "c");
    const since = Date.now(), { status, err } = await vm("stop", "--timeout", "2s", "c");
    expect([status, err]).toEqual([1, expect.stringMatching(/the machine 'c' is not stopped: guest deaf has not shut down[^]*asked to do so 2 s ago[^]*stop --force c cuts the power/)]);
    expect(Date.now() - since).toBeGreaterThan(2000);
    expect(await states()).toBe("c running");
    expect((await vm("stop", "--timeout", "soon", "c")).status).toBe(2);
    // By the API: told is done, whatever comes of it.
    const socket = place("c", "control.sock");
    expect(await ask(socket, "POST", "/guests/deaf/shutdown")).toBeUndefined();
    await expect(ask(socket, "POST", "/guests/none/shutdown")).rejects.toThrow(/there is no guest 'none'/);
    // One that is paused hears nothing: it is not asked, and not waited for.
    await done("pause", "c");
    await expect(ask(socket, "POST", "/guests/deaf/shutdown")).rejects.toThrow(/guest deaf is paused: only one that is running can be asked to shut down/);
    await done("stop", "c");
    expect(await states()).toBe("c stopped");
    await done("start", "c");
    await done("stop", "--force", "c");
    await done("rm", "c");
  });

  test("104 one that goes on from a snapshot hears as it did; that it was asked before is not asked of it", async () => {
    using folder = applianceFolder({ "appliance.yaml": plain(`  g: { ${LINUX}, console: console.console, essential: true }\n`) });
    const snapshot = join(state, "snap");
    await done("create", "d", folder.path);
    await done("start", "d");
    await until("the shell", () => logOf("d").includes("guest:~# "), LIMIT_MS);
    await done("snapshot", "d", snapshot);
    await done("stop", "d");
    await done("restore", "--resume", "d", snapshot);
    await pause(1000);
    expect(await states()).toBe("d running");
    await done("stop", "d");
    expect(endings("d").at(-1)).toBe("poweroff");
    await done("rm", "d");
  });

  test.skipIf(!hasDebian)("105 Debian's logind shuts down by the key, and does so after a snapshot, too: its disk is clean", async () => {
    const clock = "  clk: { image: { server: timer }, cpu: { priority: 198 }, use: { regs: platform.rtc0.regs, irq: platform.rtc0.irq }, offer: { time: Timer } }\nguests:";
    using folder = applianceFolder({ "appliance.yaml": withDisk("{ image: debian }", "image: debian, memory: 256MiB, clock: clk.time", "512MiB").replace("guests:", clock) });
    const snapshot = join(state, "debian-snap");
    await done("create", "e", folder.path);
    await done("start", "e");
    await until("a prompt", () => existsSync(place("e", "console.log")) && logOf("e").includes("root@debian:~#"), LIMIT_MS);
    await done("snapshot", "e", snapshot);
    for (const time of [1, 2]) {
      if (time === 2) {
        await done("restore", "--resume", "e", snapshot);
        // Its clock went on while it was a snapshot, for as long as it took to stop and start at least.
        await type("e", "while sleep 1; do date +at-%s; done &\n");
        await until("the time of day", () => Math.abs(Date.now() / 1000 - Number(/at-(\d+)\r?\n(?![^]*at-\d)/.exec(logOf("e"))?.[1])) < 4, LIMIT_MS);
      }
      const at = logOf("e").length;
      await done("stop", "--timeout", "100s", "e");
      expect(endings("e").at(-1)).toBe("poweroff");
      expect(logOf("e").slice(at)).toContain("All filesystems unmounted");
    }
    await done("rm", "e");
  });
});
