// A component that tries for all it can get: it sends and asks at random, hands on whatever it has, answers with it, copies out of every table it is handed, and makes endpoints of its own
// for what it cannot send otherwise. Whatever comes it keeps.
import { InitSlot, Kind, Right, type Kind as KindT } from "../../../caps/abi/numbers.ts";
import { cnodeCopy, cnodeMint, discrimClassify, retype, tcbSetSpace, type Place } from "../../../servers/lib/ts/objects.ts";
import type { Env, Op } from "../../../servers/lib/ts/sdk.ts";

const FIRST = 128, END = 256, DEPTH = 32;
const ALL = Right.Read | Right.Write | Right.Grant | Right.GrantReply;

export default function* main({ sys, use, args }: Env): Op<void> {
  const { seed, steps } = args as { readonly seed: number; readonly steps: number };
  let state = seed;
  const below = (most: number): number => (state = Math.imul(state, 48271) % 0x7fff_ffff) < 0 ? (state += 0x7fff_ffff) % most : state % most;
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!;
  const own = (index: number): Place => ({ cnode: InitSlot.CNode, index, depth: DEPTH });
  let free = FIRST;
  /** What it can name, and what that is. */
  const mine = new Map<number, { readonly kind: KindT; readonly rights: number }>();
  const learn = function* (slot: number): Op<void> {
    const answer = yield* discrimClassify(sys, InitSlot.Discrim, slot);
    if (!answer.error && answer.word(0) !== Kind.Null) mine.set(slot, { kind: answer.word(0) as KindT, rights: answer.word(1) });
  };
  const room = (): number => (free < END ? free++ : FIRST + below(END - FIRST));
  const things = (): number[] => [...mine.keys()];
  const some = (): number[] => Array.from({ length: 1 + below(3) }, () => pick(things()));
  const endpoints = (right: number): number[] => [...mine].filter(([, { kind, rights }]) => kind === Kind.Endpoint && (rights & right) !== 0).map(([slot]) => slot);
  /** Up to three capabilities may come into slots of its own. */
  const open = (): number => {
    const first = Math.min(free, END - 3);
    sys.receiveSlots(InitSlot.CNode, first, DEPTH, 3);
    return first;
  };
  const keep = function* (first: number, caps: number): Op<void> {
    for (let i = 0; i < caps; i++) yield* learn(first + i);
    free = Math.max(free, Math.min(END, first + caps));
  };

  for (const slot of [InitSlot.CNode, InitSlot.TCB, InitSlot.Service, InitSlot.Notification, InitSlot.Untyped, ...Object.values(use).map(({ cap }) => cap)]) if (slot !== 0) yield* learn(slot);
  for (let step = 0; step < steps; step++) {
    const what = below(10);
    if (what < 4) {
      const first = open(), from = endpoints(Right.Read);
      if (from.length > 0) {
        const message = yield* sys.nbrecv(pick(from), InitSlot.Reply);
        yield* keep(first, message.caps);
        yield* sys.send(InitSlot.Reply, 1, [], some());
      }
    } else if (what < 6) {
      const to = endpoints(Right.Write);
      if (to.length > 0) yield* sys.nbsend(pick(to), 1, [], some());
    } else if (what < 7) {
      const to = endpoints(Right.Write).filter((slot) => (mine.get(slot)!.rights & Right.Read) === 0);
      if (to.length > 0) {
        const first = open(), answer = yield* sys.call(pick(to), 1, [], some());
        yield* keep(first, answer.caps);
      }
    } else if (what < 8) {
      const slot = room();
      mine.delete(slot);
      if (below(2) === 0) yield* cnodeMint(sys, own(slot), own(pick(things())), pick([ALL, ALL, Right.Write, Right.Write | Right.GrantReply]), below(2) * (1 + below(2 ** 20)));
      else yield* retype(sys, InitSlot.Untyped, pick([Kind.Endpoint, Kind.Endpoint, Kind.CNode]), 4, 1, InitSlot.CNode, slot);
      yield* learn(slot);
    } else {
      // Other components' tables and threads, if it ever gets one.
      const tables = [...mine].filter(([slot, { kind }]) => kind === Kind.CNode && slot !== InitSlot.CNode).map(([slot]) => slot);
      const threads = [...mine].filter(([slot, { kind }]) => kind === Kind.TCB && slot !== InitSlot.TCB).map(([slot]) => slot);
      if (tables.length > 0) {
        const slot = room(), table: Place = { cnode: pick(tables), index: below(40), depth: pick([DEPTH, 4]) };
        mine.delete(slot);
        if (below(2) === 0) yield* cnodeCopy(sys, own(slot), table, ALL);
        else yield* cnodeCopy(sys, { ...table, index: FIRST + below(100) }, own(pick(things())), ALL);
        yield* learn(slot);
      }
      if (threads.length > 0 && below(8) === 0) yield* tcbSetSpace(sys, pick(threads), 0, InitSlot.CNode, 0);
    }
    yield* sys.yield();
  }
  for (;;) yield* sys.wait(InitSlot.Notification);
}
