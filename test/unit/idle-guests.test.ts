// What the host does for guests that wait: how exactly it wakes them, and when what was translated of them is forgotten.
import { expect, test } from "vitest";
import { VcpuRecord } from "../../core/kernel/machine.ts";
import type { Kernel, Vcpu } from "../../core/kernel/state.ts";
import { VCPU_RECORD } from "../../core/machine/shared.ts";
import { Resting } from "../../core/resting.ts";
import { Waits } from "../../core/waits.ts";
import { timesOf } from "../bench/exits.ts";
import { translatedCode } from "../bench/idle.ts";

const WORDS = 256;
const MS = 10_000, SECOND = 1000 * MS;

/** As much of a kernel as both look at: guests by number, in records of their own. */
function world(guests: number) {
  const words = new Int32Array(guests * WORDS), floats = new Float64Array(words.buffer);
  const vcpus = Array.from({ length: guests }, (_, id) => ({ id, serial: 100 + id, index: id, leader: id, harts: [id] }) as unknown as Vcpu);
  const k = { vcpus, vcpusAlive: guests, waitingVcpus: vcpus.map(({ id }) => id), releases: [], machine: { vcpu: { words, floats, record: (vcpu: number) => vcpu * WORDS } } };
  floats.fill(Infinity);
  return {
    k: k as unknown as Kernel, releases: k.releases as { at: number; sc: number }[],
    due: (guest: number, at: number): void => {
      floats[(guest * WORDS) / 2 + VcpuRecord.TIMECMP] = at;
      floats[(guest * WORDS) / 2 + VcpuRecord.TIME_OFFSET] = 0;
    },
    enter: (guest: number, times: number): void => void (words[guest * WORDS + 2 * VCPU_RECORD.exits]! += times),
    reset: (): void => void words.fill(0),
  };
}

test("nothing is waited for when nothing is due", () => {
  expect(new Waits(world(0).k).sleep(0, Infinity)).toBe(Infinity);
});

test("an alarm and time that comes back are on time: woken a millisecond before, then by turning", () => {
  const { k, releases } = world(0), waits = new Waits(k);
  expect(waits.sleep(0, 10 * MS)).toBe(9);
  expect(waits.sleep(9 * MS, 10 * MS)).toBe(0);
  releases.push({ at: 5 * MS, sc: 1 });
  expect(waits.sleep(0, 10 * MS)).toBe(4);
});

test("a guest that sleeps is never woken early, and at most a millisecond late", () => {
  const { k, due } = world(2), waits = new Waits(k);
  due(0, 7.3 * MS);
  due(1, 20 * MS);
  expect(waits.sleep(0, Infinity)).toBe(8);
  // Woken too early by something else: it is still one that sleeps.
  expect(waits.sleep(7.2 * MS, Infinity)).toBe(1);
  expect(waits.sleep(7.4 * MS, Infinity)).toBe(0);
});

test("a guest that waits for a moment only is on time, and so is an alarm behind a guest's timer", () => {
  const { k, due } = world(1), waits = new Waits(k);
  due(0, 0.2 * MS);
  expect(waits.sleep(0, Infinity)).toBe(0);
  due(0, 3 * MS);
  expect(waits.sleep(0, 3.5 * MS)).toBe(2.5);
});

test("a guest at rest for half a minute is forgotten, one at a time, and again only after it has worked", () => {
  const { k, enter, reset } = world(3), forgotten: number[] = [];
  reset();
  const resting = new Resting(k, (index) => void forgotten.push(index));
  let now = 0;
  const pass = (seconds: number, busy: number): void => {
    for (let i = 0; i < seconds; i++) {
      enter(0, 5);
      enter(1, 5);
      enter(2, busy);
      resting.look((now += SECOND));
    }
  };
  pass(29, 200);
  expect(forgotten).toEqual([]);
  pass(1, 200);
  expect(forgotten).toEqual([0]);
  pass(60, 200);
  expect(forgotten).toEqual([0, 1]);
  pass(31, 5);
  expect(forgotten).toEqual([0, 1, 2]);
  pass(1, 200);
  pass(31, 5);
  expect(forgotten).toEqual([0, 1, 2, 2]);
});

test("a host that sleeps for long looks seldom, and counts the time", () => {
  const { k, enter, reset } = world(2), forgotten: number[] = [];
  reset();
  const resting = new Resting(k, (index) => void forgotten.push(index));
  for (let second = 10; second <= 30; second += 10) {
    enter(0, 50);
    enter(1, 500);
    resting.look(second * SECOND);
  }
  expect(forgotten).toEqual([]);
  resting.look(40 * SECOND);
  expect(forgotten).toEqual([0]);
});

test("a guest that takes the number of one that has ended begins anew", () => {
  const { k, reset } = world(1), forgotten: number[] = [];
  reset();
  const resting = new Resting(k, (index) => void forgotten.push(index));
  for (let second = 1; second <= 40; second++) resting.look(second * SECOND);
  k.vcpus[0] = { ...k.vcpus[0]!, serial: 7 };
  for (let second = 41; second <= 60; second++) resting.look(second * SECOND);
  expect(forgotten).toEqual([0]);
  for (let second = 61; second <= 80; second++) resting.look(second * SECOND);
  expect(forgotten).toEqual([0, 0]);
});

test("the benchmarks read what they are told: times of the last round, or none; what may be written and executed", () => {
  const round = (ticks: number): string => `exits: loop ${ticks} 1000\nexits: time ${10 * ticks} 1000\n`;
  expect(timesOf(round(100) + round(50))).toEqual({ loop: 5, time: 50 });
  expect(() => timesOf(round(100))).toThrow(/did not come to its end/);
  expect(() => timesOf(`${round(1)}exits: WRONG time 1 1\n${round(1)}`)).toThrow(/WRONG/);
  const mapping = (rights: string, rss: number): string => `7f0000000000-7f0000010000 ${rights} 00000000 00:00 0 \nSize:                 64 kB\nRss:                  ${rss} kB\nPss:                   0 kB\n`;
  expect(translatedCode(mapping("rwxp", 40) + mapping("rw-p", 50) + mapping("rwxp", 2))).toBe(42);
});
