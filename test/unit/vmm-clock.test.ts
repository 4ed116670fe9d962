// A guest's real-time clock and its suspension, exit by exit: what the guest sees of the server's time, what the server is asked for, and what wakes whom.
import { describe, expect, it } from "vitest";
import { Exit, Invocation, VcpuRegister } from "../../caps/abi/numbers.ts";
import { Rtc } from "../../core/devices/goldfish-rtc.ts";
import type { Word } from "../../servers/lib/ts/sdk.ts";
import { Timer } from "../../servers/timer/protocol.ts";
import { placeOf } from "../../vmm/outside.ts";
import { Plic } from "../../vmm/plic.ts";
import { Sbi, SbiError } from "../../vmm/sbi.ts";
import { GuestMap } from "../../vmm/spec.ts";
import { INPUT_BIT } from "../../vmm/vcpu.ts";
import { Answer } from "../support/messages.ts";
import { runScript, type Completion, type GuestExit, type ScriptOptions } from "../support/scripted-guest.ts";

const RTC = GuestMap.RTC.base;
const RAM = GuestMap.RAM.base;
const SEIP = 1 << 9;
/** The clock is the guest's only device that a server works. */
const BELL = placeOf(0).bit;
const INPUT = INPUT_BIT;
const POWEROFF: GuestExit = { sbi: [Sbi.SRST, 0, 0, 0] };
const T0 = 1_700_000_000_123_456_789n;

interface Clock {
  now: bigint;
  /** What it was asked for: alarms by their time, null for one taken back. */
  readonly asked: (bigint | null)[];
  gone: boolean;
  readonly servers: NonNullable<ScriptOptions["servers"]>;
}

function clockAt(now = T0): Clock {
  const clock: Clock = {
    now, asked: [], gone: false,
    servers: {
      clock: (label: number, words: readonly Word[]) => {
        if (clock.gone) return new Answer(1, [], true);
        if (label === Timer.methods.now.label) return new Answer(0, [clock.now]);
        clock.asked.push(label === Timer.methods.alarm.label ? BigInt(words[0]!) : null);
        return new Answer(0, [1]);
      },
    },
  };
  return clock;
}

/** As Linux does. */
function* setAlarm(at: bigint): Generator<GuestExit, void, Completion> {
  yield { store: RTC + Rtc.ALARM_HIGH, value: Number(at >> 32n) };
  yield { store: RTC + Rtc.ALARM_LOW, value: Number(at & 0xffff_ffffn) };
  yield { store: RTC + Rtc.IRQ_ENABLED, value: 1 };
}
function* wire(): Generator<GuestExit, void, Completion> {
  yield { store: GuestMap.PLIC.base + 4 * GuestMap.RTC.irq, value: 1 };
  yield { store: GuestMap.PLIC.base + Plic.ENABLE, value: 1 << GuestMap.RTC.irq };
}
function* time(): Generator<GuestExit, bigint, Completion> {
  const low = BigInt((yield { load: RTC + Rtc.TIME_LOW }).value);
  return (BigInt((yield { load: RTC + Rtc.TIME_HIGH }).value) << 32n) | low;
}
const rung = (bit: number): GuestExit => ({ exit: Exit.Notified, words: [bit] });

describe("the guest's clock", () => {
  it("shows what its server says, to the nanosecond, at the moment of each access", () => {
    const clock = clockAt();
    const seen: bigint[] = [];
    runScript(function* () {
      seen.push(yield* time());
      clock.now += 5_000_000_001n;
      seen.push(yield* time());
      yield POWEROFF;
    }, { servers: clock.servers });
    expect(seen).toEqual([T0, T0 + 5_000_000_001n]);
    expect(clock.asked).toEqual([]);
  });

  it("is not there without a server: no window, reads of 0", () => {
    const world = runScript(function* () {
      expect(yield* time()).toBe(0n);
      yield POWEROFF;
    });
    const windows = (w: typeof world) => w.invocations.filter(({ label }) => label === Invocation.VCPUMapDevice).map(({ words }) => words[0]);
    expect(windows(world)).not.toContain(RTC);
    expect(windows(runScript(function* () { yield POWEROFF; }, { servers: clockAt().servers }))).toContain(RTC);
  });

  it("rings when its server does, not before, and asks again when it was rung too early", () => {
    const clock = clockAt();
    const at = T0 + 1_000_000_000n;
    const world = runScript(function* () {
      yield* wire();
      yield* setAlarm(at);
      expect(clock.asked).toEqual([at]);
      expect((yield rung(BELL)).lines).toBe(0);
      expect(clock.asked).toEqual([at, at]);
      clock.now = at;
      expect((yield rung(BELL)).lines).toBe(SEIP);
      expect((yield { load: GuestMap.PLIC.base + Plic.CLAIM }).value).toBe(GuestMap.RTC.irq);
      expect((yield { load: RTC + Rtc.ALARM_STATUS }).value).toBe(0);
      yield POWEROFF;
    }, { servers: clock.servers });
    expect(world.status).toBe(0);
  });

  it("takes an alarm back at its server, and replaces one by another", () => {
    const clock = clockAt();
    runScript(function* () {
      yield* setAlarm(T0 + 10n ** 9n);
      yield { store: RTC + Rtc.ALARM_LOW, value: 0xffff_ffff };
      yield { store: RTC + Rtc.CLEAR_ALARM, value: 1 };
      yield POWEROFF;
    }, { servers: clock.servers });
    expect(clock.asked).toEqual([T0 + 10n ** 9n, ((T0 + 10n ** 9n) >> 32n << 32n) | 0xffff_ffffn, null]);
  });

  it("stands still when its server is gone, which the operator is told once; the guest goes on", () => {
    const clock = clockAt();
    const world = runScript(function* () {
      yield* time();
      clock.gone = true;
      expect(yield* time()).toBe(T0);
      yield* setAlarm(T0 + 1n);
      yield rung(BELL);
      yield POWEROFF;
    }, { servers: clock.servers });
    expect([world.status, world.log]).toEqual([0, ["clock: its server does not answer: it stands still from now on, and its alarm does not ring"]]);
  });

  it("keeps the guest from starting when its server never answered", () => {
    const clock = clockAt();
    clock.gone = true;
    expect(runScript(function* () { yield POWEROFF; }, { servers: clock.servers }).reports[0]).toMatchObject({ state: "unbootable", detail: "clock: its server does not say the time" });
  });
});

describe("system suspend", () => {
  const suspend = (type = 0, resume: Word = RAM + 0x1000, word: Word = 0xffff_ffff_8000_1234n): GuestExit => ({ sbi: [Sbi.SUSP, 0, type, resume, word] });
  const written = (world: ReturnType<typeof runScript>) => world.invocations.filter(({ label }) => label === Invocation.VCPUWriteRegisters).slice(2).map(({ words }) => words);

  it("goes on where the guest said, with its word whole, once something was typed", () => {
    const world = runScript(function* (w) {
      w.input = [0x61];
      expect((yield suspend()).kind).toBe(0);
      yield POWEROFF;
    }, { bells: [0, INPUT] });
    expect(world.status).toBe(0);
    expect(written(world)).toEqual([[VcpuRegister.sstatus, 0], [VcpuRegister.satp, 0, 1], [VcpuRegister.pc, RAM + 0x1000], [10, 0, 0xffff_ffff_8000_1234n]]);
  });

  it("is woken by the clock's alarm when nothing is typed, and not by one that does not ring yet", () => {
    const clock = clockAt();
    const bells = [BELL, BELL];
    const world = runScript(function* () {
      yield* setAlarm(T0 + 1n);
      clock.now = T0 + 1n;
      yield suspend();
      yield POWEROFF;
    }, { servers: clock.servers, bells, args: { name: "g", ramBytes: 16 * 2 ** 20, cmdline: "", input: false } });
    expect([world.status, bells.length]).toEqual([0, 1]);
    const early = runScript.bind(null, function* () {
      yield* setAlarm(T0 + 10n ** 12n);
      yield suspend();
    }, { servers: clock.servers, bells: [BELL] });
    expect(early).toThrow("the VMM waits for ever");
  });

  it("is refused: other sleep types, addresses that are no memory, and where nothing could wake it", () => {
    const errors = (options: ScriptOptions, ...exits: GuestExit[]): Word[] => {
      const seen: Word[] = [];
      runScript(function* () {
        for (const exit of exits) seen.push((yield exit).value);
        yield POWEROFF;
      }, options);
      return seen;
    };
    const { INVALID_PARAM, INVALID_ADDRESS, NOT_SUPPORTED } = SbiError;
    const bad = [suspend(1), suspend(2 ** 31), suspend(0, RAM + 1), suspend(0, RAM + 16 * 2 ** 20), suspend(0, 2n ** 64n - 2n), { sbi: [Sbi.SUSP, 1, 0, RAM] } as const];
    expect(errors({}, ...bad)).toEqual([INVALID_PARAM, INVALID_PARAM, INVALID_ADDRESS, INVALID_ADDRESS, INVALID_ADDRESS, NOT_SUPPORTED]);
    expect(errors({ args: { name: "g", ramBytes: 16 * 2 ** 20, cmdline: "", input: false } }, suspend())).toEqual([NOT_SUPPORTED]);
  });

  it("is announced; PMU and the other extensions that are not here are not, and do nothing", () => {
    runScript(function* () {
      expect((yield { sbi: [Sbi.BASE, 3, Sbi.SUSP] }).second).toBe(1);
      for (const absent of [0x50_4d55, 0x4350_5043, 0x4e41_434c, 0x0053_5441]) {
        expect((yield { sbi: [Sbi.BASE, 3, absent] }).second).toBe(0);
        for (const fn of [0, 1, 7]) expect((yield { sbi: [absent, fn] }).value).toBe(SbiError.NOT_SUPPORTED);
      }
      yield POWEROFF;
    });
  });
});
