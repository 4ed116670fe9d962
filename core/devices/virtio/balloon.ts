// A memory balloon: the driver takes pages of its own memory out of use, as many as the device's owner wants, and says which. Source: virtio 1.2, section 5.5.
// Queue 0 brings page numbers of pages that go into the balloon, queue 1 of those that come out of it; queue 2 carries statistics, one buffer to and fro.
//
// Invariants:
//   L1  A page is in the balloon once or not at all, however often the driver says so; numbers of pages that are no memory of the driver's change nothing.
//   L2  What one request moves is bounded: the page numbers beyond that are not looked at.
//   L3  Statistics are the driver's word, and kept as that.
import type { VirtioLink, VirtioModel } from "./mmio.ts";
import { Chain } from "./queue.ts";
import { BalloonConfig, BalloonFeature, DeviceId } from "./spec.ts";

const INFLATE = 0;
const DEFLATE = 1;
const STATS = 2;
/** A page number says 4 KiB, whatever the driver's own pages are. */
export const BALLOON_PAGE = 4096;
const NUMBER_BYTES = 4;
/** Of one request; Linux puts 256 into one. */
export const BALLOON_MOST_NUMBERS = 4096;
/** A statistic: a tag of 16 bits and a value of 64, packed. */
const STAT_BYTES = 10;
const MOST_STATS = 64;

export interface BalloonPorts {
  /** The driver's memory: its first page's number, and how many there are. */
  readonly firstPage: number;
  readonly pages: number;
  /** The number of pages in the balloon is another now. */
  readonly changed: () => void;
  /** Statistics, by tag, that were asked for. */
  readonly stats: (stats: ReadonlyMap<number, bigint>) => void;
}

export interface BalloonState {
  readonly target: number;
  readonly actual: number;
  /** Which pages are in the balloon: how many are not, how many are, and so on by turns. */
  readonly runs: readonly number[];
  /** The driver's statistics buffer: its head, or -1. */
  readonly statsHead: number;
  readonly asked: boolean;
}

export class VirtioBalloon implements VirtioModel<BalloonState> {
  readonly id = DeviceId.BALLOON;
  readonly features = (1 << BalloonFeature.STATS_VQ) | (1 << BalloonFeature.DEFLATE_ON_OOM);
  readonly queueSizes = [128, 128, 4] as const;
  readonly #ports: BalloonPorts;
  readonly #inside: Uint8Array;
  #chain = new Chain();
  /** The buffer that waits to be asked with, if there is one. */
  #stats = new Chain();
  #link: VirtioLink | null = null;
  #target = 0;
  #actual = 0;
  #held = 0;
  #hasStats = false;
  /** What comes next in the statistics queue is the answer to a question. */
  #asked = false;

  constructor(ports: BalloonPorts) {
    this.#ports = ports;
    this.#inside = new Uint8Array(ports.pages);
  }

  /** Pages in the balloon. */
  get held(): number {
    return this.#held;
  }
  get target(): number {
    return this.#target;
  }
  /** Pages that it should hold; more than there are is all of them. */
  set target(pages: number) {
    const target = Math.max(0, Math.min(pages, this.#inside.length));
    if (target === this.#target) return;
    this.#target = target;
    this.#link?.configChanged();
  }

  /** Asks the driver for statistics. False: it has given no buffer for them. */
  ask(): boolean {
    const queue = this.#link?.queues[STATS];
    if (queue === undefined || !this.#link?.live || !this.#hasStats) return false;
    this.#hasStats = false;
    this.#asked = true;
    queue.push(this.#stats.head, 0);
    this.#link.interrupt(STATS);
    return true;
  }

  attach(link: VirtioLink): void {
    this.#link = link;
  }

  readConfig(offset: number, size: number): number {
    if (size !== 4) return 0;
    return offset === BalloonConfig.NUM_PAGES ? this.#target : offset === BalloonConfig.ACTUAL ? this.#actual : 0;
  }
  /** What the driver says that the balloon holds: told back, and believed by nobody. */
  writeConfig(offset: number, size: number, value: number): void {
    if (offset === BalloonConfig.ACTUAL && size === 4) this.#actual = value;
  }

  start(): void {
    for (const queue of [INFLATE, DEFLATE, STATS]) this.notify(queue);
  }

  notify(index: number): void {
    const link = this.#link;
    const queue = link?.queues[index];
    if (link === null || queue === undefined || !link.live) return;
    if (index === STATS) return this.#takeStats();
    const before = this.#held;
    // One look more than the queue can hold: that one finds it empty, and asks to be notified.
    for (let left = queue.size + 1; left > 0 && queue.pop(this.#chain); left--) {
      const numbers = queue.read(this.#chain, 0, BALLOON_MOST_NUMBERS * NUMBER_BYTES);
      if (numbers === null) break;
      this.#move(numbers, index === INFLATE ? 1 : 0);
      queue.push(this.#chain.head, 0);
    }
    link.interrupt(index);
    if (this.#held !== before) this.#ports.changed();
  }

  /** The memory is all the driver's again. */
  reset(): void {
    this.#inside.fill(0);
    this.#held = this.#actual = 0;
    this.#hasStats = this.#asked = false;
  }

  save(): BalloonState {
    const runs: number[] = [];
    for (let i = 0, value = 0; i < this.#inside.length; value ^= 1) {
      const begin = i;
      while (i < this.#inside.length && this.#inside[i] === value) i++;
      runs.push(i - begin);
    }
    return { target: this.#target, actual: this.#actual, runs, statsHead: this.#hasStats ? this.#stats.head : -1, asked: this.#asked };
  }

  restore(state: BalloonState): void {
    this.reset();
    this.#target = Math.min(state.target, this.#inside.length);
    this.#actual = state.actual;
    state.runs.reduce((at, count, i) => (this.#inside.fill(i % 2, at, at + count), at + count), 0);
    this.#held = this.#inside.reduce((sum, inside) => sum + inside, 0);
    this.#asked = state.asked;
    this.#hasStats = state.statsHead >= 0 && (this.#link?.queues[STATS]?.walk(state.statsHead, this.#stats) ?? false);
  }

  #move(numbers: Uint8Array, into: 0 | 1): void {
    const view = new DataView(numbers.buffer, numbers.byteOffset, numbers.length);
    for (let at = 0; at + NUMBER_BYTES <= numbers.length; at += NUMBER_BYTES) {
      const page = view.getUint32(at, true) - this.#ports.firstPage;
      // undefined: no such page.
      if (this.#inside[page] !== 1 - into) continue;
      this.#inside[page] = into;
      this.#held += 2 * into - 1;
    }
  }

  /** The first buffer only waits to be asked with; each one after it is an answer. One that comes unasked takes the place of the one before, which is given back. */
  #takeStats(): void {
    const queue = this.#link!.queues[STATS]!;
    for (let left = queue.size + 1; left > 0 && queue.pop(this.#chain); left--) {
      if (this.#hasStats) queue.push(this.#stats.head, 0);
      const bytes = queue.read(this.#chain, 0, MOST_STATS * STAT_BYTES);
      this.#hasStats = bytes !== null;
      if (bytes === null) break;
      [this.#stats, this.#chain] = [this.#chain, this.#stats];
      if (!this.#asked) continue;
      this.#asked = false;
      this.#ports.stats(statsOf(bytes));
    }
    this.#link!.interrupt(STATS);
  }
}

function statsOf(bytes: Uint8Array): ReadonlyMap<number, bigint> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return new Map(Array.from({ length: Math.floor(bytes.length / STAT_BYTES) }, (_, i) => [view.getUint16(STAT_BYTES * i, true), view.getBigUint64(STAT_BYTES * i + 2, true)]));
}
