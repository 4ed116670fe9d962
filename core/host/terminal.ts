// The machine's serial line on a pair of streams: standard output and input, or any others, and one that only keeps what was written.
//
// Invariants:
//   - an interactive terminal is in raw mode from the opening to `close`, and `close` may be called at any time and more than once;
//   - in raw mode every key goes to the machine, Ctrl-C too, but for the escape key Ctrl-];
//   - output is never dropped while the stream is open; once it is closed from the other side (`onGone`) it is dropped and the line stays ready.
import type { ConsoleBackend } from "./backend.ts";

/** Ctrl-] : telnet's, which no shell binds. */
export const ESCAPE = 0x1d;
/** What ends input from a keyboard (Ctrl-D): so does the end of a script on a pipe, and the shell that reads it ends, too. */
export const END_OF_INPUT = 0x04;
const END_REPEAT_MS = 500;
/** Input kept while nobody listens; then the stream is paused. */
const MAX_PENDING = 64 * 1024;

const HELP = [
  "",
  "Ctrl-] then q   stop the machine and leave",
  "Ctrl-] then ?   this help",
  "Ctrl-] then n, p, 1 to 9, l   the console's views, where there are several",
  "Ctrl-] twice    send Ctrl-] to the machine",
  "",
].join("\n");

/** The part of a readable stream that is used; `setRawMode` is there when it is a terminal. */
export interface InputStream {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
  on(event: "data", listener: (bytes: Uint8Array) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  pause(): unknown;
  resume(): unknown;
  unref?(): unknown;
}

export interface OutputStream {
  write(bytes: Uint8Array): boolean;
  on(event: "drain", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

export interface TerminalOptions {
  readonly output: OutputStream;
  /** Absent: the machine has no input. */
  readonly input?: InputStream;
  /** Ctrl-] q. */
  readonly onQuit: () => void;
  /** The output was closed from the other side: a pipe's reader has gone. Called once. */
  readonly onGone: () => void;
  /** Where the help goes; it is not the machine's output. */
  readonly notice: (text: string) => void;
}

export interface Terminal extends ConsoleBackend {
  /** Gives the terminal back as it was and stops reading. */
  close(): void;
}

/** Takes the escape sequences out of what is typed. `held` is true between the two keys of a sequence. */
export interface EscapeKeys {
  /** The bytes that are meant for the machine, and what was asked for in between, in order of typing. */
  take(bytes: Uint8Array): { readonly pass: Uint8Array; readonly asked: readonly ("quit" | "help")[] };
}

export function createEscapeKeys(): EscapeKeys {
  let held = false;
  return {
    take(bytes) {
      const pass: number[] = [];
      const asked: ("quit" | "help")[] = [];
      for (const byte of bytes) {
        if (!held) {
          if (byte === ESCAPE) held = true;
          else pass.push(byte);
          continue;
        }
        held = false;
        if (byte === 0x71) asked.push("quit");
        else if (byte === 0x3f) asked.push("help");
        else if (byte === ESCAPE) pass.push(ESCAPE);
        // Not one of ours: the machine gets both keys, as if there were no escape key.
        else pass.push(ESCAPE, byte);
      }
      return { pass: Uint8Array.from(pass), asked };
    },
  };
}

export function openTerminal({ output, input, onQuit, onGone, notice }: TerminalOptions): Terminal {
  const drained: (() => void)[] = [];
  const listeners: ((bytes: Uint8Array) => void)[] = [];
  const pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let full = false;
  let gone = false;
  let closed = false;
  let ended: NodeJS.Timeout | undefined;
  const raw = input?.isTTY === true && input.setRawMode !== undefined;
  const keys = createEscapeKeys();

  const announce = (): void => {
    full = false;
    for (const callback of drained) callback();
  };
  output.on("drain", announce);
  output.on("error", () => {
    // A closed pipe, or a terminal that is gone: nobody reads any more. Other errors (a full disk) lose output just the same.
    const first = !gone;
    gone = true;
    if (full) announce();
    if (first) onGone();
  });

  const deliver = (bytes: Uint8Array): void => {
    if (bytes.length === 0 || closed) return;
    if (listeners.length > 0) {
      for (const listener of listeners) listener(bytes);
      return;
    }
    pending.push(bytes);
    pendingBytes += bytes.length;
    if (pendingBytes >= MAX_PENDING && !raw) input?.pause();
  };

  if (input !== undefined) {
    if (raw) input.setRawMode?.(true);
    input.on("data", (bytes) => {
      if (!raw) return deliver(Uint8Array.from(bytes));
      const { pass, asked } = keys.take(bytes);
      deliver(pass);
      if (asked.includes("help")) notice(HELP);
      if (asked.includes("quit")) onQuit();
    });
    // A pipe at its end is at its end for every reader, and a terminal tells one reader only: so it is told again and again.
    if (!raw) {
      input.on("end", () => {
        const end = (): void => deliver(Uint8Array.of(END_OF_INPUT));
        end();
        ended = setInterval(() => listeners.length > 0 && end(), END_REPEAT_MS);
        ended.unref();
      });
    }
    input.on("error", () => {});
    input.resume();
  }

  return {
    write(bytes) {
      if (gone || closed) return;
      if (!output.write(Uint8Array.from(bytes))) full = true;
    },
    ready: () => !full || gone,
    onDrained(callback) {
      drained.push(callback);
    },
    onInput(callback) {
      listeners.push(callback);
      if (listeners.length > 1) return;
      for (const bytes of pending.splice(0)) callback(bytes);
      pendingBytes = 0;
      if (!closed) input?.resume();
    },
    close() {
      if (closed) return;
      closed = true;
      clearInterval(ended);
      if (raw) input?.setRawMode?.(false);
      input?.pause();
      input?.unref?.();
    },
  };
}

export interface Capture extends ConsoleBackend {
  /** All that was written, up to the newest `limit` bytes. */
  text(): string;
  /** Types this. */
  input(bytes: Uint8Array): void;
}

/** A serial line that keeps its output: for tests, and for programs that run an appliance. @param limit bytes kept */
export function openCapture(limit = 16 * 1024 ** 2): Capture {
  let kept: Uint8Array[] = [];
  let bytes = 0;
  const listeners: ((bytes: Uint8Array) => void)[] = [];
  let pending: Uint8Array[] = [];
  return {
    write(piece) {
      kept.push(Uint8Array.from(piece));
      bytes += piece.length;
      while (bytes > limit) {
        const first = kept.shift();
        if (first === undefined) break;
        bytes -= first.length;
        if (bytes < limit) {
          const rest = first.subarray(first.length - (limit - bytes));
          kept.unshift(rest);
          bytes += rest.length;
        }
      }
      if (kept.length > 4096) kept = [Buffer.concat(kept)];
    },
    ready: () => true,
    onDrained() {},
    onInput(callback) {
      listeners.push(callback);
      for (const piece of pending) callback(piece);
      pending = [];
    },
    text: () => Buffer.concat(kept).toString("utf8"),
    input(piece) {
      if (listeners.length === 0) pending.push(piece);
      for (const listener of listeners) listener(piece);
    },
  };
}

/** A serial line whose output is seen by a watcher, which says whether it goes on to the other one. */
export function watchOutput(backend: ConsoleBackend, watch: (bytes: Uint8Array) => boolean): ConsoleBackend {
  return {
    write(bytes) {
      if (watch(bytes)) backend.write(bytes);
    },
    ready: () => backend.ready(),
    onDrained: (callback) => backend.onDrained(callback),
    onInput: (callback) => backend.onInput(callback),
  };
}
