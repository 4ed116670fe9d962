// The receive loop of a hosted server: requests of a protocol to one handler a method, signals of the bound notification to `signalled`.
// What a client sends is checked against the protocol before a handler sees it; a malformed request is refused, never fatal.
import { ErrorCode, InitSlot } from "../../../caps/abi/numbers.ts";
import type { Method, Protocol } from "../../../caps/protocol/protocol.ts";
import { packBytes, roomBeside, unpackBytes } from "./bytes.ts";
import type { Env, Message, Op, Word } from "./sdk.ts";

/** A request as its handler sees it. */
export interface Request<M extends Method = Method> {
  /** The sender's badge; a manifest's client has its number in the low 16 bits, from 1. */
  readonly badge: number;
  readonly words: { readonly [K in M["words"][number]]: number };
  /** Empty unless the method takes bytes. */
  readonly bytes: Uint8Array;
  /** How many capabilities arrived in the receive slots. */
  readonly caps: number;
}

/** label 0 is success, else a refusal of the protocol. Words in the order of the method's `returns`, without the count of `bytes`. */
export interface Response {
  readonly label?: number;
  readonly words?: readonly Word[];
  readonly bytes?: Uint8Array;
  readonly caps?: readonly number[];
}

/** A handler that makes system calls is a generator; one that does not may just return. null: not answered. The caller gets `Broken` at the next receive unless the handler has stopped it or moved the reply object away. */
export type Handler<M extends Method = Method> = (request: Request<M>) => Op<Response | null> | Response | null;
export type Handlers<P extends Protocol> = { readonly [K in keyof P["methods"]]: Handler<P["methods"][K]> };

/** A message to its response. */
export type Dispatch = (message: Message) => Op<Response | null>;

/** Handlers of a protocol as one function over messages. */
export function dispatcher<const P extends Protocol>(protocol: P, env: Pick<Env, "mem">, handlers: Handlers<P>): Dispatch {
  const methods = new Map(
    Object.entries(protocol.methods).map(([name, method]) => [method.label, { method, handler: handlers[name as keyof P["methods"]] as unknown as Handler }]),
  );
  const refused: Response = { label: protocol.refusals["badRequest"] ?? 1 };
  return function* (message) {
    const found = methods.get(message.label);
    if (found === undefined) return refused;
    const { method, handler } = found;
    const sent = method.words.length;
    if (message.length < sent) return refused;
    const words: Record<string, number> = {};
    method.words.forEach((name, i) => (words[name] = message.word(i)));
    let bytes: Uint8Array | null = new Uint8Array(0);
    if (method.bytes === "in" || method.bytes === "both") bytes = unpackBytes(message, env.mem, sent, message.word(sent - 1));
    if (bytes === null) return refused;
    const answer = handler({ badge: message.badge, words, bytes, caps: message.caps });
    return answer !== null && "next" in answer ? yield* answer : answer;
  };
}

/** A response as label and message words. */
export function toReply({ label = 0, words = [], bytes }: Response): { label: number; words: readonly Word[] } {
  if (bytes === undefined) return { label, words };
  if (bytes.length > roomBeside(words.length + 1)) throw new RangeError(`at most ${roomBeside(words.length + 1)} bytes fit an answer`);
  return { label, words: [...words, bytes.length, ...packBytes(bytes)] };
}

export interface Service {
  /** Endpoint and reply object; the program's own unless given. */
  readonly endpoint?: number;
  readonly reply?: number;
  /** The bound notification was signalled: its word. */
  readonly signalled?: (word: number) => Op<void>;
  /**
   * Work that signals tell of and that may be long (a ring to be emptied): called after each signal, and does a bounded piece. True: there is more; it
   * is called again after the next message, or at once when none waits, so that neither keeps the other waiting.
   */
  readonly turn?: () => Op<boolean>;
}

/** Serves for ever. Offers of several protocols are told apart by the badge: give a Dispatch that chooses. Ends only when the endpoint is gone. */
export function* serve(env: Env, dispatch: Dispatch, { endpoint = InitSlot.Service, reply = InitSlot.Reply, signalled, turn }: Service = {}): Op<void> {
  const { sys } = env;
  /** There is a turn to do. */
  let more = false;
  const next = (): Op<Message> => (more ? sys.nbrecv(endpoint, reply) : sys.recv(endpoint, reply));
  const turned = function* (): Op<boolean> {
    return turn !== undefined && (yield* turn());
  };
  let message = yield* next();
  for (;;) {
    if (message.error) {
      if (message.label !== ErrorCode.Cancelled && message.label !== ErrorCode.WouldBlock) return;
      more = more && (yield* turned());
      message = yield* next();
      continue;
    }
    if (message.info === 0 && message.badge >= 2 ** 32) {
      if (signalled !== undefined) yield* signalled(message.badge);
      more = yield* turned();
      message = yield* next();
      continue;
    }
    const response = yield* dispatch(message);
    if (response !== null) {
      const { label, words } = toReply(response);
      if (!more) {
        message = yield* sys.replyRecv(endpoint, reply, label, words, response.caps ?? []);
        continue;
      }
      yield* sys.send(reply, label, words, response.caps ?? []);
    }
    more = more && (yield* turned());
    message = yield* next();
  }
}
