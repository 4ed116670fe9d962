// npm run models: the properties for as long as one likes. Each is tried N times, with random commands; what fails is made smaller and printed with its seed.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const HELP = `npm run models -- [--runs N] [--seed S [--path P]] [--only TEXT]

The kernel against its naive models, the confinement properties and the hostile thread, without a time limit.

  --runs N     how often each property is tried (default 2000, about 20 minutes on one CPU; a night: 40000)
  --seed S     begin with this seed, which the message of a failure tells
  --path P     with --seed: only the least sequence that fails, which the message tells too
  --only TEXT  only the tests whose name has this text, such as CONFINE, MODEL or HOSTILE
  --help       this text
`;

/** A whole number of at least `least`, as text; null when it is none. */
const whole = (/** @type {string} */ text, /** @type {number} */ least) => (/^-?\d{1,10}$/.test(text) && Number(text) >= least ? text : null);

const { values } = (() => {
  try {
    return parseArgs({ options: { runs: { type: "string", default: "2000" }, seed: { type: "string" }, path: { type: "string" }, only: { type: "string" }, help: { type: "boolean" } } });
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
    process.exit(2);
  }
})();
if (values.help === true) {
  console.log(HELP);
  process.exit(0);
}
const numRuns = whole(values.runs, 1), seed = values.seed === undefined ? undefined : whole(values.seed, -(2 ** 31));
if (numRuns === null || seed === null) {
  console.error(`--runs takes a number from 1, --seed a whole number.\n\n${HELP}`);
  process.exit(2);
}
const files = ["test/model/capabilities", "test/model/ipc", "test/model/lookup", "test/model/transfer", "test/model/bank.test.ts", "test/model/confinement.test.ts", "test/security/kernel-hostile"];
const only = values.only === undefined ? [] : ["-t", values.only];
const env = { ...process.env, FUZZ_RUNS: numRuns, ...(seed === undefined ? {} : { FUZZ_SEED: seed }), ...(values.path === undefined ? {} : { FUZZ_PATH: values.path }) };
const root = fileURLToPath(new URL("../..", import.meta.url));
const { status } = spawnSync("npx", ["vitest", "run", ...files, ...only], { cwd: root, env, stdio: "inherit" });
process.exit(status ?? 1);
