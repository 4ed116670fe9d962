// bailiwick vm: machines that run in the background, by name: each is an appliance with its guests, in a process of its own.
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { suggest } from "../../../caps/manifest/nearest.ts";
import { formatSize } from "../../../caps/manifest/units.ts";
import { openTerminal } from "../../../core/host/terminal.ts";
import { ExitStatus, FailureCode, failure, usageError } from "../failure.ts";
import { isImage } from "../image/layout.ts";
import { loadManifest } from "../load.ts";
import { ask } from "../vm/client.ts";
import { sums } from "../vm/exposition.ts";
import type { GuestInfo } from "../vm/keeper.ts";
import { startVm, stateOf, stopVm, useOf, type VmState } from "../vm/process.ts";
import { checkRemovable, createVm, findVm, listVms, removeVm, type Vm } from "../vm/store.ts";
import { parseOptions, type Command } from "./command.ts";

const TOP_MS = 1000;

const OPTIONS = {
  json: { type: "boolean" },
  force: { type: "boolean" },
  paused: { type: "boolean" },
  standby: { type: "boolean" },
  changes: { type: "boolean" },
  once: { type: "boolean" },
  disk: { type: "string", multiple: true },
  key: { type: "string", multiple: true },
  "allow-unsigned": { type: "boolean" },
} as const;
type Values = ReturnType<typeof parseOptions<typeof OPTIONS>>["values"];

interface Verb {
  readonly arguments: readonly string[];
  readonly run: (names: readonly string[], values: Values) => Promise<unknown>;
}

export const vm: Command = {
  summary: "machines in the background: create, start, pause, snapshot, clone ...",
  help: `Usage: bailiwick vm VERB [OPTIONS] ...

A machine is an appliance that runs in the background, by a name of yours. GUEST is
NAME, or NAME/GUEST where the appliance has several guests.

  create NAME [DIR | MANIFEST | IMAGE]   a machine that is stopped. With --disk D=FILE, and
                          --key FILE.pub or --allow-unsigned, as 'bailiwick run' has them
  start NAME              it must be stopped; back when its guests have begun. One that has been
                          restored boots with its disks as it left them
  stop NAME [--force]     it must run; at once, as if the power was cut
  rm NAME [--force]       it must be stopped; its logs go with it, and what was written to its
                          disks since it was restored. Not the first of several clones before
                          the others: its folder has the snapshot that they lie over
  ls                      all machines, and their guests
  console NAME            its serial line is this terminal; Ctrl-] then q detaches. What was
                          said meanwhile is in its log
  pause GUEST             it must be running, or on standby
  resume GUEST            it must be paused, or on standby: then it begins
  snapshot GUEST DIR      it must be running, and runs again, or paused; DIR must not be there.
                          With --changes, of memory and disks only what was changed since the
                          snapshot that it goes on from
  restore NAME DIR        it must be stopped: it starts, and its guest goes on from DIR, which
                          must stay where it is. What is written to its disks stays until it is
                          restored again: then they are as the snapshot has them.
                          With --paused, when it is told to; with --standby all is made ready
                          for that, so that it takes milliseconds
  clone GUEST NEW...      it must be running or paused; each NEW is a machine that goes on from
                          what it is now; --paused and --standby as above. What is written to
                          a clone's disks is its own, and stays
  top [--once]            of those that run, each second: CPU and memory, guests' exits, and
                          bytes to and from their disks and networks

  --json                  what is told, as JSON`,
  async run(args) {
    const [name, ...rest] = args;
    if (name === undefined) throw usageError("vm needs a verb", `one of: ${Object.keys(VERBS).join(", ")}`);
    const verb = VERBS[name];
    if (verb === undefined) throw usageError(`vm has no verb '${name}'`, suggest(name, Object.keys(VERBS)));
    const { values, positionals } = parseOptions(rest, OPTIONS);
    const least = verb.arguments.filter((each) => !each.startsWith("[")).length, most = verb.arguments.at(-1)?.endsWith("...") === true ? Infinity : verb.arguments.length;
    if (positionals.length < least || positionals.length > most) throw usageError(`bailiwick vm ${[name, ...verb.arguments].join(" ")}`, "'bailiwick help vm' says more");
    const told = await verb.run(positionals, values);
    if (told !== undefined) process.stdout.write(values.json === true ? `${JSON.stringify(told)}\n` : typeof told === "string" ? `${told}\n` : "");
    return ExitStatus.ok;
  },
};

const VERBS: Readonly<Record<string, Verb>> = {
  create: {
    arguments: ["NAME", "[APPLIANCE]"],
    async run([name, appliance = "."], { disk = [], key = [], "allow-unsigned": unsigned, json }) {
      // What is wrong with it is told now, not when it is started.
      if (!isImage(appliance)) loadManifest(appliance);
      const made = createVm(name!, resolve(appliance), [...disk.map(absolute), ...key.map((file) => `--key=${resolve(file)}`), ...(unsigned === true ? ["--allow-unsigned"] : [])]);
      return json === true ? { name: made.name, appliance: made.appliance } : undefined;
    },
  },
  start: { arguments: ["NAME"], run: async ([name]) => startVm(findVm(name!), goingOn(findVm(name!))) },
  stop: { arguments: ["NAME"], run: async ([name], { force }) => stopVm(findVm(name!), force === true) },
  rm: {
    arguments: ["NAME"],
    async run([name], { force }) {
      const found = findVm(name!);
      checkRemovable(name!);
      if ((await stateOf(found)).state === "running") {
        if (force !== true) throw failure(FailureCode.vm, `the machine '${name!}' runs`, { fix: `bailiwick vm stop ${name!}, or rm --force` });
        await stopVm(found, true);
      }
      removeVm(name!);
    },
  },
  ls: {
    arguments: [],
    async run(_, { json }) {
      const all = await Promise.all(listVms().map(async (each) => ({ name: each.name, appliance: each.appliance, ...(await stateOf(each)) })));
      return json === true ? all : table(["NAME", "STATE", "GUEST", "GUEST STATE", "MEMORY", "CPUS"], all.flatMap(({ name, state, guests }) => (guests.length === 0 ? [[name, state]] : guests.map((guest, i) => [...(i === 0 ? [name, state] : ["", ""]), guest.name, guest.state, formatSize(guest.memory), String(guest.cpus)]))));
    },
  },
  console: { arguments: ["NAME"], run: async ([name]) => attach(findVm(name!)) },
  pause: { arguments: ["GUEST"], run: async ([guest]) => setState(guest!, "paused") },
  resume: { arguments: ["GUEST"], run: async ([guest]) => setState(guest!, "running") },
  snapshot: {
    arguments: ["GUEST", "DIR"],
    async run([guest, folder], { changes, json }) {
      const made = await snapshot(guest!, resolve(folder!), changes === true);
      return json === true ? made : `${made.folder}: the guest stood for ${made.pausedMs.toFixed(0)} ms`;
    },
  },
  restore: { arguments: ["NAME", "DIR"], run: async ([name, folder], values) => startVm(findVm(name!), restoring(findVm(name!), resolve(folder!), values)) },
  clone: {
    arguments: ["GUEST", "NEW..."],
    async run([guest, ...names], values) {
      const { vm: original } = await addressed(guest!);
      const made = names.map((name) => createVm(name, original.appliance, original.options));
      // Clones share what is in it, and their disks lie over it: it stands in the first one's folder.
      const folder = join(made[0]!.folder, "snapshot");
      try {
        await snapshot(guest!, folder, false);
      } catch (error) {
        for (const { name } of made) removeVm(name);
        throw error;
      }
      await Promise.all(made.map((each) => startVm(each, restoring(each, folder, values))));
    },
  },
  top: { arguments: [], run: async (_, { once, json }) => top(once === true || json === true || !process.stdout.isTTY, json === true) },
};

/** With the disks that it was left with. */
const goingOn = ({ layers }: Vm): readonly string[] => (existsSync(layers) ? ["--layers", layers] : []);
const restoring = ({ layers }: Vm, folder: string, { paused, standby }: Values): readonly string[] => ["--restore", folder, "--layers", layers, "--replace-layers", ...(standby === true ? ["--standby"] : paused === true ? ["--paused"] : [])];

function absolute(disk: string): string {
  const [, device, file] = /^([^=]+)=(.+)$/s.exec(disk) ?? [];
  if (device === undefined || file === undefined) throw usageError(`--disk ${disk} says not which disk is where`, "such as --disk blk0=FILE");
  return `--disk=${device}=${resolve(file)}`;
}

/** NAME or NAME/GUEST. @throws Failure when the machine does not run, or has not that guest, or several */
async function addressed(text: string): Promise<{ readonly vm: Vm; readonly guest: string }> {
  const [name = "", wanted] = text.split("/"), found = findVm(name), { state, guests } = await stateOf(found);
  if (state !== "running") throw failure(FailureCode.vm, `the machine '${name}' does not run`, { fix: `bailiwick vm start ${name}` });
  const names = guests.map((guest) => guest.name);
  if (wanted !== undefined) return { vm: found, guest: wanted };
  if (names.length !== 1) throw failure(FailureCode.vm, `the machine '${name}' has ${names.length === 0 ? "no guest" : "several guests"}`, names.length === 0 ? {} : { fix: `one of: ${names.map((guest) => `${name}/${guest}`).join(", ")}` });
  return { vm: found, guest: names[0]! };
}

async function setState(text: string, state: "paused" | "running"): Promise<undefined> {
  const { vm: found, guest } = await addressed(text);
  await ask(found.control, "PATCH", `/guests/${encodeURIComponent(guest)}`, { state });
}

async function snapshot(text: string, folder: string, changes: boolean): Promise<{ readonly folder: string; readonly pausedMs: number }> {
  const { vm: found, guest } = await addressed(text);
  return (await ask(found.control, "POST", `/guests/${encodeURIComponent(guest)}/snapshots`, { folder, ...(changes ? { changes } : {}) })) as { readonly folder: string; readonly pausedMs: number };
}

/** Until it is detached, or the machine ends. */
async function attach(found: Vm): Promise<undefined> {
  const socket = connect(found.console);
  await new Promise<void>((done, failed) => {
    socket.once("connect", done);
    socket.once("error", (error) => failed(failure(FailureCode.vm, `the machine '${found.name}' has no console now`, { cause: error.message, fix: `bailiwick vm start ${found.name}; what it said last is in ${found.consoleLog}` })));
  });
  await new Promise<void>((done) => {
    const terminal = openTerminal({ output: process.stdout, input: process.stdin, onQuit: () => socket.end(), onGone: () => socket.end(), notice: (text) => process.stderr.write(text.replace("stop the machine and leave", "detach; the machine goes on")) });
    terminal.onInput((bytes) => void socket.write(bytes));
    socket.on("data", (bytes) => terminal.write(bytes));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      terminal.close();
      done();
    });
  });
}

interface Use extends VmState {
  readonly name: string;
  /** Percent of a CPU. */
  readonly cpu: number;
  /** Bytes; what several share counts in parts. */
  readonly resident: number;
  /** Of all its guests, a second; undefined: it does not say. */
  readonly rates: Readonly<Record<keyof typeof RATES, number>> | undefined;
}

/** By metrics of the control socket. */
const RATES = {
  exits: ["bailiwick_guest_exits_total"],
  diskBytes: ["bailiwick_guest_disk_read_bytes_total", "bailiwick_guest_disk_written_bytes_total"],
  networkBytes: ["bailiwick_guest_network_bytes_total"],
} as const;

interface Seen {
  readonly at: number;
  /** Of CPU. */
  readonly seconds: number;
  readonly metrics: ReadonlyMap<string, number> | undefined;
}

function ratesOf(before: Seen | undefined, now: Seen): Use["rates"] {
  if (before?.metrics === undefined || now.metrics === undefined) return undefined;
  const of = (from: ReadonlyMap<string, number>, names: readonly string[]): number => names.reduce((sum, name) => sum + (from.get(name) ?? 0), 0);
  const rate = (names: readonly string[]): number => (Math.max(0, of(now.metrics!, names) - of(before.metrics!, names)) / (now.at - before.at)) * 1000;
  return { exits: rate(RATES.exits), diskBytes: rate(RATES.diskBytes), networkBytes: rate(RATES.networkBytes) };
}

/** @param seen what was seen at the look before, by process; filled with what is now */
async function uses(seen: Map<number, Seen>): Promise<readonly Use[]> {
  const all = await Promise.all(
    listVms().map(async (each) => {
      const state = await stateOf(each);
      return { name: each.name, ...state, metrics: state.state !== "running" ? undefined : await ask(each.control, "GET", "/metrics").then((text) => sums(text as string), () => undefined) };
    }),
  );
  return all.flatMap(({ metrics, ...each }) => {
    const use = each.pid === undefined ? undefined : useOf(each.pid);
    if (use === undefined) return [];
    const at = performance.now(), before = seen.get(each.pid!), now = { at, seconds: use.seconds, metrics };
    seen.set(each.pid!, now);
    return [{ ...each, resident: use.resident, rates: ratesOf(before, now), cpu: before === undefined ? 0 : ((use.seconds - before.seconds) / (at - before.at)) * 1e5 }];
  });
}

async function top(once: boolean, json: boolean): Promise<unknown> {
  const seen = new Map<number, Seen>();
  const rate = (bytes: number | undefined): string => (bytes === undefined ? "-" : formatSize(Math.round(bytes / 1024) * 1024));
  const shown = (now: readonly Use[]): string => table(["NAME", "CPU", "MEMORY", "EXITS/S", "DISK/S", "NET/S", "GUESTS"], now.map(({ name, cpu, resident, rates, guests }) => [name, `${cpu.toFixed(0)} %`, formatSize(Math.round(resident / 2 ** 20) * 2 ** 20), rates?.exits.toFixed(0) ?? "-", rate(rates?.diskBytes), rate(rates?.networkBytes), guests.map((guest: GuestInfo) => `${guest.name} ${guest.state}`).join(", ")]));
  await uses(seen);
  for (;;) {
    await new Promise((done) => setTimeout(done, TOP_MS));
    const now = await uses(seen);
    if (once) return json ? now : shown(now);
    process.stdout.write(`\x1b[H\x1b[2J${shown(now)}\n`);
  }
}

/** Columns as wide as they must be. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows], widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  return all.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd()).join("\n");
}

