// bailiwick vm top: what the machines in the background use, each second.
import { formatSize } from "../../../caps/manifest/units.ts";
import { ask } from "../vm/client.ts";
import { sums } from "../vm/exposition.ts";
import type { GuestInfo } from "../vm/keeper.ts";
import { stateOf, useOf, type VmState } from "../vm/process.ts";
import { listVms } from "../vm/store.ts";
import { table } from "./table.ts";

const TOP_MS = 1000;

interface Use extends VmState {
  readonly name: string;
  /** Percent of a CPU. */
  readonly cpu: number;
  /** Bytes; what several share counts in parts. */
  readonly resident: number;
  /** Of all its guests, a second; undefined: it does not say. */
  readonly rates: Readonly<Record<keyof typeof RATES, number>> | undefined;
}

/** By metrics of the control socket. */
const RATES = {
  exits: ["bailiwick_guest_exits_total"],
  diskBytes: ["bailiwick_guest_disk_read_bytes_total", "bailiwick_guest_disk_written_bytes_total"],
  networkBytes: ["bailiwick_guest_network_bytes_total"],
} as const;

interface Seen {
  readonly at: number;
  /** Of CPU. */
  readonly seconds: number;
  readonly metrics: ReadonlyMap<string, number> | undefined;
}

function ratesOf(before: Seen | undefined, now: Seen): Use["rates"] {
  if (before?.metrics === undefined || now.metrics === undefined) return undefined;
  const of = (from: ReadonlyMap<string, number>, names: readonly string[]): number => names.reduce((sum, name) => sum + (from.get(name) ?? 0), 0);
  const rate = (names: readonly string[]): number => (Math.max(0, of(now.metrics!, names) - of(before.metrics!, names)) / (now.at - before.at)) * 1000;
  return { exits: rate(RATES.exits), diskBytes: rate(RATES.diskBytes), networkBytes: rate(RATES.networkBytes) };
}

/** @param seen what was seen at the look before, by process; filled with what is now */
async function uses(seen: Map<number, Seen>): Promise<readonly Use[]> {
  const all = await Promise.all(
    listVms().map(async (each) => {
      const state = await stateOf(each);
      return { name: each.name, ...state, metrics: state.state !== "running" ? undefined : await ask(each.control, "GET", "/metrics").then((text) => sums(text as string), () => undefined) };
    }),
  );
  return all.flatMap(({ metrics, ...each }) => {
    const use = each.pid === undefined ? undefined : useOf(each.pid);
    if (use === undefined) return [];
    const at = performance.now(), before = seen.get(each.pid!), now = { at, seconds: use.seconds, metrics };
    seen.set(each.pid!, now);
    return [{ ...each, resident: use.resident, rates: ratesOf(before, now), cpu: before === undefined ? 0 : ((use.seconds - before.seconds) / (at - before.at)) * 1e5 }];
  });
}

/** Each second, or once. @returns what is to be told */
export async function top(once: boolean, json: boolean): Promise<unknown> {
  const seen = new Map<number, Seen>();
  const rate = (bytes: number | undefined): string => (bytes === undefined ? "-" : formatSize(Math.round(bytes / 1024) * 1024));
  const shown = (now: readonly Use[]): string => table(["NAME", "CPU", "MEMORY", "EXITS/S", "DISK/S", "NET/S", "GUESTS"], now.map(({ name, cpu, resident, rates, guests }) => [name, `${cpu.toFixed(0)} %`, formatSize(Math.round(resident / 2 ** 20) * 2 ** 20), rates?.exits.toFixed(0) ?? "-", rate(rates?.diskBytes), rate(rates?.networkBytes), guests.map((guest: GuestInfo) => `${guest.name} ${guest.state}`).join(", ")]));
  await uses(seen);
  for (;;) {
    await new Promise((done) => setTimeout(done, TOP_MS));
    const now = await uses(seen);
    if (once) return json ? now : shown(now);
    process.stdout.write(`\x1b[H\x1b[2J${shown(now)}\n`);
  }
}
