// A client of the powerbox: a program that has no file asks the operator for one. The same in C is servers/lib/c/src/powerbox.c. What comes is a capability of
// protocol File: `client(File, env.sys, env.mem, slot)`.
import { IpcBuffer } from "../../../caps/abi/message.ts";
import { InitSlot, Kind } from "../../../caps/abi/numbers.ts";
import { Powerbox } from "../../powerbox/protocol.ts";
import { client } from "./client.ts";
import { discrimClassify } from "./objects.ts";
import { IPC_BUFFER, type Env, type Op } from "./sdk.ts";

/** Rights of protocol File that can be asked for. */
export const FileRight = { Read: 1, Write: 2, Append: 4 } as const;
/** What can be asked for. */
export const FileKind = { File: 1, Directory: 2 } as const;

const MAY_BE_NEW = 4;
const CPTR_BITS = 32;

export interface PowerboxWish {
  /** Bits of FileRight. */
  readonly rights: number;
  readonly kind: (typeof FileKind)[keyof typeof FileKind];
  /** A new one may be made. */
  readonly make?: boolean;
  /** Shown to the operator as the program's words: up to 400 bytes of UTF-8, and a name of up to 64. */
  readonly purpose?: string;
  readonly name?: string;
}

/** `refusal`: the powerbox's, by name; `error` when there is no powerbox (label: an ErrorCode); `unknown` when what came is no capability. */
export type Asked = { readonly ok: true; readonly rights: number; readonly made: boolean } | { readonly ok: false; readonly refusal: string; readonly label: number };

/**
 * Waits until the operator has decided, as long as that takes. The capability is in the empty `slot` then, until he takes it back or File.close gives it back. This
 * program's receive slots are as before afterwards. Throws RangeError when purpose and name together do not fit a message; what is merely too long is refused.
 */
export function* askPowerbox({ sys, mem }: Pick<Env, "sys" | "mem">, powerbox: number, { rights, kind, make = false, purpose = "", name = "" }: PowerboxWish, slot: number): Op<Asked> {
  const suggested = new TextEncoder().encode(name), words = new TextEncoder().encode(purpose);
  const bytes = new Uint8Array(suggested.length + words.length);
  bytes.set(suggested);
  bytes.set(words, suggested.length);
  const before = [IpcBuffer.RECEIVE_CNODE, IpcBuffer.RECEIVE_INDEX, IpcBuffer.RECEIVE_DEPTH, IpcBuffer.RECEIVE_COUNT].map((at) => Number(mem.load64(IPC_BUFFER + 8 * at)));
  sys.receiveSlots(InitSlot.CNode, slot, CPTR_BITS, 1);
  const answer = yield* client(Powerbox, sys, mem, powerbox).ask(rights, kind + (make ? MAY_BE_NEW : 0), suggested.length, bytes);
  const [cnode = 0, index = 0, depth = 0, count = 0] = before;
  sys.receiveSlots(cnode, index, depth, count);
  if (!answer.ok) return answer;
  const what = yield* discrimClassify(sys, InitSlot.Discrim, slot);
  return !what.error && what.word(0) === Kind.Endpoint ? { ok: true, rights: answer.rights, made: answer.made !== 0 } : { ok: false, refusal: "unknown", label: 0 };
}
