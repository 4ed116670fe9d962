// sink.ts: takes messages from the rings of its clients, and answers Calls all the while. It checks each message: number n must come n-th, with 3n.
import { Acceptor, AddressMap, Channel, dispatcher, InitSlot, serve, type Accepted, type Env, type Op } from "bailiwick/sdk";
import { MESSAGE_WORDS, Sink } from "./protocol.ts";

const CLIENTS = 4;
const PAGES = 2;
const TURN = 64;
/** The upper half of the CSpace is the program's own. */
const SLOTS = 128;

/** What a client has sent since its last report. */
interface Count {
  received: number;
  sum: number;
  wrong: number;
}

export default function* main(env: Env): Op<void> {
  const acceptor = yield* Acceptor.create(env, { count: CLIENTS, pages: PAGES, slots: SLOTS, address: AddressMap.OWN, firstBit: 2 ** 40 });
  if (acceptor === null) throw new Error("too little memory for the channels");
  const counts = new Map<number, Count>();
  /** A client has one number, whichever of the offers it uses. */
  const numberOf = (badge: number): number => badge % 0x1_0000;
  const countOf = (badge: number): Count => {
    const count = counts.get(numberOf(badge)) ?? { received: 0, sum: 0, wrong: 0 };
    counts.set(numberOf(badge), count);
    return count;
  };
  const note = (count: Count, number: number, triple: number): void => {
    if (number !== count.received || triple !== 3 * number) count.wrong++;
    count.received++;
    count.sum += number;
  };

  /** Takes up to `most` messages of one client's ring. */
  function* take({ client, in: receiver }: Accepted, most: number): Op<void> {
    const count = countOf(client);
    for (let taken = 0; receiver !== undefined && taken < most; taken++) {
      const message = yield* receiver.tryReceive();
      if (typeof message === "string") return;
      const words = new DataView(message.buffer, message.byteOffset, 8 * MESSAGE_WORDS);
      note(count, Number(words.getBigUint64(0, true)), Number(words.getBigUint64(8, true)));
    }
  }

  /** At most TURN messages of each ring, then it is the others' turn. */
  function* turn(): Op<boolean> {
    let more = false;
    for (const channel of acceptor!.channels()) {
      yield* take(channel, TURN);
      if (channel.in?.sleeps() === false) more = true;
    }
    return more;
  }

  const sink = dispatcher(Sink, env, {
    put({ badge, words: { number, triple } }) {
      note(countOf(badge), number, triple);
      return {};
    },
    *report({ badge }) {
      // All that was sent before the question counts.
      let rung = 0;
      for (const channel of acceptor.channels()) {
        if (numberOf(channel.client) !== numberOf(badge) || channel.in === undefined) continue;
        yield* take(channel, channel.in.receivable());
        rung = channel.in.rung;
      }
      const { received, sum, wrong } = countOf(badge);
      counts.delete(numberOf(badge));
      return { words: [received, sum, wrong, rung] };
    },
  });
  const channels = acceptor.dispatch(sink);
  yield* serve(env, (message) => (message.label === Channel.methods.open.label && message.word(1) !== 8 * MESSAGE_WORDS ? refuse() : channels(message)), { turn, endpoint: InitSlot.Service });
}

/** Messages of another length are none of this sink's. */
function* refuse(): Op<{ label: number }> {
  yield* [];
  return { label: Channel.refusals.badRequest };
}
