// What the operator is told: a JSON object a line, through the machine's control device, which only the root server has.
import type { Memory } from "../lib/ts/sdk.ts";

/** Physical address of the control device's page, and its interrupt. Source: core/devices/control.ts, core/machine/board.ts. */
export const CONTROL_DEVICE = 0x1000_2000;
export const CONTROL_IRQ = 9;
/** Offset of the register from which the operator's bytes are loaded, and the bit that says that there was one. Bytes stored at offset 0 make a line for him. */
export const CONTROL_IN = 4;
export const CONTROL_BYTE = 0x100;

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

/** @param registers address where the device is mapped */
export function operatorChannel(mem: Memory, registers: number): Tell {
  return (event) => {
    for (const byte of new TextEncoder().encode(`${JSON.stringify(event)}\n`)) mem.store8(registers, byte);
  };
}
