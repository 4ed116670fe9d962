// What can be asked of a running appliance's guests, as data: each route with what it takes and gives. The server (api-server.ts) checks requests by it, and the OpenAPI description is made from it,
// so that neither says what the other does not do.
// Source for the shape: Firecracker's API (actions on a Unix socket, JSON both ways); OpenAPI 3.1.
import { z } from "zod";
import type { Caller } from "./caller.ts";
import { EXPOSITION_TYPE } from "./exposition.ts";
import type { GuestKeeper } from "./keeper.ts";
import type { Metrics } from "./metrics.ts";
import { RIGHTS, type Right } from "./rights.ts";
import { tokenSchema, wantedSchema, type Tokens } from "./tokens.ts";

export const API_VERSION = "1.2.0";

const name = z.string().meta({ description: "the guest, as the manifest names it" });
const guestSchema = z
  .strictObject({
    name,
    state: z.enum(["starting", "restoring", "standby", "running", "paused", "ended"]),
    memory: z.number().int().meta({ description: "bytes of its RAM" }),
    cpus: z.number().int(),
    ending: z.string().optional().meta({ description: "how it ended" }),
  })
  .meta({ id: "Guest" });
const snapshotSchema = z
  .strictObject({
    guest: name,
    folder: z.string(),
    taken: z.string().meta({ description: "ISO 8601" }),
    base: z.string().optional().meta({ description: "the snapshot that this one's memory lies on" }),
    pausedMs: z.number().meta({ description: "how long the guest stood; 0 when it stood anyway" }),
  })
  .meta({ id: "Snapshot" });
export const errorSchema = z.strictObject({ code: z.string().nullable(), message: z.string() }).meta({ id: "Error" });

export interface Machine {
  readonly name: string;
  readonly guests: GuestKeeper;
  readonly metrics: Pick<Metrics, "text">;
  readonly tokens: Tokens;
  /** Ends the run. */
  readonly stop: () => void;
}

export interface Route {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** With parameters in braces. */
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  /** Which a token must have for it; null: any will do. Where the path names a guest, it must be for that one, too (api-server.ts). */
  readonly right: Right | null;
  /** What must hold before. */
  readonly when?: string;
  readonly body?: z.ZodType;
  /** Of JSON its schema, of text its content type. Absent: 204, and nothing is given. */
  readonly gives?: { readonly status: 200 | 201; readonly schema: z.ZodType } | { readonly status: 200; readonly text: string };
  /** The caller has the right, and may see the guest that the path names; what it may see and do beyond is for `answer` to ask. */
  readonly answer: (machine: Machine, parameters: Readonly<Record<string, string>>, body: never, caller: Caller) => unknown;
}

const route = <B extends z.ZodType = z.ZodUndefined>(given: Omit<Route, "answer" | "body"> & { readonly body?: B; readonly answer: (machine: Machine, parameters: Readonly<Record<string, string>>, body: z.infer<B>, caller: Caller) => unknown }): Route => given as unknown as Route;

const seen = ({ guests }: Machine, caller: Caller) => guests.list().filter((guest) => caller.sees(guest.name));

export const ROUTES: readonly Route[] = [
  route({
    method: "GET", path: "/", id: "getAppliance", summary: "the appliance that runs", right: "view",
    gives: { status: 200, schema: z.strictObject({ name: z.string(), guests: z.array(guestSchema) }) },
    answer: (machine, _, __, caller) => ({ name: machine.name, guests: seen(machine, caller) }),
  }),
  route({ method: "GET", path: "/guests", id: "listGuests", summary: "its guests", right: "view", gives: { status: 200, schema: z.array(guestSchema) }, answer: (machine, _, __, caller) => seen(machine, caller) }),
  route({ method: "GET", path: "/guests/{guest}", id: "getGuest", summary: "one guest", right: "view", gives: { status: 200, schema: guestSchema }, answer: ({ guests }, { guest }) => guests.info(guest!) }),
  route({
    method: "PATCH", path: "/guests/{guest}", id: "setGuestState", summary: "pause a guest, or let it go on", right: "life",
    when: "it is running (to pause it), paused (to resume it), or on standby: then it begins, running or paused",
    body: z.strictObject({ state: z.enum(["paused", "running"]) }),
    answer: ({ guests }, { guest }, { state }) => (state === "paused" ? guests.pause(guest!) : guests.resume(guest!)),
  }),
  route({
    method: "POST", path: "/guests/{guest}/snapshots", id: "createSnapshot", summary: "write a guest down to a folder; one that was running runs again", right: "snapshot",
    when: "it is running or paused; for changes: it goes on from a snapshot",
    body: z.strictObject({
      folder: z.string().min(1).meta({ description: "absolute path of the folder, which must not be there yet; with a token, directly in the folder that it names" }),
      changes: z.boolean().optional().meta({ description: "of memory and disks only what was changed since the snapshot that the guest goes on from" }),
    }),
    gives: { status: 201, schema: snapshotSchema },
    async answer({ guests }, { guest }, { folder, changes = false }, caller) {
      await caller.mustWrite(folder);
      const { taken, base, pausedMs } = await guests.snapshot(guest!, folder, { changes });
      return { guest: guest!, folder, taken, ...(base === undefined ? {} : { base }), pausedMs };
    },
  }),
  route({
    method: "POST", path: "/guests/{guest}/shutdown", id: "shutDownGuest", summary: "ask a guest to shut down, by its power button: done when it has been told; whether it shuts down is its own affair", right: "stop",
    when: "it is running",
    answer: ({ guests }, { guest }) => guests.shutdown(guest!),
  }),
  route({
    method: "GET", path: "/metrics", id: "getMetrics", summary: "metrics of the machine and of its guests, in Prometheus's text format; with a token for named guests, theirs alone", right: "metrics",
    gives: { status: 200, text: EXPOSITION_TYPE },
    answer: ({ metrics }, _, __, { grant }) => metrics.text(grant?.guests ?? null),
  }),
  route({
    method: "POST", path: "/stop", id: "stop", summary: "end the run at once, as if the power was cut; not with a token for named guests", right: "stop",
    answer({ stop }, _, __, caller) {
      caller.mustSeeAll();
      stop();
    },
  }),
  route({ method: "GET", path: "/tokens", id: "listTokens", summary: "tokens, without their secrets: all, or the caller's and those made from it", right: "tokens", gives: { status: 200, schema: z.array(tokenSchema) }, answer: ({ tokens }, _, __, caller) => tokens.list(caller) }),
  route({
    method: "POST", path: "/tokens", id: "createToken", summary: "make a token that may no more than the caller; its secret is told this once", right: "tokens",
    when: "there are not too many",
    body: wantedSchema,
    gives: { status: 201, schema: tokenSchema.extend({ token: z.string().meta({ description: "the secret, for the header Authorization: Bearer" }) }).meta({ id: "NewToken" }) },
    answer({ guests, tokens }, _, wanted, caller) {
      // A token that is made for a guest by a wrong name would be for none. Who is for named guests has been told of them.
      if (caller.grant === null) for (const guest of wanted.guests ?? []) guests.info(guest);
      return tokens.make(caller, wanted);
    },
  }),
  route({ method: "DELETE", path: "/tokens/{token}", id: "deleteToken", summary: "revoke a token, and all that was made from it", right: "tokens", answer: ({ tokens }, { token }, _, caller) => tokens.revoke(caller, token!) }),
  route({ method: "GET", path: "/openapi.json", id: "getDescription", summary: "this description", right: null, gives: { status: 200, schema: z.looseObject({ openapi: z.string() }) }, answer: () => describeApi() }),
];

/** An OpenAPI 3.1 document of all routes. */
export function describeApi(): object {
  const schema = (of: z.ZodType): object => {
    const { $schema: _, ...rest } = z.toJSONSchema(of);
    return rest;
  };
  const given = (gives: NonNullable<Route["gives"]>): object => ("text" in gives ? { [gives.text]: { schema: { type: "string" } } } : content(gives.schema));
  const content = (of: z.ZodType): object => ({ "application/json": { schema: schema(of) } });
  const fails = (description: string): object => ({ description, content: content(errorSchema) });
  const paths: Record<string, Record<string, object>> = {};
  for (const { method, path, id, summary, right, when, body, gives } of ROUTES) {
    const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => ({ name: parameter, in: "path", required: true, schema: { type: "string" } }));
    (paths[path] ??= {})[method.toLowerCase()] = {
      operationId: id, summary, ...(when === undefined ? {} : { description: `Only when ${when}.` }), parameters,
      // Without a token only its owner's socket takes it. The names are rights.
      security: [{ token: right === null ? [] : [right] }, {}],
      ...(body === undefined ? {} : { requestBody: { required: true, content: content(body) } }),
      responses: {
        ...(gives === undefined ? { 204: { description: "done" } } : { [gives.status]: { description: "done", content: given(gives) } }),
        ...(body === undefined ? {} : { 400: fails("the request is not as described") }),
        401: fails("there is no token where one is demanded, or it is unknown, over or revoked"),
        ...(right === null ? {} : { 403: fails(`the token has not the right '${right}'${path.includes("{guest}") ? ", or is not for this guest" : ""}`) }),
        ...(parameters.length === 0 ? {} : { 404: fails(`there is no such ${parameters[0]!.name}`) }),
        ...(when === undefined ? {} : { 409: fails("the guest's state does not allow it, or it could not be done") }),
      },
    };
  }
  const token = { type: "http", scheme: "bearer", description: `What its holder may do, it says itself: ${Object.entries(RIGHTS).map(([right, does]) => `${right}: ${does}`).join("; ")}` };
  return { openapi: "3.1.0", info: { title: "Bailiwick: guests of a running appliance", version: API_VERSION }, servers: [{ url: "http://localhost" }], paths, components: { securitySchemes: { token } } };
}
