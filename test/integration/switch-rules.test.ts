// The switch's rules, stations and rates (servers/switch), compiled for this machine with sanitizers, against naive readings of the same.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { REASONS } from "../../servers/switch/protocol.ts";
import { runProgram } from "../support/fs-build.ts";

const FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
const SOURCES = ["servers/switch/rules.c", "servers/switch/stations.c", "servers/lib/c/src/rate.c", "servers/lib/c/src/addresses.c", "test/integration/switch-rules/host.c"];
const folder = mkdtempSync(join(tmpdir(), "bailiwick-switch-rules-"));
const program = join(folder, "rules");
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  const { status, output } = await runProgram("cc", [...FLAGS, "-Iservers/switch", "-Iservers/lib/c/include", ...SOURCES, "-o", program]);
  expect(output).toBe("");
  expect(status).toBe(0);
}, 180_000);

function ask(lines: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync(program, { input: `${lines.join("\n")}\n`, encoding: "latin1", maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${stderr}\n${lines.slice(-5).join("\n")}`);
  return stdout.trimEnd().split("\n");
}

type Verdict = "pass" | (typeof REASONS)[number];
const verdictOf = (number: string): Verdict => (number === "0" ? "pass" : REASONS[Number(number) - 1]!);

// Few of everything, so that rules and frames meet.
const OWN = 0x02_00_00_00_00_01, PEER = 0x02_00_00_00_00_02, GROUP = 0x01_00_5e_00_00_01, EVERYBODY = 0xff_ff_ff_ff_ff_ff;
const macs = fc.constantFrom(OWN, OWN, PEER, PEER, GROUP, EVERYBODY);
const address = fc.constantFrom(0, 0x0a00_0202, 0x0a00_0203, 0x0a00_020f, 0x0a01_0202, 0xffff_ffff);
const hosts = fc.record({ address, bits: fc.constantFrom(0, 8, 24, 31, 32, 32) });
type Hosts = { readonly address: number; readonly bits: number };
const port = fc.constantFrom(1, 53, 79, 80, 81, 65535);
const ports = fc.tuple(port, port).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);

interface Peer {
  readonly verb: "to" | "from";
  readonly protocol: "any" | "icmp" | "tcp" | "udp" | "arp";
  readonly hosts: Hosts;
  readonly ports: readonly [number, number];
}
interface Policy {
  readonly anyMac: boolean;
  readonly sources: readonly Hosts[];
  readonly peers: readonly Peer[];
}
const peer: fc.Arbitrary<Peer> = fc.record({ verb: fc.constantFrom("to", "from"), protocol: fc.constantFrom("any", "icmp", "tcp", "tcp", "udp", "udp", "arp"), hosts, ports });
const policy: fc.Arbitrary<Policy> = fc.record({ anyMac: fc.boolean(), sources: fc.array(hosts, { maxLength: 2 }), peers: fc.array(peer, { maxLength: 3 }) });

const dotted = (at: number): string => [24, 16, 8, 0].map((shift) => (at >>> shift) & 255).join(".");
const hostsText = ({ address: at, bits }: Hosts): string => (bits === 0 ? "*" : bits === 32 ? dotted(at) : `${dotted(at)}/${bits}`);
const portsText = ([from, to]: readonly [number, number]): string => (from === 1 && to === 65535 ? "*" : from === to ? `${from}` : `${from}-${to}`);
const linesOf = ({ anyMac, sources, peers }: Policy): string[] => [
  ...(anyMac ? ["mac any"] : []), ...sources.map((each) => `ip ${hostsText(each)}`),
  ...peers.map((p) => (p.protocol === "arp" ? `arp ${hostsText(p.hosts)}` : `${p.verb} ${hostsText(p.hosts)} ${p.protocol}${p.protocol === "tcp" || p.protocol === "udp" ? ` ${portsText(p.ports)}` : ""}`)),
];

/** What a frame says; `cut` bytes of its end are missing. */
interface Frame {
  readonly to: number;
  readonly from: number;
  readonly kind: "arp" | "ipv4" | "ipv6" | "vlan" | "none";
  readonly source: number;
  readonly target: number;
  readonly arp: { readonly operation: number; readonly sender: number; readonly hardware: number };
  readonly protocol: number;
  readonly sourcePort: number;
  readonly targetPort: number;
  /** TCP: SYN is 2, ACK 16. */
  readonly flags: number;
  readonly icmp: number;
  /** Flags and offset. */
  readonly fragment: number;
  readonly options: boolean;
  readonly cut: number;
}
const frame: fc.Arbitrary<Frame> = fc.record({
  to: macs, from: macs, kind: fc.constantFrom("arp", "arp", "ipv4", "ipv4", "ipv4", "ipv4", "ipv6", "vlan", "none"), source: address, target: address,
  arp: fc.record({ operation: fc.constantFrom(1, 1, 2, 2, 0, 3, 256), sender: macs, hardware: fc.constantFrom(1, 1, 1, 1, 6) }),
  protocol: fc.constantFrom(6, 6, 17, 17, 1, 47), sourcePort: port, targetPort: port, flags: fc.constantFrom(2, 16, 18, 0, 4, 0xff), icmp: fc.constantFrom(0, 3, 5, 8, 11, 12, 13),
  fragment: fc.constantFrom(0, 0, 0, 0x4000, 0x2000, 0x0001, 0x1fff), options: fc.constantFrom(false, false, false, false, true), cut: fc.constantFrom(0, 0, 0, 0, 1, 7, 12, 19, 30),
});

const bytes = (value: number, count: number): number[] => Array.from({ length: count }, (_, i) => Math.floor(value / 256 ** (count - 1 - i)) % 256);
const TYPES = { arp: 0x806, ipv4: 0x800, ipv6: 0x86dd, vlan: 0x8100, none: 0x88cc };
const payloadBytes = (f: Frame): number[] =>
  f.protocol === 6 ? [...bytes(f.sourcePort, 2), ...bytes(f.targetPort, 2), ...bytes(0, 8), 0x50, f.flags, ...bytes(0, 6)]
  : f.protocol === 17 ? [...bytes(f.sourcePort, 2), ...bytes(f.targetPort, 2), 0, 8, 0, 0]
  : f.protocol === 1 ? [f.icmp, ...bytes(0, 7)] : bytes(0, 12);
function encode(f: Frame): Uint8Array {
  const body = f.kind === "arp" ? [...bytes(f.arp.hardware, 2), 8, 0, 6, 4, ...bytes(f.arp.operation, 2), ...bytes(f.arp.sender, 6), ...bytes(f.source, 4), ...bytes(0, 6), ...bytes(f.target, 4)] : ipv4(f);
  const whole = [...bytes(f.to, 6), ...bytes(f.from, 6), ...bytes(TYPES[f.kind], 2), ...body];
  return Uint8Array.from(whole.slice(0, Math.max(14, whole.length - f.cut)));
}
function ipv4(f: Frame): number[] {
  const options = f.options ? [1, 1, 1, 1] : [], payload = payloadBytes(f);
  return [0x45 + options.length / 4, 0, ...bytes(20 + options.length + payload.length, 2), 0, 0, ...bytes(f.fragment, 2), 64, f.protocol, 0, 0, ...bytes(f.source, 4), ...bytes(f.target, 4), ...options, ...payload];
}

const under = (at: number, bits: number): number => Math.floor(at / 2 ** (32 - bits));
const within = (at: number, each: Hosts): boolean => under(at, each.bits) === under(each.address, each.bits);
const isGroup = (mac: number): boolean => Math.floor(mac / 2 ** 40) % 2 === 1;

/** Rules read once more, without bytes. */
function expected(p: Policy, direction: "send" | "receive", f: Frame): Verdict {
  const send = direction === "send";
  if (!p.anyMac && (send ? f.from !== OWN : !isGroup(f.to) && f.to !== OWN)) return "mac";
  if (p.sources.length === 0 && p.peers.length === 0) return "pass";
  if (f.kind === "arp") {
    const known = (at: number): boolean => p.peers.length === 0 || p.peers.some((each) => within(at, each.hosts));
    const mine = (at: number): boolean => p.sources.length === 0 || p.sources.some((each) => within(at, each));
    if (f.cut > 0 || f.arp.hardware !== 1 || (f.arp.operation !== 1 && f.arp.operation !== 2) || f.arp.sender !== f.from) return "arp";
    if (!send) return known(f.source) ? "pass" : "arp";
    const probe = f.arp.operation === 1 && f.source === 0;
    if (probe && !(p.sources.length === 0 || mine(f.target))) return "arp";
    if (!probe && !mine(f.source)) return "arp";
    if (p.sources.length > 0 && (probe || f.source === f.target)) return "pass";
    return known(f.target) ? "pass" : "arp";
  }
  if (f.kind !== "ipv4" || f.cut > 0) return "unknown";
  if (send && p.sources.length > 0 && !p.sources.some((each) => within(f.source, each))) return "source";
  if (p.peers.length === 0) return "pass";
  if (f.options) return "unknown";
  const other = send ? f.target : f.source;
  const fragment = f.fragment !== 0 && f.fragment !== 0x4000;
  const allowed = p.peers.filter((each) => within(other, each.hosts)).some((each) => {
    // From whom begins to whom was begun with.
    const forth = send === (each.verb === "to"), at = forth ? f.targetPort : f.sourcePort, has = each.ports[0] <= at && at <= each.ports[1];
    switch (each.protocol) {
      case "any": return true;
      case "arp": return false;
      case "tcp": return !fragment && f.protocol === 6 && has && (forth || (f.flags & 18) !== 2);
      case "udp": return !fragment && f.protocol === 17 && has;
      case "icmp": return !fragment && f.protocol === 1 && (forth ? [8] : [0, 3, 11, 12]).includes(f.icmp);
    }
  });
  return allowed ? "pass" : fragment ? "fragment" : "peer";
}

const hex = (b: Uint8Array): string => Buffer.from(b).toString("hex");
/** The first byte lowest. */
const own = Buffer.from(bytes(OWN, 6)).reverse().toString("hex");
const asked = (direction: "send" | "receive", b: Uint8Array): string => `f ${direction === "send" ? 0 : 1} ${own} ${hex(b)}`;

test("what goes through is what the rules say, each way, and why not is said", { timeout: 180_000 }, () => {
  const seen = new Map<Verdict, number>();
  fc.assert(
    fc.property(policy, fc.array(frame, { minLength: 30, maxLength: 60 }), (p, frames) => {
      const lines = linesOf(p);
      const said = ask(["n", ...lines.map((line) => `+ ${line}`), ...frames.flatMap((f) => [asked("send", encode(f)), asked("receive", encode(f))])]);
      expect(said.splice(0, lines.length + 1).slice(1).every((each) => each === "1")).toBe(true);
      for (const f of frames) {
        for (const direction of ["send", "receive"] as const) {
          const verdict = expected(p, direction, f);
          seen.set(verdict, (seen.get(verdict) ?? 0) + 1);
          expect([direction, f, verdictOf(said.shift()!)]).toEqual([direction, f, verdict]);
        }
      }
    }),
    { numRuns: 300 },
  );
  // Each was there often enough to be believed.
  for (const verdict of ["pass", "mac", "source", "arp", "peer", "unknown", "fragment"] as const) expect([verdict, (seen.get(verdict) ?? 0) > 100]).toEqual([verdict, true]);
});

test("noise, and good frames with a byte changed or their end missing, are looked at no further than they go", { timeout: 180_000 }, () => {
  const noise = fc.oneof(
    fc.uint8Array({ minLength: 14, maxLength: 80 }),
    fc.tuple(frame, fc.nat(), fc.nat(255)).map(([f, at, value]) => encode(f).map((byte, i, all) => (i === at % all.length ? value : byte))),
    fc.tuple(frame, fc.nat()).map(([f, at]) => { const all = encode(f); return all.slice(0, 14 + (at % (all.length - 13))); }),
  );
  fc.assert(fc.property(policy, fc.array(noise, { minLength: 50, maxLength: 100 }), (p, frames) => {
    const said = ask(["n", ...linesOf(p).map((line) => `+ ${line}`), ...frames.flatMap((b) => [asked("send", b), asked("receive", b)])]);
    expect(said).toHaveLength(1 + linesOf(p).length + 2 * frames.length);
  }), { numRuns: 100 });
});

test.each([
  "", " ", "mac", "mac own", "mac any ", "mac any more", "ip", "ip name", "ip 10.0.2", "ip 10.0.2.2/33", "ip 10.0.2.2 10.0.2.3", "ip  10.0.2.2", " ip 10.0.2.2", "to", "to *", "to * ", "to * tcp", "to * tcp 0", "to * tcp 80-79",
  "to * tcp 80 81", "to * icmp 8", "to * any 1", "to * arp", "to 10.0.2.2 sctp 80", "from example.org tcp 80", "arp", "arp *.*", "isolated yes", "isolate", "send", "send frames", "send frames 0", "send frames -1", "send frames 1099511627777",
  "send packets 5", "receive bytes 99999999999999999999999", "receive bytes 5 6", "monitor", "TO * any", "to\t* any", "all",
])("%j is no rule", (wrong) => expect(ask([`+ ${wrong}`])).toEqual(["0"]));

test("there are 8 lines of sources, 16 of peers, and one of each rate", () => {
  const lines = [...Array<string>(9).fill("ip 10.0.2.2"), ...Array<string>(17).fill("to * tcp 80"), "arp *", "send frames 5", "send frames 6", "send bytes 5", "receive frames 5", "receive bytes 1099511627776", "isolated", "isolated"];
  expect(ask(lines.map((line) => `+ ${line}`)).join("")).toBe(`${"1".repeat(8)}0${"1".repeat(16)}00${"10111"}11`);
});

// Stations: the same, by a list that is read from the end.
test("a station is where it was first heard until it is silent for long; a place has its share, and only its own are driven out", { timeout: 180_000 }, () => {
  const EACH = 64, NS = 300_000_000_000;
  type Step = { readonly kind: "heard" | "asked" | "forgotten"; readonly mac: number; readonly place: number; readonly wait: number };
  const step: fc.Arbitrary<Step> = fc.record({ kind: fc.constantFrom("heard", "heard", "heard", "heard", "asked", "forgotten"), mac: fc.nat(150), place: fc.constantFrom(0, 0, 0, 0, 1, 13), wait: fc.oneof({ weight: 200, arbitrary: fc.constant(1) }, { weight: 8, arbitrary: fc.constant(NS / 50) }, { weight: 1, arbitrary: fc.constant(NS) }) });
  let refused = 0, driven = 0;
  fc.assert(fc.property(fc.array(step, { minLength: 400, maxLength: 800 }), (steps) => {
    const shares = new Map<number, { mac: number; heard: number }[]>([[0, []], [1, []], [13, []]]);
    let now = 0;
    const placeOf = (mac: number) => [...shares].find(([, share]) => share.some((each) => each.mac === mac && now - each.heard < NS))?.[0] ?? -1;
    const lines: string[] = [], answers: string[] = [];
    for (const { kind, mac, place, wait } of steps) {
      now += wait;
      if (kind === "asked") { lines.push(`p ${mac} ${now}`); answers.push(String(placeOf(mac))); continue; }
      // Seldom, else no share is ever full.
      if (kind === "forgotten") { if (mac > 2) continue; lines.push(`x ${place}`); answers.push("forgotten"); shares.set(place, []); continue; }
      const known = placeOf(mac), share = shares.get(place)!, mine = known === -1 || known === place;
      refused += mine ? 0 : 1;
      if (mine) {
        const at = share.findIndex((each) => each.mac === mac);
        if (at >= 0) share.splice(at, 1);
        if (share.length === EACH) { driven++; share.shift(); }
        share.push({ mac, heard: now });
      }
      lines.push(`h ${mac} ${place} ${now}`);
      answers.push(mine ? "1" : "0");
    }
    expect(ask(lines)).toEqual(answers);
  }), { numRuns: 150 });
  expect([refused > 1000, driven > 1000]).toEqual([true, true]);
});

test("in no second passes more than a second's and an eighth's worth, and what keeps to the rate is never stopped", { timeout: 180_000 }, () => {
  const SECOND = 1_000_000_000;
  fc.assert(fc.property(fc.constantFrom(1, 7, 100, 12_345, 1_000_000), fc.array(fc.record({ count: fc.integer({ min: 1, max: 1514 }), wait: fc.constantFrom(0, 0, 0, 1, 1000, 1_000_000, 200_000_000, 3 * SECOND) }), { minLength: 100, maxLength: 300 }), (per, items) => {
    let now = 0;
    const times = items.map(({ count, wait }) => ({ count, at: (now += wait) }));
    const said = ask([`r ${per}`, ...times.map(({ count, at }) => `t ${count} 1514 ${at}`)]).slice(1);
    const passed = times.filter((_, i) => said[i] === "1");
    for (const [i, { at }] of passed.entries()) {
      const sum = passed.slice(i).filter((each) => each.at < at + SECOND).reduce((all, { count }) => all + count, 0);
      expect(sum).toBeLessThanOrEqual(per + Math.max(per / 8, 1514) + 1);
    }
    expect(said[0]).toBe("1");
    const steady = Array.from({ length: 50 }, (_, i) => `t 1000 1514 ${Math.ceil((i * 1000 * SECOND) / per)}`);
    expect(ask([`r ${per}`, ...steady]).slice(1)).toEqual(steady.map(() => "1"));
  }), { numRuns: 100 });
  expect(ask(["r 0", "t 1514 1514 0", "t 1514 1514 0"]).slice(1)).toEqual(["1", "1"]);
});
