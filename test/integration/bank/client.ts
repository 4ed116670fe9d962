// The space bank's client in TypeScript: everything it can ask, once, and what came of it.
import { type Env, type Op, bankClient, BankRight, client, Console, discrimClassify, InitSlot, Kind, Parent, retype } from "bailiwick/sdk";

const FIRST = 130;
const encode = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

export default function* main(env: Env): Op<void> {
  const { sys, mem, use } = env;
  const terminal = client(Console, sys, mem, use["console"]!.cap);
  const say = function* (what: string, result: object): Op<void> {
    yield* terminal.write(encode(`${what}: ${JSON.stringify(result)}\n`));
  };
  const [tenant, block, small, weak, frame, table] = [FIRST, FIRST + 1, FIRST + 2, FIRST + 3, FIRST + 4, FIRST + 5];
  const kind = function* (slot: number): Op<string> {
    return (yield* discrimClassify(sys, InitSlot.Discrim, slot)).word(0) === Kind.Null ? "nothing" : "something";
  };

  const bank = bankClient(env, use["bank"]!.cap);
  yield* say("make", yield* bank.make({ limit: 65536, reserve: 65536, banks: 2, name: "tenant" }, tenant));
  const own = bankClient(env, tenant);
  yield* say("verify", yield* bank.verify(tenant));
  yield* say("verify console", yield* bank.verify(use["console"]!.cap));
  yield* say("verify nothing", yield* bank.verify(199));
  const bought = yield* own.buy(13, block);
  yield* say("buy", bought);
  yield* say("retype", { error: (yield* retype(sys, block, Kind.Frame, 12, 2, InitSlot.CNode, frame)).error, kind: yield* kind(table) });
  yield* say("buy again", yield* own.buy(12, small));
  yield* say("buy into what is full", yield* own.buy(12, small));
  yield* say("buy too much", yield* own.buy(16, FIRST + 9));
  yield* say("make a bad name", yield* own.make({ name: "two words" }, FIRST + 9));
  yield* say("make too much", yield* own.make({ reserve: 131072, name: "big" }, FIRST + 9));
  yield* say("restrict", yield* own.restrict(BankRight.Look, weak));
  const looks = bankClient(env, weak);
  yield* say("buy without the right", yield* looks.buy(12, FIRST + 9));
  yield* say("figures", yield* looks.figures());
  for (const place of [0, 1, 2]) yield* say(`list ${place}`, yield* bank.list(place));
  if (bought.ok) yield* say("free", yield* own.free(bought.number));
  if (bought.ok) yield* say("free again", yield* own.free(bought.number));
  yield* say("what was made", { block: yield* kind(block), frame: yield* kind(frame) });
  // Forty blocks are more than one call destroys.
  let many = 0;
  for (let slot = 140; slot < 180; slot++) many += (yield* bank.buy(12, slot)).ok ? 1 : 0;
  yield* say("many", { many });
  yield* say("destroy the tenant", yield* own.destroy());
  yield* say("destroy again", yield* own.destroy());
  yield* say("figures of what is gone", yield* looks.figures());
  yield* say("destroy all", yield* bank.destroy());
  yield* say("figures", yield* bank.figures());
  yield* say("no endpoint", yield* bankClient(env, 198).figures());
  yield* client(Parent, sys, mem, InitSlot.Parent).exit(0);
}
