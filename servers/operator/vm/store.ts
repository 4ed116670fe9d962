// Machines by name: each is an appliance that runs in a process of its own, with a folder of its own. What is there is the folder; what lives is who answers at its control socket.
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, sep } from "node:path";
import { z } from "zod";
import { suggest } from "../../../caps/manifest/nearest.ts";
import { FailureCode, failure, textOf, usageError } from "../failure.ts";
import { snapshotsBelow } from "./layers.ts";

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
const vmSchema = z.strictObject({
  format: z.literal(1),
  /** Absolute path of the manifest, its folder, or an image. */
  appliance: z.string(),
  created: z.string(),
  /** Further options of `bailiwick run`. */
  options: z.array(z.string()),
});
export type VmDescription = z.infer<typeof vmSchema>;

export interface Vm extends VmDescription {
  readonly name: string;
  readonly folder: string;
  readonly control: string;
  /** What tokens there are (tokens.ts). */
  readonly tokens: string;
  readonly console: string;
  readonly consoleLog: string;
  /** What the operator is told, JSON lines, of the last run. */
  readonly events: string;
  /** What its guests have written to their disks since they went on from a snapshot (layers.ts); not there: nothing. */
  readonly layers: string;
}

const root = (): string => join(process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local", "state"), "bailiwick", "vms");

const placed = (name: string, description: VmDescription): Vm => {
  const folder = join(root(), name);
  return { ...description, name, folder, control: join(folder, "control.sock"), tokens: join(folder, "tokens.json"), console: join(folder, "console.sock"), consoleLog: join(folder, "console.log"), events: join(folder, "events.log"), layers: join(folder, "layers") };
};

export function listVms(): readonly Vm[] {
  if (!existsSync(root())) return [];
  return readdirSync(root()).filter((name) => NAME.test(name)).sort().flatMap((name) => {
    const description = read(name);
    return typeof description === "string" ? [] : [placed(name, description)];
  });
}

/** @throws Failure when there is none of that name, or its folder is damaged */
export function findVm(name: string): Vm {
  const description = findDescription(name);
  if (typeof description === "string") throw failure(FailureCode.vm, `the machine '${name}' is damaged`, { cause: description, fix: `bailiwick vm rm ${name}` });
  return placed(name, description);
}

/** Where all of it is, also when it is damaged. @throws Failure when there is none of that name */
export function placesOf(name: string): Vm {
  const description = findDescription(name);
  return placed(name, typeof description === "string" ? { format: 1, appliance: "", created: "", options: [] } : description);
}

/** Or what is wrong with it. @throws Failure when there is none of that name */
function findDescription(name: string): VmDescription | string {
  const names = listVms().map((vm) => vm.name);
  if (NAME.test(name) && existsSync(join(root(), name))) return read(name);
  throw failure(FailureCode.vm, `there is no machine '${name}'`, { fix: names.length === 0 ? "bailiwick vm create NAME APPLIANCE" : suggest(name, names) });
}

function read(name: string): VmDescription | string {
  try {
    return vmSchema.parse(JSON.parse(readFileSync(join(root(), name, "vm.json"), "utf8")));
  } catch (error) {
    return textOf(error);
  }
}

/** @throws Failure when there is one of that name */
export function createVm(name: string, appliance: string, options: readonly string[]): Vm {
  if (!NAME.test(name)) throw usageError(`'${name}' is no name for a machine`, "small letters, digits and hyphens, at most 32");
  const description: VmDescription = { format: 1, appliance, created: new Date().toISOString(), options: [...options] };
  const vm = placed(name, description);
  mkdirSync(root(), { recursive: true, mode: 0o700 });
  try {
    mkdirSync(vm.folder, { mode: 0o700 });
  } catch (error) {
    throw failure(FailureCode.exists, `there is a machine '${name}' already`, { cause: textOf(error), fix: `another name, or bailiwick vm rm ${name}` });
  }
  writeFileSync(join(vm.folder, "vm.json"), `${JSON.stringify(description, null, 2)}\n`);
  return vm;
}

/** The machines whose disks lie over a snapshot in this one's folder: clones of which it was the first. */
function lyingOver(name: string): string[] {
  const inside = realpath(join(root(), name)) + sep;
  return existsSync(root()) ? readdirSync(root()).filter((other) => NAME.test(other) && other !== name && snapshotsBelow(join(root(), other, "layers")).some((folder) => `${realpath(folder)}${sep}`.startsWith(inside))).sort() : [];
}

/** @param besides those that are to go as well @throws Failure when others' disks lie over a snapshot in its folder */
export function checkRemovable(name: string, besides: readonly string[] = []): void {
  const others = lyingOver(name).filter((other) => !besides.includes(other));
  if (others.length > 0) throw failure(FailureCode.vm, `the machine '${name}' cannot be removed`, { cause: `the disks of ${others.map((other) => `'${other}'`).join(", ")} lie over a snapshot in its folder`, fix: `first bailiwick vm rm ${others.join(" ")}` });
}

const realpath = (path: string): string => (existsSync(path) ? realpathSync(path) : path);

/** Their folders, with their logs and layers, are gone: first those that lie over others'. @throws Failure as checkRemovable, and none is gone */
export function removeVms(names: readonly string[]): void {
  for (const name of names) {
    if (!NAME.test(name)) throw usageError(`'${name}' is no name for a machine`);
    checkRemovable(name, names);
  }
  const order = new Map(names.map((name) => [name, lyingOver(name).length]));
  for (const [name] of [...order].sort(([, a], [, b]) => a - b)) rmSync(join(root(), name), { recursive: true, force: true });
}
