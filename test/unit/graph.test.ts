// PICTURE-*: what pictures of a system show, in each of their forms, and that no name in it is ever more than a text there.
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { authorityGraph } from "../../caps/graph/authority.ts";
import { worstCase } from "../../caps/graph/closure.ts";
import { pictureOf, type Picture, type Wire } from "../../caps/graph/picture.ts";
import type { Assertion } from "../../caps/image/assertion.ts";
import { dotOf } from "../../servers/operator/graph/dot.ts";
import { layoutOf } from "../../servers/operator/graph/layout.ts";
import { pageOf } from "../../servers/operator/graph/page.ts";
import { PAGE_SCRIPT } from "../../servers/operator/graph/page-script.ts";
import { escaped, svgOf } from "../../servers/operator/graph/svg.ts";
import { CALL, GRANT, noPath, SEND, shortSystem, type Short } from "../support/short-system.ts";

/** A web server whose store gives, so that it could come to hold the disk; a log of data alone. */
const SHOP: Readonly<Record<string, Short>> = {
  blk: { serves: "gives", drives: "blk0" },
  log: { serves: "data", drives: "uart0" },
  store: { serves: "gives", calls: { blk: CALL, log: SEND } },
  web: { calls: { store: CALL, log: CALL } },
};
const CLAIMS: readonly Assertion[] = [noPath("web", "platform.uart0"), noPath("web", "platform.blk0")];
const shop = pictureOf(shortSystem(SHOP, CLAIMS));
const wire = ({ wires }: Picture, from: string, to: string): Wire | undefined => wires.find((each) => each.from === from && each.to === to);
const drawn = ({ wires }: Picture): readonly Wire[] => wires.filter(({ folded }) => !folded);
/** n clients of one server of data. */
const crowd = (n: number): Record<string, Short> => ({ hub: { serves: "data" }, ...Object.fromEntries(Array.from({ length: n }, (_, i) => [`c${i}`, { calls: { hub: CALL } }])) });

const systems = fc.integer({ min: 1, max: 30 }).chain((count) =>
  fc.array(fc.record({ serves: fc.constantFrom("data", "gives", "passes"), drives: fc.option(fc.constantFrom("a", "b"), { nil: undefined }), calls: fc.array(fc.tuple(fc.nat(29), fc.constantFrom(CALL, GRANT, SEND)), { maxLength: 8 }) }), { minLength: count, maxLength: count }).map((all) =>
    Object.fromEntries(all.map(({ serves, drives, calls }, i): [string, Short] => [`c${i}`, { serves: serves as "data", ...(drives === undefined ? {} : { drives }), calls: Object.fromEntries(calls.flatMap(([to, rights]) => (i === 0 ? [] : [[`c${to % i}`, rights]]))) }])),
  ),
);

describe("PICTURE-CONTENTS", () => {
  test("001 of any system each capability is in one wire, those of broken ways are drawn, and islands part the boxes", () => {
    fc.assert(
      fc.property(systems, (parts) => {
        const claims = Object.keys(parts).slice(1).map((name) => noPath(name, "c0"));
        const system = shortSystem(parts, claims), picture = pictureOf(system), graph = authorityGraph(system);
        const told = picture.wires.flatMap(({ from, items }) => items.map(({ thing }) => `${from} ${thing}`));
        const there = graph.authorities.filter(({ holder, server }) => holder !== server).map(({ holder, thing }) => `${holder} ${thing}`);
        expect(told.toSorted()).toEqual(there.toSorted());
        expect(picture.wires.filter(({ folded, broken }) => folded && broken.length > 0)).toEqual([]);
        for (const [index, { broken }] of picture.claims.entries()) {
          for (const { by } of broken?.path ?? []) {
            if (by !== undefined) expect(picture.wires.find(({ from, items }) => from === by.holder && items.some(({ thing, broken }) => broken && thing === by.thing))?.broken).toContain(index);
          }
        }
        expect(picture.islands.flat().toSorted()).toEqual(picture.boxes.map(({ name }) => name).toSorted());
        const island = new Map(picture.islands.flatMap((names, i) => names.map((name) => [name, i])));
        for (const { from, to } of drawn(picture)) expect(island.get(from)).toBe(island.get(to));
        for (const members of picture.classes) expect(members).toEqual(worstCase(graph).membersOf(members[0]!));
      }),
      { numRuns: 200 },
    );
  });
  test("002 boxes say what they are, wires what goes along them, and the broken way is marked on both", () => {
    expect(shop.boxes.map(({ name, kind, broken }) => [name, kind, broken])).toEqual([
      ["blk", "hosted", [1]], ["log", "hosted", []], ["store", "hosted", [1]], ["web", "hosted", [1]], ["platform.blk0", "device", [1]], ["platform.uart0", "device", []],
    ]);
    expect(wire(shop, "web", "store")).toEqual({ from: "web", to: "store", items: [{ thing: "store.it", short: "it", rights: "[call]", broken: true }], toServer: false, toClient: true, folded: false, broken: [1] });
    expect(wire(shop, "web", "log")).toMatchObject({ toServer: false, toClient: false, broken: [] });
    expect(shop.classes).toEqual([["blk", "store", "web"]]);
    expect(shop.claims.map(({ broken }) => broken?.says)).toEqual([undefined, "web can come to hold platform.blk0.regs"]);
  });
  test("003 trust takes from the classes, and is marked; that of a claim beside it", () => {
    const trusting = pictureOf(shortSystem(SHOP, [noPath("web", "blk", "store")]), ["blk"]);
    expect(trusting.classes).toEqual([["store", "web"]]);
    expect(trusting.boxes.filter(({ trusted, trustedBy }) => trusted || trustedBy.length > 0).map(({ name, trusted, trustedBy }) => [name, trusted, trustedBy])).toEqual([["blk", true, []], ["store", false, [0]]]);
  });
  test("004 wires to one whom many hold are told in their boxes, but for those that break a claim", () => {
    expect(pictureOf(shortSystem(crowd(8))).wires.some(({ folded }) => folded)).toBe(false);
    const picture = pictureOf(shortSystem(crowd(9), [noPath("c4", "hub")]));
    expect(drawn(picture).map(({ from }) => from)).toEqual(["c4"]);
    expect(dotOf(picture)).toContain('"c3" [id="b4", label="c3\\nhosted\\n→ hub.it [call]"');
  });
  test("005 what two come to share without a capability between them has a wire of its own", () => {
    const parts: Record<string, Short> = { one: { serves: "data" }, two: { serves: "data", calls: { one: GRANT } }, a: { serves: "data", calls: { one: GRANT } }, b: { calls: { two: GRANT } }, c: { calls: { a: CALL } } };
    const picture = pictureOf(shortSystem(parts, [{ kind: "flows-only-via", from: "c", to: "b", via: [], trusting: [] }]));
    expect(wire(picture, "a", "b")).toEqual({ from: "a", to: "b", items: [], toServer: false, toClient: false, folded: false, broken: [0] });
  });
});

const found = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match[1] ?? "");

describe("PICTURE-SVG", () => {
  test("001 has a box for each and a curve for each wire, with rights; the broken way is red, and its claim said", async () => {
    const svg = svgOf(shop, await layoutOf(shop));
    expect(found(svg, /class="box [^"]*" data-box="([^"]*)"/g).toSorted()).toEqual(shop.boxes.map(({ name }) => name).toSorted());
    expect(found(svg, /data-wire="(\d+)"/g).map(Number).toSorted()).toEqual(shop.wires.map((_, i) => i));
    expect(found(svg, /class="wire[^"]* broken" data-wire="(\d+)"/g).map((i) => shop.wires[Number(i)]!.to).toSorted()).toEqual(["blk", "platform.blk0", "store"]);
    expect(svg).toContain(">it [call]</text>");
    expect(svg).toContain(">✗ 2  does not hold: no path from web to platform.blk0</text>");
    expect(svg).toContain(">✓ 1  no path from web to platform.uart0</text>");
  });
  test("002 is the same each time", async () => {
    expect(svgOf(shop, await layoutOf(shop))).toBe(svgOf(pictureOf(shortSystem(SHOP, CLAIMS)), await layoutOf(shop)));
  });
  test("003 of 200 components no two boxes lie on each other, and all is within the paper", async () => {
    const parts = Object.fromEntries(Array.from({ length: 200 }, (_, i): [string, Short] => [`c${i}`, { serves: i % 7 === 0 ? "gives" : "data", calls: Object.fromEntries([1, 3, 11].flatMap((back) => (i < back ? [] : [[`c${i - back}`, CALL]]))) }]));
    const layout = await layoutOf(pictureOf(shortSystem(parts)));
    const areas = [...layout.boxes.values()];
    expect(areas).toHaveLength(200);
    for (const [i, a] of areas.entries()) {
      // Graphviz writes two decimals.
      expect(Math.min(a.x, a.y, layout.width - a.x - a.width, layout.height - a.y - a.height)).toBeGreaterThan(-0.1);
      for (const b of areas.slice(i + 1)) expect(a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y).toBe(true);
    }
    expect(layout.width / layout.height).toBeLessThan(4);
  });
});

/** Names that a manifest cannot have: what draws must not rest on that. */
const HOSTILE = ['</script><script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "a\\", 'b"; x -> y; "', "<b>bold</b>", "&lt;i&gt;", "\u0000\u001b[31m\u202e", "]]><!--", "{a|b}", "\\N\\G", "\ud800", "__proto__x", "'"];
const hostileSystem = (): ReturnType<typeof shortSystem> => {
  const parts: Record<string, Short> = { hub: { serves: "gives" } };
  for (const name of HOSTILE) parts[name] = { serves: "gives", calls: { hub: GRANT } };
  for (const name of HOSTILE.slice(0, 8)) parts[`${name}2`] = { calls: { [name]: CALL, "</script><script>alert(1)</script>": CALL } };
  return { ...shortSystem(parts, HOSTILE.map((name) => noPath(name, "hub", "]]><!--"))), name: "</title><script>alert(2)</script>" };
};

describe("PICTURE-HOSTILE", () => {
  test("001 any text is escaped for text and attributes", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !/[<>"'\p{Cc}\p{Cs}]|&(?!#\d+;)/u.test(escaped(text))));
  });
  test("002 an SVG and a page have no elements and attributes but ours, whatever names say", async () => {
    const picture = pictureOf(hostileSystem()), layout = await layoutOf(picture);
    const page = pageOf(picture, layout);
    const facts = /<script type="application\/json" id="facts">([^<]*)<\/script>/.exec(page)?.[1] ?? "";
    for (const text of [svgOf(picture, layout), page.replace(facts, "").replace(PAGE_SCRIPT, "").replace(/<style>[^<]*<\/style>/, "")]) {
      const tags = text.replace("<!doctype html>", "").match(/<[^>]*>?/g) ?? [];
      for (const tag of tags) expect(tag).toMatch(/^<(\/?(svg|g|path|polygon|rect|text|title|style|html|head|meta|body|main|aside|h1|h2|p|input|section|script))( [a-z-]+(:[a-z]+)?="[^"<>]*")*\/?>$/i);
      expect(text).not.toMatch(/ on[a-z]+="/);
    }
    expect((JSON.parse(facts) as { boxes: { name: string }[] }).boxes.map(({ name }) => name)).toEqual(picture.boxes.map(({ name }) => name));
  });
  test("003 a page lets nothing run but its own script, and reaches nothing", async () => {
    const page = pageOf(shop, await layoutOf(shop));
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? "";
    const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
    const [style = "", ...styles] = found(page, /<style>([^<]*)<\/style>/g), scripts = found(page, /<script>([^]*?)<\/script>/g);
    expect([styles, scripts]).toEqual([[], [PAGE_SCRIPT]]);
    expect(policy).toBe(`default-src 'none'; style-src ${hash(style)}; script-src ${hash(PAGE_SCRIPT)}; base-uri 'none'; form-action 'none'`);
    expect(page.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:|url\(|@import| (src|href)=/);
    expect(PAGE_SCRIPT).not.toMatch(/innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function|<\//);
    expect(() => new Function(PAGE_SCRIPT)).not.toThrow();
  });
  test("004 Graphviz reads every name as it is, and makes no more of it", async () => {
    const picture = pictureOf(hostileSystem()), layout = await layoutOf(picture);
    expect([...layout.boxes.keys()].toSorted()).toEqual(picture.boxes.map(({ name }) => name).toSorted());
    expect(layout.wires.size).toBe(drawn(picture).length);
  });
  const dot = spawnSync("dot", ["-V"]).status === 0;
  test.skipIf(!dot).each([["a usual system", shop], ["hostile names", pictureOf(hostileSystem())], ["many", pictureOf(shortSystem(crowd(199)))]])("005 dot of Graphviz reads it: %s", (_, picture) => {
    const { status, stdout, stderr } = spawnSync("dot", ["-Tplain"], { input: dotOf(picture), encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout.match(/^node /gm)).toHaveLength(picture.boxes.length);
  });
});
