// try.ts: a client. What it uses is named here and decided in the manifest; there is no other way out of it: no file, no network, no clock.
import { client, Console, InitSlot, Parent, type Env, type Op } from "bailiwick/sdk";
import { Tally } from "./protocol.ts";

export default function* main(env: Env): Op<void> {
  const { console, tally } = env.use;
  const parent = client(Parent, env.sys, env.mem, InitSlot.Parent);
  if (console === undefined || tally === undefined) return void (yield* parent.exit(1));
  const terminal = client(Console, env.sys, env.mem, console.cap);
  const server = client(Tally, env.sys, env.mem, tally.cap);

  for (const amount of [5, 37, 2 ** 32 - 1]) {
    // `refusal` is a name of the protocol's, or "error" when the kernel could not deliver: the server is gone.
    const answer = yield* server.add(amount);
    const said = answer.ok ? `the total is ${answer.total}` : `refused (${answer.refusal})`;
    yield* terminal.write(Uint8Array.from(`add ${amount}: ${said}\n`, (letter) => letter.charCodeAt(0)));
  }
  yield* parent.exit(0);
}
