// SNAPSHOT-*: a Linux guest is paused, written down in the middle of its work, and goes on from that: here and in machines that never saw it before. And what is not what was saved is refused.
import { cpSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import type { SystemEvent } from "../../servers/operator/events.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { startSession } from "../../servers/operator/session.ts";
import { openSnapshot } from "../../servers/operator/vm/snapshot.ts";
import { applianceFolder, leftIn, Line, pause } from "../support/appliance-run.ts";
import { diskAppliance as appliance, LIMIT_MS, restored, running } from "../support/disk-guest.ts";

vi.setConfig({ testTimeout: 3 * LIMIT_MS });
const installed = findLinux(findPackage().record);
const hasLinux = installed.ok && installed.value !== undefined;

const GUEST = "memory: 96MiB, disks: { data: block.root }";

/** Back when the writer has done another round. */
async function goesOn(ask: (command: string) => Promise<string>): Promise<void> {
  // None is done yet: there is no such file.
  const rounds = async (): Promise<number> => Number(await ask("cat /tmp/done 2>/dev/null || echo 0"));
  const before = await rounds();
  for (const end = Date.now() + LIMIT_MS / 4; !((await rounds()) > before); await pause(200)) {
    if (Date.now() > end) throw new Error(`it writes no more: ${before} rounds`);
  }
}

describe.skipIf(!hasLinux)("SNAPSHOT", () => {
  test("001 a guest that writes to its disk is written down, goes on, and goes on again elsewhere, twice, as if nothing had been", async () => {
    using folder = applianceFolder({ "appliance.yaml": appliance(GUEST) });
    const at = join(folder.path, "snap");
    await running(folder.path, undefined, async ({ session, ask }) => {
      await ask("seq 0 200000 >/tmp/text; sum=$(md5sum </tmp/text); word=kept");
      // It writes without pause, each round another: what it has acknowledged must be there, whenever it was written down.
      await ask("(i=0; while :; do i=$((i+1)); (echo $i; cat /tmp/text) | dd of=/dev/vda bs=64k conv=fsync 2>/dev/null; echo $i >/tmp/done.new; mv /tmp/done.new /tmp/done; done) & writer=$!");
      await pause(500);
      const { pausedMs, disks } = await session.guests.snapshot("g", at);
      expect(pausedMs).toBeGreaterThan(0);
      expect(disks).toMatchObject([{ device: "blk0", bytes: 16 * 2 ** 20 }]);
      await goesOn(ask);
      expect(await ask("echo $word")).toBe("kept\n");
    });
    const snapshot = await openSnapshot(at);
    const uptimes: number[] = [], randoms: string[] = [];
    for (let time = 0; time < 2; time++) {
      await restored(folder.path, snapshot, async ({ ask, events }) => {
        uptimes.push(Number((await ask("cat /proc/uptime")).split(".")[0]));
        expect(await ask("echo $word")).toBe("kept\n");
        await goesOn(ask);
        // The last round that it finished is on the disk, whole.
        expect(await ask("kill $writer; wait; sleep 1; echo 3 >/proc/sys/vm/drop_caches; test $(head -n 1 /dev/vda) -ge $(cat /tmp/done) && test \"$(tail -c +$(($(head -n 1 /dev/vda | wc -c) + 1)) /dev/vda | head -c $(wc -c </tmp/text) | md5sum)\" = \"$sum\" && echo whole")).toBe("whole\n");
        randoms.push(await ask("head -c 16 /dev/urandom | md5sum"));
        expect(await ask("dmesg | grep -c 'virtual machine fork'")).toBe("1\n");
        expect(events.filter((event) => event.event === "fault" || event.event === "log")).toEqual([]);
      });
    }
    expect(Math.abs(uptimes[0]! - uptimes[1]!)).toBeLessThan(5);
    expect(randoms[0]).not.toBe(randoms[1]);
  });

  test("002 paused, it does nothing and its time stands; resumed, it goes on; what cannot be is refused, by name", async () => {
    using folder = applianceFolder({ "appliance.yaml": appliance(GUEST) });
    await running(folder.path, undefined, async ({ session: { guests }, ask, line }) => {
      await expect(guests.resume("g")).rejects.toThrow(/guest g is running: only one that is paused can be resumed/);
      await expect(guests.pause("other")).rejects.toThrow(/there is no guest 'other'.*\n.*one of: g/);
      const began = performance.now(), before = Number((await ask("cat /proc/uptime")).match(/(\d+\.\d+)/)![1]);
      await ask("(i=0; while :; do i=$((i+1)); echo tick $i; usleep 20000; done) & ticks=$!");
      await guests.pause("g");
      await expect(guests.pause("g")).rejects.toThrow(/guest g is paused: only one that is running can be paused/);
      await pause(50);
      const output = line.output.length;
      await pause(2000);
      expect(line.output.length).toBe(output);
      expect(guests.list()).toEqual([{ name: "g", state: "paused", memory: 96 * 2 ** 20, cpus: 1 }]);
      // Two at once: the second finds what the first has left.
      const [first, second] = await Promise.allSettled([guests.resume("g"), guests.resume("g")]);
      expect([first.status, second.status]).toEqual(["fulfilled", "rejected"]);
      const after = Number((await ask("kill $ticks; cat /proc/uptime")).match(/(\d+\.\d+)/)![1]);
      // All the time but that in which it stood, whatever its commands took.
      expect(after - before).toBeLessThan((performance.now() - began) / 1000 - 1.9);
      await expect(guests.snapshot("g", folder.path)).rejects.toThrow(/there is something at .* already/);
      await expect(guests.snapshot("g", join(folder.path, "no", "where"))).rejects.toThrow(/no snapshot can be written to/);
      await expect(guests.snapshot("g", join(folder.path, "x"), { changes: true })).rejects.toThrow(/goes on from no snapshot/);
      expect(guests.info("g").state).toBe("running");
      expect(leftIn(folder.path)).toEqual([]);
    });
  });

  test("003 several harts, and a snapshot of changes over the first; one that waits until it is told", async () => {
    using folder = applianceFolder({ "appliance.yaml": appliance(`${GUEST}, cpus: 2`) });
    const [one, two] = [join(folder.path, "one"), join(folder.path, "two")];
    await running(folder.path, undefined, async ({ session, ask }) => {
      await ask("a=first; (while :; do :; done) & busy=$!");
      await session.guests.snapshot("g", one);
    });
    await restored(folder.path, await openSnapshot(one), async ({ session, ask }) => {
      expect(await ask("echo $a; nproc")).toBe("first\n2\n");
      await ask("a=second; seq 0 300000 >/tmp/more");
      await session.guests.pause("g");
      expect((await session.guests.snapshot("g", two, { changes: true })).pausedMs).toBe(0);
      expect(session.guests.info("g").state).toBe("paused");
    });
    const blocks = (folder: string): number => readdirSync(folder).reduce((sum, name) => sum + (name.startsWith("memory") ? statSync(join(folder, name)).blocks : 0), 0);
    expect(blocks(two)).toBeLessThan(blocks(one) / 2);
    const changed = await openSnapshot(two);
    expect(changed.layers.length).toBe(2);
    await restored(folder.path, changed, async ({ session, ask, line }) => {
      await pause(500);
      expect(line.output).toBe("");
      await session.guests.resume("g");
      expect(await ask("echo $a; tail -n 1 /tmp/more; kill $busy && echo 1")).toBe("second\n300000\n1\n");
    }, "paused");
    // One that is ready and waits to be told: nothing of it has begun.
    for (const how of ["resume", "pause"] as const) {
      await restored(folder.path, changed, async ({ session: { guests }, ask }) => {
        await expect(guests.snapshot("g", join(folder.path, "x"))).rejects.toThrow(/guest g is standby: only one that is paused can be saved/);
        await guests[how]("g");
        expect(guests.info("g").state).toBe(how === "resume" ? "running" : "paused");
        if (how === "pause") await guests.resume("g");
        expect(await ask("echo $a")).toBe("second\n");
      }, "standby");
    }
    // Its base has changed meanwhile.
    const memory = join(one, "memory-0"), bytes = readFileSync(memory);
    bytes[bytes.length - 5]! ^= 4;
    bytes[40]! ^= 1;
    writeFileSync(memory, bytes);
    await expect(openSnapshot(two)).rejects.toThrow(/lies on .*one, which is not what it was/);
    // A base that has one itself: here the snapshot is its own, which would have no end.
    const description = join(two, "snapshot.json");
    writeFileSync(description, JSON.stringify({ ...(JSON.parse(readFileSync(description, "utf8")) as object), base: two }));
    await expect(openSnapshot(two)).rejects.toThrow(/it is a base, and lies on a base itself/);
  });

  test("004 a snapshot that is not what was saved is refused before anything runs, and so is one of another guest", async () => {
    using folder = applianceFolder({ "appliance.yaml": appliance(GUEST), "other.yaml": appliance("memory: 128MiB, disks: { data: block.root }"), "less.yaml": appliance("memory: 96MiB"), "cpus.yaml": appliance(`${GUEST}, cpus: 4`) });
    const at = join(folder.path, "snap");
    await running(folder.path, undefined, async ({ session }) => void (await session.guests.snapshot("g", at)));
    const broken = async (name: string, damage: (file: string) => void): Promise<void> => {
      const copy = join(folder.path, `copy-${Math.random()}`);
      cpSync(at, copy, { recursive: true });
      damage(join(copy, name));
      await openSnapshot(copy);
    };
    const flip = (where: number) => (file: string): void => {
      const bytes = readFileSync(file);
      bytes[Math.floor(where * (bytes.length - 1))]! ^= 0x10;
      writeFileSync(file, bytes);
    };
    await expect(broken("memory-0", (file) => truncateSync(file, 4096))).rejects.toThrow(/memory-0: it is damaged: its length/);
    await expect(broken("memory-0", flip(0))).rejects.toThrow(/memory-0: it is damaged/);
    await expect(broken("disk-blk0", flip(0.5))).rejects.toThrow(/disk-blk0 does not have the sum that it had/);
    await expect(broken("state.json", flip(0.7))).rejects.toThrow(/state.json does not have the sum that it had/);
    await expect(broken("state.json", (file) => truncateSync(file, 100))).rejects.toThrow(/state.json has 100 bytes, and had/);
    await expect(broken("snapshot.json", (file) => truncateSync(file, 100))).rejects.toThrow(/snapshot.json is no JSON/);
    await expect(broken("snapshot.json", (file) => writeFileSync(file, readFileSync(file, "utf8").replace('"format": 1', '"format": 3')))).rejects.toThrow(/another version[^]*format 3; this version of Bailiwick reads formats 1 and 2/);
    await expect(openSnapshot(join(folder.path, "nowhere"))).rejects.toThrow(/there is no snapshot in/);

    const snapshot = await openSnapshot(at);
    const unlike = async (manifest: string): Promise<string> => {
      const events: SystemEvent[] = [];
      const prepared = await prepareAppliance(join(folder.path, manifest), { restored: ["g"] });
      const session = await startSession(prepared, { console: new Line(), timeoutMs: LIMIT_MS, onEvent: (event) => void (event === undefined || events.push(event)), restore: new Map([["g", { snapshot, begin: "running" }]]) });
      expect((await session.outcome).status).toBe(80);
      return events.flatMap((event) => (event.event === "guest" && event.state === "unbootable" ? (event.detail ?? "") : [])).join();
    };
    expect(await unlike("other.yaml")).toMatch(/the memory of its snapshot cannot be put in place: it is of 100663296 bytes of memory, and this guest has 134217728/);
    expect(await unlike("less.yaml")).toBe("the snapshot is of a guest with virtio slot 4 (disk data), which this one has not");
    expect(await unlike("cpus.yaml")).toBe("the snapshot is of a guest with cpus 1, and this one has 4");
  });

  test("005 a guest with a clock has the time of day again after it was paused, and when it goes on from a snapshot", async () => {
    const clock = "  clk: { image: { server: timer }, cpu: { priority: 198 }, use: { regs: platform.rtc0.regs, irq: platform.rtc0.irq }, offer: { time: Timer } }\nguests:";
    using folder = applianceFolder({ "appliance.yaml": appliance(`${GUEST}, clock: clk.time`).replace("guests:", clock) });
    const at = join(folder.path, "snap"), wrong = async ({ ask }: { readonly ask: (command: string) => Promise<string> }): Promise<number> => Math.abs(Date.now() / 1000 - Number(await ask("sleep 1; date +%s")));
    await running(folder.path, undefined, async (run) => {
      const { guests } = run.session;
      await guests.pause("g");
      await pause(8000);
      await guests.resume("g");
      expect(await wrong(run)).toBeLessThan(5);
      await guests.snapshot("g", at);
    });
    await pause(6000);
    await restored(folder.path, await openSnapshot(at), async (run) => expect(await wrong(run)).toBeLessThan(5));
  });
});
