// server.ts: a counter in TypeScript, one total for each client. The kernel vouches for the badge, so a client cannot pass for another.
import { dispatcher, serve, type Env, type Op } from "bailiwick/sdk";
import { Counter } from "./protocol.ts";

const CLIENTS = 8;
const MOST = 2 ** 32 - 1;
const TEXT = "a counter in TypeScript";

interface Client {
  total: number;
  requests: number;
}

export default function* main(env: Env): Op<void> {
  const clients = new Map<number, Client>();

  /** A badge is offer << 16 | client, clients numbered from 1. */
  const numberOf = (badge: number): number => badge % 0x1_0000;
  const clientOf = (badge: number): Client | undefined => {
    const number = numberOf(badge);
    if (number < 1 || number > CLIENTS) return undefined;
    const client = clients.get(number) ?? { total: 0, requests: 0 };
    clients.set(number, client);
    client.requests++;
    return client;
  };
  const unknown = { label: Counter.refusals.badRequest };

  const handlers = dispatcher(Counter, env, {
    *add({ badge, words: { amount } }) {
      const client = clientOf(badge);
      if (client === undefined) return unknown;
      if (amount > MOST - client.total) return { label: Counter.refusals.overflow };
      client.total += amount;
      return { words: [client.total] };
    },
    *total({ badge }) {
      const client = clientOf(badge);
      return client === undefined ? unknown : { words: [client.total, client.requests] };
    },
    *describe({ badge }) {
      if (clientOf(badge) === undefined) return unknown;
      const bytes = Uint8Array.from(TEXT, (letter) => letter.charCodeAt(0));
      return { words: [numberOf(badge)], bytes };
    },
  });
  yield* serve(env, handlers);
}
