// Where Debian cannot be reached: the kit says so in one line and boots its own small guest in place of Linux.
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { bailiwick, ROOT } from "../support/command-line.ts";
import { installKit } from "../support/installed-kit.ts";

vi.setConfig({ testTimeout: 180_000 });

const LINUX = join(ROOT, "examples", "linux");

test("a set-up that could not have Debian's kernel: said once, and guests/bare boots under the same manifest", async () => {
  using kit = installKit({ linux: null });
  const typed = await bailiwick(["run", "-q", "--timeout", "30s", LINUX], { env: kit.env, input: "echo typed\npoweroff\n" }, kit.cli);
  expect(typed.err).toBe("bailiwick: Debian's kernel is not on this machine (the set-up could not fetch it); booting guests/bare instead\n");
  expect(typed.out).toMatch(/^bare guest on hart 0, SBI 2\.\d+, 256 MiB; help lists the commands\r?\n/);
  expect(typed.out).toMatch(/\ntyped\r?\n/);
  expect(typed.status).toBe(0);

  const help = await bailiwick(["run", "--exec", "help", LINUX], { env: kit.env }, kit.cli);
  expect(help.out).toMatch(/poweroff/);
  expect([help.status, help.err.split("\n").length]).toEqual([0, 2]);

  // What it does not know it says, with the status of the command.
  const unknown = await bailiwick(["run", "--exec", "uname -a", LINUX], { env: kit.env }, kit.cli);
  expect([unknown.status, unknown.out]).toEqual([1, "no such command: uname -a (try help)\n"]);
});

test("a package that was never set up says what to run", async () => {
  using kit = installKit(null);
  const { status, out, err } = await bailiwick(["run", "-q", "--exec", "help", LINUX], { env: { ...kit.env, BAILIWICK_ADDON: "" } }, kit.cli);
  expect([status, out]).toEqual([1, ""]);
  expect(err).toMatch(/setup\.json cannot be read: run the set-up first; booting guests\/bare instead\n/);
  expect(err).toMatch(/The native addon is not built[^\n]*`npx bailiwick setup` where Bailiwick is installed as a package/);
});
