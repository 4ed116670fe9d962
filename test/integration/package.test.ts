// What npm would publish, installed into an empty folder elsewhere: it sets itself up, runs an example, and is imported with its types.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { findPlaces } from "../../servers/operator/setup/places.mjs";
import { ROOT, runProcess, type Done, type ProcessOptions } from "../support/command-line.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder = "";
let env: Record<string, string> = {};
const inFolder = (program: string, args: readonly string[], options: ProcessOptions = {}): Promise<Done> => runProcess(program, args, { cwd: folder, env, limitMs: 110_000, ...options });

/** Without what npx says of npm's own configuration. */
const said = ({ err }: Done): string => err.replace(/^npm warn .*\n/gm, "");

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "bailiwick-package-"));
  // What was fetched is there already, in a cache of the test's own: nothing of the user's is changed.
  const cache = join(folder, "cache");
  mkdirSync(cache);
  const users = findPlaces(process.env).cache;
  for (const name of existsSync(users) ? readdirSync(users) : []) if (/^(unicorn|debian)-/.test(name)) symlinkSync(join(users, name), join(cache, name));
  env = { BAILIWICK_CACHE: cache, npm_config_update_notifier: "false", npm_config_fund: "false", npm_config_audit: "false" };

  // What a run leaves beside an example, a platform's key perhaps, is nobody else's.
  const left = join(ROOT, "examples", "hello", ".bailiwick", "left-by-a-test");
  mkdirSync(join(left, ".."), { recursive: true });
  writeFileSync(left, "");
  const packed = await runProcess("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], { cwd: ROOT, env });
  rmSync(left);
  expect(packed.status, packed.err).toBe(0);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "elsewhere", private: true, type: "module" }));
  const [{ filename }] = JSON.parse(packed.out) as [{ filename: string }];
  const installed = await inFolder("npm", ["install", "--prefer-offline", "--ignore-scripts", `./${filename}`]);
  expect(installed.status, installed.err).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("it holds what it needs, and no more", () => {
  const root = join(folder, "node_modules", "bailiwick");
  expect(readdirSync(root).sort()).toEqual(expect.arrayContaining(["LICENSE", "README.md", "CAVEATS.md", "dist", "core", "servers", "guests", "examples", "package.json"]));
  expect(existsSync(join(root, "test"))).toBe(false);
  expect(existsSync(join(root, "core", "machine", "native", "build"))).toBe(false);
  expect(readdirSync(root, { recursive: true }).filter((file) => /(^|\/)(\.bailiwick|bailiwick\.lock)(\/|$)/.test(String(file)))).toEqual([]);
});

test("it sets itself up, a second time in no time, and runs its examples", async () => {
  const first = await inFolder("npx", ["bailiwick", "setup"]);
  expect(first.status, first.err).toBe(0);
  const again = await inFolder("npx", ["bailiwick", "setup"]);
  expect([again.status, said(again)]).toEqual([0, "Bailiwick is set up: nothing left to do.\n"]);
  const examples = join(folder, "node_modules", "bailiwick", "examples");
  const hello = await inFolder("npx", ["bailiwick", "run", "-q", join(examples, "hello")]);
  expect([hello.status, said(hello)]).toEqual([0, ""]);
  expect(hello.out).toMatch(/^hello from a confined program\n/);
  // A C client with a TypeScript server, copied: the user's own now.
  cpSync(join(examples, "ipc"), join(folder, "mine"), { recursive: true });
  const ipc = await inFolder("npx", ["bailiwick", "run", "-q", "mine"]);
  expect([ipc.status, said(ipc)]).toEqual([0, ""]);
  // Debian's kernel, or where it could not be had the kit's own guest.
  const guest = await inFolder("npx", ["bailiwick", "run", "-q", "--exec", "echo from a guest", join(examples, "linux")]);
  expect([guest.status, guest.out]).toEqual([0, "from a guest\n"]);
});

test("a program imports it, with types", async () => {
  writeFileSync(
    join(folder, "program.ts"),
    `import { boot, Failure, prepareAppliance, startSession, type ConsoleBackend, type Outcome } from "bailiwick";
import { Console, type Env, type Op } from "bailiwick/sdk";
export const begin: typeof boot = boot;
export function* main(env: Env): Op<void> { yield* env.sys.signal(env.use["x"]?.cap ?? 0); }
export const label: 1 = Console.methods.write.label;
export const font: typeof import("bailiwick/terminus16").terminus16 = new Uint8Array();
let text = "";
const console_: ConsoleBackend = { write: (bytes) => void (text += new TextDecoder().decode(bytes)), ready: () => true, onDrained: () => {}, onInput: () => {} };
const appliance = await prepareAppliance("node_modules/bailiwick/examples/hello");
const outcome: Outcome = await (await startSession(appliance, { console: console_ })).outcome;
// @ts-expect-error: a status is a number
const wrong: string = outcome.status;
let refused: unknown;
try { await prepareAppliance("nowhere"); } catch (error) { refused = error; }
process.stdout.write(JSON.stringify({ status: outcome.status, text, refused: refused instanceof Failure, wrong }));
process.exit();
`,
  );
  const tsc = await inFolder(process.execPath, [join(ROOT, "node_modules", "typescript", "bin", "tsc"), "--strict", "--target", "es2023", "--module", "nodenext", "--skipLibCheck", "false", "--types", "node", "--typeRoots", join(ROOT, "node_modules", "@types"), "program.ts"]);
  expect([tsc.out, tsc.status]).toEqual(["", 0]);
  const ran = await inFolder(process.execPath, ["program.js"]);
  expect(ran.err).toBe("");
  expect(JSON.parse(ran.out)).toMatchObject({ status: 0, refused: true, text: expect.stringMatching(/^hello from a confined program\n/) });
});
