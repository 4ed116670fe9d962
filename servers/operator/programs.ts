// Builds the programs of a system: C by the toolchain, TypeScript by the bundler, servers of the kit from its own sources, ELF files as they are.
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type ClockInstruction, clockInstructions, whereabouts } from "../../caps/image/clocks.ts";
import { declaredUses, type Elf, parseElf, patchUses } from "../../caps/image/elf.ts";
import { useRecords, type ResolvedComponent } from "../../caps/image/system.ts";
import type { CarriedProgram, ProgramOrder } from "../../caps/manifest/resolve.ts";
import { bundleProgram } from "./bundle.ts";
import { type Failure, FailureCode, compileFailure, failure } from "./failure.ts";
import { findPlaces } from "./setup/places.mjs";
import { findServers, hostedFile, type MachineSource, type Package } from "./package.ts";
import { compileC } from "./toolchain.ts";
import { readUserFile, userFile } from "./user-files.ts";

/** The bytes of a program, before its uses are written in. @param component its name, which a carried program has as well @param folder the manifest's */
export async function buildProgram({ component, image }: Pick<ProgramOrder, "component" | "image">, folder: string, kit: Package): Promise<Uint8Array> {
  switch (image.kind) {
    case "elf":
      return readUserFile(userFile(folder, image.file), `the program of '${component}'`);
    case "c":
      return compile(component, image.files.map((file) => userFile(folder, file)), join(folder, ".bailiwick", "build"), fontHeaders());
    case "ts":
      return bundle(component, userFile(folder, image.file), kit);
    case "server": {
      const source = findServers(kit).get(image.name);
      if (source === undefined) throw failure(FailureCode.badProgram, `the server '${image.name}' is not in this kit`);
      if (source.kind === "machine") return compileServer(image.name, source, kit);
      return shippedHosted(image.name, source.entry, kit);
    }
  }
}

/** A hosted program of the kit's own: built with it, or bundled now when running from the sources. */
export async function shippedHosted(name: string, entry: string, kit: Package): Promise<Uint8Array> {
  return kit.built ? readUserFile(hostedFile(kit, name), `the kit's own program '${name}'`) : bundle(name, entry, kit);
}

async function bundle(name: string, entry: string, kit: Package): Promise<Uint8Array> {
  const bundled = await bundleProgram({ entry, root: kit.root });
  if (!bundled.ok) throw failure(FailureCode.bundle, `the program of '${name}' cannot be built`, { cause: bundled.error });
  return Buffer.from(bundled.text);
}

/** A server of the kit's that is a machine program. */
export async function compileServer(name: string, { sources, systemIncludes, missing }: MachineSource, kit: Package): Promise<Uint8Array> {
  if (missing !== undefined) {
    throw failure(FailureCode.notSetUp, `the server '${name}' cannot be built`, {
      cause: `${missing.title}'s sources, which it is built with, are not on this machine: the set-up could not fetch them, or was not run`,
      fix: `\`npm run setup -- --retry\` in the work tree, or \`npx bailiwick setup --retry\` where Bailiwick is installed as a package, with ${missing.origin} in reach`,
    });
  }
  return compile(name, sources, kit.cache, systemIncludes);
}

/** Where <bailiwick/terminus16.h> is, when the set-up has fetched it: any C program may draw text with it. */
function fontHeaders(): string[] {
  const { font } = findPlaces(process.env);
  return existsSync(font) ? [font] : [];
}

async function compile(name: string, sources: readonly string[], outDir: string, systemIncludes: readonly string[] = []): Promise<Uint8Array> {
  for (const source of sources) readUserFile(source, `a source of '${name}'`);
  const compiled = await compileC({ name, sources, outDir, systemIncludes });
  if (!compiled.ok && /terminus16\.h: No such file/.test(compiled.error.message)) {
    throw compileFailure(`the program of '${name}' cannot be compiled`, { message: `${compiled.error.message}\nThe console font is not on this machine: the set-up could not fetch it, or was not run.`, fix: "`npm run setup -- --retry`, with a Debian mirror in reach" });
  }
  if (!compiled.ok) throw compileFailure(`the program of '${name}' cannot be compiled`, compiled.error);
  return readUserFile(compiled.value.elf, `the program of '${name}'`);
}

export interface Wired {
  readonly bytes: Uint8Array;
  readonly notes: readonly string[];
}

/** A program for components to read: checked, and left as it is. It may declare any uses: who starts it fills them in. */
export async function buildCarried({ name, image, confined }: CarriedProgram, folder: string, kit: Package): Promise<Wired> {
  const bytes = await buildProgram({ component: name, image }, folder, kit);
  const refuse = (cause: string, fix?: string) => failure(FailureCode.badProgram, `the program '${name}' cannot be used`, { cause, ...(fix === undefined ? {} : { fix }) });
  const elf = parseElf(bytes);
  if (!elf.ok) throw refuse(elf.error.message);
  const declared = declaredUses(bytes);
  if (!declared.ok) throw refuse(declared.error.message);
  return { bytes, notes: clockNotes({ name, key: `programs.${name}`, bytes, elf: elf.value, confined, refuse }) };
}

/** Checks a machine program and writes into it what the manifest gives it. @param confined it may hold nothing that reads a clock */
export function wireProgram(bytes: Uint8Array, component: ResolvedComponent, manifest: string, confined: boolean): Wired {
  const { name } = component;
  const refuse = (cause: string, fix?: string) => failure(FailureCode.badProgram, `the program of '${name}' cannot be used`, { cause, ...(fix === undefined ? {} : { fix }) });
  const elf = parseElf(bytes);
  if (!elf.ok) throw refuse(elf.error.message);
  const declared = declaredUses(bytes);
  if (!declared.ok) throw refuse(declared.error.message);
  const patched = patchUses(bytes, useRecords(component.uses));
  if (!patched.ok) {
    const fix = patched.error.code === "unwired" ? `add it to components.${name}.use in ${relative(dirname(dirname(manifest)), manifest)}` : undefined;
    throw refuse(patched.error.message, fix);
  }
  const notes: string[] = [];
  const idle = component.uses.map((use) => use.name).filter((use) => !declared.value.includes(use));
  if (idle.length > 0) notes.push(`'${name}' is given ${idle.join(", ")}, which its program does not declare`);
  return { bytes: patched.value, notes: [...notes, ...clockNotes({ name, key: `components.${name}`, bytes, elf: elf.value, confined, refuse })] };
}

interface Checked {
  readonly name: string;
  /** Where it stands in the manifest. */
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly elf: Elf;
  readonly confined: boolean;
  readonly refuse: (cause: string, fix: string) => Failure;
}

/** Those that a message names. */
const SHOWN_CLOCKS = 8;
/** What a program can read; the engine refuses it the others. */
const READABLE = new Set(["cycle", "instret"]);

/** What there is to say of a program's clocks; one that is confined and has any is refused. */
function clockNotes({ name, key, bytes, elf, confined, refuse }: Checked): string[] {
  const clocks = clockInstructions(bytes);
  if (!clocks.ok) throw refuse(clocks.error.message, "build it anew");
  if (confined && clocks.value.length > 0) {
    const shown = clocks.value.slice(0, SHOWN_CLOCKS).map((clock) => describeClock(clock, bytes, elf));
    if (clocks.value.length > shown.length) shown.push(`and ${clocks.value.length - shown.length} more`);
    throw refuse(
      ["it is confined, and what it executes holds instructions that read a clock:", ...shown, "Every even address counts, as a jump may land in the middle of an instruction: so constants among the", "instructions, and instructions that stand beside each other, can come to one that nobody wrote."].join("\n"),
      `take them out of the source; one that nobody wrote goes away when the code around it changes,\nor the constant is kept in pages that are not executable; or leave 'confined' out of ${key}`,
    );
  }
  const first = clocks.value.find(({ counter }) => READABLE.has(counter));
  if (first === undefined) return [];
  return [`'${name}' holds an instruction at 0x${first.address.toString(16)} that reads the host's ${first.counter} counter: a timing channel, and its runs cannot be repeated exactly`];
}

function describeClock({ address, name }: ClockInstruction, bytes: Uint8Array, elf: Elf): string {
  const { section, symbol, midway } = whereabouts(bytes, elf, address);
  const place = [...(symbol === undefined ? [] : [symbol]), ...(section === undefined ? [] : [`section ${section}`])];
  return `  ${name} at 0x${address.toString(16)}${place.length === 0 ? "" : ` in ${place.join(", ")}`}${midway ? " (where no instruction begins)" : ""}`;
}
