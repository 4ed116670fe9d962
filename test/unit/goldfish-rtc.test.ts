import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { readDevice, writeDevice } from "../../core/devices/device.ts";
import { GoldfishRtc, Rtc } from "../../core/devices/goldfish-rtc.ts";

let now = 0n;
let alarm: bigint | null = null;
let irq = false;
let rtc: GoldfishRtc;

const make = (): GoldfishRtc => new GoldfishRtc((level) => void (irq = level), { now: () => now, alarm: (at) => void (alarm = at) });
const get = (offset: number): number => Number(readDevice(rtc, offset, 4));
const put = (offset: number, value: number): void => writeDevice(rtc, offset, 4, value, 0);
/** As Linux does: the upper half first. */
const setAlarm = (at: bigint): void => {
  put(Rtc.ALARM_HIGH, Number(at >> 32n));
  put(Rtc.ALARM_LOW, Number(at & 0xffff_ffffn));
};
/** Time goes on, and whoever keeps it calls when it should. */
const pass = (to: bigint): void => {
  now = to;
  if (alarm !== null && now >= alarm) rtc.tick();
};

beforeEach(() => {
  now = 1_700_000_000_123_456_789n;
  alarm = null;
  irq = false;
  rtc = make();
});

describe("goldfish rtc: time", () => {
  it("latches the upper half when the lower is read", () => {
    now = 0x1234_5678_ffff_ffffn;
    const low = get(Rtc.TIME_LOW);
    now += 1n;
    expect([low, get(Rtc.TIME_HIGH)]).toEqual([0xffff_ffff, 0x1234_5678]);
    expect([get(Rtc.TIME_LOW), get(Rtc.TIME_HIGH)]).toEqual([0, 0x1234_5679]);
  });
  it("is whole in an access of eight bytes, the largest too", () => {
    expect(readDevice(rtc, Rtc.TIME_LOW, 8)).toBe(now);
    now = 2n ** 64n - 1n;
    expect(readDevice(rtc, Rtc.TIME_LOW, 8)).toBe(now);
  });
  it("is not a driver's to set", () => {
    put(Rtc.TIME_HIGH, 5);
    put(Rtc.TIME_LOW, 5);
    expect(readDevice(rtc, Rtc.TIME_LOW, 8)).toBe(now);
  });
  it("has no registers but its own, and none of other widths", () => {
    setAlarm(now + 1n);
    for (const offset of [Rtc.CLEAR_ALARM, Rtc.CLEAR_INTERRUPT, 0x20, 0xffc]) expect(get(offset)).toBe(0);
    for (const size of [1, 2]) expect(readDevice(rtc, Rtc.ALARM_STATUS, size)).toBe(0);
    writeDevice(rtc, Rtc.CLEAR_ALARM, 2, 1, 0);
    expect(get(Rtc.ALARM_STATUS)).toBe(1);
  });
});

describe("goldfish rtc: alarm", () => {
  it("is armed by its lower half, fires once when its time has come, and interrupts until that is cleared", () => {
    put(Rtc.IRQ_ENABLED, 1);
    put(Rtc.ALARM_HIGH, Number((now + 1000n) >> 32n));
    expect([alarm, get(Rtc.ALARM_STATUS)]).toEqual([null, 0]);
    setAlarm(now + 1000n);
    expect([alarm, get(Rtc.ALARM_STATUS), irq]).toEqual([now + 1000n, 1, false]);
    pass(now + 999n);
    rtc.tick(); // too early
    expect([alarm, irq]).toEqual([now + 1n, false]);
    pass(now + 1n);
    expect([alarm, get(Rtc.ALARM_STATUS), irq]).toEqual([null, 0, true]);
    put(Rtc.CLEAR_INTERRUPT, 1);
    rtc.tick(); // once too often
    expect(irq).toBe(false);
  });
  it("in the past fires at once", () => {
    put(Rtc.IRQ_ENABLED, 1);
    for (const at of [now, 0n]) {
      setAlarm(at);
      expect([alarm, get(Rtc.ALARM_STATUS), irq]).toEqual([null, 0, true]);
      put(Rtc.CLEAR_INTERRUPT, 0);
      expect(irq).toBe(false);
    }
  });
  it("reaches the line only while that is enabled", () => {
    setAlarm(0n);
    expect(irq).toBe(false);
    put(Rtc.IRQ_ENABLED, 0xffff_ffff);
    expect([get(Rtc.IRQ_ENABLED), irq]).toEqual([1, true]);
    put(Rtc.IRQ_ENABLED, 2);
    expect([get(Rtc.IRQ_ENABLED), irq]).toEqual([0, false]);
  });
  it("can be moved, cleared, and is gone after reset", () => {
    put(Rtc.IRQ_ENABLED, 1);
    setAlarm(now + 10n);
    setAlarm(now + 20n);
    expect(alarm).toBe(now + 20n);
    expect([get(Rtc.ALARM_HIGH), get(Rtc.ALARM_LOW)]).toEqual([Number(alarm! >> 32n), Number(alarm! & 0xffff_ffffn)]);
    put(Rtc.CLEAR_ALARM, 1);
    pass(now + 100n);
    expect([alarm, irq]).toEqual([null, false]);
    setAlarm(2n ** 64n - 1n);
    expect(alarm).toBe(2n ** 64n - 1n);
    rtc.reset();
    expect([alarm, irq, get(Rtc.ALARM_STATUS), get(Rtc.IRQ_ENABLED), get(Rtc.ALARM_LOW)]).toEqual([null, false, 0, 0, 0]);
  });
});

describe("goldfish rtc: saved and restored", () => {
  const again = (): void => {
    const state = JSON.parse(JSON.stringify(rtc.save())) as ReturnType<GoldfishRtc["save"]>;
    [alarm, irq] = [null, false];
    rtc = make();
    rtc.restore(state);
  };
  it("asks for its alarm again, or fires if that has passed meanwhile", () => {
    put(Rtc.IRQ_ENABLED, 1);
    setAlarm(now + 50n);
    again();
    expect([alarm, irq]).toEqual([now + 50n, false]);
    now += 60n;
    again();
    expect([alarm, irq]).toEqual([null, true]);
  });
  it("after anything a driver does goes on as it was", () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 8 }).map((n) => 4 * n), fc.oneof(fc.constantFrom(0, 1), fc.integer({ min: 0, max: 0xffff_ffff })), fc.integer({ min: 0, max: 5 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        now = 0x1_0000_0000n;
        rtc.reset();
        for (const [offset, value, time] of steps) {
          put(offset, value);
          get(offset);
          pass(now + (BigInt(time) << 28n));
          const [state, was, level] = [rtc.save(), alarm, irq];
          again();
          expect([rtc.save(), alarm, irq]).toEqual([state, was, level]);
        }
      }),
    );
  });
});
