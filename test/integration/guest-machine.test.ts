// The rest of a Linux guest's machine, with the servers that work it: a clock that is right and rings, a balloon, a suspension, and a display with keyboard and tablet.
import { describe, expect, test, vi } from "vitest";
import type { InputBackend } from "../../core/host/backend.ts";
import { parseInputScript, playInputScript } from "../../core/host/input-script.ts";
import { createPicture } from "../../core/host/picture.ts";
import { findLinux } from "../../guests/linux/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { applianceFolder, Line, manifestWith, pause, runAppliance, until, withoutKernel } from "../support/appliance-run.ts";
import { assembleGuest } from "../support/hostile-guest.ts";
import { BAR, withFont } from "./display/desk.ts";

const LIMIT_MS = 150_000;
vi.setConfig({ testTimeout: 2 * LIMIT_MS });
const installed = findLinux(findPackage().record);
const hasLinux = installed.ok && installed.value !== undefined;
const hasModules = installed.ok && (installed.value?.deviceModules ?? []).length > 0;

const WALL = "{ image: { server: timer }, cpu: { priority: 199 }, use: { regs: platform.rtc0.regs, irq: platform.rtc0.irq }, offer: { timer: Timer } }";
const DRIVER = (device: string, server: string, as: string): string => `{ image: { server: ${server} }, cpu: { priority: 190 }, use: { regs: platform.${device}.regs, irq: platform.${device}.irq, iospace: platform.${device}.iospace }, offer: { ${as} } }`;
const SIZE = { width: 800, height: 600 };
const DISPLAY = {
  gpu: DRIVER("gpu0", "gpu", "display: DisplayDriver"),
  keyboard: DRIVER("kbd0", "input", "input: InputDriver"),
  tablet: DRIVER("tab0", "input", "input: InputDriver"),
  display: "{ image: { server: display }, cpu: { priority: 180 }, memory: 16MiB, use: { gpu: gpu.display, keyboard: keyboard.input, tablet: tablet.input }, offer: { display: Display } }",
};
const DISK = {
  blk: "{ image: { server: blk }, cpu: { priority: 190 }, use: { regs: platform.blk0.regs, irq: platform.blk0.irq, iospace: platform.blk0.iospace }, offer: { disk: BlockDriver } }",
  block: "{ image: { server: block }, memory: 32MiB, cpu: { priority: 185 }, use: { disk: blk.disk }, offer: { all: Block }, args: { all: { first: 0, sectors: 8192 } } }",
};
const NIC = DRIVER("net0", "nic", "card: NicDriver");
const guestLine = (more: string, image = "linux", memory = "128MiB"): string => `guests:\n  g: { image: ${image}, memory: ${memory}, console: console.console, ${more} }\n`;
/** Without what the kernel says before the command begins. */
const said = withoutKernel;

describe("a guest's clock", () => {
  test.skipIf(!hasLinux)("is right when Linux is up, and is its first", async () => {
    using folder = applianceFolder({ "appliance.yaml": manifestWith({ wall: WALL }, "256MiB") + guestLine("clock: wall.timer") });
    const before = Math.floor(Date.now() / 1000);
    const { output, status } = await runAppliance(folder.path, { exec: "date +%s; cat /sys/class/rtc/rtc0/since_epoch /sys/class/rtc/rtc0/hctosys; hwclock -w -u && echo written; cat /sys/class/rtc/rtc0/since_epoch", limitMs: LIMIT_MS });
    const [system, clock, hctosys, , later] = said(output).split("\n");
    // Linux reads its clock in whole seconds, and takes it to be in the middle of one.
    for (const [seconds, early] of [[system, 0.5], [clock, 0], [later, 0]] as const) {
      expect(Number(seconds)).toBeGreaterThanOrEqual(before);
      expect(Number(seconds)).toBeLessThanOrEqual(Date.now() / 1000 + early);
    }
    expect([hctosys, status]).toEqual(["1", 0]);
  });

  test("wakes a guest that waits for nothing else by its alarm, through the interrupt controller", async () => {
    // Sets an alarm 50 ms from now, waits without a timer, claims the interrupt, and says by the firmware which it was and whether it came too early.
    const image = assembleGuest(`
      li s0, 0x101000
      lwu s1, 0(s0)
      lwu t0, 4(s0)
      slli t0, t0, 32
      or s1, s1, t0
      li t0, 50000000
      add s1, s1, t0
      srli t0, s1, 32
      sw t0, 12(s0)
      sw s1, 8(s0)
      li t0, 1
      sw t0, 16(s0)
      li s2, 0x0c000000
      sw t0, 44(s2)
      li t0, 0x800
      li t1, 0x0c002000
      sw t0, 0(t1)
      li t0, 0x200
      csrs sie, t0
      wfi
      li t1, 0x0c200004
      lwu s3, 0(t1)
      lwu t2, 0(s0)
      lwu t0, 4(s0)
      slli t0, t0, 32
      or t2, t2, t0
      sltu t0, t2, s1
      addi a0, s3, 54
      add a0, a0, t0
      li a7, 1
      ecall
      li a7, 8
      ecall
    `);
    using folder = applianceFolder({ "appliance.yaml": manifestWith({ wall: WALL }) + guestLine("clock: wall.timer, input: false", "{ kernel: g.image }", "16MiB"), "g.image": image });
    const { output, status } = await runAppliance(folder.path, { limitMs: LIMIT_MS });
    expect([output, status]).toEqual(["A", 0]);
  });
});

test.skipIf(!hasLinux)("Linux suspends to RAM, and goes on where it was when somebody types; its clock has gone on", async () => {
  using folder = applianceFolder({ "appliance.yaml": manifestWith({ wall: WALL }, "256MiB") + guestLine("clock: wall.timer") });
  const line = new Line();
  await runAppliance(folder.path, {
    line, limitMs: LIMIT_MS,
    async during() {
      await until("there is a shell", () => line.output.includes("guest:~#"), LIMIT_MS);
      line.type("cat /sys/power/mem_sleep; x=5; (sleep 1; echo back''ground) & echo mem >/sys/power/state; echo aw''ake $x $(($(date +%s) - $(cat /sys/class/rtc/rtc0/since_epoch)))\n");
      await until("it sleeps", () => line.output.includes("Suspending console"), LIMIT_MS);
      const asleep = line.output.length;
      await pause(3000);
      expect(line.output.slice(asleep)).not.toContain("awake");
      expect(line.output).not.toContain("background");
      line.type("echo still ''here\n");
      await until("it is awake and well", () => /awake 5 -?[01]\r?\n[^]*still here/.test(line.output) && line.output.includes("background"), LIMIT_MS);
      expect(line.output).toContain("s2idle [deep]");
    },
  });
});

describe.skipIf(!hasModules)("a guest with every device there is", () => {
  withFont("suspends, is woken by a key and not by the pointer, and has disk, network, balloon and keyboard back (Linux's driver of the GPU is not made for it)", async () => {
    const platform = "320MiB, display: { width: 800, height: 600 }, disks: { blk0: { file: disk.img } }, networks: { net0: { user: {} } }";
    const guest = guestLine("clock: wall.timer, display: display.display, balloon: 16MiB, disks: { d: block.all }, ports: { p: nic.card }");
    using folder = applianceFolder({ "disk.img": new Uint8Array(8 * 2 ** 20), "appliance.yaml": manifestWith({ wall: WALL, ...DISK, nic: NIC, ...DISPLAY }, platform) + guest });
    const { line, picture, input, script } = desk();
    const held = "grep -E 'balloon_(in|de)flate' /proc/vmstat | while read -r _ n; do echo balloon $n; done";
    const { events } = await runAppliance(folder.path, {
      line, picture, input, limitMs: 2 * LIMIT_MS,
      async during() {
        await until("there is a shell", () => line.output.includes("guest:~#"), LIMIT_MS);
        line.type("ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; ping -c 1 -q 10.0.2.2 | grep received; echo on disk >/dev/vda; sync; echo mem >/sys/power/state; echo aw''ake\n");
        await until("it sleeps", () => line.output.includes("Suspending console"), LIMIT_MS);
        const asleep = line.output.length;
        await pause(1000);
        script("move 400 300");
        await pause(2000);
        expect(line.output.slice(asleep)).not.toContain("awake");
        script("key x");
        await until("it is awake", () => line.output.includes("awake"), LIMIT_MS);
        line.type(`ping -c 1 -q 10.0.2.2 | grep received; echo 3 >/proc/sys/vm/drop_caches; head -n 1 /dev/vda; ${held}; (dd if=/dev/input/event0 bs=24 count=2 of=/tmp/key 2>/dev/null; hexdump -v -s 16 -e '1/2 "%d " 1/2 "%d " 1/4 "%d\\n" 16/1 ""' /tmp/key) & sleep 2; echo al''l\n`);
        await until("all are used", () => line.output.includes("all\r\n"), LIMIT_MS);
        script("press y");
        await until("the key is there", () => line.output.includes("1 21 1\r\n"));
      },
    });
    expect(line.output.match(/1 packets received/g)).toHaveLength(2);
    expect(line.output).toMatch(/on disk\r\nballoon 8192\r\nballoon 4096\r\n/);
    expect(events.filter(({ event }) => event === "fault" || event === "log")).toEqual([]);
  });
});

/** Who sits before the machine. */
function desk() {
  const picture = createPicture(SIZE.width, SIZE.height), line = new Line();
  let send: Parameters<InputBackend["onInput"]>[0] = () => {};
  const input: InputBackend = { onInput: (callback) => void (send = callback) };
  const script = (text: string): void => playInputScript(parseInputScript(text, SIZE)).onInput((device, events) => send(device, events));
  return { picture, line, input, script };
}

test.skipIf(!hasModules)("a balloon takes what the manifest says from a guest, and the operator is told what is left", async () => {
  using folder = applianceFolder({ "appliance.yaml": manifestWith({}, "256MiB") + guestLine("balloon: 24MiB") });
  const { output, status, events } = await runAppliance(folder.path, { exec: "until [ $(grep -c . /sys/module/virtio_balloon/refcnt) = 1 ]; do :; done; sleep 2; grep -E 'balloon_(in|de)flate' /proc/vmstat; grep MemTotal /proc/meminfo", limitMs: LIMIT_MS });
  expect(said(output)).toMatch(/^balloon_inflate 6144\nballoon_deflate 0\nMemTotal/);
  const total = Number(/MemTotal: +(\d+) kB/.exec(output)![1]);
  const told = events.filter(({ event, state }) => event === "guest" && state === "balloon");
  expect(told).toEqual([expect.objectContaining({ guest: "g", balloon: 24 * 2 ** 20, free: expect.any(Number), total: total * 1024 })]);
  expect(told[0]!["free"]).toBeLessThan(total * 1024 - 24 * 2 ** 20);
  expect(status).toBe(0);
});

describe.skipIf(!hasModules)("a guest's display", () => {
  withFont("is a window: what Linux draws is seen there, what is typed and pointed at there is Linux's", async () => {
    using folder = applianceFolder({ "appliance.yaml": manifestWith(DISPLAY, "256MiB, display: { width: 800, height: 600 }") + guestLine("display: display.display") });
    const { line, picture, input, script } = desk();
    // Who has not opened the device yet hears nothing of before.
    const events = (word: string, device: number, count: number): string =>
      `dd if=/dev/input/event${device} bs=24 count=${count} of=/tmp/${word} 2>/dev/null & sleep 1; echo ${word}; wait; hexdump -v -s 16 -e '1/2 "%d " 1/2 "%d " 1/4 "%d\\n" 16/1 ""' /tmp/${word}`;
    const exec = [
      "cat /sys/class/graphics/fb0/virtual_size; echo 0 >/sys/class/graphics/fbcon/cursor_blink; printf '\\033[?25l\\033[2J' >/dev/tty1",
      "printf '\\377\\200\\001\\000' >/tmp/a; i=0; while [ $i -lt 15 ]; do cat /tmp/a /tmp/a >/tmp/b; mv /tmp/b /tmp/a; i=$((i + 1)); done",
      "dd if=/tmp/a of=/dev/fb0 bs=3200 seek=100 2>/dev/null; echo drawn",
      events("keys", 0, 4),
      events("pointer", 1, 3),
      events("button", 1, 2),
      "echo gone >/dev/tty1; echo written; sleep 1",
    ].join("\n");
    const { output, status } = await runAppliance(folder.path, {
      line, picture, input, exec, limitMs: LIMIT_MS,
      async during(_system, _line, ended) {
        await until("it has drawn", () => line.output.includes("drawn\n"), LIMIT_MS);
        // 32768 pixels from row 100 on: 40 rows, and 768 pixels of the next.
        await until("that is seen", () => picture.at(767, BAR + 140) === 0x0180ff);
        const colours = (top: number, rows: number, width = SIZE.width): Set<number> => new Set(Array.from({ length: rows * width }, (_, i) => picture.at(i % width, BAR + top + Math.floor(i / width))));
        expect(colours(100, 40)).toEqual(new Set([0x0180ff]));
        expect([...colours(0, 100), ...colours(141, 400), picture.at(768, BAR + 140)]).toEqual([0, 0, 0]);
        await until("it listens", () => line.output.includes("keys\n"), LIMIT_MS);
        script("key a");
        await until("it listens to the pointer", () => line.output.includes("pointer\n"), LIMIT_MS);
        script("move 799 599");
        await until("it listens to a button", () => line.output.includes("button\n"), LIMIT_MS);
        script("press left");
        await until("it writes", () => line.output.includes("written\n"), LIMIT_MS);
        await until("letters are seen", () => colours(0, 100).size > 1);
        await ended();
      },
    });
    const lines = said(output).split("\n");
    expect(lines[0]).toBe("800,576");
    const after = (word: string): string[] => lines.slice(lines.indexOf(word) + 1);
    expect(after("keys").slice(0, 4)).toEqual(["1 30 1", "0 0 0", "1 30 0", "0 0 0"]);
    // Linux leaves out what has not changed.
    expect(after("pointer").slice(0, 3)).toEqual(["3 0 32767", "3 1 32767", "0 0 0"]);
    expect(after("button").slice(0, 2)).toEqual(["1 272 1", "0 0 0"]);    expect(after("pointer").slice(0, 1)).toEqual(["3 0 32767"]);
    expect(status).toBe(0);
  });
});
