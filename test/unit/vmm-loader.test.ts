import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkKernel, IMAGE_HEAD_BYTES } from "../../vmm/image.ts";
import { initrdLength, planLayout } from "../../vmm/loader.ts";
import { MIB } from "../../vmm/sizes.ts";
import { linuxImage } from "../support/kernel-image.ts";

const check = (file: Uint8Array) => checkKernel(file.subarray(0, IMAGE_HEAD_BYTES), file.length);
const reason = (file: Uint8Array): string => {
  const result = check(file);
  return result.ok ? "ok" : result.reason;
};

describe("kernel images", () => {
  it("say where they want to be and how much memory they take", () => {
    expect(check(linuxImage({ textOffset: 2 * MIB, imageSize: 3 * MIB, fileBytes: MIB }))).toEqual({ ok: true, textOffset: 2 * MIB, memoryBytes: 3 * MIB });
    expect(check(linuxImage({ imageSize: 0, fileBytes: 5000 }))).toMatchObject({ ok: true, memoryBytes: 5000 });
  });

  it("are refused with the reason when they are missing, damaged or for another machine", () => {
    expect(reason(new Uint8Array(0))).toBe("the kernel image is empty");
    expect(reason(new Uint8Array(63))).toBe("the kernel image has only 63 bytes");
    expect(reason(new Uint8Array(4096))).toContain("damaged or not one for RISC-V");
    expect(reason(Uint8Array.of(0x1f, 0x8b, ...new Uint8Array(100)))).toContain("gzip-compressed");
    expect(reason(linuxImage({ flags: 1 }))).toContain("big-endian");
    expect(reason(linuxImage({ textOffset: 4096 }))).toContain("text offset 0x1000 is not a multiple of 2 MiB");
    expect(reason(linuxImage({ imageSize: 100, fileBytes: 8192 }))).toContain("its header says 100 bytes, the file has 8192");
  });

  it("are refused when they are cut off: their PE header tells", () => {
    expect(check(linuxImage({ fileBytes: 20_000, sectionsEnd: 20_000 })).ok).toBe(true);
    expect(reason(linuxImage({ fileBytes: 19_999, sectionsEnd: 20_000 }))).toBe("the kernel image is cut off: it has 19999 bytes of at least 20000");
  });

  it("whatever the bytes: an answer, no exception", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 300 }), fc.nat(2 ** 31), fc.boolean(), (noise, at, keep) => {
        const file = keep ? linuxImage({ fileBytes: 1000, sectionsEnd: 900 }) : new Uint8Array(1000);
        file.set(noise, Math.min(at % 1000, 1000 - noise.length));
        expect(typeof check(file).ok).toBe("boolean");
      }),
    );
  });
});

describe("the layout of a guest's RAM", () => {
  const kernel = { textOffset: 2 * MIB, memoryBytes: 30 * MIB };

  it("puts the kernel low, initramfs and device tree at the top, page-aligned and apart", () => {
    const layout = planLayout(64 * MIB, kernel, 5 * MIB + 1, 3000);
    if (!layout.ok) throw new Error(layout.reason);
    expect(layout.kernel).toBe(0x8020_0000);
    expect([layout.initrd % 4096, layout.tree % 4096]).toEqual([0, 0]);
    expect(layout.tree + 3000).toBeLessThanOrEqual(0x8000_0000 + 64 * MIB);
    expect(layout.initrd + 5 * MIB + 1).toBeLessThanOrEqual(layout.tree);
    expect(layout.initrd).toBeGreaterThanOrEqual(0x8000_0000 + 32 * MIB);
  });

  it("says how much RAM is needed when the initramfs or the kernel does not fit", () => {
    expect(planLayout(36 * MIB, kernel, 8 * MIB, 3000)).toEqual({
      ok: false,
      reason: "an initramfs of 8 MiB, beside a kernel of 30 MiB, does not fit in 36 MiB of RAM: needs at least 42 MiB",
    });
    expect(planLayout(16 * MIB, kernel, 0, 3000)).toEqual({ ok: false, reason: "a kernel of 30 MiB does not fit in 16 MiB of RAM: needs at least 34 MiB" });
  });

  it("never overlaps, and fits exactly when it says so", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 40 * MIB }), fc.integer({ min: 0, max: 40 * MIB }), fc.integer({ min: 1, max: 10_000 }), (ramUnits, memoryBytes, initrd, tree) => {
        const ram = ramUnits * 2 * MIB;
        const layout = planLayout(ram, { textOffset: 2 * MIB, memoryBytes }, initrd, tree);
        if (layout.ok) {
          const base = 0x8000_0000;
          expect(base + 2 * MIB + memoryBytes).toBeLessThanOrEqual(layout.initrd);
          expect(layout.initrd + initrd).toBeLessThanOrEqual(layout.tree);
          expect(layout.tree + tree).toBeLessThanOrEqual(base + ram);
        } else {
          const needed = Number(/at least (\d+) MiB/.exec(layout.reason)![1]) * MIB;
          expect(needed).toBeGreaterThan(ram);
          expect(planLayout(needed, { textOffset: 2 * MIB, memoryBytes }, initrd, tree).ok).toBe(true);
        }
      }),
    );
  });

  it("begins each further part of an initramfs on a multiple of four", () => {
    expect(initrdLength([])).toBe(0);
    expect(initrdLength([{ bytes: 5 }])).toBe(5);
    expect(initrdLength([{ bytes: 5 }, { bytes: 3 }])).toBe(11);
  });
});
