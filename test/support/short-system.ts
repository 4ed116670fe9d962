// Resolved systems in short, for what looks at who holds what.
import { Right } from "../../caps/abi/numbers.ts";
import type { Assertion } from "../../caps/image/assertion.ts";
import { SYSTEM_FORMAT, type ResolvedComponent, type ResolvedSystem, type ResolvedUse } from "../../caps/image/system.ts";

export const CALL = Right.Write | Right.GrantReply, GRANT = CALL | Right.Grant, SEND = Right.Write;

/** What a component serves ("data", "gives", "passes") and whom it may speak to, with which rights; a device by name. */
export interface Short {
  readonly serves?: "data" | "gives" | "passes";
  readonly calls?: Readonly<Record<string, number>>;
  readonly drives?: string;
}

export function shortSystem(parts: Readonly<Record<string, Short>>, assertions: readonly Assertion[] = []): ResolvedSystem {
  const components = Object.entries(parts).map(([name, { serves, calls = {}, drives }], index): ResolvedComponent => {
    const uses: ResolvedUse[] = Object.entries(calls).map(([from, rights]) => ({ name: from, kind: "endpoint", from, offer: 0, badge: index + 1, rights }));
    if (drives !== undefined) uses.push({ name: "regs", kind: "device", device: drives, physical: 0x1000_0000, address: 0x5000_0000, bytes: 4096 });
    return {
      name, number: index + 1, program: { kind: "hosted", file: "x.js" }, memory: 2 ** 20, stack: 0, slots: 256, cpu: { priority: 100, budget: 10_000, period: 10_000 }, uses,
      offers: serves === undefined ? [] : [{ name: "it", protocol: "P", gives: serves !== "data", passes: serves === "passes" }], args: null, essential: false,
    };
  });
  return { format: SYSTEM_FORMAT, name: "t", version: "0", board: "b", memory: 0, components, assertions };
}

export const noPath = (from: string, to: string, ...trusting: string[]): Assertion => ({ kind: "no-path", from: [from], to, trusting });
