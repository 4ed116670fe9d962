// Programs of a manifest that are no components: carried in the boot image as files, for components to read. No use is written into them, since nobody
// has started them yet: who does, hands them what they need.
import { carriedFile } from "../image/files.ts";
import type { ResolvedUse } from "../image/system.ts";
import type { Image, Manifest } from "./schema.ts";

/** A program to be built and put into the boot image as it is. */
export interface CarriedProgram {
  readonly name: string;
  /** Name of the boot file. */
  readonly file: string;
  readonly image: Image;
  /** It may hold no instruction that reads a clock. */
  readonly confined: boolean;
  /** The components that it is mapped into; none: it is not wanted in the image. */
  readonly users: readonly string[];
}

export function carriedPrograms({ programs }: Manifest, uses: ReadonlyMap<string, readonly ResolvedUse[]>): CarriedProgram[] {
  return Object.entries(programs).map(([name, { image, confined }]) => {
    const file = carriedFile(name);
    const users = [...uses].filter(([, list]) => list.some((use) => use.kind === "file" && use.file === file)).map(([component]) => component);
    return { name, file, image, confined, users };
  });
}
