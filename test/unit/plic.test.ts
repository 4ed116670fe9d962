import { beforeEach, describe, expect, it } from "vitest";
import { readDevice, writeDevice } from "../../core/devices/device.ts";
import { GuestPlic, Plic } from "../../vmm/plic.ts";

let plic: GuestPlic;
const get = (offset: number): number => Number(readDevice(plic, offset, 4));
const put = (offset: number, value: number): void => writeDevice(plic, offset, 4, value, 0);
const enable = (...sources: number[]): void => put(Plic.ENABLE, sources.reduce((bits, source) => bits | (1 << source), 0));

beforeEach(() => {
  plic = new GuestPlic();
  for (let source = 1; source <= 31; source++) put(4 * source, 1);
});

describe("PLIC", () => {
  it("interrupts while an enabled source above the threshold is pending", () => {
    plic.setLine(10, true);
    expect(plic.pending).toBe(false);
    enable(10);
    expect(plic.pending).toBe(true);
    put(Plic.THRESHOLD, 1);
    expect(plic.pending).toBe(false);
    put(40, 2);
    expect(plic.pending).toBe(true);
    put(40, 0); // priority 0 never interrupts
    put(Plic.THRESHOLD, 0);
    expect(plic.pending).toBe(false);
  });

  it("gives claims by priority, then by number, and 0 when there is none", () => {
    enable(3, 7, 9, 31);
    for (const source of [31, 9, 7, 3]) plic.setLine(source, true);
    put(4 * 9, 5);
    expect([get(Plic.CLAIM), get(Plic.CLAIM), get(Plic.CLAIM), get(Plic.CLAIM), get(Plic.CLAIM)]).toEqual([9, 3, 7, 31, 0]);
    expect(plic.pending).toBe(false);
  });

  it("holds a claimed source back until completion, then looks at its level again", () => {
    enable(1);
    plic.setLine(1, true);
    expect(get(Plic.PENDING)).toBe(2);
    expect(get(Plic.CLAIM)).toBe(1);
    expect([plic.pending, get(Plic.PENDING)]).toEqual([false, 0]);
    put(Plic.CLAIM, 1);
    expect(plic.pending).toBe(true);
    get(Plic.CLAIM);
    plic.setLine(1, false);
    put(Plic.CLAIM, 1);
    expect(plic.pending).toBe(false);
  });

  it("forgets a request that goes away unclaimed", () => {
    enable(1);
    plic.setLine(1, true);
    plic.setLine(1, false);
    expect([plic.pending, get(Plic.CLAIM)]).toEqual([false, 0]);
  });

  it("ignores completion of sources that are not enabled or do not exist", () => {
    enable(1);
    plic.setLine(1, true);
    get(Plic.CLAIM);
    enable(2);
    put(Plic.CLAIM, 1);
    put(Plic.CLAIM, 33); // must not be taken for source 1
    put(Plic.CLAIM, 0xffff_ffff);
    enable(1);
    expect(plic.pending).toBe(false);
    put(Plic.CLAIM, 1);
    expect(plic.pending).toBe(true);
  });

  it("claims regardless of the threshold", () => {
    enable(5);
    plic.setLine(5, true);
    put(Plic.THRESHOLD, 7);
    expect([plic.pending, get(Plic.CLAIM)]).toEqual([false, 5]);
  });

  it("has no source 0, seven priorities, and nothing elsewhere", () => {
    put(0, 7);
    put(4, 0xff);
    enable(0, 1);
    expect([get(0), get(4), get(Plic.ENABLE)]).toEqual([0, 7, 2]);
    for (const offset of [4 * 32, 0x1004, 0x2004, 0x2080, 0x20_0008, 0x20_1000, 0x5f_fffc]) {
      put(offset, 0xffff_ffff);
      expect(get(offset)).toBe(0);
    }
    expect(readDevice(plic, 4, 1)).toBe(0);
  });

  it("goes on after restore as before", () => {
    enable(1, 4);
    put(16, 3);
    plic.setLine(4, true);
    plic.setLine(1, true);
    get(Plic.CLAIM);
    const state = JSON.parse(JSON.stringify(plic.save())) as ReturnType<GuestPlic["save"]>;
    plic = new GuestPlic();
    plic.restore(state);
    expect(plic.save()).toEqual(state);
    expect([plic.pending, get(Plic.CLAIM), get(Plic.CLAIM)]).toEqual([true, 1, 0]);
  });

  it("has a context for each hart, with what that enables and its own threshold", () => {
    plic = new GuestPlic(3);
    const of = (context: number) => ({ enable: Plic.ENABLE + context * Plic.ENABLE_STRIDE, threshold: Plic.THRESHOLD + context * Plic.CONTEXT_STRIDE, claim: Plic.CLAIM + context * Plic.CONTEXT_STRIDE });
    for (const source of [1, 2]) put(4 * source, source);
    put(of(0).enable, 2);
    put(of(2).enable, 6);
    put(of(2).threshold, 1);
    plic.setLine(1, true);
    expect([plic.outputs, plic.pending]).toEqual([1, true]);
    plic.setLine(2, true);
    expect(plic.outputs).toBe(5);
    // What one hart has claimed is no other's, and only who enables it completes it.
    expect([get(of(1).claim), get(of(2).claim), plic.outputs]).toEqual([0, 2, 1]);
    put(of(0).claim, 2);
    expect(plic.outputs).toBe(1);
    put(of(2).claim, 2);
    expect([plic.outputs, get(of(0).enable), get(of(1).enable), get(of(2).enable), get(of(2).threshold)]).toEqual([5, 2, 0, 6, 1]);
    const state = JSON.parse(JSON.stringify(plic.save())) as ReturnType<GuestPlic["save"]>;
    plic = new GuestPlic(3);
    plic.restore(state);
    expect([plic.save(), plic.outputs]).toEqual([state, 5]);
  });

  it("has no register of a context that there is not, nor between those of one", () => {
    plic = new GuestPlic(2);
    for (const offset of [Plic.ENABLE + 4, Plic.ENABLE + 2 * Plic.ENABLE_STRIDE, Plic.THRESHOLD + 8, Plic.THRESHOLD + 2 * Plic.CONTEXT_STRIDE, Plic.CLAIM + 7 * Plic.CONTEXT_STRIDE, 0x1f_fffc, 0x5f_fffc, 0x1004]) {
      put(offset, 7);
      expect([offset, get(offset)]).toEqual([offset, 0]);
    }
    plic.setLine(1, true);
    expect(plic.outputs).toBe(0);
  });
});
