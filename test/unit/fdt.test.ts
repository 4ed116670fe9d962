import { describe, expect, it } from "vitest";
import { guestTree } from "../../vmm/devicetree.ts";
import { cells64, writeDeviceTree, type DeviceNode } from "../../vmm/fdt.ts";
import { GuestMap } from "../../vmm/spec.ts";

/** A reader of its own, after chapter 5 of the specification: node paths → property bytes. Throws for what is not well-formed. */
function readTree(blob: Uint8Array): Map<string, Map<string, Uint8Array>> {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const field = (n: number): number => view.getUint32(4 * n);
  const [magic, total, structure, strings, reserve, version, compatible] = [0, 1, 2, 3, 4, 5, 6].map(field) as [number, number, number, number, number, number, number];
  expect([magic, total, version, compatible, field(7)]).toEqual([0xd00d_feed, blob.length, 17, 16, 0]);
  expect([reserve % 8, structure % 4, strings + field(8)]).toEqual([0, 0, total]);
  expect(view.getBigUint64(reserve) | view.getBigUint64(reserve + 8)).toBe(0n);
  const string = (at: number): string => {
    const end = blob.indexOf(0, at);
    return new TextDecoder("latin1").decode(blob.subarray(at, end));
  };
  const nodes = new Map<string, Map<string, Uint8Array>>();
  const path: string[] = [];
  let at = structure;
  const next = (): number => {
    const word = view.getUint32(at);
    at += 4;
    return word;
  };
  for (;;) {
    const token = next();
    if (token === 1) {
      const name = string(at);
      at = (at + name.length + 4) & ~3;
      path.push(name);
      const key = path.length === 1 ? "/" : path.join("/");
      expect(nodes.has(key)).toBe(false);
      nodes.set(key, new Map());
    } else if (token === 2) {
      path.pop();
    } else if (token === 3) {
      const length = next();
      const name = string(strings + next());
      nodes.get(path.length === 1 ? "/" : path.join("/"))!.set(name, blob.subarray(at, at + length));
      at = (at + length + 3) & ~3;
    } else {
      expect([token, path.length, at]).toEqual([9, 0, structure + field(9)]);
      return nodes;
    }
  }
}

const cells = (bytes: Uint8Array | undefined): number[] => {
  const view = new DataView(bytes!.buffer, bytes!.byteOffset, bytes!.byteLength);
  return Array.from({ length: bytes!.length / 4 }, (_, i) => view.getUint32(4 * i));
};
const texts = (bytes: Uint8Array | undefined): string[] => new TextDecoder("latin1").decode(bytes).split("\0").slice(0, -1);

describe("device tree blobs", () => {
  it("read back as what was written, for every kind of value", () => {
    const tree: DeviceNode = {
      name: "",
      properties: { empty: true, cell: 0xffff_ffff, cells: [1, 2, ...cells64(0x1_2345_6789)], text: "a", texts: ["one", "", "three"], bytes: Uint8Array.of(1, 2, 3) },
      children: [
        { name: "child@1", properties: { cell: 7 }, children: [{ name: "deep", properties: {} }] },
        { name: "child@2", properties: { text: "" } },
      ],
    };
    const nodes = readTree(writeDeviceTree(tree));
    expect([...nodes.keys()]).toEqual(["/", "/child@1", "/child@1/deep", "/child@2"]);
    const root = nodes.get("/")!;
    expect(root.get("empty")).toHaveLength(0);
    expect(cells(root.get("cell"))).toEqual([0xffff_ffff]);
    expect(cells(root.get("cells"))).toEqual([1, 2, 1, 0x2345_6789]);
    expect(texts(root.get("texts"))).toEqual(["one", "", "three"]);
    expect([...root.get("bytes")!]).toEqual([1, 2, 3]);
    expect(cells(nodes.get("/child@1")!.get("cell"))).toEqual([7]);
    expect([...nodes.get("/child@2")!.get("text")!]).toEqual([0]);
  });

  it("are the same bytes for the same tree, and grow beyond any first guess", () => {
    const big: DeviceNode = { name: "", properties: { data: new Uint8Array(100_000).fill(5) }, children: Array.from({ length: 300 }, (_, i) => ({ name: `n@${i}`, properties: { i } })) };
    expect(writeDeviceTree(big)).toEqual(writeDeviceTree(big));
    expect(readTree(writeDeviceTree(big)).size).toBe(301);
  });

  it("replace what is not Latin-1, so that a command line cannot end a string early", () => {
    expect(texts(readTree(writeDeviceTree({ name: "", properties: { text: "a\u0100b" } })).get("/")!.get("text"))).toEqual(["a?b"]);
  });
});

describe("the guest's device tree", () => {
  const options = { name: "g", ramBytes: 256 * 1024 * 1024, cmdline: "console=ttyS0 panic=-1", virtioSlots: [0, 1, 2] };
  const full = readTree(writeDeviceTree(guestTree({ ...options, initrd: { address: 0x8800_0000, bytes: 0x1234 }, seeds: { rng: new Uint8Array(32).fill(1), kaslr: new Uint8Array(8).fill(2) } })));

  it("describes memory, hart and clock", () => {
    expect(cells(full.get("/memory@80000000")!.get("reg"))).toEqual([0, 0x8000_0000, 0, 0x1000_0000]);
    expect(cells(full.get("/cpus")!.get("timebase-frequency"))).toEqual([10_000_000]);
    const cpu = full.get("/cpus/cpu@0")!;
    expect(texts(cpu.get("riscv,isa"))).toEqual(["rv64imafdc_zicntr_zicsr_zifencei"]);
    expect(texts(cpu.get("riscv,isa-extensions"))).toEqual(["i", "m", "a", "f", "d", "c", "zicntr", "zicsr", "zifencei"]);
    expect(texts(cpu.get("mmu-type"))).toEqual(["riscv,sv39"]);
  });

  it("wires every device to the interrupt controller, and that to the hart's supervisor external interrupt", () => {
    const plic = full.get("/soc/interrupt-controller@c000000")!;
    const [intc, line] = cells(plic.get("interrupts-extended"));
    expect(cells(full.get("/cpus/cpu@0/interrupt-controller")!.get("phandle"))).toEqual([intc]);
    expect(line).toBe(9);
    expect(cells(full.get("/soc")!.get("interrupt-parent"))).toEqual(cells(plic.get("phandle")));
    expect(cells(plic.get("reg"))).toEqual([0, GuestMap.PLIC.base, 0, GuestMap.PLIC.bytes]);
    expect(cells(full.get("/soc/serial@10000000")!.get("interrupts"))).toEqual([10]);
    for (const slot of [0, 1, 2]) {
      const node = full.get(`/soc/virtio@1000${slot + 1}000`)!;
      expect(cells(node.get("interrupts"))).toEqual([1 + slot]);
      expect(cells(node.get("reg"))).toEqual([0, 0x1000_1000 + slot * 0x1000, 0, 0x1000]);
    }
  });

  it("describes each of several harts, and a context of the interrupt controller for it", () => {
    const many = readTree(writeDeviceTree(guestTree({ ...options, cpus: 8 })));
    const handles = Array.from({ length: 8 }, (_, hart) => {
      expect(cells(many.get(`/cpus/cpu@${hart}`)!.get("reg"))).toEqual([hart]);
      return cells(many.get(`/cpus/cpu@${hart}/interrupt-controller`)!.get("phandle"))[0]!;
    });
    const plic = many.get("/soc/interrupt-controller@c000000")!;
    expect(cells(plic.get("interrupts-extended"))).toEqual(handles.flatMap((handle) => [handle, 9]));
    expect(new Set([...handles, ...cells(plic.get("phandle"))]).size).toBe(9);
    expect(many.has("/cpus/cpu@8")).toBe(false);
  });

  it("says command line, initramfs and seeds in /chosen, and leaves out what there is not", () => {
    const chosen = full.get("/chosen")!;
    expect(texts(chosen.get("bootargs"))).toEqual([options.cmdline]);
    expect(cells(chosen.get("linux,initrd-start"))).toEqual([0, 0x8800_0000]);
    expect(cells(chosen.get("linux,initrd-end"))).toEqual([0, 0x8800_1234]);
    expect([...chosen.get("rng-seed")!]).toEqual(Array(32).fill(1));
    expect(chosen.get("kaslr-seed")).toHaveLength(8);
    expect(full.has(texts(chosen.get("stdout-path"))[0]!)).toBe(true);
    const bare = readTree(writeDeviceTree(guestTree({ ...options, virtioSlots: [] })));
    expect([...bare.get("/chosen")!.keys()]).toEqual(["bootargs", "stdout-path"]);
    expect([...bare.keys()].filter((path) => path.includes("virtio"))).toEqual([]);
  });
});
