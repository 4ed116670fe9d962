// bailiwick run with a display: the picture in a file, input from a script and from the terminal, and what is said when that cannot be.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { until } from "../support/appliance-run.ts";
import { bailiwick, CLI, ROOT } from "../support/command-line.ts";
import { decodePng } from "../support/png.ts";

const LIMIT = { timeout: 180_000 };
const folder = mkdtempSync(join(tmpdir(), "bailiwick-display-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text?: string): string => {
  if (text !== undefined) writeFileSync(join(folder, name), text);
  return join(folder, name);
};

test("the picture is in the file at the end", LIMIT, async () => {
  const { status, err } = await bailiwick(["run", "-q", "test/integration/gpu", "--picture", file("end.png"), "--picture-every", "50ms"]);
  // Of the windows that its client spoils on purpose.
  expect([status, err.replace(/^bailiwick: gpu: the IOMMU refused gpu0 to read 32 bytes at 0x[01]0*\n/gm, "")]).toEqual([0, ""]);
  const png = decodePng(readFileSync(file("end.png")));
  expect([png.width, png.height, png.at(10, 5), png.at(120, 510), png.at(300, 300)]).toEqual([1024, 768, 0x0a0500, 0x78fe01, 0]);
  expect(readdirSync(folder)).toEqual(["end.png"]);
});

test("the picture is written while it runs, when it is asked for", LIMIT, async () => {
  const path = file("asked.png");
  const child = spawn(process.execPath, [CLI, "run", "-q", "test/integration/input", "--picture", path], { cwd: ROOT, stdio: "ignore" });
  try {
    await until("the picture is there", () => existsSync(path));
    rmSync(path);
    child.kill("SIGUSR2");
    await until("it is there again", () => existsSync(path));
    expect(decodePng(readFileSync(path)).width).toBe(1024);
    rmSync(path);
  } finally {
    child.kill("SIGTERM");
    await until("it has ended", () => child.exitCode !== null || child.signalCode !== null);
  }
  expect(child.exitCode).toBe(143);
  expect(decodePng(readFileSync(path)).height).toBe(768);
  rmSync(path);
});

test("a script types and points", LIMIT, async () => {
  const { status, out } = await bailiwick(["run", "-q", "test/integration/input", "--input-script", file("keys.txt", 'after "ready"\nkey q\nkey escape\nclick middle\n')]);
  expect(status).toBe(0);
  expect(out.split(/\r?\n/).slice(3, 9)).toEqual(["1 16 1", "0 0 0", "1 16 0", "0 0 0", "1 1 1", "5 events"]);
});

test("what is typed goes to the keyboard when it is told to", LIMIT, async () => {
  const { status, out } = await bailiwick(["run", "-q", "test/integration/input", "--keys", "--input-script", file("click.txt", "click middle\n")], { input: "Z\u001b" });
  expect(status).toBe(0);
  expect(out.split(/\r?\n/).slice(3, 11)).toEqual(["1 42 1", "0 0 0", "1 44 1", "0 0 0", "1 44 0", "0 0 0", "1 42 0", "0 0 0"]);
});

test("what cannot be is said before the machine starts, with what to do", LIMIT, async () => {
  const bad = file("bad.txt", "key a\njump 5\n");
  for (const [args, status, says] of [
    [["examples/hello", "--picture", file("a.png")], 2, /--picture shows the machine's display, and the appliance has none \(in its manifest: platform\.display/],
    [["examples/hello", "--input-script", bad], 2, /--input-script is for the machine's display/],
    [["examples/hello", "--keys"], 2, /--keys are for the machine's display/],
    [["test/integration/gpu", "--picture", join(folder, "none", "a.png")], 1, /error\[BW0320\]: the picture cannot be written to '.*a\.png'\n.*ENOENT(.|\n)*fix: /],
    [["test/integration/gpu", "--picture-every", "1s"], 2, /--picture-every .* needs --picture/],
    [["test/integration/gpu", "--picture", file("a.png"), "--picture-every", "1ms"], 2, /too often/],
    [["test/integration/gpu", "--picture", file("a.png"), "--picture-every", "soon"], 2, /--picture-every soon is no duration/],
    [["test/integration/input", "--input-script", join(folder, "none.txt")], 1, /error\[BW0320\]: the input script '.*none\.txt' cannot be read\n.*ENOENT/],
    [["test/integration/input", "--input-script", bad], 1, /error\[BW0320\]: the input script '.*bad\.txt' makes no sense\n.*line 2: there is no step 'jump'\n.*fix: one of: type, /],
  ] as const) {
    const done = await bailiwick(["run", "-q", ...args]);
    expect([args, done.status, done.err]).toEqual([args, status, expect.stringMatching(says)]);
  }
});
