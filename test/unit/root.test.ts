// The root server's arithmetic: blocks of RAM, objects of a component, addresses (MEM-1), and what a fault is called.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fault, RetypeSize } from "../../caps/abi/numbers.ts";
import { AddressMap } from "../../caps/image/system.ts";
import { environment, layOut } from "../../servers/root/layout.ts";
import { bitsFor, needBytes, objectBits, planBlocks, planUntyped, powersOf, type Need, type Piece } from "../../servers/root/memory.ts";
import { describeFault, Lives } from "../../servers/root/serve.ts";
import type { BootFileEntry } from "../../servers/root/bootinfo.ts";
import { writeElf } from "../support/elf-file.ts";
import { component } from "../support/root-system.ts";

describe("memory", () => {
  test("bitsFor rounds up to a power of two", () => {
    expect([1, 2, 4095, 4096, 4097].map(bitsFor)).toEqual([0, 1, 12, 12, 13]);
  });

  test("powersOf splits a length, largest first", () => {
    expect(powersOf(384 * 2 ** 20)).toEqual([28, 27]);
    expect(powersOf(0)).toEqual([]);
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 20 }), (n) => powersOf(n * 2 ** 21).reduce((sum, bits) => sum + 2 ** bits, 0) === n * 2 ** 21));
  });

  const pieces = fc.array(fc.record({ bits: fc.integer({ min: 12, max: 24 }), part: fc.double({ min: 0, max: 1, noNaN: true }) }), { minLength: 1, maxLength: 6 });
  test("planned blocks are aligned, inside their piece, after what is taken, and do not meet", () => {
    fc.assert(
      fc.property(pieces, fc.array(fc.integer({ min: 12, max: 22 }), { maxLength: 12 }), (given, requests) => {
        const ram: Piece[] = given.map(({ bits, part }, i) => ({ slot: i, bits, taken: Math.floor((part * 2 ** bits) / 4096) * 4096 }));
        const blocks = planBlocks(ram, requests);
        if (!Array.isArray(blocks)) return requests[blocks.failed] !== undefined;
        // Carve them as the kernel does, in descending size.
        const mark = new Map(ram.map((p) => [p.slot, p.taken]));
        for (const { bits, from } of [...blocks].sort((a, b) => b.bits - a.bits)) {
          const end = Math.ceil(mark.get(from)! / 2 ** bits) * 2 ** bits + 2 ** bits;
          if (end > 2 ** ram[from]!.bits) return false;
          mark.set(from, end);
        }
        return blocks.length === requests.length && blocks.every((b, i) => b.bits === requests[i]);
      }),
    );
  });

  test("a request that fits nowhere is named, with the largest block there was", () => {
    expect(planBlocks([{ slot: 1, bits: 20, taken: 0 }], [12, 21])).toEqual({ failed: 1, largest: 20 });
    expect(planBlocks([{ slot: 1, bits: 20, taken: 2 ** 20 }], [12])).toEqual({ failed: 0, largest: -1 });
    expect(planBlocks([{ slot: 1, bits: 20, taken: 0 }, { slot: 2, bits: 13, taken: 0 }], [12, 20])).toEqual([{ bits: 12, from: 2 }, { bits: 20, from: 1 }]);
  });

  const need = fc.record({ kind: fc.constantFrom(...(["TCB", "Endpoint", "Notification", "PageTable", "SchedContext", "Reply", "VSpace"] as const)), sizeBits: fc.constant(0), count: fc.integer({ min: 0, max: 40 }) });
  test("what planUntyped orders fits without a gap, and what is left is smaller than its own Untyped", () => {
    fc.assert(
      fc.property(fc.integer({ min: 12, max: 22 }), fc.array(need, { maxLength: 8 }), (bits, needs: Need[]) => {
        const plan = planUntyped(bits, needs);
        if (typeof plan === "number") return plan === needBytes(needs) - 2 ** bits && plan > 0;
        let at = 0;
        for (const n of plan) {
          if (at % 2 ** objectBits(n) !== 0) return false;
          at += n.count * 2 ** objectBits(n);
        }
        const own = plan.find((n) => n.kind === "Untyped");
        const left = 2 ** bits - at;
        return at <= 2 ** bits && (own === undefined ? left < 2 ** RetypeSize.Untyped.min : left < 2 ** own.sizeBits);
      }),
    );
  });
});

const file = (name: string, bytes: number, bits = 12): BootFileEntry => ({ name, bytes, bits, address: 0x20_0000_0000, slot: 100, frames: Math.max(1, Math.ceil(bytes / 2 ** bits)) });
const filesOf = (...files: BootFileEntry[]): Map<string, BootFileEntry> => new Map(files.map((f) => [f.name, f]));
const countOf = (needs: readonly Need[], kind: Need["kind"]): number => needs.filter((n) => n.kind === kind).reduce((sum, n) => sum + n.count, 0);

describe("layout", () => {
  test("a machine program: segments by their rights, stack below its top, one table a GiB and one each 2 MiB", () => {
    const elf = writeElf(0x1_0000, [
      { address: 0x1_0000, rights: 5, bytes: new Uint8Array(5000) },
      { address: 0x1_2010, rights: 6, bytes: new Uint8Array(16), memory: 0x1ff0 },
      { address: 0x1_5000, rights: 4, bytes: new Uint8Array(1) },
    ]);
    const layout = layOut(component("m", 1, { program: { kind: "machine", file: "m" }, stack: 8192 }), filesOf(file("m", elf.length)), () => elf);
    expect(layout.areas.map(({ address, pages, rights }) => [address, pages, rights])).toEqual([
      [AddressMap.IPC_BUFFER, 1, 3], [0x1_0000, 2, 34], [0x1_2000, 2, 3], [0x1_5000, 1, 2], [AddressMap.STACK_TOP - 8192, 2, 3], [AddressMap.ARGUMENTS, 1, 2],
    ]);
    expect(layout.areas[2]!.fill).toMatchObject({ offset: 16, bytes: 16 });
    expect(layout.start).toEqual({ kind: "machine", entry: 0x1_0000 });
    expect(layout.tables).toEqual([0, 2 ** 30, 0, AddressMap.STACK_TOP - 2 ** 21, AddressMap.STACK_TOP]);
    expect(countOf(layout.needs, "Frame")).toBe(9);
    expect(countOf(layout.needs, "PageTable")).toBe(5);
    expect(layout.needs.find((n) => n.kind === "CNode")!.sizeBits).toBe(8);
  });

  test("a CSpace has the slots that the description says, out of the component's memory", () => {
    const sizes = [256, 4096, 2 ** 18].map((slots) => {
      const { needs } = layOut(component("h", 1, { slots }), filesOf(file("h.js", 1)), () => new Uint8Array(0));
      const cnode = needs.find((n) => n.kind === "CNode")!;
      return [cnode.sizeBits, 2 ** objectBits(cnode), needBytes(needs)] as const;
    });
    expect(sizes.map(([bits, bytes]) => [bits, bytes])).toEqual([[8, 8192], [12, 131_072], [18, 8 * 2 ** 20]]);
    expect(sizes[1]![2] - sizes[0]![2]).toBe((4096 - 256) * 32);
  });

  test("a hosted program: its file's own frames are its text, its environment is read-only", () => {
    const c = component("h", 1, { args: { ä: 1 }, offers: [{ name: "o", protocol: "P", gives: true, passes: false }], uses: [{ name: "disk", kind: "endpoint", from: "x", offer: 0, badge: 3, rights: 1 }] });
    const layout = layOut(c, filesOf(file("h.js", 5000)), () => new Uint8Array(0));
    expect(layout.shared.map(({ address, rights }) => [address, rights])).toEqual([[AddressMap.TEXT, 34]]);
    expect(JSON.parse(new TextDecoder().decode(environment(c)))).toEqual({ name: "h", slots: 256, use: { disk: { cap: 16, address: 0, bytes: 0, badge: 3 } }, offers: ["o"], args: { ä: 1 } });
    expect(layout.start).toEqual({ kind: "hosted", text: AddressMap.TEXT, textBytes: 5000, environmentBytes: environment(c).length });
    expect(countOf(layout.needs, "Frame")).toBe(2);
  });

  test("a text in large frames is copied into small ones", () => {
    const layout = layOut(component("h", 1), filesOf(file("h.js", 2 ** 21 + 1, 21)), () => new Uint8Array(0));
    expect(layout.shared).toEqual([]);
    expect(layout.areas.find(({ address }) => address === AddressMap.TEXT)).toMatchObject({ pages: 513, rights: 34, fill: { offset: 0, from: 0x20_0000_0000, bytes: 2 ** 21 + 1 } });
  });

  test("guest RAM and big files take tables of the GiB only", () => {
    const c = component("v", 1, {
      uses: [
        { name: "vcpu", kind: "vcpu" },
        { name: "ram", kind: "ram", bytes: 2 ** 30, address: AddressMap.BIG_REGIONS, guestPhysical: 0x8000_0000 },
        { name: "kernel", kind: "file", file: "k", address: AddressMap.BIG_REGIONS + 2 ** 30, bytes: 3 * 2 ** 20 },
      ],
    });
    const layout = layOut(c, filesOf(file("v.js", 1), file("k", 3 * 2 ** 20, 21)), () => new Uint8Array(0));
    const low = layout.tables.filter((address) => address < AddressMap.BIG_REGIONS).length;
    expect(layout.tables.length - low).toBe(2);
    expect(countOf(layout.needs, "VCPU")).toBe(1);
  });

  test("each use of a VCPU is one, made by itself", () => {
    const c = component("v", 1, { uses: [0, 1, 2].map((n) => ({ name: `vcpu${n}`, kind: "vcpu" as const })) });
    const layout = layOut(c, filesOf(file("v.js", 1)), () => new Uint8Array(0));
    expect(layout.needs.filter(({ kind }) => kind === "VCPU").map(({ count }) => count)).toEqual([1, 1, 1]);
  });

  test("a text that would reach its environment is refused", () => {
    expect(() => layOut(component("h", 1), filesOf(file("h.js", AddressMap.ENVIRONMENT)), () => new Uint8Array(0))).toThrow(/too long/);
  });
});

describe("what the operator is told", () => {
  const message = (label: number, ...words: number[]): { label: number; word(i: number): number } => ({ label, word: (i) => words[i] ?? 0 });
  test.each([
    [message(Fault.VMFault, 4, 0x2000, 2), { kind: "VMFault", pc: 4, address: 0x2000, reason: "store at 0x2000, which is not mapped for that" }],
    [message(Fault.UserException, 4, 2, 9), { kind: "UserException", pc: 4, address: 9, reason: expect.stringContaining("illegal") }],
    [message(Fault.UserException, 4, 77, 9), { kind: "UserException", reason: "exception 77" }],
    [message(Fault.UnknownSyscall, 4, 99, 1), { kind: "UnknownSyscall", reason: "system call 99 does not exist" }],
    [message(Fault.Capability, 4, 3), { kind: "Capability", reason: expect.stringContaining("capability 3") }],
    [message(Fault.Timeout, 4, 500), { kind: "Timeout", reason: "used up its budget (500 us)" }],
    [message(1234, 4), { kind: "fault 1234", reason: "unknown" }],
  ])("fault %#", (given, expected) => {
    expect(describeFault(given)).toMatchObject(expected);
  });

  test("the appliance ends once: with an essential component's status, or with 0 when nobody is left", () => {
    const ends: unknown[] = [];
    const essential = new Lives([1, 2], (e) => ends.push(e));
    essential.ended(2, false, 9);
    expect(ends).toEqual([]);
    essential.ended(1, true, 5);
    essential.ended(1, true, 6);
    expect(ends).toEqual([{ event: "end", status: 5 }]);
    const all: unknown[] = [];
    const plain = new Lives([1, 2], (e) => all.push(e));
    plain.ended(1, false, 9);
    plain.ended(1, false, 9);
    expect(all).toEqual([]);
    plain.ended(2, false, 9);
    expect(all).toEqual([{ event: "end", status: 0 }]);
  });
});
