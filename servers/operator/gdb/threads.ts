// gdb's thread ids and the actions of vCont, with the multiprocess extension. Pure.
// Source: "Debugging with GDB", appendix E.2, thread-id syntax; E.3, vCont.
import type { Action } from "./target.ts";

/** -1: all; 0: any. */
export interface ThreadId {
  readonly pid: number;
  readonly tid: number;
}

export interface ThreadAction {
  readonly action: Exclude<Action, "stay">;
  readonly thread: ThreadId;
}

export const threadText = ({ pid, tid }: ThreadId): string => `p${pid.toString(16)}.${tid.toString(16)}`;

const NUMBER = /^(?:-1|[0-9a-f]{1,7})$/i;
const toNumber = (text: string): number => (text === "-1" ? -1 : Number.parseInt(text, 16));

/** `pPID.TID`, `pPID` (all of it), or `TID` of whichever process; undefined when it is none of them. */
export function parseThread(text: string): ThreadId | undefined {
  const [, pid, tid = "-1"] = /^p([^.]*)(?:\.(.*))?$/s.exec(text) ?? [undefined, "0", text];
  return pid !== undefined && NUMBER.test(pid) && NUMBER.test(tid) ? { pid: toNumber(pid), tid: toNumber(tid) } : undefined;
}

/** Longest list of actions. */
const MOST_ACTIONS = 256;
const VERBS: Readonly<Record<string, ThreadAction["action"]>> = { c: "go", C: "go", s: "step", S: "step" };

/** What follows `vCont;`. A signal is ignored: there are none. Undefined when it makes no sense. */
export function parseActions(text: string): readonly ThreadAction[] | undefined {
  const parts = text.split(";", MOST_ACTIONS + 1);
  if (parts.length > MOST_ACTIONS) return undefined;
  const actions: ThreadAction[] = [];
  for (const part of parts) {
    const [, verb = "", , thread] = /^([cs]|[CS]([0-9a-fA-F]{2}))(?::(.*))?$/s.exec(part) ?? [];
    const action = VERBS[verb[0] ?? ""], id = thread === undefined ? { pid: -1, tid: -1 } : parseThread(thread);
    if (action === undefined || id === undefined) return undefined;
    actions.push({ action, thread: id });
  }
  return actions;
}
