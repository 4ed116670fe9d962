// One image is opened for writing at most once: within a process on any system, on the whole host on Linux.
import { createServer } from "node:net";
import { codeOf, DiskError } from "./disk-error.ts";

const writers = new Set<string>();

/**
 * Claims an image for writing; what is returned gives it up. @param identity device and inode: other paths to the same file are the same image.
 * Across processes the claim is a socket in Linux's abstract namespace, that is one without a file: the system frees it with its process, even a
 * killed one, so there is no stale lock and no guess about process numbers. It does not reach into other network namespaces (containers).
 */
export async function lockForWriting(path: string, identity: string, what = "disk image"): Promise<() => void> {
  const taken = (who: string): DiskError => new DiskError(`${what} '${path}' is already open for writing in ${who}: close it there, or open it here in mode overlay when that has ended`);
  if (writers.has(identity)) throw taken("this process");
  writers.add(identity);
  if (process.platform !== "linux") return () => void writers.delete(identity);
  // Who connects learns nothing and is gone.
  const server = createServer((socket) => socket.destroy()).unref();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen({ path: `\0bailiwick-disk-${identity}`, exclusive: true }, resolve);
    });
  } catch (error) {
    writers.delete(identity);
    throw codeOf(error) === "EADDRINUSE" ? taken(`another process (see 'fuser ${path}')`) : error;
  }
  return () => {
    writers.delete(identity);
    server.close();
  };
}
