// The bill of materials of an image, as SPDX has it: every boot file with its digests, and what others have made that is in them.
// Source: SPDX specification 2.3, clauses 6 to 11.
import { createHash } from "node:crypto";
import type { JsonValue } from "../../../caps/image/system.ts";
import type { Ingredient } from "./ingredients.ts";
import { sha256 } from "./layout.ts";

export interface Materials {
  readonly name: string;
  readonly version: string;
  /** Version of the kit that built it. */
  readonly kit: string;
  readonly compiler?: string;
  /** ISO 8601, without fractions of a second. */
  readonly created: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Those that are built from the kit's own sources. */
  readonly kitFiles: readonly string[];
  readonly ingredients: readonly Ingredient[];
}

const NONE = "NOASSERTION";
const sha1 = (data: Uint8Array | string): string => createHash("sha1").update(data).digest("hex");
/** No component has a dot in its name, so no two boot files come to one id. */
const idOf = (kind: string, name: string): string => `SPDXRef-${kind}-${name.replaceAll("/", ".").replace(/[^A-Za-z0-9.-]/g, "-")}`;

export function billOfMaterials({ name, version, kit, compiler, created, files, kitFiles, ingredients }: Materials): JsonValue {
  const digests = [...files].map(([file, bytes]) => ({ file, sha1: sha1(bytes), sha256: sha256(bytes) }));
  const whole = sha256(Buffer.from(digests.map(({ file, sha256: digest }) => `${digest} ${file}\n`).join("")));
  const image = "SPDXRef-Image", ours = "SPDXRef-Package-Bailiwick";
  const relation = (from: string, how: string, to: string): JsonValue => ({ spdxElementId: from, relationshipType: how, relatedSpdxElement: to });
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `${name}-${version}`,
    documentNamespace: `https://spdx.org/spdxdocs/bailiwick-${name}-${version}-${whole}`,
    creationInfo: { created, creators: [`Tool: bailiwick-${kit}`] },
    packages: [
      {
        SPDXID: image,
        name,
        versionInfo: version,
        downloadLocation: NONE,
        filesAnalyzed: true,
        packageVerificationCode: { packageVerificationCodeValue: sha1(digests.map((entry) => entry.sha1).sort().join("")) },
        licenseConcluded: NONE,
        licenseDeclared: NONE,
        licenseInfoFromFiles: [NONE],
        copyrightText: NONE,
        primaryPackagePurpose: "OPERATING_SYSTEM",
      },
      { ...plainPackage(ours, "Bailiwick", kit, "MIT"), primaryPackagePurpose: "OPERATING_SYSTEM" },
      ...(compiler === undefined ? [] : [plainPackage("SPDXRef-Package-gcc", "gcc-riscv64-unknown-elf", compiler, "GPL-3.0-or-later WITH GCC-exception-3.1")]),
      ...ingredients.map(({ title, version: its, licence, from, sha256: checksumValue }) => ({
        ...plainPackage(idOf("Package", title), title, its, licence),
        sourceInfo: from,
        checksums: [{ algorithm: "SHA256", checksumValue }],
      })),
    ],
    files: digests.map((entry) => ({
      SPDXID: idOf("File", entry.file),
      fileName: `./boot/${entry.file}`,
      checksums: [{ algorithm: "SHA1", checksumValue: entry.sha1 }, { algorithm: "SHA256", checksumValue: entry.sha256 }],
      licenseConcluded: NONE,
      licenseInfoInFiles: [NONE],
      copyrightText: NONE,
    })),
    relationships: [
      relation("SPDXRef-DOCUMENT", "DESCRIBES", image),
      ...digests.map(({ file }) => relation(image, "CONTAINS", idOf("File", file))),
      ...kitFiles.map((file) => relation(idOf("File", file), "GENERATED_FROM", ours)),
      ...(compiler === undefined ? [] : [relation("SPDXRef-Package-gcc", "BUILD_TOOL_OF", image)]),
      ...ingredients.flatMap(({ title, files: inside, how }) => inside.map((file) => relation(idOf("File", file), how, idOf("Package", title)))),
    ],
  };
}

function plainPackage(id: string, name: string, version: string, licence: string) {
  return { SPDXID: id, name, versionInfo: version, downloadLocation: NONE, filesAnalyzed: false, licenseConcluded: licence, licenseDeclared: licence, copyrightText: NONE };
}
