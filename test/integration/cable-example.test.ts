// examples/cable as a user has it: two processes, each with a kernel and a stack of its own, and a cable of loopback between them.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { applianceFolder, until } from "../support/appliance-run.ts";
import { CLI, ROOT } from "../support/command-line.ts";
import { freePorts } from "../support/ports.ts";

const LIMIT = { timeout: 180_000 };
const file = (name: string): string => readFileSync(join("examples/cable", name), "utf8");
type End = "near" | "far";
const ADDRESS = { near: "10.7.0.1", far: "10.7.0.2" } as const;
const PEER = { near: ADDRESS.far, far: ADDRESS.near } as const;

interface Computer {
  readonly child: ChildProcess;
  said: string;
}

/** The example at ports of its own; `start` begins one end. What was started is ended with it. */
async function example(change: (manifest: string) => string, during: (start: (end: End) => Computer, stop: (computer: Computer) => Promise<void>) => Promise<void>): Promise<void> {
  const [one = 0, other = 0] = await freePorts(2, "udp");
  const manifest = (name: string): string => change(file(name).replaceAll('"9101"', `"${one}"`).replaceAll('"9102"', `"${other}"`));
  using folder = applianceFolder({ "ping.c": file("ping.c"), "near.yaml": manifest("near.yaml"), "far.yaml": manifest("far.yaml") });
  const started: Computer[] = [];
  const stop = async ({ child }: Computer): Promise<void> => {
    child.kill("SIGTERM");
    await until("it has ended", () => child.exitCode !== null || child.signalCode !== null);
  };
  try {
    await during((end) => {
      const child = spawn(process.execPath, [CLI, "run", "-q", join(folder.path, `${end}.yaml`)], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
      const computer: Computer = { child, said: "" };
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => void (computer.said += text.replaceAll("\r", "")));
      started.push(computer);
      return computer;
    }, stop);
  } finally {
    await Promise.all(started.map(stop));
  }
}

const answer = (end: End): RegExp => new RegExp(`^ping: 56 bytes from ${PEER[end].replaceAll(".", "\\.")} in \\d+ us$`, "m");
const answers = ({ said }: Computer, end: End): number => said.split("\n").filter((line) => answer(end).test(line)).length;

test.each([["near", "far"], ["far", "near"]] as const)("%s waits for %s; both answer; it is said when the other is gone, and when it is back", LIMIT, async (first, second) => {
  await example((manifest) => manifest, async (start, stop) => {
    const one = start(first);
    await until("the first has waited", () => one.said.includes(`ping: ${PEER[first]} does not answer yet\n`), 30_000);
    const other = start(second);
    await until("both have answers", () => answers(one, first) > 1 && answers(other, second) > 1, 30_000);
    await stop(other);
    await until("the first has noticed", () => one.said.includes(`ping: ${PEER[first]} answers no more\n`), 30_000);
    const before = answers(one, first);
    const again = start(second);
    await until("both have answers again", () => answers(one, first) > before + 1 && answers(again, second) > 1, 30_000);
    expect(one.said).toContain(`ping: ${PEER[first]} is back\n`);
    // Nobody else's answers, no other words, and no trouble.
    for (const [computer, end] of [[one, first], [other, second], [again, second]] as const) {
      const others = computer.said.trimEnd().split("\n").filter((line) => !answer(end).test(line)).map((line) => line.replace(PEER[end], "PEER"));
      const expected = new Set(["ping: asking PEER once a second", "ping: PEER does not answer yet", "ping: PEER answers no more", "ping: PEER is back"]);
      expect(others.filter((line) => !expected.has(line))).toEqual([]);
    }
  });
});

test("another host than the one that its rule names cannot be asked, and that is the end", LIMIT, async () => {
  await example((manifest) => manifest.replace(/args: \{ peer: \S+ \}/, "args: { peer: 10.7.0.9 }"), async (start) => {
    const near = start("near");
    await until("it has ended", () => near.child.exitCode !== null, 30_000);
    expect([near.child.exitCode, near.said]).toEqual([1, expect.stringContaining("ping: no rule of this program's allows it to ask 10.7.0.9\n")]);
  });
});

test("a port that is taken is said, with what to do", LIMIT, async () => {
  await example((manifest) => manifest, async (start) => {
    const near = start("near");
    await until("it runs", () => near.said.includes("asking"), 30_000);
    const again = start("near");
    await until("it has ended", () => again.child.exitCode !== null, 30_000);
    expect([again.child.exitCode, again.said]).toEqual([1, expect.stringMatching(/there is no network for net0\n[^]*the port is in use[^]*fix: end the program that has it/)]);
  });
});
