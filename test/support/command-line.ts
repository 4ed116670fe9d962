// The command line as a user has it: dist/cli.js in a process of its own, with what it wrote as bytes.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { findPackage } from "../../servers/operator/package.ts";

export const ROOT = findPackage().root;
export const CLI = join(ROOT, "dist", "cli.js");

export interface Done {
  /** null: a signal ended it. */
  readonly status: number | null;
  readonly bytes: Buffer;
  readonly out: string;
  readonly err: string;
}

export interface ProcessOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What is on its standard input; none by default. */
  readonly input?: string;
  /** It is killed after this long; default 170 s. */
  readonly limitMs?: number;
}

/** Runs a program to its end. */
export function runProcess(program: string, args: readonly string[], { cwd = ROOT, env = {}, input, limitMs = 170_000 }: ProcessOptions = {}): Promise<Done> {
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"], timeout: limitMs, killSignal: "SIGKILL" });
  const out: Buffer[] = [], err: Buffer[] = [];
  child.stdout!.on("data", (piece: Buffer) => out.push(piece));
  child.stderr!.on("data", (piece: Buffer) => err.push(piece));
  if (input !== undefined) child.stdin!.end(input);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, bytes: Buffer.concat(out), out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }));
  });
}

/** Runs `bailiwick` to its end. @param cli another dist/cli.js than the work tree's */
export function bailiwick(args: readonly string[], options: ProcessOptions = {}, cli = CLI): Promise<Done> {
  if (!existsSync(cli)) throw new Error(`${cli} is not there: run 'npm run build'`);
  return runProcess(process.execPath, [cli, ...args], options);
}
