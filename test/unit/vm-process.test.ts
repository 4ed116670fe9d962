// A machine that ends while it is asked: its socket takes connections for a moment longer, and nobody reads them.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { stateOf, stopVm } from "../../servers/operator/vm/process.ts";
import type { Vm } from "../../servers/operator/vm/store.ts";

let folder: string, server: Server, vm: Vm;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "bailiwick-ending-"));
  vm = { name: "m", folder, appliance: folder, format: 1, created: "", options: [], control: join(folder, "c.sock"), console: "", consoleLog: "", events: "", tokens: "", layers: "" };
  server = createServer((socket) => void socket.once("data", () => socket.destroy()).on("error", () => undefined));
  await new Promise<void>((listening) => server.listen(vm.control, listening));
});
afterEach(async () => {
  await new Promise((closed) => server.close(closed));
  rmSync(folder, { recursive: true, force: true });
});
const endsSoon = (): unknown => setTimeout(() => server.close(), 300);

test("has stopped", async () => {
  endsSoon();
  expect(await stateOf(vm)).toEqual({ state: "stopped", guests: [] });
});

test("is stopped", async () => {
  endsSoon();
  await stopVm(vm, false, 1000);
});

test("but one that goes on, and does not answer, is said so", async () => {
  await expect(stateOf(vm)).rejects.toThrow(/nobody answers at .*c\.sock/);
});
