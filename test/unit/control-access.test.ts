// ACCESS-*: who gets in at the control socket, at the shared one and at the port: every route with every right, with tokens for some guests only, without any; by curl, and by Prometheus itself.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request, type OutgoingHttpHeaders } from "node:http";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { failure } from "../../servers/operator/failure.ts";
import { findProgram } from "../../servers/operator/setup/command.mjs";
import { describeApi, ROUTES } from "../../servers/operator/vm/api.ts";
import { openControl, type ControlServer } from "../../servers/operator/vm/api-server.ts";
import type { GuestKeeper } from "../../servers/operator/vm/keeper.ts";
import { RIGHTS, type Right } from "../../servers/operator/vm/rights.ts";
import { Tokens } from "../../servers/operator/vm/tokens.ts";
import { parseExposition } from "../support/exposition.ts";
import { outsideTool } from "../support/outside.ts";
import { freePorts } from "../support/ports.ts";

const NAMES = Object.keys(RIGHTS) as Right[];
let folder: string, server: ControlServer, tokens: Tokens, asked: string[];

const guest = (name: string) => ({ name, state: "running", memory: 4096, cpus: 1 });
const keeper = {
  list: () => ["g", "h"].map(guest),
  info(name: string) {
    if (name !== "g" && name !== "h") throw failure("BW0325", `there is no guest '${name}'`);
    return guest(name);
  },
  component: () => ({ number: 0 }),
  stats: async () => undefined,
  machine: { kernel: { tcbs: [] }, stats: () => ({ traps: 1, fastCalls: 1, blocks: 0, engines: 1, rebinds: 0, ticks: 0 }) },
  pause: async (name: string) => void asked.push(`pause ${name}`),
  resume: async (name: string) => void asked.push(`resume ${name}`),
  shutdown: async (name: string) => void asked.push(`shutdown ${name}`),
  async snapshot(name: string, to: string) {
    asked.push(`snapshot ${name} ${to}`);
    return { guest: name, taken: "2026-01-01T00:00:00Z", pausedMs: 1 };
  },
} as unknown as GuestKeeper;

beforeEach(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "bailiwick-access-")));
  mkdirSync(join(folder, "snapshots"));
  asked = [];
  tokens = new Tokens();
  server = await openControl(join(folder, "own"), { name: "test", guests: keeper, stop: () => void asked.push("stop") }, { shared: join(folder, "shared"), port: 0, tokens });
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}
type Where = "own" | "shared" | "port";
function ask(where: Where, token: string | undefined, method: string, path: string, body?: string, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const place = where === "port" ? { host: "127.0.0.1", port: server.port } : { socketPath: join(folder, where) };
    const sent = request({ ...place, method, path, agent: false, headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers } }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
const owner = async (wanted: object): Promise<{ readonly id: string; readonly token: string }> => JSON.parse((await ask("own", undefined, "POST", "/tokens", JSON.stringify(wanted))).text) as { readonly id: string; readonly token: string };
const statusOf = async (...args: Parameters<typeof ask>): Promise<number> => (await ask(...args)).status;

/** A request for a route that is as its description wants it. */
function example({ id, path }: (typeof ROUTES)[number]): readonly [path: string, body: string | undefined] {
  const bodies: Readonly<Record<string, object>> = { setGuestState: { state: "paused" }, createSnapshot: { folder: join(folder, "snapshots", "s") }, createToken: { may: ["tokens"] } };
  return [path.replace("{guest}", "g").replace("{token}", "000000000000"), id in bodies ? JSON.stringify(bodies[id]) : undefined];
}

describe("ACCESS", () => {
  test("001 every route with every right alone: it is answered with its own, and with another it is not carried out and the right is named", async () => {
    const all = await Promise.all(NAMES.map(async (right) => [right, (await owner({ may: [right], ...(right === "snapshot" ? { below: join(folder, "snapshots") } : {}) })).token] as const));
    for (const where of ["own", "shared", "port"] as const) {
      for (const route of ROUTES) {
        const [path, body] = example(route), good = route.id === "deleteToken" ? 404 : (route.gives?.status ?? 204);
        expect(await statusOf(where, undefined, route.method, path, body), route.id).toBe(where === "own" ? good : 401);
        for (const [right, token] of all) {
          asked = [];
          const { status, text, headers } = await ask(where, token, route.method, path, body), may = route.right === null || route.right === right;
          expect(status, `${route.id} with ${right} at ${where}: ${text}`).toBe(may ? good : 403);
          if (may) continue;
          expect(asked).toEqual([]);
          expect(JSON.parse(text)).toEqual({ code: null, message: `the token has not the right '${route.right!}'` });
          expect(headers["www-authenticate"]).toBe(`Bearer error="insufficient_scope", scope="${route.right!}"`);
        }
      }
    }
    expect(new Set(ROUTES.map(({ right }) => right))).toEqual(new Set([...NAMES, null]));
  });

  test("002 a token for one guest: of the other it sees, and does, nothing; whether there is a guest it is not told; and what concerns all is not its affair", async () => {
    const { token } = await owner({ may: NAMES, guests: ["g"], below: join(folder, "snapshots") });
    expect(JSON.parse((await ask("port", token, "GET", "/")).text)).toEqual({ name: "test", guests: [guest("g")] });
    expect(JSON.parse((await ask("port", token, "GET", "/guests")).text)).toEqual([guest("g")]);
    asked = [];
    for (const route of ROUTES.filter(({ path }) => path.includes("{guest}"))) {
      const [path, body] = example(route);
      for (const other of ["h", "none"]) expect(await ask("shared", token, route.method, path.replace("/guests/g", `/guests/${other}`), body), route.id).toMatchObject({ status: 403, text: `${JSON.stringify({ code: null, message: `the token is not for guest ${other}` })}\n` });
      expect(await statusOf("shared", token, route.method, path, body)).toBeLessThan(300);
    }
    expect(asked.filter((each) => / (h|none)/.test(each))).toEqual([]);
    expect(await ask("shared", token, "POST", "/stop")).toMatchObject({ status: 403, text: expect.stringContaining("for guest g alone") });
    expect(asked).not.toContain("stop");
    const mine = parseExposition((await ask("port", token, "GET", "/metrics")).text).values, everything = parseExposition((await ask("own", undefined, "GET", "/metrics")).text).values;
    expect([...mine.keys()].every((key) => key.includes('{guest="g"'))).toBe(true);
    expect([mine.get('bailiwick_guest_memory_bytes{guest="g"}'), everything.get('bailiwick_guest_memory_bytes{guest="h"}'), everything.get("bailiwick_kernel_traps_total")]).toEqual([4096, 4096, 1]);
    expect((await ask("own", undefined, "POST", "/tokens", '{"may":["view"],"guests":["gg"]}')).status).toBe(404);
  });

  test("003 who is not admitted is told nothing: the same answer for all there is and is not, and no secret in any", async () => {
    const { id, token } = await owner({ may: ["view", "tokens"] });
    const wrong = `${token.slice(0, -2)}${token.endsWith("AA") ? "BB" : "AA"}`;
    for (const where of ["shared", "port"] as const) {
      for (const headers of [{}, { authorization: `Bearer ${wrong}` }, { authorization: token }, { authorization: `Basic ${token}` }, { authorization: `Bearer ${token} x` }, { authorization: "Bearer" }, { cookie: `token=${token}` }]) {
        const texts = new Set<string>();
        for (const [method, path] of [["GET", "/"], ["GET", "/openapi.json"], ["GET", "/none"], ["PUT", "/guests"], ["POST", "/stop"], ["GET", `/?token=${token}`], ["OPTIONS", "/"]] as const) {
          const answer = await ask(where, undefined, method, path, undefined, headers);
          expect([answer.status, answer.headers["www-authenticate"]?.slice(0, 6)]).toEqual([401, "Bearer"]);
          expect(Object.keys(answer.headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
          expect(answer.text).not.toContain(token.slice(10, 40));
          texts.add(answer.text);
        }
        expect(texts.size).toBe(1);
      }
    }
    // On the owner's socket, too, a token that is none does not make an owner.
    expect(await statusOf("own", wrong, "GET", "/")).toBe(401);
    // Its secret in place of its number.
    expect((await ask("own", undefined, "DELETE", `/tokens/${token}`)).text).not.toContain(token);
    expect(await statusOf("port", token, "GET", "/")).toBe(200);
    expect(await statusOf("own", undefined, "DELETE", `/tokens/${id}`)).toBe(204);
    expect(await statusOf("port", token, "GET", "/")).toBe(401);
    expect(asked).toEqual([]);
  });

  test("004 the port is for programs of this computer: no name of another's leads to it, and no other address", async () => {
    const { token } = await owner({ may: ["view"] }), port = server.port!;
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`]) expect(await statusOf("port", token, "GET", "/", undefined, { host })).toBe(200);
    for (const host of ["evil.example", `evil.example:${port}`, "127.0.0.1", "localhost", `127.0.0.1:${port + 1}`, `localhost:${port}.evil.example`, " "]) expect(await statusOf("port", token, "GET", "/", undefined, { host }), host).toBe(421);
    const raw = await new Promise<string>((resolve) => {
      let heard = "";
      const client = connect({ host: "127.0.0.1", port }, () => client.write(`GET / HTTP/1.0\r\nAuthorization: Bearer ${token}\r\n\r\n`));
      client.on("data", (piece) => (heard += piece.toString())).on("close", () => resolve(heard));
    });
    expect(raw).toMatch(/^HTTP\/1.1 421/);
    const elsewhere = await new Promise<string>((resolve) => connect({ host: "127.0.0.2", port }).on("connect", () => resolve("open")).on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "")));
    expect(elsewhere).toBe("ECONNREFUSED");
  });

  test("005 the shared socket is open to all, the owner's is not; sockets that cannot be had leave nothing behind", async () => {
    expect([statSync(join(folder, "own")).mode & 0o777, statSync(join(folder, "shared")).mode & 0o777]).toEqual([0o600, 0o666]);
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((done) => taken.once("listening", done));
    const machine = { name: "test", guests: keeper, stop: () => undefined };
    await expect(openControl(join(folder, "x"), machine, { shared: join(folder, "y"), port: (taken.address() as AddressInfo).port })).rejects.toThrow(/there is no control port at port \d+[^]*name another port/);
    await expect(openControl(join(folder, "x"), machine, { shared: join(folder, "no", "y") })).rejects.toThrow(/there is no shared control socket/);
    expect(["x", "y"].filter((name) => statSync(join(folder, name), { throwIfNoEntry: false }) !== undefined)).toEqual([]);
    taken.close();
  });

  test("006 a token that is revoked while its holder still speaks is revoked for that, too; and nobody who hangs at one way in is in the way at another", async () => {
    const { id, token } = await owner({ may: ["tokens", "life"] });
    const slow = (path: string, method: string, body: string): Promise<string> & { go(): void } => {
      let go = (): void => undefined;
      const heard = new Promise<string>((resolve) => {
        let text = "";
        const client = connect(join(folder, "shared"), () => client.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 3)}`));
        client.on("data", (piece) => (text += piece.toString())).on("close", () => resolve(text));
        go = () => void client.write(body.slice(3));
      });
      return Object.assign(heard, { go: () => go() });
    };
    const making = slow("/tokens", "POST", '{"may":["tokens"]}'), pausing = slow("/guests/g", "PATCH", '{"state":"paused"}');
    await new Promise((done) => setTimeout(done, 100));
    expect(await statusOf("own", undefined, "DELETE", `/tokens/${id}`)).toBe(204);
    making.go();
    pausing.go();
    for (const each of [making, pausing]) expect(await each).toMatch(/^HTTP\/1.1 401/);
    expect([asked, tokens.list({ token: null, grant: null } as never)]).toEqual([[], []]);
    const hanging = Array.from({ length: 80 }, () => connect({ host: "127.0.0.1", port: server.port! }).on("error", () => undefined));
    await new Promise((done) => setTimeout(done, 100));
    expect(await statusOf("own", undefined, "GET", "/")).toBe(200);
    for (const each of hanging) each.destroy();
  });

  test("007 snapshots by a token go directly into its folder, and nowhere else", async () => {
    const own = join(folder, "snapshots"), { token } = await owner({ may: ["snapshot"], below: own });
    const at = (path: string): Promise<number> => statusOf("shared", token, "POST", "/guests/g/snapshots", JSON.stringify({ folder: path }));
    expect(await at(join(own, "s"))).toBe(201);
    for (const wrong of [join(folder, "s"), `${own}/../s`, `${own}/sub/s`, "s", "/etc/s"]) expect(await at(wrong), wrong).toBe(403);
    expect(asked).toEqual([`snapshot g ${join(own, "s")}`]);
  });

  test("008 the description: a bearer scheme, and for each operation its right", () => {
    const { components, paths } = describeApi() as { readonly components: { readonly securitySchemes: object }; readonly paths: Record<string, Record<string, { readonly security: object; readonly responses: object }>> };
    expect(components.securitySchemes).toMatchObject({ token: { type: "http", scheme: "bearer" } });
    for (const { method, path, right } of ROUTES) {
      const operation = paths[path]![method.toLowerCase()]!;
      expect(operation.security).toEqual([{ token: right === null ? [] : [right] }, {}]);
      expect(["401" in operation.responses, "403" in operation.responses]).toEqual([true, right !== null]);
    }
  });

  test.skipIf(findProgram("curl") === null)("009 by curl, at all three", async () => {
    const { token } = await owner({ may: ["view", "life"], guests: ["g"] }), header = join(folder, "header");
    writeFileSync(header, `authorization: Bearer ${token}\n`, { mode: 0o600 });
    // Not by spawnSync: it is this process that answers.
    const curl = (...args: readonly string[]): Promise<string> => new Promise((resolve) => {
      const child = spawn("curl", ["-sS", "-m", "10", "-w", " %{http_code}", ...args]);
      let out = "";
      child.stdout.on("data", (piece: Buffer) => (out += piece.toString()));
      child.on("close", () => resolve(out));
    });
    for (const place of [["--unix-socket", join(folder, "own"), "http://localhost"], ["--unix-socket", join(folder, "shared"), "http://localhost"], [`http://127.0.0.1:${server.port!}`]]) {
      const url = place.at(-1)!, way = place.slice(0, -1);
      expect(await curl(...way, "-H", `authorization: Bearer ${token}`, `${url}/guests`)).toMatch(/^\[\{"name":"g",[^}]*\}\]\n 200$/);
      expect(await curl(...way, "-H", `@${header}`, "-X", "PATCH", "-d", '{"state":"paused"}', `${url}/guests/g`)).toBe(" 204");
      expect(await curl(...way, "-H", `@${header}`, `${url}/metrics`)).toMatch(/has not the right 'metrics'.* 403$/s);
    }
    expect(await curl(`http://127.0.0.1:${server.port!}/guests`)).toMatch(/a token is needed.* 401$/s);
  });

  const promtool = outsideTool("promtool", "--version");
  test.skipIf(!promtool.there)("010 by Prometheus, with the configuration that the README has: checked by promtool, and scraped", async () => {
    const { token } = await owner({ may: ["metrics"] }), secret = join(folder, "bailiwick.token"), config = join(folder, "prometheus.yml");
    writeFileSync(secret, `${token}\n`, { mode: 0o600 });
    writeFileSync(config, `scrape_configs:\n  - job_name: bailiwick\n    scrape_interval: 1s\n    authorization: { credentials_file: ${secret} }\n    static_configs: [{ targets: ["127.0.0.1:${server.port!}"] }]\n`);
    const checked = promtool.run(["check", "config", config]);
    expect([checked.status, checked.stdout]).toEqual([0, expect.stringContaining("is valid prometheus config file")]);
    const program = join(dirname(promtool.program), "prometheus");
    if (spawnSync(program, ["--version"], { env: promtool.env }).status !== 0) return;
    const [port = 0] = await freePorts(1, "tcp");
    const child = spawn(program, [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, "data")}`, `--web.listen-address=127.0.0.1:${port}`], { env: promtool.env, stdio: "ignore" });
    try {
      const query = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/api/v1/query?query=bailiwick_guest_memory_bytes`)).text();
      let found = "";
      for (const end = Date.now() + 30_000; !found.includes('"4096"') && Date.now() < end; await new Promise((done) => setTimeout(done, 200))) found = await query().catch(() => "");
      expect(found).toContain('"4096"');
    } finally {
      child.kill("SIGTERM");
      await new Promise((done) => child.once("close", done));
    }
  }, 180_000);
});
