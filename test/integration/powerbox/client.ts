// A client of the powerbox in TypeScript: asks for a new file to write, then for a directory to read, then is refused.
import { askPowerbox, client, Console, File, FileKind, FileRight, type Asked, type Env, type Op } from "bailiwick/sdk";

const GIVEN = 128;

export default function* main(env: Env): Op<void> {
  const { sys, mem, use } = env;
  const terminal = client(Console, sys, mem, use["console"]!.cap), powerbox = use["powerbox"]!.cap;
  const say = function* (text: string): Op<void> {
    yield* terminal.write(new TextEncoder().encode(`${env.name}: ${text}\n`));
  };
  const told = (asked: Asked): string => (asked.ok ? `given ${asked.rights}${asked.made ? ", new" : ""}` : asked.refusal);

  yield* say(told(yield* askPowerbox(env, powerbox, { rights: FileRight.Read | FileRight.Write, kind: FileKind.File, make: true, purpose: "grüne Tinte", name: "letter" }, GIVEN)));
  const file = client(File, sys, mem, GIVEN);
  const written = yield* file.write(0, new TextEncoder().encode("dear all"));
  const info = yield* file.info();
  yield* say(`written ${written.ok}, ${info.ok ? info.bytes : info.refusal} bytes`);

  yield* say(told(yield* askPowerbox(env, powerbox, { rights: FileRight.Read, kind: FileKind.Directory }, GIVEN + 1)));
  const entries = yield* client(File, sys, mem, GIVEN + 1).list(0);
  yield* say(`${entries.ok ? entries.entries : entries.refusal} entries`);

  yield* say(told(yield* askPowerbox(env, powerbox, { rights: FileRight.Read, kind: FileKind.Directory }, GIVEN + 2)));
  yield* say(told(yield* askPowerbox(env, powerbox, { rights: 0, kind: FileKind.Directory }, GIVEN + 2)));
  yield* say(told(yield* askPowerbox(env, powerbox, { rights: 1, kind: FileKind.File, name: "n".repeat(65) }, GIVEN + 2)));
  yield* say(told(yield* askPowerbox(env, 100, { rights: 1, kind: FileKind.File }, GIVEN + 2)));
  yield* say("done");
}
