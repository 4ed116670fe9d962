// A 16550A serial port: eight byte-wide registers, two FIFOs of 16 bytes, one interrupt line.
// Source: National Semiconductor PC16550D datasheet (June 1995), chapter 8. Where it differs:
// no time passes inside the device, so the line speed has no effect, a sent byte leaves at once unless the backend holds it back, and the
// character time-out comes without delay.
import type { Device, IrqLine, SerialBackend } from "./device.ts";

/** Register offsets with LCR.DLAB = 0. Named for reading / for writing where they differ. */
export const Uart = {
  RBR_THR: 0,
  IER: 1,
  IIR_FCR: 2,
  LCR: 3,
  MCR: 4,
  LSR: 5,
  MSR: 6,
  SCR: 7,
} as const;

export const Ier = { RECEIVE: 1, TRANSMIT: 2, LINE: 4, MODEM: 8 } as const;
/** Interrupt identification, in falling priority. FIFOS is shown beside it while the FIFOs are on. */
export const Iir = { NONE: 1, LINE: 6, RECEIVE: 4, TIMEOUT: 12, TRANSMIT: 2, MODEM: 0, FIFOS: 0xc0 } as const;
export const Lsr = { DATA_READY: 1, OVERRUN: 2, THR_EMPTY: 0x20, IDLE: 0x40 } as const;
export const Mcr = { DTR: 1, RTS: 2, OUT1: 4, OUT2: 8, LOOPBACK: 16 } as const;
export const Msr = { CTS: 0x10, DSR: 0x20, RI: 0x40, DCD: 0x80, RI_ENDED: 4 } as const;
const Fcr = { ENABLE: 1, CLEAR_RECEIVE: 2, CLEAR_TRANSMIT: 4, TRIGGER_SHIFT: 6 } as const;
const DLAB = 0x80;
const FIFO_BYTES = 16;
/** From so many LSR reads in a row the driver is taken to wait for input; one that sends reads it once or twice a byte. */
const POLLING = 8;
const TRIGGER_LEVELS = [1, 4, 8, 14] as const;

export interface UartState {
  readonly ier: number;
  readonly fcr: number;
  readonly lcr: number;
  readonly mcr: number;
  readonly scratch: number;
  readonly divisor: number;
  readonly overrun: boolean;
  readonly modemDelta: number;
  readonly transmitPending: boolean;
  readonly received: readonly number[];
  readonly toSend: readonly number[];
  readonly statusReads: number;
}

/** Bytes in order of arrival, at most 16. */
class Fifo {
  readonly #bytes = new Uint8Array(FIFO_BYTES);
  #head = 0;
  count = 0;
  clear(): void {
    this.count = 0;
  }
  push(byte: number): void {
    this.#bytes[(this.#head + this.count++) % FIFO_BYTES] = byte;
  }
  /** 0 when empty. */
  shift(): number {
    if (this.count === 0) return 0;
    const byte = this.#bytes[this.#head]!;
    this.#head = (this.#head + 1) % FIFO_BYTES;
    this.count--;
    return byte;
  }
  toArray(): number[] {
    return Array.from({ length: this.count }, (_, i) => this.#bytes[(this.#head + i) % FIFO_BYTES]!);
  }
  fill(bytes: readonly number[]): void {
    this.clear();
    for (const byte of bytes.slice(0, FIFO_BYTES)) this.push(byte);
  }
}

export class Uart16550 implements Device<UartState> {
  readonly bytes = 8;
  readonly #irq: IrqLine;
  readonly #backend: SerialBackend<number>;
  readonly #received = new Fifo();
  readonly #toSend = new Fifo();
  #ier = 0;
  #fcr = 0;
  #lcr = 0;
  #mcr = 0;
  #scratch = 0;
  #divisor = 0;
  #overrun = false;
  #modemDelta = 0;
  /** The transmitter became empty and nobody was told: the THRE interrupt, once enabled. */
  #transmitPending = false;
  #level = false;
  /** LSR reads in a row. */
  #statusReads = 0;

  constructor(irq: IrqLine, backend: SerialBackend<number>) {
    this.#irq = irq;
    this.#backend = backend;
  }

  /** The driver looks for input: by interrupt, or by reading LSR over and over. Input given before it does may be lost when it sets the device up. */
  get listening(): boolean {
    return (this.#ier & Ier.RECEIVE) !== 0 || this.#statusReads >= POLLING;
  }

  /** The driver sends by interrupt: after what it writes now, it will be interrupted. */
  get sendsByInterrupt(): boolean {
    return (this.#ier & Ier.TRANSMIT) !== 0;
  }

  reset(): void {
    this.#received.clear();
    this.#toSend.clear();
    this.#ier = this.#fcr = this.#lcr = this.#mcr = this.#scratch = this.#divisor = this.#modemDelta = this.#statusReads = 0;
    this.#overrun = this.#transmitPending = false;
    this.#drive(false);
  }

  /** Input from the line. Takes as many bytes as the receiver has room for and says how many; none in loopback mode. */
  receive(bytes: Uint8Array): number {
    if (this.#mcr & Mcr.LOOPBACK) return 0;
    const taken = Math.min(this.#depth() - this.#received.count, bytes.length);
    for (let i = 0; i < taken; i++) this.#received.push(bytes[i]!);
    if (taken > 0) this.#update();
    return Math.max(0, taken);
  }

  /** The backend is ready again. */
  drained(): void {
    if (this.#toSend.count === 0) return;
    while (this.#toSend.count > 0 && this.#backend.ready()) this.#backend.output(this.#toSend.shift());
    if (this.#toSend.count === 0) this.#transmitPending = true;
    this.#update();
  }

  read(offset: number, _size: number): number {
    if (offset !== Uart.LSR) this.#statusReads = 0;
    else if (this.#statusReads < POLLING && ++this.#statusReads === POLLING && !(this.#ier & Ier.RECEIVE)) this.#backend.room();
    switch (offset) {
      case Uart.RBR_THR:
        return this.#lcr & DLAB ? this.#divisor & 0xff : this.#takeReceived();
      case Uart.IER:
        return this.#lcr & DLAB ? this.#divisor >>> 8 : this.#ier;
      case Uart.IIR_FCR: {
        const source = this.#source();
        if (source === Iir.TRANSMIT) {
          this.#transmitPending = false;
          this.#update();
        }
        return source | (this.#fcr & Fcr.ENABLE ? Iir.FIFOS : 0);
      }
      case Uart.LCR:
        return this.#lcr;
      case Uart.MCR:
        return this.#mcr;
      case Uart.LSR: {
        const status =
          (this.#received.count > 0 ? Lsr.DATA_READY : 0) | (this.#overrun ? Lsr.OVERRUN : 0) | (this.#toSend.count === 0 ? Lsr.THR_EMPTY | Lsr.IDLE : 0);
        if (this.#overrun) {
          this.#overrun = false;
          this.#update();
        }
        return status;
      }
      case Uart.MSR: {
        const status = this.#modemLines() | this.#modemDelta;
        if (this.#modemDelta !== 0) {
          this.#modemDelta = 0;
          this.#update();
        }
        return status;
      }
      case Uart.SCR:
        return this.#scratch;
      default:
        return 0;
    }
  }

  /** Only the first register of a wider access is written. */
  write(offset: number, _size: number, wide: number): void {
    const value = wide & 0xff;
    this.#statusReads = 0;
    switch (offset) {
      case Uart.RBR_THR:
        if (this.#lcr & DLAB) this.#divisor = (this.#divisor & 0xff00) | value;
        else this.#send(value);
        break;
      case Uart.IER:
        if (this.#lcr & DLAB) this.#divisor = (this.#divisor & 0xff) | (value << 8);
        else this.#enable(value & 0x0f);
        break;
      case Uart.IIR_FCR:
        this.#controlFifos(value);
        break;
      case Uart.LCR:
        this.#lcr = value;
        break;
      case Uart.MCR:
        this.#controlModem(value & 0x1f);
        break;
      case Uart.SCR:
        this.#scratch = value;
        break;
    }
  }

  save(): UartState {
    return {
      ier: this.#ier,
      fcr: this.#fcr,
      lcr: this.#lcr,
      mcr: this.#mcr,
      scratch: this.#scratch,
      divisor: this.#divisor,
      overrun: this.#overrun,
      modemDelta: this.#modemDelta,
      transmitPending: this.#transmitPending,
      received: this.#received.toArray(),
      toSend: this.#toSend.toArray(),
      statusReads: this.#statusReads,
    };
  }

  restore(state: UartState): void {
    this.#ier = state.ier;
    this.#fcr = state.fcr;
    this.#lcr = state.lcr;
    this.#mcr = state.mcr;
    this.#scratch = state.scratch;
    this.#divisor = state.divisor;
    this.#overrun = state.overrun;
    this.#modemDelta = state.modemDelta;
    this.#transmitPending = state.transmitPending;
    this.#received.fill(state.received);
    this.#toSend.fill(state.toSend);
    this.#statusReads = state.statusReads;
    this.#drive(this.#source() !== Iir.NONE);
  }

  #depth(): number {
    return this.#fcr & Fcr.ENABLE ? FIFO_BYTES : 1;
  }

  #takeReceived(): number {
    const full = this.#received.count >= this.#depth();
    const byte = this.#received.shift();
    this.#update();
    if (full && !(this.#mcr & Mcr.LOOPBACK)) this.#backend.room();
    return byte;
  }

  #send(byte: number): void {
    this.#transmitPending = false;
    if (this.#mcr & Mcr.LOOPBACK) {
      if (this.#received.count < this.#depth()) this.#received.push(byte);
      else this.#overrun = true;
      this.#transmitPending = true;
    } else if (this.#toSend.count === 0 && this.#backend.ready()) {
      this.#backend.output(byte);
      this.#transmitPending = true;
    } else if (this.#toSend.count < this.#depth()) {
      this.#toSend.push(byte);
    } // else the driver did not look at LSR, and the byte is lost, as in hardware
    this.#update();
  }

  #enable(ier: number): void {
    // Enabling the transmit interrupt while the transmitter is empty raises it: drivers start sending this way.
    if (ier & ~this.#ier & Ier.TRANSMIT && this.#toSend.count === 0) this.#transmitPending = true;
    const listens = (ier & ~this.#ier & Ier.RECEIVE) !== 0;
    this.#ier = ier;
    this.#update();
    if (listens) this.#backend.room();
  }

  #controlFifos(value: number): void {
    const switched = ((value ^ this.#fcr) & Fcr.ENABLE) !== 0;
    const had = this.#received.count;
    if (switched || value & Fcr.CLEAR_RECEIVE) this.#received.clear();
    if ((switched || value & Fcr.CLEAR_TRANSMIT) && this.#toSend.count > 0) {
      this.#toSend.clear();
      this.#transmitPending = true;
    }
    this.#fcr = value & Fcr.ENABLE ? value & ~(Fcr.CLEAR_RECEIVE | Fcr.CLEAR_TRANSMIT) : 0;
    this.#update();
    if (switched || had > this.#received.count) this.#backend.room();
  }

  #controlModem(value: number): void {
    const before = this.#modemLines();
    const leftLoopback = (this.#mcr & ~value & Mcr.LOOPBACK) !== 0;
    this.#mcr = value;
    const now = this.#modemLines();
    const changed = before ^ now;
    this.#modemDelta |= ((changed >>> 4) & 0b1011) | (changed & before & Msr.RI ? Msr.RI_ENDED : 0);
    this.#update();
    if (leftLoopback) this.#backend.room();
  }

  /** The far end is always there; in loopback mode the outputs are the inputs. */
  #modemLines(): number {
    const mcr = this.#mcr;
    if (!(mcr & Mcr.LOOPBACK)) return Msr.CTS | Msr.DSR | Msr.DCD;
    return (mcr & Mcr.RTS ? Msr.CTS : 0) | (mcr & Mcr.DTR ? Msr.DSR : 0) | (mcr & Mcr.OUT1 ? Msr.RI : 0) | (mcr & Mcr.OUT2 ? Msr.DCD : 0);
  }

  /** The interrupt that IIR shows. */
  #source(): number {
    const ier = this.#ier;
    if (ier & Ier.LINE && this.#overrun) return Iir.LINE;
    if (ier & Ier.RECEIVE && this.#received.count > 0) {
      const trigger = this.#fcr & Fcr.ENABLE ? TRIGGER_LEVELS[(this.#fcr >>> Fcr.TRIGGER_SHIFT) as 0 | 1 | 2 | 3] : 1;
      return this.#received.count >= trigger ? Iir.RECEIVE : Iir.TIMEOUT;
    }
    if (ier & Ier.TRANSMIT && this.#transmitPending) return Iir.TRANSMIT;
    if (ier & Ier.MODEM && this.#modemDelta !== 0) return Iir.MODEM;
    return Iir.NONE;
  }

  #update(): void {
    const level = this.#source() !== Iir.NONE;
    if (level !== this.#level) this.#drive(level);
  }

  #drive(level: boolean): void {
    this.#level = level;
    this.#irq(level);
  }
}
