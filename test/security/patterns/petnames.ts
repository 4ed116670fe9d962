// petnames.ts: what petnames.c does.
import { client, cnodeCopy, cnodeMint, Console, InitSlot, Parent, Petnames, Right, type Env, type Named, type Op, type PetnameResult } from "bailiwick/sdk";

const MADE = 128;
const own = (index: number) => ({ cnode: InitSlot.CNode, index, depth: 32 }) as const;
const slotOf = (letter: string): number => (letter === "0" ? 0 : MADE + letter.charCodeAt(0) - 97);
const told = (result: PetnameResult): string => (result.ok ? "done" : `${result.refusal}${result.by === undefined ? "" : ` (${result.by})`}`);
const shown = (found: Named | undefined): string => (found === undefined ? "nobody" : `${found.petname}, who says ${found.nickname}`);

export default function* main(env: Env): Op<void> {
  const { sys } = env;
  const console = client(Console, sys, env.mem, env.use["console"]!.cap);
  for (const i of [0, 1, 6, 7]) yield* cnodeMint(sys, own(MADE + i), own(InitSlot.Service), Right.Write, i + 1);
  yield* cnodeCopy(sys, own(MADE + 2), own(MADE), 15);
  yield* cnodeCopy(sys, own(MADE + 3), own(InitSlot.Notification), 15);
  yield* cnodeCopy(sys, own(MADE + 4), own(InitSlot.Notification), Right.Write);
  const names = new Petnames(sys, 4);

  function* result(line: string): Op<string> {
    const verb = line.slice(0, line.indexOf(" ")), rest = line.slice(verb.length + 1);
    switch (verb) {
      case "add": {
        const [nickname = "", petname = ""] = rest.slice(2).split("|");
        return told(yield* names.add(petname, slotOf(rest), nickname));
      }
      case "rename": {
        const [petname = "", to = ""] = rest.split("|");
        return told(names.rename(petname, to));
      }
      case "remove":
        return names.remove(rest) ? "1" : "0";
      case "find":
        return shown(names.all().find(({ petname }) => petname === rest));
      case "of":
        return shown(yield* names.nameOf(slotOf(rest)));
      default:
        return shown(names.like(rest));
    }
  }
  for (const line of (env.args as { readonly do: readonly string[] }).do) {
    const text = `${line}: ${yield* result(line)}\n`;
    yield* console.write(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
  }
  yield* client(Parent, sys, env.mem, InitSlot.Parent).exit(0);
}
