// What the operator is told: a JSON object a line, through the machine's control device, which only the root server has.
import type { Memory } from "../lib/ts/sdk.ts";

/** Physical address of the control device's page, and its interrupt. Source: core/devices/control.ts, core/machine/board.ts. */
export const CONTROL_DEVICE = 0x1000_2000;
export const CONTROL_IRQ = 9;
/** Offset of the register by which bytes go both ways: up to three in a word, the first lowest, and above them how many. */
export const CONTROL_WORD = 4;
const WORD_BYTES = 3;

export type OperatorEvent =
  | { readonly event: "started"; readonly component: string }
  /** Built again, and started in so many milliseconds: the `count`th time in its window. */
  | { readonly event: "restarting"; readonly component: string; readonly count: number; readonly ms: number }
  | { readonly event: "restarted"; readonly component: string; readonly count: number }
  | { readonly event: "exit"; readonly component: string; readonly status: number }
  | { readonly event: "fault"; readonly component: string; readonly kind: string; readonly pc: number; readonly address?: number; readonly reason: string }
  /** A device of the component was refused an access to memory, its `number`th: I/O address, bytes, "read" or "write". */
  | { readonly event: "dma-fault"; readonly component: string; readonly device: string; readonly address: number; readonly bytes: number; readonly direction: string; readonly number: number }
  | { readonly event: "log"; readonly component: string; readonly text: string }
  /** `report` is the VMM's own JSON object: state, status, detail. */
  | { readonly event: "guest"; readonly guest: string; readonly [key: string]: unknown }
  | { readonly event: "error"; readonly message: string }
  /** The appliance is over; nothing that happens afterwards changes the status. */
  | { readonly event: "end"; readonly status: number };

export type Tell = (event: OperatorEvent) => void;

/** The next bytes of the operator's; none: there are no more now. */
export function operatorBytes(mem: Memory, registers: number): readonly number[] {
  const word = mem.load32(registers + CONTROL_WORD);
  return Array.from({ length: word >>> 24 }, (_, i) => (word >>> (8 * i)) & 0xff);
}

/** @param registers address where the device is mapped */
export function operatorChannel(mem: Memory, registers: number): Tell {
  return (event) => {
    const bytes = new TextEncoder().encode(`${JSON.stringify(event)}\n`);
    for (let at = 0; at < bytes.length; at += WORD_BYTES) {
      const part = bytes.subarray(at, at + WORD_BYTES);
      mem.store32(registers + CONTROL_WORD, part.reduce((word, byte, i) => word + byte * 2 ** (8 * i), part.length * 2 ** 24));
    }
  };
}
