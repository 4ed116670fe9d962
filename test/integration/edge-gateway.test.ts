// examples/edge-gateway with Debian's kernel behind the firewall and a server of this computer in front of it: what the guest gets, what root in the guest tries, and what becomes of it
// all when driver, network server or courier are hostile.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { userNetHelper } from "../../servers/operator/networks.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { applianceFolder, type Line, pause, type Run, runAppliance, until } from "../support/appliance-run.ts";
import { tap } from "../support/cable.ts";
import { bailiwick } from "../support/command-line.ts";
import { exampleFiles, GRASP } from "../support/example-files.ts";

const LIMIT = { timeout: 150_000 };
const RESET = "\u001bc", GUEST = "\u001d1", AUDITOR = "\u001d2", PROMPT = /guest:~# (?:[^ -~]\[6n)?$/;
const files = exampleFiles("edge-gateway"), MANIFEST = files["appliance.yaml"]!;
/** The function as the README has it, on one line. */
const GET = /^ {4}(get\(\) \(.*\))$/m.exec(files["README.md"]!)?.[1] ?? "no function is shown";

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
/** A command at the guest's shell, and what it prints, with its status: the shell shows what is typed as well, in lines of its own. */
async function shell(line: Line, command: string, limitMs = 30_000): Promise<string> {
  const from = line.output.length, heard = (): RegExpExecArray | null => /<begin>\r*\n([^]*<\d+>)\r*\n[^]*guest:~# (?:[^ -~]\[6n)?$/.exec(line.output.slice(from));
  line.type(`echo '<be''gin>'; ${command}; echo "<$?>"\r`);
  await until(`the guest does ${command}; it says ${JSON.stringify(line.output.slice(from).slice(-300))}`, () => heard() !== null, limitMs);
  return heard()![1]!.replaceAll("\r", "");
}
/** What the auditor shows; then the guest has the terminal again. */
async function audit(line: Line, shows: string): Promise<string> {
  line.type(AUDITOR);
  await until(`the log has ${shows}, and not ${JSON.stringify(screen(line).slice(-400))}`, () => screen(line).includes("[2 auditor]") && screen(line).includes(shows), 20_000);
  const said = screen(line);
  line.type(GUEST);
  await until("the guest is shown", () => screen(line).includes("[1 firewall]"));
  return said;
}

const logged = (view: string): string[] => view.split(/\r*\n/).filter((line) => /^(\d|\(\d)/.test(line));

/** The example with this server, until the guest's shell waits; with components taken over. */
interface Gateway {
  readonly port: number;
  /** Arguments of the program in a component's place. */
  readonly hostile?: Readonly<Record<string, string>>;
  readonly onEvent?: (event: Record<string, unknown>) => void;
}
async function gateway({ port, hostile = {}, onEvent }: Gateway, during: (line: Line) => Promise<void>): Promise<Run> {
  let manifest = MANIFEST.replaceAll("10.0.2.2:8000", `10.0.2.2:${port}`);
  for (const [name, args] of Object.entries(hostile)) {
    manifest = manifest.replace(new RegExp(`(\n  ${name}:\n    image: )[^\n]*((?:\n    (?!args)[^\n]*)*)(\n    args: [^\n]*)?`), `$1{ c: grasp.c }$2\n    args: ${args}`);
  }
  using folder = applianceFolder({ ...files, "grasp.c": GRASP, "appliance.yaml": manifest });
  return await runAppliance(folder.path, {
    limitMs: 130_000,
    ...(onEvent === undefined ? {} : { onEvent }),
    async during(_system, line) {
      await until("the guest's shell waits", () => PROMPT.test(line.output), 60_000);
      expect(await shell(line, GET)).toBe("<0>");
      await during(line);
    },
  });
}
const wrong = ({ events }: Run): unknown[] => events.filter(({ event }) => event === "fault" || event === "dma-fault" || event === "exit");

describe.skipIf(!runs)("the gateway", () => {
  test("root in the guest gets the pages that the rules name, whole, and no others; all of it is in the log", LIMIT, async () => {
    const big = Array.from({ length: 4000 }, (_, i) => `line ${i * 7919}\n`).join("");
    await withSite(
      async ({ port, asked }) => {
        const run = await gateway({ port }, async (line) => {
          expect(await shell(line, `get 10.0.2.2:${port}/public/hello`)).toBe("200 19 ok\npage /public/hello\n<0>");
          expect(await shell(line, `get 10.0.2.2:${port}/public/big | sha256sum`, 60_000)).toContain(createHash("sha256").update(big).digest("hex"));
          expect(await shell(line, `get 10.0.2.2:${port}/public/none`)).toBe("404 8 ok\nnothing\n<0>");
          expect(await shell(line, `get 10.0.2.2:${port}/private/a`)).toBe("0 0 denied\n<0>");
          const at = `10.0.2.2:${port}/public`;
          expect(logged(await audit(line, "\n6 "))).toEqual([
            `0 allowed: ${at}/hello`, `1 200, 19 bytes: ${at}/hello`, `2 allowed: ${at}/big`, `3 200, ${big.length} bytes: ${at}/big`, `4 allowed: ${at}/none`, `5 404, 8 bytes: ${at}/none`,
            `6 denied: 10.0.2.2:${port}/private/a`,
          ]);
        });
        expect(asked).toEqual(["/public/hello", "/public/big", "/public/none"]);
        expect(wrong(run)).toEqual([]);
      },
      (request, response) => {
        if (request.url === "/public/none") response.writeHead(404).end("nothing\n");
        else response.end(request.url === "/public/big" ? big : `page ${request.url}\n`);
      },
    );
  });

  test("root in the guest asks for what it may not, asks wrongly, floods, writes into the log, and looks for another way out", LIMIT, async () => {
    await withSite(async ({ port, asked }) => {
      const at = `10.0.2.2:${port}`;
      const run = await gateway({ port }, async (line) => {
        for (const [what, answer] of [
          [`${at}/public/../private`, "badRequest"], [`${at}/public/%2e%2e/private`, "badRequest"], [`${at}//public/a`, "badRequest"], [`${at}/public/a HTTP/1.1`, "badRequest"],
          [`${at}@evil/public/a`, "badRequest"], [`10.0.2.2:0${port}/public/a`, "badRequest"], ["allowed: everything", "badRequest"],
          ["10.0.2.2:22/public/a", "denied"], [`127.0.0.1:${port}/public/a`, "denied"], [`10.0.2.2.evil:${port}/public/a`, "denied"], [`${at}/publica`, "denied"],
        ] as const) expect([what, await shell(line, `get '${what}'`)]).toEqual([what, `0 0 ${answer}\n<0>`]);
        expect(await shell(line, `get "$(seq 400 | tr -d '\\n')"`)).toBe("0 0 badRequest\n<0>");
        expect(await shell(line, String.raw`get "$(printf '\377\302\233evil')"`)).toBe("0 0 badRequest\n<0>");
        // A line's end is the end of a request: nothing of these is one.
        expect(await shell(line, String.raw`printf '\033_GET ${at}/public/a\r\nX: y\033\\'; printf '\033_GET x\n99 allowed: everything\033\\'`)).toContain("<0>");
        const before = logged(await audit(line, "no request: GET ???evil"));
        expect(before.every((text, i) => new RegExp(`^${i} (denied: [ -~]*|no request: GET [ -~]*|no request: too long)$`).test(text))).toBe(true);
        // So much that the log takes no more of it: then the page that it may have is not fetched either.
        expect(await shell(line, String.raw`{ seq 60 | while read -r n; do printf '\033_GET x\033\\'; done; printf '\033_GET ${at}/public/flooded\033\\'; } >/tmp/all`)).toBe("<0>");
        const flood = await shell(line, 'stty -echo; cat /tmp/all; n=0; while [ $n -lt 61 ]; do read -r said; read -r dot; n=$((n+1)); done; echo "$said $dot"; stty echo', 60_000);
        expect(flood).toBe("0 0 tooFast .\n<0>");
        await pause(1500);
        expect(await shell(line, `get ${at}/public/later`)).toBe("200 19 ok\npage /public/later\n<0>");
        expect(logged(await audit(line, "/public/later"))).toContainEqual(expect.stringMatching(/^\(\d+ lines were too many, and are not here\)$/));
        // Its machine: a console, a control line and random bytes, and a network that ends in itself.
        expect(await shell(line, "ls /sys/class/net; ls /sys/bus/virtio/devices | wc -l; ls /sys/class/block")).toBe("lo\n3\n<0>");
      });
      expect(asked).toEqual(["/public/later"]);
      expect(wrong(run)).toEqual([]);
    });
  });

  const SECRET = "what-the-guest-keeps";
  test.each([
    ["nic", "{ write: LEAKED, rounds: 3000, seek: what-the-guest-keeps }", /^tried \d+: 0 endpoints/],
    ["net", "{ write: LEAKED, rounds: 100000, seek: what-the-guest-keeps, skip: 2 }", /^tried \d+: 3 endpoints, [1-9]\d+ calls/],
    ["courier", "{ write: LEAKED, rounds: 100000, seek: what-the-guest-keeps, skip: 33 }", /^tried \d+: [1-9]\d* endpoints, [1-9]\d+ calls/],
  ] as const)("a hostile %s comes to no log, no terminal and no guest; the guest waits for a page, and its person for nothing", LIMIT, async (name, args, tried) => {
    const said: string[] = [];
    await withSite(async ({ port, asked }) => {
      const run = await gateway({ port, hostile: { [name]: args }, onEvent: ({ event, component, text }) => void (event === "log" && component === name && said.push(String(text))) }, async (line) => {
        expect(await shell(line, `echo ${SECRET}`)).toBe(`${SECRET}\n<0>`);
        line.type(`get 10.0.2.2:${port}/public/hello\r`);
        await audit(line, "/public/hello");
        await pause(500);
        const from = line.output.length;
        line.type("\u0003");
        await until("the shell waits again", () => PROMPT.test(line.output.slice(from)));
        await pause(300);
        expect(await shell(line, "echo goes on")).toBe("goes on\n<0>");
        const before = said.length;
        await until("it has tried all, now and then", () => said.length > before, 60_000);
        expect(logged(await audit(line, "/public/hello"))).toEqual([`0 allowed: 10.0.2.2:${port}/public/hello`]);
      });
      expect(asked).toEqual([]);
      expect(said.at(-1)).toMatch(tried);
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
        await until("the guest's shell waits", () => PROMPT.test(line.output), 60_000);
        await until("it has tried all", () => said.some((text) => / of \d+ ways$/.test(text)), 60_000);
        expect(await shell(line, "echo unharmed")).toBe("unharmed\n<0>");
        line.type(AUDITOR);
        await until("the auditor is shown", () => screen(line).includes("[2 auditor]"));
        expect(logged(screen(line))).toEqual([]);
      },
    });
    expect(said.filter((text) => text.endsWith(" refused"))).toHaveLength(16);
    expect(said.join("\n")).not.toContain("REACHED");
    const refused = run.events.filter(({ event }) => event === "dma-fault");
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every(({ component, device }) => component === "nic" && device === "net0")).toBe(true);
    expect(run.events.filter(({ event }) => event === "fault")).toEqual([]);
  });

  test("a guest that has taken over its machine's server has the firewall's line, and nothing by it", LIMIT, async () => {
    const program = "  debian:\n    image: { c: grasp.c }\n    use: { console: firewall.line }\n    args: { write: LEAKED, rounds: 2 }\n    essential: true\n\n";
    const manifest = MANIFEST.replace(/guests:\n[^]*?\n\n/, program);
    expect(manifest).toContain("grasp.c");
    using folder = applianceFolder({ ...files, "grasp.c": GRASP, "appliance.yaml": manifest });
    const said: string[] = [];
    const run = await runAppliance(folder.path, {
      limitMs: 60_000,
      onEvent: ({ event, component, text }) => void (event === "log" && component === "debian" && said.push(String(text))),
      during: async (_system, line) => {
        await until("it has tried", () => said.length > 1, 40_000);
        line.type(AUDITOR);
        await until("the auditor is shown", () => screen(line).includes("[2 auditor]"));
        expect(logged(screen(line))).toEqual([]);
      },
    });
    expect(said.at(-1)).toMatch(/^tried 2: \d+ endpoints, [1-9]\d+ calls, some answered; none given/);
    // It may write to its terminal, which is the view that the console says is the firewall's.
    expect(run.output.split(RESET).filter((view) => view.includes("LEAKED") && view.includes("[2 auditor]"))).toEqual([]);
    expect(wrong(run)).toEqual([]);
  });
});
