// From a manifest that was read (load.ts) to a boot image: build the programs, take the guests' files, write everything's place into everything.
import { randomBytes } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { formatMeasurements, MEASUREMENTS_FILE, measurementsBytes, measurementsOf, SECRET_BYTES, SECRET_FILE, type Measurements } from "../../caps/image/measurements.ts";
import { patchUses } from "../../caps/image/elf.ts";
import { footprint, systemBytes } from "../../caps/image/files.ts";
import { placeUses, ROOT_FILE, SYSTEM_FILE, useRecords, type JsonValue, type ResolvedSystem } from "../../caps/image/system.ts";
import type { DiskOrder, NetworkOrder } from "../../caps/manifest/resolve.ts";
import { formatSize } from "../../caps/manifest/units.ts";
import type { TerminalDevice } from "../../core/machine/board.ts";
import type { BootFile } from "../../core/host/backend.ts";
import { checkFaculty } from "./faculties.ts";
import { FailureCode, failure } from "./failure.ts";
import { execParts, guestSeed, loadGuest, type GuestKind } from "./guests.ts";
import { loadManifest, type LoadedManifest } from "./load.ts";
import { buildCarried, buildProgram, shippedHosted, wireProgram } from "./programs.ts";
import { loadHash } from "./sodium.ts";

export interface ExecRequest {
  readonly command: string;
  /** Which guest runs it; may be left out when there is one. */
  readonly guest?: string;
}

export interface PrepareOptions {
  readonly exec?: ExecRequest;
  /** The same bytes at each run: no randomness of the host's. */
  readonly deterministic?: boolean;
  /** Guests that go on from snapshots, which the session gives them (SessionOptions.restore). */
  readonly restored?: readonly string[];
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

/** What a run begins with and an image holds: everything built, but no guest's seed drawn and no command chosen. */
export interface Composition {
  /** Placed; its guests' seeds are empty. */
  readonly system: ResolvedSystem;
  /** All boot files but those that follow from them: the system itself, and the measurements. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly guests: readonly ComposedGuest[];
  /** With paths as the manifest has them. */
  readonly disks: readonly DiskOrder[];
  readonly networks: readonly NetworkOrder[];
  readonly terminal: TerminalDevice;
  readonly display?: { readonly width: number; readonly height: number };
}

export interface ComposedGuest {
  readonly guest: string;
  /** Which of the kit's guests it is; "own": one of the user's, which knows nothing of --exec. */
  readonly kind: GuestKind | "own";
}

/** Builds the whole boot image of an appliance. Throws Failure. */
export async function prepareAppliance(target: string, options: PrepareOptions = {}): Promise<Appliance> {
  const loaded = loadManifest(target);
  return finishAppliance(await composeAppliance(loaded, options), dirname(loaded.path), options);
}

/** Builds everything that a manifest names. Throws Failure. */
export async function composeAppliance({ path, resolution, kit, shelf }: LoadedManifest, { onStep = () => {}, onNote = () => {} }: Pick<PrepareOptions, "onStep" | "onNote"> = {}): Promise<Composition> {
  const folder = dirname(path);
  const files = new Map<string, Uint8Array>();

  if (shelf.linuxMissing !== undefined && resolution.guests.some(({ image }) => image.kind === "shipped" && image.name === "linux")) onNote(shelf.linuxMissing);
  for (const order of resolution.guests) {
    const names = [order.firmware, order.kernel, order.initrd];
    if (names.some((name) => name !== undefined && files.has(name))) continue;
    onStep(`loading guest ${order.guest}`);
    const { firmware, kernel, initrd } = await loadGuest(order, shelf, folder);
    for (const [i, bytes] of [firmware, kernel, initrd].entries()) if (names[i] !== undefined && bytes !== undefined) files.set(names[i], bytes);
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
  const system = placed(withSeeds(resolution.system, () => ""), files, resolution.programs.map(({ file }) => file));

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
  const guests = resolution.guests.map(({ guest, image }): ComposedGuest => ({ guest, kind: (image.kind === "shipped" ? shelf.images.get(image.name)?.kind : undefined) ?? "own" }));
  const { disks, networks, terminal, display } = resolution;
  return { system, files, guests, disks, networks, terminal: terminal as TerminalDevice, ...(display === undefined ? {} : { display }) };
}

/** Makes it ready to run: with a command, with seeds, with its measurements. Throws Failure. @param folder that paths of disks are relative to */
export async function finishAppliance(composition: Composition, folder: string, { exec, restored = [], deterministic = false }: Pick<PrepareOptions, "exec" | "restored" | "deterministic"> = {}): Promise<Appliance> {
  const { disks, networks, terminal, display } = composition;
  if (exec !== undefined) checkFaculty(composition.system, "exec", "running a command in a guest (--exec)");
  if (exec !== undefined && restored.length > 0) throw failure(FailureCode.exec, "a guest that goes on from a snapshot takes no command", { fix: "leave --exec or --restore out" });
  const asItIs = { system: composition.system, files: new Map(composition.files), commandGuest: undefined };
  const { system, files, commandGuest } = exec !== undefined ? withCommand(composition, exec) : restored.length > 0 ? { ...asItIs, ...withRestored(composition, restored) } : asItIs;
  const lasting = await lastingFiles(system, files);
  const started = withSeeds(system, (guest) => guestSeed(guest, () => randomBytes(32), deterministic));
  // The guests' seeds are fresh at each run, and make it no other image.
  const all = new Map(lasting).set(SYSTEM_FILE, Buffer.from(JSON.stringify(started)));
  checkRoom(started, all);
  return {
    system: started,
    files: [...all].map(([name, bytes]) => ({ name, bytes })),
    measure: async () => measurementsOf(system, lasting, await loadHash()),
    wantsSecret: usesFile(system, SECRET_FILE),
    folder,
    disks: disks.map((disk) => ({ ...disk, file: resolve(folder, disk.file) })),
    networks,
    terminal,
    ...(display === undefined ? {} : { display }),
    ...(commandGuest === undefined ? {} : { commandGuest }),
  };
}

/** With the files that follow from all others: the same for the same composition. */
export async function lastingFiles(system: ResolvedSystem, files: ReadonlyMap<string, Uint8Array>): Promise<ReadonlyMap<string, Uint8Array>> {
  const lasting = new Map(files).set(SYSTEM_FILE, Buffer.from(JSON.stringify(system)));
  if (usesFile(system, MEASUREMENTS_FILE)) lasting.set(MEASUREMENTS_FILE, Buffer.from(formatMeasurements(measurementsOf(system, lasting, await loadHash()))));
  return lasting;
}

const usesFile = (system: ResolvedSystem, name: string): boolean => system.components.some(({ uses }) => uses.some((use) => use.kind === "file" && use.file === name));

/** Everything that is mapped at its place. @param more names of files that are not built yet */
function placed(system: ResolvedSystem, files: ReadonlyMap<string, Uint8Array>, more: readonly string[] = []): ResolvedSystem {
  const listBytes = usesFile(system, MEASUREMENTS_FILE) ? measurementsBytes(system, [...files.keys(), ...more]) : 0;
  return placeUses(system, (file) => (file === MEASUREMENTS_FILE ? listBytes : file === SECRET_FILE ? SECRET_BYTES : files.get(file)?.length));
}

function withSeeds(system: ResolvedSystem, seed: (guest: string) => JsonValue): ResolvedSystem {
  return { ...system, components: system.components.map((component) => (component.guest === undefined ? component : { ...component, args: { ...Object(component.args), seed: seed(component.guest) } })) };
}

/** The files that the machine is started with: the secret is in memory from here on, and in no image before. */
export function withSecret({ files, wantsSecret }: Pick<Appliance, "files" | "wantsSecret">, secret: Uint8Array | undefined): readonly BootFile[] {
  return wantsSecret && secret !== undefined ? [...files, { name: SECRET_FILE, bytes: secret }] : files;
}

/** The composition in which a guest runs the command, and its end is the appliance's end. */
function withCommand({ system, files: built, guests }: Composition, { command, guest }: ExecRequest): { readonly system: ResolvedSystem; readonly files: Map<string, Uint8Array>; readonly commandGuest: string | undefined } {
  const names = guests.map((candidate) => candidate.guest);
  if (guest !== undefined && !names.includes(guest)) throw failure(FailureCode.exec, `there is no guest '${guest}' to run the command`, { fix: `one of: ${names.join(", ") || "(the appliance has no guest)"}` });
  if (guest === undefined && names.length > 1) throw failure(FailureCode.exec, "the appliance has several guests: which is to run the command?", { fix: `--guest ${names.join(" | --guest ")}` });
  const chosen = guests.find((candidate) => candidate.guest === (guest ?? names[0]));
  if (chosen === undefined) throw failure(FailureCode.exec, "the appliance has no guest that could run a command", { fix: "run it without --exec" });
  if (chosen.kind === "own") throw failure(FailureCode.exec, `guest '${chosen.guest}' has an image of your own, which knows nothing of --exec`, { fix: "only the kit's guests (image: linux or bare) run commands" });
  const { cmdline, archive, reportsReady } = execParts(chosen.kind, command);
  const files = new Map(built), file = `guest/${chosen.guest}.exec`;
  if (archive !== undefined) files.set(file, archive);
  const more = archive === undefined ? [] : [{ name: "initrdExtra", kind: "file", file, address: 0, bytes: 0 } as const];
  const components = system.components.map((component) => {
    if (component.guest !== chosen.guest) return { ...component, essential: false };
    const args: { readonly cmdline?: unknown } = Object(component.args);
    return { ...component, essential: true, uses: [...component.uses, ...more], args: { ...args, input: false, cmdline: `${String(args.cmdline ?? "")} ${cmdline}`.trim() } };
  });
  const changed = placed({ ...system, components }, files);
  // Where measurements are used, the list of them has become longer, and programs are told how long it is.
  for (const { program, uses } of changed.components) {
    const bytes = program.kind === "machine" ? files.get(program.file) : undefined;
    const wired = bytes === undefined ? undefined : patchUses(bytes, useRecords(uses));
    if (wired?.ok) files.set(program.file, wired.value);
  }
  return { system: changed, files, commandGuest: reportsReady ? chosen.guest : undefined };
}

/** What a guest that goes on from a snapshot has in its memory. That it has firmware, too, says what its harts are, so that stays. */
const BOOT_FILES = new Set(["kernel", "initrd"]);

/** The composition in which these guests go on from snapshots: without what they would be booted from. */
function withRestored({ system, files: built }: Composition, guests: readonly string[]): Pick<Composition, "system"> & { readonly files: Map<string, Uint8Array> } {
  const names = system.components.flatMap(({ guest }) => guest ?? []);
  for (const guest of guests) if (!names.includes(guest)) throw failure(FailureCode.snapshot, `the snapshot is of a guest '${guest}', which the appliance has not`, { fix: `its guests: ${names.join(", ") || "none"}` });
  const components = system.components.map((component) => {
    if (!guests.includes(component.guest ?? "")) return component;
    const uses = component.uses.filter((use) => use.kind !== "file" || !BOOT_FILES.has(use.name));
    return { ...component, uses, args: { ...Object(component.args), restore: true } as JsonValue };
  });
  const used = new Set(components.flatMap(({ uses }) => uses.flatMap((use) => (use.kind === "file" ? use.file : []))));
  const dropped = new Set(system.components.flatMap(({ guest, uses }) => (guest === undefined ? [] : uses.flatMap((use) => (use.kind === "file" && BOOT_FILES.has(use.name) && !used.has(use.file) ? use.file : [])))));
  const files = new Map([...built].filter(([name]) => !dropped.has(name)));
  return { system: placed({ ...system, components }, files), files };
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
