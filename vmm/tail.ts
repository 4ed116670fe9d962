// The end of a guest's console output, for the report when it fails, and whether a kernel panic went by.

const TAIL_BYTES = 4096;
/** Its first letter occurs once, so a failed match can only begin again at that letter. */
const PANIC = [..."Kernel panic - not syncing"].map((letter) => letter.charCodeAt(0));

export class ConsoleTail {
  readonly #ring = new Uint8Array(TAIL_BYTES);
  /** Bytes seen in all. */
  #count = 0;
  #matched = 0;
  /** The words of a Linux kernel that panics were printed. Any program in the guest can print them: this describes an ending, it proves nothing. */
  panicked = false;

  put(byte: number): void {
    this.#ring[this.#count++ % TAIL_BYTES] = byte;
    this.#matched = byte === PANIC[this.#matched] ? this.#matched + 1 : byte === PANIC[0] ? 1 : 0;
    if (this.#matched === PANIC.length) {
      this.panicked = true;
      this.#matched = 0;
    }
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
