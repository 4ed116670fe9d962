// The control socket of a running appliance: HTTP over a Unix socket. Whoever can open the socket may do all that the API has; it is made for its owner alone.
//
//   A1  What a client sends is checked by the route's schema before anything is done; what is not as described is answered with what is wrong, and nothing else happens.
//   A2  Clients are bounded in number, in bytes and in time; one that hangs or goes away costs nobody else anything, and what it asked for is done to its end.
import { rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Failure, textOf } from "../failure.ts";
import { ROUTES, type Machine, type Route } from "./api.ts";
import { Metrics } from "./metrics.ts";
import { listenAlone } from "./socket.ts";

const MOST_CLIENTS = 64;
const MOST_BODY = 64 * 1024;
const PATIENCE_MS = 10_000;

export interface ControlServer {
  /** Takes no more requests; the socket is gone. */
  close(): void;
}

/** @throws Failure when the socket cannot be made */
export async function openControl(path: string, appliance: Omit<Machine, "metrics">): Promise<ControlServer> {
  const machine: Machine = { ...appliance, metrics: new Metrics(appliance.name, appliance.guests) };
  const server = createServer({ requestTimeout: PATIENCE_MS, headersTimeout: PATIENCE_MS }, (request, response) => void serve(machine, request, response));
  server.maxConnections = MOST_CLIENTS;
  await listenAlone(server, path, "control socket");
  server.unref();
  return {
    close() {
      server.close();
      server.closeAllConnections();
      rmSync(path, { force: true });
    },
  };
}

class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function serve(machine: Machine, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.on("error", () => undefined);
  try {
    const { route, parameters } = find(request);
    const body = route.body === undefined ? undefined : checked(route.body, await read(request));
    const result = await route.answer(machine, parameters, body as never);
    if (route.gives === undefined) response.writeHead(204).end();
    else if ("text" in route.gives) response.writeHead(route.gives.status, { "content-type": route.gives.text }).end(result as string);
    else answer(response, route.gives.status, result);
  } catch (error) {
    const status = error instanceof Refused ? error.status : !(error instanceof Failure) ? 500 : error.message.includes("there is no guest") ? 404 : 409;
    answer(response, status, { code: error instanceof Failure ? (error.code ?? null) : null, message: textOf(error) });
  }
}

function answer(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(value)}\n`);
}

function find({ method = "", url = "" }: IncomingMessage): { readonly route: Route; readonly parameters: Readonly<Record<string, string>> } {
  const path = url.split("?")[0]!;
  const there = ROUTES.flatMap((route) => {
    const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
    const match = new RegExp(`^${route.path.replaceAll(".", "\\.").replace(/\{\w+\}/g, "([^/]+)")}$`).exec(path);
    if (match === null) return [];
    try {
      return [{ route, parameters: Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(match[i + 1]!)])) }];
    } catch {
      return [];
    }
  });
  const found = there.find(({ route }) => route.method === method);
  if (found !== undefined) return found;
  if (there.length === 0) throw new Refused(404, `there is nothing at ${path}: GET /openapi.json says what there is`);
  throw new Refused(405, `${path} takes ${there.map(({ route }) => route.method).join(", ")}, not ${method}`);
}

async function read(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    if ((bytes += piece.length) > MOST_BODY) throw new Refused(413, `a request has at most ${MOST_BODY} bytes`);
    pieces.push(piece);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString("utf8"));
  } catch {
    throw new Refused(400, "the request's body is no JSON");
  }
}

function checked(schema: NonNullable<Route["body"]>, given: unknown): unknown {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new Refused(400, parsed.error.issues.map(({ path, message }) => `${path.join(".") || "the body"}: ${message}`).join("; "));
}
