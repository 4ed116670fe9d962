// The control API of a running appliance: HTTP at the owner's Unix socket, where who can open it may do all that the API has; at a Unix socket for others; and at a port of this computer. Where others
// come, every request needs a token (tokens.ts), which says what may be done with it.
//
//   A1  What a client sends is checked by the route's schema before anything is done; what is not as described is answered with what is wrong, and nothing else happens.
//   A2  Clients are bounded in number, in bytes and in time, at each way in by themselves; one that hangs or goes away costs nobody else anything, and what it asked for is done to its end.
//   A3  Who is not admitted is told nothing, not even what there is, and of what he sends nothing is read. A token that is revoked while its holder still speaks is revoked for that, too.
import { rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Failure, textOf } from "../failure.ts";
import { admit, loopbackHosts, type Way } from "./admission.ts";
import { ROUTES, type Machine, type Route } from "./api.ts";
import { Refused } from "./caller.ts";
import { Metrics } from "./metrics.ts";
import { listenAlone, listenLoopback, listenShared } from "./socket.ts";
import { Tokens } from "./tokens.ts";

const MOST_CLIENTS = 64;
const MOST_BODY = 64 * 1024;
const PATIENCE_MS = 10_000;

export interface ControlOptions {
  /** Path of a socket where others come, with tokens. */
  readonly shared?: string | undefined;
  /** A port of the loopback interface, for those who cannot speak to Unix sockets, with tokens; 0: any that is free. */
  readonly port?: number | undefined;
  /** By default there are none at first, and they last as long as the run. */
  readonly tokens?: Tokens;
}

export interface ControlServer {
  /** If there is one. */
  readonly port: number | undefined;
  /** Takes no more requests; the sockets are gone. */
  close(): void;
}

/** @param path of the owner's socket. @throws Failure when a socket cannot be made */
export async function openControl(path: string, appliance: Omit<Machine, "metrics" | "tokens">, { shared, port, tokens = new Tokens() }: ControlOptions = {}): Promise<ControlServer> {
  const machine: Machine = { ...appliance, metrics: new Metrics(appliance.name, appliance.guests), tokens };
  const servers: Server[] = [], paths: string[] = [];
  const open = (way: Way): Server => {
    const server = createServer({ requestTimeout: PATIENCE_MS, headersTimeout: PATIENCE_MS }, (request, response) => void serve(machine, way, request, response));
    server.maxConnections = MOST_CLIENTS;
    server.unref();
    servers.push(server);
    return server;
  };
  const close = (): void => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    for (const each of paths) rmSync(each, { force: true });
  };
  try {
    await listenAlone(open({ owner: true }), path, "control socket");
    paths.push(path);
    if (shared !== undefined) {
      await listenShared(open({ owner: false }), shared, "shared control socket");
      paths.push(shared);
    }
    let own: number | undefined;
    if (port !== undefined) own = await listenLoopback(open({ owner: false, hosts: () => loopbackHosts(own ?? 0) }), port, "control port");
    return { port: own, close };
  } catch (error) {
    close();
    throw error;
  }
}

async function serve(machine: Machine, way: Way, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.on("error", () => undefined);
  try {
    const first = admit(request, way, machine.tokens), { route, parameters } = find(request);
    if (route.right !== null) first.must(route.right);
    if (parameters["guest"] !== undefined) first.mustSee(parameters["guest"]);
    const body = route.body === undefined ? undefined : checked(route.body, await read(request));
    const caller = admit(request, way, machine.tokens);
    const result = await route.answer(machine, parameters, body as never, caller);
    if (route.gives === undefined) response.writeHead(204).end();
    else if ("text" in route.gives) response.writeHead(route.gives.status, { "content-type": route.gives.text }).end(result as string);
    else answer(response, route.gives.status, result);
  } catch (error) {
    const status = error instanceof Refused ? error.status : !(error instanceof Failure) ? 500 : /there is no (guest|such token) /.test(error.message) ? 404 : 409;
    // Source: RFC 6750, section 3.
    if (status === 401) response.setHeader("www-authenticate", request.headers.authorization === undefined ? "Bearer" : 'Bearer error="invalid_token"');
    if (error instanceof Refused && error.right !== undefined) response.setHeader("www-authenticate", `Bearer error="insufficient_scope", scope="${error.right}"`);
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
