// GRAPH-*: what hostile components can come to hold, where data can go, and what a manifest may claim of it.
import { describe, expect, test } from "vitest";
import { Right } from "../../caps/abi/numbers.ts";
import { checkAssertions } from "../../caps/graph/assertions.ts";
import { authorityGraph, type AuthorityGraph } from "../../caps/graph/authority.ts";
import { worstCase } from "../../caps/graph/closure.ts";
import { dataFlows } from "../../caps/graph/flows.ts";
import type { Assertion } from "../../caps/image/assertion.ts";
import { CALL, GRANT, noPath, SEND, shortSystem, type Short } from "../support/short-system.ts";

const graphOf = (parts: Readonly<Record<string, Short>>): AuthorityGraph => authorityGraph(shortSystem(parts));
const says = (graph: AuthorityGraph, assertion: Assertion): readonly string[] | undefined => checkAssertions(graph, [assertion])[0]?.path.map((step) => step.says);

describe("GRAPH-CLOSURE", () => {
  test("001 a client and a server that gives are one; a server of data alone stays apart from its clients", () => {
    const graph = graphOf({ nic: { serves: "gives", drives: "net0" }, log: { serves: "data", drives: "uart0" }, app: { calls: { nic: CALL, log: CALL } } });
    expect(worstCase(graph).membersOf("app")).toEqual(["nic", "app"]);
    expect(worstCase(graph).membersOf("log")).toEqual(["log"]);
  });
  test("002 Grant joins, whoever gives; Send alone does not, not even to one that gives", () => {
    const graph = graphOf({ a: { serves: "data" }, b: { serves: "gives" }, c: { calls: { a: GRANT, b: SEND } }, d: { calls: { b: SEND | Right.Grant } } });
    expect(["a", "b"].map((name) => worstCase(graph).membersOf(name))).toEqual([["a", "c"], ["b", "d"]]);
  });
  test("003 two clients of a server that gives are one with it; trusted, it keeps them apart unless handing on is what it is for", () => {
    for (const serves of ["gives", "passes"] as const) {
      const graph = graphOf({ s: { serves, drives: "uart0" }, a: { calls: { s: GRANT } }, b: { calls: { s: CALL } } });
      expect(worstCase(graph).membersOf("a")).toEqual(["s", "a", "b"]);
      expect(worstCase(graph, new Set(["s"])).membersOf("a")).toEqual(serves === "gives" ? ["a"] : ["s", "a", "b"]);
    }
  });
  test("004 the way is the shortest there is", () => {
    const graph = graphOf({ a: { serves: "gives" }, b: { serves: "gives", calls: { a: CALL } }, c: { serves: "gives", calls: { b: CALL } }, d: { calls: { c: CALL, a: CALL } } });
    expect(worstCase(graph).path(["c"], new Set(["a"]))?.links).toHaveLength(2);
    expect(worstCase(graph).path(["a"], new Set(["a", "b"]))).toEqual({ start: "a", end: "a", links: [] });
    expect(worstCase(graph).path(["a"], new Set(["x"]))).toBeUndefined();
  });
});

describe("GRAPH-FLOWS", () => {
  const graph = graphOf({ disk: { serves: "data", drives: "blk0" }, mute: { serves: "data", calls: { disk: SEND } }, app: { calls: { mute: CALL } }, other: { calls: { disk: CALL } } });
  const places = (from: string, to: string, ...without: string[]) => dataFlows(graph).path(from, to, new Set(without))?.map((step) => step.to);
  test("001 data goes with messages and comes back with answers; a Send brings nothing back", () => {
    expect(places("app", "platform.blk0")).toEqual(["mute", "disk", "platform.blk0"]);
    expect(places("platform", "app")).toBeUndefined();
    expect(places("platform.blk0", "other")).toEqual(["disk", "other"]);
    expect(places("app", "other")).toEqual(["mute", "disk", "other"]);
    expect(places("app", "other", "disk")).toBeUndefined();
  });
  test("002 whoever may come to share what another has may write to it", () => {
    const shared = graphOf({ s: { serves: "gives" }, a: { calls: { s: SEND } }, b: { calls: { s: CALL } }, dev: { calls: { s: CALL }, drives: "uart0" } });
    expect(dataFlows(shared).path("b", "platform.uart0")?.map((step) => step.to).slice(-2)).toEqual(["dev", "platform.uart0"]);
    expect(dataFlows(shared).path("platform.uart0", "a")).toBeUndefined();
  });
});

describe("GRAPH-CLAIMS", () => {
  const gateway = graphOf({
    nic: { serves: "gives", drives: "net0" },
    wall: { serves: "gives", calls: { nic: GRANT } },
    log: { serves: "data", drives: "blk0" },
    guest: { calls: { wall: GRANT } },
    boss: { calls: { log: CALL, wall: CALL } },
  });
  test("001 no-path: the shortest way that breaks it, and none when it holds", () => {
    expect(says(gateway, noPath("guest", "platform.net0"))).toEqual(["wall can answer guest with capabilities (wall.it)", "nic can answer wall with capabilities (nic.it)", "nic has platform.net0.regs"]);
    expect(says(gateway, noPath("guest", "platform.net0", "wall"))).toBeUndefined();
    expect(says(gateway, noPath("guest", "log"))).toEqual(["wall can answer guest with capabilities (wall.it)", "wall can answer boss with capabilities (wall.it)", "boss has log.it"]);
    expect(says(gateway, noPath("guest", "log", "wall"))).toBeUndefined();
  });
  test("002 only-holders: the server itself is none of them, whoever is one with it is", () => {
    const holders = (are: string[], ...trusting: string[]) => says(gateway, { kind: "only-holders", of: "log.it", are, trusting });
    expect(holders(["boss"], "wall")).toBeUndefined();
    expect(holders(["boss"])).toBeDefined();
    expect(holders([], "wall")).toEqual(["boss has log.it"]);
  });
  test("003 confined: every way out is a hole or breaks it, and so is every way in", () => {
    const confined = (component: string, holes: string[], ...trusting: string[]) => says(gateway, { kind: "confined", component, holes, trusting });
    expect(confined("guest", ["wall.it"], "wall")).toBeUndefined();
    expect(confined("guest", [], "wall")).toEqual(["guest has wall.it"]);
    expect(confined("log", ["platform.blk0"])).toEqual(["boss has log.it"]);
    expect(confined("log", ["platform.blk0", "log"])).toBeUndefined();
  });
  test("004 max-rights", () => {
    const most = (of: string, on: string, rights: number, ...trusting: string[]) => says(gateway, { kind: "max-rights", of, on, rights, trusting });
    expect(most("boss", "wall.it", CALL, "wall")).toBeUndefined();
    expect(most("boss", "wall.it", CALL)).toEqual([expect.stringContaining("wall.it"), expect.stringContaining("[receive, call, grant]")]);
    expect(most("guest", "wall.it", CALL, "wall")).toEqual(["guest has [call, grant] on wall.it"]);
    expect(most("guest", "log", 0, "wall")).toBeUndefined();
  });
  test("005 flows-only-via: those are trusted, and nothing goes round them", () => {
    const only = (from: string, to: string, ...via: string[]) => says(gateway, { kind: "flows-only-via", from, to, via, trusting: [] });
    expect(only("guest", "platform.net0", "wall")).toBeUndefined();
    expect(only("guest", "platform.net0")).toBeDefined();
    expect(only("guest", "platform.blk0", "boss")).toBeUndefined();
    expect(only("guest", "platform.blk0", "nic")).toEqual([expect.stringContaining("guest"), expect.stringContaining("boss"), "boss writes to log (log.it)", "log writes to platform.blk0 (platform.blk0.regs)"]);
  });
});
