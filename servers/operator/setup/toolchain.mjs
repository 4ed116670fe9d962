// Step: the programs that compile: a C compiler for the guest's and the programs' machine, a C++ compiler and make for the addon, Python for
// node-gyp, xz for kernel modules. Only what is missing is installed, by apt when this is root, else the exact line to run is given.
import { existsSync, readdirSync, statSync } from "node:fs";
import { findProgram, mustRun, run } from "./command.mjs";
import { SetupFailure } from "./failure.mjs";

/** Program → Debian package. */
const TOOLS = /** @type {const} */ ({
  "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf",
  "riscv64-unknown-elf-objcopy": "binutils-riscv64-unknown-elf",
  "g++": "g++",
  make: "make",
  python3: "python3",
  xz: "xz-utils",
});

const LISTS = "/var/lib/apt/lists";
const DAY_MS = 86_400_000;

/** @typedef {{ gcc: string, objcopy: string, version: string }} Compiler */

/** @type {import("./steps.mjs").Step} */
export const toolchain = {
  name: "toolchain",
  title: "compilers",
  ready: ({ record }) => record.compiler !== undefined && missing().length === 0 && existsSync(record.compiler.gcc),
  async run({ record }, line) {
    const lacking = missing();
    if (lacking.length > 0) await install(lacking.map((tool) => TOOLS[tool]), lacking, line);
    const gcc = findProgram("riscv64-unknown-elf-gcc");
    const objcopy = findProgram("riscv64-unknown-elf-objcopy");
    if (gcc === undefined || objcopy === undefined) throw new SetupFailure("the rv64 C compiler was installed but is not on PATH");
    const version = (await mustRun(gcc, ["-dumpfullversion"])).trim();
    record.compiler = { gcc, objcopy, version };
    return `rv64 gcc ${version}${lacking.length > 0 ? `; installed ${lacking.map((tool) => TOOLS[tool]).join(" ")}` : ""}`;
  },
};

/** @returns {(keyof typeof TOOLS)[]} */
function missing() {
  return /** @type {(keyof typeof TOOLS)[]} */ (Object.keys(TOOLS)).filter((tool) => findProgram(tool) === undefined);
}

/**
 * @param {readonly string[]} packages @param {readonly string[]} tools
 * @param {import("./progress.mjs").StepLine} line
 */
async function install(packages, tools, line) {
  const command = `apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  if (findProgram("apt-get") === undefined) {
    throw new SetupFailure(`not on this machine: ${tools.join(", ")}`, "install them with the system's package manager (Debian's names: " + packages.join(" ") + ")");
  }
  if (process.getuid?.() !== 0) throw new SetupFailure(`not on this machine: ${tools.join(", ")}`, `run this, then the same command again:\nsudo ${command}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const onLine = (/** @type {string} */ text) => line.live(text);
  const update = async () => {
    line.live("apt-get update");
    await run("apt-get", ["update"], { env, onLine });
  };
  if (listsAreOld()) await update();
  line.live(`apt-get install ${packages.join(" ")}`);
  const args = command.split(" ").slice(1);
  if ((await run("apt-get", args, { env, onLine })).status === 0) return;
  // The lists may name versions that the mirror no longer has.
  await update();
  await mustRun("apt-get", args, { env, onLine, remedy: `what is needed: ${tools.join(", ")}; see why this line fails:\n${command}` });
}

function listsAreOld() {
  if (!existsSync(LISTS)) return true;
  const indexes = readdirSync(LISTS).filter((name) => name.includes("_Packages"));
  return indexes.length === 0 || Date.now() - statSync(LISTS).mtimeMs > DAY_MS;
}
