// A client of the display server: its window. What is drawn (draw.ts, font.ts) lies in memory of the program's own, and is seen when it is flushed: then it is copied to the
// window's surface. The same in C is servers/lib/c/src/display.c, where a canvas is the surface itself. Protocol: servers/display/protocol.ts.
//
// The surface is the server's memory: when the server ends, the next flush is a VM fault.
import { IpcBuffer, MAX_CAPS } from "../../../caps/abi/message.ts";
import { Axis, Button, EventType, INPUT_MESSAGE_BYTES, KEY_ROWS, KeyCode, REL_WHEEL, SYN_DROPPED, SYN_REPORT } from "../../../caps/abi/input.ts";
import { InitSlot, Kind, Right } from "../../../caps/abi/numbers.ts";
import { Display } from "../../display/protocol.ts";
import { type Channel, channelPages, channelSlots, NO_RING, openChannel } from "./channel.ts";
import { client } from "./client.ts";
import { type Area, type Canvas, commonArea, createCanvas } from "./draw.ts";
import { cnodeDelete, discrimClassify, frameMap, MapRights, type Place } from "./objects.ts";
import { IPC_BUFFER, type Env, type Op } from "./sdk.ts";

const FRAME_BYTES = 0x20_0000;
const MOST_FRAMES = 4;
const MOST_SIDE = 4096;
const PIXEL_BYTES = 4;
const RING = { capacity: 512, bytes: INPUT_MESSAGE_BYTES };
const BUTTONS = 8;
const CPTR_BITS = 32;

/** Slots that a window takes, and addresses. */
export const WINDOW_SLOTS = MOST_FRAMES + channelSlots(channelPages(NO_RING, RING));
export const WINDOW_BYTES = (MOST_FRAMES + 1) * FRAME_BYTES;

export interface WindowWish {
  /** First of WINDOW_SLOTS empty slots, and of WINDOW_BYTES free addresses, at a multiple of 2 MiB (AddressMap.OWN and up). */
  readonly slots: number;
  readonly address: number;
  /** The bit of InitSlot.Notification that the server rings, as for a channel. */
  readonly bit: number;
}

/** `x`, `y`: the pointer, in pixels of the canvas. */
export type WindowEvent =
  /** `character`: of a key that is pressed, what it writes on a US keyboard, "\n" and "\t" among it; undefined: nothing, as with Control. */
  | { readonly kind: "key"; readonly code: number; readonly pressed: boolean; readonly character: string | undefined }
  | { readonly kind: "move"; readonly x: number; readonly y: number }
  /** `code`: of Button. */
  | { readonly kind: "button"; readonly code: number; readonly pressed: boolean; readonly x: number; readonly y: number }
  | { readonly kind: "wheel"; readonly by: number }
  /** Without the focus nothing is held any more. */
  | { readonly kind: "focus"; readonly has: boolean }
  /** Events are missing; what was held is held no more. */
  | { readonly kind: "lost" };

export interface Window {
  readonly canvas: Canvas;
  /** The next event, waited for. Undefined: there will be none. */
  next(): Op<WindowEvent | undefined>;
  /** The same, and does not wait: undefined if there is none now. */
  tryNext(): Op<WindowEvent | undefined>;
  /** For who waits for other things besides: as Receiver.sleeps and Receiver.wakes (ring.ts), about events. */
  sleeps(): boolean;
  wakes(): void;
  /** Shows this part of the canvas, all of it by default; what lies beyond its edges is left out. False: there is no server any more. */
  flush(area?: Area): Op<boolean>;
  readonly focused: boolean;
  /** Buttons that are down: bit n for Button.LEFT + n. */
  readonly buttons: number;
}

/** `refusal`: the server's, by name; `error` when the kernel's (label: an ErrorCode); `unknown` when the server gave what a server does not give. */
export type WindowOpened = { readonly ok: true; readonly window: Window } | { readonly ok: false; readonly refusal: string; readonly label: number };

/** What a key writes on a US keyboard; undefined: nothing. */
export function keyCharacter(code: number, shift: boolean): string | undefined {
  for (const [first, plain, shifted] of KEY_ROWS) if (code >= first && code - first < plain.length) return (shift ? shifted : plain)[code - first];
  return undefined;
}

const own = (slot: number): Place => ({ cnode: InitSlot.CNode, index: slot, depth: CPTR_BITS });
const UNKNOWN = { ok: false, refusal: "unknown", label: 0 } as const;

/** Throws RangeError for a wish that cannot be. The slots are empty again when it fails. This program's receive slots are as before afterwards. */
export function* openWindow(env: Env, display: number, wish: WindowWish): Op<WindowOpened> {
  const { sys, mem } = env;
  if (wish.address % FRAME_BYTES !== 0) throw new RangeError("a window's address is a multiple of 2 MiB");
  const before = [IpcBuffer.RECEIVE_CNODE, IpcBuffer.RECEIVE_INDEX, IpcBuffer.RECEIVE_DEPTH, IpcBuffer.RECEIVE_COUNT].map((at) => Number(mem.load64(IPC_BUFFER + 8 * at)));
  const size = yield* fetch(env, display, wish);
  const [cnode = 0, index = 0, depth = 0, count = 0] = before;
  sys.receiveSlots(cnode, index, depth, count);
  let failed = "ok" in size ? size : undefined;
  if (!("ok" in size)) {
    const opened = yield* openChannel(env, display, {
      toServer: NO_RING, fromServer: RING, slots: wish.slots + MOST_FRAMES, address: wish.address + MOST_FRAMES * FRAME_BYTES, bit: wish.bit,
    });
    if (opened.ok) return { ok: true, window: new OpenWindow(env, display, wish.address, size, opened.channel) };
    failed = opened;
  }
  for (let i = 0; i < MOST_FRAMES; i++) yield* cnodeDelete(sys, own(wish.slots + i));
  return failed ?? UNKNOWN;
}

interface Size {
  readonly width: number;
  readonly height: number;
}
type Failed = Extract<WindowOpened, { ok: false }>;

/** All frames of the surface, into the slots and mapped. */
function* fetch({ sys }: Env, display: number, { slots, address }: WindowWish): Op<Size | Failed> {
  let size: Size = { width: 0, height: 0 };
  for (let have = 0, frames = 1; have < frames; ) {
    sys.receiveSlots(InitSlot.CNode, slots + have, CPTR_BITS, Math.min(MAX_CAPS, MOST_FRAMES - have));
    const message = yield* sys.call(display, Display.methods.surface.label, [have]);
    if (message.error) return { ok: false, refusal: "error", label: message.label };
    if (message.label !== 0) return { ok: false, refusal: Object.entries(Display.refusals).find(([, label]) => label === message.label)?.[0] ?? "unknown", label: message.label };
    const [width, height] = [message.word(0), message.word(1)];
    frames = message.word(2);
    if (message.length < 3 || message.caps === 0 || width < 1 || height < 1 || width > MOST_SIDE || height > MOST_SIDE) return UNKNOWN;
    if (frames > MOST_FRAMES || frames !== Math.ceil((width * height * PIXEL_BYTES) / FRAME_BYTES) || message.caps > frames - have) return UNKNOWN;
    size = { width, height };
    for (let left = message.caps; left > 0; left--, have++) {
      const is = yield* discrimClassify(sys, InitSlot.Discrim, slots + have);
      const rights = Right.Read | Right.Write;
      if (is.error || is.word(0) !== Kind.Frame || (is.word(1) & rights) !== rights) return UNKNOWN;
      const mapped = yield* frameMap(sys, slots + have, address + have * FRAME_BYTES, InitSlot.VSpace, MapRights.ReadWrite);
      if (mapped.error) return { ok: false, refusal: "error", label: mapped.label };
    }
  }
  return size;
}

class OpenWindow implements Window {
  readonly canvas: Canvas;
  focused = false;
  buttons = 0;
  readonly #env: Env;
  readonly #address: number;
  readonly #channel: Channel;
  readonly #display;
  #x = 0;
  #y = 0;
  #moved = false;
  #shift = false;
  #control = false;

  constructor(env: Env, display: number, address: number, { width, height }: Size, channel: Channel) {
    this.canvas = createCanvas(width, height);
    this.#env = env;
    this.#address = address;
    this.#channel = channel;
    this.#display = client(Display, env.sys, env.mem, display);
  }

  *flush(area: Area = { x: 0, y: 0, width: this.canvas.width, height: this.canvas.height }): Op<boolean> {
    const { pixels, width: all, height: rows } = this.canvas;
    const { x, y, width, height } = commonArea(area, { x: 0, y: 0, width: all, height: rows });
    if (width === 0) return true;
    // Words of the host are little-endian, as the surface's are.
    const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset);
    for (let row = y; row < y + height; row++) {
      const at = (row * all + x) * PIXEL_BYTES;
      this.#env.mem.write(this.#address + at, bytes.subarray(at, at + width * PIXEL_BYTES));
    }
    return (yield* this.#display.flush(x, y, width, height)).ok;
  }

  *next(): Op<WindowEvent | undefined> {
    for (;;) {
      const message = yield* this.#channel.in!.receive();
      if (!(message instanceof Uint8Array)) return undefined;
      const event = this.#translate(message);
      if (event !== undefined) return event;
    }
  }

  *tryNext(): Op<WindowEvent | undefined> {
    for (;;) {
      const message = yield* this.#channel.in!.tryReceive();
      if (!(message instanceof Uint8Array)) return undefined;
      const event = this.#translate(message);
      if (event !== undefined) return event;
    }
  }

  sleeps(): boolean {
    return this.#channel.in!.sleeps();
  }
  wakes(): void {
    this.#channel.in!.wakes();
  }

  #forget(): void {
    this.buttons = 0;
    this.#shift = this.#control = this.#moved = false;
  }

  /** Undefined: it is a part of an event that is not whole yet. */
  #translate(message: Uint8Array): WindowEvent | undefined {
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    const type = view.getUint16(0, true), code = view.getUint16(2, true), value = view.getInt32(4, true);
    switch (type) {
      case EventType.KEY:
        return this.#key(code, value);
      case EventType.ABS:
        if (code === Axis.X) this.#x = value;
        if (code === Axis.Y) this.#y = value;
        this.#moved = true;
        return undefined;
      case EventType.REL:
        return code === REL_WHEEL ? { kind: "wheel", by: value } : undefined;
      case EventType.FOCUS:
        this.focused = value !== 0;
        if (!this.focused) this.#forget();
        return { kind: "focus", has: this.focused };
      case EventType.SYN:
        return this.#moment(code);
      default:
        return undefined;
    }
  }

  #moment(code: number): WindowEvent | undefined {
    if (code === SYN_DROPPED) {
      this.#forget();
      return { kind: "lost" };
    }
    if (code !== SYN_REPORT || !this.#moved) return undefined;
    this.#moved = false;
    return { kind: "move", x: this.#x, y: this.#y };
  }

  #key(code: number, value: number): WindowEvent {
    const pressed = value !== 0;
    if (code >= Button.LEFT && code < Button.LEFT + BUTTONS) {
      const bit = 1 << (code - Button.LEFT);
      this.buttons = pressed ? this.buttons | bit : this.buttons & ~bit;
      // It happened where the pointer is: the motion to there goes with it.
      this.#moved = false;
      return { kind: "button", code, pressed, x: this.#x, y: this.#y };
    }
    if (code === KeyCode.SHIFT || code === KeyCode.RIGHT_SHIFT) this.#shift = pressed;
    if (code === KeyCode.CONTROL || code === KeyCode.RIGHT_CONTROL) this.#control = pressed;
    return { kind: "key", code, pressed, character: pressed && !this.#control ? keyCharacter(code, this.#shift) : undefined };
  }
}
