// What a guest's devices have in common that are worked by servers: a bell and a place in this program's slots and addresses each; disks and ports also a channel and its window of 2 MiB.
// (The display is the last, and takes what is behind its place, too.) A device model calls its backend in the middle of an exit, when no system call can be made; so what it asks for is put into the ring,
// and told of in `turn`, which the loop of exits calls before the guest goes on (main.ts).
//
//   O1  A server that says what cannot be, or is gone, costs the guest that device and no more: its requests fail, and the operator is told once.
//   O2  Each number that comes from a server is looked up among what is out: an answer to nothing is ignored.
// The memory of a channel is its server's: when the server ends, so does the VMM at its next look, and the guest with it (CAVEATS.md).
import { InitSlot, Right } from "../caps/abi/numbers.ts";
import { AddressMap } from "../caps/image/system.ts";
import { channelPages, channelSlots, openChannel, type Channel } from "../servers/lib/ts/channel.ts";
import type { RingShape } from "../servers/lib/ts/ring.ts";
import type { Env, Op } from "../servers/lib/ts/sdk.ts";

/** A guest's device that a server works. */
export interface Outside {
  /** The bit of the notification that its server rings. */
  readonly bit: number;
  /** There is something to tell the server of. */
  due: boolean;
  /** Tells the server what was asked for, and the guest what was answered. */
  turn(): Op<void>;
}

/** Of the CSpace's upper half, which is the program's own; the first is vcpu.ts's. */
const FIRST_SLOT = 130;
const SLOTS_EACH = 8;
/** Rings, then the window. */
const BYTES_EACH = 4 * 1024 * 1024;
const WINDOW_AT = 2 * 1024 * 1024;
const LAST_BIT = 2 ** 52;
/** So many devices have room in the slots. */
export const MOST_OUTSIDE = Math.floor((256 - FIRST_SLOT) / SLOTS_EACH);

/** Where device `index` has its things: two slots of its own, then its channel's. */
export function placeOf(index: number): { readonly slot: number; readonly address: number; readonly window: number; readonly bit: number } {
  const address = AddressMap.OWN + index * BYTES_EACH;
  return { slot: FIRST_SLOT + index * SLOTS_EACH, address, window: address + WINDOW_AT, bit: LAST_BIT / 2 ** index };
}

/** Opens the channel of device `index`; what prevents it, in words. */
export function* openOutside(env: Env, index: number, server: number, toServer: RingShape, fromServer: RingShape): Op<Channel | string> {
  const { slot, address, bit } = placeOf(index);
  if (channelSlots(channelPages(toServer, fromServer)) > SLOTS_EACH - 2) throw new RangeError("a channel of this shape has no room");
  const opened = yield* openChannel(env, server, { toServer, fromServer, slots: slot + 2, address, bit });
  if (opened.ok) return opened.channel;
  return opened.refusal === "full" ? "its server has no place for another client" : `no channel to its server (${opened.refusal}${opened.refusal === "error" ? ` ${opened.label}` : ""})`;
}

/** A slot of this program's, all bits of the CPtr resolved. */
export const ownSlot = (index: number): { readonly cnode: number; readonly index: number; readonly depth: number } => ({ cnode: InitSlot.CNode, index, depth: 32 });
export const READ_WRITE = Right.Read | Right.Write;
