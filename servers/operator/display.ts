// The display of a run: its picture in a file, and who types. From the command line's options to what the machine is given.
import { readFileSync } from "node:fs";
import type { DisplayPorts, InputBackend } from "../../core/host/backend.ts";
import { parseInputScript, playInputScript, ScriptError } from "../../core/host/input-script.ts";
import { createPicture, writePicture, type Picture } from "../../core/host/picture.ts";
import { openView, ViewError, type View } from "../../core/host/view.ts";
import { typedKeys } from "../../core/host/terminal-keys.ts";
import { failure, FailureCode, textOf, usageError } from "./failure.ts";

export interface DisplayOptions {
  /** A PNG, written at once, on SIGUSR2, every `everyMs` in which something has changed, and at the end. */
  readonly picture?: string | undefined;
  readonly everyMs?: number | undefined;
  /** A file of steps (core/host/input-script.ts). */
  readonly script?: string | undefined;
  /** What is typed on the terminal is typed on the keyboard. */
  readonly keys?: boolean | undefined;
  /** A port of loopback, 0: any that is free, at which a browser shows the display and takes what is typed. */
  readonly view?: number | undefined;
  /** Of the view. */
  readonly title?: string | undefined;
}

export interface RunDisplay {
  /** Absent: the appliance has no display. */
  readonly ports?: DisplayPorts;
  /** What the terminal has shown: scripts wait for it. */
  output(bytes: Uint8Array): void;
  /** What was typed on the terminal. True: it was for the keyboard. */
  typed(bytes: Uint8Array): boolean;
  /** Writes the picture for the last time. @throws Failure */
  finish(): void;
  /** Of no more use; may be called again. */
  close(): void;
}

const MIN_EVERY_MS = 10;

/** Resolves once a view, if there is one, can be looked at. @param size the appliance's display. @param note where the view is, and what goes wrong later, a line each. @throws Failure naming the option, the file and what is wrong with it */
export async function openDisplay(size: { readonly width: number; readonly height: number } | undefined, { picture: path, everyMs, script, keys = false, view: port, title = "Bailiwick" }: DisplayOptions, note: (text: string) => void): Promise<RunDisplay> {
  if (everyMs !== undefined && path === undefined) throw usageError("--picture-every says how often --picture is written: it needs --picture");
  if (everyMs !== undefined && everyMs < MIN_EVERY_MS) throw usageError(`--picture-every ${everyMs}ms is too often`, `at least ${MIN_EVERY_MS}ms`);
  const wish = path !== undefined ? "--picture shows" : script !== undefined ? "--input-script is for" : keys ? "--keys are for" : port !== undefined ? "--view shows" : undefined;
  if (size === undefined) {
    if (wish !== undefined) throw usageError(`${wish} the machine's display, and the appliance has none`, "in its manifest: platform.display: { width: 1024, height: 768 }");
    return { output: () => {}, typed: () => false, finish: () => {}, close: () => {} };
  }
  const picture = createPicture(size.width, size.height);
  const played = script === undefined ? undefined : playInputScript(readScript(script, size));
  const typed = keys ? typedKeys() : undefined;
  let written = -1;
  const write = (): void => {
    if (path === undefined || written === picture.changes) return;
    try {
      writePicture(picture, path);
    } catch (error) {
      throw failure(FailureCode.display, `the picture cannot be written to '${path}'`, { cause: textOf(error), fix: "--picture FILE.png in a folder that is there and may be written" });
    }
    written = picture.changes;
  };
  write();
  const view = port === undefined ? undefined : await openViewAt(port, picture, title, note);
  const anyway = (): void => void (written = -1); // also when nothing has changed: the file may be gone
  const asked = (): void => {
    anyway();
    later();
  };
  const later = (): void => {
    try {
      write();
    } catch (error) {
      stop();
      note(textOf(error));
    }
  };
  const timer = everyMs === undefined ? undefined : setInterval(later, everyMs).unref();
  if (path !== undefined) process.on("SIGUSR2", asked);
  const stop = (): void => {
    clearInterval(timer);
    process.off("SIGUSR2", asked);
    played?.close();
    view?.close();
  };
  const inputs: readonly InputBackend[] = [played, typed, view].filter((input) => input !== undefined);
  return {
    ports: { picture, input: { onInput: (callback) => inputs.forEach((input) => input.onInput(callback)) } },
    output: (bytes) => played?.output(bytes),
    typed(bytes) {
      typed?.hear(bytes);
      return typed !== undefined;
    },
    finish() {
      anyway();
      write();
    },
    close: stop,
  };
}

async function openViewAt(port: number, picture: Picture, title: string, note: (text: string) => void): Promise<View> {
  const onWatched = (watched: boolean): void => note(watched ? "somebody looks at the display" : `nobody looks at the display any more; it is still at ${view.url}`);
  let view: View;
  try {
    view = await openView(picture, { port, title, onWatched });
  } catch (error) {
    if (!(error instanceof ViewError)) throw error;
    throw failure(FailureCode.display, "the display cannot be shown in a browser", { cause: error.message, ...(error.fix === undefined ? {} : { fix: error.fix }) });
  }
  note(`the display is at ${view.url}`);
  return view;
}

function readScript(path: string, size: { readonly width: number; readonly height: number }) {
  try {
    return parseInputScript(readFileSync(path, "utf8"), size);
  } catch (error) {
    if (!(error instanceof ScriptError)) throw failure(FailureCode.display, `the input script '${path}' cannot be read`, { cause: textOf(error) });
    const [cause = "", fix = ""] = error.message.split("\nfix: ");
    throw failure(FailureCode.display, `the input script '${path}' makes no sense`, { cause, fix });
  }
}
