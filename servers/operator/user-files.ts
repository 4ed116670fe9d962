// Files that a manifest names.
import { readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { FailureCode, failure, textOf } from "./failure.ts";

/** A file of the user's, as the manifest names it: relative to the manifest's folder. */
export function userFile(folder: string, path: string): string {
  return isAbsolute(path) ? path : join(folder, path);
}

/** Reads a file that a manifest names. @param owner for the message: what it is for */
export function readUserFile(path: string, owner: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const cause = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : code === "EACCES" ? "it may not be read" : textOf(error);
    throw failure(FailureCode.noFile, `${owner} cannot be read`, { cause: `${path}: ${cause}` });
  }
}
