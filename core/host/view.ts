// A view: the display in a browser of this computer, live, and its keys and pointer in the machine. A web server on loopback, of three addresses: the page, the picture, and what is typed.
//
// Invariants:
//   V1  Nobody looks or types without the token in the address, which is drawn anew for each view: other users of this computer reach the port, and know no token.
//   V2  No other web page looks or types, whatever it knows: Host is ours (so no name of another's leads here), Origin and Sec-Fetch-Site are ours where the browser says them,
//       and input is of a type that a browser sends to others only when they allow it, which is never.
//   V3  A request's input is done whole, or not at all. What is held down is released when nobody looks any more.
//   V4  A picture is made only when somebody waits for it, one at a time, and at most every PAUSE_MS: a display that changes without end costs a bounded share of the time.
import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { InputEvent, InputKind } from "../devices/virtio/input.ts";
import type { InputBackend } from "./backend.ts";
import { buttonMoment, BUTTONS, keyMoment, pointerMoment, wheelMoment, type Moment } from "./input-events.ts";
import { browserKeyCode } from "./keys.ts";
import type { Picture } from "./picture.ts";
import { viewPage } from "./view-page.ts";

/** A view that cannot be opened: the message says what is wrong, `fix` what to do about it. */
export class ViewError extends Error {
  readonly fix: string | undefined;
  constructor(message: string, fix?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ViewError";
    this.fix = fix;
  }
}

export interface ViewOptions {
  /** On loopback; 0: any that is free. */
  readonly port?: number;
  /** Above the picture. */
  readonly title?: string;
  /** Is told when somebody looks who was alone before, and when nobody does any more. */
  readonly onWatched?: (watched: boolean) => void;
}

export interface View extends InputBackend {
  /** Whoever has it may look and type. */
  readonly url: string;
  close(): void;
}

const ADDRESS = "127.0.0.1";
const TOKEN_BYTES = 16;
/** Between two pictures: rest, after what making one took. */
const PAUSE_MS = 40;
/** A browser that waits for a change asks again after this long. */
const WAIT_MS = 20_000;
/** Nobody looks when nobody has asked for so long. */
const GONE_MS = 3000;
const MOST_CONNECTIONS = 32;
const MOST_BODY = 16 * 1024;
const MOST_EVENTS = 256;
const MOST_WHEEL = 100;

/** The caller closes it. @throws ViewError when the port cannot be had */
export async function openView(picture: Picture, { port = 0, title = "Bailiwick", onWatched = () => {} }: ViewOptions = {}): Promise<View> {
  const token = randomBytes(TOKEN_BYTES).toString("hex");
  const frames = createFrames(picture);
  const input = createInput();
  const audience = createAudience((watched) => {
    if (!watched) input.releaseAll();
    onWatched(watched);
  });
  let origins: readonly string[] = [];

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refuse = (status: number, text: string, headers: Readonly<Record<string, string>> = {}): void => {
      response.writeHead(status, { "content-type": "text/plain", ...headers }).end(`${text}\n`);
    };
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    if (!isOurs(request, origins)) return refuse(403, "This is for the view's own page alone.");
    const [path = "", query] = (request.url ?? "").split("?", 2), [before, given = "", what = "", ...more] = path.split("/");
    if (before !== "" || !isSame(given, token) || more.length > 0) return refuse(404, "There is no such page.");
    const method = METHODS.get(what);
    if (method === undefined) return refuse(404, "There is no such page.");
    if (request.method !== method) return refuse(405, `Only ${method}.`, { allow: method });
    if (what === "") {
      const nonce = randomBytes(TOKEN_BYTES).toString("hex");
      response.setHeader("content-security-policy", `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`);
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(viewPage(nonce, title));
    } else if (what === "frame") {
      audience.enter(response);
      frames.ask(Number(new URLSearchParams(query).get("after") ?? "-1"), response);
    } else {
      if (request.headers["content-type"] !== "application/json") return refuse(415, "Only application/json.");
      if (Number(request.headers["content-length"] ?? "0") > MOST_BODY) return refuse(413, `At most ${MOST_BODY} bytes.`, { connection: "close" });
      const acts = parseInput(await readBody(request));
      if (acts === undefined) return refuse(400, "That is no input.");
      input.perform(acts);
      response.writeHead(204).end();
    }
  };
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 15_000, maxHeaderSize: 8192 }, (request, response) => {
    answer(request, response).catch(() => void response.destroy());
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.setTimeout(3 * WAIT_MS);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, port)));
    server.listen({ host: ADDRESS, port, exclusive: true }, resolve);
  });
  // An error after this is one connection's.
  server.on("error", () => {});
  const bound = server.address(), own = bound !== null && typeof bound === "object" ? bound.port : port;
  origins = [`http://${ADDRESS}:${own}`, `http://localhost:${own}`];
  return {
    url: `${origins[0]}/${token}/`,
    onInput: input.onInput,
    close() {
      audience.close();
      frames.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Of what there is under the token. */
const METHODS: ReadonlyMap<string, "GET" | "POST"> = new Map([["", "GET"], ["frame", "GET"], ["input", "POST"]]);

const HEADERS = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
} as const;

/** V2. */
function isOurs({ headers, method }: IncomingMessage, origins: readonly string[]): boolean {
  const { host, origin, "sec-fetch-site": site } = headers;
  if (host === undefined || !origins.includes(`http://${host}`)) return false;
  if (origin !== undefined && !origins.includes(origin)) return false;
  if (site !== undefined && site !== "same-origin" && site !== "none") return false;
  return method === "GET" || origin !== undefined;
}

const isSame = (given: string, token: string): boolean => given.length === token.length && timingSafeEqual(Buffer.from(given, "latin1"), Buffer.from(token, "latin1"));

/** @throws when it is longer than MOST_BODY, or cut off */
async function readBody(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MOST_BODY) throw new RangeError(`more than ${MOST_BODY} bytes of input`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

type Held = { readonly device: "key" | "button"; readonly code: number; readonly down: boolean };
type Act = Held | { readonly device: "moment"; readonly moment: Moment } | { readonly device: "release" };

/** All of it, or undefined: it makes no sense. A key that the machine's keyboard has not is left out. */
function parseInput(text: string): Act[] | undefined {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(given) || given.length > MOST_EVENTS) return undefined;
  const acts: Act[] = [];
  for (const each of given as unknown[]) {
    if (typeof each !== "object" || each === null) return undefined;
    const { key, button, at, wheel, down, release } = each as Readonly<Record<string, unknown>>;
    if (typeof key === "string" && typeof down === "boolean") {
      const code = browserKeyCode(key);
      if (code !== undefined) acts.push({ device: "key", code, down });
    } else if (typeof button === "string" && Object.hasOwn(BUTTONS, button) && typeof down === "boolean") {
      acts.push({ device: "button", code: BUTTONS[button]!, down });
    } else if (Array.isArray(at) && at.length === 2 && at.every((part) => typeof part === "number" && part >= 0 && part <= 1)) {
      acts.push({ device: "moment", moment: pointerMoment(at[0] as number, at[1] as number) });
    } else if (typeof wheel === "number" && Number.isInteger(wheel) && wheel !== 0 && Math.abs(wheel) <= MOST_WHEEL) {
      acts.push({ device: "moment", moment: wheelMoment(wheel) });
    } else if (release === true) {
      acts.push({ device: "release" });
    } else {
      return undefined;
    }
  }
  return acts;
}

/** From acts to a machine's devices, which are told of each key and button that it goes down once, and up once. */
function createInput() {
  const callbacks: ((device: InputKind, events: readonly InputEvent[]) => void)[] = [];
  const waiting: Moment[] = [];
  const held = new Map<number, Held>();
  const put = (moment: Moment): void => {
    if (callbacks.length === 0) return void (waiting.length < MOST_EVENTS && waiting.push(moment));
    for (const callback of callbacks) callback(moment.device, moment.events);
  };
  const turn = ({ device, code, down }: Held): void => {
    if (held.has(code) === down) return;
    if (down) held.set(code, { device, code, down });
    else held.delete(code);
    put(device === "key" ? keyMoment(code, down) : buttonMoment(code, down));
  };
  const releaseAll = (): void => {
    for (const each of [...held.values()].toReversed()) turn({ ...each, down: false });
  };
  return {
    onInput(callback: (device: InputKind, events: readonly InputEvent[]) => void): void {
      callbacks.push(callback);
      for (const { device, events } of waiting.splice(0)) callback(device, events);
    },
    perform(acts: readonly Act[]): void {
      for (const act of acts) {
        if (act.device === "moment") put(act.moment);
        else if (act.device === "release") releaseAll();
        else turn(act);
      }
    },
    releaseAll,
  };
}

/** Pictures for whoever waits for one that he has not seen. */
function createFrames(picture: Picture) {
  const waiting = new Map<ServerResponse, { readonly after: number; readonly timer: NodeJS.Timeout }>();
  let made: { readonly change: number; readonly bytes: Uint8Array } | undefined;
  let making = false, closed = false, rest = 0;
  let timer: NodeJS.Timeout | undefined;

  const give = (response: ServerResponse, { change, bytes }: NonNullable<typeof made>): void => {
    leave(response);
    response.writeHead(200, { "content-type": "image/png", "content-length": bytes.length, "x-change": change }).end(bytes);
  };
  const leave = (response: ServerResponse): void => {
    clearTimeout(waiting.get(response)?.timer);
    waiting.delete(response);
  };
  const make = (): void => {
    if (closed || making || timer !== undefined || ![...waiting.values()].some(({ after }) => after !== picture.changes)) return;
    const wait = rest - performance.now();
    if (wait > 0) {
      timer = setTimeout(() => {
        timer = undefined;
        make();
      }, wait).unref();
      return;
    }
    const change = picture.changes, begun = performance.now();
    making = true;
    void picture.snapshot().then((bytes) => {
      making = false;
      rest = performance.now() + Math.max(PAUSE_MS, performance.now() - begun);
      made = { change, bytes };
      for (const [response, { after }] of waiting) if (after !== change) give(response, made);
      make();
    });
  };
  picture.onChange(make);
  return {
    ask(after: number, response: ServerResponse): void {
      if (made !== undefined && made.change === picture.changes && made.change !== after) return give(response, made);
      const late = setTimeout(() => {
        leave(response);
        response.writeHead(204).end();
      }, WAIT_MS).unref();
      waiting.set(response, { after, timer: late });
      response.on("close", () => leave(response));
      make();
    },
    close(): void {
      closed = true;
      clearTimeout(timer);
      for (const response of waiting.keys()) leave(response);
    },
  };
}

/** Whether anybody looks: who asks for a picture does, until GONE_MS after the answer. */
function createAudience(onWatched: (watched: boolean) => void) {
  let here = 0, watched = false, closed = false;
  let gone: NodeJS.Timeout | undefined;
  return {
    enter(response: ServerResponse): void {
      here++;
      clearTimeout(gone);
      if (!watched) onWatched((watched = true));
      response.once("close", () => {
        if (--here > 0 || closed) return;
        gone = setTimeout(() => onWatched((watched = false)), GONE_MS).unref();
      });
    },
    close(): void {
      closed = true;
      clearTimeout(gone);
    },
  };
}

function listenError(error: Error, port: number): ViewError {
  const code = "code" in error ? String(error.code) : "";
  const [cause, fix] = REASONS[code] ?? [error.message, undefined];
  return new ViewError(`no view at port ${port} of ${ADDRESS}: ${cause}`, fix, { cause: error });
}

const REASONS: Readonly<Record<string, readonly [cause: string, fix: string] | undefined>> = {
  EADDRINUSE: ["the port is in use", "end the program that has it ('ss -ltnp' names it), or take another port, or none: --view alone takes one that is free"],
  EACCES: ["the port is not for everybody", "take a port from 1024 on, or none: --view alone takes one that is free"],
};
