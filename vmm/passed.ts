// A device of the machine that is handed to the guest: a virtio device behind the IOMMU. Its registers are this program's, and each access of the guest's is made again there; its IOSpace maps the
// guest's RAM, at guest-physical addresses (the root server does that), so the device reaches that and nothing else, whatever the guest's driver tells it.
//
// Its interrupt comes as a signal, and stays masked in the machine until the guest has acknowledged it to the device.
import type { Device } from "../core/devices/device.ts";
import { Mmio } from "../core/devices/virtio/spec.ts";
import { irqAck } from "../servers/lib/ts/objects.ts";
import type { Env, Memory, Op, Sys, Use } from "../servers/lib/ts/sdk.ts";
import type { Outside } from "./outside.ts";

export class PassedDevice implements Device<null>, Outside {
  readonly bytes: number;
  readonly name: string;
  readonly bit: number;
  /** The guest has acknowledged: the machine may interrupt again. */
  due = false;
  /** Its interrupt line in the guest's machine; set by whoever puts it on the bus. */
  line: (level: boolean) => void = () => undefined;
  readonly #mem: Memory;
  readonly #sys: Sys;
  readonly #registers: number;
  readonly #irq: number;

  constructor({ mem, sys }: Env, name: string, registers: Use, irq: Use) {
    this.name = name;
    this.bytes = registers.bytes;
    this.bit = irq.badge;
    this.#mem = mem;
    this.#sys = sys;
    this.#registers = registers.address;
    this.#irq = irq.cap;
  }

  reset(): void {
    this.#mem.store32(this.#registers + Mmio.STATUS, 0);
  }
  read(offset: number, size: number): number {
    const at = this.#registers + offset;
    return size === 4 ? this.#mem.load32(at) : size === 2 ? this.#mem.load16(at) : this.#mem.load8(at);
  }
  write(offset: number, size: number, value: number): void {
    const at = this.#registers + offset;
    if (size === 4) this.#mem.store32(at, value);
    else if (size === 2) this.#mem.store16(at, value);
    else this.#mem.store8(at, value);
    // A reset takes the line down, too.
    if (offset === Mmio.INTERRUPT_ACK || offset === Mmio.STATUS) this.due = true;
  }
  /** What it holds is the machine's. */
  save(): null {
    return null;
  }
  restore(): void {
    // nothing of it is here
  }

  /** Rung by its interrupt, or after the guest has acknowledged one: the line is as the device has it. */
  *turn(): Op<void> {
    const raised = this.#mem.load32(this.#registers + Mmio.INTERRUPT_STATUS) !== 0;
    this.line(raised);
    if (!this.due) return;
    this.due = false;
    yield* irqAck(this.#sys, this.#irq);
  }
}
