// Guests that bring their own firmware: Debian's OpenSBI, unmodified, in the guest's machine mode, and above it U-Boot or Debian's stock kernel. Where the set-up could not have them these are skipped.
import { beforeAll, describe, expect, test, vi } from "vitest";
import { composeLinux } from "../../guests/linux/image.ts";
import { findLinux } from "../../guests/linux/installed.ts";
import { findFirmware, readFirmware } from "../../guests/u-boot/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { applianceFolder, manifestWith, runAppliance, until, type Line } from "../support/appliance-run.ts";

const LIMIT_MS = 90_000;
vi.setConfig({ testTimeout: LIMIT_MS + 10_000 });

const MIB = 1024 * 1024;
const SECTOR = 512;
const { record } = findPackage();
const installed = findFirmware(record);
const linux = findLinux(record);
const BLK = "{ image: { server: blk }, cpu: { priority: 190 }, use: { regs: platform.blk0.regs, irq: platform.blk0.irq, iospace: platform.blk0.iospace }, offer: { disk: BlockDriver } }";
const BLOCK = "{ image: { server: block }, memory: 32MiB, cpu: { priority: 185 }, use: { disk: blk.disk }, offer: { part: Block }, args: { part: { } } }";
const manifest = (guest: string): string => `${manifestWith({ blk: BLK, block: BLOCK }, "512MiB, disks: { blk0: { file: disk.img } }")}guests:\n  g: { console: console.console, ${guest} }\n`;
const CMDLINE = "earlycon=sbi console=hvc0 bailiwick.control=hvc1 panic=-1";

/** What the guest says after `command` is typed, to its next prompt. */
async function at(line: Line, command: string): Promise<string> {
  const from = line.output.length;
  line.type(`${command}\n`);
  await until(`U-Boot answers to '${command}'`, () => line.output.slice(from).endsWith("=> "), 30_000);
  return line.output.slice(from);
}
async function prompt(line: Line): Promise<void> {
  await until("U-Boot waits for a key", () => line.output.includes("Hit any key to stop autoboot"), 30_000);
  line.type(" ");
  await until("U-Boot's prompt", () => line.output.endsWith("=> "), 30_000);
}

describe.skipIf(installed === undefined)("OpenSBI and U-Boot", () => {
  test("come to a prompt, take commands, see the guest's disk, and power off", async () => {
    using folder = applianceFolder({ "appliance.yaml": manifest("image: u-boot, memory: 128MiB, disks: { system: block.part }"), "disk.img": Buffer.alloc(4 * MIB, "what is on the disk") });
    const said: string[] = [];
    const { output, status, events } = await runAppliance(folder.path, {
      limitMs: LIMIT_MS,
      during: async (_, line, ended) => {
        await prompt(line);
        for (const command of ["version", "bdinfo", "virtio info", "virtio read 0x81000000 0 2", "md.b 0x81000000 20", "sleep 1", "nosuch"]) said.push(await at(line, command));
        line.type("poweroff\n");
        await ended();
      },
    });
    expect(output).toMatch(/^\r?\nOpenSBI v\d/);
    for (const words of [/Platform HART Count +: 1\r\n/, /Platform IPI Device +: aclint-mswi\r\n/, /Platform Timer Device +: aclint-mtimer @ 10000000Hz\r\n/, /PMP Count +: 16\r\n/, /Next Address +: 0x0000000080200000\r\n/, /Next Mode +: S-mode\r\n/]) expect(output).toMatch(words);
    const [version, bdinfo, virtio, read, dump, , unknown] = said;
    expect(version).toMatch(/U-Boot \d{4}\.\d\d/);
    expect(bdinfo).toContain("-> size     = 0x0000000008000000");
    expect(virtio).toContain("Device 0: BLWK VirtIO Block Device");
    expect(virtio).toContain("Capacity: 4.0 MB");
    expect(read).toContain("2 blocks read: OK");
    expect(dump).toContain("what is on the d");
    expect(unknown).toContain("Unknown command 'nosuch'");
    expect([status, events.find(({ event, guest, state }) => event === "guest" && guest === "g" && state === "poweroff")]).toMatchObject([0, { status: 0 }]);
  });

  test("a reset by U-Boot is one, which is told", async () => {
    using folder = applianceFolder({ "appliance.yaml": manifest("image: u-boot, memory: 128MiB"), "disk.img": Buffer.alloc(MIB) });
    const { status } = await runAppliance(folder.path, {
      limitMs: LIMIT_MS,
      during: async (_, line, ended) => {
        await prompt(line);
        line.type("reset\n");
        await ended();
      },
    });
    expect(status).toBe(81);
  });
});

describe.skipIf(installed === undefined || !linux.ok || linux.value === undefined)("Debian's kernel", () => {
  let files: { firmware: Uint8Array; uboot: Uint8Array; kernel: Uint8Array; initramfs: Uint8Array };
  beforeAll(() => {
    const read = readFirmware(installed!), image = linux.ok ? composeLinux(linux.value!, { command: "nproc; sleep 0.3; cat /proc/interrupts; exit 9" }) : linux;
    if (!read.ok || !image.ok) throw new Error("the set-up's files are damaged");
    files = { firmware: read.value.firmware, uboot: read.value.kernel, kernel: image.value.kernel, initramfs: image.value.initramfs };
  });

  test.each([1, 2])("above OpenSBI reaches user space, on %d harts", async (cpus) => {
    const yaml = manifest(`image: { firmware: opensbi, kernel: Image, initrd: initramfs }, memory: 192MiB, cpus: ${cpus}, cmdline: "${CMDLINE}"`);
    using folder = applianceFolder({ "appliance.yaml": yaml, opensbi: files.firmware, Image: files.kernel, initramfs: files.initramfs, "disk.img": Buffer.alloc(MIB) });
    const { output, status } = await runAppliance(folder.path, { limitMs: LIMIT_MS });
    expect(output).toContain("OpenSBI v");
    expect(output).toMatch(new RegExp(`^${cpus}\\r?$`, "m"));
    expect(output).toMatch(/riscv-timer/);
    expect(status).toBe(9);
  });

  test("is read from a disk and booted by U-Boot", async () => {
    const sectors = (bytes: Uint8Array): number => Math.ceil(bytes.length / SECTOR), hex = (n: number): string => n.toString(16);
    const disk = Buffer.alloc((sectors(files.kernel) + sectors(files.initramfs)) * SECTOR);
    disk.set(files.kernel);
    disk.set(files.initramfs, sectors(files.kernel) * SECTOR);
    using folder = applianceFolder({ "appliance.yaml": manifest("image: u-boot, memory: 256MiB, disks: { system: block.part }"), "disk.img": disk });
    const { output, status } = await runAppliance(folder.path, {
      limitMs: LIMIT_MS,
      during: async (_, line, ended) => {
        await prompt(line);
        await at(line, `setenv bootargs '${CMDLINE}'`);
        await at(line, "virtio info");
        // U-Boot asks for all of it at once, whatever the disk says of its limits.
        await at(line, `virtio read 0x84000000 0 0x${hex(sectors(files.kernel))}`);
        await at(line, `virtio read 0x88000000 0x${hex(sectors(files.kernel))} 0x${hex(sectors(files.initramfs))}`);
        line.type(`booti 0x84000000 0x88000000:0x${hex(files.initramfs.length)} \${fdtcontroladdr}\n`);
        await until("the guest's command runs", () => line.output.includes("riscv-timer"), LIMIT_MS);
        await ended();
      },
    });
    expect(output).toContain("Starting kernel ...");
    expect(output).toMatch(/riscv-timer/);
    expect(status).toBe(9);
  });
});
