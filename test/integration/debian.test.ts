// Debian's user space from a disk: the guest image `debian` over the image that the set-up makes when it is asked to (setup --only debian). Where it was not, these are skipped.
// What the image holds is looked at without booting it, too: by Debian's own e2fsck and debugfs.
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { createReadStream, statSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { describe, expect, test, vi } from "vitest";
import { findDebian } from "../../guests/debian/installed.ts";
import { mountsDisks } from "../../guests/debian/image.ts";
import { findLinux } from "../../guests/linux/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { findProgram } from "../../servers/operator/setup/command.mjs";
import { applianceFolder, manifestWith, runAppliance, until, withoutKernel } from "../support/appliance-run.ts";
import { bailiwick } from "../support/command-line.ts";

const LIMIT_MS = 180_000;
vi.setConfig({ testTimeout: LIMIT_MS + 20_000 });

const record = findPackage().record;
const linux = findLinux(record), made = findDebian(record);
const hasKernel = linux.ok && linux.value !== undefined && mountsDisks(linux.value);
const image = made.ok ? made.value.file : "";

const DISK = {
  blk: "{ image: { server: blk }, cpu: { priority: 190 }, use: { regs: platform.blk0.regs, irq: platform.blk0.irq, iospace: platform.blk0.iospace }, offer: { disk: BlockDriver } }",
  block: "{ image: { server: block }, memory: 32MiB, cpu: { priority: 185 }, use: { disk: blk.disk }, offer: { root: Block }, args: { root: {} } }",
};
const NIC = "{ image: { server: nic }, cpu: { priority: 190 }, use: { regs: platform.net0.regs, irq: platform.net0.irq, iospace: platform.net0.iospace }, offer: { card: NicDriver } }";
const guest = (more: string): string => `guests:\n  debian: { image: debian, memory: 256MiB, console: console.console${more} }\n`;
/** The end of what systemd begins with: it resets the terminal. */
const RESET = "\x1b[?7h";
/** Without that, and what the kernel says before it is told to be quiet. */
const said = (output: string): string => withoutKernel(output).split(RESET).at(-1) ?? "";

describe.skipIf(!hasKernel || !made.ok)("a Debian guest", () => {
  const disks = "disks: { blk0: { image: debian } }";

  test("runs a command, byte for byte, with its status: all packages are installed, the root is its disk, the network has given it an address", async () => {
    const manifest = `${manifestWith({ ...DISK, nic: NIC }, `512MiB, ${disks}, networks: { net0: { user: { hosts: loopback } } }`)}${guest(", disks: { root: block.root }, ports: { lan: nic.card }")}`;
    using folder = applianceFolder({ "appliance.yaml": manifest });
    const script = [
      "cat /etc/debian_version; id -un; dpkg --audit && dpkg -l | grep -c ^ii; dpkg -l | grep -c '^[a-z][^i]'",
      "/usr/lib/systemd/systemd-networkd-wait-online --any --timeout=60 && ip -4 -o addr show scope global | grep -o 'inet [0-9.]*'",
      "ping -c 1 -q 10.0.2.2 | grep -o '1 received'; findmnt -n -o SOURCE,FSTYPE /; cat /proc/1/comm",
      "echo kept >/root/kept && sync && cat /root/kept; printf 'a\\r\\n\\001\\377'; exit 7",
    ];
    const { output, status, events } = await runAppliance(folder.path, { exec: script.join("\n"), limitMs: LIMIT_MS });
    expect(said(output).split("\n")).toEqual([
      made.ok ? made.value.version : "", "root", String(made.ok ? made.value.packages : 0), "0",
      "inet 10.0.2.15", "1 received", expect.stringMatching(/^\/dev\/vda +ext4$/), "systemd", "kept", "a\r", "\x01\xff",
    ]);
    expect(status).toBe(7);
    expect(events.filter(({ event }) => event === "fault")).toEqual([]);
  });

  test("is ready when root's shell is there, and ends when it is told to", async () => {
    using folder = applianceFolder({ "appliance.yaml": `${manifestWith(DISK, `512MiB, ${disks}`)}${guest(", disks: { root: block.root }")}` });
    const { output, status, events } = await runAppliance(folder.path, {
      limitMs: LIMIT_MS,
      async during(_, line, ended) {
        let ready = 0;
        await until("a prompt", () => (ready = line.output.lastIndexOf("root@debian:~#")) > 0, LIMIT_MS);
        line.type("echo $((6 * 7))-$(tty); systemctl list-units --state=failed --no-legend --plain | wc -l\n");
        await until("an answer", () => /42-\/dev\/hvc0\r\n\d+\r\n/.test(line.output.slice(ready)), LIMIT_MS);
        line.type("poweroff\n");
        await Promise.race([ended(), until("the end", () => false, LIMIT_MS)]).catch(() => undefined);
      },
    });
    expect(output).toMatch(/42-\/dev\/hvc0\r\n0\r\n/);
    expect(events.filter(({ event }) => event === "guest").map(({ state }) => state)).toEqual(["running", "ready", "poweroff"]);
    expect(status).toBe(0);
  });
});

test.skipIf(!hasKernel || !made.ok)("examples/debian: the claims hold, the time is right, a switch and a disk are all that it has", async () => {
  expect(await bailiwick(["check", "examples/debian"])).toMatchObject({ status: 0, out: expect.stringMatching(/(?: {2}holds: no path [^\n]*\n){4}$/) });
  const script = "date -u +%s; lsblk -n -o NAME; /usr/lib/systemd/systemd-networkd-wait-online --any --timeout=60 && ping -c 1 -q 10.0.2.2 | grep -o '1 received'; exit 5";
  const { status, out, err } = await bailiwick(["run", "examples/debian", "--exec", script]);
  const [seconds, ...lines] = out.trimEnd().split("\n");
  expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(180);
  expect([lines, err, status]).toEqual([["vda", "1 received"], "", 5]);
});

test.skipIf(made.ok)("examples/debian: without the image it says what makes it", async () => {
  expect(await bailiwick(["run", "examples/debian", "--exec", "true"])).toMatchObject({ status: 1, err: expect.stringMatching(/there is no disk for blk0[^]*setup --only debian/) });
});

test.skipIf(!hasKernel)("without a disk the guest says what is missing, and ends with 1", async () => {
  using folder = applianceFolder({ "appliance.yaml": `${manifestWith({}, "512MiB")}${guest("")}` });
  const { output, status } = await runAppliance(folder.path, { limitMs: 60_000 });
  expect(output).toMatch(/bailiwick: there is no disk \/dev\/vda to boot from: give the guest one/);
  expect(status).toBe(1);
});

describe.skipIf(!made.ok)("the image", () => {
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
  const e2fsck = findProgram("e2fsck", path), debugfs = findProgram("debugfs", path), dumpe2fs = findProgram("dumpe2fs", path);
  const ask = (command: string): string => spawnSync(debugfs!, ["-R", command, image], { maxBuffer: 2 ** 26 }).stdout.toString();

  test("is the one that was made: its hash is the record's", async () => {
    const hash = createHash("sha256");
    await pipeline(createReadStream(image), hash);
    expect(hash.digest("hex")).toBe(made.ok ? made.value.image.sha256 : "");
  });
  test.skipIf(e2fsck === undefined)("has nothing that e2fsck would mend", () => {
    expect(spawnSync(e2fsck!, ["-fn", image]).status).toBe(0);
  });
  test("takes no more room than its files: what is free is a hole", () => {
    expect(statSync(image).size).toBe(2 * 2 ** 30);
    expect(statSync(image).blocks * 512).toBeLessThan(150 * 2 ** 20);
  });
  test.skipIf(dumpe2fs === undefined)("leaves the first boot no inode tables to write, and room for the descriptors of 2 TiB", () => {
    const groups = spawnSync(dumpe2fs!, [image]).stdout.toString();
    expect(groups.match(/^Group \d+:.*ITABLE_ZEROED/gm)).toHaveLength(16);
    expect(groups).toMatch(/^Filesystem state: +clean$[^]*^Group descriptor size: +64$[^]*^Reserved GDT blocks: +255$[^]*^Total journal size: +32M$/m);
  });
  test.skipIf(debugfs === undefined)("has owners and modes as the packages have them, and nothing of the machine it was made on", () => {
    expect(ask("stat /")).toMatch(/Mode: +0755[^]*User: +0 +Group: +0 /);
    expect(ask("stat /tmp")).toMatch(/Mode: +01777/);
    expect(ask("stat /usr/bin/su")).toMatch(/Mode: +04755[^]*User: +0 +Group: +0 /);
    expect(ask("stat /etc/shadow")).toMatch(/Mode: +0640[^]*User: +0 +Group: +42 /);
    expect(ask("stat /var/mail")).toMatch(/Mode: +02775[^]*Group: +8 /);
    expect(ask("stat /etc/bash.bashrc")).toMatch(/ mtime: 0x[4-9a-f]/);
    expect(ask("stat /etc/machine-id")).toMatch(/Size: 0\n/);
    expect(ask("cat /etc/shadow")).toMatch(/^root:\*:/m);
    expect(ask("ls -p /var/log").split("\n").filter((line) => /^\/\d+\/100/.test(line))).toEqual([]);
    expect(ask("ls -p /var/lib/apt/lists")).not.toMatch(/Packages|Release/);
    for (const folder of ["dev", "proc", "run", "sys", "tmp"]) expect(ask(`ls -p /${folder}`).trim().split("\n").map((line) => line.split("/")[5]), folder).toEqual([".", ".."]);
    expect(ask("ls -p /").split("\n").map((line) => line.split("/")[5]).filter((name) => name === "build" || name === "init")).toEqual([]);
  });
});
