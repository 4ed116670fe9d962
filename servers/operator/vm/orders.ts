// Orders to guests' VMMs and to the root server, each a line of JSON with a number, and the reports that answer them.
//
//   K1  Every order is answered: carried out, refused by the guest's VMM or the root server, or given up after a time, when the guest has ended, or when the machine stops.
import type { SystemEvent } from "../events.ts";
import { FailureCode, failure } from "../failure.ts";

/** A VMM answers between two exits of its guest; it may wait for its turn. */
const PATIENCE_MS = 30_000;
/** Of a state: pictures of a display are the most of it. A VMM that a guest has taken over could send without end. */
const MOST_PARTS = 2 ** 18;

export type GuestEvent = Extract<SystemEvent, { readonly event: "guest" }>;

export interface OrderOptions {
  /** False: there is no answer but what the guest does next. */
  readonly answered?: boolean;
  readonly patienceMs?: number;
  readonly mostParts?: number;
}

interface Waiting {
  readonly guest: string;
  readonly parts: string[];
  readonly mostParts: number;
  readonly resolve: (data: string) => void;
  readonly reject: (error: Error) => void;
}

export class Orders {
  readonly #take: (line: string) => boolean;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;

  /** @param take puts a line before the machine; false: it takes no more */
  constructor(take: (line: string) => boolean) {
    this.#take = take;
  }

  /** What the answer brought. @throws Failure why it was not done */
  give(guest: string, what: string, { answered = true, patienceMs = PATIENCE_MS, mostParts = MOST_PARTS, ...more }: OrderOptions & Readonly<Record<string, unknown>> = {}): Promise<string> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const giveUp = (): void => settle(() => reject(failure(FailureCode.guestState, `guest ${guest} does not answer`, { cause: `it was asked to '${what}' ${patienceMs / 1000} s ago`, fix: "its VMM may have too little CPU time" })));
      const timer = patienceMs === Infinity ? undefined : setTimeout(giveUp, patienceMs);
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        how();
      };
      if (answered) this.#waiting.set(id, { guest, parts: [], mostParts, resolve: (data) => settle(() => resolve(data)), reject: (error) => settle(() => reject(error)) });
      const taken = this.#take(JSON.stringify({ guest, id, do: what, ...more }));
      if (!taken) settle(() => reject(failure(FailureCode.guestState, "the machine takes no more orders now", { fix: "try again" })));
      else if (!answered) settle(() => resolve(""));
    });
  }

  /** A report: if somebody waits for it, that is answered. */
  heard(event: GuestEvent): void {
    const waiting = typeof event["order"] === "number" ? this.#waiting.get(event["order"]) : undefined;
    if (waiting === undefined) return;
    switch (event.state) {
      case "taken":
      case "paused":
      case "resumed":
        return waiting.resolve("");
      case "saved":
      case "stats": {
        const { part, parts, data } = event as { readonly part?: unknown; readonly parts?: unknown; readonly data?: unknown };
        if (part !== waiting.parts.length || typeof data !== "string") return;
        waiting.parts.push(data);
        if (waiting.parts.length === parts) waiting.resolve(waiting.parts.join(""));
        else if (waiting.parts.length >= waiting.mostParts) waiting.reject(failure(FailureCode.guestState, `guest ${event.guest} does not come to the end of its answer`));
        return;
      }
      case "refused":
        waiting.reject(failure(FailureCode.guestState, `guest ${event.guest} does not do that`, { cause: event.detail ?? "no reason is given" }));
    }
  }

  /** Nobody will answer any more. @param guest absent: of none */
  end(why: Error, guest?: string): void {
    for (const each of this.#waiting.values()) if (guest === undefined || each.guest === guest) each.reject(why);
  }
}
