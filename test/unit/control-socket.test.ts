// CONTROL-*: the control socket's server, with a keeper that only notes what it is asked: what requests are taken, what is refused and how, and clients that misbehave.
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { failure } from "../../servers/operator/failure.ts";
import { describeApi, ROUTES } from "../../servers/operator/vm/api.ts";
import { openControl, type ControlServer } from "../../servers/operator/vm/api-server.ts";
import type { GuestKeeper } from "../../servers/operator/vm/keeper.ts";

const GUEST = { name: "g", state: "running", memory: 4096, cpus: 1 } as const;
let folder: string, socket: string, server: ControlServer | undefined, asked: unknown[];

const keeper = {
  list: () => [GUEST],
  info(name: string) {
    if (name !== "g") throw failure("BW0325", `there is no guest '${name}'`);
    return GUEST;
  },
  async pause(name: string) {
    asked.push(["pause", name]);
    throw failure("BW0325", "guest g is paused: only one that is running can be paused");
  },
  resume: async (name: string) => void asked.push(["resume", name]),
  async snapshot(name: string, to: string, how: object) {
    asked.push(["snapshot", name, to, how]);
    return { guest: name, taken: "2026-01-01T00:00:00Z", pausedMs: 1, format: 1, state: {}, memory: [], disks: [] };
  },
} as unknown as GuestKeeper;
const machine = { name: "test", guests: keeper, stop: () => void asked.push("stop") };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bailiwick-control-"));
  socket = join(folder, "c");
  asked = [];
});
afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});
const open = async (): Promise<void> => void (server = await openControl(socket, machine));

function ask(method: string, path: string, body?: string): Promise<{ readonly status: number; readonly value: unknown }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: socket, method, path }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("end", () => {
        const text = Buffer.concat(pieces).toString();
        resolve({ status: response.statusCode ?? 0, value: text === "" ? undefined : JSON.parse(text) });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

describe("CONTROL", () => {
  test("001 every route is answered as its description says", async () => {
    await open();
    expect(await ask("GET", "/")).toEqual({ status: 200, value: { name: "test", guests: [GUEST] } });
    expect(await ask("GET", "/guests")).toEqual({ status: 200, value: [GUEST] });
    expect(await ask("GET", "/guests/g?x=1")).toEqual({ status: 200, value: GUEST });
    expect(await ask("PATCH", "/guests/g", '{"state":"running"}')).toEqual({ status: 204, value: undefined });
    expect(await ask("POST", "/guests/g/snapshots", '{"folder":"/tmp/x","changes":true}')).toEqual({ status: 201, value: { guest: "g", folder: "/tmp/x", taken: "2026-01-01T00:00:00Z", pausedMs: 1 } });
    expect(await ask("POST", "/stop")).toEqual({ status: 204, value: undefined });
    expect((await ask("GET", "/openapi.json")).value).toEqual(JSON.parse(JSON.stringify(describeApi())));
    expect(asked).toEqual([["resume", "g"], ["snapshot", "g", "/tmp/x", { changes: true }], "stop"]);
  });
  test("002 what is not as described is refused, and nothing is done", async () => {
    await open();
    for (const body of ["", "{", "null", "[]", "{}", '{"state":"off"}', '{"state":"paused","more":1}', '{"state":["paused"]}']) expect((await ask("PATCH", "/guests/g", body)).status, body).toBe(400);
    for (const body of ['{"folder":""}', '{"folder":7}', '{"folder":"/x","changes":"yes"}']) expect((await ask("POST", "/guests/g/snapshots", body)).status, body).toBe(400);
    expect((await ask("PATCH", "/guests/g", `{"state":"${"x".repeat(70_000)}"}`)).status).toBe(413);
    expect(await ask("GET", "/guests/other")).toMatchObject({ status: 404, value: { code: "BW0325" } });
    for (const path of ["/nothing", "/guests/", "/guests/g/snapshots/1", "/guests/%", "//", "/openapi-json"]) expect((await ask("GET", path)).status, path).toBe(404);
    expect(await ask("DELETE", "/guests/g")).toMatchObject({ status: 405, value: { message: "/guests/g takes GET, PATCH, not DELETE" } });
    expect(await ask("PATCH", "/guests/g", '{"state":"paused"}')).toMatchObject({ status: 409, value: { code: "BW0325", message: expect.stringContaining("only one that is running") } });
    expect(asked).toEqual([["pause", "g"]]);
  });
  test("003 clients that say nonsense, hang or go away harm nobody", async () => {
    await open();
    const rude = (text: string): Promise<string> =>
      new Promise((resolve) => {
        let heard = "";
        const client = connect(socket, () => client.write(text));
        client.on("data", (piece) => (heard += piece.toString()));
        client.on("close", () => resolve(heard));
        client.on("error", () => undefined);
      });
    expect(await rude("\0\xff garbage\r\n\r\n")).toMatch(/^HTTP\/1.1 400/);
    expect(await rude(`GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(/^HTTP\/1.1 431/);
    const hanging = Array.from({ length: 20 }, () => connect(socket, function (this: ReturnType<typeof connect>) {
      this.write("POST /guests/g/snapshots HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    }).on("error", () => undefined));
    const gone = connect(socket, () => {
      gone.write("PATCH /guests/g HTTP/1.1\r\nHost: x\r\nContent-Length: 19\r\n\r\n{\"state\":\"running\"}");
      gone.destroy();
    }).on("error", () => undefined);
    expect((await ask("GET", "/guests/g")).status).toBe(200);
    for (const client of hanging) client.destroy();
    expect((await ask("GET", "/guests/g")).status).toBe(200);
  });
  test("004 the socket is its owner's alone; one that was left behind is taken over, one that is used is not", async () => {
    const left = createServer();
    await new Promise<void>((done) => left.listen(socket, done));
    await expect(open()).rejects.toThrow(/somebody listens there/);
    await new Promise<void>((done) => left.close(() => done()));
    writeFileSync(join(folder, "file"), "x");
    await expect(openControl(join(folder, "file"), machine)).rejects.toThrow(/EADDRINUSE/);
    await expect(openControl(join(folder, "no", "where"), machine)).rejects.toThrow(/there is no control socket/);
    await expect(openControl(join(folder, "x".repeat(120)), machine)).rejects.toThrow(/longer than 107 bytes/);
    await open();
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    server!.close();
    await open();
    expect((await ask("GET", "/guests")).status).toBe(200);
  });
  test("005 the description names every route, with what it takes and gives, and when", () => {
    const { openapi, paths } = describeApi() as { readonly openapi: string; readonly paths: Record<string, Record<string, { readonly operationId: string; readonly responses: object; readonly requestBody?: object }>> };
    expect(openapi).toBe("3.1.0");
    const operations = Object.values(paths).flatMap((path) => Object.values(path));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(ROUTES.length);
    for (const { method, path, body, when, gives } of ROUTES) {
      const operation = paths[path]![method.toLowerCase()]!;
      expect([operation.requestBody !== undefined, "409" in operation.responses, String(gives?.status ?? 204) in operation.responses]).toEqual([body !== undefined, when !== undefined, true]);
    }
  });
});
