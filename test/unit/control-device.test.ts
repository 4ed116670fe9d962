// CONTROL-DEVICE-*: the operator's channel, both ways.
import { expect, test } from "vitest";
import { ControlChannel } from "../../core/devices/control.ts";
import { readDevice, writeDevice } from "../../core/devices/device.ts";

const setup = () => {
  const lines: string[] = [], levels: boolean[] = [];
  return { lines, levels, device: new ControlChannel((line) => lines.push(line), (level) => levels.push(level)) };
};
const take = (device: ControlChannel): number[] => {
  const word = Number(readDevice(device, 4, 4));
  return Array.from({ length: word >>> 24 }, (_, i) => (word >>> (8 * i)) & 0xff);
};
const wordOf = (bytes: readonly number[]): number => bytes.reduce((word, byte, i) => word + byte * 2 ** (8 * i), bytes.length * 2 ** 24);

test("CONTROL-DEVICE-001 bytes and words of one to three bytes make lines", () => {
  const { lines, device } = setup();
  for (const byte of Buffer.from("one\n")) writeDevice(device, 0, 1, byte, 0);
  const text = Buffer.from("zwei und drei ü\n");
  for (let at = 0; at < text.length; at += 3) writeDevice(device, 4, 4, wordOf([...text.subarray(at, at + 3)]), 0);
  writeDevice(device, 4, 4, wordOf([0x78]), 0);
  writeDevice(device, 4, 4, wordOf([0x79, 10]), 0);
  // A count beyond three is three, of nothing is nothing; narrower stores there are none.
  writeDevice(device, 4, 4, 0xff41_4141, 0);
  writeDevice(device, 4, 4, 0x0042_4242, 0);
  writeDevice(device, 4, 2, 0x4343, 0);
  writeDevice(device, 0, 1, 10, 0);
  expect(lines).toEqual(["one", "zwei und drei ü", "xy", "AAA"]);
});

test("CONTROL-DEVICE-002 orders are taken in words, and interrupt until they are", () => {
  const { levels, device } = setup();
  expect(take(device)).toEqual([]);
  expect(device.order("ab")).toBe(true);
  expect(device.order("c")).toBe(true);
  expect(levels.at(-1)).toBe(true);
  expect(take(device)).toEqual([...Buffer.from("ab\n")]);
  expect(levels.at(-1)).toBe(true);
  expect(take(device)).toEqual([...Buffer.from("c\n")]);
  expect([levels.at(-1), take(device)]).toEqual([false, []]);
  expect(device.order("x".repeat(65_535))).toBe(true);
  expect(device.order("")).toBe(false);
  device.reset();
  expect([levels.at(-1), take(device)]).toEqual([false, []]);
});

test("CONTROL-DEVICE-003 what is saved in the middle goes on", () => {
  const { device } = setup(), other = setup();
  for (const byte of Buffer.from("ha")) writeDevice(device, 0, 1, byte, 0);
  device.order("to you");
  take(device);
  other.device.restore(structuredClone(device.save()));
  for (const byte of Buffer.from("lf\n")) writeDevice(other.device, 0, 1, byte, 0);
  expect(other.lines).toEqual(["half"]);
  expect([other.levels.at(-1), take(other.device)]).toEqual([true, [...Buffer.from("you")]]);
});
