// VMDISK-*: disks of machines in the background, as a user has them: what restored machines and clones write stays, and a snapshot for which there is no room costs nothing.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { openSnapshot } from "../../servers/operator/vm/snapshot.ts";
import { applianceFolder, until, withoutKernel } from "../support/appliance-run.ts";
import { bailiwick } from "../support/command-line.ts";
import { diskAppliance } from "../support/disk-guest.ts";

vi.setConfig({ testTimeout: 400_000 });
const installed = findLinux(findPackage().record);
const hasLinux = installed.ok && installed.value !== undefined;

const state = mkdtempSync(join(tmpdir(), "bailiwick-vm-disks-"));
const vm = (...args: readonly string[]) => bailiwick(["vm", ...args], { env: { XDG_STATE_HOME: state }, limitMs: 120_000 });
const done = async (...args: readonly string[]): Promise<string> => {
  const { status, out, err } = await vm(...args);
  if (status !== 0) throw new Error(`vm ${args.join(" ")}: ${status}: ${err}`);
  return out;
};
const refused = async (says: RegExp, ...args: readonly string[]): Promise<void> => {
  const { status, err } = await vm(...args);
  expect([status === 0, err], args.join(" ")).toEqual([false, expect.stringMatching(says)]);
};
const place = (name: string, file: string): string => join(state, "bailiwick", "vms", name, file);
const logOf = (name: string): string => (existsSync(place(name, "console.log")) ? readFileSync(place(name, "console.log"), "latin1") : "");

let asked = 0;
/** Types a command at a machine's console; what it prints. */
async function ask(name: string, command: string): Promise<string> {
  const tag = `${++asked}.`, from = logOf(name).length;
  await new Promise<void>((sent) => {
    const socket = connect(place(name, "console.sock"), () => socket.end(`echo be''gin ${tag}; ${command}; echo e''nd ${tag}\n`, () => setTimeout(sent, 100)));
  });
  await until(`${name}: ${command}`, () => logOf(name).slice(from).includes(`end ${tag}\r\n`), 60_000);
  const said = withoutKernel(logOf(name).slice(from).replaceAll("\r", ""));
  return said.slice(said.indexOf(`begin ${tag}\n`) + `begin ${tag}\n`.length, said.indexOf(`end ${tag}\n`)).trim();
}
const put = (name: string, at: number, word: string): Promise<string> => ask(name, `echo ${word} | dd of=/dev/vda bs=1M seek=${at} conv=fsync,notrunc 2>/dev/null`);
const get = (name: string, at: number): Promise<string> => ask(name, `echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/vda bs=1M skip=${at} count=1 2>/dev/null | head -n 1 | tr -d '\\0'`);
/** Until the shell of a boot is there: the log goes on over boots. */
async function started(name: string, ...args: readonly string[]): Promise<void> {
  const from = logOf(name).length;
  await done(...args);
  await until("the shell", () => logOf(name).slice(from).includes("guest:~# "), 60_000);
}

afterAll(async () => {
  const names = (JSON.parse((await vm("ls", "--json")).out || "[]") as readonly { readonly name: string }[]).map(({ name }) => name);
  if (names.length > 0) await vm("rm", "--force", ...names);
  rmSync(state, { recursive: true, force: true });
});

describe("VMDISK", () => {
  test("000 layers are replaced only by a guest that is restored into them", async () => {
    for (const more of [[], ["--layers", "x"], ["--restore", "x", "--resume"]]) {
      const { status, err } = await bailiwick(["run", "--replace-layers", ...more]);
      expect([status, err]).toEqual([2, expect.stringMatching(/--replace-layers says what --restore does with --layers: it needs both/)]);
    }
  });

  test("004 a guest that waits needs somebody who can have it go on", async () => {
    expect(await bailiwick(["run", "--restore", "x"])).toMatchObject({ status: 2, err: expect.stringMatching(/--restore leaves the guest paused, and without --control nobody can have it go on[^]*--resume/) });
    expect(await bailiwick(["run", "--restore", "x", "--resume", "--standby"])).toMatchObject({ status: 2, err: expect.stringMatching(/--resume and --standby are two ways to begin/) });
  });
});

describe.skipIf(!hasLinux)("VMDISK", () => {
  test("001 what a restored machine writes stays over stop and start, until it is restored again; rm takes it away", async () => {
    using folder = applianceFolder({ "appliance.yaml": diskAppliance("memory: 96MiB, disks: { data: block.root }", "disks: { blk0: { file: disk.img, size: 64MiB } }") });
    const snapshot = join(state, "snap");
    await done("create", "a", folder.path);
    await started("a", "start", "a");
    await put("a", 1, "first");
    await done("snapshot", "a", snapshot);
    await put("a", 1, "after");
    await done("stop", "a");
    expect(existsSync(place("a", "layers"))).toBe(false);

    await done("restore", "--resume", "a", snapshot);
    expect(await get("a", 1)).toBe("first");
    await put("a", 2, "second");
    await done("stop", "a");
    await started("a", "start", "a");
    expect([await get("a", 1), await get("a", 2)]).toEqual(["first", "second"]);
    await put("a", 3, "third");
    // As if its power was cut: what it had flushed is there.
    await done("stop", "--force", "a");
    await started("a", "start", "a");
    expect([await get("a", 2), await get("a", 3)]).toEqual(["second", "third"]);
    await done("stop", "a");
    await refused(/there is no snapshot in/, "restore", "a", join(state, "none"));
    await started("a", "start", "a");
    expect(await get("a", 3)).toBe("third");
    await done("stop", "a");
    await done("restore", "--resume", "a", snapshot);
    expect([await get("a", 1), await get("a", 2)]).toEqual(["first", ""]);
    await done("rm", "--force", "a");
    expect(existsSync(place("a", ""))).toBe(false);
    // The appliance's own disk was left alone.
    expect(readFileSync(join(folder.path, "disk.img")).toString("latin1", 2 ** 20, 2 ** 20 + 5)).toBe("after");
  });

  test("002 clones' writes are their own and stay; the first of them is not removed before the others", async () => {
    using folder = applianceFolder({ "appliance.yaml": diskAppliance("memory: 96MiB, disks: { data: block.root }", "disks: { blk0: { file: disk.img, size: 64MiB } }") });
    await done("create", "origin", folder.path);
    await started("origin", "start", "origin");
    await put("origin", 1, "common");
    await done("clone", "origin", "one", "two");
    for (const name of ["one", "two", "origin"]) await put(name, 2, `of-${name}`);
    for (const name of ["one", "two", "origin"]) expect([await get(name, 1), await get(name, 2)]).toEqual(["common", `of-${name}`]);
    await refused(/the machine 'one' cannot be removed[^]*the disks of 'two' lie over a snapshot in its folder[^]*bailiwick vm rm two/, "rm", "--force", "one");
    expect(await get("one", 2)).toBe("of-one");
    await done("stop", "two");
    await refused(/the machine 'one' cannot be removed/, "rm", "--force", "one");
    await started("two", "start", "two");
    expect([await get("two", 1), await get("two", 2)]).toEqual(["common", "of-two"]);
    // Several at once: what one fails by keeps none of the others, but for what cannot be undone.
    const states = async (): Promise<string[]> => (JSON.parse(await done("ls", "--json")) as readonly { readonly name: string; readonly guests: readonly { readonly state: string }[] }[]).map(({ name, guests }) => `${name} ${guests[0]?.state}`);
    await refused(/^(?=[^]*there is no machine 'nobody')(?=[^]*there is no machine 'none')/, "pause", "nobody", "two", "none", "one", "two");
    expect(await states()).toEqual(["one paused", "origin running", "two paused"]);
    await done("resume", "one", "two");
    await refused(/the machine 'one' cannot be removed[^]*bailiwick vm rm two/, "rm", "--force", "origin", "one");
    await refused(/there is no machine 'nobody'/, "rm", "--force", "origin", "nobody");
    expect(await states()).toEqual(["one running", "origin running", "two running"]);
    await done("rm", "--force", "one", "two", "origin");
    expect(await states()).toEqual([]);
  });

  test.skipIf(process.getuid?.() !== 0)("003 a snapshot for which there is no room says so, leaves nothing, and costs neither the guest nor an older one", async (context) => {
    const small = join(state, "small");
    mkdirSync(small);
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=160m", "tmpfs", small]).status !== 0) return context.skip();
    try {
      using folder = applianceFolder({ "appliance.yaml": diskAppliance("memory: 96MiB, disks: { data: block.root }", "disks: { blk0: { file: disk.img, size: 64MiB } }") });
      writeFileSync(join(folder.path, "disk.img"), Buffer.alloc(64 * 2 ** 20, 0x31));
      await done("create", "full", folder.path);
      await started("full", "start", "full");
      await ask("full", "(i=0; while :; do i=$((i+1)); echo $i | dd of=/dev/vda bs=64k seek=$((i * 37 % 1024)) conv=fsync,notrunc 2>/dev/null && echo $i >/tmp/done.new && mv /tmp/done.new /tmp/done; done) & writer=$!");
      await done("snapshot", "full", join(small, "old"));
      await refused(/guest g cannot be written down|memory of guest g cannot be written[^]*(no space|ENOSPC)/i, "snapshot", "full", join(small, "new"));
      expect(readdirSync(small)).toEqual(["old"]);
      const before = Number(await ask("full", "cat /tmp/done"));
      expect(Number(await ask("full", "sleep 1; cat /tmp/done"))).toBeGreaterThan(before);
      expect(await ask("full", "kill $writer; dmesg | grep -c 'I/O error'")).toBe("0");
      expect((await openSnapshot(join(small, "old"))).guest).toBe("g");
      await done("rm", "--force", "full");
    } finally {
      spawnSync("umount", ["-l", small]);
    }
  });
});
