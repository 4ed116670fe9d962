// examples/password-safe, typed at as by a person; and with front end, site or disk driver taken over: what they can reach, and that no password is in it.
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ramDisk } from "../../core/host/disk.ts";
import { applianceFolder, type Line, type Run, runAppliance, until } from "../support/appliance-run.ts";
import { bailiwick } from "../support/command-line.ts";
import { exampleFiles, GRASP } from "../support/example-files.ts";
import { hasSqlite } from "../support/fs-build.ts";
import { hasVault } from "./vault/world.ts";

/** The first run of all compiles SQLite. */
const LIMIT = { timeout: 240_000 };
const RESET = "\u001bc", FRONT = "\u001d1", SAFE = "\u001d2", MAIL = "\u001d3";
const files = exampleFiles("password-safe"), MANIFEST = files["appliance.yaml"]!;
const PASSWORD = "correct-horse-battery";

const screen = (output: string): string => output.slice(output.lastIndexOf(RESET) + 1);
const ends = (line: Line, text: string): Promise<void> =>
  until(`the screen ends with ${JSON.stringify(text)} and not ${JSON.stringify(screen(line.output).slice(-400))}`, () => screen(line.output).endsWith(text), 30_000);
/** What a view shows from now on. */
async function look(line: Line, view: string, text: string): Promise<void> {
  line.type(view);
  await ends(line, text);
}
async function type(line: Line, text: string, answer: string): Promise<void> {
  line.type(`${text}\r`);
  await ends(line, answer);
}

/** The example with other files, beside the one whose terminal it uses. */
function changed(manifest: string, more: Readonly<Record<string, string>> = {}): { readonly path: string; [Symbol.dispose](): void } {
  const here = Object.entries({ ...files, "grasp.c": GRASP, ...more, "appliance.yaml": manifest }).map(([name, text]) => [`safe/${name}`, text]);
  const terminal = Object.entries(exampleFiles("powerbox")).map(([name, text]) => [`powerbox/${name}`, text]);
  const folder = applianceFolder(Object.fromEntries([...here, ...terminal]) as Record<string, string>);
  return { path: join(folder.path, "safe"), [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

test("the claims hold, and a check says so", LIMIT, async () => {
  const { status, out, err } = await bailiwick(["check", "examples/password-safe"]);
  expect([status, out.match(/^ {2}holds: /gm)?.length, err]).toEqual([0, 9, ""]);
});

test("a front end with a key is an error, and the README shows it as it is", LIMIT, async () => {
  const shown = /```\n(error[^]*?)```/.exec(files["README.md"]!)?.[1]?.split("\n") ?? ["no error is shown"];
  using folder = changed(MANIFEST.replace("safe: safe.shelf }", "safe: safe.shelf, vault: vault.keys }"));
  const { status, err } = await bailiwick(["check", folder.path]);
  expect(status).toBe(4);
  for (const line of shown.filter((line) => !line.includes("-->"))) expect(err).toContain(line);
});

describe.skipIf(!hasSqlite || !hasVault)("the safe", () => {
  test("keeps what is typed, shows it in its own view alone, and logs in when its person says so", LIMIT, async () => {
    const { status, events } = await runAppliance("examples/password-safe", {
      limitMs: 120_000,
      async during(_system, line, ended) {
        await ends(line, "> ");
        await type(line, "list", "(nothing: type in the safe's view, Ctrl-] then 2)\n> ");
        await look(line, SAFE, "safe> ");
        await type(line, "add mail ann", "password for ann at mail (not shown): ");
        await type(line, `${PASSWORD}x\u007f`, "(not shown): \n(sealed, and on the disk)\nsafe> ");
        await type(line, "add nowhere ann", "(there is no site of this name: the manifest says which there are)\nsafe> ");
        await type(line, "new shop ann@home", "(sealed, and on the disk)\nsafe> ");
        await type(line, "list", "list\nmail  ann\nshop  ann@home\nsafe> ");
        expect(line.output).not.toContain(PASSWORD);
        await type(line, "show mail", `show mail\n${PASSWORD}\nsafe> `);
        line.type("show shop\r");
        await until("it is shown", () => /show shop\n[A-Za-z0-9_-]{20}\nsafe> $/.test(screen(line.output)));
        // Asked for, denied; asked for, allowed.
        await look(line, FRONT, "> ");
        await type(line, "list", "list\nmail  ann\nshop  ann@home\n> ");
        line.type("fill mail\r");
        await look(line, SAFE, "y, n or m> ");
        expect(screen(line.output)).toContain("front asks to log in at mail as ann. y: yes, n: no, m: no, and do not hear it any more.");
        await type(line, "n", "(denied)\nsafe> ");
        await look(line, FRONT, "(you said no)\n> ");
        for (const who of ["has an account now", "is in"]) {
          line.type(`fill mail\r`);
          await look(line, SAFE, "y, n or m> ");
          await type(line, "y", "(the site has it)\nsafe> ");
          await look(line, FRONT, "(the site has it: its view says more)\n> ");
          await look(line, MAIL, `mail: ann ${who}, with a password of ${PASSWORD.length} characters\n`);
          line.type(FRONT);
        }
        // Another password than the account's.
        await look(line, SAFE, "safe> ");
        await type(line, "new mail ann", "safe> ");
        await look(line, FRONT, "> ");
        line.type("fill mail\r");
        await look(line, SAFE, "y, n or m> ");
        await type(line, "y", "(the site has it)\nsafe> ");
        await look(line, MAIL, `mail: ann is refused, with a password of 20 characters\n`);
        await look(line, FRONT, "(the site has it: its view says more)\n> ");
        await type(line, "fill nowhere", "(there is no such entry)\n> ");
        // Heard no more, and heard again.
        line.type("fill shop\r");
        await look(line, SAFE, "y, n or m> ");
        await type(line, "m", "(denied)\nsafe> ");
        await look(line, FRONT, "(you said no)\n> ");
        await type(line, "fill shop", "(you said no)\n> ");
        await look(line, SAFE, "safe> ");
        await type(line, "remove shop", "(gone)\nsafe> ");
        await type(line, "list", "list\nmail  ann\nsafe> ");
        line.type(`${FRONT}quit\r`);
        await ended();
      },
    });
    expect(status).toBe(0);
    expect(events.filter(({ event }) => event === "log" || event === "fault")).toEqual([]);
  });

  /** Somebody taken over, and a person who goes on working meanwhile. */
  async function takenOver(name: "front" | "shop", args: string, during: (line: Line, tried: () => Promise<void>) => Promise<void>): Promise<Run> {
    const image = name === "front" ? "image: { c: [front.c, ../powerbox/terminal.c] }" : "image: { c: site.c }\n    use: { console: console.console, safe: safe.shop }";
    const manifest = MANIFEST.replace(image, `${image.replace(/\{ c: [^}]*\}/, "{ c: grasp.c }")}\n    args: { seek: ${PASSWORD}, ${args} }`);
    expect(manifest).toContain("grasp.c");
    using folder = changed(manifest);
    let tries = 0;
    return await runAppliance(folder.path, {
      limitMs: 120_000,
      onEvent: ({ event, component, text }) => void (tries += Number(event === "log" && component === name && String(text).startsWith("tried "))),
      during: (_system, line) => during(line, async () => {
        const before = tries;
        await until("it has tried all again", () => tries >= before + 2, 60_000);
      }),
    });
  }
  const said = ({ events }: Run, name: string): string[] => events.filter(({ event, component }) => event === "log" && component === name).map(({ text }) => String(text));

  test("a hostile front end is told what there is, and no password; it waits for a yes like any other, and is not heard for ever", LIMIT, async () => {
    const run = await takenOver("front", "known: ann-of-mail, write: mail, rounds: 100000", async (line, tried) => {
      await until("it runs", () => line.output.includes("mail"));
      await look(line, SAFE, "safe> ");
      await type(line, "add mail ann-of-mail", "(not shown): ");
      line.type(`${PASSWORD}\r`);
      await until("it asks", () => screen(line.output).includes("front asks to log in at mail as ann-of-mail."), 60_000);
      await type(line, "show mail", `${PASSWORD}\ny, n or m> `);
      line.type("y\r");
      await until("the site has it", () => screen(line.output).includes("(the site has it)"));
      await until("it asks again", () => screen(line.output).endsWith("y, n or m> "));
      await type(line, "m", "(denied)\nsafe> ");
      await tried();
      await type(line, "list", "list\nmail  ann-of-mail\nsafe> ");
      line.type(FRONT);
      await tried();
      line.type(MAIL);
      await until("the site was told", () => screen(line.output).includes(`mail: ann-of-mail has an account now, with a password of ${PASSWORD.length} characters`));
    });
    const tries = said(run, "front");
    expect(tries.at(-1)).toMatch(/^tried \d+: \d+ endpoints, [1-9]\d{2,} calls, some answered; none given; not found, looks$/);
    // On the terminal it was in the safe's own view, and nowhere else.
    const views = run.output.split(RESET).filter((view) => view.includes(PASSWORD));
    expect(views.map((view) => /\[\d \w+\]/.exec(view)?.[0])).toEqual(["[2 safe]"]);
    expect(run.events.filter(({ event }) => event === "fault")).toEqual([]);
  });

  test("a hostile site gets nothing of another's, and keeps nobody waiting", LIMIT, async () => {
    const run = await takenOver("shop", "write: mail, rounds: 100000, skip: 17", async (line, tried) => {
      await ends(line, "> ");
      await look(line, SAFE, "safe> ");
      await type(line, "add mail ann", "(not shown): ");
      await type(line, PASSWORD, "(sealed, and on the disk)\nsafe> ");
      await type(line, "new shop ann", "(sealed, and on the disk)\nsafe> ");
      for (const [site, what] of [["shop", "(the site does not listen)"], ["mail", "(the site has it)"]] as const) {
        await look(line, FRONT, "> ");
        line.type(`fill ${site}\r`);
        await look(line, SAFE, "y, n or m> ");
        await type(line, "y", `${what}\nsafe> `);
        await tried();
      }
      await look(line, FRONT, "(the site has it: its view says more)\n> ");
    });
    expect(said(run, "shop").at(-1)).toMatch(/^tried \d+: \d+ endpoints, [1-9]\d{2,} calls, some answered; none given; not found, saw nothing$/);
    expect(run.output).not.toContain(PASSWORD);
  });

  test("the disk has sites and no password; the same image reads it again, and another does not", LIMIT, async () => {
    const bytes = new Uint8Array(8 << 20), disks = { blk0: ramDisk(bytes) };
    const use = async (manifest: string, during: (line: Line) => Promise<void>): Promise<Run> => {
      using folder = changed(manifest);
      return await runAppliance(folder.path, { limitMs: 90_000, disks, during: (_system, line) => ends(line, "> ").then(() => look(line, SAFE, "safe> ")).then(() => during(line)) });
    };
    await use(MANIFEST, async (line) => {
      await type(line, "add mail ann-of-mail", "(not shown): ");
      await type(line, PASSWORD, "(sealed, and on the disk)\nsafe> ");
    });
    const disk = Buffer.from(bytes).toString("latin1");
    expect([disk.includes("mail"), disk.includes("ann-of-mail"), disk.includes(PASSWORD)]).toEqual([true, false, false]);
    await use(MANIFEST, (line) => type(line, "show mail", `${PASSWORD}\nsafe> `));
    const other = await use(MANIFEST.replace("args: { show: one, focus: front }", "args: { show: one, focus: front, other: 1 }"), (line) => type(line, "list", "(the safe is empty)\nsafe> "));
    expect(said(other, "safe")).toEqual(["the entry for mail is not used: it was sealed by another image, or for another site"]);
  });
});
