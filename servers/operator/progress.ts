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
  let line = "", since = 0, timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    const seconds = Math.floor((now() - since) / 1000);
    stream.write(`\r\u001b[K${line} ...${seconds === 0 ? "" : ` ${seconds} s`}`);
  };
  const clear = (): void => {
    if (timer === undefined) return;
    clearInterval(timer);
    timer = undefined;
    stream.write("\r\u001b[K");
  };
  return {
    step(what) {
      if (quiet) return;
      line = `bailiwick: ${what}`;
      if (!live) return void stream.write(`${line}  [${((now() - began) / 1000).toFixed(1)} s]\n`);
      since = now();
      draw();
      // How long it has been awaited is shown for as long as it is; nobody is kept waiting by that.
      clearInterval(timer);
      timer = setInterval(draw, 1000).unref();
    },
    note(text) {
      clear();
      stream.write(`bailiwick: ${text}\n`);
    },
    done: clear,
  };
}
