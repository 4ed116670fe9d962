// A virtio GPU, two-dimensional, with one display. Source: virtio 1.2, section 5.7.
// The driver makes pictures here, copies its own memory into them, puts one on the display, and says what of it is to be seen. Queue 0 carries those
// requests; queue 1 is for a cursor plane, which this display has not: it is told so.
//
// Invariants:
//   G1  A request is read once, and checked whole before any of it is done.
//   G2  What the driver makes us keep is bounded: in pictures, in bytes, in pieces of backing.
//   G3  So is what is done before others get their turn: a long queue is worked off in several turns, each given by the `later` port.
//   G4  The display is shown rectangles that lie in it, of the size that it was told last.
import type { DmaPort } from "../device.ts";
import { liesIn, PIXEL_BYTES, Resource, type Rectangle, type ResourceState } from "./gpu-resource.ts";
import type { VirtioLink, VirtioModel } from "./mmio.ts";
import { Chain, type VirtQueue } from "./queue.ts";
import { DeviceId, GPU_FLAG_FENCE, GPU_FORMATS, GPU_HEADER_BYTES, GPU_SCANOUTS, GpuCommand, GpuConfig, GpuResponse } from "./spec.ts";

const CONTROL = 0;
const CURSOR = 1;
const QUEUE_SIZES = [64, 16] as const;
/** Each side of a picture, in pixels. */
export const GPU_MOST_SIDE = 4096;
/** Pictures at once, their bytes in all, and pieces of memory behind one of them. */
export const GPU_MOST_RESOURCES = 64;
export const GPU_MOST_BYTES = 64 * 1024 * 1024;
export const GPU_MOST_PIECES = 16384;
/** Bytes copied in one turn, before the next request is looked at; a piece counts as so many besides its own. */
export const GPU_TURN_BYTES = 16 * 1024 * 1024;
const PIECE_COST = 256;
const PIECE_BYTES = 16;
const RECTANGLE = GPU_HEADER_BYTES;

/** What shows the picture. Nothing here throws. */
export interface DisplayBackend {
  /** The size it would like to show, in pixels, 1..4096 each. Never changes. */
  readonly width: number;
  readonly height: number;
  /** From now on a picture of this size is shown, black at first; 0, 0: none is. */
  size(width: number, height: number): void;
  /** This rectangle, which is not empty and lies in the picture, looks like this: bytes blue, green, red and one without meaning; rows `stride` bytes apart, the first at `offset`. Copied before this returns. */
  draw(rectangle: Rectangle, pixels: Uint8Array, offset: number, stride: number): void;
}

export interface GpuPorts {
  readonly dma: DmaPort;
  /** Calls back once, after others had their turn. */
  readonly later: (work: () => void) => void;
}

export interface GpuState {
  readonly resources: readonly ResourceState[];
  /** What is on the display: a rectangle of this picture; null: none. */
  readonly shown: { readonly id: number; readonly rectangle: Rectangle } | null;
  /** The queues are to be looked at again. */
  readonly waiting: boolean;
}

/** What was asked for, and how it is answered. */
interface Command {
  /** Bytes that it has at least, with its header. */
  readonly bytes: number;
  perform(request: DataView, queue: VirtQueue, chain: Chain): number;
}

export class VirtioGpu implements VirtioModel<GpuState> {
  readonly id: number;
  readonly features = 0;
  readonly queueSizes: readonly number[];
  readonly #backend: DisplayBackend | null;
  readonly #ports: GpuPorts;
  readonly #chain = new Chain();
  readonly #resources = new Map<number, Resource>();
  #link: VirtioLink | null = null;
  #bytes = 0;
  #shown: { readonly resource: Resource; readonly rectangle: Rectangle } | null = null;
  #waiting = false;
  /** Counts up to GPU_TURN_BYTES. */
  #spent = 0;

  /** @param backend null: there is no display, and the transport shows no device */
  constructor(backend: DisplayBackend | null, ports: GpuPorts) {
    this.#backend = backend;
    this.#ports = ports;
    this.id = backend === null ? DeviceId.NONE : DeviceId.GPU;
    this.queueSizes = backend === null ? [] : QUEUE_SIZES;
  }

  attach(link: VirtioLink): void {
    this.#link = link;
  }
  readConfig(offset: number, size: number): number {
    return offset === GpuConfig.NUM_SCANOUTS && size <= 4 && this.#backend !== null ? 1 : 0;
  }
  writeConfig(): void {
    // events are acknowledged here, and there are none
  }
  start(): void {
    this.#work();
  }
  notify(_queue: number): void {
    this.#work();
  }

  reset(): void {
    this.#show(null);
    this.#resources.clear();
    this.#bytes = 0;
    this.#waiting = false;
  }

  save(): GpuState {
    const shown = this.#shown === null ? null : { id: this.#shown.resource.id, rectangle: { ...this.#shown.rectangle } };
    return { resources: Array.from(this.#resources.values(), (resource) => resource.save()), shown, waiting: this.#waiting };
  }

  restore(state: GpuState): void {
    this.reset();
    for (const saved of state.resources) this.#add(Resource.restore(saved));
    const resource = this.#resources.get(state.shown?.id ?? 0);
    if (state.shown !== null && resource !== undefined) {
      this.#show({ resource, rectangle: state.shown.rectangle });
      this.#draw(resource, state.shown.rectangle);
    }
    if (state.waiting) this.#workLater();
  }

  /** Does what is in the queues, as far as one turn goes (G3). */
  #work(): void {
    const link = this.#link;
    if (link === null || !link.live || this.#waiting) return;
    this.#spent = 0;
    for (const index of [CURSOR, CONTROL]) {
      const queue = link.queues[index];
      if (queue === undefined) continue;
      // One look more than the queue can hold: that one finds it empty, and asks to be notified.
      for (let left = queue.size + 1; left > 0 && this.#spent < GPU_TURN_BYTES; left--) {
        if (!queue.pop(this.#chain)) break;
        this.#serve(queue, this.#chain, index);
      }
      link.interrupt(index);
    }
    if (this.#spent >= GPU_TURN_BYTES) this.#workLater();
  }

  #workLater(): void {
    this.#waiting = true;
    this.#ports.later(() => {
      if (!this.#waiting) return; // reset since
      this.#waiting = false;
      this.#work();
    });
  }

  #serve(queue: VirtQueue, chain: Chain, index: number): void {
    this.#spent += PIECE_COST * chain.count;
    const request = queue.read(chain, 0, REQUEST_BYTES);
    if (request === null) return; // the queue has stopped
    const view = new DataView(request.buffer, request.byteOffset, request.length);
    const answer = this.#answer(view, queue, chain, index);
    if (queue.fault !== null) return;
    const written = queue.write(chain, 0, answer);
    if (written >= 0) queue.push(chain.head, written);
  }

  /** Who leaves no room for an answer is given none, and on the control queue has asked for nothing. */
  #answer(request: DataView, queue: VirtQueue, chain: Chain, index: number): Uint8Array {
    if (chain.writableBytes < GPU_HEADER_BYTES) return NOTHING;
    const type = request.byteLength >= GPU_HEADER_BYTES ? request.getUint32(0, true) : -1;
    if (index === CONTROL && type === GpuCommand.GET_DISPLAY_INFO) return this.#displayInfo(request, chain);
    const command = index === CONTROL ? this.#commands[type] : undefined;
    if (command === undefined) return response(request, GpuResponse.ERR_UNSPEC);
    return response(request, request.byteLength < command.bytes ? GpuResponse.ERR_INVALID_PARAMETER : command.perform(request, queue, chain));
  }

  #displayInfo(request: DataView, chain: Chain): Uint8Array {
    const { width, height } = this.#backend ?? { width: 0, height: 0 };
    const answer = response(request, GpuResponse.OK_DISPLAY_INFO, GPU_HEADER_BYTES + 24 * GPU_SCANOUTS);
    if (chain.writableBytes < answer.length) return response(request, GpuResponse.ERR_INVALID_PARAMETER);
    const view = new DataView(answer.buffer);
    view.setUint32(GPU_HEADER_BYTES + 8, width, true);
    view.setUint32(GPU_HEADER_BYTES + 12, height, true);
    view.setUint32(GPU_HEADER_BYTES + 16, 1, true); // enabled
    return answer;
  }

  readonly #commands: Readonly<Record<number, Command>> = {
    [GpuCommand.RESOURCE_CREATE_2D]: {
      bytes: 40,
      perform: (request) => {
        const [id, format, width, height] = [word(request, 24), word(request, 28), word(request, 32), word(request, 36)];
        if (id === 0 || this.#resources.has(id)) return GpuResponse.ERR_INVALID_RESOURCE_ID;
        if (!GPU_FORMATS.has(format) || !liesIn({ x: 0, y: 0, width, height }, { width: GPU_MOST_SIDE, height: GPU_MOST_SIDE })) return GpuResponse.ERR_INVALID_PARAMETER;
        const bytes = width * height * PIXEL_BYTES;
        if (this.#resources.size >= GPU_MOST_RESOURCES || this.#bytes + bytes > GPU_MOST_BYTES) return GpuResponse.ERR_OUT_OF_MEMORY;
        this.#spent += bytes;
        this.#add(new Resource(id, format, width, height));
        return GpuResponse.OK_NODATA;
      },
    },
    [GpuCommand.RESOURCE_UNREF]: {
      bytes: 32,
      perform: (request) => {
        const resource = this.#resources.get(word(request, 24));
        if (resource === undefined) return GpuResponse.ERR_INVALID_RESOURCE_ID;
        if (this.#shown?.resource === resource) this.#show(null);
        this.#resources.delete(resource.id);
        this.#bytes -= resource.pixels.length;
        return GpuResponse.OK_NODATA;
      },
    },
    [GpuCommand.SET_SCANOUT]: {
      bytes: 48,
      perform: (request) => {
        const [scanout, id] = [word(request, 40), word(request, 44)];
        if (scanout !== 0) return GpuResponse.ERR_INVALID_SCANOUT_ID;
        if (id === 0) {
          this.#show(null);
          return GpuResponse.OK_NODATA;
        }
        const resource = this.#resources.get(id);
        const rectangle = rectangleOf(request);
        if (resource === undefined) return GpuResponse.ERR_INVALID_RESOURCE_ID;
        if (!liesIn(rectangle, resource)) return GpuResponse.ERR_INVALID_PARAMETER;
        this.#spent += rectangle.width * rectangle.height * PIXEL_BYTES;
        this.#show({ resource, rectangle });
        return GpuResponse.OK_NODATA;
      },
    },
    [GpuCommand.RESOURCE_FLUSH]: {
      bytes: 48,
      perform: (request) => {
        const resource = this.#resources.get(word(request, 40));
        const rectangle = rectangleOf(request);
        if (resource === undefined) return GpuResponse.ERR_INVALID_RESOURCE_ID;
        if (!liesIn(rectangle, resource)) return GpuResponse.ERR_INVALID_PARAMETER;
        this.#draw(resource, rectangle);
        return GpuResponse.OK_NODATA;
      },
    },
    [GpuCommand.TRANSFER_TO_HOST_2D]: {
      bytes: 56,
      perform: (request) => {
        const resource = this.#resources.get(word(request, 48));
        const rectangle = rectangleOf(request);
        const offset = long(request, 40);
        if (resource === undefined) return GpuResponse.ERR_INVALID_RESOURCE_ID;
        if (!resource.attached) return GpuResponse.ERR_UNSPEC;
        if (!liesIn(rectangle, resource) || !resource.covered(rectangle, offset)) return GpuResponse.ERR_INVALID_PARAMETER;
        const pieces = resource.copyIn(this.#ports.dma, rectangle, offset);
        this.#spent += rectangle.width * rectangle.height * PIXEL_BYTES + PIECE_COST * Math.max(0, pieces);
        return pieces < 0 ? GpuResponse.ERR_UNSPEC : GpuResponse.OK_NODATA;
      },
    },
    [GpuCommand.RESOURCE_ATTACH_BACKING]: {
      bytes: 32,
      perform: (request, queue, chain) => {
        const resource = this.#resources.get(word(request, 24));
        const count = word(request, 28);
        if (resource === undefined) return GpuResponse.ERR_INVALID_RESOURCE_ID;
        if (resource.attached) return GpuResponse.ERR_UNSPEC;
        if (count > GPU_MOST_PIECES) return GpuResponse.ERR_OUT_OF_MEMORY;
        if (count === 0 || chain.readableBytes < 32 + count * PIECE_BYTES) return GpuResponse.ERR_INVALID_PARAMETER;
        const list = queue.read(chain, 32, count * PIECE_BYTES);
        if (list === null) return GpuResponse.ERR_UNSPEC; // the queue has stopped
        this.#spent += count * PIECE_COST;
        const view = new DataView(list.buffer, list.byteOffset, list.length);
        resource.attach(Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? long(view, i * 8) : word(view, (i - 1) * 8 + 8))));
        return GpuResponse.OK_NODATA;
      },
    },
    [GpuCommand.RESOURCE_DETACH_BACKING]: {
      bytes: 32,
      perform: (request) => {
        const resource = this.#resources.get(word(request, 24));
        if (resource === undefined) return GpuResponse.ERR_INVALID_RESOURCE_ID;
        if (!resource.attached) return GpuResponse.ERR_UNSPEC;
        resource.attach(null);
        return GpuResponse.OK_NODATA;
      },
    },
  };

  #add(resource: Resource): void {
    this.#resources.set(resource.id, resource);
    this.#bytes += resource.pixels.length;
  }

  #show(shown: { readonly resource: Resource; readonly rectangle: Rectangle } | null): void {
    if (shown === null && this.#shown === null) return;
    this.#shown = shown;
    this.#backend?.size(shown?.rectangle.width ?? 0, shown?.rectangle.height ?? 0);
  }

  /** Shows what of this rectangle of the picture is on the display (G4). */
  #draw(resource: Resource, { x, y, width, height }: Rectangle): void {
    const shown = this.#shown;
    if (shown === null || shown.resource !== resource) return;
    const left = Math.max(x, shown.rectangle.x);
    const top = Math.max(y, shown.rectangle.y);
    const seen = {
      x: left - shown.rectangle.x,
      y: top - shown.rectangle.y,
      width: Math.min(x + width, shown.rectangle.x + shown.rectangle.width) - left,
      height: Math.min(y + height, shown.rectangle.y + shown.rectangle.height) - top,
    };
    if (seen.width <= 0 || seen.height <= 0) return;
    this.#spent += seen.width * seen.height * PIXEL_BYTES + PIECE_COST * seen.height;
    const stride = resource.width * PIXEL_BYTES;
    const offset = top * stride + left * PIXEL_BYTES;
    const order = GPU_FORMATS.get(resource.format)!;
    if (order[0] === 0) this.#backend?.draw(seen, resource.pixels, offset, stride);
    else this.#backend?.draw(seen, reordered(resource.pixels, offset, stride, seen, order), 0, seen.width * PIXEL_BYTES);
  }
}

const NOTHING = new Uint8Array(0);
/** The longest request but for the list behind ATTACH_BACKING. */
const REQUEST_BYTES = 56;

const word = (view: DataView, at: number): number => view.getUint32(at, true);
/** Beyond 2^53 it is rounded, where no memory is. */
const long = (view: DataView, at: number): number => word(view, at + 4) * 0x1_0000_0000 + word(view, at);
const rectangleOf = (request: DataView): Rectangle => ({
  x: word(request, RECTANGLE), y: word(request, RECTANGLE + 4), width: word(request, RECTANGLE + 8), height: word(request, RECTANGLE + 12),
});

/** The head of an answer: a fence comes back with it (5.7.6.7). */
function response(request: DataView, type: number, bytes = GPU_HEADER_BYTES): Uint8Array {
  const answer = new Uint8Array(bytes);
  const view = new DataView(answer.buffer);
  view.setUint32(0, type, true);
  if (request.byteLength < GPU_HEADER_BYTES || !(word(request, 4) & GPU_FLAG_FENCE)) return answer;
  view.setUint32(4, GPU_FLAG_FENCE, true);
  for (const at of [8, 12, 16]) view.setUint32(at, word(request, at), true); // fence and context
  return answer;
}

function reordered(pixels: Uint8Array, offset: number, stride: number, { width, height }: Rectangle, [blue, green, red]: readonly [number, number, number]): Uint8Array {
  const bytes = new Uint8Array(width * height * PIXEL_BYTES);
  for (let row = 0, to = 0; row < height; row++) {
    for (let from = offset + row * stride, end = from + width * PIXEL_BYTES; from < end; from += PIXEL_BYTES, to += PIXEL_BYTES) {
      bytes[to] = pixels[from + blue]!;
      bytes[to + 1] = pixels[from + green]!;
      bytes[to + 2] = pixels[from + red]!;
    }
  }
  return bytes;
}
