// bailiwick build: an appliance as an image that can be copied, signed, compared, and run elsewhere.
import { join } from "node:path";
import { formatSize } from "../../../caps/manifest/units.ts";
import { loadManifest } from "../load.ts";
import { ExitStatus } from "../failure.ts";
import { buildImage, creationTime } from "../image/build.ts";
import { holds, writeLayout } from "../image/layout.ts";
import { LOCK_NAME, inputsOf, readLock, requireLocked, writeLock } from "../image/lock.ts";
import { INDEX_FILE } from "../image/oci.ts";
import { showProgress } from "../progress.ts";
import { onlyTarget, parseOptions, type Command } from "./command.ts";

const OPTIONS = { output: { type: "string", short: "o" }, locked: { type: "boolean" }, json: { type: "boolean" }, quiet: { type: "boolean", short: "q" } } as const;

export const build: Command = {
  summary: "build an appliance as an image to be signed, copied and run",
  help: `Usage: bailiwick build [OPTIONS] [DIR | MANIFEST]

Writes an OCI image layout, a folder that skopeo and others can copy: each boot file a
layer, with what it says of itself (appliance.json), what it comes to (report.json) and
what is in it (sbom.spdx.json). The same sources make the same image, byte for byte,
wherever and whenever it is built. ${LOCK_NAME}, beside the manifest, says what went in.

  -o, --output F  the image's folder; by default NAME.oci here. An image that is there
                  is replaced
  --locked        refuse to build anything but what ${LOCK_NAME} has, and say what is
                  not the same: status 3
  --json          what was built, as JSON
  -q, --quiet     no progress

SOURCE_DATE_EPOCH says when its documents were made; by default 1970.
Then: bailiwick sign, bailiwick inspect, bailiwick run IMAGE.`,
  async run(args) {
    const { values, positionals } = parseOptions(args, OPTIONS);
    const progress = showProgress(process.stderr, values.quiet === true || values.json === true);
    const loaded = loadManifest(onlyTarget(positionals));
    const locked = values.locked === true ? readLock(loaded.path) : undefined;
    if (locked !== undefined) requireLocked(locked, await inputsOf(loaded));
    const { name, version, digest, top, blobs, lock } = await buildImage(loaded, creationTime(), { onStep: progress.step, ...(values.json === true ? {} : { onNote: progress.note }) });
    if (locked !== undefined) requireLocked(locked, lock);
    progress.step("writing the image");
    const folder = values.output ?? `${name}.oci`;
    // The same image again keeps its signatures.
    const same = holds(join(folder, INDEX_FILE), top.get(INDEX_FILE) ?? new Uint8Array(0)) && [...blobs].every(([blob, bytes]) => holds(join(folder, "blobs", ...blob.split(":")), bytes));
    if (!same) writeLayout(folder, top, blobs);
    if (locked === undefined) writeLock(loaded.path, lock);
    progress.done();
    const bytes = [...blobs.values()].reduce((sum, blob) => sum + blob.length, 0);
    if (values.json === true) process.stdout.write(`${JSON.stringify({ image: folder, name, version, digest, bytes, changed: !same })}\n`);
    else process.stdout.write(`${folder}: ${name} ${version}, ${formatSize(Math.ceil(bytes / 1024) * 1024)}${same ? ", as it was" : ""}\n${digest}\n`);
    return ExitStatus.ok;
  },
};
