// bailiwick run --capture: what goes over a network, in a file; and what our own reading of it, and tcpdump's, finds in what stack, driver and card made.
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSocket } from "node:dgram";
import { afterAll, describe, expect, test } from "vitest";
import { pcapHeader, pcapRecord, watchFrames } from "../../core/host/pcap.ts";
import { openUserNet } from "../../core/host/user-net.ts";
import { userNetHelper } from "../../servers/operator/networks.ts";
import { applianceFolder, runAppliance, until } from "../support/appliance-run.ts";
import { bailiwick } from "../support/command-line.ts";
import { parse, type Parsed, PROTOCOL } from "../support/frames.ts";
import { freePorts } from "../support/ports.ts";
import { describeCapture, describeFrames, hasTcpdump, isWrong } from "../support/tcpdump.ts";

const LIMIT = { timeout: 180_000 };
const folder = mkdtempSync(join(tmpdir(), "bailiwick-capture-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);
const source = (...path: string[]): string => readFileSync(join(...path), "utf8");

function helper(): string | undefined {
  try {
    return userNetHelper();
  } catch {
    return undefined;
  }
}
const HELPER = helper();

interface Captured {
  readonly ms: number;
  readonly frame: Uint8Array;
  readonly parsed: Parsed;
}

/** The file's frames. @throws when it is not whole, or a checksum in one is wrong */
function readCapture(path: string): Captured[] {
  const bytes = readFileSync(path), found: Captured[] = [];
  expect([bytes.readUInt32LE(0), bytes.readUInt16LE(4), bytes.readUInt16LE(6), bytes.readUInt32LE(16), bytes.readUInt32LE(20)]).toEqual([0xa1b2_3c4d, 2, 4, 1514, 1]);
  for (let at = 24; at < bytes.length; ) {
    const [seconds, ns, length, original] = [0, 4, 8, 12].map((offset) => bytes.readUInt32LE(at + offset)) as [number, number, number, number];
    expect([length, ns < 1e9]).toEqual([original, true]);
    const frame = Uint8Array.from(bytes.subarray(at + 16, at + 16 + length));
    if (frame.length !== length) throw new Error("the file is cut short");
    found.push({ ms: seconds * 1000 + ns / 1e6, frame, parsed: parse(frame) });
    at += 16 + length;
  }
  return found;
}

/** The same number of frames for tcpdump, and none of them wrong; where it is. */
function readByTcpdump(path: string, count: number, ...says: readonly RegExp[]): void {
  if (!hasTcpdump()) return;
  const lines = describeCapture(readFileSync(path));
  expect(lines).toHaveLength(count);
  expect(lines.filter(isWrong)).toEqual([]);
  for (const what of says) expect(lines.some((line) => what.test(line)), String(what)).toBe(true);
}

const ofProtocol = (captured: readonly Captured[], protocol: number): number => captured.filter(({ parsed }) => parsed.kind === "ip" && parsed.protocol === protocol).length;

describe.skipIf(HELPER === undefined)("a user network", () => {
  test("every frame of a page of 200 KB is in the file, in order, and right", LIMIT, async () => {
    const server = createServer((_, response) => response.end(Buffer.alloc(200_000, "page "))).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      const before = Date.now();
      using example = applianceFolder({ "fetch.c": source("examples/fetch/fetch.c"), "appliance.yaml": source("examples/fetch/appliance.yaml").replaceAll("10.0.2.2:8000", `10.0.2.2:${port}`) });
      const { status, out, err } = await bailiwick(["run", "-q", example.path, "--capture", `net0=${file("page.pcap")}`]);
      expect([status, out.length, err]).toEqual([0, 200_000, ""]);
      const captured = readCapture(file("page.pcap"));
      expect(statSync(file("page.pcap")).mode & 0o077).toBe(0);
      expect(captured.every(({ ms }, i) => ms >= (captured[i - 1]?.ms ?? before - 1) && ms <= Date.now())).toBe(true);
      expect(captured.filter(({ parsed }) => parsed.kind === "arp").length).toBeGreaterThan(0);
      expect(ofProtocol(captured, PROTOCOL.udp)).toBeGreaterThanOrEqual(4);
      const carried = captured.reduce((bytes, { parsed }) => bytes + (parsed.kind === "ip" && parsed.protocol === PROTOCOL.tcp && parsed.from === "10.0.2.2" ? parsed.payload.length - 20 : 0), 0);
      expect(carried).toBeGreaterThan(200_000);
      readByTcpdump(file("page.pcap"), captured.length, /DHCP-Message \(53\), length 1: ACK/, /ARP, Ethernet/, /Flags \[S\],.*mss 1460/, /Flags \[F/);
    } finally {
      server.close();
    }
  });

  test.skipIf(!hasTcpdump())("tcpdump finds datagrams, refused connections and many pages right, both ways; and one altered bit wrong", LIMIT, async () => {
    const server = createServer((_, response) => response.writeHead(200, { "content-length": 50_000 }).end(Buffer.alloc(50_000, "x"))).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo, [closed] = await freePorts(1, "tcp");
    const echo = createSocket("udp4").on("message", (bytes, { port: to }) => echo.send(bytes, to, "127.0.0.1")).bind(port, "127.0.0.1");
    await once(echo, "listening");
    try {
      const frames: Uint8Array[] = [];
      const network = await openUserNet({ helper: HELPER!, hosts: "loopback", forward: [], onLost: () => {} });
      using client = applianceFolder({ "client.c": source("test/integration/user-net/client.c"), "appliance.yaml": source("test/integration/user-net/appliance.yaml").replace("port: 80, closed: 81", `port: ${port}, closed: ${closed}`) });
      await runAppliance(client.path, {
        limitMs: 60_000,
        networks: { net0: watchFrames(network, (frame) => void frames.push(frame.slice())) },
        during: (_, line) => until("several pages", () => line.output.split("page: 0").length > 4, 50_000),
      });
      await network.close();
      const lines = describeFrames(frames);
      expect(lines).toHaveLength(frames.length);
      expect(lines.filter(isWrong)).toEqual([]);
      for (const what of [/UDP, length 5$/, /Flags \[R/, /Flags \[P\.\]/, /BOOTP\/DHCP, Request/, /ARP/]) expect(lines.some((line) => what.test(line)), String(what)).toBe(true);
      const segments = frames.filter((frame) => {
        const parsed = parse(frame);
        return parsed.kind === "ip" && parsed.protocol === PROTOCOL.tcp && parsed.payload.length > 20;
      });
      expect(segments.length).toBeGreaterThan(20);
      for (const frame of segments.slice(0, 20)) {
        const altered = Uint8Array.from(frame);
        altered[altered.length - 1]! ^= 1;
        expect(describeFrames([altered]).filter(isWrong), describeFrames([frame])[0]).toHaveLength(1);
      }
    } finally {
      server.close();
      echo.close();
    }
  });
});

test("both ends of a cable capture the same pings, and all of them are right", LIMIT, async () => {
  const [one = 0, other = 0] = await freePorts(2, "udp");
  const manifest = (name: string): string => source("examples/cable", name).replaceAll('"9101"', `"${one}"`).replaceAll('"9102"', `"${other}"`);
  using example = applianceFolder({ "ping.c": source("examples/cable/ping.c"), "near.yaml": manifest("near.yaml"), "far.yaml": manifest("far.yaml") });
  const ends = ["near", "far"] as const;
  await Promise.all(ends.map(async (end) => expect((await bailiwick(["run", "-q", join(example.path, `${end}.yaml`), "--timeout", "9s", "--capture", `net0=${file(`${end}.pcap`)}`])).status).toBe(5)));
  const [near = [], far = []] = ends.map((end) => readCapture(file(`${end}.pcap`)));
  const pings = (captured: readonly Captured[]): string[] => captured.filter(({ parsed }) => parsed.kind === "ip" && parsed.protocol === PROTOCOL.icmp).map(({ frame }) => Buffer.from(frame).toString("hex"));
  const both = pings(near).filter((frame) => pings(far).includes(frame));
  expect(both.length).toBeGreaterThan(3);
  for (const end of ends) readByTcpdump(file(`${end}.pcap`), (end === "near" ? near : far).length, /ICMP echo request, id \d+, seq \d+, length 64/, /ICMP echo reply/, /ARP, .*Reply 10\.7\.0\.[12] is-at/);
});

test("what cannot be captured is said before the machine starts, with what to do", LIMIT, async () => {
  const cable = "examples/cable/near.yaml";
  for (const [args, status, says] of [
    [[cable, "--capture", "net0"], 2, /--capture net0 says not which device into which file \(such as --capture net0=frames\.pcap\)/],
    [[cable, "--capture", "net0="], 2, /says not which device/],
    [[cable, "--capture", "net1=a.pcap"], 2, /--capture: the appliance has no network at 'net1' \(did you mean/],
    [["examples/hello", "--capture", "net0=a.pcap"], 2, /the appliance has none \(in its manifest: platform\.networks/],
    [[cable, "--capture", `net0=${file("a.pcap")}`, "--capture", `net0=${file("b.pcap")}`], 2, /--capture net0 is there twice/],
    [[cable, "--capture", `net0=${join(folder, "none", "a.pcap")}`], 1, /error\[BW0321\]: the capture cannot be written to '.*none\/a\.pcap'\n.*ENOENT(.|\n)*fix: /],
  ] as const) {
    const done = await bailiwick(["run", "-q", ...args]);
    expect([args, done.status, done.err]).toEqual([args, status, expect.stringMatching(says)]);
  }
});

test("a disk that is full ends the capture, and not the run", LIMIT, async () => {
  const [one = 0, other = 0] = await freePorts(2, "udp");
  using example = applianceFolder({ "ping.c": source("examples/cable/ping.c"), "near.yaml": source("examples/cable/near.yaml").replaceAll('"9101"', `"${one}"`).replaceAll('"9102"', `"${other}"`) });
  const { status, out, err } = await bailiwick(["run", "-q", join(example.path, "near.yaml"), "--timeout", "7s", "--capture", "net0=/dev/full"]);
  expect([status, out]).toEqual([5, expect.stringContaining("does not answer yet")]);
  expect(err.match(/the capture of net0 in \/dev\/full ends: ENOSPC/g)).toHaveLength(1);
});

test("a file is what pcap-savefile(5) says", () => {
  expect(Buffer.from(pcapHeader()).toString("hex")).toBe("4d3cb2a1020004000000000000000000ea05000001000000");
  expect(Buffer.from(pcapRecord(Uint8Array.of(1, 2, 3), 1_700_000_000_123.5)).toString("hex")).toBe("00f15365e0755c070300000003000000010203");
});
