// Running another program: its output is kept for the error message, never mixed into ours; it is ended when the set-up is.
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { SetupFailure } from "./failure.mjs";

const KEEP = 64 * 1024;

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();

/** Ends every program that is still running. */
export function endAll() {
  for (const child of running) child.kill("SIGTERM");
}

/**
 * @typedef {object} Outcome
 * @property {number | null} status null when a signal ended it or it could not be started
 * @property {string} output  standard output
 * @property {string} errors  standard error (both: the last 64 KiB)
 */

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void, statusFd?: (line: string) => void }} [options]
 *   onLine sees each line of both outputs; statusFd each line of descriptor 3
 * @returns {Promise<Outcome>}
 */
export function run(program, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe", ...(options.statusFd ? [/** @type {const} */ ("pipe")] : [])],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, LC_ALL: "C", ...options.env },
    });
    running.add(child);
    let output = "";
    let errors = "";
    listen(child.stdout, (text) => (output = (output + text).slice(-KEEP)), options.onLine);
    listen(child.stderr, (text) => (errors = (errors + text).slice(-KEEP)), options.onLine);
    listen(child.stdio[3], () => undefined, options.statusFd);
    child.once("error", (error) => {
      running.delete(child);
      resolve({ status: null, output, errors: `${errors}${error.message}\n` });
    });
    child.once("close", (status) => {
      running.delete(child);
      resolve({ status, output, errors });
    });
  });
}

/**
 * As run, but another end than status 0 is a failure that shows the program's last lines.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {Parameters<typeof run>[2] & { remedy?: string }} [options]
 * @returns {Promise<string>} standard output
 */
export async function mustRun(program, args, options = {}) {
  const { status, output, errors } = await run(program, args, options);
  if (status === 0) return output;
  throw new SetupFailure(`${[program, ...args].join(" ")} ended with ${status === null ? "an error" : `status ${status}`}:\n${excerpt(`${output}\n${errors}`)}`, options.remedy);
}

/**
 * As run, but with all of the output, as bytes.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd?: string, onBytes?: (chunk: Buffer) => void }} [options] onBytes sees the output as it comes
 * @returns {Promise<{ status: number | null, bytes: Buffer, errors: string }>}
 */
export function capture(program, args, { cwd, onBytes } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...(cwd === undefined ? {} : { cwd }), env: { ...process.env, LC_ALL: "C" } });
    running.add(child);
    /** @type {Buffer[]} */
    const chunks = [];
    let errors = "";
    child.stdout.on("data", (/** @type {Buffer} */ chunk) => {
      chunks.push(chunk);
      onBytes?.(chunk);
    });
    listen(child.stderr, (text) => (errors = (errors + text).slice(-KEEP)), undefined);
    child.once("error", (error) => {
      running.delete(child);
      resolve({ status: null, bytes: Buffer.concat(chunks), errors: `${errors}${error.message}\n` });
    });
    child.once("close", (status) => {
      running.delete(child);
      resolve({ status, bytes: Buffer.concat(chunks), errors });
    });
  });
}

/** The first lines often name the cause, the last the consequence. @param {string} said */
function excerpt(said) {
  const lines = said.split("\n").filter((line) => line.trim() !== "");
  return (lines.length <= 30 ? lines : [...lines.slice(0, 12), `… ${lines.length - 27} lines …`, ...lines.slice(-15)]).join("\n");
}

/**
 * @param {string} name @param {string | undefined} path value of PATH
 * @returns {string | undefined} absolute path of an executable
 */
export function findProgram(name, path = process.env["PATH"]) {
  for (const folder of (path ?? "").split(delimiter)) {
    const file = join(folder || ".", name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

/**
 * @param {import("node:stream").Readable | import("node:stream").Writable | null | undefined} stream
 * @param {(text: string) => void} keep
 * @param {((line: string) => void) | undefined} onLine
 */
function listen(stream, keep, onLine) {
  if (!stream || !("setEncoding" in stream)) return;
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (/** @type {string} */ text) => {
    keep(text);
    if (!onLine) return;
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
}
