// One capability that stands before another. With a list of labels it is a facet: only those methods are there. Closed for a while and opened again it is a
// caretaker; it counts what passes and what does not.
//
// A program has as many gates as it likes: a badge of its endpoint for each, that its Dispatch (serve.ts) tells apart. What it gives away is minted with `lend`,
// so the kernel can take it back too.
//
//   G1  Nothing reaches the target but by a label of the list, while the gate is open.
//   G2  The target sees the gate's program as its client, and no badge of whoever called.
//   G3  Capabilities pass only where there are slots for them (`answers`), and then as they are: what a target answers leads round the gate. A membrane wraps them (membrane.ts).
//
// The program is inside the target until that answers: others wait in line, and a target that calls the program meanwhile waits for ever for itself. A Send through
// a gate is carried out as a Call whose answer nobody gets.
import { MAX_CAPS } from "../../../../caps/abi/message.ts";
import { Patterns } from "../../../../caps/protocol/patterns.ts";
import { cnodeDelete } from "../objects.ts";
import type { Response } from "../serve.ts";
import type { Message, Op } from "../sdk.ts";
import { arrivals, empty, own, receiveAt, wordsOf, type Own } from "./own.ts";

const { refusals } = Patterns;

export interface GateOptions {
  /** Needs Write and GrantReply; Grant if capabilities shall pass. */
  readonly target: number;
  /** The labels that pass; all, if absent. */
  readonly labels?: readonly number[];
  /** Where the program receives capabilities, three slots from here on; absent: it receives none. */
  readonly requests?: number;
  /** Capabilities pass, in requests and in answers: those of answers go to three empty slots of its own from here on, until the next request. Absent: they do not. */
  readonly answers?: number;
}

export class Gate {
  /** Calls that reached the target; that did not. */
  passed = 0;
  refused = 0;
  paused = false;
  #revoked = false;
  /** Slots for answers that are in use. */
  #held = 0;
  readonly #env: Own;
  readonly #options: GateOptions;

  constructor(env: Own, options: GateOptions) {
    this.#env = env;
    this.#options = options;
  }

  /** For good. */
  revoke(): void {
    this.#revoked = true;
  }

  #judge(message: Message, came: ReturnType<typeof arrivals>): number {
    const { labels, answers } = this.#options;
    if (this.#revoked) return refusals.revoked;
    if (this.paused) return refusals.paused;
    if (labels?.includes(message.label) === false) return refusals.notAllowed;
    // One of this program's own came as its badge: which rights it had is not known, so it cannot be made again.
    return came.length > 0 && (answers === undefined || came.some((cap) => "badge" in cap)) ? refusals.cannotPass : 0;
  }

  /** Carries a request out on the target: the answer. Refusals: those of `Patterns` and the target's own; where the kernel could not deliver, `gone`, with its error in word 0. */
  *handle(message: Message): Op<Response> {
    const { sys, mem } = this.#env, { requests, answers, target } = this.#options;
    const words = wordsOf(message), came = arrivals(message, mem, requests ?? 0);
    const slots = came.flatMap((cap) => ("slot" in cap ? [cap.slot] : []));
    const refusal = this.#judge(message, came);
    const response = refusal === 0 ? yield* this.#pass(message.label, words, slots, target, answers) : { label: refusal };
    if (refusal !== 0) this.refused++;
    receiveAt(sys, requests ?? 0, requests === undefined ? 0 : MAX_CAPS);
    for (const slot of slots) yield* cnodeDelete(sys, own(slot));
    return response;
  }

  *#pass(label: number, words: readonly bigint[], slots: readonly number[], target: number, answers: number | undefined): Op<Response> {
    const { sys } = this.#env;
    if (answers !== undefined) yield* empty(sys, answers, this.#held);
    this.#held = 0;
    // Without a slot to receive in, none comes.
    receiveAt(sys, answers ?? 0, answers === undefined ? 0 : MAX_CAPS);
    const answer = yield* sys.call(target, label, words, slots);
    if (answer.error) {
      this.refused++;
      return { label: refusals.gone, words: [answer.label] };
    }
    this.passed++;
    this.#held = answer.caps;
    return { label: answer.label, words: wordsOf(answer), caps: Array.from({ length: answer.caps }, (_, i) => (answers ?? 0) + i) };
  }
}
