// bailiwick vm: machines that run in the background, by name: each is an appliance with its guests, in a process of its own.
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { suggest } from "../../../caps/manifest/nearest.ts";
import { formatSize } from "../../../caps/manifest/units.ts";
import { openTerminal } from "../../../core/host/terminal.ts";
import { ExitStatus, Failure, FailureCode, failure, textOf, usageError } from "../failure.ts";
import { isImage } from "../image/layout.ts";
import { loadManifest } from "../load.ts";
import { ask } from "../vm/client.ts";
import { startVm, stateOf, stopVm } from "../vm/process.ts";
import { RIGHTS } from "../vm/rights.ts";
import { checkRemovable, createVm, findVm, listVms, placesOf, removeVms, type Vm } from "../vm/store.ts";
import { parseOptions, parsePort, parseTimeout, type Command } from "./command.ts";
import { table } from "./table.ts";
import { makeToken, revokeToken, tokensOf } from "./vm-tokens.ts";
import { top } from "./vm-top.ts";

const OPTIONS = {
  json: { type: "boolean" },
  force: { type: "boolean" },
  timeout: { type: "string" },
  paused: { type: "boolean" },
  resume: { type: "boolean" },
  standby: { type: "boolean" },
  changes: { type: "boolean" },
  once: { type: "boolean" },
  disk: { type: "string", multiple: true },
  key: { type: "string", multiple: true },
  "allow-unsigned": { type: "boolean" },
  "control-shared": { type: "string" },
  "control-port": { type: "string" },
  may: { type: "string" },
  guest: { type: "string", multiple: true },
  for: { type: "string" },
  below: { type: "string" },
  label: { type: "string" },
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
                          --key FILE.pub or --allow-unsigned, as 'bailiwick run' has them;
                          with --control-shared PATH or --control-port PORT others can
                          control it who have a token
  start NAME...           it must be stopped; back when its guests have begun. One that has been
                          restored boots with its disks as it left them
  stop NAME...            it must run. Its guests are asked to shut down, by their power buttons,
                          and when they have, it ends. One that has not after 30 s, or --timeout
                          TIME, is named, and the machine goes on. With --force it ends at once,
                          as if the power was cut; so do guests that are paused or on standby
  rm NAME... [--force]    it must be stopped; its logs go with it, and what was written to its
                          disks since it was restored. Not the first of several clones without
                          the others: its folder has the snapshot that they lie over. If one
                          of them cannot go, all stay
  ls                      all machines, and their guests
  console NAME            its serial line is this terminal; Ctrl-] then q detaches. What was
                          said meanwhile is in its log
  pause GUEST...          it must be running, or on standby
  resume GUEST...         it must be paused, or on standby: then it begins
  snapshot GUEST DIR      it must be running, and runs again, or paused; DIR must not be there.
                          With --changes, of memory and disks only what was changed since the
                          snapshot that it goes on from
  restore NAME DIR        it must be stopped: it starts, and its guest is as DIR has it, and paused;
                          with --resume it goes on at once; with --standby all is made ready, so
                          that 'resume' takes milliseconds. DIR must stay where it is. What is
                          written to its disks stays until it is restored again: then they are as
                          the snapshot has them
  clone GUEST NEW...      it must be running or paused; each NEW is a machine that goes on from
                          what it is now; with --paused or --standby it waits to be told to.
                          What is written to a clone's disks is its own, and stays
  token NAME              a token for another program: it is printed, this once. Who has it may
                          what --may says, such as view,metrics (by default view):
                          ${Object.keys(RIGHTS).join(", ")}.
                          With --guest G only for that guest, may be there for several;
                          --for 1d (or s, m, h) so long; --below DIR, which must be there,
                          where it may make snapshots; --label TEXT says what it is for.
                          NAME may run or be stopped, as for the next two
  tokens NAME             its tokens, and not what they are
  revoke NAME ID          that token, and all that were made from it
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

/** Of one machine: its clones have no such way in. */
const SHARED = "--control-shared=", PORT = "--control-port=";

/** Debian takes some seconds. */
const STOP_TIME = "30s";

const VERBS: Readonly<Record<string, Verb>> = {
  create: {
    arguments: ["NAME", "[APPLIANCE]"],
    async run([name, appliance = "."], { disk = [], key = [], "allow-unsigned": unsigned, "control-shared": shared, "control-port": port, json }) {
      // What is wrong with it is told now, not when it is started.
      if (!isImage(appliance)) loadManifest(appliance);
      if (port === "0") throw usageError("--control-port is a port that others know", "a number from 1 to 65535");
      const others = [...(shared === undefined ? [] : [`${SHARED}${resolve(shared)}`]), ...(port === undefined ? [] : [`${PORT}${parsePort("control-port", port)}`])];
      const made = createVm(name!, resolve(appliance), [...disk.map(absolute), ...key.map((file) => `--key=${resolve(file)}`), ...(unsigned === true ? ["--allow-unsigned"] : []), ...others]);
      return json === true ? { name: made.name, appliance: made.appliance } : undefined;
    },
  },
  start: { arguments: ["NAME..."], run: (names) => ofEach(names, (name) => startVm(findVm(name), goingOn(findVm(name)))) },
  stop: {
    arguments: ["NAME..."],
    run(names, { force, timeout = STOP_TIME }) {
      const patienceMs = parseTimeout("--timeout", timeout);
      return ofEach(names, (name) => stopVm(findVm(name), force === true, patienceMs));
    },
  },
  rm: {
    arguments: ["NAME..."],
    async run(names, { force }) {
      await ofEach(names, async (name) => {
        const found = placesOf(name);
        checkRemovable(name, names);
        if ((await stateOf(found)).state === "running" && force !== true) throw failure(FailureCode.vm, `the machine '${name}' runs`, { fix: `bailiwick vm stop ${name}, or rm --force` });
      });
      await ofEach(names, async (name) => {
        if ((await stateOf(placesOf(name))).state === "running") await stopVm(placesOf(name), true);
      });
      removeVms(names);
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
  pause: { arguments: ["GUEST..."], run: (guests) => ofEach(guests, (guest) => setState(guest, "paused")) },
  resume: { arguments: ["GUEST..."], run: (guests) => ofEach(guests, (guest) => setState(guest, "running")) },
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
      const options = original.options.filter((option) => !option.startsWith(SHARED) && !option.startsWith(PORT));
      const made: Vm[] = [];
      try {
        for (const name of names) made.push(createVm(name, original.appliance, options));
        // Clones share what is in it, and their disks lie over it: it stands in the first one's folder.
        await snapshot(guest!, snapshotOf(made), false);
      } catch (error) {
        removeVms(made.map(({ name }) => name));
        throw error;
      }
      await Promise.all(made.map((each) => startVm(each, restoring(each, snapshotOf(made), { standby: values.standby, resume: values.paused !== true }))));
    },
  },
  token: { arguments: ["NAME"], run: async ([name], values) => makeToken(findVm(name!), values, values.json === true) },
  tokens: { arguments: ["NAME"], run: async ([name], { json }) => tokensOf(findVm(name!), json === true) },
  revoke: { arguments: ["NAME", "ID"], run: async ([name, id]) => revokeToken(findVm(name!), id!) },
  top: { arguments: [], run: async (_, { once, json }) => top(once === true || json === true || !process.stdout.isTTY, json === true) },
};

/** All at once, each once; what one fails by keeps none of the others. @throws Failure with what all of them failed by */
async function ofEach(names: readonly string[], act: (name: string) => Promise<unknown>): Promise<undefined> {
  const done = await Promise.allSettled([...new Set(names)].map(async (name) => act(name)));
  const wrong = done.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
  const failures = wrong.filter((each) => each instanceof Failure), [first] = failures;
  // What is no failure is a mistake of ours, and shown as one.
  if (failures.length < wrong.length) throw wrong.find((each) => !(each instanceof Failure));
  if (first !== undefined) throw new Failure(failures.map(textOf).join("\n"), first.status, first.code);
}

const snapshotOf = ([first]: readonly Vm[]): string => join(first!.folder, "snapshot");
/** With the disks that it was left with. */
const goingOn = ({ layers }: Vm): readonly string[] => (existsSync(layers) ? ["--layers", layers] : []);
const restoring = ({ layers }: Vm, folder: string, { resume, standby }: { readonly resume?: boolean | undefined; readonly standby?: boolean | undefined }): readonly string[] => ["--restore", folder, "--layers", layers, "--replace-layers", ...(standby === true ? ["--standby"] : resume === true ? ["--resume"] : [])];

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
