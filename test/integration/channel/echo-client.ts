// Sends to the echo server without waiting for each answer, takes the answers, and Calls it in between. Says what it found.
import { AddressMap, client, Console, InitSlot, openChannel, Parent, type Env, type Op } from "bailiwick/sdk";

const MESSAGES = 20_000;
const SHAPES = [[1, 1, 1], [64, 64, 2], [256, 8, 3], [4, 128, 64 / 8], [16, 16, 64]] as const;

let state = 1;
const below = (most: number): number => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % most;

export default function* main(env: Env): Op<void> {
  const terminal = client(Console, env.sys, env.mem, env.use["console"]!.cap);
  const parent = client(Parent, env.sys, env.mem, InitSlot.Parent);
  for (const [capacity, back, words] of SHAPES) {
    const exact = yield* course(env, capacity, back, words);
    yield* terminal.write(new TextEncoder().encode(`${capacity} and ${back} messages of ${words} words: ${exact} exact\n`));
    if (exact !== MESSAGES) return void (yield* parent.exit(1));
  }
  yield* parent.exit(0);
}

/** One course with rings of these shapes; how many exact answers. */
function* course(env: Env, capacity: number, back: number, words: number): Op<number | string> {
  const echo = env.use["echo"]!.cap;
  const bytes = 8 * words;
  const opened = yield* openChannel(env, echo, { toServer: { capacity, bytes }, fromServer: { capacity: back, bytes }, slots: 128, address: AddressMap.OWN, bit: 2 ** 52 });
  if (!opened.ok) return `not opened: ${opened.refusal} ${opened.label}`;
  const out = opened.channel.out!;
  const from = opened.channel.in!;
  let sent = 0, taken = 0;
  while (taken < MESSAGES) {
    // As much as there is room for, then what has come; to wait for room alone could wait for ever, for the server waits for room too.
    for (let burst = below(2 * capacity); burst > 0 && sent < MESSAGES; burst--) {
      if ((yield* out.trySend(new Uint8Array(BigUint64Array.from({ length: words }, (_, i) => BigInt(sent + i)).buffer))) !== "Done") break;
      sent++;
    }
    if (below(50) === 0) {
      const answer = yield* env.sys.call(echo, 1, [sent]);
      if (answer.error || answer.label !== 0 || answer.big(0) !== BigInt.asUintN(64, ~BigInt(sent))) return taken;
    }
    if (sent === taken) continue;
    const message = yield* from.receive();
    if (typeof message === "string") return message;
    const got = new BigUint64Array(message.buffer);
    if (got.some((word, i) => word !== (i === 0 ? 7n * BigInt(taken) : BigInt(taken + i)))) return taken;
    taken++;
  }
  yield* opened.channel.close();
  return taken;
}
