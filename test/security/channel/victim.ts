// A server that many use, by Call and by ring. Each client's messages are its own numbers, sent back doubled. What ends a client's channel is said in
// the log, with the client's number: this is all that a client can bring about.
import { Acceptor, AddressMap, client, InitSlot, Parent, serve, type Accepted, type Env, type Op } from "bailiwick/sdk";

const TURN = 32;

export default function* main(env: Env): Op<void> {
  const acceptor = yield* Acceptor.create(env, { count: 14, pages: 1, slots: 128, address: AddressMap.OWN, firstBit: 2 ** 32 });
  if (acceptor === null) throw new Error("too little memory for the channels");
  const parent = client(Parent, env.sys, env.mem, InitSlot.Parent);
  const closed = new Set<Accepted>();
  let total = 0n;

  /** True: there is more to do now. */
  function* answer(channel: Accepted): Op<boolean> {
    const { in: receiver, out } = channel;
    if (receiver === undefined || out === undefined || closed.has(channel)) return false;
    for (let i = 0; i < TURN; i++) {
      if (out.over === undefined && out.sendable() === 0 && out.over === undefined) return !out.sleeps();
      const message = out.over ?? (yield* receiver.tryReceive());
      if (message === "Empty") return !receiver.sleeps();
      let result: string = "Done";
      if (typeof message === "string") result = message;
      else if (message.length === 8) {
        const number = new DataView(message.buffer);
        number.setBigUint64(0, number.getBigUint64(0, true) * 2n, true);
        result = yield* out.trySend(message);
      }
      if (result === "Done" || result === "Full") continue;
      yield* parent.log(new TextEncoder().encode(`client ${String((channel.client % 0x1_0000) % 100).padStart(2, "0")}: ${result}`));
      yield* acceptor!.close(channel);
      closed.add(channel);
      return false;
    }
    return true;
  }

  const dispatch = acceptor.dispatch(function* (message) {
    yield* [];
    if (message.label !== 1 || message.length < 1) return { label: 1 };
    total = BigInt.asUintN(64, total + message.big(0));
    return { words: [total, ~total] };
  });
  yield* serve(env, dispatch, {
    *turn() {
      let more = false;
      for (const channel of acceptor.channels()) more = (yield* answer(channel)) || more;
      return more;
    },
  });
}
