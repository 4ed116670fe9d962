// The word by which a guest's firmware ends its machine: SiFive's test device, as QEMU's virt board has it. Nothing else tells of it but the device tree.
// Source: QEMU hw/misc/sifive_test.c for the values; Linux Documentation/devicetree/bindings/power/reset/syscon-poweroff.yaml, syscon-reboot.yaml.
import type { Device } from "../core/devices/device.ts";

/** What is written: the lower half, and with a failure its code above. */
export const Power = { FAIL: 0x3333, OFF: 0x5555, RESET: 0x7777 } as const;

export interface PowerRequest {
  readonly type: "shutdown" | "reboot";
  readonly failure: boolean;
}

export class GuestPower implements Device<null> {
  readonly bytes = 0x1000;
  /** What the guest asked for; null: it goes on. */
  request: PowerRequest | null = null;

  reset(): void {
    this.request = null;
  }
  read(): number {
    return 0;
  }
  write(offset: number, size: number, value: number): void {
    if (offset !== 0 || size < 2) return;
    const word = value & 0xffff;
    if (word === Power.OFF || word === Power.FAIL) this.request = { type: "shutdown", failure: word === Power.FAIL };
    else if (word === Power.RESET) this.request = { type: "reboot", failure: false };
  }
  save(): null {
    return null;
  }
  restore(): void {
    this.reset();
  }
}
