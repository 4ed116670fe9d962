// The goldfish real-time clock: nanoseconds since 1970, and one alarm. Source: Linux drivers/rtc/rtc-goldfish.c, QEMU hw/rtc/goldfish_rtc.c; both agree.
//
// Only 32-bit accesses. Times are 64 bits unsigned, in two halves. No driver sets this machine's clocks: what it writes to TIME is ignored.
import type { Device, IrqLine } from "./device.ts";

export const Rtc = {
  /** Reading it latches the upper half for TIME_HIGH. */
  TIME_LOW: 0x00,
  TIME_HIGH: 0x04,
  /** Writing it arms the alarm, with the upper half that ALARM_HIGH has. */
  ALARM_LOW: 0x08,
  ALARM_HIGH: 0x0c,
  /** Bit 0: a pending interrupt reaches the line. */
  IRQ_ENABLED: 0x10,
  /** Any write disarms. */
  CLEAR_ALARM: 0x14,
  /** 1 while the alarm is armed. */
  ALARM_STATUS: 0x18,
  /** Any write takes the pending interrupt back. */
  CLEAR_INTERRUPT: 0x1c,
} as const;

/** Where time comes from. */
export interface TimePort {
  /** Nanoseconds since 1970, 0..2^64-1. */
  now(): bigint;
  /** Asks that the device's `tick()` be called when `now() >= at`; null: not any more. Each call takes the place of the one before. */
  alarm(at: bigint | null): void;
}

export interface RtcState {
  readonly timeHigh: number;
  readonly alarmLow: number;
  readonly alarmHigh: number;
  /** When the alarm rings, halves of 32 bits: ALARM_HIGH may have been written since it was armed. null: it is not armed. */
  readonly due: { readonly low: number; readonly high: number } | null;
  readonly enabled: boolean;
  readonly pending: boolean;
}

const lowHalf = (value: bigint): number => Number(BigInt.asUintN(32, value));
const join = (low: number, high: number): bigint => (BigInt(high) << 32n) | BigInt(low);

export class GoldfishRtc implements Device<RtcState> {
  readonly bytes = 0x1000;
  readonly #irq: IrqLine;
  readonly #time: TimePort;
  #timeHigh = 0;
  #alarmLow = 0;
  #alarmHigh = 0;
  #due: bigint | null = null;
  #enabled = false;
  #pending = false;

  constructor(irq: IrqLine, time: TimePort) {
    this.#irq = irq;
    this.#time = time;
  }

  reset(): void {
    this.#timeHigh = this.#alarmLow = this.#alarmHigh = 0;
    this.#enabled = this.#pending = false;
    this.#disarm();
    this.#drive();
  }

  /** The time asked for has come. Too early, or without an alarm, it does no harm. */
  tick(): void {
    if (this.#due !== null) this.#arm(this.#due);
  }

  read(offset: number, size: number): number {
    if (size !== 4) return 0;
    switch (offset) {
      case Rtc.TIME_LOW: {
        const now = this.#time.now();
        this.#timeHigh = lowHalf(now >> 32n);
        return lowHalf(now);
      }
      case Rtc.TIME_HIGH:
        return this.#timeHigh;
      case Rtc.ALARM_LOW:
        return this.#alarmLow;
      case Rtc.ALARM_HIGH:
        return this.#alarmHigh;
      case Rtc.IRQ_ENABLED:
        return this.#enabled ? 1 : 0;
      case Rtc.ALARM_STATUS:
        return this.#due === null ? 0 : 1;
      default:
        return 0;
    }
  }

  write(offset: number, size: number, value: number): void {
    if (size !== 4) return;
    switch (offset) {
      case Rtc.ALARM_LOW:
        this.#alarmLow = value;
        this.#arm(join(value, this.#alarmHigh));
        break;
      case Rtc.ALARM_HIGH:
        this.#alarmHigh = value;
        break;
      case Rtc.IRQ_ENABLED:
        this.#enabled = (value & 1) !== 0;
        this.#drive();
        break;
      case Rtc.CLEAR_ALARM:
        this.#disarm();
        break;
      case Rtc.CLEAR_INTERRUPT:
        this.#pending = false;
        this.#drive();
        break;
    }
  }

  save(): RtcState {
    return {
      timeHigh: this.#timeHigh,
      alarmLow: this.#alarmLow,
      alarmHigh: this.#alarmHigh,
      due: this.#due === null ? null : { low: lowHalf(this.#due), high: lowHalf(this.#due >> 32n) },
      enabled: this.#enabled,
      pending: this.#pending,
    };
  }

  /** An alarm whose time passed while the machine was away fires now. */
  restore(state: RtcState): void {
    this.#timeHigh = state.timeHigh;
    this.#alarmLow = state.alarmLow;
    this.#alarmHigh = state.alarmHigh;
    this.#enabled = state.enabled;
    this.#pending = state.pending;
    this.#disarm();
    if (state.due !== null) this.#arm(join(state.due.low, state.due.high));
    this.#drive();
  }

  /** Fires at once if the time has come, and else asks to be told. */
  #arm(at: bigint): void {
    if (at > this.#time.now()) {
      this.#due = at;
      this.#time.alarm(at);
      return;
    }
    this.#disarm();
    this.#pending = true;
    this.#drive();
  }

  #disarm(): void {
    this.#due = null;
    this.#time.alarm(null);
  }

  #drive(): void {
    this.#irq(this.#enabled && this.#pending);
  }
}
