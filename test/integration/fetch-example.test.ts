// examples/fetch as a user has it, with real servers of this computer's loopback: what it prints, what it says when there is no page, and what it may not.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { NetBackend } from "../../core/host/backend.ts";
import { openUserNet } from "../../core/host/user-net.ts";
import { userNetHelper } from "../../servers/operator/networks.ts";
import { applianceFolder, runAppliance } from "../support/appliance-run.ts";
import { bailiwick, type Done } from "../support/command-line.ts";
import { ethernet, ipv4, parse, PROTOCOL, read16, udp } from "../support/frames.ts";
import { freePorts } from "../support/ports.ts";

const LIMIT = { timeout: 180_000 };
const file = (name: string): string => readFileSync(join("examples/fetch", name), "utf8");

function helper(): string | undefined {
  try {
    return userNetHelper();
  } catch {
    return undefined;
  }
}
const HELPER = helper();

/** The example with a port, a page and less patience. */
const example = (port: number, { url = `http://10.0.2.2:${port}/page?a=b`, rule = `10.0.2.2:${port}`, hosts = "loopback", more = "" } = {}) =>
  applianceFolder({
    "fetch.c": file("fetch.c"),
    "appliance.yaml": file("appliance.yaml").replace("http://10.0.2.2:8000/", url).replace('connect: "10.0.2.2:8000"', `connect: "${rule}"`).replace("hosts: loopback", `hosts: ${hosts}`).replace("args: { url", "args: { patience: 2, url").replace("args: { site", `args: { ${more}site`),
  });

async function serve(server: Server, during: (port: number) => Promise<void>): Promise<void> {
  const open = new Set<Socket>();
  server.on("connection", (socket) => void open.add(socket.on("error", () => {}))).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await during((server.address() as AddressInfo).port);
  } finally {
    server.close();
    for (const socket of open) socket.destroy();
  }
}

async function fetchFrom(server: Server, options: Parameters<typeof example>[1] = {}): Promise<Done> {
  let done: Done | undefined;
  await serve(server, async (port) => {
    using folder = example(port, options);
    done = await bailiwick(["run", "-q", folder.path]);
  });
  return done!;
}

const pages = (listener: RequestListener): Server => createHttpServer(listener);
/** Not HTTP's: what it does with each connection once something came. */
const talks = (talk: (socket: Socket) => void): Server => createServer((socket) => void socket.once("data", () => talk(socket)));
/** What is said on standard error, without who says it. */
const said = ({ err }: Done): string[] => err.trimEnd().split("\n").map((line) => line.replace(/^bailiwick: (fetch: )?(http:\/\/[^ ]+: )?/, ""));

describe.skipIf(HELPER === undefined)("fetch", () => {
  test("prints the page, byte for byte, and nothing else", LIMIT, async () => {
    const page = Array.from({ length: 4000 }, (_, i) => `line ${i * 7919}\n`).join("");
    const asked: unknown[] = [];
    const done = await fetchFrom(pages((request, response) => {
      asked.push([request.method, request.url, request.httpVersion, request.headers.connection, /^10\.0\.2\.2$/.test(request.headers.host ?? "")]);
      response.writeHead(200, { "content-length": page.length }).end(page);
    }));
    expect([done.status, done.err]).toEqual([0, ""]);
    expect(done.out.replaceAll("\r\n", "\n")).toBe(page);
    expect(asked).toEqual([["GET", "/page?a=b", "1.0", "close", true]]);
  });

  test("a page without a length ends with the connection", LIMIT, async () => {
    const done = await fetchFrom(pages((_, response) => {
      response.write("one ");
      setTimeout(() => response.end("two"), 300);
    }));
    expect([done.status, done.out, done.err]).toEqual([0, "one two", ""]);
  });

  test("what the server says instead of a page is printed, and the status is said", LIMIT, async () => {
    const done = await fetchFrom(talks((socket) => void socket.end("HTTP/1.1 404 Not \u001b[31mFound\r\nContent-Length: 13\r\n\r\nnothing here\n")));
    expect([done.status, done.out.replaceAll("\r\n", "\n"), said(done)[0]]).toEqual([1, "nothing here\n", "404 Not \ufffd[31mFound"]);
  });

  const head = (length: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;
  test.each<[string, (socket: Socket) => void, string, string[]]>([
    ["does not answer", () => {}, "", ["it does not answer"]],
    ["stops in the middle", (socket) => void socket.write(`${head("1000")}${"a".repeat(100)}`), "a".repeat(100), ["the page is cut off after 100 of 1000 bytes", "it does not answer"]],
    ["closes in the middle", (socket) => void socket.end(`${head("1000")}${"a".repeat(100)}`), "a".repeat(100), ["the page is cut off after 100 of 1000 bytes", "it closed the connection in the middle"]],
    ["closes at once", (socket) => void socket.end(), "", ["it closed the connection and said nothing"]],
    ["closes in the middle of the head", (socket) => void socket.end("HTTP/1.1 200 OK\r\nConte"), "", ["it closed the connection in the middle of the head"]],
    ["speaks something else", (socket) => void socket.end("SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n"), "", ["what it answers is not HTTP"]],
    ["says too much before the page", (socket) => void socket.end(`HTTP/1.1 200 OK\r\nA: ${"a".repeat(5000)}\r\n\r\n`), "", ["its answer's head is too long"]],
    ["has a length that is none", (socket) => void socket.end(`${head("-1")}a`), "", ["it does not say how long its page is"]],
    ["has a length beyond all numbers", (socket) => void socket.end(`${head("9".repeat(40))}a`), "", ["it does not say how long its page is"]],
    ["says more than the length that it gave", (socket) => void socket.end(`${head("3")}abcdef`), "abc", []],
  ])("a server that %s", LIMIT, async (_, talk, out, why) => {
    const done = await fetchFrom(talks(talk));
    expect([done.status, done.out, said(done).filter((line) => line !== "")]).toEqual([why.length > 0 ? 1 : 0, out, why.length > 0 ? [...why, "fetch ended with status 1"] : []]);
  });

  test("a server that is not there", LIMIT, async () => {
    const [port = 0] = await freePorts(1, "tcp");
    using folder = example(port);
    const done = await bailiwick(["run", "-q", folder.path]);
    expect([done.status, done.out, said(done)[0]]).toEqual([1, "", "nobody listens at that port"]);
  });

  test("a page that its rule does not name, and one that is none, is never asked for", LIMIT, async () => {
    const server = (): Server => createServer(() => {
      throw new Error("it came");
    });
    const [other = 0] = await freePorts(1, "tcp");
    const done = await fetchFrom(server(), { rule: `10.0.2.2:${other}` });
    expect([done.status, said(done)[0]]).toEqual([1, "no rule of this program's allows it"]);
    for (const url of ["https://10.0.2.2/", "http://:80/", "http://10.0.2.2:99999/", "http://10.0.2.2:80x/", "http://10.0.2.2/a b", "10.0.2.2"]) {
      const none = await fetchFrom(server(), { url });
      expect([url, none.status, said(none)[0]]).toEqual([url, 1, expect.stringMatching(/ is no page: args: \{ url: "http:\/\/HOST:PORT\/PATH" \}$/)]);
    }
  });

  test("a name, where nobody knows names", LIMIT, async () => {
    const done = await fetchFrom(pages(() => {}), { url: "http://none.example/", rule: "none.example:80" });
    expect([done.status, said(done)[0]]).toEqual([1, "there is no network, or no name server in it"]);
  });

  test.each([["says so", 3], ["has no address for it", 0]] as const)("a name that does not exist, and the name server %s", LIMIT, async (_, code) => {
    using folder = example(80, { url: "http://none.example/", rule: "none.example:80", more: "address: 10.0.2.15/24, gateway: 10.0.2.2, dns: 10.0.2.2, " });
    const network = await openUserNet({ helper: HELPER!, hosts: "loopback", forward: [], onLost: () => {} });
    const asked: string[] = [];
    const { status, events } = await runAppliance(folder.path, { limitMs: 40_000, networks: { net0: withNames(network, code, asked) }, during: (_system, _line, ended) => ended() });
    await network.close();
    expect([status, events.filter(({ event }) => event === "log").map(({ text }) => text)]).toEqual([1, ["http://none.example:80: there is no such name"]]);
    expect([...new Set(asked)]).toEqual(["none.example"]);
  });
});

/** The network with a name server at 10.0.2.2 that knows no name. @param code of its answer (RFC 1035, 4.1.1), which has no record */
function withNames(network: NetBackend, code: number, asked: string[]): NetBackend {
  let deliver: (frame: Uint8Array) => void = () => {};
  return {
    ...network,
    send(frame) {
      const packet = parse(frame);
      if (packet.kind !== "ip" || packet.protocol !== PROTOCOL.udp || packet.to !== "10.0.2.2" || read16(packet.payload, 2) !== 53) return network.send(frame);
      const question = [...packet.payload.subarray(8)], labels: string[] = [];
      for (let at = 12; question[at] !== 0; at += 1 + question[at]!) labels.push(String.fromCharCode(...question.slice(at + 1, at + 1 + question[at]!)));
      asked.push(labels.join("."));
      const answer = [...question.slice(0, 2), 0x81, 0x80 | code, ...question.slice(4)];
      const back = udp(packet.to, packet.from, 53, read16(packet.payload, 0), answer);
      setImmediate(() => deliver(ethernet([...frame.subarray(6, 12)], [...frame.subarray(0, 6)], 0x800, ipv4(PROTOCOL.udp, packet.to, packet.from, back))));
    },
    onFrame(callback) {
      deliver = callback;
      network.onFrame(callback);
    },
  };
}
