// npm run bench: measures the kit beside its peers, on this machine, in this run.
import "../../servers/operator/tuning.ts";
import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { version } from "../../core/machine/unicorn.ts";
import { textOf } from "../../servers/operator/failure.ts";
import type { Benchmark, Options } from "./benchmark.ts";
import { boot } from "./boot.ts";
import { check, checkRoles } from "./check.ts";
import { confinement, confinementRoles } from "./confinement.ts";
import { display, displayRoles } from "./display.ts";
import { drivers, driversRoles } from "./drivers.ts";
import { exits, exitsRoles } from "./exits.ts";
import { summarize, table, type Figure } from "./figure.ts";
import { guest } from "./guest.ts";
import { guestIo, guestIoRoles } from "./guest-io.ts";
import { GuestRuns, guestRoles } from "./guest-runs.ts";
import { hosting } from "./hosting.ts";
import { idle, idleRoles } from "./idle.ts";
import { life, lifeRoles } from "./life.ts";
import { ipc, ipcRoles } from "./ipc.ts";
import { network, networkRoles } from "./network.ts";
import { noisy, noisyRoles } from "./noisy.ts";
import { latency, latencyRoles } from "./real-time.ts";
import { revoke, revokeRoles } from "./revoke.ts";
import { scale, scaleRoles } from "./scale.ts";
import { WORKER } from "./workers.ts";

const BENCHMARKS: readonly Benchmark[] = [ipc, scale, boot, guest, guestIo, hosting, exits, idle, life, noisy, revoke, latency, drivers, network, display, confinement, check];

const HELP = `Usage: npm run bench [-- [NAME...] [--json] [--quick]]

${BENCHMARKS.map(({ name, summary }) => `  ${name.padEnd(11)}  ${summary}`).join("\n")}

  --json    a line {name, value, unit, peer, ratio} for each figure, as it is there
  --quick   few and short rounds: to see that it works

Exit status: 0 when everything was measured, whatever came out; 1 when something could not be; 2 usage.
What each figure is: test/bench/README.md.`;

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { json: { type: "boolean", default: false }, quick: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } },
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  const unknown = positionals.find((name) => !BENCHMARKS.some((each) => each.name === name));
  if (unknown !== undefined) throw new UsageError(`there is no benchmark '${unknown}' (${BENCHMARKS.map(({ name }) => name).join(", ")})`);
  const chosen = BENCHMARKS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));

  const options: Options = { quick: values.quick, say };
  const guests = new GuestRuns(options, chosen.flatMap((each) => each.guests ?? []));
  const figures: Figure[] = [];
  const missing: string[] = [];
  for (const benchmark of chosen) {
    const measured = await benchmark.measure(options, guests).catch((error: unknown) => `not measured: ${textOf(error)}`);
    if (typeof measured === "string") missing.push(`${benchmark.name}: ${measured}`);
    else figures.push(...measured);
    if (values.json && typeof measured !== "string") for (const figure of measured) process.stdout.write(`${JSON.stringify(summarize(figure))}\n`);
  }
  say("");
  if (!values.json && figures.length > 0) process.stdout.write(`${conditions(values.quick)}\n\n${table(figures)}\n`);
  for (const text of missing) process.stderr.write(`${text}\n`);
  return missing.length === 0 ? 0 : 1;
}

class UsageError extends Error {}

/** One line on a terminal that is written over; a line each elsewhere. */
function say(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else if (text !== "") process.stderr.write(`${text}\n`);
}

function conditions(quick: boolean): string {
  const engine = version().string;
  return `libunicorn ${engine}, Node ${process.version}, ${availableParallelism()} CPUs, load ${loadavg()[0]!.toFixed(1)}${quick ? "; --quick: not to be quoted" : ""}\nmedians of rounds taken in turn; ratio: median of each round's own`;
}

function fail(error: unknown): number {
  const usage = error instanceof UsageError || (error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS"));
  process.stderr.write(usage ? `bench: ${textOf(error)}\n\n${HELP}\n` : `bench: ${textOf(error)}\n`);
  return usage ? 2 : 1;
}

const [first, second] = process.argv.slice(2);
const role = first === WORKER ? [ipcRoles, scaleRoles, guestRoles, guestIoRoles, exitsRoles, idleRoles, lifeRoles, noisyRoles, revokeRoles, latencyRoles, driversRoles, networkRoles, displayRoles, confinementRoles, checkRoles].map((roles) => roles.get(second ?? "")).find((found) => found !== undefined) : undefined;
if (role !== undefined) role();
else process.exitCode = await main(process.argv.slice(2)).catch(fail);
