// A small appliance as an image in a folder, and keys to sign it with.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadManifest } from "../../servers/operator/load.ts";
import { buildImage, type BuiltImage } from "../../servers/operator/image/build.ts";
import { makeKeyPair, type KeyPair } from "../../servers/operator/image/keys.ts";
import { writeLayout } from "../../servers/operator/image/layout.ts";
import { unsignedManifest } from "../../servers/operator/image/open.ts";
import { signImage } from "../../servers/operator/image/signatures.ts";
import { manifestWith } from "./appliance-run.ts";

export const CREATED = "1970-01-01T00:00:00Z";

const GREETER = (text: string): string => `#include <bailiwick.h>\nBW_USE(console);\nint main(void) { bw_console_open(bw_use_console.cap); bw_printf("${text}\\n"); return 3; }\n`;

/** A manifest that prints a line and ends with status 3. @param more behind the component's own settings */
export const greeterManifest = (version = "0.1.0", more = ""): string => manifestWith({ greeter: `{ image: { c: greeter.c }, use: { console: console.console }, essential: true${more} }` }).replace("name: test\nversion: 0.1.0", `name: greeter\nversion: ${version}`);

export interface ImageBed {
  readonly folder: string;
  /** Where an appliance's sources were written. */
  sources(name: string, manifest: string, text?: string): string;
  /** Builds what is in a folder. */
  build(source: string): Promise<BuiltImage>;
  /** The same, written. */
  image(source: string, name: string): Promise<string>;
  sign(image: string, pair: KeyPair, as: BuiltImage): Promise<string>;
  [Symbol.dispose](): void;
}

export function imageBed(): ImageBed {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-image-"));
  const bed: ImageBed = {
    folder,
    sources(name, manifest, text = "hello from an image") {
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, "appliance.yaml"), manifest);
      writeFileSync(join(folder, name, "greeter.c"), GREETER(text));
      return join(folder, name);
    },
    build: (source) => buildImage(loadManifest(source), CREATED),
    async image(source, name) {
      const { top, blobs } = await bed.build(source);
      writeLayout(join(folder, name), top, blobs);
      return join(folder, name);
    },
    sign: (image, pair, { name, version, digest }) => signImage(image, { name, version, digest }, unsignedManifest(image).manifest, pair.secret),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
  return bed;
}

export { makeKeyPair, type KeyPair };
