// Guests as things to be used: guests.NAME.view and .control in manifests, in the authority graph, in claims, pictures and images.
import { describe, expect, test } from "vitest";
import { checkAssertions, describeClaim } from "../../caps/graph/assertions.ts";
import { authorityGraph } from "../../caps/graph/authority.ts";
import { worstCase } from "../../caps/graph/closure.ts";
import { dataFlows } from "../../caps/graph/flows.ts";
import { pictureOf } from "../../caps/graph/picture.ts";
import { systemReport } from "../../caps/graph/report.ts";
import { GUEST_BADGE, MOST_GUEST_USES, placeUses, useRecords, type ResolvedSystem } from "../../caps/image/system.ts";
import { brokenInvariants } from "../../caps/manifest/invariants.ts";
import { parseManifest } from "../../caps/manifest/parse.ts";
import { resolveManifest } from "../../caps/manifest/resolve.ts";
import { systemShape } from "../../servers/operator/image/contents.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { kitResources } from "../../servers/operator/resources.ts";

const RESOURCES = kitResources(findPackage(), new Map([["bare", { cmdline: "", initrd: false }]]));
const manifest = (uses: string, { more = "", guest = "", assert = "" } = {}): string => `apiVersion: bailiwick/1
kind: Appliance
name: test
version: 0.1.0
platform: { board: virt-rv64, memory: 256MiB }
components:
  console: { image: { server: console }, use: { regs: platform.uart0.regs, irq: platform.uart0.irq }, offer: { console: Console } }
  main: { image: { c: main.c }, essential: true, use: ${uses} }
${more}guests:
  web: { image: bare, memory: 32MiB, console: console.console${guest} }
  db: { image: bare, memory: 32MiB, console: console.console }
${assert === "" ? "" : `assert: [${assert}]\n`}`;

const resolved = (text: string) => {
  const parsed = parseManifest(text, "appliance.yaml");
  return parsed.ok ? resolveManifest(parsed.value, RESOURCES) : parsed;
};
const systemOf = (text: string): ResolvedSystem => {
  const result = resolved(text);
  if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
  return result.value.system;
};
const refused = (text: string): unknown[] => {
  const result = resolved(text);
  return result.ok ? [] : result.diagnostics.map(({ code, message, cause, fix }) => [code, message, cause, fix ?? ""].join(": "));
};
const usesOf = (system: ResolvedSystem, name: string) => system.components.find((component) => component.name === name)?.uses ?? [];

describe("a use of a guest", () => {
  test("is the root server's capability: each its own badge, whatever stands first", () => {
    const system = systemOf(manifest("{ web: guests.web.control, look: guests.web.view, db: guests.db.view }"));
    expect(usesOf(system, "main")).toEqual([
      { name: "web", kind: "guest", guest: "web", facet: "control", badge: GUEST_BADGE },
      { name: "look", kind: "guest", guest: "web", facet: "view", badge: GUEST_BADGE + 1 },
      { name: "db", kind: "guest", guest: "db", facet: "view", badge: GUEST_BADGE + 2 },
    ]);
    expect(useRecords(usesOf(system, "main"))["look"]).toEqual({ cap: 17, address: 0, bytes: 0, badge: GUEST_BADGE + 1 });
    // A VMM is told that it has orders to listen for.
    const isLed = (of: ResolvedSystem): unknown[] => of.components.flatMap(({ guest, args }) => (guest === undefined ? [] : [(args as { readonly led?: boolean }).led]));
    expect([isLed(system), isLed(systemOf(manifest("{ look: guests.db.view }")))]).toEqual([[true, true], [undefined, true]]);
    // Its holder may be what the guest itself uses.
    expect(refused(manifest("{ web: guests.web.control }, offer: { tty: Console }").replace("memory: 32MiB, console: console.console }", "memory: 32MiB, console: main.tty }"))).toEqual([]);
  });

  test.each([
    ["{ web: guests.wbe.view }", /BW0201: there is no guest 'wbe': .*did you mean 'web'\?/],
    ["{ web: guests.web.controll }", /BW0201: there is no part of guests.web 'controll': .*did you mean 'control'\?/],
    ["{ web: guests.web }", /there is no part of guests.web '': .*one of: view, control/],
    ["{ web: guests.web.control.all }", /BW0112: .guests.web.control.all. names nothing/],
    ["{ web: guests.main.view }", /there is no guest 'main'/],
    ["{ web: guest.web.view }", /names nothing that can be used.*guests.GUEST.view/],
    ["{ web: web.control }", /'web' offers nothing: is a guest.*say guests.web.view or guests.web.control/],
    ["{ web: { from: guests.web.view, rights: [call] } }", /a guest has no rights to choose from/],
    ["{ web: { from: guests.web.view, quota: 100/s } }", /a guest keeps no quota/],
  ])("%s is refused by name", (uses, says) => expect(refused(manifest(uses))).toEqual([expect.stringMatching(says)]));

  test("speaks Guest, and nothing else; there are so many in all; no component can be named as they are", () => {
    expect(refused(manifest("{}").replace("memory: 32MiB, console: console.console }", "memory: 32MiB, console: guests.db.view }"))).toEqual([expect.stringMatching(/speaks another protocol: is Guest, must be Console/)]);
    const many = (count: number): string => `{ ${Array.from({ length: count }, (_, i) => `u${i}: guests.web.view`).join(", ")} }`;
    expect(refused(manifest(many(MOST_GUEST_USES)))).toEqual([]);
    expect(refused(manifest(many(MOST_GUEST_USES + 1)))).toEqual([expect.stringMatching(/too many uses of guests: at most 64/)]);
    expect(refused(manifest("{}", { more: "  guests: { image: { c: g.c } }\n" }))).toEqual([expect.stringMatching(/'guests' cannot name a component/)]);
  });

  test("a guest is begun anew only on order, as often as its `control` says", () => {
    const restart = (guest: string) => systemOf(manifest("{}", { guest })).components.find(({ name }) => name === "web")?.restart;
    expect(restart("")).toBeUndefined();
    expect(restart(", control: {}")).toBeUndefined();
    expect(restart(", control: { restart: {} }")).toEqual({ on: "order", max: 5, window: 60_000_000, backoff: 200_000 });
    expect(refused(manifest("{}", { guest: ", control: { restart: { on: fault } }" }))).toEqual([expect.stringMatching(/unknown key 'on'/)]);
    expect(refused(manifest("{}", { guest: ", control: { restart: { backoff: 5ms } }" }))).toEqual([expect.stringMatching(/at least 10ms/)]);
  });

  test("an image has it as it is, and one that was made wrong is refused", () => {
    const whole = placeUses(systemOf(manifest("{ web: guests.web.control, db: guests.db.view }", { guest: ", control: { restart: {} }" })), () => 4096);
    const board = RESOURCES.boards.get("virt-rv64")!;
    expect(systemShape.parse(JSON.parse(JSON.stringify(whole)))).toEqual(whole);
    expect(brokenInvariants(whole, board, () => 4096)).toEqual([]);
    const changed = (change: object) => brokenInvariants({ ...whole, components: whole.components.map((one) => ({ ...one, uses: one.uses.map((use) => (use.kind === "guest" && use.name === "web" ? { ...use, ...change } : use)) })) }, board, () => 4096);
    expect(changed({ guest: "main" })).toEqual(["main cannot use web: there is no guest main"]);
    for (const badge of [GUEST_BADGE + 1, GUEST_BADGE - 1, GUEST_BADGE + MOST_GUEST_USES, 1]) expect(changed({ badge })).toEqual(["uses of guests have badges that are none, or one badge"]);
  });
});

describe("the graph", () => {
  const system = systemOf(manifest("{ web: guests.web.control, db: guests.db.view }"));
  const graph = authorityGraph(system), flows = dataFlows(graph, worstCase(graph, new Set(["console"])));

  test("has it as an edge to the guest: who controls writes and reads, who views reads, and no capability goes along", () => {
    expect(flows.path("main", "web")?.map(({ by }) => by?.thing)).toEqual(["guests.web.control"]);
    expect(flows.path("web", "main")?.map(({ by }) => by?.thing)).toEqual(["guests.web.control"]);
    expect(flows.path("db", "main", new Set(["console"]))?.map(({ by }) => by?.thing)).toEqual(["guests.db.view"]);
    expect(flows.path("main", "db", new Set(["console"]))).toBeUndefined();
    expect(worstCase(graph).membersOf("main")).toEqual(["main"]);
  });

  test("is seen in pictures and reports", () => {
    expect(pictureOf(system).wires.filter(({ from }) => from === "main").map(({ to, items }) => [to, items.map(({ short }) => short)])).toEqual([["web", ["control"]], ["db", ["view"]]]);
    expect(systemReport(system).components.find(({ name }) => name === "main")?.holds).toEqual([{ thing: "guests.db.view", rights: "use" }, { thing: "guests.web.control", rights: "use" }]);
  });

  const claims: readonly (readonly [claim: string, holds: boolean])[] = [
    ["{ only-holders: { of: guests.web.control, are: [main] } }", true],
    ["{ only-holders: { of: guests.web.control, are: [other] } }", false],
    ["{ only-holders: { of: guests.web, are: [main] } }", true],
    ["{ only-holders: { of: guests.db.control, are: [] } }", true],
    ["{ only-holders: { of: guests.db, are: [] } }", false],
    ["{ no-path: { from: other, to: guests.web.control } }", true],
    ["{ no-path: { from: main, to: web } }", false],
    ["{ no-path: { from: other, to: web } }", true],
    ["{ confined: { component: web, holes: [console.console], trusting: [console] } }", false],
    ["{ confined: { component: web, holes: [console.console, guests.web], trusting: [console] } }", true],
    ["{ confined: { component: main, holes: [guests.web] } }", false],
    ["{ confined: { component: main, holes: [guests.web, guests.db.view] } }", true],
    ["{ flows-only-via: { from: main, to: db, via: [console] } }", true],
    ["{ flows-only-via: { from: main, to: web, via: [console] } }", false],
  ];
  test.each(claims)("%s: %s", (assert, holds) => {
    const more = "  other: { image: { c: other.c } }\n", text = manifest("{ web: guests.web.control, db: guests.db.view }", { more, assert });
    const problems = refused(text);
    expect(problems.map((problem) => String(problem).split(":")[0])).toEqual(holds ? [] : ["BW0209"]);
  });

  test("whom it may be handed on to is found: a holder that gives to its clients", () => {
    const handsOn = manifest("{ web: guests.web.control }, offer: { it: Own }", { more: "  friend: { image: { c: f.c }, use: { it: main.it } }\n" });
    const [broken] = checkAssertions(authorityGraph(systemOf(handsOn)), [{ kind: "only-holders", of: "guests.web.control", are: ["main"], trusting: [] }]);
    expect(broken?.says).toBe("friend can come to hold guests.web.control");
    expect(describeClaim({ kind: "only-holders", of: "guests.web.control", are: ["main"], trusting: [] })).toBe("only main can hold guests.web.control");
  });
});
