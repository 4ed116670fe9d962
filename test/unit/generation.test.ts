// GENERATION-*: the counter by which a guest learns that it is another than it was.
import { expect, test } from "vitest";
import { readDevice, writeDevice } from "../../core/devices/device.ts";
import { GENERATION_BYTES, GenerationId } from "../../vmm/generation.ts";

const bytes = (from: number): Uint8Array => Uint8Array.from({ length: GENERATION_BYTES }, (_, i) => from + i);
const setup = () => {
  const levels: boolean[] = [];
  const device = new GenerationId((level) => levels.push(level));
  device.begin(bytes(1));
  return { device, levels };
};

test("GENERATION-001 it reads in any width, and is not written", () => {
  const { device, levels } = setup();
  writeDevice(device, 0, 4, 0xffff_ffff, 0);
  expect([readDevice(device, 0, 1), readDevice(device, 2, 2), readDevice(device, 4, 4), readDevice(device, 8, 8)]).toEqual([1, 0x0403, 0x0807_0605, 0x100f_0e0d_0c0b_0a09n]);
  expect(levels).toEqual([]);
});

test("GENERATION-002 it interrupts when it has changed, until it is read", () => {
  const { device, levels } = setup();
  device.change(bytes(100));
  expect(levels).toEqual([true]);
  expect(readDevice(device, 0, 1)).toBe(100);
  expect(levels).toEqual([true, false]);
  readDevice(device, 1, 1);
  expect(levels).toEqual([true, false]);
});

test("GENERATION-003 what is saved is restored, its interrupt with it; what is damaged becomes zeros", () => {
  const { device } = setup();
  device.change(bytes(7));
  const other = setup();
  other.device.restore(structuredClone(device.save()));
  expect([[...other.levels], readDevice(other.device, 0, 1)]).toEqual([[true], 7]);
  other.device.restore({ id: [1], news: false });
  expect([readDevice(other.device, 0, 1), readDevice(other.device, 1, 1)]).toEqual([1, 0]);
});
