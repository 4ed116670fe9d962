// The example of an HTTP server, from the host's side: through the forwarded port, the real helper, card, driver and stack.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { userNetHelper } from "../../servers/operator/networks.ts";
import { applianceFolder, Line, pause, runAppliance, until } from "../support/appliance-run.ts";
import { freePorts } from "../support/ports.ts";

const LIMIT = { timeout: 180_000 };
const FOLDER = "examples/web-server";
const WEB = readFileSync(join(FOLDER, "web.c"), "utf8"), MANIFEST = readFileSync(join(FOLDER, "appliance.yaml"), "utf8");

function hasHelper(): boolean {
  try {
    return userNetHelper() !== "";
  } catch {
    return false;
  }
}

/** The example with a port of its own. @param more components, in YAML */
async function serve(during: (url: string, port: number, line: Line) => Promise<void>, web = WEB, more = "") {
  const [port = 0] = await freePorts(1, "tcp");
  using folder = applianceFolder({ "web.c": web, "appliance.yaml": MANIFEST.replace("127.0.0.1:8080", `127.0.0.1:${port}`) + more });
  return await runAppliance(folder.path, {
    limitMs: 50_000,
    async during(_, line) {
      await until("the server listens", () => line.output.includes("listening"));
      await during(`http://127.0.0.1:${port}`, port, line);
    },
  });
}

/** What comes back for these bytes, until the server ends the connection. */
async function ask(port: number, bytes: string): Promise<string> {
  const socket = connect(port, "127.0.0.1").setEncoding("latin1");
  let heard = "";
  socket.on("data", (text: string) => void (heard += text)).on("error", () => {});
  socket.write(bytes);
  await once(socket, "close");
  return heard;
}

describe.skipIf(!hasHelper())("the web server", () => {
  test("serves pages to whoever comes to the forwarded port, and says what it does not serve", LIMIT, async () => {
    const { events } = await serve(async (url, port) => {
      const page = await fetch(url);
      expect([page.status, await page.text()]).toEqual([200, "A capability named 'listen 80' made this page.\n"]);
      expect(await (await fetch(`${url}/visits`)).text()).toMatch(/^visits: [1-9]\d*\n$/);
      const head = await fetch(url, { method: "HEAD" });
      expect([head.status, await head.text(), head.headers.get("content-length")]).toEqual([200, "", "47"]);
      expect((await fetch(`${url}/nothing`)).status).toBe(404);
      expect((await fetch(url, { method: "POST", body: "x" })).status).toBe(405);
      expect(await ask(port, "hello\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
      expect(await ask(port, `GET / HTTP/1.1\r\nA: ${"a".repeat(4000)}\r\n\r\n`)).toMatch(/^(HTTP\/1\.1 431 |$)/);
      const many = await Promise.all(Array.from({ length: 12 }, async () => (await fetch(`${url}/visits`)).status));
      expect(many.every((status) => status === 200)).toBe(true);
    });
    expect(events.filter(({ event }) => event === "fault" || event === "dma-fault")).toEqual([]);
  });

  test("visitors who say nothing, or never end what they say, keep nobody else waiting", LIMIT, async () => {
    await serve(async (url, port) => {
      const silent: Socket[] = [];
      for (let i = 0; i < 20; i++) {
        const socket = connect(port, "127.0.0.1").on("error", () => {});
        if (i % 2 === 1) socket.write("GET / HTTP/1.1\r\nA: ");
        silent.push(socket);
        await pause(10);
      }
      for (let i = 0; i < 3; i++) expect((await fetch(`${url}/visits`)).status).toBe(200);
      for (const socket of silent) socket.destroy();
    });
  });

  test("taken over whole it has no way on: no connection, no name, no datagram, no other port", LIMIT, async () => {
    const taken = WEB.replace("    for (;;) {\n        bw_flush", `    uint32_t address = 0;
    bw_printf("taken over: %u %u %u %u %u %u\\n", bw_net_connect(bw_use_net.cap, "10.0.2.2", 22, 0, 200), bw_net_connect(bw_use_net.cap, "example.org", 80, 0, 200), bw_net_resolve(bw_use_net.cap, "secret.example", 0, &address),
              bw_net_udp(bw_use_net.cap, 0, 200), bw_net_listen(bw_use_net.cap, 22, 1, 200), bw_net_restrict(bw_use_net.cap, "all", 200));
    for (;;) {\n        bw_flush`);
    const { output } = await serve((_url, _port, line) => until("it has tried", () => line.output.includes("taken over")), taken);
    expect(output).toContain("taken over: 4 4 4 4 4 4\n");
  });

  test("the other way: a program reaches a server of this computer, if its rule says so, and no other port of it", LIMIT, async () => {
    const server = createServer((socket) => socket.on("data", (bytes) => socket.end(`heard ${bytes.toString("latin1").length}`)).on("error", () => {})).listen(0, "127.0.0.1");
    await once(server, "listening");
    const at = server.address(), port = at !== null && typeof at === "object" ? at.port : 0, other = (await freePorts(1, "tcp"))[0] ?? 0;
    try {
      using folder = applianceFolder({
        "web.c": `#include <bailiwick.h>\n#include <bailiwick/console.h>\n#include <bailiwick/net.h>\nBW_USE(console);\nBW_USE(net);\nint main(void) {
          static uint8_t bytes[2000]; struct bw_net_info info = {0}; size_t done = 0, count = 0; bw_console_open(bw_use_console.cap); (void)bw_net_watch(bw_use_net.cap, 130, 1UL << 45);
          while (info.address == 0) { (void)bw_wait(BW_SLOT_NOTIFICATION); (void)bw_net_info(bw_use_net.cap, &info); }
          const uint32_t made = bw_net_connect(bw_use_net.cap, "10.0.2.2", ${port}, 0, 128), sent = bw_net_send(128, bytes, 900, 0, &done), got = bw_net_receive(128, bytes, sizeof bytes, 0, &count);
          bw_printf("%u %u %u %s; nobody there: %u; not allowed: %u\\n", made, sent, got, (const char *)bytes, bw_net_connect(bw_use_net.cap, "10.0.2.2", ${other}, 0, 129), bw_net_connect(bw_use_net.cap, "10.0.2.2", 1, 0, 129));
          return 0;\n}\n`,
        "appliance.yaml": MANIFEST.replace("hosts: none, forward: [\"tcp:127.0.0.1:8080:80\"]", "hosts: loopback").replace("site: { listen: 80 }", `site: { connect: ["10.0.2.2:${port}", "10.0.2.2:${other}"] }`),
      });
      const { output, status } = await runAppliance(folder.path, { limitMs: 40_000, during: (_system, _line, ended) => ended() });
      expect(output).toBe("0 0 0 heard 900; nobody there: 5; not allowed: 4\n");
      expect(status).toBe(0);
    } finally {
      server.close();
    }
  });
});
