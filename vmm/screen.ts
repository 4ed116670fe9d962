// A guest's screen, keyboard and tablet: one window of the display server (protocol Display; servers/display). What the guest shows is copied into the window's canvas and flushed;
// what is typed and pointed at in the window is the guest's, and nothing else is.
//
// The guest's picture lies in the window's left upper corner: what of it is larger is not seen, what of the window it leaves is black.
import { Axis, Button, EventType, REL_WHEEL, SYN_REPORT } from "../caps/abi/input.ts";
import type { DmaPort } from "../core/devices/device.ts";
import { VirtioGpu, type DisplayBackend } from "../core/devices/virtio/gpu.ts";
import { PIXEL_BYTES, type Rectangle } from "../core/devices/virtio/gpu-resource.ts";
import { KEY_MOST, TABLET_MOST, VirtioInput, type InputEvent, type InputKind } from "../core/devices/virtio/input.ts";
import { InputQueue } from "../core/devices/virtio/input-queue.ts";
import { commonArea, fillArea, type Area } from "../servers/lib/ts/draw.ts";
import type { Env, Op } from "../servers/lib/ts/sdk.ts";
import { openWindow, type Window, type WindowEvent } from "../servers/lib/ts/window.ts";
import { placeOf, type Outside } from "./outside.ts";

const BUTTONS: ReadonlySet<number> = new Set(Object.values(Button));
const SYN: InputEvent = { type: EventType.SYN, code: SYN_REPORT, value: 0 };

/** A device of the guest's, and what waits for its driver. */
interface Hand {
  readonly device: VirtioInput;
  readonly queue: InputQueue;
  /** What is held down. */
  readonly held: Set<number>;
}

function handOf(kind: InputKind): Hand {
  const device: VirtioInput = new VirtioInput(kind, () => queue.feed());
  const queue = new InputQueue((events) => device.receive(events));
  return { device, queue, held: new Set() };
}

export class GuestScreen implements DisplayBackend, Outside {
  readonly width: number;
  readonly height: number;
  readonly bit: number;
  due = false;
  readonly gpu: VirtioGpu;
  readonly keyboard = handOf("keyboard");
  readonly tablet = handOf("tablet");
  /** Somebody has typed or clicked since this was last made false. */
  stirred = false;
  readonly #window: Window;
  readonly #bytes: Uint8Array;
  readonly #complain: (line: string) => void;
  /** What the GPU put off until others had their turn. */
  readonly #later: (() => void)[] = [];
  /** Of the picture that the guest shows, which its tablet points into. */
  #shown: { readonly width: number; readonly height: number };
  /** What of the canvas is to be flushed; null: nothing. */
  #dirty: Area | null = null;
  #over = false;

  /** @param bit by which the window's server rings. @param dma the guest's memory */
  constructor(window: Window, bit: number, dma: DmaPort, complain: (line: string) => void) {
    const { width, height, pixels } = window.canvas;
    this.#window = window;
    this.#bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
    this.#complain = complain;
    this.#shown = { width, height };
    this.bit = bit;
    this.width = width;
    this.height = height;
    const later = (work: () => void): void => {
      this.#later.push(work);
      this.due = true;
    };
    this.gpu = new VirtioGpu(this, { dma, later });
  }

  /** @param index which of the VMM's devices; nothing may stand behind it. What prevents it, in words. */
  static *open(env: Env, index: number, server: number, dma: DmaPort, complain: (line: string) => void): Op<GuestScreen | string> {
    const { slot, address, bit } = placeOf(index);
    const opened = yield* openWindow(env, server, { slots: slot, address, bit });
    if (opened.ok) return new GuestScreen(opened.window, bit, dma, complain);
    return `its display server gives no window (${opened.refusal}${opened.refusal === "error" ? ` ${opened.label}` : ""})`;
  }

  // What the GPU shows.

  size(width: number, height: number): void {
    const { canvas } = this.#window;
    this.#shown = width === 0 ? { width: this.width, height: this.height } : { width, height };
    fillArea(canvas, { x: 0, y: 0, width: this.width, height: this.height }, 0);
    this.#touch({ x: 0, y: 0, width: this.width, height: this.height });
  }

  draw(rectangle: Rectangle, pixels: Uint8Array, offset: number, stride: number): void {
    const { x, y, width, height } = commonArea(rectangle, { x: 0, y: 0, width: this.width, height: this.height });
    if (width === 0) return;
    for (let row = 0; row < height; row++) {
      const from = offset + row * stride;
      this.#bytes.set(pixels.subarray(from, from + width * PIXEL_BYTES), ((y + row) * this.width + x) * PIXEL_BYTES);
    }
    this.#touch({ x, y, width, height });
  }

  #touch(area: Area): void {
    const { x, y, width, height } = this.#dirty ?? area;
    const left = Math.min(x, area.x), top = Math.min(y, area.y);
    this.#dirty = { x: left, y: top, width: Math.max(x + width, area.x + area.width) - left, height: Math.max(y + height, area.y + area.height) - top };
    this.due = true;
  }

  // The loop of exits.

  *turn(): Op<void> {
    this.#window.wakes();
    do {
      this.due = false;
      for (const work of this.#later.splice(0)) work();
      yield* this.#flush();
      for (let event = yield* this.#window.tryNext(); event !== undefined; event = yield* this.#window.tryNext()) this.#take(event);
      // What was put off goes on at once: while it is not done, the guest may wait for it and not come back here.
    } while (this.due || !this.#window.sleeps());
  }

  *#flush(): Op<void> {
    const dirty = this.#dirty;
    this.#dirty = null;
    if (dirty === null || this.#over || (yield* this.#window.flush(dirty))) return;
    this.#over = true;
    this.#complain("display: its server is gone: nothing of the guest's is seen from now on");
  }

  #take(event: WindowEvent): void {
    switch (event.kind) {
      case "key":
        if (event.code >= 1 && event.code <= KEY_MOST) this.#press(this.keyboard, event.code, event.pressed, []);
        return;
      case "button":
        if (BUTTONS.has(event.code)) this.#press(this.tablet, event.code, event.pressed, this.#position(event.x, event.y));
        return;
      case "move":
        return this.tablet.queue.add([...this.#position(event.x, event.y), SYN]);
      case "wheel":
        return this.tablet.queue.add([{ type: EventType.REL, code: REL_WHEEL, value: event.by }, SYN]);
      case "focus":
        return event.has ? undefined : this.#release();
      case "lost":
        return this.#release();
    }
  }

  #press(hand: Hand, code: number, pressed: boolean, before: readonly InputEvent[]): void {
    if (pressed) hand.held.add(code);
    else hand.held.delete(code);
    this.stirred ||= pressed;
    hand.queue.add([...before, { type: EventType.KEY, code, value: pressed ? 1 : 0 }, SYN]);
  }

  /** Without the focus nothing is held: the guest is not told when the hand is taken away elsewhere. */
  #release(): void {
    for (const hand of [this.keyboard, this.tablet]) for (const code of hand.held) this.#press(hand, code, false, []);
  }

  /** A pixel of the window, as the tablet says it: in parts of what the guest shows. */
  #position(x: number, y: number): readonly InputEvent[] {
    const part = (at: number, of: number): number => Math.min(TABLET_MOST, Math.round((at * TABLET_MOST) / Math.max(1, of - 1)));
    return [
      { type: EventType.ABS, code: Axis.X, value: part(x, this.#shown.width) },
      { type: EventType.ABS, code: Axis.Y, value: part(y, this.#shown.height) },
    ];
  }
}
