// The peer of `network`'s frames: they are sent and taken by the host itself. What it costs is the floor for whoever puts a driver between.
import type { NetBackend } from "../../../core/host/backend.ts";
import { openHostCard, PLACE, RECEIVE, TRANSMIT } from "./host-card.ts";

export interface Load {
  /** The cable gives each frame back. */
  readonly echo: boolean;
  /** Of each frame. */
  readonly bytes: number;
  /** Frames on their way. */
  readonly depth: number;
  readonly count: number;
}

/** @returns nanoseconds for all of it. Throws when a frame is lost: the cable answers at once. */
export function openHostDriver(cable: NetBackend): (load: Load) => number {
  const { place, submit, take, notify } = openHostCard(cable);
  return ({ echo, bytes, depth, count }) => {
    for (let tag = 0; tag < depth; tag++) place(TRANSMIT, tag)[0] = echo ? 1 : 0;
    if (echo) for (let tag = 0; tag < depth; tag++) submit(RECEIVE, tag, PLACE);
    const from = process.hrtime.bigint();
    let sent = 0, gone = 0, came = 0;
    for (; sent < depth && sent < count; sent++) submit(TRANSMIT, sent, bytes);
    while (gone < count || (echo && came < count)) {
      notify(TRANSMIT);
      const before = gone + came;
      let more = 0, rooms = 0;
      for (let tag = take(RECEIVE); tag >= 0; tag = take(RECEIVE)) {
        if (++came + depth > count) continue;
        submit(RECEIVE, tag, PLACE);
        rooms++;
      }
      if (rooms > 0) notify(RECEIVE);
      for (let tag = take(TRANSMIT); tag >= 0; tag = take(TRANSMIT)) {
        gone++;
        if (sent + more === count) continue;
        submit(TRANSMIT, tag, bytes);
        more++;
      }
      sent += more;
      if (gone + came === before) throw new Error("a frame was lost");
    }
    return Number(process.hrtime.bigint() - from);
  };
}
