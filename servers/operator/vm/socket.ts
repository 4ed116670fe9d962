// Unix sockets of a run's own: made for the owner alone, and taken over from a run that left one behind, but not from one that lives.
import { chmodSync, lstatSync, rmSync } from "node:fs";
import { connect, type Server } from "node:net";
import { FailureCode, failure, textOf } from "../failure.ts";

/** Longest path of a Unix socket. Source: unix(7), sun_path. */
const MOST_PATH = 107;

/** @param what it is, for messages. @throws Failure when it cannot be had */
export async function listenAlone(server: Server, path: string, what: string): Promise<void> {
  const says = (cause: string, fix?: string) => failure(FailureCode.control, `there is no ${what} at ${path}`, { cause, ...(fix === undefined ? {} : { fix }) });
  if (Buffer.byteLength(path) > MOST_PATH) throw says(`the path is longer than ${MOST_PATH} bytes`, "name a shorter one");
  if (await isAnswered(path)) throw says("somebody listens there", "stop that run, or name another socket");
  if (isSocket(path)) rmSync(path);
  // For its owner alone from the beginning: others could come between making and changing it.
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (error) {
    throw says(textOf(error));
  } finally {
    process.umask(before);
  }
  chmodSync(path, 0o600);
}

function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    return false;
  }
}

/** Whether somebody answers there; a socket that was left behind is nobody's. */
export function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
