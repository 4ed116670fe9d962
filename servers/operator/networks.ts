// What is behind an appliance's network devices, open as long as it runs.
import { existsSync, readFileSync } from "node:fs";
import type { NetworkOrder } from "../../caps/manifest/resolve.ts";
import type { NetBackend } from "../../core/host/backend.ts";
import { openCable } from "../../core/host/cable.ts";
import { NetworkError } from "../../core/host/network.ts";
import { openTap } from "../../core/host/tap.ts";
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

async function openNetwork(order: NetworkOrder, onTrouble: OnTrouble): Promise<NetBackend> {
  const onLost = (why: string): void => onTrouble(order.device, why);
  switch (order.kind) {
    case "cable":
      return openCable(order);
    case "user":
      return openUserNet({ ...order, onLost, helper: userNetHelper() });
    case "tap":
      return openTap({ name: order.name, onLost, helper: tapHelper() });
  }
}

/** What the set-up has built, and what it needs for it. */
const HELPERS = {
  userNet: { title: "user network's helper", needs: "libslirp (Debian: apt-get install libslirp-dev), or a Debian mirror to fetch it from" },
  tap: { title: "helper of TAP interfaces", needs: "the host's C compiler (Debian: apt-get install gcc)" },
} as const;

/** The helper of user networks. @param record the set-up's @throws NetworkError */
export const userNetHelper = (record?: string): string => findHelper("userNet", record);
/** The helper of TAP interfaces. @param record the set-up's @throws NetworkError */
export const tapHelper = (record?: string): string => findHelper("tap", record);

function findHelper(name: keyof typeof HELPERS, record: string = findPackage().record): string {
  const found: { readonly [name: string]: unknown } = existsSync(record) ? JSON.parse(readFileSync(record, "utf8")) : {};
  const path = found[name];
  if (typeof path === "string" && existsSync(path)) return path;
  const { title, needs } = HELPERS[name];
  throw new NetworkError(path === null ? `the set-up could not build the ${title}` : `the ${title} is not built`, `bailiwick setup --only networks --retry; it needs ${needs}`);
}
