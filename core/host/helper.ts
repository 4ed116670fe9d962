// A network behind a helper (helpers/): a program of its own that is spoken to in frames on its standard input and output.
//
// Invariants:
//   - the helper is not trusted: a record that is no frame ends it, and what it holds back is bounded (MAX_RECORD);
//   - what the helper has not taken yet is at most MAX_UNSENT bytes; frames beyond are lost;
//   - frames go in order, and none waits longer than until the next turn of the event loop;
//   - the helper ends with us, however we end: its input ends.
import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { NetBackend } from "./backend.ts";
import { isFrameLength, MAX_FRAME, NetworkError } from "./network.ts";

export interface HelperOptions {
  /** The helper's path. */
  readonly helper: string;
  /** All was open, and the helper has ended though nobody asked it to: from now on all frames are lost. Called at most once, with what is known of it. */
  readonly onLost?: (why: string) => void;
}

export interface HelperKind {
  /** For messages: "the user network's helper". */
  readonly title: string;
  readonly args: readonly string[];
  /** What the helper's line on standard error means, when it could not open what it was to; undefined: it means nothing of its own. */
  readonly explain: (said: string) => NetworkError | undefined;
}

type Helper = ChildProcessByStdio<Writable, Readable, Readable>;

/** Bytes that wait for the helper. */
const MAX_UNSENT = 512 * 1024;
/** Longest wait for it to open what it is to, and to end after its input has ended. */
const START_MS = 10_000;
const END_MS = 2000;
/** Longest wait for what it said before it ended. */
const LAST_WORDS_MS = 200;
/** What is kept of what it says. */
const MAX_SAID = 2000;
/** A record: its length in two bytes, and a frame. */
const HEADER = 2;
const MAX_RECORD = HEADER + MAX_FRAME;
/** Long frames wait for each other up to so many bytes: a call of the host's for each would cost more than they do. A shorter one takes them along at once, since somebody may wait for it. */
const BATCH = 16 * 1024;
const LONG = 1024;

/** The caller closes it. @throws NetworkError when there is no helper, or it cannot open what it is to */
export async function openHelper({ helper: path, onLost }: HelperOptions, kind: HelperKind): Promise<NetBackend> {
  // No environment: it needs nothing of it, and what is in it is none of its business.
  const helper = spawn(path, kind.args, { stdio: ["pipe", "pipe", "pipe"], env: {}, cwd: "/" });
  let said = "";
  helper.stderr.setEncoding("utf8").on("data", (text: string) => void (said = (said + text).slice(0, MAX_SAID)));
  // Its end tells the same.
  helper.stdin.on("error", () => {});
  const ended = endOf(helper);

  let listener: ((frame: Uint8Array) => void) | null = null;
  let closing: Promise<void> | null = null;
  let up = false;
  const batch = new Uint8Array(BATCH);
  let gathered = 0;
  const hand = (): void => {
    if (gathered === 0) return;
    const records = batch.slice(0, gathered);
    gathered = 0;
    if (closing === null && !helper.stdin.destroyed) helper.stdin.write(records);
  };
  const opened = new Promise<void>((resolve, reject) => {
    const records = createRecords();
    helper.stdout.on("data", (piece: Buffer) => {
      const sound = records.take(piece, (frame) => {
        if (frame.length === 0) {
          up = true;
          resolve();
        } else if (closing === null) listener?.(frame);
      });
      if (sound) return;
      said ||= "it sent what is no frame";
      helper.kill("SIGKILL");
    });
    void ended.then((how) => {
      reject(kind.explain(said.trim()) ?? startError(kind.title, said.trim(), how));
      if (up && closing === null) onLost?.(`${kind.title} has ended (${said.trim() || how}): the network is gone until the next run`);
    });
  });
  const timer = setTimeout(() => helper.kill("SIGKILL"), START_MS);
  await opened.finally(() => clearTimeout(timer));
  return {
    send(frame) {
      if (closing !== null || !isFrameLength(frame.length) || helper.stdin.destroyed || helper.stdin.writableLength + gathered > MAX_UNSENT - MAX_RECORD) return;
      if (gathered === 0 && frame.length >= LONG) setImmediate(hand);
      batch[gathered] = frame.length & 0xff;
      batch[gathered + 1] = frame.length >> 8;
      batch.set(frame, gathered + HEADER);
      gathered += HEADER + frame.length;
      if (frame.length < LONG || gathered > BATCH - MAX_RECORD) hand();
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

const REBUILD = "bailiwick setup --only networks";

function startError(title: string, said: string, how: string): NetworkError {
  if (how.startsWith("spawn ")) return new NetworkError(`${title} cannot be started: ${how}`, `build it: ${REBUILD}`);
  return new NetworkError(`${title} ended before the network was open: ${said || how}`, `build it anew: ${REBUILD}`);
}

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
