// What the user sees on standard error: a line a step with the time since the start; while a step runs, a live line on a terminal, and
// elsewhere a line every few seconds, so that a log of a long fetch is not silent and not endless.

const EVERY_MS = 5000;

/**
 * @typedef {object} StepLine
 * @property {(text: string) => void} live  what is happening now; may be called often
 * @property {(text: string) => void} note  a line that stays
 * @property {(text: string) => void} done
 */

/**
 * @param {{ write(text: string): unknown, isTTY?: boolean, columns?: number }} out
 * @param {() => number} now milliseconds
 */
export function createProgress(out, now = () => performance.now()) {
  const start = now();
  let drawn = false;
  const seconds = () => `${((now() - start) / 1000).toFixed(1).padStart(6)}s`;
  /** @param {string} name @param {string} text */
  const line = (name, text) => {
    clear();
    out.write(`${seconds()}  ${name.padEnd(11)} ${text}\n`);
  };
  function clear() {
    if (drawn) out.write("\r\x1b[K");
    drawn = false;
  }
  return {
    seconds: () => (now() - start) / 1000,
    clear,
    /** @param {string} text */
    say(text) {
      clear();
      out.write(`${text}\n`);
    },
    /** @param {string} name @returns {StepLine} */
    step(name) {
      let last = now();
      return {
        live(text) {
          if (text.trim() === "") return;
          if (out.isTTY) {
            out.write(`\r\x1b[K${`${seconds()}  ${name.padEnd(11)} ${text}`.slice(0, (out.columns ?? 80) - 1)}`);
            drawn = true;
          } else if (now() - last >= EVERY_MS) {
            last = now();
            line(name, text);
          }
        },
        note: (text) => line(name, text),
        done: (text) => line(name, text),
      };
    },
  };
}

/** @param {number} bytes */
export function mebibytes(bytes) {
  return `${(bytes / 1048576).toFixed(bytes < 10485760 ? 1 : 0)} MiB`;
}
