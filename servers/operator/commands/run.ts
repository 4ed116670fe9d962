// bailiwick run: builds an appliance and runs it, with the machine's serial line on this terminal, a pipe, or in events.
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { suggest } from "../../../caps/manifest/nearest.ts";
import { parseSize } from "../../../caps/manifest/units.ts";
import type { Faculty } from "../../../caps/image/faculties.ts";
import type { ResolvedComponent, ResolvedSystem } from "../../../caps/image/system.ts";
import { watchOutput } from "../../../core/host/terminal.ts";
import { openCaptures } from "../capture.ts";
import { openDisplay } from "../display.ts";
import { describeEvent, showable, type SystemEvent } from "../events.ts";
import { checkFaculty } from "../faculties.ts";
import { ExitStatus, usageError } from "../failure.ts";
import { checkWait, openGdb } from "../gdb/server.ts";
import { guardTerminal, jsonLine, keepTail, openLine, socketLine, withInputFrom } from "../line.ts";
import { platformSecret } from "../platform-key.ts";
import { showProgress } from "../progress.ts";
import { startSession, type Session } from "../session.ts";
import { openTraceFile, TRACE_KINDS } from "../trace.ts";
import { openControl, type ControlServer } from "../vm/api-server.ts";
import { Tokens } from "../vm/tokens.ts";
import { onlyTarget, parseOptions, parsePort, parseTimeout, type Command } from "./command.ts";
import { HELP, OPTIONS } from "./run-options.ts";
import { findAppliance, openSnapshots } from "./run-target.ts";

export const run: Command = {
  summary: "build an appliance and run it",
  help: HELP,
  async run(args) {
    const { values, positionals } = parseOptions(withPort(args), OPTIONS);
    const target = onlyTarget(positionals);
    const timeoutMs = values.timeout === undefined ? undefined : parseTimeout("--timeout", values.timeout);
    const everyMs = values["picture-every"] === undefined ? undefined : parseTimeout("--picture-every", values["picture-every"]);
    for (const option of ["resume", "standby"] as const) if (values[option] === true && values.restore === undefined) throw usageError(`--${option} is for a guest that goes on from a snapshot: it needs --restore`);
    if (values.resume === true && values.standby === true) throw usageError("--resume and --standby are two ways to begin: one of them");
    if (values.restore !== undefined && values.resume !== true && values.control === undefined) throw usageError("--restore leaves the guest paused, and without --control nobody can have it go on", "--resume, or --control SOCKET");
    if (values["replace-layers"] === true && (values.restore === undefined || values.layers === undefined)) throw usageError("--replace-layers says what --restore does with --layers: it needs both");
    const view = values.view === undefined ? undefined : parsePort("view", values.view);
    const gdbPort = values.gdb === undefined ? undefined : parsePort("gdb", values.gdb);
    if (values["gdb-wait"] !== undefined && gdbPort === undefined) throw usageError("--gdb-wait says who waits for gdb: it needs --gdb");
    if (values.guest !== undefined && values.exec === undefined) throw usageError("--guest says where --exec runs its command: it needs --exec");
    const controlPort = values["control-port"] === undefined ? undefined : parsePort("control-port", values["control-port"]);
    for (const option of ["control-shared", "control-port", "control-tokens"] as const) if (values[option] !== undefined && values.control === undefined) throw usageError(`--${option} is for who has a token, and --control is where they are made: it needs that`);
    const tracing = traceOptions(values);
    const json = values.json === true;
    const verbose = values.verbose === true;
    const deterministic = values.deterministic === true;
    const progress = showProgress(process.stderr, values.quiet === true || json || values.exec !== undefined);
    const note = json ? () => {} : progress.note;

    if (values.restore !== undefined) progress.step("checking the snapshot");
    const snapshots = await openSnapshots(values.restore ?? []);
    const appliance = await findAppliance(target, values, {
      restored: [...snapshots.keys()],
      ...(values.exec === undefined ? {} : { exec: { command: values.exec, ...(values.guest === undefined ? {} : { guest: values.guest }) } }),
      deterministic,
      onStep: progress.step,
      onNote: note,
    });
    for (const [faculty, asked] of Object.entries(askedFor(values)) as [Faculty, string | undefined][]) if (asked !== undefined) checkFaculty(appliance.system, faculty, asked);
    const denied = appliance.system.denied ?? [];
    if (denied.includes("input")) note("this appliance takes no input from its operator");
    const secret = appliance.wantsSecret ? platformSecret(appliance.folder, values["platform-key"]) : undefined;
    progress.step("starting");
    const display = await openDisplay(appliance.display, { picture: values.picture, everyMs, script: values["input-script"], keys: values.keys, view, title: appliance.system.name }, progress.note);

    const captures = openCaptures(values.capture ?? [], appliance.networks.map(({ device }) => device), progress.note);
    const trace = tracing === undefined ? undefined : openTraceFile(tracing.path, { ...tracing, system: appliance.system, onEnd: note });
    let session: Session | undefined, control: ControlServer | undefined;
    if (values["gdb-wait"] !== undefined) checkWait(appliance.system, values["gdb-wait"]);
    const gdb = gdbPort === undefined ? undefined : await openGdb({ port: gdbPort, wait: values["gdb-wait"], note: progress.note });
    if (gdb !== undefined) progress.note(`for gdb: gdb-multiarch -ex 'target extended-remote 127.0.0.1:${gdb.port}'`);
    let asked: readonly [status: number, why: string | undefined] | undefined;
    const stop = (status: number, why?: string): void => {
      asked ??= [status, why];
      session?.stop(status, why);
    };
    const guests = new Set(appliance.system.components.filter(({ guest }) => guest !== undefined).map(({ name }) => name));
    const tail = keepTail();
    // Until the command begins, what the guest's kernel and init say is nobody's output; the VMM reports the last of it if they fail.
    let begun = appliance.commandGuest === undefined || json;
    const readiness = awaitGuests(appliance.system);
    if (values["console-log"] !== undefined && values.console === undefined) throw usageError("--console-log is the log of --console: it needs that");
    const line = values.console !== undefined ? await socketLine(values.console, values["console-log"]) : json ? jsonLine(process.stdout, stop) : openLine(values.exec === undefined, stop);
    const tell = (event: SystemEvent | undefined, text: string): void => {
      if (event?.event === "guest" && event.state === "ready") {
        if (event.guest === appliance.commandGuest) begun = true;
        readiness.ready(event.guest);
      }
      if (json) return void process.stdout.write(event === undefined ? `${JSON.stringify({ event: "text", text })}\n` : `${JSON.stringify(event)}\n`);
      // A guest's status is its command's, or was explained when the guest failed.
      if (event?.event === "exit" && guests.has(event.component) && !verbose) return;
      const shown = event === undefined ? (verbose ? text : undefined) : describeEvent(event, verbose);
      if (shown !== undefined) progress.note(showable(shown));
    };
    const restore = guardTerminal(line, stop);
    try {
      session = await startSession(appliance, {
        ...(display.ports === undefined ? {} : { display: display.ports }),
        console: withInputFrom({ ...line, onInput: (callback) => line.onInput((bytes) => void (display.typed(bytes) || callback(bytes))) }, line.interactive || values.console !== undefined ? Promise.resolve() : readiness.all, watchOutput(line, (bytes) => {
          tail.add(bytes);
          display.output(bytes);
          return begun;
        })),
        clock: deterministic ? "blocks" : "host",
        ...(deterministic ? { seed: createHash("sha256").update(`bailiwick ${appliance.system.name}`).digest() } : {}),
        ...(secret === undefined ? {} : { secret }),
        ...(values["no-iommu"] === true ? { unchecked: true } : {}),
        ...(values.capture === undefined ? {} : { onFrame: captures.frame }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(trace === undefined ? {} : { onTrace: trace.write }),
        ...(values.layers === undefined ? {} : { layers: { folder: resolve(values.layers), replace: values["replace-layers"] === true } }),
        restore: new Map([...snapshots].map(([guest, snapshot]) => [guest, { snapshot, begin: values.standby === true ? "standby" : values.resume === true ? "running" : "paused" }])),
        ...(gdb === undefined ? {} : { gdb }),
        onEvent: tell,
      });
      if (values.control !== undefined) {
        const { "control-shared": shared, "control-tokens": tokens } = values;
        control = await openControl(resolve(values.control), { name: appliance.system.name, guests: session.guests, stop: () => stop(ExitStatus.ok) }, { shared: shared === undefined ? undefined : resolve(shared), port: controlPort, tokens: new Tokens(tokens === undefined ? undefined : resolve(tokens)) });
        if (controlPort !== undefined) progress.note(`for who has a token: http://127.0.0.1:${control.port}`);
      }
      progress.done();
      if (line.interactive) progress.note("Ctrl-] then q stops the machine");
      if (asked !== undefined) session.stop(...asked);
      const { status, why } = await session.outcome;
      restore();
      display.finish();
      if (why !== undefined) tell({ event: "error", message: why }, why);
      // What the guest said last is why one asks for a timeout. Its own status may be the same number, and then nothing is to be explained.
      if (status === ExitStatus.timeout && why !== undefined && !json) for (const last of tail.lines()) process.stderr.write(`  | ${showable(last)}\n`);
      return status;
    } finally {
      progress.done();
      restore();
      display.close();
      trace?.close();
      gdb?.close();
      captures.close();
      control?.close();
    }
  },
};

/** The option by which each faculty is asked for; what comes by itself (the terminal) is not refused but left out. */
function askedFor(values: Readonly<Partial<Record<keyof typeof OPTIONS, unknown>>>): Partial<Record<Faculty, string>> {
  const given = (...names: readonly (keyof typeof OPTIONS)[]): string | undefined => names.filter((name) => values[name] !== undefined && values[name] !== false).map((name) => `--${name}`)[0];
  const all = { input: given("input-script", "keys"), display: given("picture", "view"), trace: given("trace"), debug: given("gdb"), control: given("control", "restore", "layers"), capture: given("capture"), unchecked: given("no-iommu") };
  return Object.fromEntries(Object.entries(all).filter(([, option]) => option !== undefined));
}

const TRACE_LIMIT = 64 * 1024 ** 2;

/** What is to be traced, from the command line; undefined: nothing. */
function traceOptions(values: { readonly trace?: string | undefined; readonly "trace-events"?: string | undefined; readonly "trace-limit"?: string | undefined }): { path: string; kinds: string[]; limit: number } | undefined {
  const { trace: path, "trace-events": events, "trace-limit": size } = values;
  if (path === undefined) {
    if (events !== undefined || size !== undefined) throw usageError(`--trace-${events === undefined ? "limit" : "events"} says how --trace is to be: it needs --trace`);
    return undefined;
  }
  const known = Object.keys(TRACE_KINDS), kinds = events?.split(",") ?? known;
  for (const kind of kinds) if (!known.includes(kind)) throw usageError(`--trace-events: there is no event '${kind}'`, suggest(kind, known));
  const limit = size === undefined ? TRACE_LIMIT : parseSize(size);
  if (limit === undefined) throw usageError(`--trace-limit ${size} is no size`, "such as 512KiB or 1GiB");
  return { path, kinds, limit };
}

/** Guests whose init reports when it can be talked to (guests/linux/scripts.ts), and when all of them have. */
function awaitGuests(system: ResolvedSystem): { readonly all: Promise<void>; ready(guest: string): void } {
  const reports = ({ guest, args }: ResolvedComponent): boolean => guest !== undefined && JSON.stringify(args).includes("bailiwick.control=");
  const missing = new Set(system.components.filter(reports).map(({ name }) => name));
  let resolve = (): void => {};
  const all = new Promise<void>((done) => (resolve = done));
  if (missing.size === 0) resolve();
  return {
    all,
    ready(guest) {
      if (missing.delete(guest) && missing.size === 0) resolve();
    },
  };
}

/** --view and --gdb may be there without their port: then it is 0. */
function withPort(args: readonly string[]): string[] {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  return args.map((arg, i) => ((arg === "--view" || arg === "--gdb") && i < end && args[i - 1] !== "--exec" && !/^\d+$/.test(args[i + 1] ?? "") ? `${arg}=0` : arg));
}
