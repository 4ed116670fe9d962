// A virtio input device: a keyboard, a tablet or a power button, whose events are those of Linux. Source: virtio 1.2, section 5.8; linux/input-event-codes.h.
// Queue 0 carries events to the driver, each in a buffer of its own; queue 1 what the driver would have lit up, which nothing here can.
//
// Invariants:
//   I1  Events that belong together (up to SYN_REPORT) are taken together or not at all: what does not fit is the caller's to keep.
//   I2  Reading the configuration changes nothing; what SELECT asks for and is not there has SIZE 0.
import { Axis, Button, EventType, REL_WHEEL, SYN_DROPPED, SYN_REPORT } from "../../../caps/abi/input.ts";
import type { VirtioLink, VirtioModel } from "./mmio.ts";
import { Chain } from "./queue.ts";
import { DeviceId, INPUT_EVENT_BYTES, InputConfig, InputSelect } from "./spec.ts";

const EVENTS = 0;
const STATUS = 1;
const QUEUE_SIZE = 64;
/** Events of one moment: each needs a buffer of the queue's. */
export const INPUT_MOST_TOGETHER = 16;

export { Axis, Button, EventType, REL_WHEEL, SYN_DROPPED, SYN_REPORT };
/** A tablet's positions are 0 to this on both axes, whatever the display's size. */
export const TABLET_MOST = 32767;
/** Keys have codes from 1 to this. */
export const KEY_MOST = 127;
export const KEY_POWER = 116;
/** By which guests know it (guests/linux). */
export const POWER_BUTTON = "Bailiwick power button";

export interface InputEvent {
  /** 0..0xffff each. */
  readonly type: number;
  readonly code: number;
  /** Of 32 bits, with a sign. */
  readonly value: number;
}

export type InputKind = "keyboard" | "tablet";

export interface InputState {
  readonly select: number;
  readonly subsel: number;
  /** Buffers taken from the queue that wait for events, by their heads. */
  readonly heads: readonly number[];
}

/** What an input device says of itself. */
interface Identity {
  readonly name: string;
  readonly product: number;
  /** Codes by type of event. */
  readonly codes: ReadonlyMap<number, readonly number[]>;
  readonly axes: readonly number[];
}

const IDENTITIES: Readonly<Record<InputKind | "power", Identity>> = {
  keyboard: { name: "Bailiwick keyboard", product: 1, codes: new Map([[EventType.KEY, Array.from({ length: KEY_MOST }, (_, i) => i + 1)]]), axes: [] },
  tablet: {
    name: "Bailiwick tablet",
    product: 2,
    codes: new Map([[EventType.KEY, Object.values(Button)], [EventType.REL, [REL_WHEEL]], [EventType.ABS, Object.values(Axis)]]),
    axes: Object.values(Axis),
  },
  power: { name: POWER_BUTTON, product: 3, codes: new Map([[EventType.KEY, [KEY_POWER]]]), axes: [] },
};
const BUS_VIRTUAL = 6;

export class VirtioInput implements VirtioModel<InputState> {
  readonly id: number;
  readonly features = 0;
  readonly queueSizes: readonly number[];
  readonly #identity: Identity | null;
  readonly #room: () => void;
  readonly #status = new Chain();
  #link: VirtioLink | null = null;
  #select = 0;
  #subsel = 0;
  /** Buffers that the driver has given and that hold nothing yet, in order; and chains to find more with. */
  #buffers: Chain[] = [];
  readonly #idle: Chain[] = [];

  /** @param kind null: the transport shows no device. @param room events can be received again, after some were not taken or because a driver has come up. */
  constructor(kind: InputKind | "power" | null, room: () => void) {
    this.#identity = kind === null ? null : IDENTITIES[kind];
    this.#room = room;
    this.id = kind === null ? DeviceId.NONE : DeviceId.INPUT;
    this.queueSizes = kind === null ? [] : [QUEUE_SIZE, QUEUE_SIZE];
  }

  attach(link: VirtioLink): void {
    this.#link = link;
  }

  /** Hands the driver events that belong together, 1..INPUT_MOST_TOGETHER of them. False: it has not given that many buffers, and `room` says when to try again (I1). */
  receive(events: readonly InputEvent[]): boolean {
    const link = this.#link;
    const queue = link?.queues[EVENTS];
    if (link === null || queue === undefined || !link.live || !queue.ready) return false;
    for (let left = queue.size + 1; left > 0 && this.#buffers.length < events.length; left--) {
      const chain = this.#idle.pop() ?? new Chain();
      if (!queue.pop(chain)) {
        this.#idle.push(chain);
        break;
      }
      if (chain.writableBytes >= INPUT_EVENT_BYTES) {
        this.#buffers.push(chain);
      } else {
        queue.push(chain.head, 0);
        this.#idle.push(chain);
      }
    }
    const fits = this.#buffers.length >= events.length;
    for (const event of fits ? events : []) {
      const chain = this.#buffers.shift()!;
      this.#idle.push(chain);
      if (queue.write(chain, 0, encoded(event)) < 0) break; // the queue has stopped
      queue.push(chain.head, INPUT_EVENT_BYTES);
    }
    link.interrupt(EVENTS);
    return fits;
  }

  readConfig(offset: number, size: number): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.#configByte(offset + i);
    return value;
  }

  /** SELECT and SUBSEL are bytes; a wider write that covers them is as good as two. */
  writeConfig(offset: number, size: number, value: number): void {
    if (offset === InputConfig.SELECT) this.#select = value & 0xff;
    if (offset === InputConfig.SUBSEL) this.#subsel = value & 0xff;
    else if (offset === InputConfig.SELECT && size > 1) this.#subsel = (value >>> 8) & 0xff;
  }

  start(): void {
    this.#room();
  }

  notify(queue: number): void {
    if (queue === EVENTS) this.#room();
    else this.#drain();
  }

  reset(): void {
    this.#select = this.#subsel = 0;
    this.#idle.push(...this.#buffers.splice(0));
  }

  save(): InputState {
    return { select: this.#select, subsel: this.#subsel, heads: this.#buffers.map(({ head }) => head) };
  }

  restore(state: InputState): void {
    this.reset();
    this.#select = state.select;
    this.#subsel = state.subsel;
    for (const head of state.heads.slice(0, QUEUE_SIZE)) {
      const chain = new Chain();
      if (this.#link?.queues[EVENTS]?.walk(head, chain) ?? false) this.#buffers.push(chain);
    }
    this.#drain();
  }

  /** There is nothing to light up, and none is announced: what the driver sends is given back. */
  #drain(): void {
    const queue = this.#link?.queues[STATUS];
    if (queue === undefined) return;
    for (let left = queue.size + 1; left > 0 && queue.pop(this.#status); left--) queue.push(this.#status.head, 0);
    this.#link?.interrupt(STATUS);
  }

  #configByte(offset: number): number {
    if (this.#identity === null || offset >= InputConfig.BYTES) return 0;
    if (offset === InputConfig.SELECT) return this.#select;
    if (offset === InputConfig.SUBSEL) return this.#subsel;
    const data = described(this.#identity, this.#select, this.#subsel);
    return offset === InputConfig.SIZE ? data.length : (data[offset - InputConfig.DATA] ?? 0);
  }
}

/** What the driver has selected, at most DATA_BYTES; nothing: there is no such thing (I2). */
function described({ name, product, codes, axes }: Identity, select: number, subsel: number): readonly number[] {
  switch (select) {
    case InputSelect.ID_NAME:
      return subsel === 0 ? Array.from(name, (letter) => letter.charCodeAt(0)) : [];
    case InputSelect.ID_DEVIDS:
      return subsel === 0 ? [BUS_VIRTUAL, 0, 0, 0, product, 0, 1, 0] : []; // bus, vendor, product, version
    case InputSelect.EV_BITS:
      return bitmap(codes.get(subsel) ?? []);
    case InputSelect.ABS_INFO:
      return axes.includes(subsel) ? [0, 0, 0, 0, TABLET_MOST & 0xff, TABLET_MOST >>> 8, ...new Array<number>(14).fill(0)] : []; // min, max, fuzz, flat, resolution
    default:
      return [];
  }
}

function bitmap(codes: readonly number[]): number[] {
  const bytes = new Array<number>(codes.length === 0 ? 0 : (Math.max(...codes) >>> 3) + 1).fill(0);
  for (const code of codes) bytes[code >>> 3]! |= 1 << (code & 7);
  return bytes;
}

function encoded({ type, code, value }: InputEvent): Uint8Array {
  const view = new DataView(new ArrayBuffer(INPUT_EVENT_BYTES));
  view.setUint16(0, type, true);
  view.setUint16(2, code, true);
  view.setInt32(4, value, true);
  return new Uint8Array(view.buffer);
}
