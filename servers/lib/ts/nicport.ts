// The driver's side of protocol NicDriver, for one client: what it cannot tell from a card or a port of a switch (servers/nic, servers/switch). What is behind it the program says: where frames
// that the client sends go, and which come. The same in C: <bailiwick/nicport.h>.
//
//   P1  A request's numbers are read once, from the port's own copy, and checked before anything is done with them: what makes no sense is answered BAD.
//   P2  Of a request that is not answered the port holds its number and its place, of NIC_ROOMS rooms at most; of frames for the client NIC_ROOMS, the rest is lost, as on a wire.
//   P3  A channel begins with nothing under way: no frame goes into a room of the client before, and none of its requests is answered to this one.
//   P4  Windows are of the channel's client alone.
//   P5  Lent memory is touched in `turn` alone, and only while it is there. `turn` asks the kernel before (Discrim), and then makes no system call at which the lender could run, if that has a lower
//       priority than this program and does not share its time. So a lender that takes its window back, or ends, loses its frames, and this program goes on. With a lender of the same or a higher
//       priority there is a moment between the two: then the fault is this program's, and `restart` in its manifest is the remedy.
// The rings are this program's memory: whoever ends with them is the client.
import { InitSlot, Kind, Right } from "../../../caps/abi/numbers.ts";
import { NIC_LEAST_FRAME, NIC_MOST_FRAME, NIC_ROOMS, NIC_WINDOW_BYTES, NicAnswer, NicDriver, NicOperation, NicRequest, NicResult } from "../../nic/protocol.ts";
import { type Accepted, Acceptor, channelSlots } from "./channel.ts";
import { cnodeDelete, cnodeMove, discrimClassify, frameMap, type Place } from "./objects.ts";
import type { Env, Memory, Op } from "./sdk.ts";
import { type Dispatch, dispatcher, type Request, type Response } from "./serve.ts";

export const NIC_WINDOWS = 16;
/** Frames of the port's channel. */
const PAGES = 8;
/** Requests that are taken in one turn; answers that may wait for the client to have room before no more are taken. */
const PIECE = 64;
const CPTR_BITS = 32;

/** Slots that a port takes, and addresses. */
export const NIC_PORT_SLOTS = channelSlots(PAGES) + 1 + NIC_WINDOWS;
export const NIC_PORT_BYTES = (1 + NIC_WINDOWS) * NIC_WINDOW_BYTES;

/** Where frames of the client's go. Nothing here throws. */
export interface NicBehind {
  /** It takes another one now; while it does not, requests wait in the client's ring. */
  ready(): boolean;
  /** A frame of 14..1514 bytes, a copy. */
  sent(frame: Uint8Array): void;
}

/** What window `number` allows, of Right.Read and Right.Write (0: there is none), and where it is. */
export interface NicWindows {
  rights(number: number): number;
  address(number: number): number;
}

interface Room {
  readonly id: number;
  readonly window: number;
  readonly offset: number;
}

/** What the client of one channel has asked for, and has not been answered. Makes no system call but bells. */
export class NicRequests {
  readonly #mem: Memory;
  readonly #channel: Pick<Accepted, "in" | "out">;
  readonly #windows: NicWindows;
  readonly #rooms: Room[] = [];
  readonly #frames: Uint8Array[] = [];
  readonly #answers: Uint8Array[] = [];

  constructor(mem: Memory, channel: Pick<Accepted, "in" | "out">, windows: NicWindows) {
    this.#mem = mem;
    this.#channel = channel;
    this.#windows = windows;
  }

  /** A frame of 14..1514 bytes for the client. False: too many wait already, and it is lost. */
  deliver(frame: Uint8Array): boolean {
    if (this.#frames.length >= NIC_ROOMS || frame.length < NIC_LEAST_FRAME || frame.length > NIC_MOST_FRAME) return false;
    this.#frames.push(frame);
    return true;
  }

  /** Takes requests, gives frames and answers. True: there is more to do now. */
  *turn(behind: NicBehind): Op<boolean> {
    const { in: requests, out } = this.#channel;
    if (requests === undefined || out === undefined) return false;
    let taken = 0;
    const canTake = (): boolean => behind.ready() && this.#answers.length < PIECE;
    for (; taken < PIECE && canTake(); taken++) {
      const message = yield* requests.tryReceive();
      if (!(message instanceof Uint8Array)) break;
      this.#take(message, behind);
    }
    while (this.#frames.length > 0 && this.#rooms.length > 0) this.#fill(this.#rooms.shift()!);
    for (;;) {
      const answer = this.#answers[0];
      if (answer === undefined) break;
      if (out.tryPut(answer) === "Full") {
        if (out.sleeps()) break;
        continue;
      }
      // Sent; or the client is gone or has spoilt its ring, and is owed nothing.
      this.#answers.shift();
    }
    yield* out.announce();
    return canTake() && (taken === PIECE || !requests.sleeps());
  }

  #take(message: Uint8Array, behind: NicBehind): void {
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    const id = view.getUint32(NicRequest.id, true), operation = view.getUint32(NicRequest.operation, true);
    const window = view.getUint32(NicRequest.window, true), offset = view.getUint32(NicRequest.offset, true), bytes = view.getUint32(NicRequest.bytes, true);
    const room = operation === NicOperation.TAKE, enough = bytes <= NIC_WINDOW_BYTES && offset <= NIC_WINDOW_BYTES - bytes;
    const sized = room ? bytes >= NIC_MOST_FRAME : operation === NicOperation.SEND && bytes >= NIC_LEAST_FRAME && bytes <= NIC_MOST_FRAME;
    // What comes is written.
    if (!enough || !sized || !this.#allows(window, room ? Right.Write : Right.Read) || (room && this.#rooms.length >= NIC_ROOMS)) return this.#answer(id, NicResult.BAD, 0);
    if (room) return void this.#rooms.push({ id, window, offset });
    behind.sent(this.#mem.read(this.#windows.address(window) + offset, bytes));
    this.#answer(id, NicResult.DONE, 0);
  }

  #fill({ id, window, offset }: Room): void {
    if (!this.#allows(window, Right.Write)) return this.#answer(id, NicResult.FAILED, 0);
    const frame = this.#frames.shift()!;
    this.#mem.write(this.#windows.address(window) + offset, frame);
    this.#answer(id, NicResult.DONE, frame.length);
  }

  #allows(window: number, right: number): boolean {
    return window < NIC_WINDOWS && (this.#windows.rights(window) & right) !== 0;
  }

  #answer(id: number, result: number, bytes: number): void {
    const answer = new Uint8Array(NicAnswer.BYTES), view = new DataView(answer.buffer);
    view.setUint32(NicAnswer.id, id, true);
    view.setUint32(NicAnswer.result, result, true);
    view.setUint32(NicAnswer.bytes, bytes, true);
    this.#answers.push(answer);
  }
}

export interface NicPlan {
  /** First of NIC_PORT_SLOTS empty slots, and of NIC_PORT_BYTES of free addresses, at a multiple of 2 MiB (AddressMap.OWN and up). */
  readonly slots: number;
  readonly address: number;
  /** The bit of InitSlot.Notification that the client rings: one of 2^32..2^52. */
  readonly bit: number;
}

const own = (index: number): Place => ({ cnode: InitSlot.CNode, index, depth: CPTR_BITS });

export class NicPort implements NicWindows {
  readonly #env: Env;
  readonly #acceptor: Acceptor;
  readonly #firstWindow: number;
  readonly #addresses: number;
  readonly #rights = new Array<number>(NIC_WINDOWS).fill(0);
  #windowsOf = 0;
  #requests: NicRequests | null = null;

  private constructor(env: Env, acceptor: Acceptor, { slots, address }: NicPlan) {
    this.#env = env;
    this.#acceptor = acceptor;
    this.#firstWindow = slots + channelSlots(PAGES) + 1;
    this.#addresses = address + NIC_WINDOW_BYTES;
  }

  /** Makes the channel's memory. Null when the kernel refuses: too little memory, slots in use. Takes the program's receive slots. Throws RangeError for a plan that cannot be. */
  static *create(env: Env, plan: NicPlan): Op<NicPort | null> {
    if (plan.address % NIC_WINDOW_BYTES !== 0) throw new RangeError("a port's address is a multiple of 2 MiB");
    const acceptor = yield* Acceptor.create(env, { count: 1, pages: PAGES, slots: plan.slots, address: plan.address, firstBit: plan.bit });
    return acceptor === null ? null : new NicPort(env, acceptor, plan);
  }

  /** Requests of NicDriver. `info` answers with mac, mtu, link. */
  dispatch(info: () => Response): Dispatch {
    const { open } = NicDriver.methods, { refusals } = NicDriver;
    const handlers = dispatcher(NicDriver, this.#env, { info, window: (request) => this.#window(request), open: () => ({ label: refusals.badRequest }), memory: () => ({ label: refusals.badRequest }) });
    const handle = this.#acceptor.dispatch(handlers);
    return function* (this: NicPort, message: Parameters<Dispatch>[0]): Op<Response | null> {
      const opens = message.label === open.label, client = message.badge;
      // Messages of another size would be read as if they had this one.
      if (opens && (message.word(1) !== NicRequest.BYTES || message.word(3) !== NicAnswer.BYTES)) {
        yield* cnodeDelete(this.#env.sys, own(this.#acceptor.received));
        return { label: refusals.badRequest };
      }
      const response = yield* handle(message);
      const channel = this.#acceptor.of(client);
      if (opens && (response?.label ?? 0) === 0 && channel !== undefined) {
        this.#requests = new NicRequests(this.#env.mem, channel, this);
        yield* this.#give(client);
      }
      return response;
    }.bind(this);
  }

  /** There is a client with a channel, and a window to send from. */
  get open(): boolean {
    return this.#requests !== null && this.#rights.some((rights) => rights !== 0);
  }
  /** As NicRequests.deliver. Without a client it is lost. */
  deliver(frame: Uint8Array): boolean {
    return this.#requests?.deliver(frame) ?? false;
  }
  /** As NicRequests.turn, when the client has rung, when something was delivered, and when what is behind takes frames again. P5. */
  *turn(behind: NicBehind): Op<boolean> {
    for (let number = 0; number < NIC_WINDOWS; number++) {
      if (this.#rights[number] !== 0 && ((yield* this.#classify(this.#firstWindow + number)) & Right.Read) === 0) this.#rights[number] = 0;
    }
    return this.#requests !== null && (yield* this.#requests.turn(behind));
  }

  // NicWindows.

  rights(number: number): number {
    return this.#rights[number] ?? 0;
  }
  address(number: number): number {
    return this.#addresses + number * NIC_WINDOW_BYTES;
  }

  /** Rights of a frame; 0 for what is none. */
  *#classify(slot: number): Op<number> {
    const answer = yield* discrimClassify(this.#env.sys, InitSlot.Discrim, slot);
    return !answer.error && answer.word(0) === Kind.Frame ? answer.word(1) & (Right.Read | Right.Write) : 0;
  }

  *#window({ badge, words: { number }, caps }: Request<typeof NicDriver.methods.window>): Op<Response> {
    const { sys } = this.#env, { refusals } = NicDriver, { received } = this.#acceptor;
    if (number >= NIC_WINDOWS) return { label: refusals.badRequest };
    for (const { client } of this.#acceptor.channels()) if (client !== badge) return { label: refusals.full };
    const rights = caps === 1 ? yield* this.#classify(received) : 0;
    if ((rights & Right.Read) === 0) return { label: refusals.noCapability };
    yield* this.#give(badge);
    yield* this.#drop(number);
    const slot = this.#firstWindow + number;
    if ((yield* cnodeMove(sys, own(slot), own(received))).error) return { label: refusals.noCapability };
    // There is no table for small pages where windows are, so a smaller frame cannot be mapped: what is mapped has all of its 2 MiB.
    if ((yield* frameMap(sys, slot, this.address(number), InitSlot.VSpace, rights)).error) {
      yield* this.#drop(number);
      return { label: refusals.noCapability };
    }
    this.#rights[number] = rights;
    return {};
  }

  *#drop(number: number): Op<void> {
    this.#rights[number] = 0;
    yield* cnodeDelete(this.#env.sys, own(this.#firstWindow + number));
  }

  /** P4: from now on they are `client`'s. */
  *#give(client: number): Op<void> {
    if (client !== this.#windowsOf) for (let number = 0; number < NIC_WINDOWS; number++) yield* this.#drop(number);
    this.#windowsOf = client;
  }
}
