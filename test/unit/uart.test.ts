import { beforeEach, describe, expect, it } from "vitest";
import { readDevice, writeDevice } from "../../core/devices/device.ts";
import { Ier, Iir, Lsr, Mcr, Msr, Uart, Uart16550 } from "../../core/devices/uart16550.ts";

let irq = false;
let edges = 0;
let sent: number[] = [];
let accepts = true;
let asked = 0;
let uart: Uart16550;

const make = (): Uart16550 =>
  new Uart16550(
    (level) => {
      if (level !== irq) edges++;
      irq = level;
    },
    { ready: () => accepts, output: (byte) => void sent.push(byte), room: () => void asked++ },
  );
const get = (offset: number): number => Number(readDevice(uart, offset, 1));
const put = (offset: number, value: number): void => writeDevice(uart, offset, 1, value, 0);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const FIFOS_ON = 0x01;

beforeEach(() => {
  irq = false;
  edges = 0;
  sent = [];
  accepts = true;
  asked = 0;
  uart = make();
});

describe("16550: sending", () => {
  it("hands each byte to the backend at once, and stays empty", () => {
    put(Uart.RBR_THR, 0x41);
    put(Uart.RBR_THR, 0x42);
    expect(sent).toEqual([0x41, 0x42]);
    expect(get(Uart.LSR)).toBe(Lsr.THR_EMPTY | Lsr.IDLE);
  });

  it("clears THRE while the backend is not ready, and goes on in order when it is", () => {
    put(Uart.IIR_FCR, FIFOS_ON);
    accepts = false;
    put(Uart.RBR_THR, 1);
    put(Uart.RBR_THR, 2);
    expect(get(Uart.LSR) & (Lsr.THR_EMPTY | Lsr.IDLE)).toBe(0);
    accepts = true;
    put(Uart.RBR_THR, 3); // must not overtake
    expect(sent).toEqual([]);
    uart.drained();
    expect(sent).toEqual([1, 2, 3]);
    expect(get(Uart.LSR) & Lsr.THR_EMPTY).toBe(Lsr.THR_EMPTY);
  });

  it("keeps 16 bytes with FIFOs and one without; a driver that sends more loses the rest", () => {
    accepts = false;
    for (let i = 0; i < 3; i++) put(Uart.RBR_THR, i);
    uart.drained();
    expect(sent).toEqual([]);
    accepts = true;
    uart.drained();
    expect(sent).toEqual([0]);
    sent = [];
    put(Uart.IIR_FCR, FIFOS_ON);
    accepts = false;
    for (let i = 0; i < 20; i++) put(Uart.RBR_THR, i);
    accepts = true;
    uart.drained();
    expect(sent).toEqual([...Array(16).keys()]);
  });

  it("raises the transmit interrupt when it is enabled on an empty transmitter; reading IIR clears it; the next byte raises it again", () => {
    put(Uart.IER, Ier.TRANSMIT);
    expect(irq).toBe(true);
    expect(get(Uart.IIR_FCR)).toBe(Iir.TRANSMIT);
    expect(irq).toBe(false);
    expect(get(Uart.IIR_FCR)).toBe(Iir.NONE);
    put(Uart.RBR_THR, 0x41);
    expect(irq).toBe(true);
    put(Uart.IER, 0);
    expect(irq).toBe(false);
    put(Uart.IER, Ier.TRANSMIT);
    expect(irq).toBe(true);
  });

  it("raises no transmit interrupt before held-back bytes are out", () => {
    put(Uart.IER, Ier.TRANSMIT);
    get(Uart.IIR_FCR);
    accepts = false;
    put(Uart.RBR_THR, 0x41);
    expect(irq).toBe(false);
    accepts = true;
    uart.drained();
    expect(irq).toBe(true);
  });
});

describe("16550: receiving", () => {
  it("takes 16 bytes with FIFOs, one without, and gives them in order", () => {
    expect(uart.receive(bytes("ab"))).toBe(1);
    expect(get(Uart.RBR_THR)).toBe(0x61);
    put(Uart.IIR_FCR, FIFOS_ON);
    expect(uart.receive(bytes("0123456789abcdefgh"))).toBe(16);
    expect(uart.receive(bytes("x"))).toBe(0);
    const seen = [];
    while (get(Uart.LSR) & Lsr.DATA_READY) seen.push(get(Uart.RBR_THR));
    expect(String.fromCharCode(...seen)).toBe("0123456789abcdef");
    expect(get(Uart.RBR_THR)).toBe(0);
  });

  it("asks for more when a full receiver has room again", () => {
    put(Uart.IIR_FCR, FIFOS_ON);
    asked = 0;
    uart.receive(bytes("0123456789abcdef"));
    get(Uart.RBR_THR);
    expect(asked).toBe(1);
    get(Uart.RBR_THR);
    expect(asked).toBe(1);
  });

  it("shows data from the trigger level on as received, less as a time-out", () => {
    put(Uart.IIR_FCR, FIFOS_ON | (1 << 6)); // trigger at 4
    put(Uart.IER, Ier.RECEIVE);
    uart.receive(bytes("abc"));
    expect(irq).toBe(true);
    expect(get(Uart.IIR_FCR)).toBe(Iir.TIMEOUT | Iir.FIFOS);
    uart.receive(bytes("d"));
    expect(get(Uart.IIR_FCR)).toBe(Iir.RECEIVE | Iir.FIFOS);
    for (let i = 0; i < 4; i++) get(Uart.RBR_THR);
    expect(irq).toBe(false);
  });

  it("loses what it holds when the driver clears or switches the FIFOs", () => {
    put(Uart.IIR_FCR, FIFOS_ON);
    uart.receive(bytes("abc"));
    put(Uart.IIR_FCR, FIFOS_ON | 2);
    expect(get(Uart.LSR) & Lsr.DATA_READY).toBe(0);
    uart.receive(bytes("abc"));
    put(Uart.IIR_FCR, 0);
    expect(get(Uart.LSR) & Lsr.DATA_READY).toBe(0);
  });

  it("tells that the driver looks for input: by interrupt, or by polling LSR, not by sending", () => {
    expect(uart.listening).toBe(false);
    for (let i = 0; i < 100; i++) {
      get(Uart.LSR);
      get(Uart.LSR);
      put(Uart.RBR_THR, 0x2e);
    }
    expect(uart.listening).toBe(false);
    asked = 0;
    for (let i = 0; i < 8; i++) get(Uart.LSR);
    expect([uart.listening, asked]).toEqual([true, 1]);
    put(Uart.SCR, 0);
    expect(uart.listening).toBe(false);
    put(Uart.IER, Ier.RECEIVE);
    expect([uart.listening, asked]).toEqual([true, 2]);
    get(Uart.LSR);
    put(Uart.IER, Ier.RECEIVE);
    expect(asked).toBe(2);
  });
});

describe("16550: the rest", () => {
  it("identifies interrupts by priority: line status, data, transmitter, modem", () => {
    put(Uart.MCR, Mcr.LOOPBACK);
    put(Uart.RBR_THR, 1);
    put(Uart.RBR_THR, 2); // overrun: one byte fits without FIFOs
    get(Uart.MSR);
    put(Uart.MCR, Mcr.LOOPBACK | Mcr.RTS);
    put(Uart.IER, Ier.LINE | Ier.RECEIVE | Ier.TRANSMIT | Ier.MODEM);
    const seen: number[] = [];
    seen.push(get(Uart.IIR_FCR));
    expect(get(Uart.LSR) & Lsr.OVERRUN).toBe(Lsr.OVERRUN);
    seen.push(get(Uart.IIR_FCR));
    get(Uart.RBR_THR);
    seen.push(get(Uart.IIR_FCR));
    seen.push(get(Uart.IIR_FCR));
    expect(get(Uart.MSR) & 0x0f).toBe(1);
    seen.push(get(Uart.IIR_FCR));
    expect(seen).toEqual([Iir.LINE, Iir.RECEIVE, Iir.TRANSMIT, Iir.MODEM, Iir.NONE]);
    expect(irq).toBe(false);
  });

  it("loops back outputs to inputs, sends nothing, and takes no input meanwhile", () => {
    put(Uart.MCR, Mcr.LOOPBACK | Mcr.OUT2 | Mcr.RTS);
    expect(get(Uart.MSR) & 0xf0).toBe(Msr.DCD | Msr.CTS); // what Linux's driver tests for
    put(Uart.MCR, Mcr.LOOPBACK | Mcr.OUT1 | Mcr.DTR);
    expect(get(Uart.MSR) & 0xf0).toBe(Msr.RI | Msr.DSR);
    put(Uart.MCR, Mcr.LOOPBACK);
    expect(get(Uart.MSR) & Msr.RI_ENDED).toBe(Msr.RI_ENDED);
    put(Uart.RBR_THR, 0x55);
    expect(sent).toEqual([]);
    expect(uart.receive(bytes("x"))).toBe(0);
    expect(get(Uart.RBR_THR)).toBe(0x55);
  });

  it("has a divisor behind DLAB, a scratch register, and reads back what is written", () => {
    put(Uart.LCR, 0x83);
    put(Uart.RBR_THR, 0x34);
    put(Uart.IER, 0x12);
    expect([get(Uart.RBR_THR), get(Uart.IER)]).toEqual([0x34, 0x12]);
    put(Uart.LCR, 0x03);
    expect(get(Uart.LCR)).toBe(3);
    expect(get(Uart.IER)).toBe(0);
    put(Uart.IER, 0xff);
    expect(get(Uart.IER)).toBe(0x0f);
    put(Uart.SCR, 0xa5);
    expect(get(Uart.SCR)).toBe(0xa5);
    expect(sent).toEqual([]);
  });

  it("reads as 0 beyond its registers, unaligned, and with sizes that do not exist", () => {
    for (const [offset, size] of [[8, 1], [100, 4], [-1, 1], [1, 2], [7, 2], [0, 3], [0, 16]] as const) {
      writeDevice(uart, offset, size, -1, -1);
      expect(readDevice(uart, offset, size)).toBe(0);
    }
    expect(sent).toEqual([]);
  });

  it("goes on after restore exactly as the one that was saved", () => {
    put(Uart.IIR_FCR, FIFOS_ON | (3 << 6));
    put(Uart.IER, Ier.RECEIVE | Ier.TRANSMIT);
    put(Uart.SCR, 7);
    uart.receive(bytes("hello"));
    accepts = false;
    put(Uart.RBR_THR, 0x21);
    const state = JSON.parse(JSON.stringify(uart.save())) as ReturnType<Uart16550["save"]>;
    uart = make();
    irq = false;
    uart.restore(state);
    expect(irq).toBe(true);
    expect(uart.save()).toEqual(state);
    accepts = true;
    uart.drained();
    expect(sent).toEqual([0x21]);
    expect(get(Uart.RBR_THR)).toBe(0x68);
  });

  it("drives its line at changes only, and low at reset", () => {
    put(Uart.IER, Ier.TRANSMIT);
    for (let i = 0; i < 10; i++) put(Uart.RBR_THR, i);
    expect(edges).toBe(1);
    uart.reset();
    expect(irq).toBe(false);
    expect(get(Uart.IIR_FCR)).toBe(Iir.NONE);
  });
});
