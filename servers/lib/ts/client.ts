// Typed stubs for the clients of a protocol: `const console = client(Console, env.sys, env.mem, env.use.console.cap); yield* console.write(bytes)`.
// A method takes its words in order, then the bytes it sends, then capabilities. With bytes the last word (in: of the request, out: of the answer)
// is their number, and the stub fills it in.
import type { Method, Protocol } from "../../../caps/protocol/protocol.ts";
import { packBytes, roomBeside, unpackBytes } from "./bytes.ts";
import type { Memory, Message, Op, Sys, Word } from "./sdk.ts";

type ButLast<T extends readonly unknown[]> = T extends readonly [...infer Rest, unknown] ? Rest : [];
type Each<T extends readonly unknown[], V> = { [K in keyof T]: V };
type Given<M extends Method> = M extends { readonly bytes: "in" | "both" } ? [...words: Each<ButLast<M["words"]>, Word>, bytes: Uint8Array] : [...words: Each<M["words"], Word>];
type CapsOf<M extends Method> = M extends { readonly caps: infer C extends readonly string[] } ? Each<C, number> : [];

/** What a server answered. A refusal is named by the protocol, or `error` when the kernel could not deliver (label: an ErrorCode). */
export type Answer<M extends Method> =
  | ({ readonly ok: true } & { readonly [K in M["returns"][number]]: number } & (M extends { readonly bytes: "out" | "both" } ? { readonly bytes: Uint8Array } : unknown))
  | { readonly ok: false; readonly refusal: string; readonly label: number };

export type Client<P extends Protocol> = {
  readonly [K in keyof P["methods"]]: (...args: [...Given<P["methods"][K]>, ...CapsOf<P["methods"][K]>]) => Op<Answer<P["methods"][K]>>;
};

export function client<const P extends Protocol>(protocol: P, sys: Sys, mem: Memory, cap: number): Client<P> {
  const names = new Map(Object.entries(protocol.refusals).map(([name, label]) => [label, name]));
  const stubs = Object.entries(protocol.methods).map(([name, method]) => [name, stub(method, names, sys, mem, cap)]);
  return Object.fromEntries(stubs) as Client<P>;
}

function stub(method: Method, refusals: ReadonlyMap<number, string>, sys: Sys, mem: Memory, cap: number) {
  const withBytes = method.bytes === "in" || method.bytes === "both";
  const sent = method.words.length - (withBytes ? 1 : 0);
  return function* (...args: (Word | Uint8Array)[]): Op<unknown> {
    const words = args.slice(0, sent) as Word[];
    let next = sent;
    if (withBytes) {
      const bytes = args[next++];
      if (!(bytes instanceof Uint8Array) || bytes.length > roomBeside(method.words.length)) throw new RangeError(`at most ${roomBeside(method.words.length)} bytes can be sent`);
      words.push(bytes.length, ...packBytes(bytes));
    }
    return toAnswer(method, refusals, mem, yield* sys.call(cap, method.label, words, args.slice(next) as number[]));
  };
}

function toAnswer(method: Method, refusals: ReadonlyMap<number, string>, mem: Memory, message: Message): unknown {
  if (message.error) return { ok: false, refusal: "error", label: message.label };
  if (message.label !== 0) return { ok: false, refusal: refusals.get(message.label) ?? "unknown", label: message.label };
  const values: Record<string, unknown> = { ok: true };
  method.returns.forEach((name, i) => (values[name] = message.word(i)));
  if (method.bytes === "out" || method.bytes === "both") {
    const count = method.returns.length - 1;
    const bytes = unpackBytes(message, mem, count + 1, message.word(count));
    if (bytes === null) return { ok: false, refusal: "unknown", label: 0 };
    values["bytes"] = bytes;
  }
  return values;
}
