// Guests that bring their own firmware: where it begins, what it is told, the word by which it ends its machine, interrupts of machine mode.
import { describe, expect, it } from "vitest";
import { Invocation, VcpuRegister } from "../../caps/abi/numbers.ts";
import { NEXT_OFFSET } from "../../vmm/firmware.ts";
import { Plic } from "../../vmm/plic.ts";
import { GuestPower, Power } from "../../vmm/power.ts";
import { GuestMap } from "../../vmm/spec.ts";
import { linuxImage } from "../support/kernel-image.ts";
import { RAM_BYTES, runScript, type Script, type World } from "../support/scripted-guest.ts";

const { base: RAM } = GuestMap.RAM;
const { base: POWER } = GuestMap.POWER;
const firmware = new Uint8Array(5000).fill(0xf1);
const off: Script = function* () {
  yield { store: POWER, value: Power.OFF };
};
const registersOf = (world: World) => world.invocations.filter(({ label }) => label === Invocation.VCPUWriteRegisters).map(({ words }) => words.map(Number));
const ending = (world: World) => [world.status, world.reports.at(-1)];

describe("a guest with firmware", () => {
  it("starts in it, in machine mode, with a tree that has room to grow and word of a kernel where that wants to be", () => {
    const world = runScript(off, { firmware, kernel: linuxImage({ textOffset: 2 * NEXT_OFFSET, fileBytes: 9000 }), initrd: Uint8Array.of(7, 8, 9) });
    expect(ending(world)).toMatchObject([0, { state: "poweroff" }]);
    expect(world.invocations.filter(({ label }) => label === Invocation.VCPUAddMachineMode)).toHaveLength(1);
    const [entry, [first, hart, tree, info] = []] = registersOf(world);
    expect([entry, first, hart]).toEqual([[VcpuRegister.pc, RAM], 10, 0]);
    expect(world.ram.subarray(0, 5001)).toEqual(Uint8Array.of(...firmware, 0));
    expect([...world.ram.subarray(tree! - RAM, tree! - RAM + 4)]).toEqual([0xd0, 0x0d, 0xfe, 0xed]);
    const length = new DataView(world.ram.buffer).getUint32(tree! - RAM + 4);
    expect(info! - (tree! + length)).toBeGreaterThanOrEqual(0x1_0000);
    expect(info! % 8).toBe(0);
    expect([...new BigUint64Array(world.ram.slice(info! - RAM, info! - RAM + 48).buffer)]).toEqual([0x4942_534fn, 2n, BigInt(RAM + 2 * NEXT_OFFSET), 1n, 0n, 0n]);
    expect(info! - RAM + 48).toBeLessThanOrEqual(RAM_BYTES);
    expect([...world.ram.subarray(tree! - RAM - 4096, tree! - RAM - 4093)]).toEqual([7, 8, 9]);
  });

  it("may start a file that is no kernel, or nothing", () => {
    const loader = new Uint8Array(700).fill(0x10);
    const world = runScript(off, { firmware, kernel: loader });
    expect(world.ram.subarray(NEXT_OFFSET, NEXT_OFFSET + 701)).toEqual(Uint8Array.of(...loader, 0));
    expect(ending(runScript(off, { firmware, kernel: null }))).toMatchObject([0, { state: "poweroff" }]);
  });

  it("is not started when its parts would lie over each other, or do not fit", () => {
    expect(ending(runScript(off, { firmware: new Uint8Array(NEXT_OFFSET + 1), kernel: linuxImage() }))).toMatchObject([80, { state: "unbootable", detail: "firmware of 3 MiB does not fit below what it starts, at 2 MiB" }]);
    expect(ending(runScript(off, { firmware: new Uint8Array(RAM_BYTES), kernel: null }))).toMatchObject([80, { state: "unbootable", detail: expect.stringMatching(/does not fit in 16 MiB of RAM/) }]);
  });

  it("ends its machine by a word, in three ways", () => {
    const by = (value: number): Script => function* () {
      yield { store: POWER, value };
    };
    expect(ending(runScript(by(Power.RESET), { firmware }))).toMatchObject([81, { state: "reboot" }]);
    expect(ending(runScript(by(0x7_3333), { firmware }))).toMatchObject([82, { state: "panic", detail: "it reported a failure" }]);
    expect(ending(runScript(off, { firmware }))).toMatchObject([0, { state: "poweroff" }]);
  });

  it("has no such word without firmware", () => {
    expect(ending(runScript(off))).toMatchObject([83, { state: "stuck" }]);
  });

  it("gets interrupts of machine mode by context 0, of supervisor mode by context 1", () => {
    const lines: number[] = [], { base } = GuestMap.PLIC, { irq, base: uart } = GuestMap.UART;
    const script: Script = function* () {
      yield { store: base + 4 * irq, value: 1 };
      // The transmitter is empty, which the serial port is asked to say.
      yield { store: uart + 1, value: 2, size: 1 };
      yield { store: base + Plic.ENABLE, value: 1 << irq };
      lines.push((yield { store: base + Plic.ENABLE + Plic.ENABLE_STRIDE, value: 1 << irq }).lines);
      lines.push((yield { store: base + Plic.ENABLE, value: 0 }).lines);
      lines.push((yield { store: POWER, value: Power.OFF }).lines);
    };
    runScript(script, { firmware });
    expect(lines).toEqual([0xa00, 0x200]);
  });
});

describe("the power word", () => {
  it("takes no other value, width or place, and reads as 0", () => {
    const device = new GuestPower();
    for (const [offset, size, value] of [[0, 4, 0], [0, 4, 0x5554], [0, 1, 0x55], [4, 4, Power.OFF]] as const) device.write(offset, size, value);
    expect([device.request, device.read()]).toEqual([null, 0]);
    device.write(0, 4, Power.OFF);
    expect(device.request).toEqual({ type: "shutdown", failure: false });
    device.reset();
    expect(device.request).toBeNull();
  });
});
