// An image's folder → an appliance to run. In this order, and nothing before what stands above it:
//
//   OPEN-1  The signatures (signatures.ts), where keys are named.
//   OPEN-2  The manifest's own bytes, as JSON; then the digest and length of every blob that it names; then that index and layout are what belongs to it.
//   OPEN-3  Layers, documents and the system, all of them strictly: each must be what this kit would write for what it says.
//   OPEN-4  What must hold between them: every boot file is the one that was described, the report is what follows from the system, the system keeps the resolver's invariants.
//   OPEN-5  The claims: what was signed may be from a kit that checked them otherwise.
import { isAbsolute, join, relative, resolve } from "node:path";
import { parseCanonical, parseWritten, canonicalText } from "../../../caps/image/canonical.ts";
import { MEASUREMENTS_FILE, SECRET_BYTES, SECRET_FILE } from "../../../caps/image/measurements.ts";
import type { PublicKey } from "../../../caps/image/minisign.ts";
import { SYSTEM_FILE, type JsonValue, type ResolvedSystem } from "../../../caps/image/system.ts";
import { type ArchivedFile, readTar } from "../../../caps/image/tar.ts";
import { checkAssertions } from "../../../caps/graph/assertions.ts";
import { authorityGraph } from "../../../caps/graph/authority.ts";
import { systemReport, type SystemReport } from "../../../caps/graph/report.ts";
import { brokenInvariants } from "../../../caps/manifest/invariants.ts";
import type { DiskOrder } from "../../../caps/manifest/resolve.ts";
import type { TerminalDevice } from "../../../core/machine/board.ts";
import { finishAppliance, lastingFiles, type Appliance, type PrepareOptions } from "../appliance.ts";
import { withFile } from "../disks.ts";
import { ExitStatus, FailureCode, failure } from "../failure.ts";
import { findPackage } from "../package.ts";
import { kitResources } from "../resources.ts";
import { BOOT } from "./build.ts";
import { asDescription, asSystem, DESCRIPTION_FILE, descriptionShape, REPORT_FILE, SBOM_FILE, systemShape, type Description } from "./contents.ts";
import { imageFailure, readBlob, readPart, requireBlob, sha256 } from "./layout.ts";
import { INDEX_FILE, indexBytes, LAYOUT_BYTES, LAYOUT_FILE, manifestInIndex, parseOciConfig, parseOciManifest, shaped, titleOf, versionOf, type OciManifest } from "./oci.ts";
import { MAX_MANIFEST, verifySignatures, type SignedImage } from "./signatures.ts";

export interface OpenedImage {
  readonly folder: string;
  readonly digest: string;
  /** The bytes that are signed. */
  readonly manifest: Uint8Array;
  readonly description: Description;
  readonly system: ResolvedSystem;
  readonly report: SystemReport;
  readonly sbom: JsonValue;
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Of each boot file, with its name. */
  readonly layers: readonly { readonly title: string; readonly digest: string; readonly size: number }[];
  /** Absent: no key was named, and nobody vouches for it. */
  readonly signed?: SignedImage;
}

const MAX_INDEX = 2 ** 20;

/** The manifest that an image's index names, by nobody's word but the image's. Throws Failure. */
export function unsignedManifest(folder: string): { readonly digest: string; readonly manifest: Uint8Array } {
  const index = readPart(join(folder, INDEX_FILE), MAX_INDEX);
  const digest = index.bytes === undefined ? undefined : manifestInIndex(index.bytes);
  if (digest === undefined) throw imageFailure(`'${folder}' is no image of one appliance`, `${INDEX_FILE}: ${index.bytes === undefined ? index.problem : "it names no manifest, or several"}`);
  const part = readBlob(folder, { digest, limit: MAX_MANIFEST });
  if (part.bytes === undefined) throw imageFailure(`the image '${folder}' is not whole`, `its manifest, blob ${digest}: ${part.problem}`);
  return { digest, manifest: part.bytes };
}

/** Reads and checks everything. Throws Failure, which names what is wrong. @param keys none: signatures are not looked at */
export async function openImage(folder: string, keys: readonly PublicKey[], required?: number): Promise<OpenedImage> {
  const signed = keys.length === 0 ? undefined : await verifySignatures(folder, keys, required);
  const { digest, manifest: bytes } = signed ?? unsignedManifest(folder);
  const manifest = parseOciManifest(bytes);
  if (manifest === undefined) throw notOurs(folder, `its manifest, blob ${digest}, is not as 'bailiwick build' writes it`);
  const config = requireBlob(folder, manifest.config, "its configuration");
  const layers = manifest.layers.map((layer) => requireBlob(folder, layer, titleOf(layer.annotations)));
  if (signed !== undefined) checkAround(folder, indexBytes({ version: versionOf(manifest), manifest: { digest, size: bytes.length } }));
  const contents = parseContents(folder, manifest, config, layers);
  const { name, version } = contents.system;
  if (signed !== undefined && (signed.name !== name || signed.version !== version)) {
    throw imageFailure(`the image '${folder}' is not the one that was signed for`, `its signatures are for ${signed.name} ${signed.version}, and it is ${name} ${version}`);
  }
  const listed = manifest.layers.map((layer) => ({ title: titleOf(layer.annotations), digest: layer.digest, size: layer.size }));
  return { folder, digest, manifest: bytes, ...contents, layers: listed, ...(signed === undefined ? {} : { signed }) };
}

const notOurs = (folder: string, cause: string) => imageFailure(`the image '${folder}' cannot be used`, cause, "build it anew with this version of bailiwick");

/** Other tools find the manifest by these two: they must find the one that was signed. */
function checkAround(folder: string, index: Uint8Array): void {
  for (const [name, expected] of [[LAYOUT_FILE, LAYOUT_BYTES], [INDEX_FILE, index]] as const) {
    const part = readPart(join(folder, name), MAX_INDEX);
    if (part.bytes !== undefined && Buffer.from(part.bytes).equals(expected)) continue;
    const cause = part.bytes === undefined ? part.problem : "it is not what belongs to the manifest that was signed: it was altered, or another tool has written it";
    const fix = `copy the image anew from where it was built; where another tool has copied it, ${LAYOUT_FILE} and ${INDEX_FILE} are copied as they are, as the signatures`;
    throw imageFailure(`the image '${folder}' is not whole`, `${name}: ${cause}`, fix);
  }
}

type Contents = Pick<OpenedImage, "description" | "system" | "report" | "sbom" | "files">;

function parseContents(folder: string, manifest: OciManifest, configBytes: Uint8Array, layers: readonly Uint8Array[]): Contents {
  const refuse = (cause: string) => notOurs(folder, cause);
  const archive = (index: number): readonly ArchivedFile[] => {
    const read = readTar(layers[index] ?? new Uint8Array(0));
    if (typeof read === "string") throw refuse(`layer ${titleOf(manifest.layers[index]!.annotations)}: ${read}`);
    return read;
  };
  const config = parseOciConfig(configBytes);
  if (config === undefined || canonicalText(config.rootfs.diff_ids) !== canonicalText(manifest.layers.map(({ digest }) => digest))) throw refuse("its configuration is not the one of these layers");
  const documents = archive(0);
  if (documents.map(({ name }) => name).join() !== [DESCRIPTION_FILE, REPORT_FILE, SBOM_FILE].join()) throw refuse("its first layer is not its description");
  const [described, reported, sbom] = documents.map(({ bytes }) => parseCanonical(bytes));
  const shapedDescription = shaped(descriptionShape, described);
  if (shapedDescription === undefined) throw refuse(`${DESCRIPTION_FILE} is not a description of this version's`);
  const description = asDescription(shapedDescription);
  if (description.files.length !== layers.length - 1) throw refuse(`${DESCRIPTION_FILE} describes ${description.files.length} boot files, and there are ${layers.length - 1}`);
  const files = new Map<string, Uint8Array>();
  for (const [index, { name, bytes: length, sha256: hash }] of description.files.entries()) {
    const [file, ...more] = archive(index + 1);
    const isIt = file?.name === `${BOOT}${name}` && more.length === 0 && file.bytes.length === length && sha256(file.bytes) === hash;
    if (file === undefined || !isIt) throw refuse(`boot file ${name} is not the one that ${DESCRIPTION_FILE} describes`);
    if (files.has(name) || name === SECRET_FILE) throw refuse(`there cannot be a boot file ${name} here`);
    files.set(name, file.bytes);
  }
  const systemValue = parseWritten(files.get(SYSTEM_FILE) ?? new Uint8Array(0), JSON.stringify), shapedSystem = shaped(systemShape, systemValue);
  if (shapedSystem === undefined) throw refuse(`${SYSTEM_FILE} is not a system of this version's`);
  const system = asSystem(shapedSystem), report = systemReport(system);
  checkSystem(description, system, files, refuse);
  if (reported === undefined || canonicalText(reported) !== canonicalText(report as unknown as JsonValue)) throw refuse(`${REPORT_FILE} says other things of the system than what follows from it`);
  if (sbom === undefined) throw refuse(`${SBOM_FILE} is no canonical JSON`);
  return { description, system, report, sbom, files };
}

function checkSystem(description: Description, system: ResolvedSystem, files: ReadonlyMap<string, Uint8Array>, refuse: (cause: string) => Error): void {
  const { name, version, guests, disks, networks, terminal } = description;
  if (name !== system.name || version !== system.version) throw refuse(`${DESCRIPTION_FILE} and ${SYSTEM_FILE} are of different appliances`);
  const board = kitResources(findPackage(), new Map()).boards.get(system.board);
  if (board === undefined) throw refuse(`this kit has no board ${system.board}`);
  const wrong = [...brokenInvariants(system, board, (file) => (file === SECRET_FILE ? SECRET_BYTES : files.get(file)?.length))];
  const hosts = system.components.filter(({ guest }) => guest !== undefined).map((component) => component.name);
  if (guests.map(({ guest }) => guest).sort().join() !== hosts.sort().join()) wrong.push("its guests are not those that are described");
  for (const { device } of disks) if (!board.disks.includes(device)) wrong.push(`no disk can be behind ${device}`);
  for (const { device } of networks) if (!board.networks.includes(device)) wrong.push(`no network can be behind ${device}`);
  if (!board.terminals.includes(terminal)) wrong.push(`no terminal can be behind ${terminal}`);
  if (wrong.length > 0) throw refuse(wrong.join("\n"));
  const [broken] = checkAssertions(authorityGraph(system), system.assertions);
  if (broken === undefined) return;
  const cause = [`claim ${broken.index + 1}: ${broken.says}`, ...broken.path.map(({ says }) => says)].join("\n");
  throw failure(FailureCode.image, `${name} ${version} claims what does not hold`, { cause, status: ExitStatus.denied });
}

/** The appliance of an image, ready to run. @param given disks that the user has named, by device. Throws Failure. */
export async function applianceOf({ system, files, description }: OpenedImage, given: ReadonlyMap<string, string>, options: Pick<PrepareOptions, "exec" | "deterministic">): Promise<Appliance> {
  const { guests, disks, networks, terminal, display } = description;
  const built = new Map([...files].filter(([name]) => name !== SYSTEM_FILE && name !== MEASUREMENTS_FILE));
  // What follows from the others is made here again: an image whose own says other things is none that was built.
  for (const [name, bytes] of await lastingFiles(system, built)) {
    if (!Buffer.from(files.get(name) ?? []).equals(bytes)) throw imageFailure("the image cannot be used", `${name} does not follow from the other boot files`);
  }
  const folder = process.cwd();
  const composition = { system, files: built, guests, networks, terminal: terminal as TerminalDevice, disks: disks.map((disk) => placedDisk(disk, given, folder)) };
  return finishAppliance(display === undefined ? composition : { ...composition, display }, folder, options);
}

/** An image is given nothing of this computer's but what lies below the folder that one is in, or what the user names. */
function placedDisk(disk: DiskOrder, given: ReadonlyMap<string, string>, folder: string): DiskOrder {
  if (disk.mode === "memory") return disk;
  const named = given.get(disk.device);
  if (named !== undefined) return withFile(disk, resolve(folder, named));
  if (disk.image !== undefined) return disk;
  const inside = relative(folder, resolve(folder, disk.file));
  if (!inside.startsWith("..") && !isAbsolute(inside)) return disk;
  const fix = `if it is to have it: --disk ${disk.device}=${disk.file}`;
  throw failure(FailureCode.disk, `the image wants a disk for ${disk.device} from outside this folder`, { cause: disk.file, fix, status: ExitStatus.denied });
}
