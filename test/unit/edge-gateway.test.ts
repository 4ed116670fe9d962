// What examples/edge-gateway lets pass, both ways, and why it refuses the rest: the pure parts of its firewall.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseFrame } from "../../examples/edge-gateway/frame.ts";
import { Refusals } from "../../examples/edge-gateway/refusals.ts";
import { Gate, type Verdict } from "../../examples/edge-gateway/rules.ts";
import { runs } from "../model/runs.ts";
import { arpReply, arpRequest, BROADCAST, ethernet, FLAG, icmpEcho, ipv4, type Mac, PROTOCOL, tcp, udp } from "../support/frames.ts";

const OWN: Mac = [2, 0, 0, 0, 0, 15], OTHER: Mac = [2, 0, 0, 0, 0, 16], ROUTER: Mac = [82, 85, 10, 0, 2, 2], GUEST = "10.0.2.15", HOST = "10.0.2.2", ELSEWHERE = "10.0.2.3";
const ARGS = { mac: "02:00:00:00:00:0f", address: GUEST, router: HOST, allow: ["tcp 10.0.2.2:8000", "udp 192.0.2.53:53"] };

interface Side {
  readonly from?: string;
  readonly to?: string;
  readonly mac?: Mac;
  readonly fromPort?: number;
  readonly toPort?: number;
  readonly flags?: number;
}
const segment = (flags: number, fromPort: number, toPort: number) => ({ fromPort, toPort, sequence: 1, acknowledged: 0, flags, data: Uint8Array.of(1, 2, 3) });
const tcpOut = ({ from = GUEST, to = HOST, mac = OWN, fromPort = 4000, toPort = 8000, flags = FLAG.syn }: Side = {}): Uint8Array => ethernet(ROUTER, mac, 0x800, ipv4(PROTOCOL.tcp, from, to, tcp(from, to, segment(flags, fromPort, toPort))));
const tcpIn = ({ from = HOST, to = GUEST, mac = OWN, fromPort = 8000, toPort = 4000, flags = FLAG.syn | FLAG.ack }: Side = {}): Uint8Array => ethernet(mac, ROUTER, 0x800, ipv4(PROTOCOL.tcp, from, to, tcp(from, to, segment(flags, fromPort, toPort))));
const udpOut = ({ from = GUEST, to = "192.0.2.53", mac = OWN, fromPort = 5000, toPort = 53 }: Side = {}): Uint8Array => ethernet(ROUTER, mac, 0x800, ipv4(PROTOCOL.udp, from, to, udp(from, to, fromPort, toPort, [1, 2])));
const udpIn = ({ from = "192.0.2.53", to = GUEST, fromPort = 53, toPort = 5000 }: Side = {}): Uint8Array => ethernet(OWN, ROUTER, 0x800, ipv4(PROTOCOL.udp, from, to, udp(from, to, fromPort, toPort, [1, 2])));
const dhcp = (operation: number, { mac = OWN, gives = GUEST, number = 77, cookie = 0x63 } = {}): number[] =>
  [operation, 1, 6, 0, 0, 0, 0, number, ...new Array<number>(8).fill(0), ...gives.split(".").map(Number), ...new Array<number>(8).fill(0), ...mac, ...new Array<number>(202).fill(0), cookie, 0x82, 0x53, 0x63, 255];
const dhcpOut = (data = dhcp(1), { from = "0.0.0.0", to = "255.255.255.255" }: Side = {}): Uint8Array => ethernet(BROADCAST, OWN, 0x800, ipv4(PROTOCOL.udp, from, to, udp(from, to, 68, 67, data)));
const dhcpIn = (data = dhcp(2), { from = HOST, to = GUEST }: Side = {}): Uint8Array => ethernet(OWN, ROUTER, 0x800, ipv4(PROTOCOL.udp, from, to, udp(from, to, 67, 68, data)));

const changed = (frame: Uint8Array, at: number, ...bytes: number[]): Uint8Array => {
  const copy = frame.slice();
  copy.set(bytes, at);
  return copy;
};
const why = (verdict: Verdict): string => ("refused" in verdict ? verdict.refused : "passes");
/** As the firewall does it: what begins is written down, then it has begun. */
function send(gate: Gate, frame: Uint8Array): Verdict {
  const verdict = gate.outgoing(frame);
  if (!("refused" in verdict) && verdict.begins !== undefined) gate.begin(verdict.pass);
  return verdict;
}
const opened = (): Gate => {
  const gate = new Gate(ARGS);
  for (const frame of [tcpOut(), udpOut(), dhcpOut()]) expect(why(send(gate, frame))).toBe("passes");
  return gate;
};

describe("what the guest sends", () => {
  test.each<[string, Uint8Array, string]>([
    ["a connection that a rule names", tcpOut(), "passes"],
    ["a datagram that a rule names", udpOut(), "passes"],
    ["another port", tcpOut({ toPort: 22 }), "tcp 10.0.2.2:22"],
    ["another host", tcpOut({ to: ELSEWHERE }), "tcp 10.0.2.3:8000"],
    ["the same by the other protocol", udpOut({ to: HOST, toPort: 8000 }), "udp 10.0.2.2:8000"],
    ["the middle of no connection", tcpOut({ flags: FLAG.ack }), "tcp 10.0.2.2:8000, of no connection"],
    ["another's card", tcpOut({ mac: OTHER }), "speaks as 02:00:00:00:00:10"],
    ["another's address", tcpOut({ from: "10.0.2.99" }), "speaks as 10.0.2.99"],
    ["a ping", ethernet(ROUTER, OWN, 0x800, ipv4(PROTOCOL.icmp, GUEST, HOST, icmpEcho(1, 1, []))), "icmp 10.0.2.2"],
    ["another protocol of IP", ethernet(ROUTER, OWN, 0x800, ipv4(47, GUEST, HOST, [])), "IP protocol 47 10.0.2.2"],
    ["IPv6", ethernet(ROUTER, OWN, 0x86dd, new Array<number>(60).fill(0)), "IPv6"],
    ["a VLAN tag", ethernet(ROUTER, OWN, 0x8100, [0, 1, 8, 0, ...ipv4(PROTOCOL.tcp, GUEST, HOST, [])]), "a VLAN tag"],
    ["a length for a type", ethernet(ROUTER, OWN, 38, new Array<number>(38).fill(0)), "Ethernet type 0026"],
    ["ARP for a host that a rule names", arpRequest(OWN, GUEST, "192.0.2.53"), "passes"],
    ["ARP for the router", arpRequest(OWN, GUEST, HOST), "passes"],
    ["ARP for another", arpRequest(OWN, GUEST, ELSEWHERE), "ARP for 10.0.2.3"],
    ["ARP that speaks for the router", arpReply(OWN, HOST, ROUTER, HOST), "ARP that speaks for 10.0.2.2"],
    ["ARP with another's card in it", ethernet(BROADCAST, OWN, 0x806, [...arpRequest(OTHER, GUEST, HOST).subarray(14)]), "ARP that speaks for 10.0.2.15"],
    ["ARP of another kind", changed(arpRequest(OWN, GUEST, HOST), 21, 3), "ARP that is none"],
    ["half of ARP", arpRequest(OWN, GUEST, HOST).subarray(0, 41), "ARP that is cut short"],
    ["asking for its address", dhcpOut(), "passes"],
    ["asking for it from another", dhcpOut(dhcp(1), { to: ELSEWHERE }), "DHCP that is none"],
    ["asking for another's address", dhcpOut(dhcp(1, { mac: OTHER })), "DHCP that is none"],
    ["answering as DHCP's server", dhcpOut(dhcp(2)), "DHCP that is none"],
    ["anything else on DHCP's ports", dhcpOut([1, 2, 3]), "DHCP that is none"],
    ["BOOTP without DHCP", dhcpOut(dhcp(1, { cookie: 0x64 })), "DHCP that is none"],
  ])("%s", (_, frame, verdict) => expect(why(new Gate(ARGS).outgoing(frame))).toBe(verdict));

  test.each<[string, Uint8Array, string]>([
    ["options", changed(tcpOut(), 14, 0x46), "IPv4 with options, or none"], ["version 6 in IPv4's place", changed(tcpOut(), 14, 0x65), "IPv4 with options, or none"],
    ["more fragments", changed(tcpOut(), 20, 0x20, 0), "a fragment"], ["a later fragment", changed(tcpOut(), 20, 0, 1), "a fragment"], ["the reserved flag", changed(tcpOut(), 20, 0x80, 0), "a fragment"],
    ["a length beyond the frame", changed(tcpOut(), 16, 0, 44), "IPv4 that is cut short"], ["a length below the header", changed(tcpOut(), 16, 0, 19), "IPv4 that is cut short"],
    ["half a header", tcpOut().subarray(0, 33), "IPv4 that is cut short"], ["half of TCP", changed(tcpOut(), 16, 0, 39), "tcp that is cut short"],
    ["a header of TCP beyond its end", changed(tcpOut(), 46, 0x60), "tcp that is cut short"], ["a header of TCP that is none", changed(tcpOut(), 46, 0x40), "tcp that is cut short"],
    ["a length of UDP that is another", changed(udpOut(), 39, 11), "udp that is cut short"],
  ])("with %s is refused", (_, frame, verdict) => expect(why(new Gate(ARGS).outgoing(frame))).toBe(verdict));

  test("ends where its packet ends: nothing rides in the padding", () => {
    const frame = tcpOut(), longer = Uint8Array.from([...frame, 1, 2, 3]);
    expect(new Gate(ARGS).outgoing(longer)).toEqual({ pass: frame, begins: "tcp 10.0.2.2:8000" });
    expect(new Gate(ARGS).outgoing(Uint8Array.from([...arpRequest(OWN, GUEST, HOST), 9, 9]))).toEqual({ pass: arpRequest(OWN, GUEST, HOST) });
  });

  test("begins once, and is a connection from then on", () => {
    const gate = new Gate(ARGS);
    expect(send(gate, tcpOut())).toHaveProperty("begins", "tcp 10.0.2.2:8000");
    expect(send(gate, tcpOut({ flags: FLAG.ack }))).toEqual({ pass: tcpOut({ flags: FLAG.ack }) });
    expect(why(send(gate, tcpOut({ flags: FLAG.ack, fromPort: 4001 })))).toBe("tcp 10.0.2.2:8000, of no connection");
    expect([send(gate, udpOut()), send(gate, udpOut())].map((verdict) => "begins" in verdict)).toEqual([true, false]);
    // What has not been written down has not begun.
    const other = new Gate(ARGS);
    other.outgoing(tcpOut());
    expect(why(other.incoming(tcpIn()))).toBe("tcp from 10.0.2.2:8000, not asked for");
  });
});

describe("what comes", () => {
  test.each<[string, Uint8Array, string]>([
    ["an answer", tcpIn(), "passes"], ["more of it", tcpIn({ flags: FLAG.ack }), "passes"], ["a datagram's answer", udpIn(), "passes"],
    ["a connection from there", tcpIn({ flags: FLAG.syn }), "tcp from 10.0.2.2:8000, not asked for"],
    ["an answer to another port", tcpIn({ toPort: 4001 }), "tcp from 10.0.2.2:8000, not asked for"],
    ["from another port", tcpIn({ fromPort: 80 }), "tcp from 10.0.2.2:80, not asked for"],
    ["from another host", tcpIn({ from: ELSEWHERE }), "tcp from 10.0.2.3:8000, not asked for"],
    ["a datagram that nobody asked for", udpIn({ toPort: 5001 }), "udp from 192.0.2.53:53, not asked for"],
    ["for another address", tcpIn({ to: ELSEWHERE }), "tcp from 10.0.2.2:8000, for 10.0.2.3"],
    ["for another's card", tcpIn({ mac: OTHER }), "is for 02:00:00:00:00:10"],
    ["for a group", tcpIn({ mac: [1, 0, 94, 0, 0, 1] }), "is for 01:00:5e:00:00:01"],
    ["a ping", ethernet(OWN, ROUTER, 0x800, ipv4(PROTOCOL.icmp, HOST, GUEST, icmpEcho(1, 1, []))), "icmp 10.0.2.15"],
    ["IPv6", ethernet(OWN, ROUTER, 0x86dd, new Array<number>(60).fill(0)), "IPv6"],
    ["ARP's answer", arpReply(ROUTER, HOST, OWN, GUEST), "passes"], ["ARP that asks", arpRequest(ROUTER, HOST, GUEST), "passes"],
    ["ARP for another", arpRequest(ROUTER, HOST, ELSEWHERE), "ARP for 10.0.2.3"],
    ["ARP of a stranger", arpRequest(ROUTER, ELSEWHERE, GUEST), "ARP that speaks for 10.0.2.3"],
    ["ARP that speaks for the guest", arpReply(ROUTER, GUEST, OWN, GUEST), "ARP that speaks for 10.0.2.15"],
    ["ARP for another card than the one it comes from", ethernet(OWN, OTHER, 0x806, [...arpReply(ROUTER, HOST, OWN, GUEST).subarray(14)]), "ARP that speaks for 10.0.2.2"],
    ["its address", dhcpIn(), "passes"], ["its address, to all", dhcpIn(dhcp(2), { to: "255.255.255.255" }), "passes"],
    ["another address for it", dhcpIn(dhcp(2, { gives: ELSEWHERE })), "DHCP that gives 10.0.2.3"],
    ["its address, from a stranger", dhcpIn(dhcp(2), { from: ELSEWHERE }), "DHCP that was not asked for"],
    ["its address, with another number", dhcpIn(dhcp(2, { number: 78 })), "DHCP that was not asked for"],
    ["another's address", dhcpIn(dhcp(2, { mac: OTHER })), "DHCP that was not asked for"], ["a question", dhcpIn(dhcp(1)), "DHCP that was not asked for"],
  ])("%s", (_, frame, verdict) => expect(why(opened().incoming(frame))).toBe(verdict));

  test("is nothing before the guest has sent anything", () => {
    for (const frame of [tcpIn(), tcpIn({ flags: FLAG.ack }), udpIn(), dhcpIn()]) expect(why(new Gate(ARGS).incoming(frame))).toMatch(/not asked for$/);
  });

  test("of the 513th connection ago is forgotten, of the one that is used is not", () => {
    const gate = opened();
    for (let i = 0; i < 600; i++) {
      send(gate, tcpOut({ fromPort: 10_000 + i }));
      expect(why(gate.incoming(tcpIn()))).toBe("passes");
    }
    expect(why(gate.incoming(tcpIn({ toPort: 10_599 })))).toBe("passes");
    for (const frame of [tcpIn({ toPort: 10_000 }), udpIn()]) expect(why(gate.incoming(frame))).toMatch(/not asked for$/);
  });
});

test("frames of any bytes are looked at to their end and no further, and what passes is the guest's own", () => {
  const good = [tcpOut(), udpOut(), dhcpOut(), arpRequest(OWN, GUEST, HOST), tcpIn(), dhcpIn()];
  const spoilt = fc.tuple(fc.constantFrom(...good), fc.array(fc.tuple(fc.nat(70), fc.nat(255)), { maxLength: 4 }), fc.integer({ min: 14, max: 70 })).map(([frame, bytes, length]) => {
    const copy = frame.slice(0, Math.max(14, length));
    for (const [at, byte] of bytes) if (at < copy.length) copy[at] = byte;
    return copy;
  });
  const any = fc.oneof(spoilt, fc.uint8Array({ minLength: 14, maxLength: 1514 }));
  fc.assert(
    fc.property(any, (frame) => {
      for (const [gate, outwards] of [[new Gate(ARGS), true], [opened(), false]] as const) {
        const verdict = outwards ? gate.outgoing(frame) : gate.incoming(frame);
        if ("refused" in verdict) {
          expect(verdict.refused).toMatch(/^[ -~]{1,100}$/);
          continue;
        }
        expect(parseFrame(verdict.pass)).toMatchObject({ whole: verdict.pass });
        if (outwards) expect([...verdict.pass.subarray(6, 12)]).toEqual(OWN);
      }
    }),
    runs(2000),
  );
});

describe("the rules", () => {
  test.each([
    [{ allow: undefined }, "args.allow"], [{ allow: "tcp 10.0.2.2:8000" }, "args.allow"], [{ allow: [1] }, "args.allow"], [{ allow: ["tcp 10.0.2.2"] }, "args.allow"], [{ allow: ["icmp 10.0.2.2:1"] }, "args.allow"],
    [{ allow: ["tcp 10.0.2.2:0"] }, "args.allow"], [{ allow: ["tcp 10.0.2.2:65536"] }, "args.allow"], [{ allow: ["tcp 10.0.2:80"] }, "args.allow"], [{ allow: ["tcp 10.0.2.256:80"] }, "args.allow"],
    [{ allow: [" tcp 10.0.2.2:80"] }, "args.allow"], [{ mac: undefined }, "args.mac"], [{ mac: "01:00:00:00:00:0f" }, "args.mac"], [{ mac: "00:00:00:00:00:0f" }, "args.mac"], [{ mac: "02:00:00:00:00" }, "args.mac"],
    [{ address: "10.0.2.015" }, "args.address"], [{ address: 5 }, "args.address"], [{ router: undefined }, "args.router"],
  ])("%j are none", (wrong, name) => expect(() => new Gate({ ...ARGS, ...wrong })).toThrow(name));
  test("there are some", () => expect(() => new Gate(null)).toThrow("args.allow"));
});

test("a refusal is said the first time, and each time that it has been twice as often", () => {
  const refusals = new Refusals(), said = Array.from({ length: 100 }, () => refusals.count("a")).filter((times) => times > 0);
  expect(said).toEqual([1, 2, 4, 8, 16, 32, 64]);
  // Those that are known are bounded.
  for (let i = 0; i < 255; i++) expect(refusals.count(`b${i}`)).toBe(1);
  expect(refusals.count("a")).toBe(0);
  expect([refusals.count("new"), refusals.count("a")]).toEqual([1, 1]);
});
