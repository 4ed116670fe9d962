// What the root server is told: states of the guest, lines for the operator, the end.
import { InitSlot } from "../caps/abi/numbers.ts";
import { client, type Client } from "../servers/lib/ts/client.ts";
import type { Env, Op } from "../servers/lib/ts/sdk.ts";
import { Parent } from "../servers/root/protocol.ts";
import type { GuestReport } from "./spec.ts";

/** A guest can cause complaints (each reset of a device, say); the operator need not read them all. */
const MOST_COMPLAINTS = 8;
/** Most bytes of one message. */
export const REPORT_BYTES = 944;

export class Reporter {
  readonly #parent: Client<typeof Parent>;
  readonly #lines: string[] = [];
  #complaints = 0;

  constructor(env: Env) {
    this.#parent = client(Parent, env.sys, env.mem, InitSlot.Parent);
  }

  /** Keeps a line until the next `send`. */
  readonly complain = (line: string): void => {
    if (++this.#complaints <= MOST_COMPLAINTS) this.#lines.push(line);
    else if (this.#complaints === MOST_COMPLAINTS + 1) this.#lines.push("more of the kind is not shown");
  };

  get pending(): boolean {
    return this.#lines.length > 0;
  }

  *send(): Op<void> {
    for (const line of this.#lines.splice(0)) yield* this.#parent.log(asciiBytes(line.slice(0, REPORT_BYTES)));
  }

  *state(report: GuestReport): Op<void> {
    yield* this.#parent.guest(asciiBytes(fitted(report)));
  }

  /** Does not come back. */
  *exit(status: number): Op<void> {
    yield* this.#parent.exit(status);
  }
}

/** ASCII; other characters become "?". There is no TextEncoder in a hosted program. */
export function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    bytes[i] = code < 0x80 ? code : 0x3f;
  }
  return bytes;
}

/** As JSON of at most REPORT_BYTES bytes: of the console's lines, the first are left out until it fits, then what remains is cut. */
function fitted(report: GuestReport): string {
  const lines = [...(report.console ?? [])];
  for (;;) {
    const text = JSON.stringify({ ...report, ...(report.console === undefined ? {} : { console: lines }) });
    if (text.length <= REPORT_BYTES) return text;
    if (lines.length > 1) lines.shift();
    else if ((lines[0] ?? "").length > 0) lines[0] = lines[0]!.slice(Math.ceil(lines[0]!.length / 2));
    else return JSON.stringify({ ...report, detail: (report.detail ?? "").slice(0, REPORT_BYTES / 4), console: [] });
  }
}
