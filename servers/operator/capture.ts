// --capture: what goes over network devices, in files for tcpdump and Wireshark, as it happens. A file that cannot be written any more ends the capture, not the run.
import { closeSync, openSync, writeSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { suggest } from "../../caps/manifest/nearest.ts";
import { pcapHeader, pcapRecord } from "../../core/host/pcap.ts";
import { FailureCode, failure, textOf, usageError } from "./failure.ts";

export interface Captures {
  /** A frame of this device, either way. */
  frame(device: string, frame: Uint8Array): void;
  close(): void;
}

/**
 * All of the files or none. What they hold is for this user alone.
 * @param wishes DEVICE=FILE each @param devices the appliance's that have a network @param note one line, when one ends before the run does
 * @throws Failure when a wish makes no sense, or a file cannot be opened
 */
export function openCaptures(wishes: readonly string[], devices: readonly string[], note: (text: string) => void): Captures {
  const files = new Map<string, { readonly path: string; readonly file: number }>();
  const close = (): void => {
    for (const { file } of files.values()) closeSync(file);
    files.clear();
  };
  const write = (device: string, bytes: Uint8Array): void => {
    const { path, file } = files.get(device)!;
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done);
    } catch (error) {
      files.delete(device);
      closeSync(file);
      note(`the capture of ${device} in ${path} ends: ${textOf(error)}`);
    }
  };
  for (const [device, path] of wishes.map((wish) => parseWish(wish, devices))) {
    try {
      if (files.has(device)) throw usageError(`--capture ${device} is there twice`);
      files.set(device, { path, file: open(path) });
      write(device, pcapHeader());
    } catch (error) {
      close();
      throw error;
    }
  }
  return {
    frame: (device, frame) => void (files.has(device) && write(device, pcapRecord(frame, performance.timeOrigin + performance.now()))),
    close,
  };
}

function parseWish(wish: string, devices: readonly string[]): readonly [device: string, path: string] {
  const [, device = "", path = ""] = /^([^=]*)=(.+)$/.exec(wish) ?? [];
  if (path === "") throw usageError(`--capture ${wish} says not which device into which file`, "such as --capture net0=frames.pcap");
  if (devices.length === 0) throw usageError("--capture shows what goes over a network, and the appliance has none", "in its manifest: platform.networks: { net0: { user: {} } }");
  if (!devices.includes(device)) throw usageError(`--capture: the appliance has no network at '${device}'`, suggest(device, devices));
  return [device, path];
}

function open(path: string): number {
  try {
    return openSync(path, "w", 0o600);
  } catch (error) {
    throw failure(FailureCode.capture, `the capture cannot be written to '${path}'`, { cause: textOf(error), fix: "name a file in a folder that exists and that you may write to" });
  }
}
