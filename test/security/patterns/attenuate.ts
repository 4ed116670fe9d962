// attenuate.ts: what attenuate.c does.
import { AddressMap, attenuate, attenuateWeak, client, cnodeCopy, Console, discrimClassify, ErrorCode, frameMap, InitSlot, Kind, lend, MapRights, Parent, retype, Right, takeBack, type Env, type Message, type Op } from "bailiwick/sdk";

const FRAME = 128, TABLE = 129, LESS = 130, AGAIN = 131, WEAK_FRAME = 132, WEAK_TABLE = 133, FETCHED = 134, MUTE = 135, LOAN = 136, ALL = 15;
const own = (index: number) => ({ cnode: InitSlot.CNode, index, depth: 32 }) as const;
const within = (cnode: number, index: number) => ({ cnode, index, depth: 2 }) as const;
const name = ({ error, label }: Message): string => (error ? (Object.entries(ErrorCode).find(([, code]) => code === label)?.[0] ?? "?") : "none");

export default function* main(env: Env): Op<void> {
  const { sys } = env, { console } = env.use;
  const terminal = client(Console, sys, env.mem, console!.cap);
  const rights = function* (cap: number): Op<number> {
    return (yield* discrimClassify(sys, InitSlot.Discrim, cap)).word(1);
  };
  const print = function* (text: string): Op<void> {
    yield* terminal.write(Uint8Array.from(`${text}\n`, (letter) => letter.charCodeAt(0)));
  };
  yield* retype(sys, InitSlot.Untyped, Kind.Frame, 12, 1, InitSlot.CNode, FRAME);
  yield* retype(sys, InitSlot.Untyped, Kind.CNode, 2, 1, InitSlot.CNode, TABLE);
  yield* cnodeCopy(sys, within(TABLE, 0), own(FRAME), ALL);

  yield* print(`less: ${name(yield* attenuate(sys, LESS, InitSlot.Service, Right.Write | Right.GrantReply))} ${yield* rights(LESS)}`);
  yield* print(`of that all: ${name(yield* attenuate(sys, AGAIN, LESS, ALL))} ${yield* rights(AGAIN)}`);
  yield* print(`weak: ${name(yield* attenuateWeak(sys, WEAK_FRAME, FRAME))} ${yield* rights(WEAK_FRAME)}, ${name(yield* attenuateWeak(sys, WEAK_TABLE, TABLE))} ${yield* rights(WEAK_TABLE)}, ${name(yield* attenuateWeak(sys, MUTE, InitSlot.Service))}`);
  const address = AddressMap.IPC_BUFFER + 4096;
  yield* print(`mapped to write: ${name(yield* frameMap(sys, WEAK_FRAME, address, InitSlot.VSpace, MapRights.ReadWrite))}`);
  yield* print(`fetched: ${name(yield* cnodeCopy(sys, own(FETCHED), within(WEAK_TABLE, 0), ALL))} ${yield* rights(FETCHED)}`);
  yield* print(`mapped to write: ${name(yield* frameMap(sys, FETCHED, address, InitSlot.VSpace, MapRights.ReadWrite))}`);
  yield* print(`put into it: ${name(yield* cnodeCopy(sys, within(WEAK_TABLE, 1), own(FRAME), ALL))}`);
  yield* print(`lent: ${name(yield* lend(sys, LOAN, console!.cap, ALL, 5))} ${name(yield* lend(sys, LOAN, FRAME, ALL, 5))} ${name(yield* lend(sys, LOAN, InitSlot.Notification, Right.Write, 5))}`);
  yield* print(`taken back: ${name(yield* takeBack(sys, LOAN, InitSlot.Notification, 5))} ${yield* rights(LOAN)}`);
  yield* client(Parent, sys, env.mem, InitSlot.Parent).exit(0);
}
