// A guest's network card: a virtio card whose cable is a capability to a port of a switch, or to a card's driver (protocol NicDriver; servers/switch, servers/nic).
// Frames lie in a window of this VMM's own memory that it lends: NIC_ROOMS rooms for those that come, as many places for those that go.
import type { NetCable, VirtioNet } from "../core/devices/virtio/net.ts";
import { InitSlot, Kind } from "../caps/abi/numbers.ts";
import { client } from "../servers/lib/ts/client.ts";
import type { Channel } from "../servers/lib/ts/channel.ts";
import { cnodeCopy, frameMap, MapRights, retype } from "../servers/lib/ts/objects.ts";
import type { Env, Memory, Op } from "../servers/lib/ts/sdk.ts";
import { NIC_LEAST_FRAME, NIC_MOST_FRAME, NIC_ROOMS, NicAnswer, NicDriver, NicOperation, NicRequest, NicResult } from "../servers/nic/protocol.ts";
import { openOutside, ownSlot, placeOf, READ_WRITE, type Outside } from "./outside.ts";

/** Rooms first, then the places of frames that go. */
const PLACES = 2 * NIC_ROOMS;
const PLACE_BYTES = 2048;
const WINDOW_BITS = 21;
const MAC_BYTES = 6;
/** A device without a network gives rooms back empty: they are lent again until so many came back in a row, then only when a frame is sent. */
const MOST_TRIES = 16 * NIC_ROOMS;

export class GuestPort implements NetCable, Outside {
  readonly mac: Uint8Array;
  readonly bit: number;
  due = true;
  /** Set once, by whoever makes the card. */
  card: VirtioNet | null = null;
  readonly name: string;
  readonly #mem: Memory;
  readonly #window: number;
  readonly #channel: Channel;
  readonly #complain: (line: string) => void;
  /** Places that are not with the driver: rooms to be lent, and places for sending. */
  #rooms: number[] = Array.from({ length: NIC_ROOMS }, (_, i) => i);
  readonly #free: number[] = Array.from({ length: NIC_ROOMS }, (_, i) => NIC_ROOMS + i);
  readonly #lent = new Set<number>();
  readonly #message = new Uint8Array(NicRequest.BYTES);
  readonly #view = new DataView(this.#message.buffer);
  #tries = 0;
  #over = false;

  private constructor(env: Env, index: number, channel: Channel, name: string, mac: Uint8Array, complain: (line: string) => void) {
    const { window, bit } = placeOf(index);
    this.#mem = env.mem;
    this.#window = window;
    this.#channel = channel;
    this.#complain = complain;
    this.name = name;
    this.bit = bit;
    this.mac = mac;
  }

  /** @param index which of the VMM's devices; @param name as the operator knows it. What prevents it, in words. */
  static *open(env: Env, index: number, server: number, name: string, complain: (line: string) => void): Op<GuestPort | string> {
    const port = client(NicDriver, env.sys, env.mem, server);
    const info = yield* port.info();
    if (!info.ok) return `its network server does not answer (${info.refusal}${info.refusal === "error" ? ` ${info.label}` : ""})`;
    const channel = yield* openOutside(env, index, server, { capacity: PLACES, bytes: NicRequest.BYTES }, { capacity: PLACES, bytes: NicAnswer.BYTES });
    if (typeof channel === "string") return channel;
    const problem = yield* lendWindow(env, index, server);
    if (problem !== null) return problem;
    const mac = Uint8Array.from({ length: MAC_BYTES }, (_, i) => Math.floor(info.mac / 2 ** (8 * i)) & 0xff);
    return new GuestPort(env, index, channel, name, mac, complain);
  }

  // The cable.

  ready(): boolean {
    return this.#free.length > 0 || this.#over;
  }

  /** While `ready`. A cable that is no more takes what comes, as one that leads nowhere. */
  send(frame: Uint8Array): void {
    const place = this.#over ? undefined : this.#free.pop();
    if (place === undefined) return;
    this.#mem.write(this.#window + place * PLACE_BYTES, frame);
    this.#ask(place, NicOperation.SEND, frame.length);
    this.due = true;
  }

  /** Each place has one request at most on its way, so the ring has room for it. */
  #ask(place: number, operation: number, bytes: number): void {
    this.#view.setUint32(NicRequest.id, place, true);
    this.#view.setUint32(NicRequest.operation, operation, true);
    this.#view.setUint32(NicRequest.offset, place * PLACE_BYTES, true);
    this.#view.setUint32(NicRequest.bytes, bytes, true);
    if (this.#channel.out?.tryPut(this.#message) === "Done") this.#lent.add(place);
  }

  // The loop of exits.

  *turn(): Op<void> {
    const { out, in: answers } = this.#channel;
    if (out === undefined || answers === undefined || this.#over) return void (this.due = false);
    answers.wakes();
    do {
      if (this.due || this.#tries < MOST_TRIES) for (const room of this.#rooms.splice(0)) this.#ask(room, NicOperation.TAKE, PLACE_BYTES);
      this.due = false;
      yield* out.announce();
      const freed = this.#free.length;
      for (let left = PLACES; left > 0; left--) {
        const answer = yield* answers.tryReceive();
        if (!(answer instanceof Uint8Array)) break;
        this.#settle(answer);
      }
      if (out.over !== undefined || answers.over !== undefined) return this.#end();
      if (this.#free.length > freed) this.card?.drained();
      // A card without a network gives every room back at once.
    } while (this.due || (this.#rooms.length > 0 && this.#tries < MOST_TRIES) || !answers.sleeps());
  }

  #settle(answer: Uint8Array): void {
    const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
    const place = view.getUint32(NicAnswer.id, true), done = view.getUint32(NicAnswer.result, true) === NicResult.DONE;
    if (!this.#lent.delete(place)) return;
    this.#tries = done ? 0 : this.#tries + 1;
    if (place >= NIC_ROOMS) return void this.#free.push(place);
    const bytes = view.getUint32(NicAnswer.bytes, true);
    if (done && bytes >= NIC_LEAST_FRAME && bytes <= NIC_MOST_FRAME) this.card?.receive(this.#mem.read(this.#window + place * PLACE_BYTES, bytes));
    this.#rooms.push(place);
  }

  #end(): void {
    this.#over = true;
    this.due = false;
    this.#complain(`network card ${this.name}: its server is gone: nothing comes or goes from now on`);
    this.card?.drained();
  }
}

/** A window of our own, mapped here and lent to the driver. */
function* lendWindow(env: Env, index: number, server: number): Op<string | null> {
  const { sys } = env;
  const { slot, window } = placeOf(index);
  const made = yield* retype(sys, InitSlot.Untyped, Kind.Frame, WINDOW_BITS, 1, InitSlot.CNode, slot);
  if (made.error) return `no memory for its frames: error ${made.label}`;
  const mapped = yield* frameMap(sys, slot, window, InitSlot.VSpace, MapRights.ReadWrite);
  const copied = mapped.error ? mapped : yield* cnodeCopy(sys, ownSlot(slot + 1), ownSlot(slot), READ_WRITE);
  if (copied.error) return `the memory for its frames cannot be mapped: error ${copied.label}`;
  const lent = yield* client(NicDriver, sys, env.mem, server).window(0, slot + 1);
  return lent.ok ? null : `its network server takes no memory (${lent.refusal}${lent.refusal === "error" ? ` ${lent.label}` : ""})`;
}
