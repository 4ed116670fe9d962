// guests/bare on its VMM: each command shows a part of the machine at work, by the guest's own tests; ways to end give their statuses.
import { execFileSync } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { findPackage } from "../../servers/operator/package.ts";
import { EndingStatus } from "../../vmm/spec.ts";
import { applianceFolder, manifestWith, pause, runAppliance, until } from "../support/appliance-run.ts";

const BARE = join(findPackage().root, "guests", "bare");
const LIMIT = { timeout: 180_000 };
const MANIFEST = `${manifestWith({})}guests:\n  bare: { image: bare, memory: 16MiB, console: console.console, essential: true }\n`;

async function exec(command: string, limitMs = 60_000): Promise<{ output: string; status: number | undefined; events: readonly Record<string, unknown>[] }> {
  using folder = applianceFolder({ "appliance.yaml": MANIFEST });
  return await runAppliance(folder.path, { exec: command, limitMs });
}

test("the machine's memory, paging, exceptions and entropy work, in 16 MiB", LIMIT, async () => {
  const { output, status } = await exec("echo two words;mem;sv39;trap;rng");
  expect(output).toMatch(/^two words\n16 MiB at 0x80000000, 3\d\d\d pages free, 0 of them wrong\n/);
  expect(output).toContain("store to a page made read-only: page fault 15 at 0x1900000000\n");
  expect(output).toContain("load from a page unmapped: page fault 13 at 0x1900000000\n");
  expect(output).toContain("sv39: off, all as it must be\n");
  expect(output).toContain("illegal instruction: trapped and recovered, cause 2\nebreak: trapped and recovered, cause 3\n");
  expect(output).toMatch(/\n[0-9a-f]{32}\n$/);
  expect(output).not.toMatch(/0{32}\n$/);
  expect(status).toBe(0);
});

test("timer interrupts come ten times a second, and time goes on", LIMIT, async () => {
  const { output } = await exec("uptime;sleep;uptime");
  const [first, second] = [...output.matchAll(/up (\d+\.\d\d) s, (\d+) timer interrupts/g)].map(([, seconds, ticks]) => ({ seconds: Number(seconds), ticks: Number(ticks) }));
  const seconds = (second?.seconds ?? 0) - (first?.seconds ?? 0), ticks = (second?.ticks ?? 0) - (first?.ticks ?? 0);
  expect(seconds).toBeGreaterThanOrEqual(1);
  expect(ticks).toBeGreaterThanOrEqual(8);
  expect(ticks).toBeLessThanOrEqual(seconds * 10 + 2);
});

describe("it ends", LIMIT, () => {
  test("with status 1 at the first command that fails; the rest is not run", async () => {
    expect(await exec("echo one; nosuch; echo two")).toMatchObject({ output: "one\nno such command: nosuch (try help)\n", status: 1 });
  });
  test("with a panic's status", async () => {
    expect(await exec("panic")).toMatchObject({ output: "Kernel panic - not syncing: as asked\n", status: EndingStatus.panic });
  });
  test("with a reset's status", async () => expect((await exec("reboot")).status).toBe(EndingStatus.reboot));
  test("with status 0 when it powers off", async () => expect((await exec("poweroff")).status).toBe(0));
  test("as stuck when it waits for what cannot come", async () => expect((await exec("hang")).status).toBe(EndingStatus.stuck));
  test("not at all by itself when it spins, and then it can be stopped", async () => {
    expect((await exec("spin", 1500)).status).toBeUndefined();
  });
});

test("typed lines are edited and run; Ctrl-D powers off", LIMIT, async () => {
  using folder = applianceFolder({ "appliance.yaml": MANIFEST });
  const { output, status } = await runAppliance(folder.path, {
    async during(_, line) {
      await until("the prompt", () => line.output.endsWith("bare> "));
      line.type("echo wrogn\x7f\x7fng\r");
      await until("the answer", () => line.output.includes("\r\nwrong\r\n"));
      line.type("abandoned\x15echo kept\r");
      await until("the line without what was abandoned", () => line.output.includes("\r\nkept\r\n"));
      line.type("typed and thrown away\x03");
      await until("a new prompt", () => line.output.endsWith("^C\r\nbare> "));
      line.type("\x04");
      await pause(300);
    },
  });
  expect(output).toMatch(/^bare guest on hart 0, SBI 2\.\d+, 16 MiB; help lists the commands\r\nbare> /);
  expect(output).not.toContain("no such command");
  expect(status).toBe(0);
});

test("the guest of a few lines in its README is built as that says, and says hello", LIMIT, async () => {
  const readme = readFileSync(join(BARE, "README.md"), "utf8");
  const block = (language: string): string => new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, "m").exec(readme)?.[1] ?? "";
  using folder = applianceFolder({ "appliance.yaml": block("yaml"), "hello.S": block("asm") });
  symlinkSync(dirname(BARE), join(folder.path, "guests"));
  const [compile = "", copy = ""] = block("sh").split("\n");
  for (const line of [compile, copy]) execFileSync("sh", ["-c", line], { cwd: folder.path, stdio: "pipe" });
  const { output, status } = await runAppliance(folder.path);
  expect([output, status]).toEqual(["hello\n", 0]);
});
