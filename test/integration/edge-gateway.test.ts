// examples/edge-gateway with Debian's kernel behind the firewall and a server of this computer in front of it: what the guest gets, what root in the guest tries, and what becomes of it
// all when the guest's machine or the card's driver are hostile.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { userNetHelper } from "../../servers/operator/networks.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { applianceFolder, type Line, pause, type Run, runAppliance, until, withoutKernel } from "../support/appliance-run.ts";
import { tap } from "../support/cable.ts";
import { bailiwick } from "../support/command-line.ts";
import { exampleFiles, GRASP } from "../support/example-files.ts";
import { arpReply, arpRequest, BROADCAST, ethernet, FLAG, icmpEcho, ipv4, type Mac, PROTOCOL, tcp, udp } from "../support/frames.ts";

const LIMIT = { timeout: 180_000 };
const RESET = "\u001bc", AUDITOR = "\u001d1", GUEST = "\u001d2", PROMPT = /guest:~# (?:[^ -~]\[6n)?$/;
const files = exampleFiles("edge-gateway"), MANIFEST = files["appliance.yaml"]!;
/** How the guest comes into the network, as the README has it. */
const JOIN = /^guest:~# (ifconfig .*)$/m.exec(files["README.md"]!)?.[1] ?? "no command is shown";
const RAW_GUEST = readFileSync("test/integration/example-attacks/raw-guest.c", "utf8"), RAW_NIC = readFileSync("test/integration/example-attacks/raw-nic.c", "utf8");

const linux = findLinux(findPackage().record);
function hasHelper(): boolean {
  try {
    return userNetHelper() !== "";
  } catch {
    return false;
  }
}
const runs = linux.ok && linux.value !== undefined && hasHelper();

test("the claims hold, and a check says so", LIMIT, async () => {
  const { status, out, err } = await bailiwick(["check", "examples/edge-gateway"]);
  expect([status, out.match(/^ {2}holds: /gm)?.length, err]).toEqual([0, 8, ""]);
});

test("a driver that may write to the log is an error, and the README shows it as it is", LIMIT, async () => {
  const shown = /```\n(error[^]*?)```/.exec(files["README.md"]!)?.[1]?.trimEnd().split("\n") ?? ["no error is shown"];
  using folder = applianceFolder({ ...files, "appliance.yaml": MANIFEST.replace("iospace: platform.net0.iospace }", "iospace: platform.net0.iospace, log: log.lines }") });
  const { status, err } = await bailiwick(["check", folder.path]);
  expect(status).toBe(4);
  for (const line of shown) expect(err).toContain(line);
});

/** What was asked of the server, in order. */
interface Site {
  readonly port: number;
  readonly asked: string[];
}

async function withSite(during: (site: Site) => Promise<void>, listener = (request: IncomingMessage, response: ServerResponse): void => void response.end(`page ${request.url}\n`)): Promise<void> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? "");
    listener(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await during({ port: (server.address() as AddressInfo).port, asked });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const screen = (line: Line): string => line.output.slice(line.output.lastIndexOf(RESET) + 1);
let asked = 0;
/** A command at the guest's shell, and what it prints, with its status: the shell shows what is typed as well, in lines of its own, and a view that comes back shows what was there before. */
async function shell(line: Line, command: string, limitMs = 60_000): Promise<string> {
  const from = line.output.length, begin = new RegExp(`<begin ${++asked}>\\r*\\n([^]*<\\d+>)\\r*\\n[^]*guest:~# (?:[^ -~]\\[6n)?$`);
  const heard = (): RegExpExecArray | null => begin.exec(withoutKernel(line.output.slice(from)));
  line.type(`echo '<be''gin ${asked}>'; ${command}; echo "<$?>"\r`);
  await until(`the guest does ${command}; it says ${JSON.stringify(line.output.slice(from).slice(-300))}`, () => heard() !== null, limitMs);
  return heard()![1]!.replaceAll("\r", "");
}
/** What the auditor shows; then the guest has the terminal again. */
async function audit(line: Line, shows: string): Promise<string> {
  line.type(AUDITOR);
  await until(`the log has ${shows}, and not ${JSON.stringify(screen(line).slice(-400))}`, () => screen(line).includes("[1 auditor]") && screen(line).includes(shows), 20_000);
  const said = screen(line);
  line.type(GUEST);
  await until("the guest is shown", () => screen(line).includes("[2 debian]"));
  return said;
}

const logged = (view: string): string[] => view.split(/\r*\n/).filter((line) => /^(\d|\(\d)/.test(line));

/** The example with this server, until the guest's shell waits. */
interface Gateway {
  readonly port: number;
  readonly manifest?: string;
  readonly more?: Readonly<Record<string, string>>;
  readonly onEvent?: (event: Record<string, unknown>) => void;
}
async function gateway({ port, manifest = MANIFEST, more = {}, onEvent }: Gateway, during: (line: Line) => Promise<void>): Promise<Run> {
  using folder = applianceFolder({ ...files, ...more, "appliance.yaml": manifest.replaceAll("10.0.2.2:8000", `10.0.2.2:${port}`) });
  return await runAppliance(folder.path, {
    limitMs: 130_000,
    ...(onEvent === undefined ? {} : { onEvent }),
    async during(_system, line) {
      await until("the guest's shell waits", () => PROMPT.test(withoutKernel(line.output)), 60_000);
      await during(line);
    },
  });
}
const wrong = ({ events }: Run): unknown[] => events.filter(({ event }) => event === "fault" || event === "dma-fault" || event === "exit");

/** The manifest with another program in the place of the card's driver, or of the guest. */
const withNic = (program: string): string => MANIFEST.replace("image: { server: nic }", program);
const withGuest = (program: string): string => MANIFEST.replace(/guests:\n[^]*?\n\n/, `  debian:\n${program}    use: { console: console.console, lan: firewall.lan }\n\n`);
/** Frames for a program of C's. */
const header = (frames: readonly Uint8Array[]): string =>
  `static const struct { uint32_t count; uint8_t bytes[1514]; } frames[] = {\n${frames.map((frame) => `    {${frame.length}, {${frame.join(", ")}}},\n`).join("")}};\nenum { FRAMES = sizeof frames / sizeof *frames };\n`;

const OWN: Mac = [2, 0, 0, 0, 0, 15], OTHER: Mac = [2, 0, 0, 0, 0, 16], ROUTER: Mac = [82, 85, 10, 0, 2, 2], ADDRESS = "10.0.2.15", HOST = "10.0.2.2";
const segment = (flags: number, fromPort: number, toPort: number): number[] => {
  const inwards = fromPort === 8000, [from, to] = inwards ? [HOST, ADDRESS] : [ADDRESS, HOST];
  return ipv4(PROTOCOL.tcp, from, to, tcp(from, to, { fromPort, toPort, sequence: 1, acknowledged: 0, flags, data: new Uint8Array(20) }));
};
const SYN = ethernet(ROUTER, OWN, 0x800, segment(FLAG.syn, 4000, 8000)), SYN_ACK = ethernet(OWN, ROUTER, 0x800, segment(FLAG.syn | FLAG.ack, 8000, 4000));
const ASKS = arpRequest(OWN, ADDRESS, HOST), ANSWERS = arpReply(ROUTER, HOST, OWN, ADDRESS);
/** What a guest must not send, and what the log says of it. */
const OUT: readonly (readonly [Uint8Array, string])[] = [
  [ethernet(ROUTER, OWN, 0x800, segment(FLAG.syn, 4000, 22)), "tcp 10.0.2.2:22"],
  [ethernet(ROUTER, OWN, 0x800, segment(FLAG.ack, 4001, 8000)), "tcp 10.0.2.2:8000, of no connection"],
  [ethernet(ROUTER, OTHER, 0x800, segment(FLAG.syn, 4000, 8000)), "speaks as 02:00:00:00:00:10"],
  [ethernet(ROUTER, OWN, 0x800, ipv4(PROTOCOL.udp, "10.0.2.77", HOST, udp("10.0.2.77", HOST, 1, 8000, [1]))), "speaks as 10.0.2.77"],
  [arpReply(OWN, HOST, BROADCAST, HOST), "ARP that speaks for 10.0.2.2"],
  [ethernet(ROUTER, OWN, 0x800, ipv4(PROTOCOL.tcp, ADDRESS, HOST, tcp(ADDRESS, HOST, { fromPort: 4000, toPort: 8000, sequence: 1, acknowledged: 0, flags: FLAG.syn, data: new Uint8Array(8) }), { fragment: 0x2000 })), "a fragment"],
  [ethernet(ROUTER, OWN, 0x86dd, new Array<number>(60).fill(0)), "IPv6"],
  [ethernet(ROUTER, OWN, 0x8100, [0, 1, 8, 0, ...segment(FLAG.syn, 4000, 8000)]), "a VLAN tag"],
  [ethernet(ROUTER, OWN, 0x800, segment(FLAG.syn, 4000, 8000)).subarray(0, 50), "IPv4 that is cut short"],
];
/** What must not come to it. */
const IN: readonly (readonly [Uint8Array, string])[] = [
  [ethernet(OWN, ROUTER, 0x800, segment(FLAG.syn, 8000, 4000)), "tcp from 10.0.2.2:8000, not asked for"],
  [ethernet(OWN, ROUTER, 0x800, segment(FLAG.ack, 8000, 22)), "tcp from 10.0.2.2:8000, not asked for"],
  [ethernet(OTHER, ROUTER, 0x800, segment(FLAG.ack, 8000, 4000)), "is for 02:00:00:00:00:10"],
  [ethernet(OWN, ROUTER, 0x800, ipv4(PROTOCOL.icmp, HOST, ADDRESS, icmpEcho(1, 1, []))), "icmp 10.0.2.15"],
  [arpReply(ROUTER, ADDRESS, OWN, ADDRESS), "ARP that speaks for 10.0.2.15"],
  [ethernet(OWN, ROUTER, 0x86dd, new Array<number>(60).fill(0)), "IPv6"],
];
const shown = (frame: Uint8Array, bytes: number): string => `${frame.length}: ${Buffer.from(frame.subarray(0, bytes)).toString("hex")}`;

describe.skipIf(!runs)("the gateway", () => {
  test("the guest is given its address, fetches pages whole by wget, and comes to nothing else; the log says what", LIMIT, async () => {
    const big = Array.from({ length: 100_000 }, (_, i) => `line ${i * 7919}\n`).join("");
    await withSite(
      async ({ port, asked }) => {
        const run = await gateway({ port }, async (line) => {
          expect(await shell(line, `${JOIN} >/dev/null 2>&1; ip addr show eth0 | grep -o 'inet [0-9.]*'`)).toBe("inet 10.0.2.15\n<0>");
          expect(await shell(line, `wget -q -O - http://10.0.2.2:${port}/hello`)).toBe("page /hello\n<0>");
          expect(await shell(line, `wget -q -O - http://10.0.2.2:${port}/big | sha256sum`, 60_000)).toContain(createHash("sha256").update(big).digest("hex"));
          expect(await shell(line, "wget -q -T 3 -O - http://10.0.2.2:22/ 2>/dev/null || wget -q -T 3 -O - http://10.0.2.3/ 2>/dev/null || echo neither")).toBe("neither\n<0>");
          const log = logged(await audit(line, "10.0.2.2:22"));
          expect(log.filter((text) => text.includes("allowed")).map((text) => text.replace(/^\d+ /, ""))).toEqual(new Array(2).fill(`allowed: tcp 10.0.2.2:${port}`));
          expect(log.map((text) => text.replace(/^\d+ /, ""))).toContain("refused: out: tcp 10.0.2.2:22");
        });
        expect(asked).toEqual(["/hello", "/big"]);
        expect(wrong(run)).toEqual([]);
      },
      (request, response) => void response.end(request.url === "/big" ? big : `page ${request.url}\n`),
    );
  });

  test("root in the guest speaks as another, to others, in other languages, and floods: nothing of it passes, and the log says why", LIMIT, async () => {
    await withSite(async ({ port, asked }) => {
      const manifest = MANIFEST.replace("args: { reader: history }", "args: { reader: history, rate: 1 }");
      const run = await gateway({ port, manifest }, async (line) => {
        expect(await shell(line, `${JOIN} >/dev/null 2>&1`)).toBe("<0>");
        const page = `wget -q -T 2 -O - http://10.0.2.2:${port}`;
        expect(await shell(line, "ping -c 1 -W 1 -q 10.0.2.2 >/dev/null; ping -c 1 -W 1 -s 3000 -q 10.0.2.2 >/dev/null; arping -c 1 -w 1 -I eth0 10.0.2.3 >/dev/null; echo tried")).toContain("tried");
        expect(await shell(line, `ifconfig eth0 10.0.2.99; ip neigh flush dev eth0; ${page}/as 2>/dev/null || arp -s 10.0.2.2 52:55:0a:00:02:02; ${page}/as 2>/dev/null || arp -d 10.0.2.2; ifconfig eth0 10.0.2.15; echo tried`, 40_000)).toContain("tried");
        // IPv6, which Linux begins by itself where it is let; a group; and another card.
        expect(await shell(line, "echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6; ip link set eth0 down; ip link set eth0 up; sleep 2; echo tried")).toContain("tried");
        expect(await shell(line, `ip link set eth0 down; ip link set eth0 address 02:00:00:00:00:77; ip link set eth0 up; ip route add default via 10.0.2.2; ${page}/other 2>/dev/null || echo nothing`)).toContain("nothing\n");
        expect(await shell(line, `ip link set eth0 down; ip link set eth0 address 02:00:00:00:00:0f; ip link set eth0 up; sleep 1; ${page.replace("-T 2", "-T 20")}/again`, 60_000)).toBe("page /again\n<0>");
        const log = (await audit(line, "allowed: tcp")).replaceAll(/\d+ refused/g, "refused");
        for (const why of ["icmp 10.0.2.2", "a fragment", "ARP for 10.0.2.3", "ARP that speaks for 10.0.2.99", "speaks as 10.0.2.99", "speaks as 02:00:00:00:00:77"]) expect(log).toContain(`refused: out: ${why}`);
        // More connections in a second than the log takes lines: they wait, and the log says how many it has not got.
        expect(await shell(line, `i=0; while [ $i -lt 80 ]; do wget -q -T 5 -O /dev/null http://10.0.2.2:${port}/flood & i=$((i+1)); done >/dev/null 2>&1; wait; echo done`, 90_000)).toContain("done");
        await pause(2500);
        expect(await shell(line, `${page.replace("-T 2", "-T 20")}/later`, 40_000)).toBe("page /later\n<0>");
        await audit(line, "lines were too many, and are not here");
        // Each connection that was made has its line all the same.
        expect(new Set(line.output.match(/^\d+ allowed: tcp/gm)).size).toBeGreaterThanOrEqual(asked.length);
      });
      expect(asked.filter((url) => url !== "/flood")).toEqual(["/again", "/later"]);
      expect(wrong(run)).toEqual([]);
    });
  });

  test("a guest's machine that was taken over sends what it likes, and takes its memory back in the middle: what the rules name passes, once, and the firewall goes on", LIMIT, async () => {
    const manifest = withGuest("    image: { c: raw-guest.c }\n    memory: 8MiB\n    restart: { on: always, max: 9, backoff: 3s }\n    essential: true\n"), net0 = tap(), said: string[] = [];
    const sent: Uint8Array[] = [];
    net0.onSent = (frame) => {
      sent.push(frame);
      if (frame[12] !== 8 || frame[13] !== 6) return;
      for (const [forged] of IN) net0.deliver(forged);
      net0.deliver(SYN_ACK);
      net0.deliver(ANSWERS);
    };
    using folder = applianceFolder({ ...files, "raw-guest.c": RAW_GUEST, "frames.h": header([SYN, ...OUT.map(([frame]) => frame), ASKS]), "appliance.yaml": manifest });
    const run = await runAppliance(folder.path, {
      limitMs: 60_000,
      networks: { net0 },
      onEvent: ({ event, component, text }) => void (event === "log" && component === "debian" && said.push(String(text))),
      during: async (_system, line) => {
        await until("it has lived twice", () => said.filter((text) => text.startsWith("has taken")).length === 2, 40_000);
        line.type(AUDITOR);
        const log = (): string[] => logged(screen(line)).map((text) => text.replace(/^\d+ /, ""));
        await until("the auditor shows all", () => log().filter((text) => text.startsWith("refused 2 times: in: icmp")).length > 0);
        const mine = log().filter((text) => text.includes("out: "));
        expect(mine).toEqual([...OUT.map(([, why]) => `refused: out: ${why}`), ...OUT.map(([, why]) => `refused 2 times: out: ${why}`)]);
        expect(log()).toEqual(expect.arrayContaining([...new Set(IN.map(([, why]) => `refused: in: ${why}`)), "allowed: tcp 10.0.2.2:8000"]));
      },
    });
    const life = ["opens: none", `came ${shown(SYN_ACK, 48)}`, `came ${shown(ANSWERS, 48)}`, `sent ${OUT.length + 2}`, "has taken its window back"];
    expect(said.map((text) => text.trimEnd())).toEqual([...life, ...life]);
    // Its last frames were in memory that it had taken back.
    expect(sent).toEqual([SYN, ASKS, SYN, ASKS]);
    expect(run.events.filter(({ event, component }) => (event === "fault" || event === "exit") && component !== "debian")).toEqual([]);
  });

  test("a driver that was taken over forges frames and answers, and ends: the guest gets what it asked for, and its terminal and the firewall go on", LIMIT, async () => {
    const said: string[] = [];
    await withSite(async ({ port, asked }) => {
      const more = { "raw-nic.c": RAW_NIC, "frames.h": header([...IN.map(([frame]) => frame), ANSWERS]) };
      const manifest = withNic("image: { c: raw-nic.c }\n    memory: 2MiB").replace("    offer: { card: NicDriver }", "    offer: { card: NicDriver }\n    args: { ends: 7 }");
      const run = await gateway({ port, manifest, more, onEvent: ({ event, component, text }) => void (event === "log" && component === "nic" && said.push(String(text).trimEnd())) }, async (line) => {
        expect(await shell(line, "ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; ping -c 1 -W 1 -q 10.0.2.2 >/dev/null; ip neigh show 10.0.2.2 | grep -o 'lladdr [0-9a-f:]*'")).toBe("lladdr 52:55:0a:00:02:02\n<0>");
        expect(await shell(line, `wget -q -T 3 -O - http://10.0.2.2:${port}/a 2>/dev/null || echo nothing`)).toBe("nothing\n<0>");
        // What was forged has not come: what the guest's card has received is ARP's answers.
        const received = /(\d+) (\d+)\n<0>/.exec(await shell(line, "echo $(cat /sys/class/net/eth0/statistics/rx_packets) $(grep -c . /proc/net/arp)"))!;
        expect(Number(received[1])).toBeLessThanOrEqual(said.filter((text) => text.startsWith("sends")).length);
        expect(said.every((text) => text.startsWith("sends"))).toBe(true);
        expect(await shell(line, `wget -q -T 5 -O - http://10.0.2.2:${port}/c 2>/dev/null || echo nothing`)).toBe("nothing\n<0>");
        await until("it has ended", () => said.includes("ends"));
        expect(await shell(line, `wget -q -T 2 -O - http://10.0.2.2:${port}/b 2>/dev/null || echo nothing`)).toBe("nothing\n<0>");
        const log = await audit(line, "the card's driver is gone");
        for (const [, why] of IN) expect(log).toContain(`: in: ${why}`);
      });
      expect(asked).toEqual([]);
      expect(run.events.filter(({ event, component }) => event === "fault" || (event === "exit" && component !== "nic"))).toEqual([]);
    });
  });

  test("a driver that gives its device's registers for the rings has no client", LIMIT, async () => {
    await withSite(async ({ port, asked }) => {
      const manifest = withNic("image: { c: raw-nic.c }\n    memory: 2MiB").replace("    offer: { card: NicDriver }", "    offer: { card: NicDriver }\n    args: { registers: 1 }");
      const run = await gateway({ port, manifest, more: { "raw-nic.c": RAW_NIC, "frames.h": header([ANSWERS]) } }, async (line) => {
        expect(await shell(line, `ifconfig eth0 10.0.2.15; wget -q -T 2 -O - http://10.0.2.2:${port}/ 2>/dev/null || echo nothing`)).toBe("nothing\n<0>");
        await audit(line, "no card: no channel to its server (unknown)");
      });
      expect(asked).toEqual([]);
      expect(wrong(run)).toEqual([]);
    });
  });

  const SECRET = "what-the-guest-keeps";
  test("a driver that answers nobody, and asks everything of everybody, comes to no log, no terminal and no guest; the guest has no network, and its person waits for nothing", LIMIT, async () => {
    const said: string[] = [];
    await withSite(async ({ port, asked }) => {
      const manifest = withNic("image: { c: grasp.c }\n    args: { write: LEAKED, rounds: 3000, seek: what-the-guest-keeps }");
      const run = await gateway({ port, manifest, more: { "grasp.c": GRASP }, onEvent: ({ event, component, text }) => void (event === "log" && component === "nic" && said.push(String(text))) }, async (line) => {
        expect(await shell(line, `echo ${SECRET}; ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up`)).toBe(`${SECRET}\n<0>`);
        expect(await shell(line, `wget -q -T 2 -O - http://10.0.2.2:${port}/ 2>/dev/null || echo nothing`)).toBe("nothing\n<0>");
        await until("it has tried all, now and then", () => said.length > 2, 60_000);
        line.type(AUDITOR);
        await until("the auditor is shown", () => screen(line).includes("[1 auditor]"));
        expect(logged(screen(line))).toEqual([]);
      });
      expect(asked).toEqual([]);
      expect(said.at(-1)).toMatch(/^tried \d+: 0 endpoints/);
      expect(said.at(-1)).toContain("not found");
      expect(run.output).not.toContain("LEAKED");
      expect(wrong(run)).toEqual([]);
    });
  });

  test("a hostile driver that turns its card on the machine's memory, the guest's among it, sends none of it and changes none of it", LIMIT, async () => {
    // As in test/security/nic.test.ts, where the same succeeds without the IOMMU; here it has no terminal to say so.
    const attack = readFileSync("test/security/nic/attack.c", "utf8").replace("BW_USE(console);\n", "").replace("    bw_console_open(bw_use_console.cap);\n", "").replaceAll("bw_printf(", "bw_logf(");
    const said: string[] = [];
    const program = MANIFEST.replace("image: { server: nic }", "image: { c: attack.c }\n    memory: 16MiB");
    using folder = applianceFolder({ ...files, "attack.c": attack, "appliance.yaml": program });
    // The far end gives back what is sent, so that there is something to receive.
    const net0 = tap();
    net0.onSent = (frame) => net0.deliver(frame);
    const run = await runAppliance(folder.path, {
      limitMs: 130_000,
      networks: { net0 },
      onEvent: ({ event, component, text }) => void (event === "log" && component === "nic" && said.push(String(text).trimEnd())),
      during: async (_system, line) => {
        await until("the guest's shell waits", () => PROMPT.test(withoutKernel(line.output)), 60_000);
        await until("it has tried all", () => said.some((text) => / of \d+ ways$/.test(text)), 60_000);
        expect(await shell(line, "echo unharmed")).toBe("unharmed\n<0>");
        line.type(AUDITOR);
        await until("the auditor is shown", () => screen(line).includes("[1 auditor]"));
        expect(logged(screen(line))).toEqual(["0 no card: its network server does not answer (error 11)"]);
      },
    });
    expect(said.filter((text) => text.endsWith(" refused"))).toHaveLength(16);
    expect(said.join("\n")).not.toContain("REACHED");
    const refused = run.events.filter(({ event }) => event === "dma-fault");
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every(({ component, device }) => component === "nic" && device === "net0")).toBe(true);
    expect(run.events.filter(({ event }) => event === "fault")).toEqual([]);
  });

  test("a guest that has taken over its machine's server has its port and its terminal, and nothing by them", LIMIT, async () => {
    const manifest = withGuest("    image: { c: grasp.c }\n    args: { write: LEAKED, rounds: 2 }\n    essential: true\n");
    expect(manifest).toContain("grasp.c");
    using folder = applianceFolder({ ...files, "grasp.c": GRASP, "appliance.yaml": manifest });
    const said: string[] = [];
    const run = await runAppliance(folder.path, {
      limitMs: 60_000,
      onEvent: ({ event, component, text }) => void (event === "log" && component === "debian" && said.push(String(text))),
      during: async (_system, line) => {
        await until("it has tried", () => said.length > 1, 40_000);
        line.type(AUDITOR);
        await until("the auditor is shown", () => screen(line).includes("[1 auditor]"));
        expect(logged(screen(line))).toEqual([]);
      },
    });
    expect(said.at(-1)).toMatch(/^tried 2: \d+ endpoints, [1-9]\d+ calls, some answered; none given/);
    // It may write to its terminal, which is the view that the console says is its own.
    expect(run.output.split(RESET).filter((view) => view.includes("LEAKED") && view.includes("[1 auditor]"))).toEqual([]);
    expect(wrong(run)).toEqual([]);
  });
});
