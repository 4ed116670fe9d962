// What is behind an appliance's network devices, open as long as it runs.
import { existsSync, readFileSync } from "node:fs";
import type { NetworkOrder } from "../../caps/manifest/resolve.ts";
import type { NetBackend } from "../../core/host/backend.ts";
import { openCable } from "../../core/host/cable.ts";
import { NetworkError } from "../../core/host/network.ts";
import { openUserNet } from "../../core/host/user-net.ts";
import { FailureCode, failure } from "./failure.ts";
import { findPackage } from "./package.ts";

export interface OpenNetworks {
  /** By device. */
  readonly behind: Readonly<Record<string, NetBackend>>;
  /** Ends when all of the host's ports are free again. */
  close(): Promise<void>;
}

/** A network that is lost in the middle of a run: the appliance goes on, as with a cable that is pulled out. */
export type OnTrouble = (device: string, text: string) => void;

/** Opens all of them or none. @throws Failure naming the device and what is wrong */
export async function openNetworks(orders: readonly NetworkOrder[], onTrouble: OnTrouble = () => {}): Promise<OpenNetworks> {
  const behind: Record<string, NetBackend> = {};
  const close = async (): Promise<void> => void (await Promise.all(Object.values(behind).map((network) => network.close())));
  for (const order of orders) {
    try {
      behind[order.device] = await openNetwork(order, onTrouble);
    } catch (error) {
      await close();
      if (!(error instanceof NetworkError)) throw error;
      throw failure(FailureCode.network, `there is no network for ${order.device}`, { cause: error.message, ...(error.fix === undefined ? {} : { fix: error.fix }) });
    }
  }
  return { behind, close };
}

function openNetwork(order: NetworkOrder, onTrouble: OnTrouble): Promise<NetBackend> {
  if (order.kind === "cable") return openCable(order);
  return openUserNet({ ...order, helper: userNetHelper(), onLost: (why) => onTrouble(order.device, why) });
}

/** The program that the set-up has built. @throws NetworkError */
export function userNetHelper(record: string = findPackage().record): string {
  const { userNet }: { readonly userNet?: unknown } = existsSync(record) ? JSON.parse(readFileSync(record, "utf8")) : {};
  if (typeof userNet === "string" && existsSync(userNet)) return userNet;
  throw new NetworkError(
    userNet === null ? "the set-up could not build the user network's helper: libslirp was not to be had" : "the user network's helper is not built",
    `bailiwick setup --only user-net --retry; it needs libslirp (Debian: apt-get install libslirp-dev), or a Debian mirror to fetch it from`,
  );
}
