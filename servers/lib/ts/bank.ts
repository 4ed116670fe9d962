// A client of the space bank (servers/bank), for hosted programs. A capability that comes goes into the empty slot that is said; no call takes one without being asked, and
// what a server would send along unasked is not taken. The same in C is <bailiwick/bank.h>.
import { IpcBuffer } from "../../../caps/abi/message.ts";
import { InitSlot, Kind } from "../../../caps/abi/numbers.ts";
import { Bank } from "../../bank/protocol.ts";
import { client } from "./client.ts";
import { discrimClassify } from "./objects.ts";
import { IPC_BUFFER, type Env, type Op, type Word } from "./sdk.ts";

export const BankRight = { Buy: 1, Make: 2, Destroy: 4, Look: 8, All: 15 } as const;

/** In the protocol's words; "slot": it was not empty; "error": the server has ended, or the capability is no endpoint. */
export type BankRefusal = keyof (typeof Bank)["refusals"] | "slot" | "error" | "unknown";
export type BankResult<T = unknown> = ({ readonly ok: true } & T) | { readonly ok: false; readonly refusal: BankRefusal };

/** Bytes. limit 0: none of its own. */
export interface BankFigures {
  readonly limit: number;
  readonly reserve: number;
  readonly used: number;
  readonly peak: number;
  readonly blocks: number;
}

/** What a capability is that claims to be a bank. alone: nobody can tell how much it has sold but its holders and those who may look from above. */
export interface BankCheck {
  readonly official: boolean;
  readonly rights: number;
  readonly alone: boolean;
}

export interface BankLine extends BankFigures {
  readonly depth: number;
  readonly name: string;
}

const CPTR_BITS = 32;
const MOST_NAME = 23;

/** Takes `count` capabilities from `slot` on while it runs; what was set before is set again. */
function* taking<T>({ sys, mem }: Env, slot: number, count: number, op: () => Op<T>): Op<T> {
  const [cnode, index, depth, before] = [IpcBuffer.RECEIVE_CNODE, IpcBuffer.RECEIVE_INDEX, IpcBuffer.RECEIVE_DEPTH, IpcBuffer.RECEIVE_COUNT].map((at) => Number(mem.load64(IPC_BUFFER + 8 * at))) as [number, number, number, number];
  sys.receiveSlots(InitSlot.CNode, slot, CPTR_BITS, count);
  const result = yield* op();
  sys.receiveSlots(cnode, index, depth, before);
  return result;
}

/** The bank whose capability is in slot `cap`. */
export function bankClient(env: Env, cap: number) {
  const { sys, mem } = env;
  const bank = client(Bank, sys, mem, cap);
  const none = <T>(op: () => Op<T>): Op<T> => taking(env, 0, 0, op);

  function* kindOf(slot: number): Op<number> {
    return (yield* discrimClassify(sys, InitSlot.Discrim, slot)).word(0);
  }

  /** A request whose answer brings a capability into `slot`. Looked at before: a bank whose capability was lost could be destroyed with those above it only. */
  function* into<T extends { readonly ok: boolean }>(slot: number, op: () => Op<T>): Op<T | { readonly ok: false; readonly refusal: "slot" }> {
    if ((yield* kindOf(slot)) !== Kind.Null) return { ok: false, refusal: "slot" };
    return yield* taking(env, slot, 1, op);
  }

  const told = <T extends { readonly ok: boolean }>(answer: T): BankResult<T> => answer as BankResult<T>;

  return {
    /** 2^bits bytes of Untyped, bits 12..30, into `slot`; `number` is by which it is freed. */
    *buy(bits: number, slot: number): Op<BankResult<{ readonly number: number }>> {
      const answer = yield* into(slot, () => bank.buy(bits));
      return answer.ok ? { ok: true, number: answer.number } : told(answer);
    },
    /** All that was made of that block ends. */
    *free(number: Word): Op<BankResult> {
      return told(yield* none(() => bank.free(number)));
    },
    /** A bank under it. limit, reserve: bytes, 0 for none; banks: that may be made under the new one; name: at most 23 characters '!' to '~'. */
    *make({ limit = 0, reserve = 0, banks = 0, name }: { readonly limit?: Word; readonly reserve?: Word; readonly banks?: Word; readonly name: string }, slot: number): Op<BankResult> {
      if (name.length > MOST_NAME || !/^[!-~]*$/.test(name)) return { ok: false, refusal: "badRequest" };
      return told(yield* into(slot, () => bank.make(limit, reserve, banks, Uint8Array.from(name, (letter) => letter.charCodeAt(0)))));
    },
    *restrict(rights: number, slot: number): Op<BankResult<{ readonly rights: number }>> {
      const answer = yield* into(slot, () => bank.restrict(rights));
      return answer.ok ? { ok: true, rights: answer.rights } : told(answer);
    },
    /** All that it and those under it have sold ends, a piece a call. The slot with the capability is not emptied. */
    *destroy(): Op<BankResult> {
      let answer = yield* none(() => bank.destroy());
      while (answer.ok && answer.left === 1) {
        answer = yield* none(() => bank.destroy());
        // Somebody else has done the rest.
        if (!answer.ok && answer.refusal === "gone") return { ok: true };
      }
      return told(answer);
    },
    /** Of any capability, of whatever kind; the bank that is asked is one that is trusted. */
    *verify(suspect: number): Op<BankResult<BankCheck>> {
      const answer = yield* none(() => bank.verify(suspect));
      return answer.ok ? { ok: true, official: answer.official === 1, rights: answer.rights, alone: answer.alone === 1 } : told(answer);
    },
    *figures(): Op<BankResult<BankFigures & { readonly banks: number }>> {
      return told(yield* none(() => bank.figures()));
    },
    /** The place'th of this bank (0) and those under it, parents first; "notFound" behind the last. */
    *list(place: number): Op<BankResult<BankLine>> {
      const answer = yield* none(() => bank.list(place));
      if (!answer.ok) return told(answer);
      const { depth, limit, reserve, used, peak, blocks, bytes } = answer;
      return { ok: true, depth, limit, reserve, used, peak, blocks, name: String.fromCharCode(...bytes) };
    },
  };
}
