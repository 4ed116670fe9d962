// bailiwick run --trace: who called whom by the names of the manifest, a bounded file, and bad options.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "bailiwick-trace-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Line {
  readonly event: string;
  readonly thread: string;
  readonly call?: string;
  readonly cap?: string;
  readonly invocation?: string;
  readonly outcome?: string;
}
function run(example: string, ...options: string[]): { readonly status: number | null; readonly err: string } {
  const { status, stderr } = spawnSync(process.execPath, ["dist/cli.js", "run", "-q", ...options, join("examples", example)], { cwd: ROOT, encoding: "utf8", timeout: 180_000 });
  return { status, err: stderr };
}
const read = (file: string): Line[] => readFileSync(file, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line) as Line);

test("each call of a client is there, with the names of both programs", { timeout: 180_000 }, () => {
  const file = join(folder, "ipc.jsonl");
  expect(run("ipc", "--trace", file)).toEqual({ status: 0, err: "" });
  const lines = read(file);
  const calls = lines.filter((l) => l.event === "syscall" && l.thread === "client-c" && l.call === "Call" && l.cap === "counter (counter-ts)");
  // describe, three times add, a thousand more, total.
  expect(calls.length).toBe(1005);
  expect(lines.some((l) => l.thread === "root" && l.invocation === "UntypedRetype" && l.outcome === "ok")).toBe(true);
  expect(lines.some((l) => l.thread === "client-ts" && l.cap === "counter (counter-c)")).toBe(true);
  expect(new Set(lines.map((l) => l.event))).toEqual(new Set(["syscall", "switch", "fault", "create", "derive", "move", "delete", "destroy", "interrupt"].filter((e) => lines.some((l) => l.event === e))));
  expect(lines.filter((l) => l.event === "switch").length).toBeGreaterThan(2000);
});

test("faults by the names of their threads; only what was asked for", { timeout: 180_000 }, () => {
  const file = join(folder, "faults.jsonl");
  expect(run("confinement", "--trace", file, "--trace-events", "fault").status).toBe(0);
  const lines = read(file);
  expect(lines.every((l) => l.event === "fault" && l.thread === "prisoner")).toBe(true);
  expect(lines.length).toBeGreaterThan(30);
});

test("the file ends at its limit, with a whole line, and the run goes on", { timeout: 180_000 }, () => {
  const file = join(folder, "small.jsonl");
  const { status, err } = run("hello", "--trace", file, "--trace-limit", "20KiB");
  expect(status).toBe(0);
  expect(err).toMatch(/the trace ends: .*20 KiB \(--trace-limit\)/);
  expect(statSync(file).size).toBeLessThanOrEqual(20 * 1024);
  expect(read(file).length).toBeGreaterThan(100);
});

test("a disk that is full ends the trace, not the run", { timeout: 180_000 }, () => {
  if (!existsSync("/dev/full")) return;
  const file = join(folder, "full.jsonl");
  symlinkSync("/dev/full", file);
  const { status, err } = run("hello", "--trace", file);
  expect(status).toBe(0);
  expect(err).toMatch(/the trace ends: ENOSPC/);
});

test.each([
  [["--trace", "/nonexistent/folder/t"], 1, /BW0314[^]*ENOENT[^]*fix: name a file/],
  [["--trace", "x", "--trace-events", "fualt"], 2, /no event 'fualt'.*did you mean 'fault'/],
  [["--trace-events", "fault"], 2, /needs --trace/],
  [["--trace", "x", "--trace-limit", "20"], 2, /--trace-limit 20 is no size/],
])("bad options: %s", { timeout: 180_000 }, (options, expected, text) => {
  const { status, err } = run("hello", ...options);
  expect(status).toBe(expected);
  expect(err).toMatch(text);
});
