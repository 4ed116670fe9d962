// watchdog.ts: begins a guest anew that stands still. The guest works as long as it says something; before its first word in a life it has `boot` seconds, then `patience` between any two.
import { client, Console, Guest, GuestEnding, GuestState, InitSlot, Parent, Timer, type Env, type Op } from "bailiwick/sdk";

const SECOND = 1e9, LOOK = SECOND / 4;
const endings = new Map<number, string>(Object.entries(GuestEnding).map(([name, number]) => [number, name]));

/** What it has seen last, and when that was new. */
interface Seen {
  readonly life: number;
  readonly written: number;
  readonly at: number;
}

export default function* main(env: Env): Op<void> {
  const cap = (name: string): number => env.use[name]?.cap ?? 0;
  const worker = client(Guest, env.sys, env.mem, cap("worker")), timer = client(Timer, env.sys, env.mem, cap("timer")), parent = client(Parent, env.sys, env.mem, InitSlot.Parent);
  const terminal = client(Console, env.sys, env.mem, cap("console"));
  const { boot, patience } = env.args as { readonly boot: number; readonly patience: number };
  const say = function* (text: string): Op<void> {
    yield* terminal.write(Uint8Array.from(`watchdog: ${text}\n`, (letter) => letter.charCodeAt(0)));
  };

  let seen: Seen = { life: 0, written: 0, at: 0 };
  for (;;) {
    const is = yield* worker.state(), clock = yield* timer.now();
    if (!is.ok || !clock.ok) return void (yield* parent.exit(1));
    const { life, state } = is, { now } = clock;
    if (state === GuestState.ended) {
      yield* say(`the worker has ended in life ${life}: ${endings.get(is.ending) ?? is.ending}, status ${is.status}`);
      return void (yield* parent.exit(0));
    }
    // A guest that somebody has paused does not hang; one whose devices nobody can ask about does.
    const stats = yield* worker.stats(), written = stats.ok ? stats.consoleWritten : seen.written;
    if (seen.life !== life || written !== seen.written || state === GuestState.paused) seen = { life, written, at: now };
    else if (now - seen.at > (written === 0 ? boot : patience) * SECOND) {
      const again = yield* worker.restart();
      yield* say(again.ok ? `the worker said nothing for ${written === 0 ? boot : patience} s, and is begun anew` : `the worker hangs, and cannot be begun anew: ${again.refusal}`);
      if (!again.ok) yield* worker.stop();
    }
    yield* timer.sleepUntil(now + LOOK);
  }
}
