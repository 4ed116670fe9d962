// firewall.ts: the guest's console, and all that the guest has. What it writes goes to the terminal, but for requests: one that the rules allow, and that the log has taken,
// is handed to the courier, and the page comes back as lines of input.
//
// Invariants
//   F1  Nothing is fetched that the log has not taken first: whoever floods the log gets no pages.
//   F2  What the log is told has no character of the guest's that is not printed, and begins with what this program decided.
//   F3  It calls console and log alone. Guest, courier and whatever is behind that wait here, and not the other way round.
import { client, cnodeDelete, cnodeMint, cnodeMove, Console, dispatcher, InitSlot, Kind, Log, packBytes, replySave, retype, Right, serve } from "bailiwick/sdk";
import type { Env, Message, Op, Response, Word } from "bailiwick/sdk";
import { typedAnswer } from "./answer.ts";
import { GuestLine } from "./line.ts";
import { Work } from "./protocol.ts";
import { isAllowed, parseRequest, parseRules, type Page } from "./rules.ts";

/** Slots of its own. */
const RECEIVED = 128, GUEST_BELL = 129, KEYS_BELL = 130, COURIER = 131;
const KEYS_BIT = 2 ** 40;
const PAGE_MOST = 65_536, LINE_MOST = 150;
const WHY = ["ok", "nobodyThere", "noAnswer", "notHttp", "notAllowed"];
const NOTHING: Uint8Array = new Uint8Array(0);

const own = (index: number): { cnode: number; index: number; depth: number } => ({ cnode: InitSlot.CNode, index, depth: 32 });
const encode = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const printed = (text: string): string => text.replaceAll(/[^ -~]/g, "?").slice(0, LINE_MOST);
const nameOf = ({ host, port, path }: Page): string => `${host}:${port}${path}`;

/** What the guest asked for last, until it is answered. */
interface Fetch {
  readonly number: number;
  readonly page: Page;
  readonly pieces: Uint8Array[];
  bytes: number;
  taken: boolean;
}

export default function* main(env: Env): Op<void> {
  const { sys, mem } = env;
  const rules = parseRules((env.args as { readonly allow?: unknown } | null)?.allow);
  const terminal = client(Console, sys, mem, env.use["terminal"]!.cap), log = client(Log, sys, mem, env.use["log"]!.cap);
  const line = new GuestLine();
  /** What is typed at the guest before anything that a person types. */
  let input: Uint8Array = NOTHING, attached = false, courierWaits = false, count = 0;
  let fetch: Fetch | undefined;

  function* note(text: string): Op<boolean> {
    const { ok } = yield* log.append(encode(printed(text)));
    return ok;
  }

  function* answer(status: number, why: string, page = NOTHING): Op<void> {
    input = concat([input, typedAnswer(status, why, page)]);
    if (attached) yield* sys.signal(GUEST_BELL);
  }

  function* request(text: string | null): Op<void> {
    const page = text === null ? undefined : parseRequest(text);
    if (page === undefined) {
      yield* note(`no request: ${text === null ? "too long" : text}`);
      return yield* answer(0, "badRequest");
    }
    if (!isAllowed(rules, page)) {
      yield* note(`denied: ${nameOf(page)}`);
      return yield* answer(0, "denied");
    }
    if (!(yield* note(`allowed: ${nameOf(page)}`))) return yield* answer(0, "tooFast");
    if (fetch !== undefined) yield* note(`given up: ${nameOf(fetch.page)}`);
    fetch = { number: ++count, page, pieces: [], bytes: 0, taken: false };
    if (!courierWaits) return;
    courierWaits = false;
    const { words, bytes } = order(fetch);
    yield* sys.send(COURIER, 0, [...words, bytes.length, ...packBytes(bytes)]);
  }

  function* finish(status: number, why: string): Op<void> {
    if (fetch === undefined) return;
    const { page, pieces, bytes } = fetch;
    fetch = undefined;
    yield* note(`${status === 0 ? why : status}, ${bytes} bytes: ${nameOf(page)}`);
    yield* answer(status, why, status === 0 ? NOTHING : concat(pieces));
  }

  const guest = dispatcher(Console, env, {
    *write({ bytes }) {
      const { text, requests } = line.hear(bytes);
      if (text.length > 0) yield* terminal.write(text);
      for (const one of requests) yield* request(one);
      return { words: [bytes.length] };
    },
    *read({ words: { most } }) {
      if (most > 944) return { label: Console.refusals.badRequest };
      if (input.length === 0) {
        const typed = yield* terminal.read(most);
        return { bytes: typed.ok ? typed.bytes : NOTHING };
      }
      const bytes = input.slice(0, most);
      input = input.subarray(bytes.length);
      return { bytes };
    },
    *attach({ caps }) {
      if (caps === 0) return { label: Console.refusals.noCapability };
      yield* cnodeDelete(sys, own(GUEST_BELL));
      yield* cnodeMove(sys, own(GUEST_BELL), own(RECEIVED));
      attached = true;
      yield* sys.signal(GUEST_BELL);
      return {};
    },
  });

  const courier = dispatcher(Work, env, {
    *take(): Op<Response | null> {
      if (fetch !== undefined && !fetch.taken) return order(fetch);
      // The newest waits: an older one may be of a thread that is gone.
      if (courierWaits) yield* sys.send(COURIER, Work.refusals.replaced);
      courierWaits = !(yield* replySave(sys, InitSlot.Reply, COURIER)).error;
      return courierWaits ? null : { label: Work.refusals.replaced };
    },
    *piece({ words: { number }, bytes }) {
      if (fetch?.number !== number || !fetch.taken) return { label: Work.refusals.stale };
      if (fetch.bytes + bytes.length > PAGE_MOST) {
        yield* finish(0, "tooMuch");
        return { label: Work.refusals.tooMuch };
      }
      fetch.pieces.push(bytes);
      fetch.bytes += bytes.length;
      return {};
    },
    *done({ words: { number, status, why } }) {
      if (fetch?.number !== number || !fetch.taken) return { label: Work.refusals.stale };
      if (status !== 0 && (status < 100 || status > 999)) return { label: Work.refusals.badRequest };
      yield* finish(status, status === 0 ? (WHY[why] ?? "failed") : "ok");
      return {};
    },
  });

  yield* retype(sys, InitSlot.Untyped, Kind.Reply, 0, 1, InitSlot.CNode, COURIER);
  yield* cnodeMint(sys, own(KEYS_BELL), own(InitSlot.Notification), Right.Write, KEYS_BIT);
  yield* terminal.attach(KEYS_BELL);
  sys.receiveSlots(InitSlot.CNode, RECEIVED, 32, 1);
  const work = env.offers.indexOf("work");
  yield* serve(
    env,
    function* (message: Message): Op<Response | null> {
      const came = message.caps > 0;
      const response = yield* Math.floor(message.badge / 0x1_0000) === work ? courier(message) : guest(message);
      if (came) yield* cnodeDelete(sys, own(RECEIVED));
      return response;
    },
    {
      *signalled() {
        if (attached) yield* sys.signal(GUEST_BELL);
      },
    },
  );
}

/** What the courier is told of it, from then on taken. */
function order(fetch: Fetch): { readonly words: readonly Word[]; readonly bytes: Uint8Array } {
  const { host, port, path } = fetch.page;
  fetch.taken = true;
  return { words: [fetch.number, port, host.length], bytes: encode(host + path) };
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
