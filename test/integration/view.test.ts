// The view: the display in a browser, by a real HTTP client; who is kept out; the page's own script; and `bailiwick run --view`.
import { once } from "node:events";
import { request, type IncomingHttpHeaders } from "node:http";
import { connect, createServer, type AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { spawn } from "node:child_process";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, test } from "vitest";
import type { InputEvent } from "../../core/devices/virtio/input.ts";
import { createPicture, type Picture } from "../../core/host/picture.ts";
import { openView, type View, type ViewOptions } from "../../core/host/view.ts";
import { SCRIPT } from "../../core/host/view-page.ts";
import { pause, until } from "../support/appliance-run.ts";
import { bailiwick, CLI, ROOT } from "../support/command-line.ts";
import { decodePng } from "../support/png.ts";

const LIMIT = { timeout: 180_000 };
const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One request, with exactly these headers but for Host, which is the address's unless it is given. */
function ask(url: string, { method = "GET", headers = {}, body }: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece)).on("error", reject).on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) }));
    });
    asked.on("error", reject).end(body);
  });
}

/** What comes back for these bytes, until the connection ends. */
async function say(origin: string, bytes: string): Promise<string> {
  const socket = connect(Number(new URL(origin).port), "127.0.0.1").setEncoding("latin1").on("error", () => {});
  let heard = "";
  socket.on("data", (text: string) => void (heard += text));
  socket.write(bytes, "latin1");
  await once(socket, "close");
  return heard;
}

const SIZE = { width: 64, height: 48 };
/** A pixel of the picture, 0xrrggbb. */
function dot(picture: Picture, x: number, y: number, color: number): void {
  picture.draw({ x, y, width: 1, height: 1 }, Uint8Array.of(color & 255, (color >> 8) & 255, color >> 16, 0), 0, 4);
}

interface Bed {
  readonly picture: Picture;
  readonly view: View;
  readonly origin: string;
  /** What the machine was told: key or tablet, then type, code, value of each event but the SYN. */
  readonly typed: string[];
  readonly watched: boolean[];
  /** How often a picture was made. */
  made(): number;
  type(body: unknown, headers?: Readonly<Record<string, string>>): Promise<number>;
}

async function bed(options: ViewOptions = {}): Promise<Bed> {
  const own = createPicture(SIZE.width, SIZE.height), typed: string[] = [], watched: boolean[] = [];
  let count = 0;
  const picture: Picture = Object.create(own, { snapshot: { value: () => (count++, own.snapshot()) } }) as Picture;
  const view = await openView(picture, { onWatched: (is) => watched.push(is), ...options });
  open.push(view);
  view.onInput((device, events: readonly InputEvent[]) => void typed.push(`${device} ${events.slice(0, -1).map(({ type, code, value }) => `${type} ${code} ${value}`).join(", ")}`));
  const { origin } = new URL(view.url);
  return {
    picture, view, origin, typed, watched,
    made: () => count,
    type: async (body, headers = {}) => (await ask(`${view.url}input`, { method: "POST", headers: { origin, "content-type": "application/json", ...headers }, body: typeof body === "string" ? body : JSON.stringify(body) })).status,
  };
}

describe("what is seen", () => {
  test("the page has what it needs in it, under a policy that lets it have nothing else", async () => {
    const { view } = await bed({ title: '<script>"&' });
    const { status, headers, body } = await ask(view.url, { headers: { "sec-fetch-site": "none" } });
    expect([status, headers["content-type"], headers["cache-control"], headers["referrer-policy"], headers["x-frame-options"]]).toEqual([200, "text/html; charset=utf-8", "no-store", "no-referrer", "DENY"]);
    const nonce = /script-src 'nonce-([0-9a-f]{32})'/.exec(String(headers["content-security-policy"]))?.[1];
    expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; .*connect-src 'self'; .*frame-ancestors 'none'$/);
    expect(body.toString()).toContain(`<script nonce="${nonce}">`);
    expect(body.toString()).toContain("<title>&#60;script&#62;&#34;&#38;</title>");
    expect(body.toString()).not.toMatch(/(src|href)=/);
    expect((await ask(view.url)).headers["content-security-policy"]).not.toContain(nonce);
  });

  test("the picture comes at once, then when it has changed and not before", async () => {
    const { picture, view } = await bed();
    dot(picture, 3, 2, 0x123456);
    const first = await ask(`${view.url}frame?after=-1`);
    const png = decodePng(first.body);
    expect([first.status, first.headers["content-type"], png.width, png.height, png.at(3, 2), png.at(4, 2)]).toEqual([200, "image/png", 64, 48, 0x123456, 0]);
    const next = ask(`${view.url}frame?after=${String(first.headers["x-change"])}`);
    expect(await Promise.race([next, pause(300)])).toBeUndefined();
    dot(picture, 4, 2, 0xfedcba);
    const second = await next;
    expect([decodePng(second.body).at(4, 2), second.headers["x-change"]]).toEqual([0xfedcba, String(picture.changes)]);
    picture.size(100, 50);
    expect(decodePng((await ask(`${view.url}frame?after=${String(second.headers["x-change"])}`)).body).width).toBe(100);
  });

  test("a display that changes without end costs a bounded number of pictures, and none when nobody looks", LIMIT, async () => {
    const { picture, view, made } = await bed();
    let on = true, changes = 0;
    const change = (): void => {
      for (let i = 0; i < 50; i++) dot(picture, i, changes % 48, changes++);
      if (on) setImmediate(change);
    };
    change();
    await pause(200);
    expect([made(), changes > 1000]).toEqual([0, true]);
    const begun = Date.now();
    let frames = 0;
    const looker = async (): Promise<void> => {
      for (let after = "-1"; Date.now() - begun < 1500; frames++) after = String((await ask(`${view.url}frame?after=${after}`)).headers["x-change"]);
    };
    await Promise.all([looker(), looker(), looker()]);
    on = false;
    // Each at most every 40 ms, however many look; and they were shown something.
    expect(made()).toBeLessThan(1500 / 40 + 5);
    expect(frames).toBeGreaterThan(10);
  });

  test("it is known whether anybody looks", LIMIT, async () => {
    const { view, watched, typed, type } = await bed();
    const { headers } = await ask(`${view.url}frame?after=-1`);
    expect(watched).toEqual([true]);
    const waits = request(`${view.url}frame?after=${String(headers["x-change"])}`).on("error", () => {}).end();
    await type([{ key: "ShiftLeft", down: true }, { button: "left", down: true }]);
    await pause(3500);
    expect(watched).toEqual([true]);
    waits.destroy();
    await until("the browser is missed", () => watched.length === 2);
    // What was held down is not held for ever.
    expect([watched, typed]).toEqual([[true, false], ["keyboard 1 42 1", "tablet 1 272 1", "tablet 1 272 0", "keyboard 1 42 0"]]);
    await ask(`${view.url}frame?after=-1`);
    expect(watched).toEqual([true, false, true]);
  });
});

describe("what is typed", () => {
  test("keys, buttons, the pointer and the wheel arrive in order, each key once down and once up", async () => {
    const { type, typed } = await bed();
    expect(await type([{ key: "KeyA", down: true }, { key: "KeyA", down: true }, { key: "KeyA", down: false }, { key: "KeyA", down: false }, { key: "Digit0", down: true }, { key: "F12", down: true }, { key: "Backslash", down: true }])).toBe(204);
    expect(await type([{ release: true }, { at: [0, 1] }, { button: "right", down: true }, { button: "right", down: false }, { wheel: -3 }, { key: "BrowserHome", down: true }])).toBe(204);
    expect(typed).toEqual([
      "keyboard 1 30 1", "keyboard 1 30 0", "keyboard 1 11 1", "keyboard 1 88 1", "keyboard 1 43 1", "keyboard 1 43 0", "keyboard 1 88 0", "keyboard 1 11 0",
      "tablet 3 0 0, 3 1 32767", "tablet 1 273 1", "tablet 1 273 0", "tablet 2 8 -3",
    ]);
  });

  test.each([
    "", "no JSON", "{}", "null", '"a"', "[1]", "[null]", "[{}]", '[{"key":"KeyA"}]', '[{"key":"KeyA","down":1}]', '[{"key":7,"down":true}]', '[{"button":"toString","down":true}]', '[{"button":"side","down":true}]', '[{"at":[0]}]',
    '[{"at":[0,1.5]}]', '[{"at":[0,"1"]}]', '[{"at":[-1,0]}]', '[{"at":[0,null]}]', '[{"wheel":0}]', '[{"wheel":1e9}]', '[{"wheel":0.5}]', '[{"release":1}]',
  ])("%j is no input, and nothing of what stands with it is done", async (wrong) => {
    const { type, typed } = await bed();
    const good = '{"key":"KeyA","down":true}';
    expect(await type(wrong)).toBe(400);
    if (wrong.startsWith("[")) expect(await type(`[${good},${wrong.slice(1)}`)).toBe(400);
    expect(typed).toEqual([]);
    expect([await type(`[${good}]`), typed]).toEqual([204, ["keyboard 1 30 1"]]);
  });

  test("more at once than anybody types is none either", async () => {
    const { type, typed } = await bed();
    const turns = (length: number) => Array.from({ length }, () => ({ wheel: 1 }));
    expect([await type(turns(257)), typed.length, await type(turns(256)), typed.length]).toEqual([400, 0, 204, 256]);
  });
});

describe("who is kept out", () => {
  const KEY = JSON.stringify([{ key: "KeyA", down: true }]);

  test("whoever does not know the token, or comes to another door", async () => {
    const { view, origin, typed } = await bed();
    const token = new URL(view.url).pathname.slice(1, -1);
    expect(token).toMatch(/^[0-9a-f]{32}$/);
    const other = token.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
    for (const path of ["/", "/frame", "//", `/${other}/`, `/${other}/frame`, `/${token.slice(1)}/`, `/${token}0/`, `/${token.toUpperCase()}x/`, "/%00/", "/../", `/${token}/nothing`, `/${token}/frame/x`, `/${token}/__proto__`, `//${token}/`, `http://127.0.0.1/${token}/`, `/./${token}/`, `/${"\u00e9".repeat(32)}/`, "*"]) {
      const heard = await say(origin, `GET ${path} HTTP/1.1\r\nHost: ${new URL(origin).host}\r\nConnection: close\r\n\r\n`);
      expect([path, heard]).toEqual([path, expect.stringMatching(/^HTTP\/1\.1 40[04] /)]);
      expect(heard).not.toContain(token);
    }
    for (const old of [`GET /${token}/ HTTP/1.0\r\n\r\n`, `GET /${token}/ HTTP/1.0\r\nHost:\r\n\r\n`]) expect(await say(origin, old)).toMatch(/^HTTP\/1\.1 403 /);
    const post = { method: "POST", headers: { origin, "content-type": "application/json" }, body: KEY };
    expect((await ask(`${origin}/${other}/input`, post)).status).toBe(404);
    for (const [what, method] of [["", "POST"], ["frame", "POST"], ["input", "GET"], ["input", "PUT"], ["input", "OPTIONS"]] as const) expect([what, method, (await ask(`${view.url}${what}`, { ...post, method })).status]).toEqual([what, method, 405]);
    expect(typed).toEqual([]);
    const { url } = (await bed()).view;
    expect(url).not.toContain(token);
  });

  test("other web pages: by another name for this computer, by their origin, and by what the browser says of them", async () => {
    const { view, origin, typed } = await bed();
    const { host, port } = new URL(origin);
    const json = { "content-type": "application/json" };
    for (const what of ["", "frame?after=-1"]) {
      for (const headers of [{ host: "evil.example" }, { host: `evil.example:${port}` }, { host: "127.0.0.1" }, { host: `127.0.0.1:${Number(port) + 1}` }, { host: `[::1]:${port}` }, { host, origin: "https://evil.example" }, { host, origin: "null" }, { host, origin: `http://evil.example:${port}` }, { host, "sec-fetch-site": "cross-site" }, { host, "sec-fetch-site": "same-site" }] as Record<string, string>[]) {
        const { status, headers: back } = await ask(view.url + what, { headers });
        expect([headers, status, back["access-control-allow-origin"]]).toEqual([headers, 403, undefined]);
      }
    }
    for (const [headers, status] of [
      [json, 403], [{ ...json, origin: "https://evil.example" }, 403], [{ ...json, origin: "null" }, 403], [{ ...json, origin, "sec-fetch-site": "cross-site" }, 403], [{ ...json, origin, host: `evil.example:${port}` }, 403],
      // What a form can send, which needs nobody's leave.
      [{ origin, "content-type": "text/plain" }, 415], [{ origin, "content-type": "application/x-www-form-urlencoded" }, 415], [{ origin }, 415],
    ] as [Record<string, string>, number][]) expect([headers, (await ask(`${view.url}input`, { method: "POST", headers, body: KEY })).status]).toEqual([headers, status]);
    expect(typed).toEqual([]);
    // By its own other name.
    const local = view.url.replace("127.0.0.1", "localhost");
    expect((await ask(view.url, { headers: { host: new URL(local).host, "sec-fetch-site": "same-origin" } })).status).toBe(200);
  });

  test("too much at once: bytes, connections, and what is no HTTP", LIMIT, async () => {
    const { view, origin, typed, type } = await bed();
    const { port } = new URL(origin);
    expect(await type(`[${" ".repeat(20_000)}]`)).toBe(413);
    // Without a length, it is cut off when it is too long.
    const endless = request(`${view.url}input`, { method: "POST", headers: { origin, "content-type": "application/json", "transfer-encoding": "chunked" } });
    const ended = once(endless, "error");
    const more = setInterval(() => void (endless.destroyed || endless.write(" ".repeat(8000))), 5);
    await ended;
    clearInterval(more);
    const sockets = Array.from({ length: 60 }, () => connect(Number(port), "127.0.0.1").on("error", () => {}).resume());
    for (const [i, socket] of sockets.entries()) socket.write(i % 2 === 0 ? "GET /" : "\u0016\u0003\u0001 no HTTP\r\n\r\n");
    await pause(300);
    expect(sockets.filter(({ closed }) => closed).length).toBeGreaterThan(20);
    for (const socket of sockets) socket.destroy();
    await until("there is room again", () => sockets.every(({ closed }) => closed));
    await pause(50);
    expect([await type([{ wheel: 1 }]), typed]).toEqual([204, ["tablet 2 8 1"]]);
  });

  const outside = Object.values(networkInterfaces()).flat().find((address) => address !== undefined && !address.internal && address.family === "IPv4")?.address;
  test.skipIf(outside === undefined)("whoever is not on this computer", async () => {
    const { origin } = await bed();
    const socket = connect(Number(new URL(origin).port), outside);
    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
  });
});

/** The page's script in a browser that is none: a canvas that keeps what was drawn, and a window that can be told of keys. Requests are real ones, with a browser's headers. */
function browse(view: View) {
  const { origin } = new URL(view.url), drawn: Buffer[] = [], said = { textContent: "" };
  const listeners = new Map<string, (event: object) => void>();
  const canvas = {
    width: 1, height: 1, clientWidth: 128, clientHeight: 96, getContext: () => ({ drawImage: ({ png }: { readonly png: Buffer }) => void drawn.push(png) }),
    addEventListener: (name: string, heard: (event: object) => void) => void listeners.set(name, heard), focus: () => {}, setPointerCapture: () => {},
  };
  let gone = false;
  const prevented: string[] = [];
  runInNewContext(SCRIPT, {
    document: { querySelector: (what: string) => (what === "canvas" ? canvas : said) },
    window: { addEventListener: canvas.addEventListener },
    setTimeout, Math, JSON, Number, Error, Promise,
    createImageBitmap: (png: Buffer) => {
      const { width, height } = decodePng(png);
      return Promise.resolve({ width, height, png, close: () => {} });
    },
    fetch: async (what: string, { method = "GET", headers = {}, body }: Asked = {}) => {
      if (gone) return await new Promise(() => {});
      const { status, headers: back, body: bytes } = await ask(view.url + what, { method, headers: { ...headers, "sec-fetch-site": "same-origin", ...(method === "GET" ? {} : { origin }) }, ...(body === undefined ? {} : { body }) });
      return { ok: status < 300, status, headers: { get: (name: string) => back[name] ?? null }, blob: () => Promise.resolve(bytes) };
    },
  });
  open.push({ close: () => (gone = true) });
  return { canvas, drawn, said, prevented, fire: (name: string, event: object = {}) => listeners.get(name)!({ preventDefault: () => void prevented.push(name), ...event }) };
}

test("the page shows the picture as it changes, and passes on keys and the pointer in order", LIMIT, async () => {
  const { view, picture, typed } = await bed();
  const page = browse(view);
  await until("it shows something", () => page.drawn.length > 0);
  dot(picture, 5, 5, 0xabcdef);
  await until("it shows what is new", () => decodePng(page.drawn.at(-1)!).at(5, 5) === 0xabcdef);
  expect([page.canvas.width, page.canvas.height, page.said.textContent]).toEqual([64, 48, expect.stringContaining("focus")]);
  const before = page.drawn.length;
  await pause(200);
  expect(page.drawn).toHaveLength(before);

  page.fire("keydown", { code: "ShiftLeft", repeat: false });
  page.fire("keydown", { code: "KeyZ", repeat: false });
  page.fire("keydown", { code: "KeyZ", repeat: true });
  page.fire("keyup", { code: "KeyZ", repeat: false });
  for (let x = 0; x < 100; x++) page.fire("pointermove", { offsetX: x, offsetY: 0 });
  page.fire("pointerdown", { button: 0, pointerId: 1, offsetX: 127, offsetY: 95 });
  page.fire("pointerup", { button: 0, pointerId: 1, offsetX: 500, offsetY: -3 });
  for (let i = 0; i < 5; i++) page.fire("wheel", { deltaY: 50, deltaMode: 0 });
  page.fire("blur");
  await until("all has come", () => typed.at(-1) === "keyboard 1 42 0");
  // Of the way of the pointer the last place that was known when there was room.
  expect(typed.filter((each) => !/^tablet 3 0 \d+, 3 1 0$/.test(each))).toEqual([
    "keyboard 1 42 1", "keyboard 1 44 1", "keyboard 1 44 0", "tablet 3 0 32767, 3 1 32767", "tablet 1 272 1", "tablet 1 272 0", "tablet 2 8 -1", "tablet 2 8 -1", "keyboard 1 42 0",
  ]);
  expect(page.prevented.filter((name) => name === "keydown")).toHaveLength(3);
  view.close();
  await until("it says that nobody answers", () => page.said.textContent.includes("does not answer"));
});

/** `bailiwick run --view`, until the test is done with it. */
async function running(args: readonly string[], during: (url: string, heard: { out: string; err: string }, ended: Promise<unknown>) => Promise<void>): Promise<number | null> {
  const child = spawn(process.execPath, [CLI, "run", "-q", ...args], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const heard = { out: "", err: "" };
  child.stdout.on("data", (bytes: Buffer) => void (heard.out += bytes.toString()));
  child.stderr.on("data", (bytes: Buffer) => void (heard.err += bytes.toString()));
  const ended = once(child, "close");
  const address = (): string | undefined => /^bailiwick: the display is at (http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/)$/m.exec(heard.err)?.[1];
  try {
    await until("the address is said", () => address() !== undefined, 20_000);
    await during(address()!, heard, ended);
  } finally {
    if (child.exitCode === null) child.kill("SIGTERM");
    await ended;
  }
  return child.exitCode;
}

test("bailiwick run --view: what is typed in the browser reaches the program, and what it draws is seen", LIMIT, async () => {
  const status = await running(["test/integration/input", "--view"], async (url, heard, ended) => {
    await until("the machine is ready", () => heard.out.includes("ready"), 20_000);
    const frame = await ask(`${url}frame?after=-1`);
    expect([frame.status, decodePng(frame.body).width]).toEqual([200, 1024]);
    const { origin } = new URL(url);
    const post = async (body: unknown): Promise<number> => (await ask(`${url}input`, { method: "POST", headers: { origin, "content-type": "application/json" }, body: JSON.stringify(body) })).status;
    expect(await post([{ key: "KeyQ", down: true }, { key: "KeyQ", down: false }, { key: "Escape", down: true }])).toBe(204);
    expect(await post([{ at: [1, 0] }, { button: "middle", down: true }, { button: "middle", down: false }])).toBe(204);
    await ended;
    expect(heard.out.split(/\r?\n/).slice(3)).toEqual(["1 16 1", "0 0 0", "1 16 0", "0 0 0", "1 1 1", "5 events", "3 0 32767", "3 1 0", "0 0 0", "1 274 1", "0 0 0", "1 274 0", "6 events", ""]);
    expect(heard.err.split("\n").slice(1)).toEqual(["bailiwick: somebody looks at the display", ""]);
  });
  expect(status).toBe(0);
});

test("a browser that goes is said, with where the view still is", LIMIT, async () => {
  await running(["test/integration/input", "--view"], async (url, heard) => {
    await ask(`${url}frame?after=-1`);
    await until("it is missed", () => heard.err.includes(`bailiwick: nobody looks at the display any more; it is still at ${url}\n`));
  });
});

test("what cannot be is said before the machine starts, with what to do", LIMIT, async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  open.push(holder);
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  for (const [args, status, says] of [
    [["test/integration/input", "--view", String(port)], 1, new RegExp(`error\\[BW0320\\]: the display cannot be shown in a browser\\n.*no view at port ${port} of 127\\.0\\.0\\.1: the port is in use\\n.*fix: end the program that has it`)],
    [["examples/hello", "--view"], 2, /--view shows the machine's display, and the appliance has none \(in its manifest: platform\.display/],
    [["test/integration/input", "--view", "70000"], 2, /--view 70000 is no port/],
    [["test/integration/input", "--view=x"], 2, /--view x is no port/],
  ] as const) {
    const done = await bailiwick(["run", "-q", ...args]);
    expect([args, done.status, done.err]).toEqual([args, status, expect.stringMatching(says)]);
  }
});
