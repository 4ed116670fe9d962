// SNAPSHOT-*, guests with firmware of their own: OpenSBI is written down in the middle of its boot, U-Boot at its prompt, Debian's kernel above OpenSBI in the middle of its work; each goes on from that in a machine
// that never saw it. What cannot be is refused, by name.
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { composeLinux } from "../../guests/linux/image.ts";
import { findLinux } from "../../guests/linux/installed.ts";
import { findFirmware, readFirmware } from "../../guests/u-boot/installed.ts";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import type { SystemEvent } from "../../servers/operator/events.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { startSession, type Session } from "../../servers/operator/session.ts";
import { openSnapshot, type Snapshot } from "../../servers/operator/vm/snapshot.ts";
import { applianceFolder, Line, manifestWith, until } from "../support/appliance-run.ts";

const LIMIT_MS = 90_000;
vi.setConfig({ testTimeout: 3 * LIMIT_MS });

const { record } = findPackage();
const installed = findFirmware(record), linux = findLinux(record);
const manifest = (guest: string, board = "512MiB"): string => `${manifestWith({}, board)}guests:\n  g: { console: console.console, essential: true, ${guest} }\n`;
const CMDLINE = "earlycon=sbi console=hvc0 bailiwick.control=hvc1 panic=-1";

interface Running {
  readonly session: Session;
  readonly line: Line;
  readonly events: readonly SystemEvent[];
  /** Waits for words in what the guest says from now on, or said from `from` on. */
  says(words: string | RegExp, from?: number): Promise<void>;
  /** Types a line, and waits for what it brings; what was said since. */
  ask(typed: string, words: RegExp): Promise<string>;
}

async function running<T>(path: string, from: Snapshot | undefined, during: (run: Running) => Promise<T>, awaited = true): Promise<T> {
  const prepared = await prepareAppliance(path, from === undefined ? {} : { restored: ["g"] });
  const line = new Line(), events: SystemEvent[] = [];
  const session = await startSession(prepared, { console: line, timeoutMs: LIMIT_MS, onEvent: (event) => void (event === undefined || events.push(event)), ...(from === undefined ? {} : { restore: new Map([["g", { snapshot: from, begin: "running" }]]) }) });
  const says = (words: string | RegExp, at = 0): Promise<void> => until(String(words), () => (typeof words === "string" ? line.output.slice(at).includes(words) : words.test(line.output.slice(at))), LIMIT_MS / 2);
  const ask = async (typed: string, words: RegExp): Promise<string> => {
    const at = line.output.length;
    line.type(`${typed}\n`);
    await says(words, at);
    return line.output.slice(at);
  };
  try {
    if (awaited) await until("it goes on", () => session.guests.info("g").state === "running", LIMIT_MS / 2);
    return await during({ session, line, events, says, ask });
  } catch (error) {
    throw new Error(`${String(error)}\n${events.slice(-5).map((event) => JSON.stringify(event)).join("\n")}\n${JSON.stringify(line.output.slice(-800))}`, { cause: error });
  } finally {
    session.stop(0);
    await session.outcome;
  }
}

/** Why a guest of this manifest does not go on from the snapshot. */
async function refusal(path: string, snapshot: Snapshot): Promise<string> {
  return running(path, snapshot, async ({ session, events }) => {
    await session.outcome;
    return events.flatMap((event) => (event.event === "guest" && event.state === "unbootable" ? (event.detail ?? "") : [])).join();
  }, false);
}

describe.skipIf(installed === undefined)("SNAPSHOT of OpenSBI and U-Boot", () => {
  test("011 in the middle of the firmware's own boot, and at U-Boot's prompt: each goes on, twice", async () => {
    using folder = applianceFolder({ "appliance.yaml": manifest("image: u-boot, memory: 128MiB"), "bare.yaml": manifest("image: bare, memory: 128MiB") });
    const [early, late] = [join(folder.path, "early"), join(folder.path, "late")];
    const said = await running(folder.path, undefined, async ({ session, line, says, ask }) => {
      await says("OpenSBI v");
      // It goes on while the snapshot becomes whole, so what it had said is looked at where it stands.
      await session.guests.pause("g");
      const said = line.output;
      await session.guests.snapshot("g", early);
      await session.guests.resume("g");
      await says("Hit any key to stop autoboot");
      line.type(" ");
      await says(/=> $/);
      await ask("setenv kept one", /=> $/);
      await session.guests.snapshot("g", late);
      expect(await ask("echo it is $kept", /it is .*\r\n=> $/)).toContain("it is one");
      return said;
    });
    // Its banner was not over.
    expect(said).not.toContain("U-Boot");
    const [first, second] = [await openSnapshot(early), await openSnapshot(late)];
    for (let time = 0; time < 2; time++) {
      await running(folder.path, first, async ({ line, says, ask }) => {
        await says("Hit any key to stop autoboot");
        line.type(" ");
        await says(/=> $/);
        expect(line.output).not.toContain("OpenSBI v");
        expect(await ask("bdinfo", /=> $/)).toContain("-> size     = 0x0000000008000000");
      });
      await running(folder.path, second, async ({ session, line, ask }) => {
        expect(await ask("echo it is $kept", /it is .*\r\n=> $/)).toContain("it is one");
        // Its timer goes on.
        await ask("sleep 1", /=> $/);
        line.type("poweroff\n");
        expect((await session.outcome).status).toBe(0);
      });
    }
    expect(await refusal(join(folder.path, "bare.yaml"), second)).toBe("the snapshot is of a guest with firmware of its own, which this one has not");
    const plain = join(folder.path, "plain");
    await running(join(folder.path, "bare.yaml"), undefined, async ({ session }) => void (await session.guests.snapshot("g", plain)));
    expect(await refusal(folder.path, await openSnapshot(plain))).toBe("this guest has firmware of its own, which the snapshot's had not");
  });
});

describe.skipIf(installed === undefined || !linux.ok || linux.value === undefined)("SNAPSHOT of Debian's kernel above OpenSBI", () => {
  test.each([1, 2])("012 in the middle of its boot and of its work, on %d harts: it goes on", async (cpus) => {
    const read = readFirmware(installed!), image = composeLinux(linux.ok ? linux.value! : undefined!);
    if (!read.ok || !image.ok) throw new Error("the set-up's files are damaged");
    const yaml = manifest(`image: { firmware: opensbi, kernel: Image, initrd: initramfs }, memory: 192MiB, cpus: ${cpus}, cmdline: "${CMDLINE}"`);
    using folder = applianceFolder({ "appliance.yaml": yaml, opensbi: read.value.firmware, Image: image.value.kernel, initramfs: image.value.initramfs });
    const [boot, work] = [join(folder.path, "boot"), join(folder.path, "work")];
    const DONE = /done\r\n/;
    await running(folder.path, undefined, async ({ session, line, says, ask }) => {
      await says("Linux version");
      await session.guests.snapshot("g", boot);
      expect(line.output).not.toContain("guest:~# ");
      await says("guest:~# ");
      await ask("i=0; (while :; do i=$((i+1)); echo $i >/tmp/m; mv /tmp/m /tmp/n; done) & word=kept; sleep 1; echo do''ne", DONE);
      await session.guests.snapshot("g", work);
      expect(await ask("echo word $word; echo do''ne", DONE)).toContain("word kept\r\n");
    });
    const [first, second] = [await openSnapshot(boot), await openSnapshot(work)];
    await running(folder.path, first, async ({ line, says, ask }) => {
      await says("guest:~# ");
      expect(line.output).not.toContain("OpenSBI v");
      expect(await ask("nproc; echo do''ne", DONE)).toMatch(new RegExp(`^${cpus}\r$`, "m"));
    });
    await running(folder.path, second, async ({ session, line, ask }) => {
      const before = Number(/n (\d+)/.exec(await ask("echo word $word n $(cat /tmp/n); echo do''ne", /word kept n \d+\r\n.*done\r\n/s))![1]);
      const [, up = "", after = ""] = /up (\d+)\S* n (\d+)/.exec(await ask("sleep 1; echo up $(cut -d' ' -f1 /proc/uptime) n $(cat /tmp/n); echo do''ne", DONE))!;
      expect(Number(after)).toBeGreaterThan(before);
      expect(Number(up)).toBeLessThan(60);
      line.type("poweroff -f\n");
      expect((await session.outcome).status).toBe(0);
    });
  });
});

describe("SNAPSHOT", () => {
  test("013 a guest that has a device of the machine is not written down: what the device is in the middle of is the device's", async () => {
    using folder = applianceFolder({ "appliance.yaml": manifest("image: bare, memory: 16MiB, devices: { store: platform.blk0 }", "128MiB, disks: { blk0: { size: 1MiB, mode: memory } }") });
    await running(folder.path, undefined, async ({ session }) => {
      await expect(session.guests.snapshot("g", join(folder.path, "snap"))).rejects.toThrow(/cannot be written down: the device 'store' of the machine is its own, and what that is in the middle of is in the device/);
      expect(session.guests.info("g").state).toBe("running");
    });
  });
});
