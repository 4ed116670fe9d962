// The end of a guest's console output, for the report when it fails, and whether a kernel panic went by.

const TAIL_BYTES = 4096;
const LONGEST_PANIC = 160;
/** Its first letter occurs once, so a failed match can only begin again at that letter. */
const PANIC_TEXT = "Kernel panic - not syncing";
const PANIC = [...PANIC_TEXT].map((letter) => letter.charCodeAt(0));

export class ConsoleTail {
  readonly #ring = new Uint8Array(TAIL_BYTES);
  /** Bytes seen in all. */
  #count = 0;
  #matched = 0;
  /**
   * What a Linux kernel said when it panicked, to the end of that line; null if none did. Any program in the guest can print such a line: this describes
   * an ending, it proves nothing.
   */
  panic: string | null = null;
  #inPanicLine = false;

  put(byte: number): void {
    this.#ring[this.#count++ % TAIL_BYTES] = byte;
    if (this.#inPanicLine) this.#continuePanic(byte);
    this.#matched = byte === PANIC[this.#matched] ? this.#matched + 1 : byte === PANIC[0] ? 1 : 0;
    if (this.#matched === PANIC.length) {
      this.panic = PANIC_TEXT;
      this.#inPanicLine = true;
      this.#matched = 0;
    }
  }

  #continuePanic(byte: number): void {
    if (byte === 0x0a || (this.panic ?? "").length >= LONGEST_PANIC) this.#inPanicLine = false;
    else this.panic += shown(byte);
  }

  /** The last lines, without line ends and control characters; bytes beyond ASCII are shown as "?". Empty lines at the end are left out. */
  lines(most: number): string[] {
    const kept = Math.min(this.#count, TAIL_BYTES);
    let text = "";
    for (let i = this.#count - kept; i < this.#count; i++) text += shown(this.#ring[i % TAIL_BYTES]!);
    const lines = text.split("\n");
    // What has been overwritten began somewhere in the first line.
    if (this.#count > TAIL_BYTES) lines.shift();
    while (lines.at(-1) === "") lines.pop();
    return lines.slice(-most);
  }
}

function shown(byte: number): string {
  if (byte === 0x0a) return "\n";
  if (byte === 0x09) return " ";
  if (byte < 0x20 || byte === 0x7f) return "";
  return byte < 0x7f ? String.fromCharCode(byte) : "?";
}
