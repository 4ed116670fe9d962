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
});
