#!/usr/bin/env node
// The command line: finds the command, runs it, and is the only place that ends the process.
import "./tuning.ts";
import { suggest } from "../../caps/manifest/nearest.ts";
import type { Command } from "./commands/command.ts";
import { ExitStatus, Failure, usageError } from "./failure.ts";

/** Each is loaded when it is wanted: most of what the others are made of takes longer to load than `check` takes. */
const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map(Object.entries({
  new: async () => (await import("./commands/new.ts")).newCommand,
  check: async () => (await import("./commands/check.ts")).check,
  graph: async () => (await import("./commands/graph.ts")).graph,
  run: async () => (await import("./commands/run.ts")).run,
  vm: async () => (await import("./commands/vm.ts")).vm,
  build: async () => (await import("./commands/build.ts")).build,
  sign: async () => (await import("./commands/sign.ts")).sign,
  verify: async () => (await import("./commands/verify.ts")).verify,
  inspect: async () => (await import("./commands/inspect.ts")).inspect,
  diff: async () => (await import("./commands/diff.ts")).diff,
  keygen: async () => (await import("./commands/keygen.ts")).keygen,
  schema: async () => (await import("./commands/schema.ts")).schema,
  setup: async () => (await import("./commands/setup.ts")).setup,
  "attestation-key": async () => (await import("./commands/attestation-key.ts")).attestationKeyCommand,
  "verify-attestation": async () => (await import("./commands/verify-attestation.ts")).verifyAttestationCommand,
  version: async () => (await import("./commands/version.ts")).version,
}));

async function overview(): Promise<string> {
  const width = Math.max(...[...COMMANDS.keys()].map((name) => name.length));
  const list = await Promise.all([...COMMANDS].map(async ([name, load]) => `  ${name.padEnd(width)}  ${(await load()).summary}`));
  return [
    "Usage: bailiwick COMMAND [OPTIONS]",
    "",
    "A capability-based operating-system kit: appliances of confined components and guest machines.",
    "",
    ...list,
    "",
    "'bailiwick help COMMAND' says more. A first step: bailiwick run examples/hello",
    "",
  ].join("\n");
}

/** What stands behind --exec or -- is not ours to look into. */
function ownArguments(args: readonly string[]): readonly string[] {
  const own = args.slice(0, args.includes("--") ? args.indexOf("--") : args.length);
  return own.filter((_, i) => own[i - 1] !== "--exec");
}

async function main(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args;
  if (first === undefined) {
    process.stderr.write(await overview());
    return ExitStatus.usage;
  }
  const wantsHelp = first === "help" || first === "--help" || first === "-h";
  const wantsVersion = first === "--version" || first === "-V";
  const name = wantsHelp ? rest[0] : wantsVersion ? "version" : first;
  if (name === undefined) {
    process.stdout.write(await overview());
    return ExitStatus.ok;
  }
  const load = COMMANDS.get(name);
  if (load === undefined) throw usageError(`there is no command '${name}'`, suggest(name, COMMANDS.keys()));
  const command = await load();
  if (wantsVersion) return command.run([]);
  // setup has a help of its own.
  if (wantsHelp || (name !== "setup" && ownArguments(rest).some((arg) => arg === "--help" || arg === "-h"))) {
    process.stdout.write(`${command.help}\n`);
    return ExitStatus.ok;
  }
  return command.run(rest);
}

// A reader that has gone must not become an error of ours; commands that care listen themselves.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exitCode ??= ExitStatus.brokenPipe;
});
process.stderr.on("error", () => {});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof Failure) {
    process.stderr.write(`${error.message}\n`);
    // Who reads events or documents is told in their form, too.
    if (ownArguments(process.argv.slice(3)).includes("--json")) process.stdout.write(`${JSON.stringify({ event: "error", code: error.code ?? null, status: error.status, message: error.message })}\n`);
    process.exitCode = error.status;
  } else {
    process.stderr.write(`bailiwick: an error of Bailiwick itself; please report it\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = ExitStatus.failed;
  }
}
// Input and timers that are still open must not hold the process; what was written must be out.
await new Promise((done) => process.stdout.write("", done));
process.exit();
