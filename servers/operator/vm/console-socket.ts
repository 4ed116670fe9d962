// The machine's serial line at a Unix socket, and in a log: whoever attaches sees what was said last and what is said from then on, and types; who detaches loses nothing, since the log has it all.
//
//   C1  Nobody who reads slowly or not at all holds the machine up, or costs memory without bound: he is cut off, told so, and can attach again.
//   C2  The log is written before anybody is told, and is never longer than twice LOG_BYTES: its older half is kept beside it.
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import type { ConsoleBackend } from "../../../core/host/backend.ts";
import { FailureCode, failure, textOf } from "../failure.ts";
import { listenAlone } from "./socket.ts";

const LOG_BYTES = 16 * 1024 * 1024;
/** What somebody who attaches sees of the past. */
const PAST_BYTES = 16 * 1024;
/** Of a reader's that he has not taken. */
const MOST_BEHIND = 1024 * 1024;
const MOST_READERS = 16;

export interface ConsoleSocket extends ConsoleBackend {
  close(): void;
}

/** @throws Failure when the socket or the log cannot be made */
export async function openConsoleSocket(path: string, log: string): Promise<ConsoleSocket> {
  const listeners: ((bytes: Uint8Array) => void)[] = [];
  const readers = new Set<Socket>();
  const file = openLog(log);
  let past = Buffer.from(lastOf(log));
  const server = createServer((socket) => {
    if (readers.size >= MOST_READERS) return void socket.end(`\r\n[${MOST_READERS} are attached already]\r\n`);
    readers.add(socket);
    socket.write(past);
    socket.on("data", (bytes) => listeners.forEach((listener) => listener(Uint8Array.from(bytes))));
    socket.on("error", () => undefined);
    socket.on("close", () => readers.delete(socket));
  });
  try {
    await listenAlone(server, path, "console");
  } catch (error) {
    file.close();
    throw error;
  }
  server.unref();
  let closed = false;
  return {
    ready: () => true,
    onDrained: () => undefined,
    onInput: (callback) => void listeners.push(callback),
    write(bytes) {
      if (closed) return;
      file.write(bytes);
      past = Buffer.concat([past, bytes]).subarray(-PAST_BYTES);
      for (const reader of readers) {
        if (reader.writableLength > MOST_BEHIND) {
          readers.delete(reader);
          reader.destroy();
        } else reader.write(Uint8Array.from(bytes));
      }
    },
    close() {
      if (closed) return;
      closed = true;
      server.close();
      for (const reader of readers) reader.end();
      file.close();
      rmSync(path, { force: true });
    },
  };
}

function lastOf(path: string): Uint8Array {
  try {
    return readFileSync(path).subarray(-PAST_BYTES);
  } catch {
    return new Uint8Array();
  }
}

function openLog(path: string): { write(bytes: Uint8Array): void; close(): void } {
  const open = (): number => {
    try {
      return openSync(path, "a", 0o600);
    } catch (error) {
      throw failure(FailureCode.control, `there is no log at ${path}`, { cause: textOf(error) });
    }
  };
  let fd = open(), bytes = statSync(path).size;
  return {
    write(piece) {
      // A disk that is full takes no log; the machine goes on, and so do those who are attached.
      try {
        if (bytes > LOG_BYTES) {
          closeSync(fd);
          renameSync(path, `${path}.1`);
          fd = open();
          bytes = 0;
        }
        writeSync(fd, piece);
        bytes += piece.length;
      } catch {
        bytes = 0;
      }
    },
    close: () => closeSync(fd),
  };
}
