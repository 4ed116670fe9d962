// Linux guests with disks and network cards that servers work: what is written is on the host's file, two guests talk through a switch and no further than its rules, and servers that
// refuse, fail or end.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { ramDisk } from "../../core/host/disk.ts";
import { findLinux } from "../../guests/linux/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { applianceFolder, Line, manifestWith, runAppliance, until, withoutKernel } from "../support/appliance-run.ts";
import { failingDisk } from "../support/disk.ts";
import { compileGuest } from "../support/hostile-guest.ts";

const LIMIT_MS = 150_000;
vi.setConfig({ testTimeout: 2 * LIMIT_MS });
const installed = findLinux(findPackage().record);
const hasLinux = installed.ok && installed.value !== undefined;

const MIB = 1024 * 1024;
const BLK = "{ image: { server: blk }, cpu: { priority: 190 }, use: { regs: platform.blk0.regs, irq: platform.blk0.irq, iospace: platform.blk0.iospace }, offer: { disk: BlockDriver } }";
const blockOf = (parts: Readonly<Record<string, string>>): string =>
  `{ image: { server: block }, memory: 32MiB, cpu: { priority: 185 }, use: { disk: blk.disk }, offer: { ${Object.keys(parts).map((part) => `${part}: Block`).join(", ")} }, args: { ${Object.entries(parts).map(([part, args]) => `${part}: ${args}`).join(", ")} } }`;
const NIC = "{ image: { server: nic }, cpu: { priority: 190 }, use: { regs: platform.net0.regs, irq: platform.net0.irq, iospace: platform.net0.iospace }, offer: { card: NicDriver } }";
const TIMER = "{ image: { server: timer }, cpu: { priority: 199 }, use: { regs: platform.alarm0.regs, irq: platform.alarm0.irq }, offer: { timer: Timer } }";
const guestLine = (name: string, more: string, essential = true): string => `  ${name}: { image: linux, memory: 96MiB, console: console.console, essential: ${essential}, ${more} }\n`;
/** Without what the kernel says before the command begins. */
const said = withoutKernel;
const machine = (memory: string, platform: string): string => `${memory}, ${platform}`;

describe.skipIf(!hasLinux)("a guest's disks", () => {
  const disks = machine("256MiB", "disks: { blk0: { file: disk.img } }");
  const guest = guestLine("g", "disks: { system: block.system, look: block.look }");
  const manifest = `${manifestWith({ blk: BLK, block: blockOf({ system: "{ first: 2048, sectors: 16384 }", look: "{ sectors: 2048, readOnly: 1 }" }) }, disks)}guests:\n${guest}`;

  test("are parts of the host's file: what is written is there, in the part and nowhere else, and one that may only be read says so", async () => {
    const before = Buffer.alloc(12 * MIB, 0x5a);
    before.write("read me", 0);
    using folder = applianceFolder({ "appliance.yaml": manifest, "disk.img": before });
    const script = [
      "cat /sys/block/vda/size /sys/block/vda/serial; echo; cat /sys/block/vdb/size /sys/block/vdb/ro; head -c 7 /dev/vdb; echo",
      "seq 0 4095 | sed 's/^/line /' >/tmp/lines",
      // In requests of all sizes, many at once and one after the other.
      "dd if=/tmp/lines of=/dev/vda bs=1k seek=3 conv=fsync 2>/dev/null; dd if=/dev/zero of=/dev/vda bs=1M seek=2 count=6 oflag=direct 2>/dev/null",
      "echo x >/dev/vdb || echo refused; blockdev --flushbufs /dev/vda; echo 3 >/proc/sys/vm/drop_caches",
      "dd if=/dev/vda bs=1k skip=3 count=40 2>/dev/null | head -n 4096 | md5sum; md5sum </tmp/lines; dd if=/dev/vda bs=1M skip=2 iflag=direct 2>/dev/null | tr -d '\\000' | wc -c",
    ];
    const { output, status, events } = await runAppliance(folder.path, { exec: script.join("\n"), limitMs: LIMIT_MS });
    const lines = said(output).split("\n");
    expect(lines.slice(0, 5)).toEqual(["16384", "system", "2048", "1", "read me"]);
    expect(output).toContain("refused\n");
    const [first, second] = output.match(/^[0-9a-f]{32}/gm)!;
    expect(first).toBe(second);
    expect([lines.at(-2), status]).toEqual(["0", 0]);
    expect(events.filter(({ event }) => event === "fault" || event === "log")).toEqual([]);
    const after = readFileSync(join(folder.path, "disk.img"));
    const text = Array.from({ length: 4096 }, (_, i) => `line ${i}\n`).join("");
    expect(after.subarray(MIB + 3072, MIB + 3072 + text.length).toString("latin1")).toBe(text);
    expect(after.subarray(3 * MIB, 9 * MIB).every((byte) => byte === 0)).toBe(true);
    // Before the part and behind it nothing has changed; nor between what was written, but for the rest of a page.
    expect(after.subarray(0, MIB).equals(before.subarray(0, MIB))).toBe(true);
    expect(after.subarray(9 * MIB).equals(before.subarray(9 * MIB))).toBe(true);
    expect(after.subarray(2 * MIB, 3 * MIB).equals(before.subarray(2 * MIB, 3 * MIB))).toBe(true);
  });

  test("that fail, fail the guest's own requests, and it goes on", async () => {
    const backend = failingDisk(ramDisk(new Uint8Array(12 * MIB)), (_, { kind, offset }) => (kind === "read" && offset >= 4 * MIB && offset < 5 * MIB ? { fail: "a scratch" } : "pass"));
    using folder = applianceFolder({ "appliance.yaml": manifest, "disk.img": new Uint8Array(12 * MIB) });
    const script = "dd if=/dev/vda of=/dev/null bs=64k skip=48 count=16 iflag=direct 2>/dev/null && echo was read; dd if=/dev/vda of=/dev/null bs=64k count=16 2>/dev/null && echo the rest is read";
    const { output, status } = await runAppliance(folder.path, { exec: script, limitMs: LIMIT_MS, disks: { blk0: backend } });
    expect([said(output), status]).toEqual(["the rest is read\n", 0]);
  });

  test("whose server does not answer keep the guest from starting, which is said; a neighbour goes on", async () => {
    const two = `${manifestWith({ bad: '{ image: { c: bad.c }, offer: { disk: Block } }' }, "320MiB")}guests:\n${guestLine("g", "disks: { d: bad.disk }", false)}${guestLine("other", "input: false")}`;
    using folder = applianceFolder({ "appliance.yaml": two, "bad.c": "#include <bailiwick.h>\nint main(void) { bw_exit(3); }\n" });
    const { output, status, events } = await runAppliance(folder.path, { execGuest: "other", exec: "sleep 1; echo on", limitMs: LIMIT_MS });
    expect(events.find(({ event, guest, state }) => event === "guest" && guest === "g" && state !== "running")).toMatchObject({ state: "unbootable", detail: expect.stringMatching(/^disk d: its block server does not answer/) });
    expect([said(output), status]).toEqual(["on\n", 0]);
  });
});

describe.skipIf(!hasLinux)("a guest's network cards", () => {
  test("an address by DHCP, a page from this computer, whole", async () => {
    const page = Buffer.alloc(3 * MIB, "a page that is long\n");
    const server = createServer((_, response) => response.end(page)).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    using folder = applianceFolder({ "appliance.yaml": `${manifestWith({ nic: NIC }, machine("256MiB", "networks: { net0: { user: { hosts: loopback } } }"))}guests:\n${guestLine("g", "ports: { lan: nic.card }")}` });
    const script = `ifconfig eth0 up; udhcpc -q -n -i eth0 >/dev/null 2>&1; ip addr show eth0 | grep -o 'inet [0-9.]*'; ping -c 1 -q 10.0.2.2 | grep received; wget -q -O - http://10.0.2.2:${port}/ | md5sum; wget -q -T 5 -O - http://10.0.2.2:${port}/ | wc -c`;
    try {
      const { output, status } = await runAppliance(folder.path, { exec: script, limitMs: LIMIT_MS });
      expect(said(output)).toMatch(new RegExp(`^inet 10\\.0\\.2\\.15\n1 packets transmitted, 1 packets received, 0% packet loss\n[0-9a-f]{32}  -\n${page.length}\n$`));
      expect(status).toBe(0);
    } finally {
      server.close();
    }
  });

  test("two guests on a switch: each its own address, what the rules let through and no more; both ways at once nothing is lost or changed", async () => {
    const switching = `{ image: { server: switch }, memory: 8MiB, slots: 512, cpu: { priority: 185 }, use: { timer: timer.timer, time: platform.cpu.time }, offer: { one: NicDriver, two: NicDriver }, args: { one: [ip 10.1.0.1, "to 10.1.0.2 tcp 80", "to 10.1.0.2 icmp", "from 10.1.0.2 tcp 90"], two: [ip 10.1.0.2, "from 10.1.0.1 tcp 80", "from 10.1.0.1 icmp", "to 10.1.0.1 tcp 90"] } }`;
    const up = (own: number): string => `ip addr add 10.1.0.${own}/24 dev eth0; ip link set eth0 up`;
    const data = 'seq 1 40000 | sed "s/^/$name /"';
    // What is typed or on a command line is shown as well, but with quotes that what is said has not; neither ends before the test does, which would be the machine's end.
    // Each sends what it has to the other, at the same time; BusyBox's nc ends with what it reads from, so who only takes reads from what never ends.
    const swap = (own: string, other: string, listen: number, ask: string): string =>
      `name=${own}; ${data} >/tmp/own; mkfifo /tmp/never; exec 9<>/tmp/never; nc -l -p ${listen} <&9 >/tmp/got & until nc ${ask} </tmp/own >/dev/null 2>&1; do sleep 1; done; wait $!; name=${other}; ${data} | cmp - /tmp/got && echo ${own} has the sa''me`;
    // At port 81 somebody listens all the time, so that it is the rules that nothing gets through.
    const serve = `${up(2)}; nc -l -p 81 & ${swap("two", "one", 80, "10.1.0.1 90")}\n`;
    const ask = [
      `${up(1)}; until ping -c 1 -W 1 -q 10.1.0.2 >/dev/null; do :; done; ${swap("one", "two", 90, "10.1.0.2 80")}; sleep 1`,
      "nc -w 2 10.1.0.2 81 </dev/null || echo not allo''wed; ip addr add 10.1.0.9/24 dev eth0; ping -c 1 -W 1 -q -I 10.1.0.9 10.1.0.2 >/dev/null || echo nor from ano''ther address; sleep 1000",
    ];
    const manifest = `${manifestWith({ timer: TIMER, switch: switching }, "384MiB")}guests:\n${guestLine("one", "ports: { lan: switch.one }", false)}${guestLine("two", "ports: { lan: switch.two }", false)}`;
    using folder = applianceFolder({ "appliance.yaml": manifest });
    const line = new Line();
    const { output, events } = await runAppliance(folder.path, {
      line, execGuest: "one", exec: ask.join("\n"), limitMs: LIMIT_MS,
      async during() {
        await until("the second has a shell", () => line.output.includes("guest:~#"), LIMIT_MS);
        line.type(`\x1d2${serve}`);
        await until("both have said what they got", () => ["one has the same", "two has the same", "nor from another address"].every((said) => line.output.includes(said)), LIMIT_MS);
      },
    });
    // The other's lines may stand between them.
    expect(output).toMatch(/not allowed\n[^]*nor from another address\n/);
    expect(events.filter(({ event }) => event === "fault")).toEqual([]);
  });
});

describe("a device of the machine that is a guest's own", () => {
  test.skipIf(!hasLinux)("Linux drives a disk and a network card itself", async () => {
    const image = Buffer.alloc(4 * MIB, 0x33);
    using folder = applianceFolder({
      "appliance.yaml": `${manifestWith({}, machine("192MiB", "disks: { blk0: { file: disk.img } }, networks: { net0: { user: { hosts: loopback } } }"))}guests:\n${guestLine("g", "devices: { disk: platform.blk0, card: platform.net0 }")}`,
      "disk.img": image,
    });
    const script = "head -c 4 /dev/vda; echo; seq 1 20000 | dd of=/dev/vda bs=4k conv=fsync 2>/dev/null; ifconfig eth0 up; udhcpc -q -n -i eth0 >/dev/null 2>&1; ping -c 2 -q 10.0.2.2 | grep received";
    const { output, status, events } = await runAppliance(folder.path, { exec: script, limitMs: LIMIT_MS });
    expect([said(output), status]).toEqual(["3333\n2 packets transmitted, 2 packets received, 0% packet loss\n", 0]);
    expect(events.filter(({ event }) => event === "dma-fault" || event === "fault")).toEqual([]);
    const text = Array.from({ length: 20000 }, (_, i) => `${i + 1}\n`).join("");
    expect(readFileSync(join(folder.path, "disk.img")).subarray(0, text.length).toString("latin1")).toBe(text);
  });

  test("reaches the guest's RAM and nothing else, whatever its driver tells it; each refusal is told to the operator", async () => {
    const guests = "  bad: { image: { kernel: bad.image }, memory: 16MiB, console: console.console, input: false, essential: true, devices: { disk: platform.blk0 } }\n  other: { image: bare, memory: 16MiB, console: console.console, cmdline: 'bailiwick.exec=mem;sv39' }\n";
    using folder = applianceFolder({ "appliance.yaml": `${manifestWith({}, machine("256MiB", "disks: { blk0: { mode: memory, size: 1MiB } }"))}guests:\n${guests}`, "bad.image": compileGuest("passed") });
    const { output, status, events } = await runAppliance(folder.path, { limitMs: LIMIT_MS });
    for (const line of ["wrote", "read back the same", "refused 23", "reached 0"]) expect(output).toContain(`passed: ${line}\n`);
    expect(status).toBe(0);
    const faults = events.filter(({ event }) => event === "dma-fault");
    expect(faults.length).toBeGreaterThanOrEqual(20);
    for (const fault of faults) expect(fault).toMatchObject({ component: "bad", device: "blk0" });
    expect(events.filter(({ event }) => event === "fault")).toEqual([]);
  });

  test("is a device behind the IOMMU, and nobody else's", async () => {
    const tried = async (devices: string, components = {}): Promise<string> => {
      using folder = applianceFolder({ "appliance.yaml": `${manifestWith(components, "96MiB")}guests:\n  g: { image: bare, memory: 16MiB, console: console.console, devices: ${devices} }\n` });
      return runAppliance(folder.path).then(() => "it ran", (error: unknown) => (error instanceof Error ? error.message : String(error)));
    };
    expect(await tried("{ clock: platform.alarm0 }")).toMatch(/there is no part of platform.alarm0 'iospace'/);
    expect(await tried("{ disk: platform.blk0 }", { blk: BLK })).toMatch(/platform\.blk0\.regs is used twice/);
    expect(await tried("{ disk: blk.disk }")).toMatch(/a device of the machine, such as platform\.blk1/);
  });
});
