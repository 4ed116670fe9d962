// A guest's real-time clock: a goldfish whose time, and whose being woken, is a capability to a clock's driver (protocol Timer; servers/timer over the board's rtc0).
// The model asks for the time in the middle of an access, when no call can be made: so it is fetched before each access (`look`).
import { InitSlot, Right } from "../caps/abi/numbers.ts";
import type { GoldfishRtc, TimePort } from "../core/devices/goldfish-rtc.ts";
import { client, type Client } from "../servers/lib/ts/client.ts";
import { cnodeMint } from "../servers/lib/ts/objects.ts";
import type { Env, Op, Sys } from "../servers/lib/ts/sdk.ts";
import { Timer } from "../servers/timer/protocol.ts";
import { ownSlot, placeOf, type Outside } from "./outside.ts";

export class GuestClock implements TimePort, Outside {
  readonly bit: number;
  due = false;
  /** Set once, by whoever makes the device. */
  rtc: GoldfishRtc | null = null;
  readonly #sys: Sys;
  readonly #server: number;
  readonly #timer: Client<typeof Timer>;
  readonly #bell: number;
  readonly #complain: (line: string) => void;
  #now: bigint;
  #wanted: bigint | null = null;
  /** The server has an alarm of ours. */
  #set = false;
  #over = false;

  private constructor(env: Env, index: number, server: number, now: bigint, complain: (line: string) => void) {
    const { slot, bit } = placeOf(index);
    this.bit = bit;
    this.#sys = env.sys;
    this.#server = server;
    this.#timer = client(Timer, env.sys, env.mem, server);
    this.#bell = slot;
    this.#complain = complain;
    this.#now = now;
  }

  /** @param index which of the VMM's devices. What prevents it, in words. */
  static *open(env: Env, index: number, server: number, complain: (line: string) => void): Op<GuestClock | string> {
    const { slot, bit } = placeOf(index);
    const now = yield* timeOf(env.sys, server);
    if (now === null) return "its server does not say the time";
    const minted = yield* cnodeMint(env.sys, ownSlot(slot), ownSlot(InitSlot.Notification), Right.Write, bit);
    return minted.error ? `no bell for its alarm: error ${minted.label}` : new GuestClock(env, index, server, now, complain);
  }

  // The model's time.

  now(): bigint {
    return this.#now;
  }
  alarm(at: bigint | null): void {
    this.#wanted = at;
    this.due = true;
  }

  // The loop of exits.

  /** Before the guest's access: what the clock shows then. */
  *look(): Op<void> {
    const now = this.#over ? null : yield* timeOf(this.#sys, this.#server);
    if (now !== null) this.#now = now;
    else this.#end();
  }

  *turn(): Op<void> {
    yield* this.look();
    // Rung too early, or for an alarm of before, it is armed again.
    this.rtc?.tick();
    this.due = false;
    if (this.#over || (this.#wanted === null && !this.#set)) return;
    const answer = this.#wanted === null ? yield* this.#timer.cancel() : yield* this.#timer.alarm(this.#wanted, this.#bell);
    this.#set = this.#wanted !== null;
    if (!answer.ok) this.#end();
  }

  /** It shows its last time from now on. */
  #end(): void {
    if (!this.#over) this.#complain("clock: its server does not answer: it stands still from now on, and its alarm does not ring");
    this.#over = true;
  }
}

/** Nanoseconds, as exactly as the server says them; null: it does not. */
function* timeOf(sys: Sys, server: number): Op<bigint | null> {
  const answer = yield* sys.call(server, Timer.methods.now.label);
  return answer.error || answer.label !== 0 || answer.length < 1 ? null : BigInt.asUintN(64, answer.big(0));
}
