// The process that a machine runs in: started so that it outlives its starter, found again, looked at, ended.
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FailureCode, failure } from "../failure.ts";
import { ask } from "./client.ts";
import type { GuestInfo } from "./keeper.ts";
import { isAnswered } from "./socket.ts";
import type { Vm } from "./store.ts";

/** An appliance is built first, which may take long the first time. */
const START_MS = 300_000;
const END_MS = 10_000;
const GONE_MS = 2000;
/** A guest that is asked to shut down is asked again after so long: one that has just begun may not have listened. */
const ASK_AGAIN_MS = 5000;
const LOOK_MS = 100;
const POLL_MS = 20;
const SAID_LINES = 20;
/** Of Node, for a machine of many: what it makes is gone at once, and the 16 MiB that it would have for that by itself each would have for ever; and so it is with threads that compile and collect. */
export const MACHINE_FLAGS: readonly string[] = ["--max-semi-space-size=2", "--v8-pool-size=1"];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface VmState {
  readonly state: "running" | "stopped";
  readonly guests: readonly GuestInfo[];
  readonly pid?: number;
}

export async function stateOf(vm: Vm): Promise<VmState> {
  if (!(await isAnswered(vm.control))) return { state: "stopped", guests: [] };
  try {
    const { guests } = (await ask(vm.control, "GET", "/")) as { readonly guests: readonly GuestInfo[] };
    const pid = pidOf(vm);
    return { state: "running", guests, ...(pid === undefined ? {} : { pid }) };
  } catch (error) {
    if (await hasEnded(vm, GONE_MS)) return { state: "stopped", guests: [] };
    throw error;
  }
}

/** Of one that was asked and has not answered: whether that was because it was about to end. Its socket may be there for a moment longer. */
async function hasEnded(vm: Vm, patienceMs: number): Promise<boolean> {
  for (const until = Date.now() + patienceMs; await isAnswered(vm.control); await pause(POLL_MS)) {
    if (Date.now() > until) return false;
  }
  return true;
}

/** Of a process that is this machine's: a number alone may have become another's. */
function pidOf(vm: Vm): number | undefined {
  try {
    const pid = Number(readFileSync(join(vm.folder, "pid"), "utf8"));
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").includes(vm.control) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Resident bytes, and seconds of CPU, of a process; undefined: it is gone. */
export function useOf(pid: number): { readonly resident: number; readonly seconds: number } | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
    const resident = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))?.[1];
    return { resident: Number(resident ?? 0) * 1024, seconds: (Number(fields[11]) + Number(fields[12])) / 100 };
  } catch {
    return undefined;
  }
}

/**
 * Back when its guests have begun. @param options of `bailiwick run`, beside the machine's own.
 * @throws Failure when it runs, or with what it said when it ended instead
 */
export async function startVm(vm: Vm, options: readonly string[]): Promise<void> {
  if (await isAnswered(vm.control)) throw failure(FailureCode.vm, `the machine '${vm.name}' runs already`);
  const says = join(vm.folder, "stderr.log"), events = openSync(vm.events, "w", 0o600), errors = openSync(says, "w", 0o600);
  const child = spawn(process.execPath, [...MACHINE_FLAGS, process.argv[1]!, "run", "--json", "--control", vm.control, "--control-tokens", vm.tokens, "--console", vm.console, "--console-log", vm.consoleLog, ...vm.options, ...options, vm.appliance], { detached: true, stdio: ["ignore", events, errors] });
  closeSync(events);
  closeSync(errors);
  let ended: number | null | undefined;
  child.on("exit", (status) => (ended = status));
  child.on("error", () => (ended = null));
  writeFileSync(join(vm.folder, "pid"), `${child.pid ?? 0}`);
  child.unref();
  for (const until = Date.now() + START_MS; ; await pause(POLL_MS)) {
    if (ended !== undefined) {
      const said = [...messagesOf(vm.events), ...readFileSync(says, "utf8").trimEnd().split("\n")].filter((line) => line !== "").slice(-SAID_LINES);
      throw failure(FailureCode.vm, `the machine '${vm.name}' did not start`, { cause: said.join("\n") || `it ended with status ${String(ended)}` });
    }
    if (Date.now() > until) throw failure(FailureCode.vm, `the machine '${vm.name}' has not started for ${START_MS / 1000} s`, { fix: `bailiwick vm stop --force ${vm.name}` });
    if (!(await isAnswered(vm.control))) continue;
    const { guests } = await stateOf(vm).catch(() => ({ guests: undefined }));
    if (guests?.every(({ state }) => state !== "starting" && state !== "restoring") === true) return;
  }
}

/** What the operator was told that it failed by. */
function messagesOf(events: string): string[] {
  return readFileSync(events, "utf8").split("\n").flatMap((line) => {
    try {
      const event = JSON.parse(line) as { readonly event?: string; readonly message?: string; readonly detail?: string };
      return event.event === "error" ? [event.message ?? ""] : event.event === "guest" && event.detail !== undefined ? [event.detail] : [];
    } catch {
      return [];
    }
  });
}

/**
 * Asks those guests that run to shut down; back when they have. Those that are paused or on standby cannot hear, and are not waited for.
 * @throws Failure that names who has not within the time: the machine goes on then
 */
async function shutDownGuests(vm: Vm, patienceMs: number): Promise<void> {
  const asked = new Map<string, number>(), deaf = new Set<string>();
  for (const until = Date.now() + patienceMs; await isAnswered(vm.control); await pause(LOOK_MS)) {
    // It may end while it is asked: then that it does not answer is what was wanted.
    const { guests } = await stateOf(vm).catch(() => ({ guests: [] as readonly GuestInfo[] }));
    const left = guests.filter(({ name, state }) => state !== "ended" && state !== "standby" && !deaf.has(name)), now = Date.now();
    if (left.length === 0) return;
    if (now > until) {
      throw failure(FailureCode.vm, `the machine '${vm.name}' is not stopped: ${left.map(({ name }) => `guest ${name}`).join(", ")} ${left.length === 1 ? "has" : "have"} not shut down`, {
        cause: `${left.length === 1 ? "it was" : "they were"} asked to do so ${patienceMs / 1000} s ago, and may yet, or have nothing that listens to a power button`,
        fix: `bailiwick vm stop --timeout 120s ${vm.name}, if more time may help; bailiwick vm stop --force ${vm.name} cuts the power: what a guest has not written yet is lost`,
      });
    }
    for (const { name, state } of left) {
      if (state === "starting" || state === "restoring" || now - (asked.get(name) ?? -Infinity) < ASK_AGAIN_MS) continue;
      asked.set(name, now);
      // One that stands only to be written down is told when it runs again (keeper.ts); one that is paused refuses.
      void ask(vm.control, "POST", `/guests/${encodeURIComponent(name)}/shutdown`).catch(() => void (state === "paused" && deaf.add(name)));
    }
  }
}

/** Back when it is gone. @param force ask neither its guests nor it. @param patienceMs how long guests have to shut down. @throws Failure */
export async function stopVm(vm: Vm, force: boolean, patienceMs = 0): Promise<void> {
  const pid = pidOf(vm);
  if (force && pid !== undefined) process.kill(pid, "SIGKILL");
  else if (await isAnswered(vm.control)) {
    if (!force) await shutDownGuests(vm, patienceMs);
    // The last guest's end may have been the machine's.
    await ask(vm.control, "POST", "/stop").catch(async (error: unknown) => {
      if (!(await hasEnded(vm, END_MS))) throw error;
    });
  } else if (pid === undefined) throw failure(FailureCode.vm, `the machine '${vm.name}' does not run`);
  else process.kill(pid, "SIGTERM");
  for (const until = Date.now() + END_MS; pidOf(vm) !== undefined; await pause(POLL_MS)) {
    if (Date.now() > until) throw failure(FailureCode.vm, `the machine '${vm.name}' does not end`, { fix: `bailiwick vm stop --force ${vm.name}` });
  }
}
