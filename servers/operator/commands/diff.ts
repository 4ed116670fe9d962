// bailiwick diff: what one image may do that another may not, then everything else.
import { differences, type Change } from "../../../caps/graph/difference.ts";
import { systemReport, type SystemReport } from "../../../caps/graph/report.ts";
import { canonicalText } from "../../../caps/image/canonical.ts";
import type { JsonValue } from "../../../caps/image/system.ts";
import { composeAppliance, lastingFiles } from "../appliance.ts";
import { showable } from "../events.ts";
import { ExitStatus, usageError } from "../failure.ts";
import { loadManifest } from "../load.ts";
import { isImage, sha256 } from "../image/layout.ts";
import { openImage } from "../image/open.ts";
import { showProgress } from "../progress.ts";
import { parseOptions, type Command } from "./command.ts";

export const diff: Command = {
  summary: "compare two images: first what they may do, then what is in them",
  help: `Usage: bailiwick diff [--json] BEFORE AFTER

Each is an image, or a manifest or its folder, which is built. Shown are, in this order:
what components hold, what they could come to hold if every program were hostile, claims,
components, their settings, what of this computer is used, and boot files that differ.

  --json  the changes as JSON

Exit status: 0 they are the same, 1 they differ. Signatures are not looked at.`,
  async run(args) {
    const { values, positionals } = parseOptions(args, { json: { type: "boolean" } });
    const [before, after, ...more] = positionals;
    if (before === undefined || after === undefined) throw usageError("diff needs two images");
    if (more.length > 0) throw usageError(`'${more[0]}' is one argument too many`);
    const progress = showProgress(process.stderr, values.json === true);
    const [a, b] = [await sideOf(before, progress.step), await sideOf(after, progress.step)];
    progress.done();
    const changes: readonly AnyChange[] = [...differences(a.report, b.report), ...entries("computer", a.computer, b.computer), ...entries("file", a.files, b.files)];
    if (values.json === true) process.stdout.write(`${JSON.stringify({ same: changes.length === 0, changes })}\n`);
    else process.stdout.write(showable(changes.map(({ of, sign, says }) => `${sign} ${of}: ${says}\n`).join("")));
    return changes.length === 0 ? ExitStatus.ok : ExitStatus.failed;
  },
};

type AnyChange = Change | { readonly of: "computer" | "file"; readonly sign: Change["sign"]; readonly says: string };

interface Side {
  readonly report: SystemReport;
  /** What of this computer it uses, by device. */
  readonly computer: ReadonlyMap<string, string>;
  /** Digests of boot files. */
  readonly files: ReadonlyMap<string, string>;
}

async function sideOf(target: string, onStep: (what: string) => void): Promise<Side> {
  if (isImage(target)) {
    onStep(`reading ${target}`);
    const { report, description, files } = await openImage(target, []);
    return { report, computer: computerOf(description), files: digests(files) };
  }
  const composition = await composeAppliance(loadManifest(target), { onStep });
  return { report: systemReport(composition.system), computer: computerOf(composition), files: digests(await lastingFiles(composition.system, composition.files)) };
}

const digests = (files: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, string> => new Map([...files].map(([name, bytes]) => [name, `sha256:${sha256(bytes)}`]));

interface Connected {
  readonly disks: readonly { readonly device: string }[];
  readonly networks: readonly { readonly device: string }[];
  readonly terminal: string;
  readonly display?: object | undefined;
}

function computerOf({ disks, networks, terminal, display }: Connected): ReadonlyMap<string, string> {
  const text = (value: object): string => canonicalText(value as JsonValue);
  const behind = [...disks, ...networks].map(({ device, ...what }): [string, string] => [device, text(what)]);
  return new Map([...behind, ["terminal", terminal], ...(display === undefined ? [] : [["display", text(display)] as const])]);
}

function entries(of: "computer" | "file", before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): AnyChange[] {
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((name): AnyChange[] => {
    const [was, is] = [before.get(name), after.get(name)];
    if (was === is) return [];
    if (was === undefined) return [{ of, sign: "+", says: `${name} ${is}` }];
    return is === undefined ? [{ of, sign: "-", says: `${name} ${was}` }] : [{ of, sign: "~", says: `${name} ${is}, before ${was}` }];
  });
}
