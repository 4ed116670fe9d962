// examples/password-safe, typed at and clicked as by a person, with a spy on the screen; and with front end, spy, site or disk driver taken over: what they can reach, and that no password is in it.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { InputBackend } from "../../core/host/backend.ts";
import { ramDisk } from "../../core/host/disk.ts";
import { parseInputScript, playInputScript } from "../../core/host/input-script.ts";
import { createPicture } from "../../core/host/picture.ts";
import { openFont } from "../../servers/lib/ts/font.ts";
import { findPlaces } from "../../servers/operator/setup/places.mjs";
import { applianceFolder, type Line, type Run, runAppliance, until } from "../support/appliance-run.ts";
import { bailiwick } from "../support/command-line.ts";
import { exampleFiles, GRASP } from "../support/example-files.ts";
import { hasSqlite } from "../support/fs-build.ts";
import { hasVault } from "./vault/world.ts";

/** The first run of all compiles SQLite. */
const LIMIT = { timeout: 240_000 };
const RESET = "\u001bc", SAFE = "\u001d1", MAIL = "\u001d2";
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

/** The example with another manifest, and a program that tries everything. */
const changed = (manifest: string): { readonly path: string; [Symbol.dispose](): void } => applianceFolder({ ...files, "grasp.c": GRASP, "appliance.yaml": manifest });

const FONT = findPlaces(process.env).font, SIZE = { width: 800, height: 480 };
/** Where the windows' surfaces begin, below bar and title; and a place in the front end where nothing is. */
const FRONT_AT = { x: 17, y: 62 }, SPY_AT = { x: 457, y: 86 }, NOWHERE = "move 430 260";

/** The screen, which is read as a person reads it: by the font's letters. */
class Screen {
  readonly picture = createPicture(SIZE.width, SIZE.height);
  #send: Parameters<InputBackend["onInput"]>[0] = () => {};
  readonly input: InputBackend = { onInput: (callback) => void (this.#send = callback) };
  readonly #font = openFont(readFileSync(join(FONT, "terminus16.psf")))!;
  readonly #letters = new Map(Array.from({ length: 95 }, (_, i) => 32 + i).map((code) => {
    const { glyphBytes, glyphs, characters } = this.#font, at = characters.get(code)! * glyphBytes;
    return [glyphs.subarray(at, at + glyphBytes).join(), String.fromCharCode(code)];
  }));

  do(script: string): void {
    playInputScript(parseInputScript(script, SIZE)).onInput((device, events) => this.#send(device, events));
  }
  /** The text that begins there, on one of these grounds. */
  text(at: { readonly x: number; readonly y: number }, x: number, y: number, columns: number, ...grounds: number[]): string {
    const { width, height } = this.#font;
    const letter = (column: number): string => {
      const rows = Array.from({ length: height }, (_, row) => Array.from({ length: width }, (__, i) => Number(!grounds.includes(this.picture.at(at.x + x + column * width + i, at.y + y + row)))).reduce((bits, bit) => bits * 2 + bit, 0));
      return this.#letters.get(rows.join()) ?? "#";
    };
    return Array.from({ length: columns }, (_, column) => letter(column)).join("").trimEnd();
  }
  /** What the front end shows: its first line, entries, and what it says below. */
  front(): readonly string[] {
    const grounds = [0xf4f1e8, 0x2c5d8f];
    const entries = Array.from({ length: 3 }, (_, i) => `${this.text(FRONT_AT, 16, 48 + 26 * i, 12, ...grounds)} ${this.text(FRONT_AT, 120, 48 + 26 * i, 20, ...grounds)}`.trim());
    return [this.text(FRONT_AT, 16, 16, 20, ...grounds), ...entries.filter((entry) => entry !== ""), this.text(FRONT_AT, 16, 297 - 32, 50, ...grounds)];
  }
  spy(): readonly string[] {
    return Array.from({ length: 4 }, (_, i) => this.text(SPY_AT, 216, 110 + 24 * i, 14, 0x33222a));
  }
  /** The front end shows this after this was done to it. */
  async shows(script: string, ...lines: string[]): Promise<void> {
    this.do(script);
    await until(`the front end shows ${lines.join(" / ")} and not ${this.front().join(" / ")}`, () => this.front().join("\n") === lines.join("\n"), 30_000);
  }
}
const clickOn = (entry: number): string => `move 400 ${FRONT_AT.y + 48 + 26 * entry + 6}\nclick left`;

test("the claims hold, and a check says so", LIMIT, async () => {
  const { status, out, err } = await bailiwick(["check", "examples/password-safe"]);
  expect([status, out.match(/^ {2}holds: /gm)?.length, err]).toEqual([0, 12, ""]);
});

test("a front end with a key is an error, and the README shows it as it is", LIMIT, async () => {
  const shown = /```\n(error[^]*?)```/.exec(files["README.md"]!)?.[1]?.split("\n") ?? ["no error is shown"];
  using folder = changed(MANIFEST.replace("safe: safe.shelf }", "safe: safe.shelf, vault: vault.keys }"));
  const { status, err } = await bailiwick(["check", folder.path]);
  expect(status).toBe(4);
  for (const line of shown.filter((line) => !line.includes("-->"))) expect(err).toContain(line);
});

describe.skipIf(!hasSqlite || !hasVault || !existsSync(FONT))("the safe", () => {
  test("keeps what is typed, shows it in its own view alone, and logs in when its person says so; the spy on the screen gets what is typed to it", LIMIT, async () => {
    const screenOf = new Screen(), { picture, input } = screenOf;
    const { status, events } = await runAppliance("examples/password-safe", {
      limitMs: 120_000, picture, input,
      async during(_system, line, ended) {
        const below = (text: string, ...entries: string[]): string[] => [...(entries.length === 0 ? ["The safe is empty."] : ["Log in at:", ...entries]), text];
        await screenOf.shows("wait 1ms", ...below("Passwords are typed at the safe: on the terminal."));
        await ends(line, "safe> ");
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
        const both = ["mail ann", "shop ann@home"];
        await screenOf.shows(`${NOWHERE}\nclick left`, ...below("Passwords are typed at the safe: on the terminal.", ...both));
        await screenOf.shows(clickOn(0), ...below("Asks: the answer is given at the safe.", ...both));
        await ends(line, "y, n or m> ");
        expect(screen(line.output)).toContain("front asks to log in at mail as ann. y: yes, n: no, m: no, and do not hear it any more.");
        // What is clicked meanwhile is not meant.
        screenOf.do(`${clickOn(1)}\n${NOWHERE}`);
        await type(line, "n", "(denied)\nsafe> ");
        await screenOf.shows("wait 1ms", ...below("You said no.", ...both));
        for (const who of ["has an account now", "is in"]) {
          screenOf.do("key enter");
          await ends(line, "y, n or m> ");
          await type(line, "y", "(the site has it)\nsafe> ");
          await screenOf.shows("wait 1ms", ...below("The site has it: its view says more.", ...both));
          await look(line, MAIL, `mail: ann ${who}, with a password of ${PASSWORD.length} characters\n`);
          await look(line, SAFE, "safe> ");
        }
        // Another password than the account's.
        await type(line, "new mail ann", "safe> ");
        screenOf.do("key enter");
        await ends(line, "y, n or m> ");
        await type(line, "y", "(the site has it)\nsafe> ");
        await look(line, MAIL, `mail: ann is refused, with a password of 20 characters\n`);
        await look(line, SAFE, "safe> ");
        // Heard no more, and heard again.
        screenOf.do("key down\nkey enter");
        await ends(line, "y, n or m> ");
        await type(line, "m", "(denied)\nsafe> ");
        await screenOf.shows("key enter", ...below("You said no.", ...both));
        await type(line, "list", "list\nmail  ann\nshop  ann@home\nsafe> ");
        await type(line, "remove shop", "(gone)\nsafe> ");
        await screenOf.shows("key up", ...below("You said no.", "mail ann"));
        // The spy hears what is typed to it, and has nothing else.
        screenOf.do(`move 600 290\nclick left\nwait 300ms\ntype "hello"`);
        await until("the spy has heard it", () => screenOf.spy()[0] === "hello");
        screenOf.do('key f12\nwait 300ms\ntype "not to it"\nkey escape');
        await ended();
      },
    });
    expect(screenOf.spy()).toEqual(["hello", "0", "0 of 63", "0"]);
    expect(status).toBe(0);
    expect(events.filter(({ event }) => event === "log" || event === "fault").map(({ text }) => text)).toEqual([..."hello"].map((_, i) => `heard ${"hello".slice(0, i + 1)}`));
  });

  /** Somebody taken over, and a person who goes on working meanwhile. */
  async function takenOver(name: "front" | "spy" | "shop", args: string, during: (line: Line, tried: () => Promise<void>) => Promise<void>, { picture, input } = new Screen()): Promise<Run> {
    const manifest = MANIFEST.replace(new RegExp(`(?<=^  ${name}:\\n    image: \\{ c: )[^}]*\\}`, "m"), `grasp.c }\n    args: { seek: ${PASSWORD}, ${args} }`);
    expect(manifest).toContain("grasp.c");
    using folder = changed(manifest);
    let tries = 0;
    return await runAppliance(folder.path, {
      limitMs: 120_000, picture, input,
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
      await ends(line, "safe> ");
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
      line.type(MAIL);
      await until("the site was told", () => screen(line.output).includes(`mail: ann-of-mail has an account now, with a password of ${PASSWORD.length} characters`));
    });
    const tries = said(run, "front");
    expect(tries.at(-1)).toMatch(/^tried \d+: \d+ endpoints, [1-9]\d{2,} calls, some answered; some given; not found, looks$/);
    // On the terminal it was in the safe's own view, and nowhere else.
    const views = run.output.split(RESET).filter((view) => view.includes(PASSWORD));
    expect(views.map((view) => /\[\d \w+\]/.exec(view)?.[0])).toEqual(["[1 safe]"]);
    expect(run.events.filter(({ event }) => event === "fault")).toEqual([]);
  });

  test("a hostile spy is given its own window, and gets nothing of anybody's", LIMIT, async () => {
    const run = await takenOver("spy", "known: safe, write: mail, rounds: 100000", async (line, tried) => {
      await ends(line, "safe> ");
      await type(line, "add mail ann", "(not shown): ");
      await type(line, PASSWORD, "(sealed, and on the disk)\nsafe> ");
      await type(line, "show mail", `${PASSWORD}\nsafe> `);
      await tried();
    });
    expect(said(run, "spy").at(-1)).toMatch(/^tried \d+: \d+ endpoints, [1-9]\d{2,} calls, some answered; some given; not found, saw nothing$/);
    expect(run.events.filter(({ event }) => event === "fault")).toEqual([]);
  });

  test("a hostile site gets nothing of another's, and keeps nobody waiting", LIMIT, async () => {
    const hands = new Screen();
    const run = await takenOver("shop", "write: mail, rounds: 100000, skip: 17", async (line, tried) => {
      await ends(line, "safe> ");
      await type(line, "add mail ann", "(not shown): ");
      await type(line, PASSWORD, "(sealed, and on the disk)\nsafe> ");
      await type(line, "new shop ann", "(sealed, and on the disk)\nsafe> ");
      hands.do("key down");
      for (const [key, what, told] of [["down", "(the site does not listen)", "The site does not listen."], ["up", "(the site has it)", "The site has it: its view says more."]] as const) {
        hands.do(`key ${key}\nkey enter`);
        await ends(line, "y, n or m> ");
        await type(line, "y", `${what}\nsafe> `);
        await until("the front end was told", () => hands.front().at(-1) === told, 30_000);
        await tried();
      }
    }, hands);
    expect(said(run, "shop").at(-1)).toMatch(/^tried \d+: \d+ endpoints, [1-9]\d{2,} calls, some answered; none given; not found, saw nothing$/);
    expect(run.output).not.toContain(PASSWORD);
  });

  test("the disk has sites and no password; the same image reads it again, and another does not", LIMIT, async () => {
    const bytes = new Uint8Array(8 << 20), disks = { blk0: ramDisk(bytes) };
    const use = async (manifest: string, during: (line: Line) => Promise<void>): Promise<Run> => {
      using folder = changed(manifest);
      return await runAppliance(folder.path, { limitMs: 90_000, disks, during: (_system, line) => ends(line, "safe> ").then(() => during(line)) });
    };
    await use(MANIFEST, async (line) => {
      await type(line, "add mail ann-of-mail", "(not shown): ");
      await type(line, PASSWORD, "(sealed, and on the disk)\nsafe> ");
    });
    const disk = Buffer.from(bytes).toString("latin1");
    expect([disk.includes("mail"), disk.includes("ann-of-mail"), disk.includes(PASSWORD)]).toEqual([true, false, false]);
    await use(MANIFEST, (line) => type(line, "show mail", `${PASSWORD}\nsafe> `));
    const other = await use(MANIFEST.replace("args: { show: one, focus: safe }", "args: { show: one, focus: safe, other: 1 }"), (line) => type(line, "list", "(the safe is empty)\nsafe> "));
    expect(said(other, "safe")).toEqual(["the entry for mail is not used: it was sealed by another image, or for another site"]);
  });
});
