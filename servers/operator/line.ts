// The machine's serial line as `bailiwick run` has it: on this process's terminal or pipes, in events, or at a socket; and the terminal, given back however the process ends.
import { fstatSync } from "node:fs";
import { resolve } from "node:path";
import type { ConsoleBackend } from "../../core/host/backend.ts";
import { openTerminal, type Terminal } from "../../core/host/terminal.ts";
import { ExitStatus } from "./failure.ts";
import { openConsoleSocket } from "./vm/console-socket.ts";

const SIGNALS = { SIGINT: ExitStatus.interrupt, SIGTERM: ExitStatus.terminate, SIGHUP: ExitStatus.hangup } as const;
/** A machine that does not stop when asked is left behind after this long. */
const STOP_GRACE_MS = 2000;

export type Line = ConsoleBackend & { readonly interactive: boolean; close(): void };
export type Stop = (status: number, why?: string) => void;

/** The serial line on this process's streams. @param withInput false: what is typed or piped is not the machine's */
export function openLine(withInput: boolean, stop: Stop): Line {
  const interactive = withInput && process.stdin.isTTY && process.stdout.isTTY;
  const terminal: Terminal = openTerminal({
    output: process.stdout,
    ...(withInput && (interactive || isPiped()) ? { input: process.stdin } : {}),
    onQuit: () => stop(ExitStatus.ok),
    onGone: () => stop(ExitStatus.brokenPipe),
    notice: (text) => process.stderr.write(text),
  });
  return { ...terminal, interactive };
}

/** A pipe, socket or file; not a terminal, and not /dev/null. */
function isPiped(): boolean {
  try {
    const stat = fstatSync(0);
    return stat.isFIFO() || stat.isFile() || stat.isSocket();
  } catch {
    return false; // closed
  }
}

/** The serial line as events: {"event":"console","text":...}. Text, because a guest's output is; a character that is cut in two waits for its rest. */
export function jsonLine(output: NodeJS.WriteStream, stop: Stop): Line {
  const decoder = new TextDecoder();
  const terminal = openTerminal({
    output,
    ...(isPiped() ? { input: process.stdin } : {}),
    onQuit: () => stop(ExitStatus.ok),
    onGone: () => stop(ExitStatus.brokenPipe),
    notice: () => {},
  });
  return {
    ...terminal,
    interactive: false,
    write(bytes) {
      const text = decoder.decode(bytes, { stream: true });
      if (text !== "") terminal.write(Buffer.from(`${JSON.stringify({ event: "console", text })}\n`));
    },
  };
}

export async function socketLine(path: string, log = `${path}.log`): Promise<Line> {
  return { ...(await openConsoleSocket(resolve(path), resolve(log))), interactive: false };
}

/** However this process ends, the terminal is given back. Signals stop the machine; a second one, or a machine that does not stop, ends the process. */
export function guardTerminal(line: Line, stop: Stop): () => void {
  const restore = (): void => line.close();
  const handlers = Object.entries(SIGNALS).map(([signal, status]) => {
    let again = false;
    const handler = (): void => {
      if (again) process.exit(status);
      again = true;
      setTimeout(() => process.exit(status), STOP_GRACE_MS).unref();
      stop(status);
    };
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  process.on("exit", restore);
  return () => {
    restore();
    process.off("exit", restore);
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}

/** A script on a pipe is there before the guest has a terminal to read it from: it waits. A person does so without being told. */
export function withInputFrom(line: ConsoleBackend, when: Promise<void>, output: ConsoleBackend): ConsoleBackend {
  return { ...output, onInput: (callback) => void when.then(() => line.onInput(callback)) };
}

const TAIL_BYTES = 4096;
const TAIL_LINES = 20;

/** The last lines of the machine's output. */
export function keepTail(): { add(bytes: Uint8Array): void; lines(): string[] } {
  let kept = Buffer.alloc(0);
  return {
    add(bytes) {
      kept = Buffer.concat([kept, bytes]).subarray(-TAIL_BYTES);
    },
    lines() {
      const lines = kept.toString("utf8").split(/\r?\n/);
      while (lines.at(-1) === "") lines.pop();
      return lines.slice(-TAIL_LINES);
    },
  };
}
