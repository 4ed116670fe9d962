// A user network: what the appliance sends goes on through sockets of this host, by a helper of its own (user-net/main.c, over libslirp), which is spoken to in
// frames on its standard input and output.
//
// Invariants:
//   - the helper is not trusted: a record that is no frame ends it, and what it holds back is bounded (MAX_RECORD);
//   - what the helper has not taken yet is at most MAX_UNSENT bytes; frames beyond are lost;
//   - the helper ends with us, however we end: its input ends.
import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { NetBackend } from "./backend.ts";
import { isFrameLength, MAX_FRAME, NetworkError } from "./network.ts";

export interface UserNetOptions {
  /** The helper's path. */
  readonly helper: string;
  /** Whom the appliance may speak to. */
  readonly hosts: "none" | "loopback" | "any";
  /** Ports of the host that lead into the network. */
  readonly forward: readonly PortForward[];
  /** The helper has ended and nobody asked it to: from now on all frames are lost. Called at most once, with what is known of it. */
  readonly onLost?: (why: string) => void;
}

export interface PortForward {
  readonly protocol: "tcp" | "udp";
  /** IPv4 */
  readonly host: { readonly address: string; readonly port: number };
  /** At 10.0.2.15. */
  readonly port: number;
}

type Helper = ChildProcessByStdio<Writable, Readable, Readable>;

/** Bytes that wait for the helper. */
const MAX_UNSENT = 512 * 1024;
/** Longest wait for it to open its sockets, and to end after its input has ended. */
const START_MS = 10_000;
const END_MS = 2000;
/** Longest wait for what it said before it ended. */
const LAST_WORDS_MS = 200;
/** What is kept of what it says. */
const MAX_SAID = 2000;
/** A record: its length in two bytes, and a frame. */
const HEADER = 2;
const MAX_RECORD = HEADER + MAX_FRAME;

/** The caller closes it. @throws NetworkError when there is no helper, or it cannot open what it is to */
export async function openUserNet({ helper: path, hosts, forward, onLost }: UserNetOptions): Promise<NetBackend> {
  const args = [hosts, ...forward.map(({ protocol, host, port }) => `${protocol}:${host.address}:${host.port}:${port}`)];
  // No environment: it needs nothing of it, and what is in it is none of its business.
  const helper = spawn(path, args, { stdio: ["pipe", "pipe", "pipe"], env: {}, cwd: "/" });
  let said = "";
  helper.stderr.setEncoding("utf8").on("data", (text: string) => void (said = (said + text).slice(0, MAX_SAID)));
  // Its end tells the same.
  helper.stdin.on("error", () => {});
  const ended = endOf(helper);

  let listener: ((frame: Uint8Array) => void) | null = null;
  let closing: Promise<void> | null = null;
  const opened = new Promise<void>((resolve, reject) => {
    const records = createRecords();
    helper.stdout.on("data", (piece: Buffer) => {
      const sound = records.take(piece, (frame) => {
        if (frame.length === 0) resolve();
        else if (closing === null) listener?.(frame);
      });
      if (sound) return;
      said ||= "it sent what is no frame";
      helper.kill("SIGKILL");
    });
    void ended.then((how) => {
      reject(startError(said.trim(), how));
      if (closing === null) onLost?.(`the user network's helper has ended (${said.trim() || how}): the network is gone until the next run`);
    });
  });
  const timer = setTimeout(() => helper.kill("SIGKILL"), START_MS);
  try {
    await opened;
  } catch (error) {
    closing = Promise.resolve();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return {
    send(frame) {
      if (closing !== null || !isFrameLength(frame.length) || helper.stdin.destroyed || helper.stdin.writableLength > MAX_UNSENT - MAX_RECORD) return;
      const record = new Uint8Array(HEADER + frame.length);
      record[0] = frame.length & 0xff;
      record[1] = frame.length >> 8;
      record.set(frame, HEADER);
      helper.stdin.write(record);
    },
    onFrame: (callback) => void (listener = callback),
    close: () => (closing ??= end(helper, ended)),
  };
}

async function end(helper: Helper, ended: Promise<string>): Promise<void> {
  helper.stdin.destroy();
  const timer = setTimeout(() => helper.kill("SIGKILL"), END_MS);
  await ended;
  clearTimeout(timer);
}

/** Resolves with how, in words, once it has ended and all it said is here; what it may have left behind with its outputs is not waited for. */
const endOf = (helper: Helper): Promise<string> =>
  new Promise((resolve) => {
    helper.once("error", (error) => resolve(error.message));
    helper.once("exit", () => {
      const timer = setTimeout(() => [helper.stdout, helper.stderr].forEach((output) => output.destroy()), LAST_WORDS_MS);
      helper.once("close", () => clearTimeout(timer));
    });
    helper.once("close", (status, signal) => resolve(signal === null ? `status ${status}` : `signal ${signal}`));
  });

/** Records out of the pieces of a stream. */
export interface Records {
  /** Gives each whole frame, empty for an empty record, the callback's to keep. @return false when what came is no record: nothing more can be made of the stream */
  take(piece: Uint8Array, give: (frame: Uint8Array) => void): boolean;
}

export function createRecords(): Records {
  const held = new Uint8Array(MAX_RECORD);
  let count = 0;
  let sound = true;
  return {
    take(piece, give) {
      let at = 0;
      while (sound && at < piece.length) {
        if (count < HEADER) {
          held[count++] = piece[at++]!;
          if (count < HEADER) continue;
        }
        const length = held[0]! | (held[1]! << 8);
        if (length !== 0 && !isFrameLength(length)) return (sound = false);
        const more = piece.subarray(at, at + HEADER + length - count);
        held.set(more, count);
        count += more.length;
        at += more.length;
        if (count < HEADER + length) continue;
        count = 0;
        give(held.slice(HEADER, HEADER + length));
      }
      return sound;
    },
  };
}

function startError(said: string, how: string): NetworkError {
  const [, forward, cause = ""] = /^((?:tcp|udp):\S+) (.+)$/.exec(said) ?? [];
  if (forward !== undefined) {
    const [, address = "", port = ""] = /^\w+:(.*):(\d+):\d+$/.exec(forward) ?? [];
    const [text, fix] = REASONS[cause] ?? [cause, undefined];
    return new NetworkError(`the forward ${forward} cannot be opened: ${text.replace("%", `port ${port} of ${address}`)}`, fix);
  }
  if (/ENOENT|EACCES/.test(how)) return new NetworkError(`the user network's helper cannot be started: ${how}`, "build it: bailiwick setup --only user-net");
  return new NetworkError(`the user network's helper ended before the network was open: ${said || how}`, "build it anew: bailiwick setup --only user-net");
}

const REASONS: Readonly<Record<string, readonly [cause: string, fix: string] | undefined>> = {
  EADDRINUSE: ["% is in use", "end the program that has it ('ss -lnptu' names it), or take another port"],
  EADDRNOTAVAIL: ["the address is not this computer's (%)", "take one of its own ('ip address' lists them), or 127.0.0.1 for what runs here"],
  EACCES: ["% is not for everybody", "take a port from 1024 on"],
};
