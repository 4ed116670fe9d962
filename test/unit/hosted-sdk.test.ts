// servers/lib/ts: client stubs and the receive loop of a protocol, against each other through packed messages.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { infoLabel, MAX_WORDS, toInfo } from "../../caps/abi/message.ts";
import { ErrorCode } from "../../caps/abi/numbers.ts";
import { protocol } from "../../caps/protocol/protocol.ts";
import { packBytes, roomBeside, unpackBytes } from "../../servers/lib/ts/bytes.ts";
import { client } from "../../servers/lib/ts/client.ts";
import type { Memory, Message, Op, Sys, Word } from "../../servers/lib/ts/sdk.ts";
import { dispatcher, toReply } from "../../servers/lib/ts/serve.ts";

/** A message as the receiver's thread sees it, and the memory where its words from the fourth on stand. */
function received(label: number, words: readonly Word[], badge = 0, caps = 0, error = false): { message: Message; mem: Memory } {
  const all = words.map((w) => BigInt.asUintN(64, BigInt(w)));
  const buffer = new DataView(new ArrayBuffer(1024));
  all.forEach((w, i) => buffer.setBigUint64(8 * (1 + i), w, true));
  const word = (i: number): bigint => all[i] ?? 0n;
  const message: Message = {
    badge, info: toInfo(label, words.length, caps), label, error, length: words.length, caps,
    word: (i) => Number(word(i)), lo: (i) => Number(BigInt.asIntN(32, word(i))), hi: (i) => Number(BigInt.asIntN(32, word(i) >> 32n)), big: word,
  };
  const mem = { read: (address: number, bytes: number) => new Uint8Array(buffer.buffer, address - 0x4000_1000, bytes).slice() } as unknown as Memory;
  return { message, mem };
}
const P = protocol({
  name: "P",
  methods: {
    put: { label: 1, doc: "", words: ["at", "count"], returns: ["accepted"], bytes: "in" },
    get: { label: 2, doc: "", words: ["most"], returns: ["left", "count"], bytes: "out" },
    add: { label: 3, doc: "", words: ["a", "b"], returns: ["sum"] },
    watch: { label: 4, doc: "", words: [], returns: [], caps: ["notification"] },
    turn: { label: 5, doc: "", words: ["by", "count"], returns: ["moved", "count"], bytes: "both" },
  },
  refusals: { badRequest: 1, full: 2 },
});
const finish = <T>(op: Op<T>): T => {
  const result = op.next();
  if (result.done !== true) throw new Error("it made a system call");
  return result.value;
};

describe("bytes", () => {
  test("packed and unpacked are the same, wherever they begin and however long", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 900 }), fc.integer({ min: 0, max: 6 }), (bytes, first) => {
        const { message, mem } = received(1, [...new Array<number>(first).fill(5), ...packBytes(bytes)]);
        expect(unpackBytes(message, mem, first, bytes.length)).toEqual(bytes);
      }),
    );
  });
  test("a count beyond the message, negative or no integer gives null", () => {
    const { message, mem } = received(1, [3, 7n]);
    for (const count of [9, -1, 0.5, 2 ** 40, Number.NaN]) expect(unpackBytes(message, mem, 1, count)).toBeNull();
    expect(unpackBytes(message, mem, 1, 8)).toHaveLength(8);
  });
});

describe("client and server of a protocol", () => {
  const mem = {} as { current: Memory };
  const env = { mem: { read: (address: number, bytes: number) => mem.current.read(address, bytes) } as Memory };
  const store = new Uint8Array(16);
  const dispatch = dispatcher(P, env, {
    put({ words, bytes }) {
      if (words.at + bytes.length > store.length) return { label: P.refusals.full };
      store.set(bytes, words.at);
      return { words: [bytes.length] };
    },
    get({ words }) {
      return { words: [store.length - words.most], bytes: store.slice(0, words.most) };
    },
    add({ words, badge }) {
      return { words: [words.a + words.b + badge] };
    },
    turn({ words, bytes }) {
      return { words: [words.by], bytes: Uint8Array.from([...bytes.slice(words.by), ...bytes.slice(0, words.by)]) };
    },
    watch({ caps }) {
      return { label: caps === 1 ? 0 : P.refusals.badRequest };
    },
  });
  /** A kernel of one endpoint: what is called is dispatched at once. */
  const sys = {
    *call(cap: number, label: number, words: readonly Word[] = [], caps: readonly number[] = []): Op<Message> {
      yield* [];
      if (cap !== 7) return received(ErrorCode.InvalidCapability, [0], 0, 0, true).message;
      const request = received(label, words, 100, caps.length);
      mem.current = request.mem;
      const answer = toReply(finish(dispatch(request.message))!);
      const reply = received(answer.label, answer.words);
      mem.current = reply.mem;
      return reply.message;
    },
  } as Partial<Sys> as Sys;
  const p = client(P, sys, env.mem, 7);

  test("words, bytes in, bytes out and capabilities arrive", () => {
    expect(finish(p.add(1, 2))).toEqual({ ok: true, sum: 103 });
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
    expect(finish(p.put(3, bytes))).toEqual({ ok: true, accepted: 9 });
    expect(finish(p.get(13))).toEqual({ ok: true, left: 3, count: 13, bytes: Uint8Array.of(0, 0, 0, ...bytes, 0) });
    expect(finish(p.watch(40))).toEqual({ ok: true });
  });

  test("refusals are named, kernel errors too", () => {
    expect(finish(p.put(10, new Uint8Array(9)))).toEqual({ ok: false, refusal: "full", label: 2 });
    expect(finish(client(P, sys, env.mem, 8).add(1, 2))).toEqual({ ok: false, refusal: "error", label: ErrorCode.InvalidCapability });
  });
  test("bytes go both ways in one method", () => {
    expect(finish(p.turn(3, Uint8Array.from([1, 2, 3, 4, 5])))).toEqual({ ok: true, moved: 3, count: 5, bytes: Uint8Array.from([4, 5, 1, 2, 3]) });
    expect(finish(p.turn(0, new Uint8Array(0)))).toEqual({ ok: true, moved: 0, count: 0, bytes: new Uint8Array(0) });
  });

  test("more bytes than a message holds are the caller's error", () => {
    expect(() => finish(p.put(0, new Uint8Array(roomBeside(2) + 1)))).toThrow(RangeError);
    expect(roomBeside(2)).toBe(8 * (MAX_WORDS - 2));
  });

  test.each([
    ["an unknown label", 99, []],
    ["too few words", 3, [1]],
    ["a byte count beyond the message", 1, [0, 9, 5n]],
    ["a monstrous byte count", 1, [0, 2n ** 64n - 1n]],
  ])("%s is refused before a handler sees it", (_, label, words) => {
    const { message, mem: memory } = received(label, words);
    mem.current = memory;
    expect(finish(dispatch(message))).toEqual({ label: 1 });
    expect(infoLabel(message.info)).toBe(label);
  });
});
