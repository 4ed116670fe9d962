// cell.ts: one of many. It knows its own number and, unless it is the first, one neighbour; of the others it cannot even tell that they are there.
import { client, dispatcher, serve, type Env, type Op } from "bailiwick/sdk";
import { Cell } from "./protocol.ts";

export default function* main(env: Env): Op<void> {
  const { number } = env.args as { readonly number: number };
  const { before } = env.use;
  const neighbour = before === undefined ? undefined : client(Cell, env.sys, env.mem, before.cap);

  const handlers = dispatcher(Cell, env, {
    *sum() {
      if (neighbour === undefined) return { words: [number, 1] };
      const answer = yield* neighbour.sum();
      return answer.ok ? { words: [answer.total + number, answer.cells + 1] } : { label: Cell.refusals.gone };
    },
  });
  yield* serve(env, handlers);
}
