// A hosted client of the display: its name and what is typed, in the console font on its colour. It prints what it hears; Enter ends it.
import { AddressMap, Button, client, Console, drawText, fillArea, InitSlot, KeyCode, openFont, openWindow, Parent, type Env, type Op } from "bailiwick/sdk";
import { terminus16 } from "bailiwick/terminus16";

export default function* main(env: Env): Op<void> {
  const parent = client(Parent, env.sys, env.mem, InitSlot.Parent);
  const terminal = client(Console, env.sys, env.mem, env.use["console"]!.cap);
  const print = function* (text: string): Op<void> {
    yield* terminal.write(new TextEncoder().encode(`${env.name}: ${text}\n`));
  };
  const font = openFont(terminus16)!;
  const opened = yield* openWindow(env, env.use["display"]!.cap, { slots: 128, address: AddressMap.OWN, bit: 2 ** 52 });
  if (!opened.ok) {
    yield* print(`${opened.refusal} ${opened.label}`);
    yield* parent.exit(1);
    return;
  }
  const { window } = opened;
  const { width, height } = window.canvas;
  yield* print(`${width} x ${height}`);
  fillArea(window.canvas, { x: 0, y: 0, width, height }, (env.args as { colour: number }).colour);
  drawText(window.canvas, font, 10, 10, `Grüße, ${env.name}`, 0xffffff);
  yield* window.flush();
  // Not flushed, and so never seen.
  fillArea(window.canvas, { x: 0, y: 60, width: 50, height: 50 }, 0x123456);
  yield* print("ready");
  for (let at = 10; ; ) {
    const event = yield* window.next();
    if (event === undefined) return;
    if (event.kind === "focus") yield* print(event.has ? "focus" : "no focus");
    if (event.kind === "move") yield* print(`move ${event.x} ${event.y}`);
    if (event.kind === "wheel") yield* print(`wheel ${event.by}`);
    if (event.kind === "button") yield* print(`${event.code === Button.LEFT ? "left" : "other"} ${event.pressed ? "down" : "up"} ${event.x} ${event.y}, ${window.buttons}`);
    if (event.kind !== "key") continue;
    yield* print(`key ${event.code} ${event.pressed ? `down ${JSON.stringify(event.character)}` : "up"}`);
    if (event.character !== undefined && event.character !== "\n") {
      const end = drawText(window.canvas, font, at, 30, event.character, 0xffffff, 0x202020);
      yield* window.flush({ x: at, y: 30, width: end - at, height: font.height });
      at = end;
    }
    if (event.code === KeyCode.ENTER && event.pressed) break;
  }
  yield* parent.exit(0);
}
