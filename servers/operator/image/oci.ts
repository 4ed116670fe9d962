// The OCI image layout as we write it: one manifest whose first layer describes the image and whose others hold a boot file each, so that images share the files that they have in
// common. Every document is canonical JSON, so that the same image is the same bytes; what is read must be what would be written.
// Source: OCI Image Format Specification 1.0: image-layout.md, manifest.md, config.md, descriptor.md.
import { z } from "zod";
import { canonicalBytes, parseCanonical } from "../../../caps/image/canonical.ts";
import type { JsonValue } from "../../../caps/image/system.ts";

export const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar";
const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";

export const LAYOUT_FILE = "oci-layout";
export const INDEX_FILE = "index.json";
export const LAYOUT_BYTES = canonicalBytes({ imageLayoutVersion: "1.0.0" });

/** sha256: and 64 digits. */
export const DIGEST = /^sha256:[0-9a-f]{64}$/;
/** What we hash and hold at once; also what Node reads at once. */
const MAX_BLOB = 2 ** 31 - 1;

const TITLE = "org.opencontainers.image.title";
const VERSION = "org.opencontainers.image.version";
const REF = "org.opencontainers.image.ref.name";

const size = z.int().min(0).max(MAX_BLOB);
const digest = z.string().regex(DIGEST);
const manifestShape = z.strictObject({
  schemaVersion: z.literal(2),
  mediaType: z.literal(MANIFEST_TYPE),
  config: z.strictObject({ mediaType: z.literal(CONFIG_TYPE), digest, size }),
  layers: z.array(z.strictObject({ mediaType: z.literal(LAYER_TYPE), digest, size, annotations: z.strictObject({ [TITLE]: z.string() }) })).min(1).max(4096),
  annotations: z.strictObject({ [TITLE]: z.string(), [VERSION]: z.string() }),
});
const configShape = z.strictObject({
  architecture: z.literal("riscv64"),
  os: z.literal("bailiwick"),
  created: z.iso.datetime(),
  config: z.strictObject({ Labels: z.record(z.string(), z.string()) }),
  rootfs: z.strictObject({ type: z.literal("layers"), diff_ids: z.array(digest) }),
});

export type OciManifest = z.infer<typeof manifestShape>;
export type OciConfig = z.infer<typeof configShape>;

export interface Blob {
  readonly digest: string;
  readonly size: number;
}

export interface NamedLayer extends Blob {
  /** What is in it. */
  readonly title: string;
}

interface Named {
  readonly name: string;
  readonly version: string;
}

/** The config's bytes: what other tools show of an image. @param created ISO 8601 */
export function configBytes({ name, version, kit, created, layers }: Named & { readonly kit: string; readonly created: string; readonly layers: readonly Blob[] }): Uint8Array {
  return canonicalBytes({
    architecture: "riscv64",
    os: "bailiwick",
    created,
    config: { Labels: { [TITLE]: name, [VERSION]: version, "bailiwick.version": kit } },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.digest) },
  });
}

export function manifestBytes({ name, version, config, layers }: Named & { readonly config: Blob; readonly layers: readonly NamedLayer[] }): Uint8Array {
  return canonicalBytes({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: CONFIG_TYPE, digest: config.digest, size: config.size },
    layers: layers.map((layer) => ({ mediaType: LAYER_TYPE, digest: layer.digest, size: layer.size, annotations: { [TITLE]: layer.title } })),
    annotations: { [TITLE]: name, [VERSION]: version },
  });
}

/** The index of a layout that holds this image alone. */
export function indexBytes({ version, manifest }: { readonly version: string; readonly manifest: Blob }): Uint8Array {
  const { digest: its, size: bytes } = manifest;
  return canonicalBytes({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [{ mediaType: MANIFEST_TYPE, digest: its, size: bytes, annotations: { [REF]: version } }] });
}

/** undefined: these bytes are no manifest of ours. */
export const parseOciManifest = (bytes: Uint8Array): OciManifest | undefined => shaped(manifestShape, parseCanonical(bytes));
export const parseOciConfig = (bytes: Uint8Array): OciConfig | undefined => shaped(configShape, parseCanonical(bytes));
export const titleOf = (annotations: { readonly [TITLE]: string }): string => annotations[TITLE];
export const versionOf = ({ annotations }: OciManifest): string => annotations[VERSION];

/** The value itself, not a copy whose members stand in the shape's order. */
export function shaped<S extends z.ZodType>(shape: S, value: JsonValue | undefined): z.infer<S> | undefined {
  return value !== undefined && shape.safeParse(value).success ? (value as z.infer<S>) : undefined;
}

/** The manifest that an index names, whoever wrote the index: for what is not checked by a signature. undefined: it names none, or several. */
export function manifestInIndex(bytes: Uint8Array): string | undefined {
  const anyIndex = z.object({ manifests: z.array(z.object({ digest })).length(1) });
  try {
    return anyIndex.parse(JSON.parse(Buffer.from(bytes).toString("utf8"))).manifests[0]?.digest;
  } catch {
    return undefined;
  }
}
