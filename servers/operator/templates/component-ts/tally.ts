// tally.ts: a server. It keeps a total for each client; who a client is, the kernel says with the badge of each request.
import { dispatcher, serve, type Env, type Op } from "bailiwick/sdk";
import { Tally } from "./protocol.ts";

const CLIENTS = 8;
const MOST = 2 ** 32 - 1;

export default function* main(env: Env): Op<void> {
  const totals = new Map<number, number>();

  // A request with another label or number of words is answered with badRequest before it comes to a handler. `yield*` is a system call.
  const handlers = dispatcher(Tally, env, {
    *add({ badge, words: { amount } }) {
      // A badge is offer << 16 | client, clients numbered from 1.
      const client = badge % 0x1_0000;
      if (client < 1 || client > CLIENTS) return { label: Tally.refusals.badRequest };
      const total = (totals.get(client) ?? 0) + amount;
      if (total > MOST) return { label: Tally.refusals.overflow };
      totals.set(client, total);
      return { words: [total] };
    },
  });
  yield* serve(env, handlers);
}
