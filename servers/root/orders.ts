// What the operator wants of guests: lines of JSON through the control device, each for one guest. The root server only hands them on: it rings the guest's VMM, which fetches them
// (Parent.order), carries them out, and reports. Whoever has the control device has the machine, so nothing is asked of him; a guest's VMM gets its own guest's orders and no others.
import { InitSlot, Right } from "../../caps/abi/numbers.ts";
import { FIRST_SIGNAL_BIT, MAX_SIGNALS } from "../../caps/image/system.ts";
import { irqAck, irqControlGet, irqSetNotification } from "../lib/ts/objects.ts";
import type { Op } from "../lib/ts/sdk.ts";
import type { Built } from "./build.ts";
import { must } from "./failure.ts";
import { CONTROL_IRQ, operatorBytes, type Tell } from "./operator.ts";
import type { RootSpace } from "./space.ts";

/** Its bit of the root server's notification: the last; the drivers' devices have the first (dma.ts). */
const ORDERS_BIT = 2 ** (FIRST_SIGNAL_BIT + MAX_SIGNALS - 1);
const NEWLINE = 10;
/** Orders that wait for one VMM. */
const MOST_WAITING = 64;

export class Orders {
  readonly #space: RootSpace;
  readonly #registers: number;
  readonly #handler: number;
  readonly #tell: Tell;
  readonly #waiting = new Map<number, Uint8Array[]>();
  #line: number[] = [];

  private constructor(space: RootSpace, registers: number, handler: number, tell: Tell) {
    this.#space = space;
    this.#registers = registers;
    this.#handler = handler;
    this.#tell = tell;
  }

  /** @param registers address where the control device is mapped */
  static *open(space: RootSpace, registers: number, tell: Tell): Op<Orders> {
    const handler = space.take(1), says = "listen to the operator";
    yield* must(irqControlGet(space.sys, InitSlot.IRQControl, CONTROL_IRQ, space.place(handler)), says);
    const signal = yield* space.mint(InitSlot.Notification, Right.Write, ORDERS_BIT, says);
    yield* must(irqSetNotification(space.sys, handler, signal), says);
    return new Orders(space, registers, handler, tell);
  }

  /** The root server was signalled. @param byGuest who hosts it, while he lives */
  *signalled(word: number, byGuest: (guest: string) => Built | undefined): Op<void> {
    if (Math.floor(word / ORDERS_BIT) % 2 === 0) return;
    for (let bytes = this.#next(); bytes.length > 0; bytes = this.#next()) {
      for (const byte of bytes) {
        if (byte !== NEWLINE) this.#line.push(byte);
        else yield* this.#take(Uint8Array.from(this.#line.splice(0)), byGuest);
      }
    }
    yield* irqAck(this.#space.sys, this.#handler);
  }

  /** The next order of the component with this number. */
  next(number: number): Uint8Array | undefined {
    return this.#waiting.get(number)?.shift();
  }

  /** A component was taken away, or built anew: what was wanted of it before is nobody's business now. */
  forget(number: number): void {
    this.#waiting.delete(number);
  }

  #next(): readonly number[] {
    return operatorBytes(this.#space.mem, this.#registers);
  }

  *#take(bytes: Uint8Array, byGuest: (guest: string) => Built | undefined): Op<void> {
    const { guest, id } = named(bytes);
    const built = guest === undefined ? undefined : byGuest(guest);
    const waiting = built === undefined ? [] : (this.#waiting.get(built.component.number) ?? []);
    if (built?.order === undefined || waiting.length >= MOST_WAITING) {
      const detail = built === undefined ? "there is no such guest, or it has ended" : "too many orders wait for it";
      return this.#tell({ event: "guest", guest: guest ?? "?", state: "refused", order: id ?? 0, detail });
    }
    waiting.push(bytes);
    this.#waiting.set(built.component.number, waiting);
    yield* this.#space.sys.nbsend(built.order, 0);
  }
}

function named(bytes: Uint8Array): { readonly guest?: string; readonly id?: number } {
  try {
    const { guest, id } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    return { ...(typeof guest === "string" ? { guest } : {}), ...(typeof id === "number" ? { id } : {}) };
  } catch {
    return {};
  }
}
