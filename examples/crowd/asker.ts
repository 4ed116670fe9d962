// asker.ts: asks the last cell, which asks the one before it, and so on to the first.
import { client, Console, InitSlot, Parent, type Env, type Op } from "bailiwick/sdk";
import { Cell } from "./protocol.ts";

export default function* main(env: Env): Op<void> {
  const { console, last } = env.use;
  const parent = client(Parent, env.sys, env.mem, InitSlot.Parent);
  if (console === undefined || last === undefined) return void (yield* parent.exit(1));
  const answer = yield* client(Cell, env.sys, env.mem, last.cap).sum();
  const said = answer.ok ? `${answer.cells} cells, each with its number: together ${answer.total}\n` : `refused: ${answer.refusal}\n`;
  yield* client(Console, env.sys, env.mem, console.cap).write(Uint8Array.from(said, (letter) => letter.charCodeAt(0)));
  yield* parent.exit(answer.ok ? 0 : 1);
}
