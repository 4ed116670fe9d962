// host.ts: the owner of protocol.ts in TypeScript; host.c is the same in C.
import { cnodeDelete, dispatcher, Gate, InitSlot, lend, Membrane, MEMBRANE_BADGES, Right, Seals, serve, takeBack, type Env, type Message, type Op, type Response } from "bailiwick/sdk";
import { Host, Party, What } from "./protocol.ts";

const RECEIVED = 128, ANSWERS = 134, GIVEN = 138, BOX = 150, BOXES = 151, PLACES = 160;
const MADE = 2 ** 31, GATES = MADE + MEMBRANE_BADGES, SEALS = GATES + 16;
const GIVEN_RIGHTS = Right.Write | Right.GrantReply | Right.Grant;

export default function* main(env: Env): Op<void> {
  const { sys } = env;
  const inner = env.use["inner"]!.cap;
  sys.receiveSlots(InitSlot.CNode, RECEIVED, 32, 3);
  const membrane = new Membrane(env, { badgeFirst: MADE, places: 10, slots: PLACES, receive: RECEIVED, signals: { notification: InitSlot.Notification, firstBit: 49, bits: 3 } });
  const facet = new Gate(env, { target: inner, labels: [Party.methods.add.label, Party.methods.echo.label], requests: RECEIVED });
  const caretaker = new Gate(env, { target: inner, requests: RECEIVED, answers: ANSWERS });
  const seals = new Seals(env, { badgeFirst: SEALS, boxes: 4, slots: BOXES, made: BOX, each: 3, receive: RECEIVED });
  const remove = (slot: number): Op<Message> => cnodeDelete(sys, { cnode: InitSlot.CNode, index: slot, depth: 32 });
  const isLoan = (what: number): boolean => what === What.facet || what === What.caretaker || what === What.loan;

  function* make(what: number): Op<number> {
    if (what === What.membrane) {
      const wrapper = yield* membrane.wrap("inner", inner);
      return wrapper.ok ? wrapper.cap : 0;
    }
    const brand = what >= What.otherSealer ? 1 : 0, slot = GIVEN + what;
    const isSealer = what === What.sealer || what === What.otherSealer;
    if (!isLoan(what) && !isSealer && what !== What.unsealer && what !== What.otherUnsealer) return 0;
    yield* remove(slot);
    const badge = isLoan(what) ? GATES + what : isSealer ? seals.sealerBadge(brand) : seals.unsealerBadge(brand);
    return (yield* lend(sys, slot, InitSlot.Service, GIVEN_RIGHTS, badge)).error ? 0 : slot;
  }

  const control = dispatcher(Host, env, {
    *get({ words: { what } }) {
      const cap = yield* make(what);
      return cap === 0 ? { label: Host.refusals.noCapability } : { caps: [cap] };
    },
    *revoke({ words: { what } }) {
      if (what === What.membrane) yield* membrane.revoke();
      else if (!isLoan(what)) return { label: Host.refusals.badRequest };
      else if ((yield* takeBack(sys, GIVEN + what, InitSlot.Service, GATES + what)).error) return { label: Host.refusals.noCapability };
      return {};
    },
    pause({ words: { closed } }) {
      caretaker.paused = closed !== 0;
      return {};
    },
    counts({ words: { what } }) {
      const { passed, refused } = what === What.membrane ? membrane : what === What.facet ? facet : caretaker;
      return { words: [passed, refused, membrane.wrapped, membrane.unwrapped] };
    },
    refused: () => ({ words: [membrane.capabilitiesRefused, membrane.signals] }),
  });

  /** The owner's own service, which it lends without anything in between. */
  const mine = (message: Message): Response => (message.label === Party.methods.add.label && message.length > 0 ? { words: [message.big(0) + 1n, message.badge, 42] } : { label: Party.refusals.badRequest });

  yield* serve(
    env,
    function* (message) {
      if (message.badge === GATES + What.facet) return yield* facet.handle(message);
      if (message.badge === GATES + What.caretaker) return yield* caretaker.handle(message);
      if (message.badge === GATES + What.loan) return mine(message);
      if (membrane.knows(message.badge)) return yield* membrane.handle(message);
      if (seals.knows(message.badge)) return yield* seals.handle(message);
      const response = yield* control(message);
      for (let i = 0; i < message.caps; i++) yield* remove(RECEIVED + i);
      return response;
    },
    { signalled: (word) => membrane.notified(word) },
  );
}
