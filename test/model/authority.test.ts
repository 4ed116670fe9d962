// GRAPH-1..3 against the real kernel: components of random systems, all hostile, try for everything, and what each is ever seen to hold is in the closure that was computed before.
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ALL_RIGHTS, Right } from "../../caps/abi/numbers.ts";
import { authorityGraph } from "../../caps/graph/authority.ts";
import { worstCase } from "../../caps/graph/closure.ts";
import type { ResolvedComponent, ResolvedUse } from "../../caps/image/system.ts";
import { ThreadState } from "../../core/kernel/state.ts";
import { BOARD_DEVICES } from "../../core/machine/board.ts";
import { watchAuthority, type LiveAuthority } from "../../servers/operator/authority.ts";
import { bundleProgram } from "../../servers/operator/bundle.ts";
import { component, runSystem } from "../support/root-system.ts";
import { LIMIT, runs, wasLong } from "./runs.ts";

const STEPS = 220;
const RIGHTS = [Right.Write, Right.Write | Right.GrantReply, Right.Write | Right.GrantReply, Right.Write | Right.Grant, Right.Write | Right.Grant | Right.GrantReply];

interface Part {
  readonly offers: readonly boolean[];
  readonly calls: readonly (readonly [server: number, offer: number, rights: number])[];
  readonly drives: boolean;
  readonly time: boolean;
}
const parts: fc.Arbitrary<readonly Part[]> = fc.array(
  fc.record({
    offers: fc.array(fc.boolean(), { maxLength: 2 }),
    calls: fc.array(fc.tuple(fc.nat(4), fc.nat(1), fc.constantFrom(...RIGHTS)), { maxLength: 2 }),
    drives: fc.boolean(),
    time: fc.boolean(),
  }),
  { minLength: 2, maxLength: 5 },
);

const DEVICES = BOARD_DEVICES.filter(({ name }) => name !== "ctl0").slice(0, 5);

function systemOf(all: readonly Part[], seed: number): ResolvedComponent[] {
  const timed = all.findIndex(({ time }) => time);
  return all.map(({ offers, calls, drives }, index) => {
    const uses: ResolvedUse[] = [];
    for (const [server, offer, rights] of calls) {
      const from = server % Math.max(1, index), there = all[from]?.offers.length ?? 0;
      if (from >= index || there === 0 || uses.some((use) => use.name === `c${from}`)) continue;
      uses.push({ name: `c${from}`, kind: "endpoint", from: `c${from}`, offer: offer % there, badge: (offer % there) * 2 ** 16 + index + 1, rights });
    }
    const device = DEVICES[index]!;
    if (drives) {
      uses.push({ name: "regs", kind: "device", device: device.name, physical: device.physical, address: 0, bytes: 4096 }, { name: "irq", kind: "irq", device: device.name, irq: device.irq, badge: 2 ** 32 });
      if (device.dma) uses.push({ name: "iospace", kind: "iospace", device: device.name });
    }
    if (index === timed) uses.push({ name: "time", kind: "schedcontrol" });
    return component(`c${index}`, index + 1, {
      program: { kind: "hosted", file: "hostile.js" }, uses, offers: offers.map((gives, i) => ({ name: `o${i}`, protocol: "P", gives, passes: gives })), args: { seed: 1 + ((seed + 7919 * index) % 0x7fff_fffe), steps: STEPS },
    });
  });
}

const seen = { held: 0, obtained: 0, possible: 0, apart: 0 };

test("GRAPH-BOUND whatever hostile components come to hold in the running kernel is in the computed closure", async () => {
  const bundle = await bundleProgram({ entry: join(process.cwd(), "test/model/authority/hostile.ts"), root: process.cwd() });
  if (!bundle.ok) throw new Error(bundle.error);
  const text = new TextEncoder().encode(bundle.text);
  await fc.assert(
    fc.asyncProperty(parts, fc.nat(2 ** 30), async (all, seed) => {
      const components = systemOf(all, seed);
      let live: LiveAuthority | undefined;
      const held = new Map<string, { readonly holder: string; readonly thing: string; rights: number }>();
      const { system, events } = await runSystem(components, { "hostile.js": text }, undefined, {
        onStarted: (kernel, resolved) => void (live ??= watchAuthority(kernel, resolved)),
        onTurn(k) {
          for (const { holder, thing, rights } of live?.holdings() ?? []) {
            const before = held.get(`${holder} ${thing}`);
            if (before === undefined) held.set(`${holder} ${thing}`, { holder, thing, rights });
            else before.rights |= rights;
          }
          return live !== undefined && k.tcbs.every((t) => t === undefined || t.state !== ThreadState.Ready);
        },
      });
      expect(events.filter(({ event }) => event === "fault" || event === "error")).toEqual([]);
      const graph = authorityGraph(system), closure = worstCase(graph);
      for (const { holder, thing, rights } of held.values()) {
        // What a server has minted is some capability to it, with no more rights than whoever minted it had.
        const [server = "", part] = thing.split("."), isIts = part === "made" && closure.membersOf(holder).includes(server);
        const same = closure.mayHold(holder).filter((authority) => authority.thing === thing || (part === "made" && authority.server === server));
        const allowed = isIts ? ALL_RIGHTS : same.reduce((bits, authority) => bits | authority.rights, 0);
        expect(rights & ~allowed, `${holder} holds ${thing} with rights ${rights}, and may hold it with ${allowed}`).toBe(0);
        seen.held++;
        seen.obtained += Number(!(graph.byHolder.get(holder) ?? []).some((authority) => authority.thing === thing));
      }
      seen.possible += graph.components.reduce((sum, name) => sum + new Set(closure.mayHold(name).map(({ thing }) => thing)).size - new Set((graph.byHolder.get(name) ?? []).map(({ thing }) => thing)).size, 0);
      seen.apart += graph.components.filter((name) => closure.membersOf(name).length < graph.components.length).length;
    }),
    runs(40),
  );
  // Not because nothing was got, nor because everybody may have everything: half of what the bound allows is really got.
  if (wasLong(40)) expect([seen.obtained > 0.5 * seen.possible, seen.apart > 40]).toEqual([true, true]);
}, LIMIT);
