// bailiwick new: each template builds and runs as it comes out, and nothing of anybody's is overwritten.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { bailiwick as cli, ROOT, type Done } from "../support/command-line.ts";

vi.setConfig({ testTimeout: 120_000 });

const TEMPLATES = join(ROOT, "servers", "operator", "templates");
const TALLIED = "add 5: the total is 5\nadd 37: the total is 42\nadd 4294967295: refused";
let folder = "";
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "bailiwick-new-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const bailiwick = (...args: string[]): Promise<Done> => cli(args, { cwd: folder, limitMs: 110_000 });

describe("a template", () => {
  test("that is there can be asked for, and none else", async () => {
    const { out } = await bailiwick("help", "new");
    for (const name of readdirSync(TEMPLATES)) expect(out).toContain(`  ${name} `);
  });

  test.each([
    ["component-c", [], `${TALLIED} (2)\n`],
    ["component-ts", [], `${TALLIED} (overflow)\n`],
    ["appliance", [], "client 1 of the log: line 0\nclient 1 of the log: line 1\nclient 1 of the log: line 2\n"],
    ["guest", ["--exec", "echo from a guest"], "from a guest\n"],
  ])("%s builds and runs as it comes out", async (template, options, output) => {
    const made = await bailiwick("new", template, `My ${template}`);
    expect([made.status, made.err]).toEqual([0, ""]);
    expect(made.out).toContain(join(`My ${template}`, "appliance.yaml"));
    const home = join(folder, `My ${template}`);
    expect(readdirSync(home)).toEqual(expect.arrayContaining(["README.md", "appliance.yaml", "appliance.schema.json"]));
    const manifest = readFileSync(join(home, "appliance.yaml"), "utf8");
    expect(manifest).toMatch(/^# yaml-language-server: \$schema=\.\/appliance\.schema\.json\n/);
    expect(manifest).toContain(`\nname: my-${template}\n`);

    const checked = await bailiwick("check", home);
    expect([checked.status, checked.err]).toEqual([0, ""]);
    expect(checked.out).toMatch(/^ {2}holds: /m);
    const run = await bailiwick("run", "-q", ...options, home);
    expect([run.status, run.err, run.out]).toEqual([0, "", output]);
  });

  test("its claims are no ornament: without whom it trusts one does not hold", async () => {
    await bailiwick("new", "component-ts", "broken");
    const file = join(folder, "broken", "appliance.yaml");
    writeFileSync(file, readFileSync(file, "utf8").replace("are: [try], trusting: [console]", "are: [try]"));
    const { status, err } = await bailiwick("check", "broken");
    expect(status).toBe(4);
    expect(err).toMatch(/BW0209/);
  });
});

describe("bailiwick new", () => {
  test("makes a folder named like the template", async () => {
    expect((await bailiwick("new", "appliance")).status).toBe(0);
    expect(readFileSync(join(folder, "appliance", "appliance.yaml"), "utf8")).toContain("\nname: appliance\n");
  });

  test("adds to a folder in which nothing is in its way", async () => {
    mkdirSync(join(folder, "mine"));
    writeFileSync(join(folder, "mine", "notes"), "mine");
    expect((await bailiwick("new", "guest", "mine")).status).toBe(0);
    expect(readFileSync(join(folder, "mine", "notes"), "utf8")).toBe("mine");
    const { out } = await bailiwick("new", "--json", "component-ts", "told");
    expect(JSON.parse(out)).toMatchObject({ folder: "told", template: "component-ts", files: expect.arrayContaining(["appliance.yaml", "README.md"]) });
  });

  test("overwrites nothing: one file in its way, and none is made", async () => {
    mkdirSync(join(folder, "taken"));
    writeFileSync(join(folder, "taken", "tally.c"), "mine");
    const { status, out, err } = await bailiwick("new", "component-c", "taken");
    expect([status, out]).toEqual([1, ""]);
    expect(err).toMatch(/BW0322.*\n.*tally\.c is there already/);
    expect(readdirSync(join(folder, "taken"))).toEqual(["tally.c"]);
    expect(readFileSync(join(folder, "taken", "tally.c"), "utf8")).toBe("mine");
  });

  test("writes through no link that leads elsewhere", async () => {
    mkdirSync(join(folder, "linked"));
    symlinkSync(join(folder, "elsewhere"), join(folder, "linked", "README.md"));
    const { status, err } = await bailiwick("new", "guest", "linked");
    expect(status).toBe(1);
    expect(err).toMatch(/BW0322/);
    expect(existsSync(join(folder, "elsewhere"))).toBe(false);
  });

  test("a file where the folder should be, a template that is none, and one argument too many are refused", async () => {
    writeFileSync(join(folder, "file"), "");
    const cases: readonly [args: string[], status: number, said: RegExp][] = [
      [["guest", "file"], 1, /BW0322/],
      [[], 2, /one of: component-c, component-ts, appliance, guest/],
      [["component-d"], 2, /did you mean 'component-c'/],
      [["../templates/guest"], 2, /no template/],
      [["guest", "a", "b"], 2, /'b' is one argument too many/],
    ];
    for (const [args, status, said] of cases) {
      const done = await bailiwick("new", ...args);
      expect([done.status, done.out]).toEqual([status, ""]);
      expect(done.err).toMatch(said);
    }
  });
});
