// report.ts: reads the log and shows it. Who wrote a line is its badge, which the kernel vouches for.
import { client, Console, InitSlot, Log, Parent, Timer, type Env, type Op } from "bailiwick/sdk";

const STEP_NS = 20_000_000;

export default function* main(env: Env): Op<void> {
  const { console, log, timer } = env.use;
  const parent = client(Parent, env.sys, env.mem, InitSlot.Parent);
  if (console === undefined || log === undefined || timer === undefined) return void (yield* parent.exit(1));
  const terminal = client(Console, env.sys, env.mem, console.cap);
  const history = client(Log, env.sys, env.mem, log.cap);
  const clock = client(Timer, env.sys, env.mem, timer.cap);

  // What stands under 'args' in the manifest.
  const { lines } = env.args as { readonly lines: number };
  for (let next = 0; next < lines; ) {
    const line = yield* history.read(next);
    if (!line.ok) {
      // Nothing new: look again in a while.
      const now = yield* clock.now();
      if (!now.ok) return void (yield* parent.exit(1));
      yield* clock.sleepUntil(now.now + STEP_NS);
      continue;
    }
    next = line.number + 1;
    const said = `client ${line.writer % 0x1_0000} of the log: ${String.fromCharCode(...line.bytes)}\n`;
    yield* terminal.write(Uint8Array.from(said, (letter) => letter.charCodeAt(0)));
  }
  yield* parent.exit(0);
}
