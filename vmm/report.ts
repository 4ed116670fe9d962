// What the root server is told: states of the guest, lines for the operator, the end.
import { InitSlot } from "../caps/abi/numbers.ts";
import type { Op, Sys } from "../servers/lib/ts/sdk.ts";
import { Parent } from "../servers/root/protocol.ts";
import { asciiBytes, MAX_BYTES, packCounted } from "./bytes.ts";
import type { GuestReport } from "./spec.ts";

/** A guest can cause complaints (each reset of a device, say); the operator need not read them all. */
const MOST_COMPLAINTS = 8;

export class Reporter {
  readonly #sys: Sys;
  readonly #lines: string[] = [];
  #complaints = 0;

  constructor(sys: Sys) {
    this.#sys = sys;
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
    for (const line of this.#lines.splice(0)) yield* this.#tell(Parent.methods.log.label, line.slice(0, MAX_BYTES));
  }

  *state(report: GuestReport): Op<void> {
    yield* this.#tell(Parent.methods.guest.label, fitted(report));
  }

  /** Does not come back. */
  *exit(status: number): Op<void> {
    yield* this.#sys.call(InitSlot.Parent, Parent.methods.exit.label, [status]);
  }

  *#tell(label: number, text: string): Op<void> {
    const bytes = asciiBytes(text);
    yield* this.#sys.call(InitSlot.Parent, label, packCounted(bytes, bytes.length));
  }
}

/** As JSON of at most MAX_BYTES bytes: of the console's lines, the first are left out until it fits, then what remains is cut. */
function fitted(report: GuestReport): string {
  const lines = [...(report.console ?? [])];
  for (;;) {
    const text = JSON.stringify({ ...report, ...(report.console === undefined ? {} : { console: lines }) });
    if (text.length <= MAX_BYTES) return text;
    if (lines.length > 1) lines.shift();
    else if ((lines[0] ?? "").length > 0) lines[0] = lines[0]!.slice(Math.ceil(lines[0]!.length / 2));
    else return JSON.stringify({ ...report, detail: (report.detail ?? "").slice(0, MAX_BYTES / 4), console: [] });
  }
}
