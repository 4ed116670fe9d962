// The breakpoints and watchpoints of a process, as gdb puts them in and takes them out: packets Z and z.
// Source: "Debugging with GDB", appendix E.2.
import { MOST_WATCHED_BYTES, WatchKind, type Watchpoint } from "../../../core/kernel/held.ts";
import { ERROR, parseHex } from "./inspect.ts";
import type { Target } from "./target.ts";

/** Of a process: each looks at every access that is made. */
export const MOST_WATCHPOINTS = 16;
/** By the packet's type. */
const KINDS: Readonly<Record<string, WatchKind>> = { 2: WatchKind.stores, 3: WatchKind.loads, 4: WatchKind.both };
/** What a stop for it is called. */
const NAMES: Readonly<Record<WatchKind, string>> = { [WatchKind.stores]: "watch", [WatchKind.loads]: "rwatch", [WatchKind.both]: "awatch" };

export class Points {
  readonly #target: Target;
  #breakpoints: ReadonlySet<bigint> = new Set();
  #watchpoints: readonly Watchpoint[] = [];

  constructor(target: Target) {
    this.#target = target;
  }

  /** The answer to a Z (`on`) or z. */
  change(on: boolean, text: string): string {
    const [, type = "", given = "", length = ""] = /^([0-4]),([0-9a-f]{1,16}),([0-9a-f]{1,8})(?:;.*)?$/i.exec(text) ?? [], address = parseHex(given);
    if (address === undefined) return ERROR.invalid;
    const kinds = KINDS[type];
    return kinds === undefined ? this.#break(on, address) : this.#watch(on, { address, bytes: Number.parseInt(length, 16), kinds });
  }

  /** Of a stop at an access to this address: what gdb is told in its report. */
  report(address: bigint): string {
    const found = this.#watchpoints.find((w) => BigInt.asUintN(64, address - w.address) < BigInt(w.bytes));
    return `${NAMES[found?.kinds ?? WatchKind.both]}:${address.toString(16)};`;
  }

  #break(on: boolean, address: bigint): string {
    const wanted = new Set(this.#breakpoints);
    if (on) wanted.add(address);
    else wanted.delete(address);
    if (!this.#target.setBreakpoints(wanted)) return ERROR.room;
    this.#breakpoints = wanted;
    return "OK";
  }

  #watch(on: boolean, { address, bytes, kinds }: Watchpoint): string {
    const others = this.#watchpoints.filter((w) => w.address !== address || w.bytes !== bytes || w.kinds !== kinds);
    const wanted = on ? [...others, { address, bytes, kinds }] : others;
    if (on && (bytes < 1 || bytes > MOST_WATCHED_BYTES || wanted.length > MOST_WATCHPOINTS || !this.#target.setWatchpoints(wanted))) return ERROR.room;
    if (!on) this.#target.setWatchpoints(wanted);
    this.#watchpoints = wanted;
    return "OK";
  }
}
