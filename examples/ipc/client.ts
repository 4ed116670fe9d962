// client.ts: a client in TypeScript. It waits for its turn to speak, then does what client.c does.
import { client, Console, dispatcher, InitSlot, Parent, toReply, type Env, type Op } from "bailiwick/sdk";
import { Counter, Turn } from "./protocol.ts";

const CALLS = 1000;

/** ASCII only: what this program prints. */
const encode = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

export default function* main(env: Env): Op<void> {
  const { console, counter } = env.use;
  const parent = client(Parent, env.sys, env.mem, InitSlot.Parent);
  if (console === undefined || counter === undefined) return void (yield* parent.exit(1));
  const terminal = client(Console, env.sys, env.mem, console.cap);
  const server = client(Counter, env.sys, env.mem, counter.cap);
  const print = function* (text: string): Op<void> {
    yield* terminal.write(encode(`${text}\n`));
  };

  yield* turn(env);
  const about = yield* server.describe();
  if (!about.ok) return void (yield* parent.exit(1));
  yield* print(`client in TypeScript, server: ${String.fromCharCode(...about.bytes)} (I am its client ${about.client})`);
  for (const amount of [5, 37, 2 ** 32 - 1]) {
    const answer = yield* server.add(amount);
    yield* print(answer.ok ? `  add ${amount}: ${answer.total}` : `  add ${amount}: refused, ${answer.refusal}`);
  }
  let done = 0;
  for (; done < CALLS; done++) {
    const answer = yield* server.add(1);
    if (!answer.ok) break;
  }
  const last = yield* server.total();
  if (last.ok) yield* print(`  after ${done} more calls: total ${last.total}, ${last.requests} requests`);
  yield* parent.exit(last.ok ? 0 : 1);
}

/** Waits until the other client hands over, and answers it. */
function* turn(env: Env): Op<void> {
  let taken = false;
  const dispatch = dispatcher(Turn, env, {
    *take() {
      taken = true;
      return {};
    },
  });
  while (!taken) {
    const request = yield* env.sys.recv(InitSlot.Service, InitSlot.Reply);
    const response = yield* dispatch(request);
    if (response === null) continue;
    const { label, words } = toReply(response);
    yield* env.sys.send(InitSlot.Reply, label, words);
  }
}
