// Who a request comes from, by the way on which it came and the token that it shows.
import type { IncomingMessage } from "node:http";
import { Caller, OWNER, Refused } from "./caller.ts";
import type { Tokens } from "./tokens.ts";

export interface Way {
  /** Who comes on it without a token is the owner; else nobody. */
  readonly owner: boolean;
  /** What a request may take this computer for. A web page whose name has been made to lead here is told apart by it: its browser says that name. Absent: no browser comes on this way. */
  readonly hosts?: () => readonly string[];
}

/** Of a port at the loopback interface; browsers leave out the port that http has anyway. */
export const loopbackHosts = (port: number): readonly string[] => ["127.0.0.1", "localhost"].flatMap((host) => [`${host}:${port}`, ...(port === 80 ? [host] : [])]);

/** @throws Refused (401; 421 where the request is for somebody else), whose message has nothing of what was shown */
export function admit({ headers }: IncomingMessage, { owner, hosts }: Way, tokens: Tokens): Caller {
  if (hosts !== undefined && !hosts().includes(headers.host ?? "")) throw new Refused(421, "this computer is not addressed by that name here");
  const { authorization } = headers;
  if (authorization === undefined) {
    if (owner) return OWNER;
    throw new Refused(401, "a token is needed: the header Authorization: Bearer TOKEN; who runs the appliance makes one ('bailiwick vm token', or POST /tokens)");
  }
  const secret = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  const held = secret === undefined ? undefined : tokens.find(secret);
  if (held === undefined) throw new Refused(401, "the token is unknown, over or revoked");
  return new Caller(held);
}
