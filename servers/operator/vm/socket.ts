// Sockets of a run's own. Unix sockets are made for the owner alone, or for whoever can come to their folder, and taken over from a run that left one behind, but not from one that lives.
import { chmodSync, lstatSync, rmSync } from "node:fs";
import { connect, type AddressInfo, type ListenOptions, type Server } from "node:net";
import { FailureCode, failure, textOf, type Failure } from "../failure.ts";

/** Longest path of a Unix socket. Source: unix(7), sun_path. */
const MOST_PATH = 107;

const LOOPBACK = "127.0.0.1";

/** @param what it is, for messages. @throws Failure when it cannot be had */
export const listenAlone = (server: Server, path: string, what: string): Promise<void> => listenAt(server, path, what, 0o600);
/** The same, for all whom its folder lets come to it. */
export const listenShared = (server: Server, path: string, what: string): Promise<void> => listenAt(server, path, what, 0o666);

async function listenAt(server: Server, path: string, what: string, mode: number): Promise<void> {
  const says = (cause: string, fix?: string) => unavailable(`there is no ${what} at ${path}`, cause, fix);
  if (Buffer.byteLength(path) > MOST_PATH) throw says(`the path is longer than ${MOST_PATH} bytes`, "name a shorter one");
  if (await isAnswered(path)) throw says("somebody listens there", "stop that run, or name another socket");
  if (isSocket(path)) rmSync(path);
  // For its owner alone from the beginning: others could come between making and changing it.
  const before = process.umask(0o177);
  try {
    await listening(server, { path });
  } catch (error) {
    throw says(textOf(error));
  } finally {
    process.umask(before);
  }
  chmodSync(path, mode);
}

/** At a port of this computer that only its own users reach. @param port 0: any that is free. @returns the port. @throws Failure when it cannot be had */
export async function listenLoopback(server: Server, port: number, what: string): Promise<number> {
  try {
    await listening(server, { host: LOOPBACK, port, exclusive: true });
  } catch (error) {
    throw unavailable(`there is no ${what} at port ${port}`, textOf(error), "name another port, or 0 for any that is free");
  }
  return (server.address() as AddressInfo).port;
}

const unavailable = (says: string, cause: string, fix?: string): Failure => failure(FailureCode.control, says, { cause, ...(fix === undefined ? {} : { fix }) });

function listening(server: Server, where: ListenOptions): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, () => {
      server.off("error", reject);
      resolve();
    });
  });
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
