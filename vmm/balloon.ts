// A guest's memory balloon: the manifest says how much of its RAM the guest is to do without, and the operator is told when it does, with what the guest says of the rest.
// A page in the balloon stays where it is: RAM is the machine's from its start to its end, so nothing of it goes back to the host (CAVEATS.md).
import { BALLOON_PAGE, VirtioBalloon } from "../core/devices/virtio/balloon.ts";
import { BalloonStat } from "../core/devices/virtio/spec.ts";
import { GuestMap, type GuestReport } from "./spec.ts";

export class GuestBalloon {
  readonly device: VirtioBalloon;
  #told = false;
  #news: GuestReport | null = null;

  /** @param ramBytes of the guest. @param targetBytes that the balloon should hold. Multiples of 4 KiB. */
  constructor(ramBytes: number, targetBytes: number) {
    this.device = new VirtioBalloon({
      firstPage: GuestMap.RAM.base / BALLOON_PAGE,
      pages: ramBytes / BALLOON_PAGE,
      changed: () => this.#changed(),
      stats: (stats) => this.#tell(stats),
    });
    this.device.target = targetBytes / BALLOON_PAGE;
  }

  /** Bytes in it. */
  get bytes(): number {
    return this.device.held * BALLOON_PAGE;
  }

  /** What the root server has yet to be told; null for nothing. */
  next(): GuestReport | null {
    const news = this.#news;
    this.#news = null;
    return news;
  }

  /** Told once, when it first holds what it should: a guest that goes to and fro is not listened to. */
  #changed(): void {
    if (this.#told || this.device.held < this.device.target) return;
    this.#told = true;
    if (!this.device.ask()) this.#tell(new Map());
  }

  #tell(stats: ReadonlyMap<number, bigint>): void {
    const free = stats.get(BalloonStat.FREE), total = stats.get(BalloonStat.TOTAL);
    this.#news = { state: "balloon", balloon: this.bytes, ...(free === undefined ? {} : { free: Number(free) }), ...(total === undefined ? {} : { total: Number(total) }) };
  }
}
