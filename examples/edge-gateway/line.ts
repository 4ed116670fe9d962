// What a guest writes to its console: text for people, and in it requests for the firewall, each an application program command: ESC _ TEXT ESC \ (ECMA-48, 8.3.2), which
// a terminal would not show either.

/** Bytes of a request. */
const MOST = 700;
const ESC = 0x1b, COMMAND = 0x5f, END = 0x5c;

export interface Heard {
  /** For the terminal. */
  readonly text: Uint8Array;
  /** null: one that is too long. */
  readonly requests: readonly (string | null)[];
}

/** Bytes may come in pieces of any size. A control character inside a request ends it: then it was none. */
export class GuestLine {
  #state: "text" | "escape" | "request" | "end" = "text";
  #request: number[] = [];

  hear(bytes: Uint8Array): Heard {
    const text: number[] = [], requests: (string | null)[] = [];
    for (const byte of bytes) {
      switch (this.#state) {
        case "text":
          if (byte === ESC) this.#state = "escape";
          else text.push(byte);
          break;
        case "escape":
          if (byte === COMMAND) {
            this.#state = "request";
            this.#request = [];
            break;
          }
          text.push(ESC);
          if (byte === ESC) break;
          text.push(byte);
          this.#state = "text";
          break;
        case "request":
          if (byte === ESC) this.#state = "end";
          else if (byte < 0x20) this.#state = "text";
          else if (this.#request.length <= MOST) this.#request.push(byte);
          break;
        case "end":
          if (byte === END) requests.push(this.#request.length > MOST ? null : String.fromCharCode(...this.#request));
          this.#state = "text";
      }
    }
    return { text: Uint8Array.from(text), requests };
  }
}
