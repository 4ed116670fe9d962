// What `bailiwick run` runs: a manifest, which is built, or an image, which is checked; and the snapshots that its guests go on from.
import { resolve } from "node:path";
import { prepareAppliance, type Appliance, type PrepareOptions } from "../appliance.ts";
import { withFile } from "../disks.ts";
import { ExitStatus, FailureCode, failure, usageError } from "../failure.ts";
import { isImage } from "../image/layout.ts";
import { applianceOf, openImage } from "../image/open.ts";
import { admitVersion } from "../image/versions.ts";
import { openSnapshot, type Snapshot } from "../vm/snapshot.ts";
import { signersOf } from "./signers.ts";

/** By guest. @throws Failure when one is not what was saved */
export async function openSnapshots(folders: readonly string[]): Promise<ReadonlyMap<string, Snapshot>> {
  const snapshots = new Map<string, Snapshot>();
  for (const folder of folders) {
    const snapshot = await openSnapshot(folder);
    if (snapshots.has(snapshot.guest)) throw usageError(`--restore: two snapshots are of guest '${snapshot.guest}'`);
    snapshots.set(snapshot.guest, snapshot);
  }
  return snapshots;
}

interface Wanted {
  readonly key?: readonly string[] | undefined;
  readonly require?: string | undefined;
  readonly "allow-unsigned"?: boolean | undefined;
  readonly "allow-rollback"?: boolean | undefined;
  readonly disk?: readonly string[] | undefined;
}

/** An image is checked, and a manifest built. Throws Failure. */
export async function findAppliance(target: string, wanted: Wanted, options: PrepareOptions): Promise<Appliance> {
  const given = new Map((wanted.disk ?? []).map((text) => {
    const [, device, file] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
    if (device === undefined || file === undefined) throw usageError(`--disk ${text} says not which disk is where`, "such as --disk blk0=FILE");
    return [device, file] as const;
  }));
  const known = (disks: readonly { readonly device: string }[]): void => {
    const unknown = [...given.keys()].find((device) => !disks.some((disk) => disk.device === device));
    if (unknown !== undefined) throw usageError(`--disk: the appliance has no disk ${unknown}`, disks.map((disk) => disk.device).join(", ") || "it has none");
  };
  if (!isImage(target)) {
    const option = (["key", "require", "allow-unsigned", "allow-rollback"] as const).find((name) => wanted[name] !== undefined);
    if (option !== undefined) throw usageError(`--${option} is for images, and '${target}' is none`, "'bailiwick build' makes one");
    const appliance = await prepareAppliance(target, options);
    known(appliance.disks);
    return { ...appliance, disks: appliance.disks.map((disk) => (given.has(disk.device) ? withFile(disk, resolve(given.get(disk.device) ?? "")) : disk)) };
  }
  const { keys, required } = signersOf(wanted);
  if (keys.length === 0 && wanted["allow-unsigned"] !== true) {
    throw failure(FailureCode.image, `the image '${target}' is not run: nobody is named who vouches for it`, {
      fix: "the signer's public key: --key FILE.pub; while you develop it: --allow-unsigned",
      status: ExitStatus.verification,
    });
  }
  options.onStep?.(keys.length === 0 ? "checking the image" : "checking the image and its signatures");
  const image = await openImage(target, keys, required);
  if (image.signed === undefined) options.onNote?.(`nobody vouches for the image '${target}': --allow-unsigned`);
  known(image.description.disks);
  const appliance = await applianceOf(image, given, options);
  if (image.signed !== undefined) admitVersion(image.signed, wanted["allow-rollback"] === true);
  return appliance;
}
