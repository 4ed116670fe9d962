// User networks: the real helper over libslirp, spoken to frame by frame as an appliance would, and by hostile ones.
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer, type Server } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import fc from "fast-check";
import type { NetworkOrder } from "../../caps/manifest/resolve.ts";
import { NetworkError } from "../../core/host/network.ts";
import { createRecords } from "../../core/host/helper.ts";
import { watchFrames } from "../../core/host/pcap.ts";
import { openUserNet, type UserNetOptions } from "../../core/host/user-net.ts";
import { Failure } from "../../servers/operator/failure.ts";
import { openNetworks, userNetHelper } from "../../servers/operator/networks.ts";
import { pause, until } from "../support/appliance-run.ts";
import { bailiwick, CLI } from "../support/command-line.ts";
import { ADDRESS, FrameHost, GATEWAY, MAC } from "../support/frame-host.ts";
import { dhcp, dnsQuery, ethernet, FLAG, ipText, parseDhcp, parseTcp, PROTOCOL, read16 } from "../support/frames.ts";
import { freePorts } from "../support/ports.ts";
import { describeFrames, hasTcpdump, isWrong } from "../support/tcpdump.ts";

const DNS = "10.0.2.3";
const folder = mkdtempSync(join(tmpdir(), "bailiwick-user-net-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

function helper(): string | undefined {
  try {
    return userNetHelper();
  } catch {
    return undefined;
  }
}
const HELPER = helper() ?? "";

type Options = Partial<Omit<UserNetOptions, "helper">>;
async function network(options: Options = {}): Promise<FrameHost> {
  const backend = await openUserNet({ helper: HELPER, hosts: "loopback", forward: [], ...options });
  open.push(backend);
  return new FrameHost(backend);
}

const forward = (protocol: "tcp" | "udp", port: number, inner = 80) => ({ protocol, host: { address: "127.0.0.1", port }, port: inner });

/** Children, ours by default, that run the helper. */
const helpers = (parent = process.pid): number[] =>
  readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1] === String(parent) && readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith(HELPER);
    } catch {
      return false;
    }
  });

async function listening(server: Server, at = 0): Promise<number> {
  server.listen(at, "127.0.0.1");
  await once(server, "listening");
  open.push({ close: () => new Promise((resolve) => server.close(resolve)) });
  const address = server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}

/** An address of this computer that is not loopback, if it has one. */
const outside = Object.values(networkInterfaces()).flatMap((all) => all ?? []).find(({ internal, family }) => !internal && family === "IPv4")?.address;

describe.skipIf(HELPER === "")("a user network", () => {
  test("gives out an address by DHCP, with itself as router", async () => {
    const host = await network();
    host.network.send(dhcp(MAC, 1));
    const answers = () => host.packets(PROTOCOL.udp).filter(({ payload }) => read16(payload, 2) === 68).map(({ payload }) => parseDhcp(payload));
    await until("an offer", () => answers().length === 1);
    const [offer] = answers();
    expect(offer!.address).toBe(ADDRESS);
    expect(offer!.options.get(53)).toEqual(Uint8Array.of(2));
    expect(ipText(offer!.options.get(1)!)).toBe("255.255.255.0");
    expect(ipText(offer!.options.get(3)!)).toBe(GATEWAY);
    // No DNS, where nobody but loopback is to be reached.
    expect(ipText(offer!.options.get(6) ?? new Uint8Array(4))).toBe("0.0.0.0");
    host.network.send(dhcp(MAC, 3, [50, 4, 10, 0, 2, 15, 54, 4, 10, 0, 2, 2]));
    await until("an acknowledgement", () => answers().length === 2);
    expect(answers()[1]!.options.get(53)).toEqual(Uint8Array.of(5));
    expect(answers()[1]!.address).toBe(ADDRESS);
    expect(host.wrong).toEqual([]);
  });

  test("names its DNS where any host may be reached", async () => {
    const host = await network({ hosts: "any" });
    host.network.send(dhcp(MAC, 1));
    await until("an offer", () => host.packets(PROTOCOL.udp).length > 0);
    expect(ipText(parseDhcp(host.packets(PROTOCOL.udp)[0]!.payload).options.get(6)!)).toBe(DNS);
  });

  test("answers ARP and ping", async () => {
    const host = await network();
    expect(await host.meet()).toEqual([0x52, 0x55, 10, 0, 2, 2]);
    const data = Array.from({ length: 1400 }, (_, i) => i & 0xff);
    host.ping(GATEWAY, 77, data);
    await until("the ping is answered", () => host.pinged(77));
    expect([...host.packets(PROTOCOL.icmp)[0]!.payload.subarray(8)]).toEqual(data);
    expect(host.wrong).toEqual([]);
  });

  test("a TCP connection reaches a server on the computer's loopback, and 100 KiB come back", async () => {
    const big = "x".repeat(100 * 1024);
    const asked: string[] = [];
    const port = await listening(createServer((request, response) => {
      asked.push(`${request.method} ${request.url} from ${request.socket.remoteAddress}`);
      response.end(big);
    }));
    const host = await network();
    await host.meet();
    const answer = await host.exchange(GATEWAY, 40_000, port, Buffer.from("GET /thing HTTP/1.0\r\n\r\n"));
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(answer.split("\r\n\r\n")[1]).toBe(big);
    expect(asked).toEqual(["GET /thing from 127.0.0.1"]);
    expect(host.wrong).toEqual([]);
  });

  test("a connection to a port where nobody listens is reset", async () => {
    const [nobody] = await freePorts(1, "tcp");
    const host = await network();
    await host.meet();
    host.syn(GATEWAY, 40_001, nobody!);
    await until("it is reset", () => host.segments(40_001).some(({ flags }) => (flags & FLAG.rst) !== 0));
  });

  test("datagrams go to the computer's loopback and their answers come back", async () => {
    const echo = createSocket("udp4").bind(0, "127.0.0.1");
    await once(echo, "listening");
    open.push(echo);
    echo.on("message", (bytes, { port }) => echo.send(Buffer.from(`${bytes}, too`), port, "127.0.0.1"));
    const host = await network();
    await host.meet();
    host.datagram(GATEWAY, 5000, echo.address().port, Buffer.from("hello"));
    await until("the answer is there", () => host.packets(PROTOCOL.udp).length > 0);
    const { from, payload } = host.packets(PROTOCOL.udp)[0]!;
    expect({ from, ports: [read16(payload, 0), read16(payload, 2)], text: Buffer.from(payload.subarray(8)).toString() }).toEqual({ from: GATEWAY, ports: [echo.address().port, 5000], text: "hello, too" });
  });

  test("a forward: who connects to the computer's port is a SYN in the network, and what is said in the network comes out", async () => {
    const [port] = await freePorts(1, "tcp");
    const host = await network({ forward: [forward("tcp", port!, 8080)] });
    await host.meet();
    const client = connect(port!, "127.0.0.1");
    open.push({ close: () => client.destroy() });
    const heard: Buffer[] = [];
    client.on("data", (bytes) => heard.push(bytes));
    client.on("error", () => {});
    await until("a SYN", () => host.segments(8080).length > 0);
    const [packet] = host.packets(PROTOCOL.tcp);
    const syn = parseTcp(packet!);
    expect({ from: packet!.from, flags: syn.flags }).toEqual({ from: GATEWAY, flags: FLAG.syn });
    const answer = { fromPort: 8080, toPort: syn.fromPort, acknowledged: (syn.sequence + 1) >>> 0 };
    host.segment(GATEWAY, { ...answer, sequence: 5000, flags: FLAG.syn | FLAG.ack, data: new Uint8Array() });
    host.segment(GATEWAY, { ...answer, sequence: 5001, flags: FLAG.ack | FLAG.psh, data: Buffer.from("from inside") });
    await until("it is heard", () => Buffer.concat(heard).toString() === "from inside");
    client.write("from outside");
    await until("it is heard inside", () => host.segments(8080).some(({ data }) => Buffer.from(data).toString() === "from outside"));
    expect(host.wrong).toEqual([]);
  });

  test("a forward of datagrams, and its answer", async () => {
    const [port] = await freePorts(1, "udp");
    const host = await network({ forward: [forward("udp", port!, 5353)] });
    await host.meet();
    const client = createSocket("udp4");
    open.push(client);
    const heard: string[] = [];
    client.on("message", (bytes) => heard.push(bytes.toString()));
    client.send("question", port!, "127.0.0.1");
    await until("it is there", () => host.packets(PROTOCOL.udp).length > 0);
    const { payload, from } = host.packets(PROTOCOL.udp)[0]!;
    expect({ port: read16(payload, 2), text: Buffer.from(payload.subarray(8)).toString() }).toEqual({ port: 5353, text: "question" });
    host.datagram(from, 5353, read16(payload, 0), Buffer.from("answer"));
    await until("the answer is there", () => heard.length > 0);
    expect(heard).toEqual(["answer"]);
  });
});

test.skipIf(HELPER === "" || !hasTcpdump())("tcpdump finds every frame of ARP, DHCP, ping, UDP and a TCP connection right, both ways", async () => {
  const port = await listening(createServer((_, response) => response.end("x".repeat(5000))));
  const backend = await openUserNet({ helper: HELPER, hosts: "loopback", forward: [] });
  open.push(backend);
  const frames: Uint8Array[] = [];
  const host = new FrameHost(watchFrames(backend, (frame) => void frames.push(frame.slice())));
  await host.meet();
  host.network.send(dhcp(MAC, 1));
  host.ping(GATEWAY, 5);
  await until("both are answered", () => host.pinged(5) && host.packets(PROTOCOL.udp).length > 0);
  await host.exchange(GATEWAY, 40_100, port, Buffer.from("GET / HTTP/1.0\r\n\r\n"));
  const lines = describeFrames(frames);
  expect(lines).toHaveLength(frames.length);
  expect(lines.filter(isWrong)).toEqual([]);
  const altered = frames.at(-1)!.map((byte, at) => (at === 47 ? byte ^ 1 : byte));
  expect(describeFrames([altered]).filter(isWrong)).toHaveLength(1);
  for (const what of ["ARP, Ethernet", "BOOTP/DHCP, Reply", "DHCP-Message (53), length 1: Offer", "ICMP echo reply", "Flags [S.]", "Flags [P.]"]) expect(lines.some((line) => line.includes(what)), what).toBe(true);
});

describe.skipIf(HELPER === "")("whom an appliance may speak to", () => {
  /** Tries TCP and UDP to an address of this computer's; what arrived. */
  async function attempts(hosts: UserNetOptions["hosts"], address: string, to: string): Promise<{ readonly connected: number; readonly datagrams: number; readonly refused: boolean; readonly host: FrameHost }> {
    let connected = 0;
    let datagrams = 0;
    const server = createTcpServer((socket) => (connected++, socket.destroy())).listen(0, address);
    await once(server, "listening");
    const sink = createSocket("udp4").on("message", () => datagrams++).bind(0, address);
    await once(sink, "listening");
    open.push({ close: () => new Promise((resolve) => server.close(resolve)) }, sink);
    const host = await network({ hosts });
    await host.meet();
    const { port } = server.address() as { port: number };
    for (let i = 0; i < 20; i++) host.datagram(to, 6000 + i, sink.address().port, [1]);
    host.syn(to, 41_000, port);
    await until("TCP is accepted or refused, or reported as unreachable", () => host.segments(41_000).length > 0 || host.packets(PROTOCOL.icmp).some(({ payload }) => payload[0] === 3 && payload[8 + 9] === PROTOCOL.tcp));
    host.ping(GATEWAY, 9);
    await until("the network goes on", () => host.pinged(9));
    await pause(100);
    return { connected, datagrams, host, refused: !host.segments(41_000).some(({ flags }) => (flags & FLAG.syn) !== 0) };
  }

  test.skipIf(outside === undefined)("loopback, and not another address of this computer", async () => {
    expect(await attempts("loopback", "127.0.0.1", GATEWAY)).toMatchObject({ connected: 1, datagrams: 20, refused: false });
    const { host, ...tried } = await attempts("loopback", outside!, outside!);
    expect(tried).toEqual({ connected: 0, datagrams: 0, refused: true });
    // At once, so that nobody waits.
    expect(host.segments(41_000).map(({ flags }) => flags & FLAG.rst)).toEqual([FLAG.rst]);
  });

  test.skipIf(outside === undefined)("any host, when the manifest says so", async () => {
    expect(await attempts("any", outside!, outside!)).toMatchObject({ connected: 1, datagrams: 20, refused: false });
  });

  test("nobody, when the manifest says so; a forward still comes in", async () => {
    expect(await attempts("none", "127.0.0.1", GATEWAY)).toMatchObject({ connected: 0, datagrams: 0, refused: true });
    const [port] = await freePorts(1, "tcp");
    const host = await network({ hosts: "none", forward: [forward("tcp", port!)] });
    await host.meet();
    const client = connect(port!, "127.0.0.1").on("error", () => {});
    open.push({ close: () => client.destroy() });
    await until("a SYN", () => host.segments(80).length > 0);
  });

  test("no question for DNS leaves the computer but with 'any': it is refused, not left without an answer", async () => {
    const host = await network();
    await host.meet();
    host.datagram(DNS, 5001, 53, dnsQuery(1, "secret.example"));
    await until("it is reported as unreachable", () => host.packets(PROTOCOL.icmp).some(({ payload }) => payload[0] === 3));
    expect(host.packets(PROTOCOL.udp)).toEqual([]);
  });

  test("other networks are refused, whatever address of theirs is asked for", async () => {
    const host = await network();
    await host.meet();
    for (const [i, address] of ["192.0.2.1", "10.0.2.77", "8.8.8.8", "224.0.0.1", "255.255.255.255", "0.0.0.0", "10.0.2.255"].entries()) {
      host.datagram(address, 7000 + i, 9, [i]);
      host.syn(address, 42_000 + i, 9);
    }
    host.ping(GATEWAY, 10);
    await until("the network goes on", () => host.pinged(10));
    expect(host.packets(PROTOCOL.tcp).map(parseTcp).filter(({ flags }) => (flags & FLAG.syn) !== 0)).toEqual([]);
  });
});

/** Runs the helper where /etc/resolv.conf is another: for root alone. */
const RESOLVER = "127.0.0.77";
function withResolver(): string | undefined {
  const [script, conf] = [join(folder, "with-resolver"), join(folder, "resolv.conf")];
  writeFileSync(conf, `nameserver ${RESOLVER}\n`);
  writeFileSync(script, `#!/bin/sh\nexport PATH=/usr/sbin:/usr/bin:/sbin:/bin\nexec unshare -m sh -c 'mount --bind ${conf} /etc/resolv.conf && exec ${HELPER} "$@"' sh "$@"\n`, { mode: 0o755 });
  return spawnSync(script, ["none"], { stdio: "ignore" }).status === 0 ? script : undefined;
}
const RESOLVING = HELPER === "" ? undefined : withResolver();

describe.skipIf(RESOLVING === undefined)("DNS, with 'hosts: any'", () => {
  async function resolver(answer: (question: Buffer) => Buffer | undefined): Promise<void> {
    const socket = createSocket("udp4").bind(53, RESOLVER);
    await once(socket, "listening");
    open.push(socket);
    socket.on("message", (question, { port, address }) => {
      const bytes = answer(question);
      if (bytes !== undefined) socket.send(bytes, port, address);
    });
  }
  async function asking(): Promise<FrameHost> {
    const backend = await openUserNet({ helper: RESOLVING!, hosts: "any", forward: [] });
    open.push(backend);
    const host = new FrameHost(backend);
    await host.meet();
    return host;
  }
  const answers = (host: FrameHost): Uint8Array[] => host.packets(PROTOCOL.udp).filter(({ from }) => from === DNS).map(({ payload }) => payload.slice(8));

  test("a question goes to the computer's own server, and its answer comes from 10.0.2.3", async () => {
    const asked: Buffer[] = [];
    await resolver((question) => (asked.push(question), Buffer.concat([question.subarray(0, 2), Buffer.from("the answer")])));
    const host = await asking();
    host.datagram(DNS, 5001, 53, dnsQuery(0x1234, "name.example"));
    await until("the answer is there", () => answers(host).length > 0);
    expect(asked).toEqual([Buffer.from(dnsQuery(0x1234, "name.example"))]);
    expect(answers(host)).toEqual([Uint8Array.of(0x12, 0x34, ...Buffer.from("the answer"))]);
  });

  test("a server that does not answer is a question without an answer, and nobody else waits; one that is not there is reported", async () => {
    const host = await asking();
    host.datagram(DNS, 5001, 53, dnsQuery(1, "name.example"));
    await until("it is reported as unreachable", () => host.packets(PROTOCOL.icmp).some(({ payload }) => payload[0] === 3));
    let asked = 0;
    await resolver(() => void asked++);
    for (let i = 0; i < 50; i++) host.datagram(DNS, 5100 + i, 53, dnsQuery(i, "name.example"));
    await until("all are asked", () => asked === 50);
    host.ping(GATEWAY, 30);
    await until("the network goes on", () => host.pinged(30));
    expect(answers(host)).toEqual([]);
  });
});

describe.skipIf(HELPER === "")("what the helper can do", () => {
  test("it is nobody when we are root, opens no file, has no environment, and may use no other call than it needs", async () => {
    await network();
    const [pid] = helpers();
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    if (process.getuid?.() === 0) expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
    if (process.getuid?.() === 0) expect(status).toMatch(/^CapEff:\t0+$/m);
    // Whatever files this process has open, it has not: pipes and sockets alone.
    if (process.getuid?.() === 0) {
      const files = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      expect(files.filter((name) => !/^(socket|pipe):/.test(name))).toEqual([]);
    }
  });

  test("it ends when it is closed, and when its input ends, and leaves its port free", async () => {
    const [port] = await freePorts(1, "tcp");
    for (let i = 0; i < 3; i++) {
      const backend = await openUserNet({ helper: HELPER, hosts: "none", forward: [forward("tcp", port!)] });
      await Promise.all([backend.close(), backend.close()]);
      expect(helpers()).toEqual([]);
    }
    const child = spawn(HELPER, ["none"], { stdio: ["pipe", "ignore", "inherit"] });
    child.stdin.end();
    expect((await once(child, "close"))[0]).toBe(0);
  });

  test("killed in the middle: it is told once, frames are lost, and closing ends", async () => {
    const lost: string[] = [];
    const host = await network({ onLost: (why) => lost.push(why) });
    await host.meet();
    process.kill(helpers()[0]!, "SIGKILL");
    await until("it is told", () => lost.length > 0);
    for (let i = 0; i < 2000; i++) host.ping(GATEWAY, 1);
    await pause(50);
    expect(lost).toEqual(["the user network's helper has ended (signal SIGKILL): the network is gone until the next run"]);
    await host.network.close();
  });

  test("a stopped one: what is sent is bounded, the rest is lost, and afterwards it goes on", async () => {
    const host = await network();
    await host.meet();
    const [pid] = helpers();
    process.kill(pid!, "SIGSTOP");
    const before = process.memoryUsage().rss;
    const large = ethernet([0x52, 0x55, 10, 0, 2, 2], MAC, 0x800, new Array<number>(1500).fill(0));
    for (let i = 0; i < 100_000; i++) host.network.send(large);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
    process.kill(pid!, "SIGCONT");
    await until("it goes on", () => (host.ping(GATEWAY, 3), host.pinged(3)));
  });
});

describe.skipIf(HELPER === "")("hostile appliances", () => {
  const alive = async (host: FrameHost, id: number): Promise<void> => until("the network goes on", () => (host.ping(GATEWAY, id), host.pinged(id)), 20_000);

  test("nonsense of every length, and headers that lie, do not end it", async () => {
    const lost: string[] = [];
    const host = await network({ onLost: (why) => lost.push(why), hosts: "none" });
    await host.meet();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 1600 }), fc.constantFrom(0x800, 0x806, 0x86dd, 0x8100, 0xffff), fc.constantFrom(0x45, 0x4f, 0x40, 0x65, 0xf5), (bytes, type, first) => {
        host.network.send(bytes);
        host.network.send(ethernet([0x52, 0x55, 10, 0, 2, 2], MAC, type, [first, ...bytes]));
      }),
      { numRuns: 3000, seed: 7 },
    );
    await alive(host, 20);
    expect(lost).toEqual([]);
  });

  test("packets that are right but for one field: lengths, offsets, options, checksums", async () => {
    const lost: string[] = [];
    const host = await network({ onLost: (why) => lost.push(why), hosts: "loopback" });
    await host.meet();
    const right: Uint8Array[] = [];
    const real = host.network;
    const note = new FrameHost({ send: (frame) => void right.push(frame.slice()), onFrame() {}, close: () => Promise.resolve() });
    note.syn(GATEWAY, 43_000, 9);
    note.datagram(GATEWAY, 43_000, 67, new Array<number>(300).fill(1));
    note.datagram(GATEWAY, 43_000, 69, Buffer.from("\0\x01../../etc/passwd\0octet\0"));
    note.ping(GATEWAY, 1, new Array<number>(64).fill(0));
    right.push(dhcp(MAC, 1), dhcp(MAC, 3, [50, 255, 1, 2, 3]));
    for (const frame of right) {
      for (let at = 12; at < Math.min(frame.length, 80); at++) {
        for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
          const bad = frame.slice();
          bad[at] = value;
          real.send(bad);
        }
        real.send(frame.slice(0, at));
      }
      await pause(1);
    }
    await alive(host, 21);
    expect(lost).toEqual([]);
  });

  test("fragments without end, and ones that overlap", async () => {
    const lost: string[] = [];
    const host = await network({ onLost: (why) => lost.push(why) });
    await host.meet();
    const MORE = 0x2000;
    for (let i = 0; i < 20_000; i++) {
      host.sendIp(PROTOCOL.udp, GATEWAY, new Array<number>(64).fill(i & 0xff), { id: i & 0xffff, fragment: MORE | (i % 3 === 0 ? 0 : 1 + (i % 8000)) });
      if (i % 500 === 0) await pause(0);
    }
    for (const fragment of [MORE | 0, MORE | 2, MORE | 1, 8191, MORE | 8191, 1]) host.sendIp(PROTOCOL.icmp, GATEWAY, new Array<number>(128).fill(8), { id: 9, fragment });
    await alive(host, 22);
    expect(lost).toEqual([]);
  });

  test("connections without number take sockets of the helper's only, and the next network is as good as the first", async () => {
    const port = await listening(createTcpServer((socket) => void socket.on("error", () => {})));
    const lost: string[] = [];
    const host = await network({ onLost: (why) => lost.push(why) });
    await host.meet();
    for (let i = 0; i < 4000; i++) {
      host.syn(GATEWAY, 10_000 + i, port);
      host.datagram(GATEWAY, 10_000 + i, 9, [1]);
      if (i % 100 === 0) await pause(1);
    }
    await alive(host, 23);
    expect(lost).toEqual([]);
    expect(readdirSync("/proc/self/fd").length).toBeLessThan(3000);
    const other = await network();
    await other.meet();
    await alive(other, 24);
  });

  test("a flood of pings is answered or dropped, and the bystander's network answers all the while", async () => {
    const [hostile, bystander] = [await network(), await network()];
    await hostile.meet();
    await bystander.meet();
    const flood = setInterval(() => {
      for (let i = 0; i < 500; i++) hostile.ping(GATEWAY, 1, new Array<number>(1400).fill(0));
    }, 1);
    try {
      for (let id = 100; id < 110; id++) {
        bystander.ping(GATEWAY, id);
        await until("the bystander is answered", () => bystander.pinged(id));
      }
    } finally {
      clearInterval(flood);
    }
  });
});

describe("a helper that lies", () => {
  /** @param body what it does once it runs, in sh */
  async function lying(body: string, onLost: (why: string) => void = () => {}) {
    const helper = join(folder, `lying-${Math.random()}`);
    writeFileSync(helper, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    return openUserNet({ helper, hosts: "none", forward: [], onLost });
  }

  test("sends what is no frame: it is ended, and the frames before are whole", async () => {
    const lost: string[] = [];
    const backend = await lying(String.raw`printf '\000\000'; sleep 0.2; printf '\016\000ABCDEFGHIJKLMN\377\377nonsense'; exec sleep 100`, (why) => lost.push(why));
    const got: Uint8Array[] = [];
    backend.onFrame((frame) => got.push(frame));
    await until("it is ended", () => lost.length > 0);
    expect(lost[0]).toContain("it sent what is no frame");
    expect(got).toEqual([Uint8Array.from(Buffer.from("ABCDEFGHIJKLMN"))]);
    await backend.close();
  });

  test("does not open, ends at once, says something else, or is none: the error names it and what to do", async () => {
    await expect(lying("exit 7")).rejects.toMatchObject({ message: "the user network's helper ended before the network was open: status 7", fix: "build it anew: bailiwick setup --only networks" });
    await expect(lying("echo cannot load a library >&2; exit 127")).rejects.toThrow("cannot load a library");
    await expect(lying("yes nonsense >&2 & yes nonsense")).rejects.toThrow(NetworkError);
    const none = await openUserNet({ helper: join(folder, "none"), hosts: "none", forward: [] }).then(() => undefined, (error: unknown) => error);
    expect(none).toMatchObject({ name: "NetworkError", fix: "build it: bailiwick setup --only networks" });
  });

  test("frames go to it in order, long ones too, and none waits for another", async () => {
    const backend = await lying(String.raw`printf '\000\000'; exec cat`);
    open.push(backend);
    const came: number[][] = [], sent: number[][] = [];
    backend.onFrame((frame) => void came.push([frame.length, frame[0]!, frame.at(-1)!]));
    const send = (length: number): void => {
      const n = sent.length & 0xff;
      backend.send(new Uint8Array(length).fill(n));
      sent.push([length, n, n]);
    };
    // More than are gathered, a short one in the middle, a long one at the end; then one alone.
    for (const length of [...Array<number>(30).fill(1514), 60, 1514, 1023, 1024, 14, 1514]) send(length);
    await until("the echo of all", () => came.length === sent.length);
    for (const length of [1514, 60]) {
      send(length);
      await until("the echo of one", () => came.length === sent.length);
    }
    expect(came).toEqual(sent);
  });

  test("records come out whole however the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 14, max: 1514 })), { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), (lengths, cuts) => {
        const frames = lengths.map((length, i) => new Uint8Array(length).fill(i + 1));
        const stream = Buffer.concat(frames.map((frame) => Buffer.concat([Buffer.of(frame.length & 0xff, frame.length >> 8), frame])));
        const records = createRecords();
        const got: Uint8Array[] = [];
        for (let at = 0, i = 0; at < stream.length; at += cuts[i++ % cuts.length]!) expect(records.take(stream.subarray(at, at + cuts[i % cuts.length]!), (frame) => got.push(frame))).toBe(true);
        expect(got).toEqual(frames);
      }),
    );
    for (const length of [1, 13, 1515, 0xffff]) expect(createRecords().take(Buffer.of(length & 0xff, length >> 8), () => {})).toBe(false);
  });
});

describe.skipIf(HELPER === "")("networks of an appliance", () => {
  const user = (device: string, port: number): NetworkOrder => ({ device, kind: "user", hosts: "loopback", forward: [forward("tcp", port)] });
  const refusal = async (orders: readonly NetworkOrder[]): Promise<Failure> => {
    const error = await openNetworks(orders).then(({ close }) => close(), (thrown: unknown) => thrown);
    if (!(error instanceof Failure)) throw new Error(`no refusal: ${String(error)}`);
    return error;
  };

  test("are opened all or none: a forward whose port is in use names device, forward, cause and fix, and the others are closed again", async () => {
    const port = await listening(createTcpServer());
    const [free] = await freePorts(1, "tcp");
    const [here, there] = await freePorts(2, "udp");
    const cable: NetworkOrder = { device: "net0", kind: "cable", listen: { address: "127.0.0.1", port: here! }, peer: { address: "127.0.0.1", port: there! } };
    const { message, code } = await refusal([cable, user("net1", port)]);
    expect(code).toBe("BW0318");
    expect(message).toBe(
      `error[BW0318]: there is no network for net1\n  | the forward tcp:127.0.0.1:${port}:80 cannot be opened: port ${port} of 127.0.0.1 is in use\n  = fix: end the program that has it ('ss -lnptu' names it), or take another port`,
    );
    expect(helpers()).toEqual([]);
    const troubles: string[] = [];
    await expect(openNetworks([user("net1", port)], (device) => troubles.push(device))).rejects.toThrow(Failure);
    expect(troubles).toEqual([]);
    const networks = await openNetworks([cable, user("net1", free!)]);
    expect(Object.keys(networks.behind)).toEqual(["net0", "net1"]);
    await networks.close();
    expect(helpers()).toEqual([]);
  });

  test("a cable's port in use, and an address that is another computer's", async () => {
    const [here, there] = await freePorts(2, "udp");
    const socket = createSocket("udp4").bind(here, "127.0.0.1");
    await once(socket, "listening");
    open.push(socket);
    const order = (address: string): NetworkOrder => ({ device: "net0", kind: "cable", listen: { address, port: here! }, peer: { address: "127.0.0.1", port: there! } });
    expect((await refusal([order("127.0.0.1")])).message).toMatch(/^error\[BW0318\]: there is no network for net0\n {2}\| no cable at 127.0.0.1 port \d+ \(UDP\): the port is in use\n {2}= fix: /);
    const foreign: NetworkOrder = { device: "net0", kind: "user", hosts: "any", forward: [{ protocol: "tcp", host: { address: "192.0.2.1", port: 8080 }, port: 80 }] };
    expect((await refusal([foreign])).message).toContain("the address is not this computer's");
  });

  test("without the helper the error says how to get it", () => {
    const record = join(folder, "setup.json");
    const thrown = (text: string): unknown => {
      writeFileSync(record, text);
      try {
        return userNetHelper(record);
      } catch (error) {
        return error;
      }
    };
    expect(thrown("{}")).toMatchObject({ message: "the user network's helper is not built", fix: expect.stringContaining("bailiwick setup --only networks") });
    expect(thrown(`{ "userNet": null }`)).toMatchObject({ message: "the set-up could not build the user network's helper", fix: expect.stringContaining("apt-get install libslirp-dev") });
    expect(existsSync(userNetHelper())).toBe(true);
  });
});

const CLIENT = `components: { main: { image: { c: main.c }, essential: true } }\n`;

describe.skipIf(HELPER === "")("bailiwick run", () => {
  function appliance(name: string, networks: string): string {
    const home = join(folder, name);
    mkdirSync(home);
    writeFileSync(join(home, "appliance.yaml"), `apiVersion: bailiwick/1\nkind: Appliance\nname: test\nversion: 0.1.0\nplatform: { board: virt-rv64, memory: 32MiB, networks: ${networks} }\n${CLIENT}`);
    // It lives until the run is stopped.
    writeFileSync(join(home, "main.c"), '#include <bailiwick.h>\nint main(void) { for (;;) __asm__ volatile(""); }\n');
    return home;
  }

  test("opens the networks for the run, and closes them: a forward is listened to as long as it lasts", async () => {
    const [port] = await freePorts(1, "tcp");
    const home = appliance("run", `{ net0: { user: { forward: ["tcp:127.0.0.1:${port}:80"] } } }`);
    const isOpen = (): Promise<boolean> => new Promise((resolve) => {
      const socket = connect(port!, "127.0.0.1", () => (socket.destroy(), resolve(true))).on("error", () => resolve(false));
    });
    const done = bailiwick(["run", "-q", "--timeout", "4s", home]);
    let seen = false;
    let over = false;
    void done.then(() => (over = true));
    while (!over && !seen) {
      seen = await isOpen();
      await pause(20);
    }
    expect(seen).toBe(true);
    expect((await done).status).toBe(5);
    expect(await isOpen()).toBe(false);
  });

  test("does not run with a port in use", async () => {
    const port = await listening(createTcpServer());
    const { status, out, err } = await bailiwick(["run", "-q", "--timeout", "4s", appliance("in-use", `{ net0: { user: { forward: ["tcp:${port}:80"] } } }`)]);
    expect([status, out]).toEqual([1, ""]);
    expect(err).toBe(`error[BW0318]: there is no network for net0\n  | the forward tcp:127.0.0.1:${port}:80 cannot be opened: port ${port} of 127.0.0.1 is in use\n  = fix: end the program that has it ('ss -lnptu' names it), or take another port\n`);
  });

  test("tells when a network is lost, and goes on", async () => {
    const home = appliance("lost", "{ net1: { user: {} } }");
    const child = spawn(process.execPath, [CLI, "run", "--json", "--timeout", "5s", home], { stdio: ["ignore", "pipe", "ignore"] });
    open.push({ close: () => child.kill("SIGKILL") });
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (out += text));
    let pid: number | undefined;
    await until("the helper runs", () => (pid = helpers(child.pid!)[0]) !== undefined);
    await pause(1500);
    process.kill(pid!, "SIGKILL");
    expect((await once(child, "close"))[0]).toBe(5);
    expect(out).toContain(`{"event":"log","component":"net1","text":"the user network's helper has ended (signal SIGKILL): the network is gone until the next run"}`);
  });

  test("killed outright leaves no helper behind, and its port free", async () => {
    const [port] = await freePorts(1, "tcp");
    const child = spawn(process.execPath, [CLI, "run", "-q", "--timeout", "30s", appliance("killed", `{ net0: { user: { forward: ["tcp:${port}:80"] } } }`)], { stdio: "ignore" });
    open.push({ close: () => child.kill("SIGKILL") });
    let pid: number | undefined;
    await until("the helper runs", () => (pid = helpers(child.pid!)[0]) !== undefined);
    child.kill("SIGKILL");
    const gone = (): boolean => !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.startsWith("Z") === true;
    await until("it is gone", gone);
    expect(await listening(createTcpServer(), port)).toBe(port);
  });
});
