// MODEL-TRANSFER: capabilities that go with messages, against what the manual says in words: each is copied into the next receive slot, or unwrapped when it
// is to the very endpoint; the first that cannot be taken is the last that is looked at. Sends, Calls and answers; 64-bit badges; weak ones; tables of any depth.
import fc from "fast-check";
import { expect, test } from "vitest";
import { IpcBuffer, toInfo } from "../../caps/abi/message.ts";
import { ALL_RIGHTS, Invocation, Kind, Right, Syscall } from "../../caps/abi/numbers.ts";
import { FakeMachine } from "../support/fake-machine.ts";
import { DONE, KernelBed, pair, retypeWord, Slot } from "../support/kernel-bed.ts";
import type { Program } from "../support/testbed.ts";
import { below, LIMIT, runs, wasLong } from "./runs.ts";

const EP = 20, REPLY = 21, FULL = 150, TAKE = 100, TABLE = 40, READ_ONLY = 41;
/** What the sender has, by slot, and what may be done with it. */
type Thing = "endpoint" | "badged" | "other" | "otherBadged" | "frame" | "weakFrame" | "notification" | "reply" | "untyped" | "spent" | "nothing";
const THINGS: readonly Thing[] = ["endpoint", "badged", "other", "otherBadged", "frame", "weakFrame", "notification", "reply", "untyped", "spent", "nothing"];
const SEND = 60;
const BADGE = 0xdead_beef_0000_0005n, OTHER_BADGE = 2n ** 63n;

interface Case {
  readonly how: "send" | "call" | "answer";
  /** Whether the receiver waits already. */
  readonly waits: boolean;
  /** Rights of the capability that is sent through. */
  readonly rights: number;
  /** Of the one that it is received through: its Grant is for the answer. */
  readonly received: number;
  readonly caps: readonly Thing[];
  /** Receive slots: how many, from where in which table. */
  readonly slots: number;
  readonly index: number;
  readonly table: "own" | "inner" | "readOnly" | "none";
}

/** Both sides' bed: `a` sends to `b`, or b answers to a. */
class World {
  readonly bed = new KernelBed(new FakeMachine(2 ** 24));
  readonly a = this.bed.thread("a");
  readonly b = this.bed.thread("b");
  readonly endpoint: number;

  /** @param received those of the capability that b receives through */
  constructor(rights: number, received: number) {
    const { bed, a, b } = this;
    this.endpoint = bed.make(Kind.Endpoint, 5);
    bed.give(b, EP, this.endpoint, received);
    bed.give(a, EP, this.endpoint, rights);
    bed.hold(b, REPLY, Kind.Reply, 5);
  }

  /** The sender's things, and the taker's tables. */
  equip(sender: Program, taker: Program): void {
    const { bed } = this, other = bed.make(Kind.Endpoint, 5), frame = bed.make(Kind.Frame, 12);
    const at = (thing: Thing): number => SEND + THINGS.indexOf(thing);
    const badged = (slot: number, row: number, badge: bigint): void => {
      bed.give(sender, slot, row, ALL_RIGHTS);
      const s = this.bed.k.slots, to = sender.slots + slot;
      s.badgeLo[to] = Number(badge & 0xffff_ffffn) | 0;
      s.badgeHi[to] = Number(badge >> 32n) | 0;
      s.original[to] = 3;
    };
    bed.give(sender, at("endpoint"), this.endpoint);
    badged(at("badged"), this.endpoint, BADGE);
    bed.give(sender, at("other"), other);
    badged(at("otherBadged"), other, OTHER_BADGE);
    bed.give(sender, at("frame"), frame);
    bed.give(sender, at("weakFrame"), frame, ALL_RIGHTS | Right.Weak);
    bed.hold(sender, at("notification"), Kind.Notification, 6, Right.Write);
    bed.hold(sender, at("reply"), Kind.Reply, 5);
    bed.hold(sender, at("untyped"), Kind.Untyped, 12);
    bed.hold(sender, at("spent"), Kind.Untyped, 12);
    const retype = (p: Program, untyped: number, what: number, slot: number): void => expect(bed.call(p, untyped, Invocation.UntypedRetype, what, Slot.CNODE, slot)).toEqual(DONE);
    retype(sender, at("spent"), retypeWord(Kind.Endpoint), 90);
    retype(taker, Slot.UNTYPED, retypeWord(Kind.CNode, 2), TABLE);
    bed.share(taker, TABLE, taker, READ_ONLY, Right.Read);
    bed.give(taker, FULL, other);
  }

  /** Where the taker wants them. */
  takeAt(taker: Program, c: Case): void {
    const { bed } = this;
    const cnode = { own: Slot.CNODE, inner: TABLE, readOnly: READ_ONLY, none: 199 }[c.table], depth = c.table === "own" ? 32 : 2;
    [[IpcBuffer.RECEIVE_COUNT, c.slots], [IpcBuffer.RECEIVE_CNODE, cnode], [IpcBuffer.RECEIVE_INDEX, c.table === "own" ? TAKE + c.index : c.index], [IpcBuffer.RECEIVE_DEPTH, depth]].forEach(([at, word]) => bed.setBuffer(taker, at!, word!));
  }
}

/** What arrives, in words: how many were looked at and taken, which of them unwrapped, and what comes to stand in which slot. */
function expected(c: Case): { caps: number; unwrapped: number; badges: readonly bigint[]; placed: ReadonlyMap<number, Thing> } {
  const placed = new Map<number, Thing>(), badges: bigint[] = [];
  let caps = 0, unwrapped = 0;
  const through = c.how === "answer" ? c.received : c.rights;
  if ((through & Right.Grant) !== 0) {
    for (const thing of c.caps) {
      if (thing === "nothing") break;
      // An answer goes through no endpoint.
      if (c.how !== "answer" && (thing === "endpoint" || thing === "badged")) {
        unwrapped |= 1 << caps;
        badges[caps++] = thing === "badged" ? BADGE : 0n;
        continue;
      }
      const room = placed.size < Math.min(c.slots, 3) && (c.table === "own" || c.table === "inner") && !(c.table === "own" && TAKE + c.index + placed.size === FULL);
      // An Untyped is copied once: two would hand out the same memory.
      const again = thing === "untyped" && [...placed.values()].includes(thing);
      if (!room || again || thing === "reply" || thing === "spent") break;
      placed.set(placed.size, thing);
      caps++;
    }
  }
  return { caps, unwrapped, badges, placed };
}

const RIGHTS: Readonly<Partial<Record<Thing, number>>> = { weakFrame: ALL_RIGHTS & ~Right.Write | Right.Weak, notification: Right.Write };
const BADGES: Readonly<Partial<Record<Thing, bigint>>> = { badged: BADGE, otherBadged: OTHER_BADGE };

const cases: fc.Arbitrary<Case> = fc.record({
  how: fc.constantFrom("send", "call", "answer"), waits: fc.boolean(), rights: fc.constantFrom(15, 15, Right.Write | Right.Grant, Right.Write | Right.GrantReply, Right.Write),
  received: fc.constantFrom(15, 15, Right.Read | Right.Grant, Right.Read),
  caps: fc.array(fc.constantFrom(...THINGS), { maxLength: 3 }), slots: fc.constantFrom(3, 3, 2, 1, 0, 200), index: fc.oneof({ weight: 3, arbitrary: below(4) }, { weight: 1, arbitrary: fc.constantFrom(48, 49) }),
  table: fc.constantFrom("own", "own", "inner", "readOnly", "none"),
});

test("MODEL-TRANSFER what goes with a message arrives as the manual says", () => {
  const seen = { arrived: 0, unwrapped: 0, cut: 0 };
  fc.assert(
    fc.property(cases, (c) => {
      const world = new World(c.rights, c.received), { bed, a, b } = world;
      bed.checks = false;
      const [sender, taker] = c.how === "answer" ? [b, a] : [a, b];
      world.equip(sender, taker);
      world.takeAt(taker, c);
      const say = (): void => c.caps.forEach((thing, i) => bed.setBuffer(sender, IpcBuffer.CAPS + i, SEND + THINGS.indexOf(thing)));
      if (c.how === "answer") {
        if ((c.rights & (Right.Grant | Right.GrantReply)) === 0) return;
        bed.recv(b, EP, REPLY);
        expect(bed.call(a, EP, 1)).toBe("blocked");
        say();
        expect(bed.sys(b, Syscall.Send, REPLY, toInfo(7, 1, c.caps.length), [5])).toEqual(DONE);
      } else {
        if (c.waits) bed.recv(b, EP, REPLY);
        say();
        const outcome = bed.sys(a, c.how === "call" ? Syscall.Call : Syscall.Send, EP, toInfo(7, 1, c.caps.length), [5]);
        if (typeof outcome !== "string" && outcome.error !== 0) return;
        if (!c.waits) bed.recv(b, EP, REPLY);
      }
      const want = expected(c), got = bed.answer(taker);
      expect({ label: got.label, words: got.words, caps: got.caps, unwrapped: got.unwrapped }).toEqual({ label: 7, words: [5], caps: want.caps, unwrapped: want.unwrapped });
      const ram = new DataView(bed.machine.ram);
      want.badges.forEach((badge, i) => expect(ram.getBigUint64(taker.buffer + 8 * (IpcBuffer.CAPS + i), true)).toBe(badge));
      const { k } = bed, first = c.table === "own" ? taker.slots + TAKE : k.cnodes[bed.slot(taker, TABLE)!.object]!.first;
      for (let i = 0; i < 4; i++) {
        // The depth says how many bits of the index count, so a table of four slots begins anew after its last.
        const row = first + (c.table === "own" ? c.index + i : (c.index + i) % 4), thing = want.placed.get(i);
        if (thing === undefined) {
          expect(k.slots.isEmpty(row) || row === taker.slots + FULL).toBe(true);
          continue;
        }
        const origin = bed.slot(sender, SEND + THINGS.indexOf(thing))!;
        expect({ object: k.slots.object[row], rights: k.slots.rights[row], badge: pair(k.slots.badgeLo[row]!, k.slots.badgeHi[row]!) })
          .toEqual({ object: origin.object, rights: RIGHTS[thing] ?? ALL_RIGHTS, badge: BADGES[thing] ?? 0n });
      }
      bed.check();
      seen.arrived += want.placed.size;
      seen.unwrapped += want.badges.length;
      seen.cut += Number(want.caps < c.caps.length);
    }),
    runs(400),
  );
  if (wasLong(400)) expect(Math.min(seen.arrived, seen.unwrapped, seen.cut)).toBeGreaterThan(5);
}, LIMIT);
