// source.ts: waits for its turn to speak, then does what source.c does.
import { AddressMap, client, Console, dispatcher, InitSlot, NO_RING, openChannel, Parent, toReply, type Env, type Op } from "bailiwick/sdk";
import { MESSAGE_WORDS, Sink, Turn } from "./protocol.ts";

const MESSAGES = 10_000;
const CAPACITY = 256;
const SLOTS = 128;

/** ASCII only: what this program prints. */
const encode = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

export default function* main(env: Env): Op<void> {
  const parent = client(Parent, env.sys, env.mem, InitSlot.Parent);
  yield* turn(env);
  yield* parent.exit((yield* sendBoth(env)) ? 0 : 1);
}

function* sendBoth(env: Env): Op<boolean> {
  const { console, sink, channel: channels } = env.use;
  if (console === undefined || sink === undefined || channels === undefined) return false;
  const terminal = client(Console, env.sys, env.mem, console.cap);
  const server = client(Sink, env.sys, env.mem, sink.cap);
  const print = function* (text: string): Op<void> {
    yield* terminal.write(encode(`${text}\n`));
  };
  /** How often the sink rang. */
  const report = function* (how: string): Op<number | undefined> {
    const answer = yield* server.report();
    if (!answer.ok) return undefined;
    yield* print(`  ${how}: ${answer.received} came, ${answer.wrong} wrong, sum ${answer.sum}`);
    return answer.rung;
  };

  yield* print("source in TypeScript, sink in C");
  for (let n = 0; n < MESSAGES; n++) if (!(yield* server.put(n, 3 * n)).ok) return false;
  if ((yield* report("by call")) === undefined) return false;
  yield* print(`    ${MESSAGES} calls`);

  const toServer = { capacity: CAPACITY, bytes: 8 * MESSAGE_WORDS };
  const opened = yield* openChannel(env, channels.cap, { toServer, fromServer: NO_RING, slots: SLOTS, address: AddressMap.OWN, bit: 2 ** 52 });
  if (!opened.ok) {
    yield* print(`  the channel cannot be opened: ${opened.refusal} ${opened.label}`);
    return false;
  }
  const out = opened.channel.out!;
  const message = new DataView(new ArrayBuffer(8 * MESSAGE_WORDS));
  for (let n = 0; n < MESSAGES; n++) {
    message.setBigUint64(0, BigInt(n), true);
    message.setBigUint64(8, BigInt(3 * n), true);
    const result = yield* out.send(new Uint8Array(message.buffer));
    if (result === "Done") continue;
    yield* print(`  message ${n}: ${result}`);
    return false;
  }
  const rung = yield* report("by ring");
  if (rung === undefined) return false;
  yield* print(`    the source waited ${out.waited} times, and rang: ${out.rung}; the sink rang: ${rung}`);
  yield* opened.channel.close();
  return true;
}

/** Waits until the other source hands over, and answers it. */
function* turn(env: Env): Op<void> {
  let taken = false;
  const dispatch = dispatcher(Turn, env, {
    take() {
      taken = true;
      return {};
    },
  });
  while (!taken) {
    const response = yield* dispatch(yield* env.sys.recv(InitSlot.Service, InitSlot.Reply));
    if (response === null) continue;
    const { label, words } = toReply(response);
    yield* env.sys.send(InitSlot.Reply, label, words);
  }
}
