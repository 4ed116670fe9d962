// A user network from the inside: a program's sockets, through stack, driver, card and helper, to servers on this computer.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openUserNet } from "../../core/host/user-net.ts";
import { userNetHelper } from "../../servers/operator/networks.ts";
import { applianceFolder, runAppliance, until } from "../support/appliance-run.ts";
import { freePorts } from "../support/ports.ts";

const FOLDER = "test/integration/user-net";
const file = (name: string): string => readFileSync(join(FOLDER, name), "utf8");
const PAGE = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 2_654_435_761) >>> 24));

function helper(): string | undefined {
  try {
    return userNetHelper();
  } catch {
    return undefined;
  }
}
const HELPER = helper();

const fnv = (bytes: Uint8Array): string => bytes.reduce((hash, byte) => Math.imul(hash ^ byte, 16_777_619) >>> 0, 2_166_136_261).toString(16);
const children = (): number[] =>
  readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1] === String(process.pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith(HELPER!);
    } catch {
      return false;
    }
  });

test.skipIf(HELPER === undefined)("a program gets an address, a page of 200 KB and a datagram, is refused what it may not reach, and is told when the network is gone", { timeout: 180_000 }, async () => {
  const server = createServer((_, response) => {
    response.sendDate = false;
    response.writeHead(200, { "content-length": PAGE.length, connection: "close" }).end(PAGE);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const echo = createSocket("udp4").on("message", (bytes, { port: to }) => echo.send(`${bytes.toString().toUpperCase()}`, to, "127.0.0.1")).bind(port, "127.0.0.1");
  await once(echo, "listening");
  const [closed] = await freePorts(1, "tcp");
  const whole = Buffer.from(await (await fetch(`http://127.0.0.1:${port}/page`)).arrayBuffer());
  expect(whole).toEqual(PAGE);
  const head = `HTTP/1.1 200 OK\r\ncontent-length: ${PAGE.length}\r\nconnection: close\r\n\r\n`;
  const answer = Buffer.concat([Buffer.from(head), PAGE]);
  const good = `page: 0, ${answer.length} bytes, ${fnv(answer)}`;
  try {
    using folder = applianceFolder({ "client.c": file("client.c"), "appliance.yaml": file("appliance.yaml").replace("port: 80, closed: 81", `port: ${port}, closed: ${closed}`) });
    const lost: string[] = [];
    const network = await openUserNet({ helper: HELPER!, hosts: "loopback", forward: [], onLost: (why) => lost.push(why) });
    const { output, events } = await runAppliance(folder.path, {
      limitMs: 80_000,
      networks: { net0: network },
      async during(_, line) {
        await until("several pages", () => line.output.split(good).length > 4, 50_000);
        process.kill(children()[0]!, "SIGKILL");
        await until("it is told", () => /^(connect: 7|page: 7.*)$/m.test(line.output), 20_000);
      },
    });
    await network.close();
    const said = output.split("\n");
    expect(said.slice(0, 7)).toEqual(["address a00020f ffffff00 by a000202", good, "connect: 5", "datagram: 0, HELLO from a000202", "elsewhere: 5", "a name: 14", "ping: 0, elsewhere: 8"]);
    expect(said.slice(7).filter((line) => line.startsWith("page: 0") && line !== good)).toEqual([]);
    expect(lost).toHaveLength(1);
    expect(events.filter(({ event }) => event === "fault" || event === "dma-fault")).toEqual([]);
  } finally {
    server.close();
    echo.close();
  }
});
