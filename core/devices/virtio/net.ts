// A virtio network card: whole Ethernet frames between a driver and a cable. Source: virtio 1.2, section 5.1.
// Queue 0 carries frames to the driver, queue 1 frames from it; each frame has a header of 12 bytes in front.
//
// Offered: the card's address, its MTU, its link, and that it completes a checksum that the driver began (CSUM): that needs no look into the frame, for the
// driver says where, and costs the host a fraction of what it costs an emulated processor. Not offered:
//   - GUEST_CSUM: to say that a checksum is right, or to leave one out, the card would have to understand what comes from a stranger's cable.
//   - segmentation (TSO, UFO, USO): a frame would be larger than a cable carries, and the card would have to write IP headers.
//   - MRG_RXBUF: without segmentation no frame is larger than 1514 bytes, so one buffer of 1526 takes each, and there is never anything to merge.
//   - a control queue: the card is promiscuous; who may see what is the switch's affair.
//
// Invariants:
//   N1  What is lent is given back at once when it is taken: no chain is held, so nothing of guest memory is reached later.
//   N2  What is held for a driver that has no buffers is bounded (NET_WAITING_FRAMES), whatever comes by the cable; the rest is lost and counted.
//   N3  The cable sees frames of 14..1514 bytes only, and so does the driver, whatever the other side gives.
//   N4  A call of the driver's takes as many frames as its queue can hold and no more.
import type { VirtioLink, VirtioModel } from "./mmio.ts";
import { Chain, type VirtQueue } from "./queue.ts";
import { DeviceId, NET_HEADER_BYTES, NetConfig, NetFeature, NetHeader, NetStatus } from "./spec.ts";

const RECEIVE = 0;
const TRANSMIT = 1;
export const NET_QUEUE_SIZE = 128;
/** What an IP packet may have; a frame has its Ethernet header in addition. */
export const NET_MTU = 1500;
export const NET_LEAST_FRAME = 14;
export const NET_MOST_FRAME = NET_MTU + NET_LEAST_FRAME;
/** Frames that wait for buffers of the driver's. */
export const NET_WAITING_FRAMES = 64;
export const MAC_BYTES = 6;

/** Why frames were lost, of the driver's and of the cable's. */
export type NetLoss =
  /** From the driver: not 14..1514 bytes, or a header that asks for what was not agreed. */
  | "sent-size"
  | "sent-header"
  /** From the cable: not 14..1514 bytes; no driver; the driver gave no buffer in time, or one that is too small. */
  | "came-size"
  | "came-unheard"
  | "came-no-buffer"
  | "came-small-buffer";

export interface NetCounts {
  readonly sent: number;
  /** Given to the driver. */
  readonly received: number;
  readonly lost: Readonly<Record<NetLoss, number>>;
}

/** Bytes of the frames that went and came since the card was made, without the headers of virtio; not part of its state. */
export interface NetBytes {
  readonly sent: number;
  readonly received: number;
}

export interface NetState {
  /** Frames that wait for buffers, the oldest first. */
  readonly waiting: readonly (readonly number[])[];
  readonly counts: NetCounts;
}

/** What a network card is made of beside its queues. */
export interface NetCable {
  /** A frame of 14..1514 bytes on its way out; the bytes are copied before this returns. Nothing here throws. */
  send(frame: Uint8Array): void;
  /** Whether it takes another frame now. While it does not, frames wait in the driver's queue, until the card's `drained` is called. Absent: always. */
  ready?(): boolean;
  /** The card's address, MAC_BYTES bytes. */
  readonly mac: Uint8Array;
}

const NONE_LOST: Readonly<Record<NetLoss, number>> = { "sent-size": 0, "sent-header": 0, "came-size": 0, "came-unheard": 0, "came-no-buffer": 0, "came-small-buffer": 0 };
const NOTHING = new Uint8Array(0);

export class VirtioNet implements VirtioModel<NetState> {
  readonly id: number;
  readonly features: number;
  readonly queueSizes: readonly number[];
  readonly #cable: NetCable | null;
  readonly #report: (reason: string) => void;
  readonly #config = new DataView(new ArrayBuffer(NetConfig.BYTES));
  readonly #input = new Chain();
  readonly #output = new Chain();
  /** What stands before each frame that comes; what came before the one that goes, and that frame. */
  readonly #incomingHeader = new Uint8Array(NET_HEADER_BYTES);
  readonly #header = new Uint8Array(NET_HEADER_BYTES);
  readonly #outgoing = new Uint8Array(NET_MOST_FRAME);
  readonly #waiting: Uint8Array[] = [];
  #link: VirtioLink | null = null;
  #sent = 0;
  #received = 0;
  readonly #bytes = { sent: 0, received: 0 };
  #lost: Record<NetLoss, number> = { ...NONE_LOST };

  /** @param cable null: there is no network, and the transport shows no device. @param report as the transport's: one line for the operator. */
  constructor(cable: NetCable | null, report: (reason: string) => void) {
    this.#cable = cable;
    this.#report = report;
    this.id = cable === null ? DeviceId.NONE : DeviceId.NETWORK;
    this.queueSizes = cable === null ? [] : [NET_QUEUE_SIZE, NET_QUEUE_SIZE];
    const { CSUM, MTU, MAC, STATUS } = NetFeature;
    this.features = cable === null ? 0 : (1 << CSUM) | (1 << MTU) | (1 << MAC) | (1 << STATUS);
    // Not merged, so one buffer a frame (5.1.6.4.1).
    this.#incomingHeader[NetHeader.NUM_BUFFERS] = 1;
    if (cable === null) return;
    for (let i = 0; i < MAC_BYTES; i++) this.#config.setUint8(NetConfig.MAC + i, cable.mac[i] ?? 0);
    this.#config.setUint16(NetConfig.STATUS, NetStatus.LINK_UP, true);
    this.#config.setUint16(NetConfig.MOST_PAIRS, 1, true);
    this.#config.setUint16(NetConfig.MTU, NET_MTU, true);
  }

  get counts(): NetCounts {
    return { sent: this.#sent, received: this.#received, lost: { ...this.#lost } };
  }

  get bytes(): NetBytes {
    return { ...this.#bytes };
  }

  attach(link: VirtioLink): void {
    this.#link = link;
  }

  readConfig(offset: number, size: number): number {
    if (offset + size > NetConfig.BYTES) return 0;
    return size === 4 ? this.#config.getUint32(offset, true) : size === 2 ? this.#config.getUint16(offset, true) : this.#config.getUint8(offset);
  }
  writeConfig(): void {
    // a modern driver writes nothing there
  }

  start(): void {
    this.#transmit();
  }

  notify(queue: number): void {
    if (queue === TRANSMIT) return this.#transmit();
    this.#deliver();
    this.#link?.interrupt(RECEIVE);
  }

  /** A frame came by the cable; it is the card's to keep. */
  receive(frame: Uint8Array): void {
    if (frame.length < NET_LEAST_FRAME || frame.length > NET_MOST_FRAME) return this.#lose("came-size", `${frame.length} bytes came by the cable, which is to carry ${NET_LEAST_FRAME}..${NET_MOST_FRAME}`);
    if (!(this.#link?.live ?? false)) return this.#lose("came-unheard", "it came while no driver was there");
    if (this.#waiting.length >= NET_WAITING_FRAMES) return this.#lose("came-no-buffer", `it came while ${NET_WAITING_FRAMES} waited for buffers of the driver's`);
    this.#waiting.push(frame);
    this.#deliver();
    this.#link?.interrupt(RECEIVE);
  }

  /** The cable is ready again. */
  drained(): void {
    if (this.#link?.live ?? false) this.#transmit();
  }

  reset(): void {
    this.#waiting.length = 0;
  }

  save(): NetState {
    return { waiting: this.#waiting.map((frame) => [...frame]), counts: this.counts };
  }

  restore({ waiting, counts }: NetState): void {
    this.#waiting.length = 0;
    for (const frame of waiting.slice(0, NET_WAITING_FRAMES)) if (frame.length >= NET_LEAST_FRAME && frame.length <= NET_MOST_FRAME) this.#waiting.push(Uint8Array.from(frame));
    this.#sent = counts.sent;
    this.#received = counts.received;
    this.#lost = { ...NONE_LOST, ...counts.lost };
  }

  /** Gives the driver what waits, as far as it has buffers. */
  #deliver(): void {
    const queue = this.#link?.queues[RECEIVE];
    if (queue === undefined || !(this.#link?.live ?? false)) return;
    // Each chain takes a frame with it, and there are no more than NET_WAITING_FRAMES; one look more asks an empty queue to notify again.
    while (this.#waiting.length > 0 && queue.pop(this.#input)) {
      const frame = this.#waiting.shift()!;
      const bytes = NET_HEADER_BYTES + frame.length;
      if (this.#input.writableBytes < bytes) {
        queue.push(this.#input.head, 0);
        this.#lose("came-small-buffer", `${frame.length} bytes met a buffer of ${this.#input.writableBytes}`);
        continue;
      }
      if (queue.write(this.#input, 0, this.#incomingHeader) < 0 || queue.write(this.#input, NET_HEADER_BYTES, frame) < 0) return;
      queue.push(this.#input.head, bytes);
      this.#received++;
      this.#bytes.received += frame.length;
    }
  }

  #transmit(): void {
    const queue = this.#link?.queues[TRANSMIT];
    const cable = this.#cable;
    if (queue === undefined || cable === null) return;
    // One look more than the queue can hold, so that an honest driver's is found empty, which is when it is told to notify again.
    for (let left = queue.size + 1; left > 0 && (cable.ready?.() ?? true) && queue.pop(this.#output); left--) {
      const frame = this.#take(queue);
      if (frame === null) break;
      queue.push(this.#output.head, 0);
      if (frame.length === 0) continue;
      this.#sent++;
      this.#bytes.sent += frame.length;
      cable.send(frame);
    }
    this.#link?.interrupt(TRANSMIT);
  }

  /** The frame of the chain in #output, ready to go; empty when it is lost; null when the queue has stopped. */
  #take(queue: VirtQueue): Uint8Array | null {
    const length = this.#output.readableBytes - NET_HEADER_BYTES;
    if (length < NET_LEAST_FRAME || length > NET_MOST_FRAME) {
      this.#lose("sent-size", `${length} bytes were to be sent, and ${NET_LEAST_FRAME}..${NET_MOST_FRAME} can be`);
      return NOTHING;
    }
    const header = queue.read(this.#output, 0, NET_HEADER_BYTES, this.#header);
    const frame = header === null ? null : queue.read(this.#output, NET_HEADER_BYTES, length, this.#outgoing);
    if (header === null || frame === null) return null;
    const wrong = this.#complete(header, frame);
    if (wrong === null) return frame;
    this.#lose("sent-header", wrong);
    return NOTHING;
  }

  /** Does what the header asks for. Null, or why it cannot be done. */
  #complete(header: Uint8Array, frame: Uint8Array): string | null {
    if (header[NetHeader.GSO_TYPE] !== NetHeader.GSO_NONE) return `it was to be cut up (gso_type ${header[NetHeader.GSO_TYPE]}), which was not agreed`;
    if ((header[NetHeader.FLAGS]! & NetHeader.NEEDS_CSUM) === 0) return null;
    if (((this.#link?.accepted ?? 0) & (1 << NetFeature.CSUM)) === 0) return "it was to have its checksum completed, which was not agreed";
    const start = word16(header, NetHeader.CSUM_START);
    const at = start + word16(header, NetHeader.CSUM_OFFSET);
    if (start > frame.length || at + 2 > frame.length) return `in ${frame.length} bytes the checksum at ${at} was to be completed, over what is from ${start} on`;
    const sum = checksum(frame, start);
    frame[at] = sum >>> 8;
    frame[at + 1] = sum & 0xff;
    return null;
  }

  /** Said at the 1st, 2nd, 4th, 8th ... of its kind, for anybody on the cable can make as many as he likes; of those that nobody was there for, not at all. */
  #lose(kind: NetLoss, what: string): void {
    const count = ++this.#lost[kind];
    if (kind !== "came-unheard" && Number.isInteger(Math.log2(count))) this.#report(`virtio device ${this.id}: a frame was lost (${count} so far of this kind): ${what}`);
  }
}

const word16 = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8);

/** The Internet checksum (RFC 1071) of all from `start` on, where the sum of a pseudo header stands already; never 0, which UDP reads as "none". */
function checksum(bytes: Uint8Array, start: number): number {
  let sum = 0;
  for (let i = start; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff || 0xffff;
}
