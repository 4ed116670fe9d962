// firewall.ts: between the guest's network card and the card's driver. To the guest it is a card (NicPort), to the driver a client (NicClient); each frame is copied, looked at (rules.ts), and passes
// or is written into the log.
//
// Invariants
//   F1  Nothing begins that the log has not taken first: a connection whose line is one too many waits, as if it had been lost, until it is sent again.
//   F2  What the log is told has this program's words, and of a frame numbers alone.
//   F3  Guest and driver are waited for nowhere, but once: when the guest has opened its card, the driver is asked for its own. One that never answers costs the guest its network; its terminal and the
//       log go on.
//   F4  Memory of guest and driver is touched while it is there (nicport.ts P5, nic.ts): both have a lower priority in the manifest. Whichever ends, this program goes on.
import { AddressMap, client, Log, NicClient, NIC_PORT_BYTES, NIC_PORT_SLOTS, NicPort, serve } from "bailiwick/sdk";
import type { Env, Op } from "bailiwick/sdk";
import { Refusals } from "./refusals.ts";
import { Gate } from "./rules.ts";

const SLOTS = 128, CARD_SLOTS = SLOTS + NIC_PORT_SLOTS, CARD_ADDRESS = AddressMap.OWN + NIC_PORT_BYTES, WINDOW = CARD_ADDRESS + 2 ** 21;
const LAN_BIT = 2 ** 40, CARD_BIT = 2 ** 41;
/** Frames that wait for the driver; as many as it takes at once. */
const MOST_WAITING = 64;
const MTU = 1500;

export default function* main(env: Env): Op<void> {
  const gate = new Gate(env.args), refusals = new Refusals(), log = client(Log, env.sys, env.mem, env.use["log"]!.cap);
  const lan = yield* NicPort.create(env, { slots: SLOTS, address: AddressMap.OWN, bit: LAN_BIT });
  if (lan === null) throw new Error("there is too little memory for the guest's port");
  let card: NicClient | null | undefined;
  /** From the guest, not looked at; allowed, on their way to the card; from the card, not looked at. */
  const sent: Uint8Array[] = [], waiting: Uint8Array[] = [], came: Uint8Array[] = [];
  const guest = { ready: () => sent.length + waiting.length < MOST_WAITING, sent: (frame: Uint8Array) => void sent.push(frame) };
  const driver = { came: (frame: Uint8Array) => void came.push(frame), drained: () => undefined };

  function* note(text: string): Op<boolean> {
    const { ok } = yield* log.append(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
    return ok;
  }
  function* refuse(why: string): Op<void> {
    const times = refusals.count(why);
    if (times > 0) yield* note(times === 1 ? `refused: ${why}` : `refused ${times} times: ${why}`);
  }

  function* openCard(): Op<NicClient | null> {
    const opened = yield* NicClient.open(env, env.use["card"]!.cap, { slot: CARD_SLOTS, address: CARD_ADDRESS, window: WINDOW, bit: CARD_BIT });
    if (typeof opened !== "string") return opened;
    yield* note(`no card: ${opened}`);
    return null;
  }

  function* outgoing(frame: Uint8Array): Op<void> {
    const verdict = gate.outgoing(frame);
    if ("refused" in verdict) return yield* refuse(`out: ${verdict.refused}`);
    if (verdict.begins !== undefined) {
      if (!(yield* note(`allowed: ${verdict.begins}`))) return;
      gate.begin(verdict.pass);
    }
    // Without a driver they lead nowhere.
    if (card !== null) waiting.push(verdict.pass);
  }

  function* incoming(frame: Uint8Array): Op<void> {
    const verdict = gate.incoming(frame);
    if ("refused" in verdict) yield* refuse(`in: ${verdict.refused}`);
    else lan!.deliver(verdict.pass);
  }

  /** What waits goes to the driver, and what has come is taken. */
  function* turnCard(): Op<void> {
    if (card === null || card === undefined) return;
    if ((yield* card.isThere()) && !card.over) {
      while (waiting.length > 0 && card.ready()) card.send(waiting.shift()!);
      return yield* card.turn(driver);
    }
    card = null;
    waiting.length = 0;
    yield* note("the card's driver is gone");
  }

  const info = (): { words: number[] } => ({ words: [littleEndian(gate.mac), MTU, 1] });
  yield* serve(env, lan.dispatch(info), {
    *turn() {
      if (card === undefined && lan.open) card = yield* openCard();
      let more = yield* lan.turn(guest);
      for (const frame of sent.splice(0)) yield* outgoing(frame);
      yield* turnCard();
      if (came.length === 0) return more;
      for (const frame of came.splice(0)) yield* incoming(frame);
      more = (yield* lan.turn(guest)) || more;
      return more || sent.length > 0;
    },
  });
}

/** As NicDriver.info has it: the first byte lowest. */
const littleEndian = (mac: number): number => [0, 1, 2, 3, 4, 5].reduce((sum, i) => sum + (Math.floor(mac / 2 ** (8 * i)) % 256) * 2 ** (8 * (5 - i)), 0);
