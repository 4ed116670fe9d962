// Console input on its way to the guest: it waits here until the device that the guest listens to takes it.

/** A device that takes as much of `bytes` as it has room for, and says how much. */
export interface InputTarget {
  receive(bytes: Uint8Array): number;
}

export const INPUT_BYTES = 4096;

export class GuestInput {
  readonly #bytes = new Uint8Array(INPUT_BYTES);
  readonly #target: () => InputTarget | null;
  #start = 0;
  #end = 0;

  /** @param target whom the guest listens by now; null: nobody yet. */
  constructor(target: () => InputTarget | null) {
    this.#target = target;
  }

  get waiting(): number {
    return this.#end - this.#start;
  }
  get room(): number {
    return INPUT_BYTES - this.waiting;
  }

  /** At most `room` bytes. */
  add(bytes: Uint8Array): void {
    this.#bytes.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  take(most: number): Uint8Array {
    const taken = this.#bytes.slice(this.#start, Math.min(this.#end, this.#start + most));
    this.#start += taken.length;
    return taken;
  }

  /** Hands on what the guest can take now. */
  deliver(): void {
    const target = this.waiting > 0 ? this.#target() : null;
    if (target !== null) this.#start += target.receive(this.#bytes.subarray(this.#start, this.#end));
  }
}

/** The device that the kernel's command line names last by `console=`: a serial line, a virtio (or firmware) console, or none. */
export function namedConsole(cmdline: string): "uart" | "hvc" | null {
  let found: "uart" | "hvc" | null = null;
  for (const word of cmdline.split(/\s+/)) {
    if (word.startsWith("console=ttyS")) found = "uart";
    else if (word.startsWith("console=hvc")) found = "hvc";
  }
  return found;
}
