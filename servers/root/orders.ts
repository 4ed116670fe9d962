// What the operator wants of guests: lines of JSON through the control device, each for one guest. The root server only hands them on: it rings the guest's VMM, which fetches them
// (Parent.order), carries them out, and reports. Whoever has the control device has the machine, so nothing is asked of him; a guest's VMM gets its own guest's orders and no others.
// Orders of components (guests.ts) stand in the same line. The operator's have numbers from 1 up, theirs from -1 down, so nobody hears an answer to another.
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
/** Orders of the operator's that wait for one VMM. Of the others there is one for each caller that waits (callers.ts). */
const MOST_WAITING = 64;

interface Waiting {
  readonly id: number;
  readonly bytes: Uint8Array;
}

export class Orders {
  readonly #space: RootSpace;
  readonly #registers: number;
  readonly #handler: number;
  readonly #tell: Tell;
  readonly #waiting = new Map<number, Waiting[]>();
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
    return this.#waiting.get(number)?.shift()?.bytes;
  }

  /** Puts an order of a component's before a VMM. @param id below 0 */
  *give(built: Built, id: number, what: string): Op<void> {
    yield* this.#put(built, { id, bytes: new TextEncoder().encode(JSON.stringify({ guest: built.component.guest, id, do: what })) });
  }

  /** Takes it back, if its VMM has not fetched it. */
  withdraw(number: number, id: number): void {
    const waiting = this.#waiting.get(number), at = waiting?.findIndex((each) => each.id === id) ?? -1;
    if (at >= 0) waiting?.splice(at, 1);
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
    if (built?.order === undefined || (id ?? 0) < 0 || waiting.filter((each) => each.id >= 0).length >= MOST_WAITING) {
      const detail = built === undefined ? "there is no such guest, or it has ended" : (id ?? 0) < 0 ? "an order's number is not below 0" : "too many orders wait for it";
      return this.#tell({ event: "guest", guest: guest ?? "?", state: "refused", order: id ?? 0, detail });
    }
    yield* this.#put(built, { id: id ?? 0, bytes });
  }

  *#put({ component, order }: Built, waiting: Waiting): Op<void> {
    const before = this.#waiting.get(component.number);
    if (before === undefined) this.#waiting.set(component.number, [waiting]);
    else before.push(waiting);
    if (order !== undefined) yield* this.#space.sys.nbsend(order, 0);
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
