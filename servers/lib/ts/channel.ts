// How two programs come to share rings (ring.ts). The client calls, with its bell; the server answers with its own and with frames of its memory.
// Protocol: caps/protocol/channel.ts; the same in C is servers/lib/c/src/channel.c.
//
// The memory is the server's, so a client that ends takes nothing from it, and the server may have many clients. Whoever maps another's memory ends
// with it: when the server ends, its client's next look at the ring is a VM fault. So the server is the side that must not depend on the other.
//
// A program has one bound notification; each of its channels is rung by one bit of it, 2^32..2^52, from the top down where interrupts begin at the
// bottom. A capability that comes from the other side is looked at (Discrim) before anything is done with it: what is called by mistake could be an
// endpoint at which nobody ever answers.
import { IpcBuffer, MAX_CAPS } from "../../../caps/abi/message.ts";
import { ErrorCode, InitSlot, Kind, Right } from "../../../caps/abi/numbers.ts";
import { isRingShape, ringBytes, type RingShape } from "../../../caps/abi/ring.ts";
import { Channel as Protocol } from "../../../caps/protocol/channel.ts";
import { cnodeDelete, cnodeMint, cnodeMove, cnodeRevoke, discrimClassify, frameMap, MapRights, pageTableMap, type Place, retype } from "./objects.ts";
import { prepareRing, Receiver, Sender, type Bells } from "./ring.ts";
import { IPC_BUFFER, type Env, type Message, type Op } from "./sdk.ts";
import { dispatcher, type Dispatch, type Request, type Response } from "./serve.ts";

const PAGE = 4096;
const FRAME_BITS = 12;
/** Pages under one page table: 2 MiB. */
const RUN_PAGES = 512;
/** Most frames of a channel. */
export const CHANNEL_MOST_PAGES = 64;
/** Slots that a channel's page tables may take. */
const TABLES = 2;
/** Where things stand in a channel's run of slots: two bells, then its frames. */
const MY_BELL = 0;
const THEIR_BELL = 1;
const FRAMES = 2;
const CPTR_BITS = 32;
/** The last page of user space, far from what any program has mapped (AddressMap). */
const NO_TABLE = 2 ** 38 - PAGE;
const FIRST_BIT = 2 ** 32;
const LAST_BIT = 2 ** 52;

export const NO_RING: RingShape = { capacity: 0, bytes: 0 };

const isNone = ({ capacity, bytes }: RingShape): boolean => capacity === 0 && bytes === 0;
const isWish = (shape: RingShape): boolean => isNone(shape) || isRingShape(shape);
/** Frames for rings of these shapes. */
export const channelPages = (toServer: RingShape, fromServer: RingShape): number => Math.ceil((ringBytes(toServer) + ringBytes(fromServer)) / PAGE);
/** Slots that one side of `count` channels of `pages` frames takes. */
export const channelSlots = (pages: number, count = 1): number => TABLES + count * (FRAMES + pages);

const isSignalBit = (bit: number): boolean => Number.isInteger(Math.log2(bit)) && bit >= FIRST_BIT && bit <= LAST_BIT;
/** Pages in one run of 2 MiB: one page table is enough for them. */
const inOneRun = (address: number, pages: number): boolean => address % PAGE === 0 && pages >= 1 && ((address / PAGE) % RUN_PAGES) + pages <= RUN_PAGES;

const own = (slot: number): Place => ({ cnode: InitSlot.CNode, index: slot, depth: CPTR_BITS });

function* is({ sys }: Pick<Env, "sys">, cap: number, kind: Kind, rights: number): Op<boolean> {
  const answer = yield* discrimClassify(sys, InitSlot.Discrim, cap);
  return !answer.error && answer.word(0) === kind && (answer.word(1) & rights) === rights;
}

/**
 * A device's registers, which nobody's rings are in: a server that gives them would have its client fault at its next look. The kernel refuses to map them executable before it looks where; memory it
 * does not map here either, since there is no page table.
 */
function* isDevice({ sys }: Pick<Env, "sys">, frame: number): Op<boolean> {
  const mapped = yield* frameMap(sys, frame, NO_TABLE, InitSlot.VSpace, MapRights.ReadExecute);
  return !mapped.error || mapped.label !== ErrorCode.FailedLookup;
}

function* drop({ sys }: Pick<Env, "sys">, first: number, count: number): Op<void> {
  for (let i = 0; i < count; i++) yield* cnodeDelete(sys, own(first + i));
}

/** Maps a frame to read and write, with the page tables that it takes, in slots from `tables` on. 0 or an ErrorCode. */
function* map({ sys }: Pick<Env, "sys">, frame: number, address: number, tables: number): Op<number> {
  for (let made = 0; ; made++) {
    const mapped = yield* frameMap(sys, frame, address, InitSlot.VSpace, MapRights.ReadWrite);
    if (!mapped.error) return 0;
    if (mapped.label !== ErrorCode.FailedLookup || made === TABLES) return mapped.label;
    const table = yield* retype(sys, InitSlot.Untyped, Kind.PageTable, 0, 1, InitSlot.CNode, tables + made);
    if (table.error) return table.label;
    const placed = yield* pageTableMap(sys, tables + made, address - (address % (RUN_PAGES * PAGE)), InitSlot.VSpace);
    if (placed.error) return placed.label;
  }
}

/** The right to ring `bit` of this program, and no more. 0 or an ErrorCode. */
function* makeBell({ sys }: Pick<Env, "sys">, slot: number, bit: number): Op<number> {
  const minted = yield* cnodeMint(sys, own(slot), own(InitSlot.Notification), Right.Write, bit);
  return minted.error ? minted.label : 0;
}

// Client.

export interface Wish {
  /** NO_RING for none; not both. */
  readonly toServer: RingShape;
  readonly fromServer: RingShape;
  /** First of channelSlots(pages) empty slots, and of `pages` free pages, all in one run of 2 MiB (AddressMap.OWN and up). */
  readonly slots: number;
  readonly address: number;
  /** The bit of InitSlot.Notification that the server rings: one of 2^32..2^52. */
  readonly bit: number;
}

/** A client's side of a channel. */
export interface Channel {
  /** To the server, and from it; undefined when there is no such ring. */
  readonly out: Sender | undefined;
  readonly in: Receiver | undefined;
  /** The server's memory is still here: at the time of the answer, so only a program of higher priority than whoever may end that server can build on it. */
  isThere(): Op<boolean>;
  /** Closes both ends, and takes the memory out of this program: the ends may not be used afterwards. The slots are empty again but for page tables: to open another, at the same address. */
  close(): Op<void>;
}

/** `refusal`: the server's, by name; `error` when the kernel's (label: an ErrorCode); `unknown` when the server gave what a server does not give. */
export type Opened = { readonly ok: true; readonly channel: Channel } | { readonly ok: false; readonly refusal: string; readonly label: number };

const REFUSALS = new Map<number, string>(Object.entries(Protocol.refusals).map(([name, label]) => [label, name]));
const kernelError = (label: number): Opened => ({ ok: false, refusal: "error", label });

/**
 * Opens a channel with the server of `server`, which takes the right to send capabilities along. This program's receive slots are as before afterwards. What is mapped, or in the slots, is given back when it fails. Throws RangeError for a wish that cannot be.
 */
export function* openChannel(env: Env, server: number, wish: Wish): Op<Opened> {
  const { toServer, fromServer, address, bit } = wish;
  const pages = isWish(toServer) && isWish(fromServer) ? channelPages(toServer, fromServer) : 0;
  if (pages > CHANNEL_MOST_PAGES || !inOneRun(address, pages) || !isSignalBit(bit)) throw new RangeError("there is no such channel");
  const slots = wish.slots + TABLES;
  const before = [IpcBuffer.RECEIVE_CNODE, IpcBuffer.RECEIVE_INDEX, IpcBuffer.RECEIVE_DEPTH, IpcBuffer.RECEIVE_COUNT].map((at) => Number(env.mem.load64(IPC_BUFFER + 8 * at)));
  const failed = (yield* fetch(env, server, wish, slots, pages)) ?? (yield* mapAll(env, wish, slots, pages));
  const [cnode = 0, index = 0, depth = 0, count = 0] = before;
  env.sys.receiveSlots(cnode, index, depth, count);
  if (failed !== undefined) {
    yield* drop(env, slots, FRAMES + pages);
    return failed;
  }
  const bells: Bells = { theirs: slots + THEIR_BELL, own: InitSlot.Notification, bit };
  const out = isNone(toServer) ? undefined : new Sender(env, address, toServer, bells);
  const from = isNone(fromServer) ? undefined : new Receiver(env, address + ringBytes(toServer), fromServer, bells);
  let open = true;
  const channel: Channel = {
    out,
    in: from,
    *isThere() {
      for (let page = 0; page < pages; page++) if (!open || !(yield* is(env, slots + FRAMES + page, Kind.Frame, Right.Read | Right.Write))) return false;
      return true;
    },
    *close() {
      if (!open) return;
      open = false;
      if (out !== undefined) yield* out.close();
      if (from !== undefined) yield* from.close();
      yield* drop(env, slots, FRAMES + pages);
    },
  };
  return { ok: true, channel };
}

/** All that the server gives, into the slots; what is not what it must be is an error. */
function* fetch(env: Env, server: number, { toServer, fromServer, bit }: Wish, slots: number, pages: number): Op<Opened | undefined> {
  const { sys } = env;
  const unknown: Opened = { ok: false, refusal: "unknown", label: 0 };
  const wrong = (message: Message): Opened | undefined =>
    message.error ? kernelError(message.label) : message.label !== 0 ? { ok: false, refusal: REFUSALS.get(message.label) ?? "unknown", label: message.label } : undefined;
  const noBell = yield* makeBell(env, slots + MY_BELL, bit);
  if (noBell !== 0) return kernelError(noBell);
  sys.receiveSlots(InitSlot.CNode, slots + THEIR_BELL, CPTR_BITS, Math.min(MAX_CAPS, 1 + pages));
  const words = [toServer.capacity, toServer.bytes, fromServer.capacity, fromServer.bytes];
  const first = yield* sys.call(server, Protocol.methods.open.label, words, [slots + MY_BELL]);
  const refused = wrong(first);
  if (refused !== undefined) return refused;
  if (first.length < 1 || first.word(0) !== pages || first.caps < 2) return unknown;
  for (let page = first.caps - 1; page < pages; ) {
    sys.receiveSlots(InitSlot.CNode, slots + FRAMES + page, CPTR_BITS, Math.min(MAX_CAPS, pages - page));
    const more = yield* sys.call(server, Protocol.methods.memory.label, [page]);
    const no = wrong(more);
    if (no !== undefined) return no;
    if (more.caps === 0) return unknown;
    page += more.caps;
  }
  if (!(yield* is(env, slots + THEIR_BELL, Kind.Notification, Right.Write))) return unknown;
  for (let page = 0; page < pages; page++) if (!(yield* is(env, slots + FRAMES + page, Kind.Frame, Right.Read | Right.Write)) || (yield* isDevice(env, slots + FRAMES + page))) return unknown;
  return undefined;
}

function* mapAll(env: Env, { slots: tables, address }: Wish, slots: number, pages: number): Op<Opened | undefined> {
  for (let page = 0; page < pages; page++) {
    const error = yield* map(env, slots + FRAMES + page, address + page * PAGE, tables);
    if (error !== 0) return kernelError(error);
  }
  return undefined;
}

// Server.

/** A server's side of one client's channel. */
export interface Accepted {
  /** Whose it is: the badge. */
  readonly client: number;
  readonly in: Receiver | undefined;
  readonly out: Sender | undefined;
}

export interface AcceptorPlan {
  /** Channels, at most one for each bit. */
  readonly count: number;
  /** Frames of each, 1..CHANNEL_MOST_PAGES; count * pages is at most 512. */
  readonly pages: number;
  /** First of channelSlots(pages, count) + 1 empty slots, and of count * pages free pages, all in one run of 2 MiB. */
  readonly slots: number;
  readonly address: number;
  /** Channel i is rung by firstBit * 2^i. */
  readonly firstBit: number;
}

interface Given {
  channel: Accepted;
  pages: number;
}

/** All channels of a server. */
export class Acceptor {
  readonly #env: Env;
  readonly #plan: AcceptorPlan;
  readonly #given: (Given | undefined)[];
  readonly #received: number;
  readonly #handle: Dispatch;

  private constructor(env: Env, plan: AcceptorPlan) {
    this.#env = env;
    this.#plan = plan;
    this.#given = Array.from({ length: plan.count });
    this.#received = plan.slots + channelSlots(plan.pages, plan.count);
    this.#handle = dispatcher(Protocol, env, { open: (request) => this.#open(request), memory: (request) => this.#memory(request) });
  }

  /** Makes and maps the memory of all channels. Null when the kernel refuses: too little memory, slots in use. Throws RangeError for a plan that cannot be. */
  static *create(env: Env, plan: AcceptorPlan): Op<Acceptor | null> {
    const { count, pages, address, firstBit } = plan;
    const possible = count >= 1 && pages >= 1 && pages <= CHANNEL_MOST_PAGES && inOneRun(address, count * pages) && isSignalBit(firstBit) && isSignalBit(firstBit * 2 ** (count - 1));
    if (!possible) throw new RangeError("there are no such channels");
    const acceptor = new Acceptor(env, plan);
    for (let i = 0; i < count; i++) {
      const slots = acceptor.#slots(i);
      if ((yield* makeBell(env, slots + MY_BELL, firstBit * 2 ** i)) !== 0) return null;
      if ((yield* retype(env.sys, InitSlot.Untyped, Kind.Frame, FRAME_BITS, pages, InitSlot.CNode, slots + FRAMES)).error) return null;
      for (let page = 0; page < pages; page++) if ((yield* map(env, slots + FRAMES + page, acceptor.#address(i) + page * PAGE, plan.slots)) !== 0) return null;
    }
    return acceptor;
  }

  /**
   * A Dispatch that handles the requests of Channel, and leaves all others to `others`. A capability that comes with any of them is in the slot
   * `received`, and gone after its request unless it was moved away.
   */
  dispatch(others: Dispatch): Dispatch {
    const { sys } = this.#env;
    const received = this.#received;
    const mine = new Set<number>(Object.values(Protocol.methods).map(({ label }) => label));
    sys.receiveSlots(InitSlot.CNode, received, CPTR_BITS, 1);
    const handle = this.#handle;
    return function* (message) {
      const response = yield* mine.has(message.label) ? handle(message) : others(message);
      if (message.caps > 0) yield* cnodeDelete(sys, own(received));
      return response;
    };
  }

  get received(): number {
    return this.#received;
  }
  /** The channels that are somebody's. */
  *channels(): Generator<Accepted, void, void> {
    for (const given of this.#given) if (given !== undefined) yield given.channel;
  }
  of(client: number): Accepted | undefined {
    return this.#given.find((given) => given?.channel.client === client)?.channel;
  }
  /** Closes the ends. The channel stays the client's until it opens another, has closed, or has ended. */
  *close({ in: receiver, out }: Accepted): Op<void> {
    if (receiver !== undefined) yield* receiver.close();
    if (out !== undefined) yield* out.close();
  }

  #slots(i: number): number {
    return this.#plan.slots + TABLES + i * (FRAMES + this.#plan.pages);
  }
  #address(i: number): number {
    return this.#plan.address + i * this.#plan.pages * PAGE;
  }

  *#open({ badge, words, caps }: Request<typeof Protocol.methods.open>): Op<Response> {
    const env = this.#env;
    const { refusals } = Protocol;
    const toServer: RingShape = { capacity: words.toCapacity, bytes: words.toBytes };
    const fromServer: RingShape = { capacity: words.fromCapacity, bytes: words.fromBytes };
    const pages = isWish(toServer) && isWish(fromServer) ? channelPages(toServer, fromServer) : 0;
    if (pages === 0) return { label: refusals.badRequest };
    if (pages > this.#plan.pages) return { label: refusals.tooLarge };
    // A capability of this server's own endpoint comes as its badge and takes no slot: then there is nothing here.
    if (caps !== 1 || !(yield* is(env, this.#received, Kind.Notification, Right.Write))) return { label: refusals.noCapability };
    const i = yield* this.#freeFor(badge);
    if (i < 0) return { label: refusals.full };
    yield* this.#takeBack(i);
    const slots = this.#slots(i);
    if ((yield* cnodeMove(env.sys, own(slots + THEIR_BELL), own(this.#received))).error) return { label: refusals.noCapability };
    // Nothing of the last client's is left for this one to read.
    const address = this.#address(i);
    env.mem.fill(address, pages * PAGE, 0);
    const bells: Bells = { theirs: slots + THEIR_BELL, own: InitSlot.Notification, bit: this.#plan.firstBit * 2 ** i };
    const after = address + ringBytes(toServer);
    if (!isNone(toServer)) prepareRing(env, address);
    if (!isNone(fromServer)) prepareRing(env, after);
    const channel: Accepted = {
      client: badge,
      in: isNone(toServer) ? undefined : new Receiver(env, address, toServer, bells),
      out: isNone(fromServer) ? undefined : new Sender(env, after, fromServer, bells),
    };
    this.#given[i] = { channel, pages };
    return { words: [pages], caps: [slots + MY_BELL, ...this.#frames(i, 0, MAX_CAPS - 1)] };
  }

  *#memory({ badge, words: { page } }: Request<typeof Protocol.methods.memory>): Op<Response> {
    const i = this.#given.findIndex((given) => given?.channel.client === badge);
    const given = this.#given[i];
    yield* [];
    if (given === undefined || page >= given.pages) return { label: Protocol.refusals.badRequest };
    const caps = this.#frames(i, page, MAX_CAPS);
    return { words: [caps.length], caps };
  }

  /** Frames of channel i from `page` on, at most so many. */
  #frames(i: number, page: number, most: number): number[] {
    const count = Math.min(most, (this.#given[i]?.pages ?? 0) - page);
    return Array.from({ length: count }, (_, n) => this.#slots(i) + FRAMES + page + n);
  }

  /** The place of this client's channel, else one that is free or whose client is finished; -1 for none. */
  *#freeFor(client: number): Op<number> {
    const its = this.#given.findIndex((given) => given?.channel.client === client);
    if (its >= 0) return its;
    const free = this.#given.indexOf(undefined);
    if (free >= 0) return free;
    for (let i = 0; i < this.#given.length; i++) if (yield* this.#isFinished(i)) return i;
    return -1;
  }

  /** The client has closed its ends, and what it had sent was taken; or it has ended. */
  *#isFinished(i: number): Op<boolean> {
    if (!(yield* is(this.#env, this.#slots(i) + THEIR_BELL, Kind.Notification, 0))) return true;
    const { in: receiver, out } = this.#given[i]!.channel;
    if (receiver !== undefined && (receiver.over === undefined || !receiver.isClosedBySender)) return false;
    return out === undefined || out.isClosedByReceiver;
  }

  /** Takes back what a client was given. */
  *#takeBack(i: number): Op<void> {
    const { sys } = this.#env;
    const slots = this.#slots(i);
    const pages = this.#given[i]?.pages ?? 0;
    this.#given[i] = undefined;
    yield* cnodeRevoke(sys, own(slots + MY_BELL));
    for (let page = 0; page < pages; page++) yield* cnodeRevoke(sys, own(slots + FRAMES + page));
    yield* cnodeDelete(sys, own(slots + THEIR_BELL));
  }
}
