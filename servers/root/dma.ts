// The root server as keeper of the drivers: what the IOMMU refuses a device is told to the operator, with the component whose device it is. The device
// has stopped its queue by itself; the driver sees that, and nobody else is concerned.
import { ErrorCode, InitSlot, Right } from "../../caps/abi/numbers.ts";
import { FIRST_SIGNAL_BIT } from "../../caps/image/system.ts";
import { ioSpaceReadFault, ioSpaceSetNotification } from "../lib/ts/objects.ts";
import type { Op } from "../lib/ts/sdk.ts";
import { must } from "./failure.ts";
import type { Tell } from "./operator.ts";
import type { RootSpace } from "./space.ts";

/** More of one device than this are not told: a driver that is refused again and again must not keep the operator busy. */
export const MOST_TOLD = 64;

export interface KeptDevice {
  readonly device: string;
  readonly component: string;
  /** The IOSpace, with all rights, in the root server's CSpace. */
  readonly ioSpace: number;
  /** Its bit of the root server's notification. */
  readonly bit: number;
}

/** Prepares to be told, before the component that will drive the device runs. @param ordinal 0.., each device its own */
export function* keepDevice(space: RootSpace, device: string, component: string, ioSpace: number, ordinal: number): Op<KeptDevice> {
  const bit = FIRST_SIGNAL_BIT + ordinal;
  const what = `watch over ${device} of component ${component}`;
  const signal = yield* space.mint(InitSlot.Notification, Right.Write, 2 ** bit, what);
  yield* must(ioSpaceSetNotification(space.sys, ioSpace, signal), what);
  return { device, component, ioSpace, bit };
}

/** Answers to a word of the root server's notification. */
export function dmaKeeper(space: Pick<RootSpace, "sys">, devices: readonly KeptDevice[], tell: Tell): (word: number) => Op<void> {
  /** By device: the number of the next record. */
  const next = devices.map(() => 0);

  function* read(i: number, { device, component, ioSpace }: KeptDevice): Op<void> {
    for (;;) {
      const answer = yield* ioSpaceReadFault(space.sys, ioSpace, next[i]!);
      if (answer.error && answer.label === ErrorCode.RangeError) {
        next[i] = answer.word(1);
        continue;
      }
      if (answer.error) return;
      next[i]!++;
      const address = answer.word(1), bytes = answer.word(2) % 2 ** 32, direction = answer.word(2) >= 2 ** 32 ? "write" : "read";
      tell({ event: "dma-fault", component, device, address, bytes, direction, number: next[i]! });
      if (next[i]! < MOST_TOLD) continue;
      yield* ioSpaceSetNotification(space.sys, ioSpace, 0);
      tell({ event: "log", component, text: `${device} was refused ${next[i]} accesses to memory: no more of them will be told` });
      return;
    }
  }

  return function* (word) {
    for (const [i, kept] of devices.entries()) if (Math.floor(word / 2 ** kept.bit) % 2 === 1) yield* read(i, kept);
  };
}
