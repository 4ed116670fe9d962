// An appliance → its image: the boot files as layers, what it says of itself, and the digests that hold all of it together. The same sources give the same bytes, wherever and whenever.
import { canonicalBytes } from "../../../caps/image/canonical.ts";
import type { JsonValue } from "../../../caps/image/system.ts";
import { writeTar, type ArchivedFile } from "../../../caps/image/tar.ts";
import { systemReport } from "../../../caps/graph/report.ts";
import { composeAppliance, finishAppliance, lastingFiles, type PrepareOptions } from "../appliance.ts";
import { usageError } from "../failure.ts";
import type { LoadedManifest } from "../load.ts";
import { DESCRIPTION_FILE, IMAGE_FORMAT, REPORT_FILE, SBOM_FILE, type Description } from "./contents.ts";
import { ingredientsOf, kitFiles } from "./ingredients.ts";
import { digestOf, sha256 } from "./layout.ts";
import { inputsOf, lockOf, type Lock } from "./lock.ts";
import { configBytes, INDEX_FILE, indexBytes, LAYOUT_BYTES, LAYOUT_FILE, manifestBytes, type NamedLayer } from "./oci.ts";
import { billOfMaterials } from "./sbom.ts";

export interface BuiltImage {
  readonly name: string;
  readonly version: string;
  /** Of its manifest: what is signed. */
  readonly digest: string;
  /** Files beside the blobs, by name. */
  readonly top: ReadonlyMap<string, Uint8Array>;
  /** By digest. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  readonly lock: Lock;
}

/** Where boot files are in an image. */
export const BOOT = "boot/";

/** @param created for the documents that must say when: ISO 8601 */
export async function buildImage(loaded: LoadedManifest, created: string, options: Pick<PrepareOptions, "onStep" | "onNote"> = {}): Promise<BuiltImage> {
  const inputs = await inputsOf(loaded);
  const composition = await composeAppliance(loaded, options);
  // Whether it fits is known here; an image that no machine can start is not written.
  await finishAppliance(composition, ".", { deterministic: true });
  options.onStep?.("laying out the image");
  const { system, guests, disks, networks, terminal, display } = composition;
  const files = await lastingFiles(system, composition.files);
  const { name, version } = system, kit = loaded.kit.version;
  const ingredients = ingredientsOf(loaded, composition), compiler = inputs.tools["riscv64-unknown-elf-gcc"];
  const description: Description = {
    format: IMAGE_FORMAT,
    name,
    version,
    kit,
    files: [...files].map(([file, bytes]) => ({ name: file, bytes: bytes.length, sha256: sha256(bytes) })),
    guests: guests.map(({ guest, kind }) => ({ guest, kind })),
    disks,
    networks,
    terminal,
    ...(display === undefined ? {} : { display: { width: display.width, height: display.height } }),
  };
  const sbom = billOfMaterials({ name, version, kit, created, files, kitFiles: kitFiles(loaded.resolution, composition), ingredients, ...(compiler === undefined ? {} : { compiler }) });
  const blobs = new Map<string, Uint8Array>();
  const put = (bytes: Uint8Array): { readonly digest: string; readonly size: number } => {
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { digest, size: bytes.length };
  };
  const layer = (title: string, archived: readonly ArchivedFile[]): NamedLayer => ({ title, ...put(writeTar(archived)) });
  const document = (file: string, value: unknown): ArchivedFile => ({ name: file, bytes: canonicalBytes(value as JsonValue) });
  const layers = [
    layer(DESCRIPTION_FILE, [document(DESCRIPTION_FILE, description), document(REPORT_FILE, systemReport(system)), document(SBOM_FILE, sbom)]),
    ...[...files].map(([file, bytes]) => layer(file, [{ name: `${BOOT}${file}`, bytes }])),
  ];
  const config = put(configBytes({ name, version, kit, created, layers }));
  const manifest = put(manifestBytes({ name, version, config, layers }));
  const top = new Map([[LAYOUT_FILE, LAYOUT_BYTES], [INDEX_FILE, indexBytes({ version, manifest })]]);
  return { name, version, digest: manifest.digest, top, blobs, lock: lockOf(inputs, ingredients, files, manifest.digest) };
}

/** When an image says it was made: SOURCE_DATE_EPOCH, or the same moment always, or it would be another image each time. */
export function creationTime(env: NodeJS.ProcessEnv = process.env): string {
  const epoch = env["SOURCE_DATE_EPOCH"] ?? "0", seconds = Number(epoch);
  if (!/^\d{1,11}$/.test(epoch)) throw usageError(`SOURCE_DATE_EPOCH=${epoch} is no number of seconds since 1970`);
  return new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}
