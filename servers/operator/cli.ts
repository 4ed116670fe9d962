#!/usr/bin/env node
// The command line: finds the command, runs it, and is the only place that ends the process.
import "./tuning.ts";
import { suggest } from "../../caps/manifest/nearest.ts";
import { attestationKeyCommand } from "./commands/attestation-key.ts";
import { build } from "./commands/build.ts";
import { check } from "./commands/check.ts";
import type { Command } from "./commands/command.ts";
import { diff } from "./commands/diff.ts";
import { graph } from "./commands/graph.ts";
import { inspect } from "./commands/inspect.ts";
import { keygen } from "./commands/keygen.ts";
import { newCommand } from "./commands/new.ts";
import { run } from "./commands/run.ts";
import { schema } from "./commands/schema.ts";
import { setup } from "./commands/setup.ts";
import { sign } from "./commands/sign.ts";
import { verify } from "./commands/verify.ts";
import { verifyAttestationCommand } from "./commands/verify-attestation.ts";
import { version } from "./commands/version.ts";
import { ExitStatus, Failure, usageError } from "./failure.ts";

const COMMANDS: ReadonlyMap<string, Command> = new Map(Object.entries({
  new: newCommand,
  check,
  graph,
  run,
  build,
  sign,
  verify,
  inspect,
  diff,
  keygen,
  schema,
  setup,
  "attestation-key": attestationKeyCommand,
  "verify-attestation": verifyAttestationCommand,
  version,
}));

function overview(): string {
  const width = Math.max(...[...COMMANDS.keys()].map((name) => name.length));
  const list = [...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
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
    process.stderr.write(overview());
    return ExitStatus.usage;
  }
  if (first === "--version" || first === "-V") return version.run([]);
  const wantsHelp = first === "help" || first === "--help" || first === "-h";
  const name = wantsHelp ? rest[0] : first;
  if (name === undefined) {
    process.stdout.write(overview());
    return ExitStatus.ok;
  }
  const command = COMMANDS.get(name);
  if (command === undefined) throw usageError(`there is no command '${name}'`, suggest(name, COMMANDS.keys()));
  // setup has a help of its own.
  if (wantsHelp || (command !== setup && ownArguments(rest).some((arg) => arg === "--help" || arg === "-h"))) {
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
