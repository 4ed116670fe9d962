// From a manifest to a boot image: parse, resolve, build the programs, take the guests' files, write everything's place into everything.
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { formatMeasurements, MEASUREMENTS_FILE, measurementsBytes, measurementsOf, SECRET_BYTES, SECRET_FILE, type Measurements } from "../../caps/image/measurements.ts";
import { footprint, systemBytes } from "../../caps/image/files.ts";
import { placeUses, ROOT_FILE, SYSTEM_FILE, type ResolvedComponent, type ResolvedSystem } from "../../caps/image/system.ts";
import { DiagnosticCode, formatDiagnostics, type Diagnostic } from "../../caps/manifest/diagnostic.ts";
import { parseManifest } from "../../caps/manifest/parse.ts";
import { resolveManifest, type DiskOrder, type NetworkOrder, type Resolution } from "../../caps/manifest/resolve.ts";
import { formatSize } from "../../caps/manifest/units.ts";
import type { TerminalDevice } from "../../core/machine/board.ts";
import type { BootFile } from "../../core/host/backend.ts";
import { checkFaculty } from "./faculties.ts";
import { ExitStatus, Failure, FailureCode, failure } from "./failure.ts";
import { findGuests, guestSeed, loadGuest, type ExecParts, type GuestShelf } from "./guests.ts";
import { findPackage, type Package } from "./package.ts";
import { buildCarried, buildProgram, shippedHosted, wireProgram } from "./programs.ts";
import { kitResources } from "./resources.ts";
import { loadHash } from "./sodium.ts";

export const MANIFEST_NAME = "appliance.yaml";

export interface ExecRequest {
  readonly command: string;
  /** Which guest runs it; may be left out when there is one. */
  readonly guest?: string;
}

export interface PrepareOptions {
  readonly exec?: ExecRequest;
  /** The same bytes at each run: no randomness of the host's. */
  readonly deterministic?: boolean;
  readonly onStep?: (what: string) => void;
  readonly onNote?: (text: string) => void;
}

export interface Appliance {
  readonly system: ResolvedSystem;
  readonly files: readonly BootFile[];
  /** What all of them but their own list come to. */
  readonly measure: () => Promise<Measurements>;
  /** The platform's secret is to be put beside the files when the machine starts (withSecret). */
  readonly wantsSecret: boolean;
  /** The manifest's folder. */
  readonly folder: string;
  /** Images to open for the run, with absolute paths. */
  readonly disks: readonly DiskOrder[];
  /** What to put behind the network devices for the run. */
  readonly networks: readonly NetworkOrder[];
  /** The device that the terminal is behind. */
  readonly terminal: TerminalDevice;
  /** The machine's display, in pixels. */
  readonly display?: { readonly width: number; readonly height: number };
  /** The guest that runs a command and reports when it begins; what the console shows before is not the command's output. */
  readonly commandGuest?: string;
}

export interface LoadedManifest {
  readonly path: string;
  readonly resolution: Resolution;
  readonly kit: Package;
  readonly shelf: GuestShelf;
}

/**
 * Reads, parses and resolves; throws Failure with every error in it.
 * @param target a manifest, or the folder of one
 * @param resolveParsed resolveSystem, for a look at a system whose claims may not hold
 */
export function loadManifest(target: string, resolveParsed = resolveManifest): LoadedManifest {
  const path = findManifest(target);
  const kit = findPackage();
  const shelf = findGuests(kit);
  const shown = relative(process.cwd(), path);
  const parsed = parseManifest(readFileSync(path, "utf8"), shown === "" || shown.startsWith("..") ? path : shown);
  if (!parsed.ok) throw refused(parsed.diagnostics);
  const facts = new Map([...shelf.images].map(([name, image]) => [name, image.facts]));
  const resolution = resolveParsed(parsed.value, kitResources(kit, facts));
  if (!resolution.ok) throw refused(resolution.diagnostics);
  return { path, resolution: resolution.value, kit, shelf };
}

/** A manifest that is right but for a claim that does not hold was denied by policy. */
const refused = (diagnostics: readonly Diagnostic[]): Failure =>
  new Failure(formatDiagnostics(diagnostics), diagnostics.every(({ code }) => code === DiagnosticCode.broken) ? ExitStatus.denied : ExitStatus.failed, diagnostics[0]?.code);

/** The manifest's file; throws Failure. */
export function findManifest(target: string): string {
  const path = resolve(target);
  if (!existsSync(path)) throw failure(FailureCode.noManifest, `there is no manifest '${target}'`, { cause: "no such file or folder" });
  if (!statSync(path).isDirectory()) return path;
  const inside = join(path, MANIFEST_NAME);
  if (!existsSync(inside)) throw failure(FailureCode.noManifest, `there is no manifest in '${target}'`, { cause: `no ${MANIFEST_NAME} in it`, fix: "name the manifest's file" });
  return inside;
}

/** Builds the whole boot image of an appliance. Throws Failure. */
export async function prepareAppliance(target: string, { exec, deterministic = false, onStep = () => {}, onNote = () => {} }: PrepareOptions = {}): Promise<Appliance> {
  const { path, resolution, kit, shelf } = loadManifest(target);
  const folder = dirname(path);
  const files = new Map<string, Uint8Array>();
  if (exec !== undefined) checkFaculty(resolution.system, "exec", "running a command in a guest (--exec)");

  if (shelf.linuxMissing !== undefined && resolution.guests.some(({ image }) => image.kind === "shipped" && image.name === "linux")) onNote(shelf.linuxMissing);
  for (const order of resolution.guests) {
    if (files.has(order.kernel)) continue;
    onStep(`loading guest ${order.guest}`);
    const { kernel, initrd } = await loadGuest(order, shelf, folder);
    files.set(order.kernel, kernel);
    if (order.initrd !== undefined && initrd !== undefined) files.set(order.initrd, initrd);
  }
  for (const order of resolution.carried) {
    if (order.users.length === 0) {
      onNote(`no component uses the program '${order.name}': it is not built, and not in the image`);
      continue;
    }
    onStep(`building program ${order.name}`);
    const { bytes, notes } = await buildCarried(order, folder, kit);
    files.set(order.file, bytes);
    for (const note of notes) onNote(note);
  }
  let { system } = resolution;
  system = { ...system, components: system.components.map((component) => seeded(component, deterministic)) };
  let commandGuest: string | undefined;
  if (exec !== undefined) {
    const { guest, parts } = execParts(resolution, exec, shelf);
    system = withExec(system, guest, parts, files);
    if (parts.reportsReady) commandGuest = guest;
  }
  const used = new Set(system.components.flatMap(({ uses }) => uses.flatMap((use) => (use.kind === "file" ? [use.file] : []))));
  const listBytes = used.has(MEASUREMENTS_FILE) ? measurementsBytes(system, [...files.keys(), ...resolution.programs.map(({ file }) => file)]) : 0;
  system = placeUses(system, (file) => (file === MEASUREMENTS_FILE ? listBytes : file === SECRET_FILE ? SECRET_BYTES : files.get(file)?.length));

  onStep("building the root server");
  files.set(ROOT_FILE, await shippedHosted("root", join(kit.root, "servers", "root", "main.ts"), kit));
  for (const order of resolution.programs) {
    onStep(`building ${order.component}`);
    const bytes = await buildProgram(order, folder, kit);
    const component = system.components.find(({ program }) => program.file === order.file);
    if (component?.program.kind !== "machine") {
      files.set(order.file, bytes);
      continue;
    }
    const wired = wireProgram(bytes, component, path, order.confined);
    files.set(order.file, wired.bytes);
    for (const note of wired.notes) onNote(note);
  }
  files.set(SYSTEM_FILE, Buffer.from(JSON.stringify(system)));
  // The guests' seeds are fresh at each run, and make it no other image.
  const lasting = new Map(files).set(SYSTEM_FILE, Buffer.from(JSON.stringify(unseeded(system))));
  const measure = async (): Promise<Measurements> => measurementsOf(system, lasting, await loadHash());
  if (used.has(MEASUREMENTS_FILE)) files.set(MEASUREMENTS_FILE, Buffer.from(formatMeasurements(await measure())));
  checkRoom(system, files);
  return { system, files: [...files].map(([name, bytes]) => ({ name, bytes })), measure, wantsSecret: used.has(SECRET_FILE), folder, disks: resolution.disks.map((disk) => ({ ...disk, file: resolve(folder, disk.file) })), networks: resolution.networks, terminal: resolution.terminal as TerminalDevice, ...(resolution.display === undefined ? {} : { display: resolution.display }), ...(commandGuest === undefined ? {} : { commandGuest }) };
}

function seeded(component: ResolvedComponent, deterministic: boolean): ResolvedComponent {
  if (component.guest === undefined) return component;
  return { ...component, args: { ...Object(component.args), seed: guestSeed(component.guest, () => randomBytes(32), deterministic) } };
}

function unseeded(system: ResolvedSystem): ResolvedSystem {
  return { ...system, components: system.components.map((component) => (component.guest === undefined ? component : { ...component, args: { ...Object(component.args), seed: "" } })) };
}

/** The files that the machine is started with: the secret is in memory from here on, and in no image before. */
export function withSecret({ files, wantsSecret }: Pick<Appliance, "files" | "wantsSecret">, secret: Uint8Array | undefined): readonly BootFile[] {
  return wantsSecret && secret !== undefined ? [...files, { name: SECRET_FILE, bytes: secret }] : files;
}

/** Which guest runs the command, and what that takes. */
function execParts({ guests }: Resolution, { command, guest }: ExecRequest, shelf: GuestShelf): { readonly guest: string; readonly parts: ExecParts } {
  const names = guests.map((order) => order.guest);
  if (guest !== undefined && !names.includes(guest)) throw failure(FailureCode.exec, `there is no guest '${guest}' to run the command`, { fix: `one of: ${names.join(", ") || "(the appliance has no guest)"}` });
  if (guest === undefined && names.length > 1) throw failure(FailureCode.exec, "the appliance has several guests: which is to run the command?", { fix: `--guest ${names.join(" | --guest ")}` });
  const order = guests.find((candidate) => candidate.guest === (guest ?? names[0]));
  if (order === undefined) throw failure(FailureCode.exec, "the appliance has no guest that could run a command", { fix: "run it without --exec" });
  const image = order.image.kind === "shipped" ? shelf.images.get(order.image.name) : undefined;
  if (image === undefined) throw failure(FailureCode.exec, `guest '${order.guest}' has an image of your own, which knows nothing of --exec`, { fix: "only the kit's guests (image: linux or bare) run commands" });
  return { guest: order.guest, parts: image.exec(command) };
}

/** The system in which that guest runs the command, and its end is the appliance's end. */
function withExec(system: ResolvedSystem, guest: string, { cmdline, archive }: ExecParts, files: Map<string, Uint8Array>): ResolvedSystem {
  const file = `guest/${guest}.exec`;
  if (archive !== undefined) files.set(file, archive);
  const more = archive === undefined ? [] : [{ name: "initrdExtra", kind: "file", file, address: 0, bytes: 0 } as const];
  const components = system.components.map((component) => {
    if (component.guest !== guest) return { ...component, essential: false };
    const args: { readonly cmdline?: unknown } = Object(component.args);
    return { ...component, essential: true, uses: [...component.uses, ...more], args: { ...args, input: false, cmdline: `${String(args.cmdline ?? "")} ${cmdline}`.trim() } };
  });
  return { ...system, components };
}

/** The resolver has counted components and guests; now the files are known, too. */
function checkRoom(system: ResolvedSystem, files: ReadonlyMap<string, Uint8Array>): void {
  const image = [...files.values()].reduce((sum, bytes) => sum + footprint(bytes.length), 0);
  const needed = systemBytes(system) + image;
  if (needed <= system.memory) return;
  throw failure(FailureCode.doesNotFit, "the appliance does not fit in the platform's memory", {
    cause: `boot image ${formatSize(image)} + components and guests ${formatSize(systemBytes(system))} = ${formatSize(needed)}, of ${formatSize(system.memory)}`,
    fix: "give the platform more: platform.memory",
  });
}
