// The network server's rules (servers/net/rules.c), compiled for this machine with sanitizers, against a naive reading of the same lines.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runProgram } from "../support/fs-build.ts";

const FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
const folder = mkdtempSync(join(tmpdir(), "bailiwick-net-rules-"));
const program = join(folder, "rules");
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  const { status, output } = await runProgram("cc", [...FLAGS, "-Iservers/net", "-Iservers/lib/c/include", "servers/net/rules.c", "servers/lib/c/src/addresses.c", "test/integration/net-rules/host.c", "-o", program]);
  expect(output).toBe("");
  expect(status).toBe(0);
}, 180_000);

function ask(lines: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync(program, { input: `${lines.join("\n")}\n`, encoding: "latin1" });
  if (status !== 0) throw new Error(`${stderr}\n${lines.join("\n")}`);
  return stdout.trimEnd().split("\n");
}

const KINDS = { connect: 0, listen: 1, udpPeer: 2, udpOwn: 3, ping: 4 } as const;
interface Rule {
  readonly kind: number;
  readonly from: number;
  readonly to: number;
  readonly name?: string;
  readonly address: number;
  readonly bits: number;
}
const text = (address: number): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
const line = ({ kind, from, to, name, address, bits }: Rule): string => {
  const ports = from === 1 && to === 65535 ? "*" : from === to ? `${from}` : `${from}-${to}`;
  const host = name ?? (bits === 0 ? "*" : bits === 32 ? text(address) : `${text(address)}/${bits}`);
  if (kind === KINDS.ping) return `ping ${host}`;
  return kind === KINDS.listen ? `listen ${ports}` : kind === KINDS.udpOwn ? `udp ${ports}` : `${kind === KINDS.connect ? "connect" : "udp"} ${host}:${ports}`;
};

// Few addresses, names and ports, so that rules and questions meet.
const port = fc.constantFrom(1, 2, 79, 80, 81, 443, 65534, 65535);
const address = fc.tuple(fc.constantFrom(10, 11, 192), fc.constantFrom(0, 1, 128), fc.constantFrom(2, 3), fc.constantFrom(1, 2, 15, 255)).map(([a, b, c, d]) => ((a << 24) | (b << 16) | (c << 8) | d) >>> 0);
const name = fc.constantFrom("a.test", "b.test", "test");
const NO_PORT = { from: 0, to: 0 };
const HAS_NAMES = new Set<number>([KINDS.connect, KINDS.ping]);
const rule: fc.Arbitrary<Rule> = fc
  .record({ kind: fc.constantFrom(0, 0, 1, 2, 3, 4, 4), a: port, b: port, name: fc.option(name, { nil: undefined }), address, bits: fc.constantFrom(0, 1, 8, 16, 24, 31, 32, 32) })
  .map(({ kind, a, b, name: named, address: at, bits }) => ({ kind, ...(kind === KINDS.ping ? NO_PORT : { from: Math.min(a, b), to: Math.max(a, b) }), address: at, bits, ...(named === undefined || !HAS_NAMES.has(kind) ? {} : { name: named }) }));
const under = (at: number, bits: number): number => Math.floor(at / 2 ** (32 - bits));

const allowsPort = (rules: readonly Rule[], kind: number, at: number) => rules.some((r) => r.kind === kind && r.from <= at && at <= r.to);
const allowsAddress = (rules: readonly Rule[], kind: number, host: number, at: number) => rules.some((r) => r.kind === kind && r.name === undefined && under(host, r.bits) === under(r.address, r.bits) && r.from <= at && at <= r.to);
const allowsName = (rules: readonly Rule[], kind: number, host: string, at: number) => rules.some((r) => r.kind === kind && (r.name === host || (r.name === undefined && r.bits === 0)) && (at === 0 || (r.from <= at && at <= r.to)));

test("what is asked is allowed exactly when a rule says so, and what is within other rules allows no more than they do", { timeout: 180_000 }, () => {
  const questions = fc.array(fc.record({ kind: fc.constantFrom(0, 1, 2, 3), ping: fc.boolean(), address, name, port: fc.oneof(port, fc.constant(0)) }), { minLength: 20, maxLength: 40 });
  // Any rule, or less of one that is there, or a little more.
  const narrower: fc.Arbitrary<(outer: readonly Rule[]) => Rule> = fc.record({ rule, of: fc.nat(), own: fc.integer({ min: 0, max: 3 }), bits: fc.constantFrom(-1, 0, 0, 8, 32) }).map(({ rule: any, of, own, bits }) => (outer) => {
    const model = outer[of % Math.max(outer.length, 1)];
    return own === 0 || model === undefined ? any : { ...model, to: model.kind === KINDS.ping ? 0 : Math.max(model.from, model.to - own + 1), bits: Math.min(32, Math.max(0, model.bits + bits)) };
  });
  type Question = { readonly kind: number; readonly ping: boolean };
  const hosts = ({ kind, ping }: Question): number => (ping ? KINDS.ping : kind & 2), names = ({ ping }: Question): number => (ping ? KINDS.ping : KINDS.connect);
  let within = 0;
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 6 }), fc.array(narrower, { maxLength: 2 }), questions, (outer, derive, asked) => {
      const inner = derive.map((each) => each(outer));
      const said = ask([
        ...outer.map((r) => `0 ${line(r)}`), ...inner.map((r) => `1 ${line(r)}`), "w x",
        ...asked.flatMap((q) => [`a ${hosts(q)} ${q.address} ${q.port}`, `p ${q.kind} ${q.port}`, `n ${names(q)} ${q.name} ${q.port}`, `n ${names(q)} ${q.name} 0`]),
      ]);
      expect(said.splice(0, outer.length + inner.length).every((answer) => answer === "1")).toBe(true);
      const isWithin = said.shift() === "1";
      within += isWithin && inner.length > 0 ? 1 : 0;
      for (const q of asked) {
        for (const expected of [[outer, inner].map((r) => allowsAddress(r, hosts(q), q.address, q.port)), [outer, inner].map((r) => allowsPort(r, q.kind, q.port)), [outer, inner].map((r) => allowsName(r, names(q), q.name, q.port)), [outer, inner].map((r) => allowsName(r, names(q), q.name, 0))]) {
          const found = said.shift()!;
          expect(found).toBe(expected.map(Number).join(" "));
          if (isWithin) expect(found).not.toBe("0 1");
        }
      }
    }),
    { numRuns: 250 },
  );
  // It is not always no.
  expect(within).toBeGreaterThan(10);
});

test.each([
  "", "connect", "connect ", "connect 10.0.2.2", "connect 10.0.2.2:", "connect :80", "udp :80", "connect 10.0.2.2:0", "connect 10.0.2.2:65536", "connect 10.0.2.2:90-80", "connect 10.0.2.2:80-", "connect 10.0.2.256:80", "connect 10.0.2:80",
  "connect 010.0.2.2:80", "connect 10.0.2.2/33:80", "connect 10.0.2.2/:80", "connect a..b:80", "connect .a:80", "connect a b:80", "connect a:80 ", "connect  a:80", "connect 1.2.3.4.5:80", "connect *.a:80", `connect ${"a".repeat(64)}:80`,
  `connect ${"abc.".repeat(80)}x:80`, "listen", "listen a", "listen 10.0.2.2:80", "listen 1-2-3", "udp name:53", "udp", "udp 10.0.2.2", "ping", "ping ", "ping 10.0.2.2:80", "ping 10.0.2.2:*", "ping 10.0.2", "ping a b", "ping a..b", "pin 10.0.2.2", "al", "all ", "ALL", "connect:10.0.2.2:80", "send 10.0.2.2:80",
])("%j is no rule", (wrong) => expect(ask([`0 ${wrong}`])).toEqual(["0"]));

test("hosts are addresses, or names in small letters", () => {
  expect(ask(["h 10.0.2.2", "h Example.ORG", "h example.org.", "h 1.2.3", "h 255.255.255.255", "h a_b-c.d", "h ", "h .", "h 1234", "h 0x7f.1"])).toEqual([
    "address 167772674", "name example.org", "name example.org", "none", "address 4294967295", "name a_b-c.d", "none", "none", "none", "name 0x7f.1",
  ]);
});

test("'all' is five rules, of eight that there may be; what does not fit adds nothing", () => {
  expect(ask(["0 all", "0 listen 1", "0 all", "0 listen 1", "0 ping *", "0 ping *", "1 listen 1", "1 listen 2", "1 listen 3", "1 ping a.test", "1 all", "p 3 5", "n 4 b.test 0", "w x"])).toEqual([
    "1", "1", "0", "1", "1", "0", "1", "1", "1", "1", "0", "1 0", "1 0", "1",
  ]);
});

test("any text is a rule or none, and nothing is read beyond it", { timeout: 180_000 }, () => {
  const words = fc.array(fc.oneof(fc.constantFrom("connect ", "udp ", "listen ", "ping ", "all", "10.0.2.2", "/", "24", ":", "80", "-", "*", ".", "a", "\t", "\u00ff"), fc.string({ maxLength: 3 })), { maxLength: 12 }).map((all) => all.join("").replace(/[\n\0]/g, "").replace(/[^\0-\u00ff]/g, "?"));
  fc.assert(fc.property(fc.array(words, { minLength: 1, maxLength: 60 }), (texts) => void expect(ask(texts.map((each, i) => `${i % 2} ${each}`))).toHaveLength(texts.length)), { numRuns: 100 });
});
