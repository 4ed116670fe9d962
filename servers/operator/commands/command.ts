// What a command of the command line is.
import { parseArgs, type ParseArgsConfig } from "node:util";
import { nearest } from "../../../caps/manifest/nearest.ts";
import { parseDuration } from "../../../caps/manifest/units.ts";
import { textOf, usageError } from "../failure.ts";

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** The whole of `bailiwick help NAME`. */
  readonly help: string;
  /** Resolves to the exit status; throws Failure. */
  run(args: readonly string[]): Promise<number>;
}

export interface Parsed<T> {
  readonly values: T;
  readonly positionals: readonly string[];
}

/** parseArgs, its complaints turned into ours, with the nearest option named. */
export function parseOptions<const O extends NonNullable<ParseArgsConfig["options"]>>(args: readonly string[], options: O) {
  const known = Object.keys(options);
  for (const arg of args) {
    if (arg === "--") break;
    const name = /^--([^=]+)/.exec(arg)?.[1];
    if (name === undefined || known.includes(name)) continue;
    const near = nearest(name, known);
    throw usageError(`there is no option --${name}`, near === undefined ? undefined : `did you mean --${near}?`);
  }
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw usageError(textOf(error).split(". ")[0] ?? textOf(error));
  }
}

/** The one thing that most commands work on; the folder one is in when it is not named. */
export function onlyTarget(positionals: readonly string[], fallback = "."): string {
  const [target = fallback, ...more] = positionals;
  if (more.length > 0) throw usageError(`'${more[0]}' is one argument too many`);
  return target;
}

/** @param option that has it, without its hyphens */
export function parsePort(option: string, text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw usageError(`--${option} ${text} is no port`, "a number from 1 to 65535; without one, any that is free");
  return Number(text);
}

/** Milliseconds. @param option as it is written */
export function parseTimeout(option: string, text: string): number {
  const us = parseDuration(text);
  if (us === undefined) throw usageError(`${option} ${text} is no duration`, "such as 500ms or 60s");
  return us / 1000;
}
