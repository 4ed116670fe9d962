// A client of protocol NicDriver: whole Ethernet frames to and from a card's driver, or a port of a switch or of another program (servers/nic, servers/switch, nicport.ts).
// Frames lie in a window of this program's own memory that it lends: NIC_ROOMS rooms for those that come, as many places for those that go. The same in C: servers/lib/c/src/nic.c.
//
//   NIC-1  Each number of the driver's is looked up among what is with it, and taken once: an answer to nothing is ignored, and a frame is copied before anybody looks at it.
//   NIC-2  Nothing waits: frames that find no place are the caller's to keep (`ready`), and a driver that answers nothing keeps its places and no more.
//
// The rings are the driver's memory: when it ends, the next look at them is a VM fault. Who must not end with it has a higher priority than it, and asks `isThere` before each `turn`: nothing
// of the driver's runs between that answer and the next time that this program waits.
import { InitSlot, Kind, Right } from "../../../caps/abi/numbers.ts";
import { NIC_LEAST_FRAME, NIC_MOST_FRAME, NIC_ROOMS, NIC_WINDOW_BYTES, NicAnswer, NicDriver, NicOperation, NicRequest, NicResult } from "../../nic/protocol.ts";
import { type Channel, channelPages, channelSlots, openChannel } from "./channel.ts";
import { client } from "./client.ts";
import { cnodeCopy, frameMap, MapRights, type Place, retype } from "./objects.ts";
import type { Env, Memory, Op } from "./sdk.ts";

export { NIC_LEAST_FRAME, NIC_MOST_FRAME } from "../../nic/protocol.ts";

/** Rooms first, then the places of frames that go. */
const PLACES = 2 * NIC_ROOMS;
const PLACE_BYTES = 2048;
const WINDOW_BITS = Math.log2(NIC_WINDOW_BYTES);
const MAC_BYTES = 6;
/** A driver without a network gives rooms back empty: they are lent again until so many came back in a row, then only when a frame is sent. */
const MOST_TRIES = 16 * NIC_ROOMS;
const TO_DRIVER = { capacity: PLACES, bytes: NicRequest.BYTES }, FROM_DRIVER = { capacity: PLACES, bytes: NicAnswer.BYTES };
const CPTR_BITS = 32;

/** Slots that a client takes: its window, that window lent, and its channel. */
export const NIC_SLOTS = 2 + channelSlots(channelPages(TO_DRIVER, FROM_DRIVER));

export interface NicWish {
  /** First of NIC_SLOTS empty slots. */
  readonly slot: number;
  /** Where the rings go, as for a channel, and 2 MiB of free addresses at a multiple of that for the window. */
  readonly address: number;
  readonly window: number;
  /** The bit of InitSlot.Notification that the driver rings. */
  readonly bit: number;
}

/** What a client's user is told in `turn`. Nothing here throws. */
export interface NicUser {
  /** A frame of 14..1514 bytes, the caller's own copy. */
  came(frame: Uint8Array): void;
  /** There are places for sending again. */
  drained(): void;
}

const own = (index: number): Place => ({ cnode: InitSlot.CNode, index, depth: CPTR_BITS });

export class NicClient {
  /** The card's address, 6 bytes. */
  readonly mac: Uint8Array;
  /** There is something to tell the driver of. */
  due = true;
  readonly #mem: Memory;
  readonly #window: number;
  readonly #channel: Channel;
  /** Places that are not with the driver: rooms to be lent, and places for sending. */
  #rooms: number[] = Array.from({ length: NIC_ROOMS }, (_, i) => i);
  readonly #free: number[] = Array.from({ length: NIC_ROOMS }, (_, i) => NIC_ROOMS + i);
  readonly #lent = new Set<number>();
  readonly #message = new Uint8Array(NicRequest.BYTES);
  readonly #view = new DataView(this.#message.buffer);
  #tries = 0;
  #over = false;

  /** Over a channel that is open and a window that is lent: `open` makes both. */
  constructor(mem: Memory, channel: Channel, window: number, mac: Uint8Array) {
    this.#mem = mem;
    this.#channel = channel;
    this.#window = window;
    this.mac = mac;
  }

  /** Asks the driver of `server`, and waits for it. What prevents it, in words. Takes 2 MiB of InitSlot.Untyped. */
  static *open(env: Env, server: number, wish: NicWish): Op<NicClient | string> {
    const { slot, address, window, bit } = wish;
    const driver = client(NicDriver, env.sys, env.mem, server);
    const info = yield* driver.info();
    if (!info.ok) return `its network server does not answer (${info.refusal}${info.refusal === "error" ? ` ${info.label}` : ""})`;
    const opened = yield* openChannel(env, server, { toServer: TO_DRIVER, fromServer: FROM_DRIVER, slots: slot + 2, address, bit });
    if (!opened.ok && opened.refusal === "full") return "its server has no place for another client";
    if (!opened.ok) return `no channel to its server (${opened.refusal}${opened.refusal === "error" ? ` ${opened.label}` : ""})`;
    const problem = yield* lendWindow(env, server, slot, window);
    if (problem !== null) return problem;
    const mac = Uint8Array.from({ length: MAC_BYTES }, (_, i) => Math.floor(info.mac / 2 ** (8 * i)) & 0xff);
    return new NicClient(env.mem, opened.channel, window, mac);
  }

  /** The driver has closed its rings or spoilt them: nothing comes or goes from now on. */
  get over(): boolean {
    return this.#over;
  }
  /** The rings are still mapped: see above. */
  isThere(): Op<boolean> {
    return this.#channel.isThere();
  }

  /** A frame can be sent now. Always when it is over: then what is sent is lost. */
  ready(): boolean {
    return this.#free.length > 0 || this.#over;
  }
  /** While `ready`; 14..1514 bytes, copied. The driver is told in the next `turn`. */
  send(frame: Uint8Array): void {
    const place = this.#over ? undefined : this.#free.pop();
    if (place === undefined) return;
    this.#mem.write(this.#window + place * PLACE_BYTES, frame);
    this.#ask(place, NicOperation.SEND, frame.length);
    this.due = true;
  }

  /** Tells the driver what was asked of it, and the user what came. To be called when something is `due` and when the driver has rung. */
  *turn(user: NicUser): Op<void> {
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
        this.#settle(answer, user);
      }
      if (out.over !== undefined || answers.over !== undefined) return this.#end(user);
      if (this.#free.length > freed) user.drained();
      // A driver without a network gives every room back at once.
    } while (this.due || (this.#rooms.length > 0 && this.#tries < MOST_TRIES) || !answers.sleeps());
  }

  /** Each place has one request at most on its way, so the ring has room for it. */
  #ask(place: number, operation: number, bytes: number): void {
    this.#view.setUint32(NicRequest.id, place, true);
    this.#view.setUint32(NicRequest.operation, operation, true);
    this.#view.setUint32(NicRequest.offset, place * PLACE_BYTES, true);
    this.#view.setUint32(NicRequest.bytes, bytes, true);
    if (this.#channel.out?.tryPut(this.#message) === "Done") this.#lent.add(place);
  }

  #settle(answer: Uint8Array, user: NicUser): void {
    const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
    const place = view.getUint32(NicAnswer.id, true), done = view.getUint32(NicAnswer.result, true) === NicResult.DONE;
    if (!this.#lent.delete(place)) return;
    this.#tries = done ? 0 : this.#tries + 1;
    if (place >= NIC_ROOMS) return void this.#free.push(place);
    const bytes = view.getUint32(NicAnswer.bytes, true);
    if (done && bytes >= NIC_LEAST_FRAME && bytes <= NIC_MOST_FRAME) user.came(this.#mem.read(this.#window + place * PLACE_BYTES, bytes));
    this.#rooms.push(place);
  }

  #end(user: NicUser): void {
    this.#over = true;
    this.due = false;
    user.drained();
  }
}

/** A window of our own, mapped here and lent to the driver. */
function* lendWindow({ sys, mem }: Env, server: number, slot: number, window: number): Op<string | null> {
  const made = yield* retype(sys, InitSlot.Untyped, Kind.Frame, WINDOW_BITS, 1, InitSlot.CNode, slot);
  if (made.error) return `no memory for its frames: error ${made.label}`;
  const mapped = yield* frameMap(sys, slot, window, InitSlot.VSpace, MapRights.ReadWrite);
  const copied = mapped.error ? mapped : yield* cnodeCopy(sys, own(slot + 1), own(slot), Right.Read | Right.Write);
  if (copied.error) return `the memory for its frames cannot be mapped: error ${copied.label}`;
  const lent = yield* client(NicDriver, sys, mem, server).window(0, slot + 1);
  return lent.ok ? null : `its network server takes no memory (${lent.refusal}${lent.refusal === "error" ? ` ${lent.label}` : ""})`;
}
