// What Debian's dtc makes of the trees that guests are given, by every check that it has.
import { describe, expect, it } from "vitest";
import { guestTree, type TreeOptions } from "../../vmm/devicetree.ts";
import { writeDeviceTree, type DeviceNode } from "../../vmm/fdt.ts";
import { outsideTool } from "../support/outside.ts";

const dtc = outsideTool("dtc", "--version");
/** Those that dtc leaves out by default. */
const STRICT = ["property_name_chars_strict", "node_name_chars_strict", "node_name_vs_property_name", "unique_unit_address_if_enabled"];

/** The tree as dtc's source, and what it warns of. */
function read(root: DeviceNode): { readonly status: number | null; readonly source: string; readonly warnings: string } {
  const { status, stdout, stderr } = dtc.run(["-I", "dtb", "-O", "dts", ...STRICT.flatMap((check) => ["-W", check]), "-"], { input: writeDeviceTree(root) });
  return { status, source: stdout, warnings: stderr };
}

describe.skipIf(!dtc.there)("the device tree, as dtc reads it", () => {
  const least: TreeOptions = { name: "g", ramBytes: 16 * 1024 * 1024, cmdline: "", virtioSlots: [] };
  const all: TreeOptions = {
    name: "a-guest", ramBytes: 2 ** 33, cmdline: 'console=hvc0 panic=-1 x="y z"', rtc: true, virtioSlots: Array.from({ length: 24 }, (_, slot) => slot),
    initrd: { address: 0x1_8000_0000, bytes: 0x1234 }, seeds: { rng: new Uint8Array(32).fill(1), kaslr: new Uint8Array(8).fill(2) },
  };

  it.each([
    ["with no more than it must have", least],
    ["with every device", all],
    ["with a clock alone", { ...least, rtc: true }],
    ["with four harts", { ...least, cpus: 4 }],
    ["with a machine mode", { ...all, machineMode: true, cpus: 3 }],
    ["with consoles, a disk and a network card", { ...least, virtioSlots: [0, 1, 4, 12] }],
  ])("is free of warnings %s", (_, options) => {
    const { status, source, warnings } = read(guestTree(options));
    expect([status, warnings]).toEqual([0, ""]);
    expect(source.match(/compatible = "virtio,mmio"/g) ?? []).toHaveLength(options.virtioSlots.length);
    expect(source.includes('rtc@101000 {\n\t\t\tcompatible = "google,goldfish-rtc"')).toBe(options.rtc === true);
  });

  it("would not be with an address without registers, or an interrupt without a controller", () => {
    const tree = guestTree(least);
    const wrong: DeviceNode = { ...tree, children: [...tree.children!, { name: "serial@5", properties: {} }, { name: "other", properties: { interrupts: 1 } }] };
    expect(read(wrong).warnings).toMatch(/unit_address_vs_reg.*serial@5[^]*interrupts_property.*other/);
  });
});
