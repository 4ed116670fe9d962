import { describe, expect, it } from "vitest";
import { VcpuState } from "../../caps/abi/numbers.ts";
import { handleSbi, Sbi, SbiError, type SbiOutcome } from "../../vmm/sbi.ts";
import { TestMemory } from "../support/virtio-driver.ts";

const ALL = 2 ** 64;

function firmware(input = "") {
  const memory = new TestMemory(0x1_0000);
  const written: string[] = [];
  let waiting = [...new TextEncoder().encode(input)];
  const console = {
    write: (bytes: Uint8Array) => void written.push(String.fromCharCode(...bytes)),
    read: (most: number) => Uint8Array.from(waiting.splice(0, most)),
  };
  const call = (extension: number, fn: number, a0 = 0, a1 = 0, a2 = 0): SbiOutcome => handleSbi({ extension, fn, a0, a1, a2 }, memory, console);
  return { memory, written, call, rest: () => waiting.length };
}
const value = (outcome: SbiOutcome): number | string => (outcome.kind === "return" ? (outcome.error === 0 ? outcome.value : `error ${outcome.error}`) : outcome.kind);

describe("SBI base", () => {
  const { call } = firmware();
  it("is version 2.0, says who it is, and has no vendor", () => {
    expect(value(call(Sbi.BASE, 0))).toBe(0x0200_0000);
    expect(value(call(Sbi.BASE, 1))).toBe(0x424c_574b);
    expect([4, 5, 6].map((fn) => value(call(Sbi.BASE, fn)))).toEqual([0, 0, 0]);
    expect(value(call(Sbi.BASE, 7))).toBe(`error ${SbiError.NOT_SUPPORTED}`);
  });
  it("has TIME, IPI, RFENCE, HSM, SRST, DBCN; not PMU", () => {
    for (const extension of [Sbi.BASE, Sbi.TIME, Sbi.IPI, Sbi.RFENCE, Sbi.HSM, Sbi.SRST, Sbi.DBCN, Sbi.LEGACY_PUTCHAR]) expect(value(call(Sbi.BASE, 3, extension))).toBe(1);
    expect(value(call(Sbi.BASE, 3, 0x50_4d55))).toBe(0);
  });
  it("does not support what it does not know", () => {
    expect(value(call(0x50_4d55, 0))).toBe(`error ${SbiError.NOT_SUPPORTED}`);
    expect(value(call(2 ** 63, 0))).toBe(`error ${SbiError.NOT_SUPPORTED}`);
    expect(call(5, 0)).toEqual({ kind: "legacy", value: SbiError.NOT_SUPPORTED });
  });
});

describe("SBI harts, interrupts, fences", () => {
  const { call } = firmware();
  it("hart 0 is started and there is no other", () => {
    expect(value(call(Sbi.HSM, 2, 0))).toBe(0);
    expect(value(call(Sbi.HSM, 2, 1))).toBe(`error ${SbiError.INVALID_PARAM}`);
    expect(value(call(Sbi.HSM, 0, 0))).toBe(`error ${SbiError.ALREADY_AVAILABLE}`);
    expect(value(call(Sbi.HSM, 0, 1))).toBe(`error ${SbiError.INVALID_PARAM}`);
    expect(value(call(Sbi.HSM, 1))).toBe(`error ${SbiError.FAILED}`);
    expect(value(call(Sbi.HSM, 3))).toBe(`error ${SbiError.NOT_SUPPORTED}`);
  });
  it("an IPI reaches hart 0 by mask or by all, and no other", () => {
    expect(call(Sbi.IPI, 0, 1, 0).kind).toBe("interrupt");
    expect(call(Sbi.IPI, 0, 0, ALL).kind).toBe("interrupt");
    for (const [mask, base] of [[2, 0], [3, 0], [1, 1]] as const) expect(value(call(Sbi.IPI, 0, mask, base))).toBe(`error ${SbiError.INVALID_PARAM}`);
    expect(value(call(Sbi.IPI, 1))).toBe(`error ${SbiError.NOT_SUPPORTED}`);
  });
  it("a fence that the engine did not do is not said to be done", () => {
    expect(value(call(Sbi.RFENCE, 0, 1, 0))).toBe(`error ${SbiError.FAILED}`);
    expect(value(call(Sbi.RFENCE, 0, 2, 0))).toBe(`error ${SbiError.INVALID_PARAM}`);
    expect(value(call(Sbi.RFENCE, 7, 1, 0))).toBe(`error ${SbiError.NOT_SUPPORTED}`);
  });
});

describe("SBI states of several harts", () => {
  const { memory } = firmware();
  const [STARTED, STOPPED, SUSPENDED] = [VcpuState.started, VcpuState.stopped, VcpuState.suspended];
  const hsm = (states: readonly number[], fn: number, a0 = 0, a1 = 0, self = 0): SbiOutcome =>
    handleSbi({ extension: Sbi.HSM, fn, a0, a1, a2: 0 }, memory, { write: () => undefined, read: () => new Uint8Array() }, { self, states });
  it("start one that is stopped, at an address that is code's", () => {
    expect(hsm([STARTED, STOPPED], 0, 1, memory.base)).toEqual({ kind: "start", hart: 1 });
    for (const state of [STARTED, SUSPENDED]) expect(value(hsm([STARTED, state], 0, 1, memory.base))).toBe(`error ${SbiError.ALREADY_AVAILABLE}`);
    for (const hart of [2, 2 ** 40, ALL]) expect(value(hsm([STARTED, STOPPED], 0, hart, memory.base))).toBe(`error ${SbiError.INVALID_PARAM}`);
    for (const address of [0, memory.base + 1, memory.base + 0x1_0000, ALL]) expect(value(hsm([STARTED, STOPPED], 0, 1, address))).toBe(`error ${SbiError.INVALID_ADDRESS}`);
  });
  it("stop any but the last", () => {
    expect(hsm([STARTED, STARTED], 1, 0, 0, 1).kind).toBe("stop");
    expect(hsm([STARTED, SUSPENDED], 1).kind).toBe("stop");
    expect(value(hsm([STARTED, STOPPED, STOPPED], 1))).toBe(`error ${SbiError.FAILED}`);
  });
  it("tell what each does", () => {
    const states = [STARTED, STOPPED, SUSPENDED];
    expect([0, 1, 2].map((hart) => value(hsm(states, 2, hart)))).toEqual([0, 1, 4]);
    for (const hart of [3, ALL]) expect(value(hsm(states, 2, hart))).toBe(`error ${SbiError.INVALID_PARAM}`);
  });
  it("suspend with all that a hart has, or to begin anew", () => {
    const states = [STARTED, STOPPED];
    expect(hsm(states, 3, 0)).toEqual({ kind: "suspend", anew: false });
    expect(hsm(states, 3, 0x8000_0000, memory.base)).toEqual({ kind: "suspend", anew: true });
    expect(value(hsm(states, 3, 0x8000_0000, 1))).toBe(`error ${SbiError.INVALID_ADDRESS}`);
    for (const type of [1, 0x1000_0000, 0x8000_0001, 2 ** 32, ALL]) expect(value(hsm(states, 3, type))).toBe(`error ${SbiError.INVALID_PARAM}`);
    expect(value(hsm(states, 4))).toBe(`error ${SbiError.NOT_SUPPORTED}`);
  });
});

describe("SBI system reset", () => {
  const { call } = firmware();
  it("tells shutdown from reboot and failure from none", () => {
    expect(call(Sbi.SRST, 0, 0, 0)).toEqual({ kind: "reset", type: "shutdown", failure: false });
    expect(call(Sbi.SRST, 0, 1, 0)).toEqual({ kind: "reset", type: "reboot", failure: false });
    expect(call(Sbi.SRST, 0, 2, 1)).toEqual({ kind: "reset", type: "reboot", failure: true });
    expect(call(Sbi.SRST, 0, 0, 0xe000_0001)).toEqual({ kind: "reset", type: "shutdown", failure: false });
    expect(call(Sbi.LEGACY_SHUTDOWN, 0)).toEqual({ kind: "reset", type: "shutdown", failure: false });
  });
  it("refuses types and reasons that do not exist", () => {
    for (const [type, reason] of [[3, 0], [0xf000_0000, 0], [0, 2], [0, ALL]] as const) expect(value(call(Sbi.SRST, 0, type, reason))).toBe(`error ${SbiError.INVALID_PARAM}`);
    expect(value(call(Sbi.SRST, 1))).toBe(`error ${SbiError.NOT_SUPPORTED}`);
  });
});

describe("SBI debug console", () => {
  it("writes from the guest's memory, at most 4096 bytes a call", () => {
    const { call, memory, written } = firmware();
    memory.write(memory.base + 100, new TextEncoder().encode("hello"));
    expect(value(call(Sbi.DBCN, 0, 5, memory.base + 100))).toBe(5);
    expect(value(call(Sbi.DBCN, 0, 9999, memory.base))).toBe(4096);
    expect(written[0]).toBe("hello");
    expect(value(call(Sbi.DBCN, 0, 0, memory.base))).toBe(0);
    expect(written).toHaveLength(2);
  });
  it("refuses memory that the guest has not, either way, and moves nothing then", () => {
    const { call, memory, written, rest } = firmware("abc");
    for (const [bytes, lo, hi] of [[1, 0x1000, 0], [2, memory.base + 0xffff, 0], [1, memory.base, 1], [1, ALL, 0], [4096, memory.base + 0xf001, 0]] as const) {
      expect(value(call(Sbi.DBCN, 0, bytes, lo, hi))).toBe(`error ${SbiError.INVALID_PARAM}`);
      expect(value(call(Sbi.DBCN, 1, bytes, lo, hi))).toBe(`error ${SbiError.INVALID_PARAM}`);
    }
    expect(written).toEqual([]);
    expect(rest()).toBe(3);
  });
  it("reads what waits, no more than there is room for", () => {
    const { call, memory } = firmware("abcdef");
    expect(value(call(Sbi.DBCN, 1, 4, memory.base))).toBe(4);
    expect(value(call(Sbi.DBCN, 1, 4, memory.base + 4))).toBe(2);
    expect(value(call(Sbi.DBCN, 1, 4, memory.base))).toBe(0);
    expect(String.fromCharCode(...memory.data.subarray(0, 6))).toBe("abcdef");
  });
  it("writes single bytes, in the new way and the old", () => {
    const { call, written } = firmware("z");
    expect(value(call(Sbi.DBCN, 2, 0x141))).toBe(0);
    expect(call(Sbi.LEGACY_PUTCHAR, 0, 0x42)).toEqual({ kind: "legacy", value: 0 });
    expect(written.join("")).toBe("AB");
    expect(call(Sbi.LEGACY_GETCHAR, 0)).toEqual({ kind: "legacy", value: 0x7a });
    expect(call(Sbi.LEGACY_GETCHAR, 0)).toEqual({ kind: "legacy", value: -1 });
    expect(value(call(Sbi.DBCN, 3))).toBe(`error ${SbiError.NOT_SUPPORTED}`);
  });
});
