/** The bare rv64 engine: an ordinary binding, usable without the machine. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { addonPath, AddonError, createMachine, ENGINE_REGISTER, hostMemory, openEngine, version, type NativeEngine } from "../../core/machine/unicorn.ts";
import { assemble } from "../support/assemble.ts";

const AT = 0x8000_0000;
const BYTES = 1 << 20;
const stop = (): boolean => false;

describe("engine", () => {
  let engine: NativeEngine;
  let memory: ArrayBuffer;
  beforeEach(() => {
    engine = openEngine();
    memory = hostMemory(BYTES);
    engine.mapMemory(AT, memory, 0, BYTES);
  });
  afterEach(() => engine.close());

  const load = (source: string, at = AT): void => {
    new Uint8Array(memory).set(assemble(source, at).bytes, at - AT);
    engine.write(ENGINE_REGISTER.pc, BigInt(at));
  };

  it("has a supported version", () => {
    const v = version();
    expect([v.major, v.minor >= 1]).toEqual([2, true]);
    expect(v.string).toBe(`${v.major}.${v.minor}.${v.patch}`);
  });

  it("runs to a call and reports it with pc after it", () => {
    load("addi a0, a0, 1\n ecall");
    expect(engine.start(1000, stop)).toEqual({ reason: "trap", cause: 8, error: "" });
    expect(engine.read(10)).toBe(1n);
    expect(engine.read(ENGINE_REGISTER.pc)).toBe(BigInt(AT + 6)); // the addi is compressed
  });

  it("goes on after a trap with the registers that the callback wrote", () => {
    load("ecall\n addi a1, a0, 1\n wfi");
    const ended = engine.start(1000, () => (engine.write(10, 41n), true));
    expect(ended.reason).toBe("wfi");
    expect(engine.read(11)).toBe(42n);
  });

  it("reports a breakpoint with pc at it", () => {
    load("nop\n ebreak");
    expect(engine.start(1000, stop).reason).toBe("breakpoint");
    expect(engine.read(ENGINE_REGISTER.pc)).toBe(BigInt(AT + 2)); // the nop is compressed
  });

  it("stops after the given number of blocks, exactly", () => {
    load("1: addi a0, a0, 1\n j 1b");
    expect(engine.start(1000, stop).reason).toBe("blocks");
    expect(engine.read(10)).toBe(1000n);
  });

  it("reads and writes control registers whatever the privilege", () => {
    engine.write(ENGINE_REGISTER.privilege, 0n);
    engine.writeCsr(0x105, 0x8000_1000n);
    engine.writeCsr(0x340, 0x1234_5678_9abc_def0n);
    expect(engine.readCsr(0x105)).toBe(0x8000_1000n);
    expect(engine.readCsr(0x340)).toBe(0x1234_5678_9abc_def0n);
    expect(engine.read(ENGINE_REGISTER.privilege)).toBe(0n);
  });

  it("denies S and U mode what is not mapped, with the exact address", () => {
    load("nop\n ld a0, 8(a1)");
    engine.write(11, 0x4000_0000n);
    engine.write(ENGINE_REGISTER.privilege, 1n);
    expect(engine.start(1000, stop)).toMatchObject({ reason: "trap", cause: 5 });
    expect(engine.read(ENGINE_REGISTER.faultingAddress)).toBe(0x4000_0008n);
    expect(engine.read(ENGINE_REGISTER.pc)).toBe(BigInt(AT + 2 + 4));
  });

  it("denies again what was unmapped", () => {
    const more = hostMemory(8192);
    engine.mapMemory(0x4000_0000, more, 0, 8192);
    new BigUint64Array(more)[1] = 77n;
    load("ld a0, 8(a1)\n ecall");
    engine.write(11, 0x4000_0000n);
    engine.write(ENGINE_REGISTER.privilege, 1n);
    expect(engine.start(1000, stop).cause).toBe(8);
    expect(engine.read(10)).toBe(77n);
    engine.unmap(0x4000_0000, 8192);
    engine.write(ENGINE_REGISTER.pc, BigInt(AT));
    expect(engine.start(1000, stop).cause).toBe(5);
  });

  it("answers device accesses, 8 bytes as two halves", () => {
    const seen: unknown[] = [];
    engine.mapDevice(0x1000_0000, 4096, (offset, size) => (seen.push(["read", offset, size]), offset + 0x11), (...write) => void seen.push(["write", ...write]));
    load("ld a0, 0(a1)\n sb a1, 5(a1)\n ecall");
    engine.write(11, 0x1000_0000n);
    engine.start(1000, stop);
    expect(engine.read(10)).toBe(0x15_0000_0011n);
    expect(seen).toEqual([["read", 0, 4], ["read", 4, 4], ["write", 5, 1, 0, 0]]);
  });

  it("throws what a device throws", () => {
    engine.mapDevice(0x1000_0000, 4096, () => { throw new Error("from the device"); }, () => {});
    load("lw a1, 0(a1)\n ecall");
    engine.write(11, 0x1000_0000n);
    expect(() => engine.start(1000, stop)).toThrow("from the device");
    expect(engine.read(11)).toBe(0x1000_0000n);
  });

  it("runs new code after host writes only once it is invalidated", () => {
    load("li a0, 1\n ecall");
    engine.start(1000, stop);
    load("li a0, 2\n ecall");
    engine.start(1000, stop);
    const stale = engine.read(10);
    engine.invalidate(AT, 4096);
    engine.write(ENGINE_REGISTER.pc, BigInt(AT));
    engine.start(1000, stop);
    expect([stale, engine.read(10)]).toEqual([1n, 2n]);
  });

  it("refuses wrong arguments by name", () => {
    expect(() => engine.mapMemory(AT, memory, 0, BYTES)).toThrow(/overlaps/);
    expect(() => engine.mapMemory(AT + 1, memory, 0, 4096)).toThrow(/whole pages/);
    expect(() => engine.mapMemory(0, memory, 4096, BYTES)).toThrow(/buffer must be large enough/);
    expect(() => engine.mapMemory(0, new ArrayBuffer(4096), 1, 4095)).toThrow(RangeError);
    expect(() => engine.unmap(0, 4096)).toThrow(/no such window/);
    expect(() => engine.read(40)).toThrow(/register must be/);
    expect(() => engine.write(0, 1n)).toThrow(/register must be/);
    expect(() => engine.readCsr(0x7c0)).toThrow(/address must be/);
    expect(() => engine.writeCsr(0x180, 3n << 60n)).toThrow(/Sv39/);
    expect(() => engine.write(ENGINE_REGISTER.privilege, 2n)).toThrow(/privilege/);
    expect(() => engine.start(0, stop)).toThrow(/blocks/);
    expect(() => openEngine(1)).toThrow(/codeBytes/);
    expect(() => createMachine({ ramBytes: 3 << 20, maxThreads: 1, maxSpaces: 1, maxEngines: 1, maxVcpus: 0, clock: "host" })).toThrow(/2 MiB/);
    for (let i = 0; i < 7; i++) engine.mapDevice(0x1000_0000 + i * 8192, 4096, () => 0, () => {});
    expect(() => engine.mapDevice(0x2000_0000, 4096, () => 0, () => {})).toThrow(/8 separate runs/);
  });
});

describe("loader", () => {
  it("refuses a closed engine and names what is missing when there is no addon", async () => {
    const engine = openEngine();
    engine.close();
    expect(() => engine.read(1)).toThrow(/closed/);
    const { vi } = await import("vitest");
    vi.resetModules();
    const before = process.env["BAILIWICK_ADDON"];
    process.env["BAILIWICK_ADDON"] = `${addonPath()}.absent`;
    try {
      const fresh = await import("../../core/machine/unicorn.ts");
      expect(() => fresh.version()).toThrow(/npm run setup/);
      expect(fresh.AddonError).not.toBe(AddonError);
    } finally {
      if (before === undefined) delete process.env["BAILIWICK_ADDON"];
      else process.env["BAILIWICK_ADDON"] = before;
    }
  });
});
