// Reading and writing a thread's message: registers in its trap frame, words from the fourth on in its IPC buffer.
// Source: caps/abi/message.ts.
import { IpcBuffer, Reg, REGISTER_WORDS, toInfo, Info } from "../../caps/abi/message.ts";
import { ErrorCode } from "../../caps/abi/numbers.ts";
import type { Kernel, Tcb } from "./state.ts";

const A0 = Reg.a0 * 2, A1 = Reg.a1 * 2, A2 = Reg.a2 * 2;

/** Index in ram32 of word `i` (>= 4) of a thread's message; -1 without an IPC buffer. */
function bufferWord(t: Tcb, i: number): number {
  return t.buffer < 0 ? -1 : (t.buffer >> 2) + 2 * (IpcBuffer.WORDS + i);
}

/** Low half of message word `i`; 0 where there is no word. */
export function wordLo(k: Kernel, t: Tcb, i: number): number {
  if (i < REGISTER_WORDS) return k.frames32[t.base + A2 + 2 * i]!;
  const at = bufferWord(t, i);
  return at < 0 ? 0 : k.ram32[at]!;
}

export function wordHi(k: Kernel, t: Tcb, i: number): number {
  if (i < REGISTER_WORDS) return k.frames32[t.base + A2 + 2 * i + 1]!;
  const at = bufferWord(t, i);
  return at < 0 ? 0 : k.ram32[at + 1]!;
}

/** Message word `i` as an unsigned number; exact below 2^53, and never below 2^53 when the word is not. */
export function wordNumber(k: Kernel, t: Tcb, i: number): number {
  return (wordHi(k, t, i) >>> 0) * 0x1_0000_0000 + (wordLo(k, t, i) >>> 0);
}

export function setWord(k: Kernel, t: Tcb, i: number, lo: number, hi: number): void {
  if (i < REGISTER_WORDS) {
    k.frames32[t.base + A2 + 2 * i] = lo;
    k.frames32[t.base + A2 + 2 * i + 1] = hi;
    return;
  }
  const at = bufferWord(t, i);
  if (at < 0) return;
  k.ram32[at] = lo;
  k.ram32[at + 1] = hi;
}

/** Sets word `i` to an integer, 0 <= value < 2^63. */
export function setNumber(k: Kernel, t: Tcb, i: number, value: number): void {
  setWord(k, t, i, value | 0, Math.floor(value / 0x1_0000_0000) | 0);
}

/** Badge and info of a completed system call. */
export function setResult(k: Kernel, t: Tcb, badgeLo: number, badgeHi: number, info: number): void {
  const f = k.frames32, b = t.base;
  f[b + A0] = badgeLo;
  f[b + A0 + 1] = badgeHi;
  f[b + A1] = info;
  f[b + A1 + 1] = 0;
}

/** Ends a thread's system call with an error and its detail words. */
export function setError(k: Kernel, t: Tcb, code: ErrorCode, words: readonly number[] = []): void {
  for (let i = 0; i < words.length; i++) setNumber(k, t, i, words[i]!);
  setResult(k, t, 0, 0, toInfo(code, words.length) | Info.ERROR);
}

/** The thread will make the same system call again: every engine leaves pc after the ecall of 4 bytes. */
export function restartCall(k: Kernel, t: Tcb): void {
  const f = k.frames32, lo = f[t.base]!;
  f[t.base] = (lo - 4) | 0;
  if (lo >>> 0 < 4) f[t.base + 1] = (f[t.base + 1]! - 1) | 0;
}
