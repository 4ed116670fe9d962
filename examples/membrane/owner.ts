// owner.ts: lends its diary to somebody it does not trust, and takes everything back.
import { client, Console, dispatcher, Gate, InitSlot, lend, Membrane, MEMBRANE_BADGES, Right, serve, type Env, type Op, type Response } from "bailiwick/sdk";
import { Diary, Lending } from "./protocol.ts";

// Slots of its own: where capabilities arrive (three for requests, three for answers), what the facet is lent by, what passes the membrane.
const RECEIVED = 128, FACET = 134, PASSED = 136;
// Badges of its own endpoint: one for the facet, all others from there on for the membrane's wrappers.
const FACET_BADGE = 2 ** 31, FIRST_WRAPPER = FACET_BADGE + MEMBRANE_BADGES;

const encode = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

export default function* main(env: Env): Op<void> {
  const { sys } = env;
  const diary = env.use["diary"]!.cap;
  const console = client(Console, sys, env.mem, env.use["console"]!.cap);
  const say = function* (text: string): Op<void> {
    yield* console.write(encode(`owner: ${text}\n`));
  };
  sys.receiveSlots(InitSlot.CNode, RECEIVED, 32, 3);

  // Two who stand before the diary. Neither gives anybody the diary itself.
  const facet = new Gate(env, { target: diary, labels: [Diary.methods.read.label] });
  const membrane = new Membrane(env, { badgeFirst: FIRST_WRAPPER, places: 16, slots: PASSED, receive: RECEIVED });

  const mine = client(Diary, sys, env.mem, diary);
  yield* mine.write(0, encode("Monday. Nothing happened."));
  yield* mine.write(1, encode("Tuesday. A stranger came by."));

  const lending = dispatcher(Lending, env, {
    *facet() {
      const answer = yield* lend(sys, FACET, InitSlot.Service, Right.Write | Right.GrantReply, FACET_BADGE);
      return answer.error ? { label: Lending.refusals.nothing } : { caps: [FACET] };
    },
    *membrane() {
      const wrapper = yield* membrane.wrap("inner", diary);
      return wrapper.ok ? { caps: [wrapper.cap] } : { label: Lending.refusals.nothing };
    },
    *done() {
      yield* membrane.revoke();
      yield* say(`taken back; ${membrane.passed} calls passed, ${membrane.wrapped} capabilities were wrapped, ${membrane.capabilitiesRefused} refused`);
      const page = yield* mine.read(1);
      yield* say(page.ok ? `my diary still says: ${String.fromCharCode(...page.bytes)}` : "my diary is gone");
      return {};
    },
  });

  // The badge of a request says what it came by.
  yield* serve(env, function* (request): Op<Response | null> {
    if (request.badge === FACET_BADGE) return yield* facet.handle(request);
    if (membrane.knows(request.badge)) return yield* membrane.handle(request);
    return yield* lending(request);
  });
}
