// A client of the false server: says what it makes of the answer.
import { AddressMap, client, InitSlot, openChannel, Parent, type Env, type Op } from "bailiwick/sdk";

export default function* main(env: Env): Op<void> {
  const parent = client(Parent, env.sys, env.mem, InitSlot.Parent);
  const shape = { capacity: 512, bytes: 8 };
  const opened = yield* openChannel(env, env.use["victim"]!.cap, { toServer: shape, fromServer: shape, slots: 128, address: AddressMap.OWN, bit: 2 ** 52 });
  if (!opened.ok) {
    yield* parent.log(new TextEncoder().encode(opened.refusal));
    return void (yield* parent.exit(opened.label));
  }
  yield* opened.channel.out!.send(new Uint8Array(8));
  yield* parent.log(new TextEncoder().encode(String(yield* opened.channel.in!.receive())));
  yield* parent.exit(0);
}
