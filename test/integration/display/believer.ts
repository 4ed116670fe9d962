// As believer.c, by the TypeScript library.
import { AddressMap, client, Console, InitSlot, openWindow, Parent, type Env, type Op } from "bailiwick/sdk";

export default function* main(env: Env): Op<void> {
  const terminal = client(Console, env.sys, env.mem, env.use["console"]!.cap);
  for (let i = 0; i < 14; i++) {
    const opened = yield* openWindow(env, env.use["display"]!.cap, { slots: 130, address: AddressMap.OWN, bit: 2 ** 52 });
    yield* terminal.write(new TextEncoder().encode(`ts: ${opened.ok ? "ok" : opened.refusal}\n`));
  }
  yield* client(Parent, env.sys, env.mem, InitSlot.Parent).exit(0);
}
