// What is being done, on standard error: a line a step, which a terminal shows in place.

export interface Progress {
  /** Begins a step; the one before is done. */
  step(what: string): void;
  /** Something the user should read, which stays. */
  note(text: string): void;
  /** Nothing is being done any more. */
  done(): void;
}

export interface ErrorStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** @param now milliseconds, for the elapsed time */
export function showProgress(stream: ErrorStream, quiet: boolean, now: () => number = Date.now): Progress {
  const live = stream.isTTY === true;
  const began = now();
  let shown = false;
  const clear = (): void => {
    if (shown) stream.write("\r\u001b[K");
    shown = false;
  };
  return {
    step(what) {
      if (quiet) return;
      const line = `bailiwick: ${what}`;
      if (!live) return void stream.write(`${line}  [${((now() - began) / 1000).toFixed(1)} s]\n`);
      stream.write(`\r\u001b[K${line} ...`);
      shown = true;
    },
    note(text) {
      clear();
      stream.write(`bailiwick: ${text}\n`);
    },
    done: clear,
  };
}
