// A guest's disk: a virtio block device whose backend is a capability to a block server (servers/block). Data is copied once, between the guest's memory and
// the window that this VMM shares with the server; from there the disk's driver has its device take it.
//
// The window is cut into blocks of 64 KiB: a part of what the guest asks for, which is one request to the server, goes through a run of them.
import type { DmaFault, DmaPort } from "../core/devices/device.ts";
import type { BlockBackend, BlockBuffers, BlockDone } from "../core/devices/virtio/block-backend.ts";
import { Block, BLOCK_WINDOW_BYTES, BlockAnswer, BlockOperation, BlockRequest, BlockResult } from "../servers/block/protocol.ts";
import { client } from "../servers/lib/ts/client.ts";
import type { Channel } from "../servers/lib/ts/channel.ts";
import { discrimClassify, frameMap, MapRights } from "../servers/lib/ts/objects.ts";
import { Kind, InitSlot } from "../caps/abi/numbers.ts";
import type { Env, Op } from "../servers/lib/ts/sdk.ts";
import type { GuestMemory } from "./memory.ts";
import { openOutside, placeOf, READ_WRITE, type Outside } from "./outside.ts";

const BLOCK = 64 * 1024;
/** A bit of one word each: 32. */
const BLOCKS = BLOCK_WINDOW_BYTES / BLOCK;
/** Blocks of one request to the server: each costs three programs some work, and while one is copied others are on their way. */
const MOST_BLOCKS = 8;
const RING = 32;
const SECTOR = 512;

/** A run of blocks of the window, by its first, and how much of it is used. */
export interface Piece {
  readonly block: number;
  readonly bytes: number;
}

const FAILURES: Readonly<Record<number, string>> = {
  [BlockResult.FAILED]: "the disk failed it",
  [BlockResult.BAD]: "the block server says that it makes no sense",
  [BlockResult.READ_ONLY]: "the disk may only be read",
  [BlockResult.QUOTA]: "more than this guest may write",
};

export class GuestDisk implements BlockBackend<Piece>, BlockBuffers<Piece>, Outside {
  readonly sectors: number;
  readonly readOnly: boolean;
  readonly id: string;
  readonly bit: number;
  readonly mostBytes: number;
  /** U-Boot asks for a whole file at once. */
  readonly mostRequest = 2 ** 30;
  due = false;
  readonly #memory: GuestMemory;
  readonly #window: number;
  readonly #channel: Channel;
  readonly #complain: (line: string) => void;
  /** Blocks in use: bit n for block n. */
  #used = 0;
  /** What waits for room in the ring, and what the server has, by number. */
  readonly #waiting: Uint8Array[] = [];
  readonly #out = new Map<number, BlockDone>();
  #next = 0;
  #over = false;

  private constructor(memory: GuestMemory, index: number, channel: Channel, facts: { readonly sectors: number; readonly mostBytes: number; readonly readOnly: boolean; readonly id: string }, complain: (line: string) => void) {
    const { window, bit } = placeOf(index);
    this.#memory = memory;
    this.#window = window;
    this.#channel = channel;
    this.#complain = complain;
    this.bit = bit;
    this.sectors = facts.sectors;
    this.mostBytes = Math.min(Math.floor(facts.mostBytes / BLOCK), MOST_BLOCKS) * BLOCK;
    this.readOnly = facts.readOnly;
    this.id = facts.id;
  }

  /** @param index which of the VMM's devices; @param id what the guest reads as its serial number. What prevents it, in words. */
  static *open(env: Env, memory: GuestMemory, index: number, server: number, id: string, complain: (line: string) => void): Op<GuestDisk | string> {
    const disk = client(Block, env.sys, env.mem, server);
    const info = yield* disk.info();
    if (!info.ok) return `its block server does not answer (${info.refusal}${info.refusal === "error" ? ` ${info.label}` : ""})`;
    if (info.mostBytes < BLOCK) return `its block server takes requests of ${info.mostBytes} bytes at most, and must take ${BLOCK}`;
    const channel = yield* openOutside(env, index, server, { capacity: RING, bytes: BlockRequest.BYTES }, { capacity: RING, bytes: BlockAnswer.BYTES });
    if (typeof channel === "string") return channel;
    const problem = yield* mapWindow(env, index, server);
    return problem ?? new GuestDisk(memory, index, channel, { sectors: info.sectors, mostBytes: info.mostBytes, readOnly: info.readOnly !== 0, id }, complain);
  }

  // Buffers.

  take(bytes: number): Piece | null {
    const run = runOf(bytes), last = BLOCKS - blocksOf(bytes);
    for (let block = 0; block <= last; block++) {
      if ((this.#used & (run << block)) !== 0) continue;
      this.#used |= run << block;
      return { block, bytes };
    }
    return null;
  }
  give({ block, bytes }: Piece): undefined {
    this.#used &= ~(runOf(bytes) << block);
  }
  load({ block }: Piece, at: number, _dma: DmaPort, address: number, bytes: number): DmaFault | null {
    return this.#memory.copyOut(this.#window + block * BLOCK + at, address, bytes);
  }
  store({ block }: Piece, at: number, _dma: DmaPort, address: number, bytes: number): DmaFault | null {
    return this.#memory.copyIn(address, this.#window + block * BLOCK + at, bytes);
  }

  // Backend.

  read(offset: number, { block, bytes }: Piece, done: BlockDone): void {
    this.#ask(BlockOperation.READ, offset, bytes, block * BLOCK, done);
  }
  write(offset: number, { block, bytes }: Piece, done: BlockDone): void {
    this.#ask(BlockOperation.WRITE, offset, bytes, block * BLOCK, done);
  }
  flush(done: BlockDone): void {
    this.#ask(BlockOperation.FLUSH, 0, 0, 0, done);
  }

  #ask(operation: number, offset: number, bytes: number, place: number, done: BlockDone): void {
    do this.#next = (this.#next + 1) >>> 0;
    while (this.#out.has(this.#next));
    this.#out.set(this.#next, done);
    const message = new Uint8Array(BlockRequest.BYTES);
    const view = new DataView(message.buffer);
    const sector = offset / SECTOR;
    view.setUint32(BlockRequest.sector, sector >>> 0, true);
    view.setUint32(BlockRequest.sector + 4, Math.floor(sector / 2 ** 32), true);
    view.setUint32(BlockRequest.id, this.#next, true);
    view.setUint32(BlockRequest.operation, operation, true);
    view.setUint32(BlockRequest.bytes, bytes, true);
    view.setUint32(BlockRequest.offset, place, true);
    this.#waiting.push(message);
    this.due = true;
  }

  // The loop of exits.

  *turn(): Op<void> {
    const { out, in: answers } = this.#channel;
    if (out === undefined || answers === undefined) return;
    this.due = false;
    answers.wakes();
    do {
      yield* this.#tell();
      // A server of higher priority, with a fast disk, is done by now.
      for (let left = RING; left > 0; left--) {
        const answer = yield* answers.tryReceive();
        if (!(answer instanceof Uint8Array)) break;
        this.#settle(answer);
      }
      if (out.over !== undefined || answers.over !== undefined) return this.#end();
      // Answered requests may have begun others.
    } while (this.due || !answers.sleeps());
  }

  *#tell(): Op<void> {
    const { out } = this.#channel;
    this.due = false;
    let sent = 0;
    while (sent < this.#waiting.length && out!.tryPut(this.#waiting[sent]!) === "Done") sent++;
    this.#waiting.splice(0, sent);
    yield* out!.announce();
    // What is left goes when there is room: the server rings for that too, or answers, and either brings us here.
    if (this.#waiting.length > 0 && out!.over === undefined && !out!.sleeps()) this.due = true;
  }

  #settle(answer: Uint8Array): void {
    const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
    const id = view.getUint32(BlockAnswer.id, true), result = view.getUint32(BlockAnswer.result, true);
    const done = this.#out.get(id);
    this.#out.delete(id);
    done?.(result === BlockResult.OK ? null : (FAILURES[result] ?? `result ${result}`));
  }

  /** Nothing comes any more: what is out has failed, and what is asked for from now on fails at the next turn. */
  #end(): void {
    if (!this.#over) this.#complain(`disk ${this.id}: its block server is gone: every request fails from now on`);
    this.#over = true;
    this.#waiting.length = 0;
    const all = [...this.#out.values()];
    this.#out.clear();
    for (const done of all) done("the block server is gone");
  }
}

const blocksOf = (bytes: number): number => ((bytes + BLOCK - 1) / BLOCK) | 0;
/** The bits of as many blocks as it takes, from block 0 on. */
const runOf = (bytes: number): number => (1 << blocksOf(bytes)) - 1;

/** The server lends window 0. */
function* mapWindow(env: Env, index: number, server: number): Op<string | null> {
  const { sys } = env;
  const { slot, window } = placeOf(index);
  sys.receiveSlots(InitSlot.CNode, slot, 32, 1);
  const answer = yield* client(Block, sys, env.mem, server).window();
  sys.receiveSlots(0, 0, 0, 0);
  if (!answer.ok) return `its block server lends no memory (${answer.refusal}${answer.refusal === "error" ? ` ${answer.label}` : ""})`;
  const is = yield* discrimClassify(sys, InitSlot.Discrim, slot);
  if (is.error || is.word(0) !== Kind.Frame || (is.word(1) & READ_WRITE) !== READ_WRITE) return "its block server lends something else than memory";
  const mapped = yield* frameMap(sys, slot, window, InitSlot.VSpace, MapRights.ReadWrite);
  return mapped.error ? `the memory of its block server cannot be mapped: error ${mapped.label}` : null;
}
