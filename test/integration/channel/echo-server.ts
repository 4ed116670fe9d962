// Sends back what its clients send, each message's first word as its number times seven, in the order it came. Answers Calls all the while.
import { Acceptor, AddressMap, client, InitSlot, Parent, serve, type Accepted, type Env, type Op } from "bailiwick/sdk";

const TURN = 16;

export default function* main(env: Env): Op<void> {
  const acceptor = yield* Acceptor.create(env, { count: 3, pages: 6, slots: 128, address: AddressMap.OWN, firstBit: 2 ** 41 });
  if (acceptor === null) throw new Error("too little memory for the channels");
  const parent = client(Parent, env.sys, env.mem, InitSlot.Parent);

  /** A message is taken only when there is room for its answer. True: there is more to do now. */
  function* echo(channel: Accepted): Op<boolean> {
    const { in: receiver, out } = channel;
    if (receiver === undefined || out === undefined || receiver.over !== undefined) return false;
    for (let i = 0; i < TURN; i++) {
      if (out.sendable() === 0) return !out.sleeps();
      const message = yield* receiver.tryReceive();
      if (message === "Empty") return !receiver.sleeps();
      if (typeof message === "string") {
        yield* parent.log(new TextEncoder().encode(message));
        yield* acceptor!.close(channel);
        return false;
      }
      const first = new DataView(message.buffer, message.byteOffset, 8);
      first.setBigUint64(0, first.getBigUint64(0, true) * 7n, true);
      yield* out.trySend(message);
    }
    return true;
  }

  const dispatch = acceptor.dispatch(function* (message) {
    yield* [];
    return message.label === 1 ? { words: [~message.big(0)] } : { label: 1 };
  });
  yield* serve(env, dispatch, {
    *turn() {
      let more = false;
      for (const channel of acceptor.channels()) more = (yield* echo(channel)) || more;
      return more;
    },
  });
}
