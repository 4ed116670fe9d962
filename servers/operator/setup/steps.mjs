// The set-up's steps in order, and the loop that runs those that are not done.
//
// Each step is idempotent and says by hashes and files alone, not by running tools, whether it is done; a run with nothing left to do takes no lock
// and starts no program. A step that is done is recorded at once in setup.json, so an interrupted set-up goes on where it was. A step that writes in
// place (node_modules, the addon's build folder, dist/) removes its stamp first; all others write elsewhere and rename.
import { addon } from "./addon.mjs";
import { build } from "./build.mjs";
import { endAll } from "./command.mjs";
import { debian } from "./debian.mjs";
import { SetupFailure } from "./failure.mjs";
import { firmware } from "./firmware.mjs";
import { font } from "./font.mjs";
import { libsodium } from "./libsodium.mjs";
import { linux } from "./linux.mjs";
import { lock } from "./lock.mjs";
import { lwip } from "./lwip.mjs";
import { networks } from "./networks.mjs";
import { npm } from "./npm.mjs";
import { findPlaces } from "./places.mjs";
import { createProgress } from "./progress.mjs";
import { sqlite } from "./sqlite.mjs";
import { readIfAny, writeWhole } from "./stamp.mjs";
import { toolchain } from "./toolchain.mjs";
import { dtc, minisign, promtool, skopeo, tcpdump } from "./tools.mjs";
import { unicorn } from "./unicorn.mjs";

/**
 * @typedef {object} SetupRecord  setup.json
 * @property {import("./unicorn.mjs").Unicorn} [unicorn]
 * @property {import("./toolchain.mjs").Compiler} [compiler]
 * @property {string} [addon]  the built .node file
 * @property {import("./linux.mjs").Placed | null} [linux]  null: Debian could not be reached
 * @property {number} [linuxTriedAt]  milliseconds since 1970
 * @property {import("./firmware.mjs").PlacedFirmware | null} [firmware]  Debian's OpenSBI and U-Boot; null: they could not be fetched
 * @property {number} [firmwareTriedAt]  milliseconds since 1970
 * @property {string | null} [sqlite]  the folder of SQLite's sources; null: they could not be fetched
 * @property {number} [sqliteTriedAt]  milliseconds since 1970
 * @property {string | null} [libsodium]  the folder of libsodium's sources; null: they could not be fetched
 * @property {number} [libsodiumTriedAt]  milliseconds since 1970
 * @property {string | null} [lwip]  the folder of lwIP's sources; null: they could not be fetched
 * @property {number} [lwipTriedAt]  milliseconds since 1970
 * @property {string | null} [tap]  the helper of TAP interfaces; null: it could not be built
 * @property {string | null} [userNet]  the helper of user networks; null: it could not be built
 * @property {number} [networksTriedAt]  milliseconds since 1970
 * @property {string | null} [font]  the folder of the console font; null: it could not be fetched
 * @property {number} [fontTriedAt]  milliseconds since 1970
 * @property {import("./tool.mjs").Found | null} [tcpdump]  for tests, as the four behind it; null: it could not be fetched
 * @property {number} [tcpdumpTriedAt]  milliseconds since 1970
 * @property {import("./tool.mjs").Found | null} [minisign]
 * @property {number} [minisignTriedAt]
 * @property {import("./tool.mjs").Found | null} [skopeo]
 * @property {number} [skopeoTriedAt]
 * @property {import("./tool.mjs").Found | null} [dtc]
 * @property {number} [dtcTriedAt]
 * @property {import("./tool.mjs").Found | null} [promtool]
 * @property {number} [promtoolTriedAt]
 * @property {import("./debian.mjs").PlacedDebian} [debian]  the image of a Debian user space, where it was asked for
 *
 * @typedef {object} Context
 * @property {import("./places.mjs").Places} places
 * @property {NodeJS.ProcessEnv} env
 * @property {boolean} retry
 * @property {SetupRecord} record  steps write their result here
 * @property {<T>(work: () => Promise<T>) => Promise<T>} withCache  holds the lock of the shared cache
 *
 * @typedef {object} Step
 * @property {string} name   for --only
 * @property {string} title  for the user
 * @property {(context: Context) => boolean} ready  nothing left to do?
 * @property {(context: Context, line: import("./progress.mjs").StepLine) => Promise<string>} run  gives what was done, in words
 */

/** The compilers come before libunicorn only because a machine without them should say so before anything large is fetched. */
export const STEPS = [npm, toolchain, unicorn, addon, linux, firmware, sqlite, libsodium, lwip, networks, font, tcpdump, minisign, skopeo, dtc, promtool, build];
/** Only when named by --only: it takes minutes, and most do without. */
const ON_DEMAND = [debian];
const NAMED = [...STEPS, ...ON_DEMAND];

/**
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} exit status
 */
export async function main(args, env) {
  const options = parseArguments(args);
  const progress = createProgress(process.stderr);
  if (typeof options === "string") {
    progress.say(`bailiwick: ${options}\nusage: setup.mjs [--quiet] [--retry] [--only ${NAMED.map(({ name }) => name).join(",")}]`);
    return 2;
  }
  for (const [signal, status] of /** @type {const} */ ([["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]])) {
    process.on(signal, () => {
      progress.say("bailiwick: set-up interrupted; the next run goes on from here");
      endAll();
      process.exit(status);
    });
  }
  try {
    const did = await setUp(options, env, progress);
    if (did > 0) progress.say(`Bailiwick is set up (${progress.seconds().toFixed(1)} s).`);
    else if (!options.quiet) progress.say("Bailiwick is set up: nothing left to do.");
    return 0;
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error;
    progress.say(`bailiwick: ${error.message}`);
    return 1;
  }
}

/**
 * @param {{ only: readonly string[], retry: boolean, quiet: boolean }} options
 * @param {NodeJS.ProcessEnv} env
 * @param {ReturnType<typeof createProgress>} progress
 * @returns {Promise<number>} how many steps ran
 */
async function setUp(options, env, progress) {
  const places = findPlaces(env);
  const steps = options.only.length === 0 ? STEPS : NAMED.filter(({ name }) => options.only.includes(name));
  const waiting = (/** @type {string} */ pid) => progress.say(`another set-up is running (process ${pid}); waiting for it`);
  // With an exact engine named, its record is kept apart: the usual one must go on describing the usual engine.
  const file = env["BAILIWICK_UNICORN"] ? `${places.record}.${env["BAILIWICK_UNICORN"]}` : places.record;
  /** @type {Context} */
  const context = {
    places,
    env,
    retry: options.retry,
    record: readRecord(file),
    async withCache(work) {
      const release = await lock(places.cache, waiting);
      try {
        return await work();
      } finally {
        release();
      }
    },
  };
  if (steps.every((step) => step.ready(context))) return 0;
  const release = await lock(places.own, waiting);
  try {
    context.record = readRecord(file);
    let did = 0;
    for (const step of steps) {
      if (step.ready(context)) continue;
      if (did++ === 0) progress.say("Setting up Bailiwick");
      const line = progress.step(step.title.slice(0, 14));
      line.live("…");
      const result = await step.run(context, line);
      writeWhole(file, `${JSON.stringify(context.record, undefined, 2)}\n`);
      line.done(result);
    }
    return did;
  } finally {
    release();
  }
}

/** @param {string} file @returns {SetupRecord} */
function readRecord(file) {
  try {
    return JSON.parse(readIfAny(file) ?? "{}");
  } catch {
    return {};
  }
}

/** @param {readonly string[]} args @returns {{ only: string[], retry: boolean, quiet: boolean } | string} */
export function parseArguments(args) {
  /** @type {string[]} */
  let only = [];
  let retry = false;
  let quiet = false;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index];
    if (arg === "--quiet") quiet = true;
    else if (arg === "--retry") retry = true;
    else if (arg === "--only") only = (args[++index] ?? "").split(",").filter(Boolean);
    else return `unknown argument ${arg}`;
  }
  const unknown = only.find((name) => !NAMED.some((step) => step.name === name));
  if (unknown !== undefined) return `no step ${unknown}`;
  if (args.includes("--only") && only.length === 0) return "--only needs the name of a step";
  return { only, retry, quiet };
}
