// The state that IPC touches, as 32-bit words in memory that the machine can be shown, so that it may carry out the commonest calls itself
// (core/machine/native/fastpath.h knows this layout; test/conformance/fastpath.test.ts holds the two against each other). An object here is
// nothing but where its words are: a thread's stand in its trap frame, those of the others in the object table.
import { Frame } from "../../caps/abi/message.ts";
import { OBJECT_WORDS, type ObjectTable } from "../../caps/model/objects.ts";

/** What a thread is doing. Ready and RunningVcpu want the CPU. */
export const ThreadState = {
  Inactive: 0,
  Ready: 1,
  BlockedOnSend: 2,
  BlockedOnReceive: 3,
  BlockedOnReply: 4,
  BlockedOnNotification: 5,
  /** In VCPURun: the guest runs with this thread's time. */
  RunningVcpu: 6,
  /** In VCPURun: the guest waits for an interrupt. */
  WaitingVcpu: 7,
  /** Stopped by a fault that no keeper took. */
  Faulted: 8,
} as const;
export type ThreadState = (typeof ThreadState)[keyof typeof ThreadState];

/** 32-bit words of a thread, from the beginning of its trap frame. */
const FIRST = 2 * Frame.KERNEL;
const T = {
  ID: FIRST, SLOTS: FIRST + 1, STATE: FIRST + 2, PRIORITY: FIRST + 3, SC: FIRST + 4, HOME_SC: FIRST + 5, BOUND: FIRST + 6, NEXT: FIRST + 7, PREV: FIRST + 8, BLOCKED_ON: FIRST + 9, REPLY: FIRST + 10, FAULT: FIRST + 11, HOSTED: FIRST + 12, STEPS: FIRST + 13, STEPPED: FIRST + 14,
  FAULT_WORDS: FIRST + 16,
} as const;
/** Words of a fault's message: pairs of halves. */
const FAULT_HALVES = 8;

/** Not shown when an object is printed or copied: it is everybody's. */
function hide<T extends object>(of: T, name: keyof T, words: Int32Array): void {
  Object.defineProperty(of, name, { value: words, writable: true });
}

export class Tcb {
  readonly id: number;
  /** Index of its trap frame, and that frame's first 32-bit word. */
  readonly frame: number;
  readonly base: number;
  /** First row of its own slots. */
  readonly slots: number;
  declare readonly words: Int32Array;

  maxPriority = 0;
  /** It is in the ready queue. */
  queued = false;
  /** RAM offset of the IPC buffer, in bytes; -1 for none. */
  buffer = -1;
  bufferAddress = 0;
  /** BlockedOnSend: the badge, what it may pass on, whether it wants a reply. */
  sendBadgeLo = 0;
  sendBadgeHi = 0;
  sendRights = 0;
  sendCall = false;
  /** BlockedOnSend: when it came to wait: later ones have greater numbers. */
  ticket = 0;
  faultLength = 0;
  /** It was stopped while it waited in a system call: resuming ends the call, restarting makes it again. */
  interrupted = false;
  vcpu = 0;
  /** Addresses by number, -1 for none. */
  readonly breakpoints: number[] = [];
  /** Objects that its deletions brought down and that are not taken apart yet (capabilities.ts). */
  readonly debts: number[] = [];
  label = "";

  constructor(frames: Int32Array, frame: number, id: number, slots: number) {
    this.id = id;
    this.frame = frame;
    this.base = frame * Frame.WORDS * 2;
    this.slots = slots;
    hide(this, "words", frames);
    frames.fill(0, this.base, this.base + Frame.WORDS * 2);
    frames[this.base + 2 * Frame.SPACE] = -1;
    frames[this.base + T.ID] = id;
    frames[this.base + T.SLOTS] = slots;
  }

  get state(): ThreadState { return this.words[this.base + T.STATE] as ThreadState; }
  set state(value: ThreadState) { this.words[this.base + T.STATE] = value; }
  get priority(): number { return this.words[this.base + T.PRIORITY]!; }
  set priority(value: number) { this.words[this.base + T.PRIORITY] = value; }
  /** SchedContext it runs on now, and its own; they differ while it works on a caller's time. */
  get sc(): number { return this.words[this.base + T.SC]!; }
  set sc(value: number) { this.words[this.base + T.SC] = value; }
  get homeSc(): number { return this.words[this.base + T.HOME_SC]!; }
  set homeSc(value: number) { this.words[this.base + T.HOME_SC] = value; }
  get boundNotification(): number { return this.words[this.base + T.BOUND]!; }
  set boundNotification(value: number) { this.words[this.base + T.BOUND] = value; }
  /** Links of the one queue it is in: an endpoint's, a notification's or the ready queue of its priority. */
  get next(): number { return this.words[this.base + T.NEXT]!; }
  set next(value: number) { this.words[this.base + T.NEXT] = value; }
  get prev(): number { return this.words[this.base + T.PREV]!; }
  set prev(value: number) { this.words[this.base + T.PREV] = value; }
  /** Endpoint or notification it waits on. */
  get blockedOn(): number { return this.words[this.base + T.BLOCKED_ON]!; }
  set blockedOn(value: number) { this.words[this.base + T.BLOCKED_ON] = value; }
  /** BlockedOnReceive: the reply object to fill, 0 for none. BlockedOnReply: the one that holds this thread. */
  get reply(): number { return this.words[this.base + T.REPLY]!; }
  set reply(value: number) { this.words[this.base + T.REPLY] = value; }
  /** Pending fault: label, 0 for none, and its words (pairs of halves). */
  get faultLabel(): number { return this.words[this.base + T.FAULT]!; }
  set faultLabel(value: number) { this.words[this.base + T.FAULT] = value; }
  get faultWords(): Int32Array { return this.words.subarray(this.base + T.FAULT_WORDS, this.base + T.FAULT_WORDS + FAULT_HALVES); }
  get hosted(): boolean { return this.words[this.base + T.HOSTED] === 1; }
  set hosted(value: boolean) { this.words[this.base + T.HOSTED] = value ? 1 : 0; }
  /** It is debugged: it stops after each instruction; the system call that was its last one is still to be told. */
  get steps(): boolean { return this.words[this.base + T.STEPS] === 1; }
  set steps(value: boolean) { this.words[this.base + T.STEPS] = value ? 1 : 0; }
  get stepped(): boolean { return this.words[this.base + T.STEPPED] === 1; }
  set stepped(value: boolean) { this.words[this.base + T.STEPPED] = value ? 1 : 0; }
}

/** An object whose state is words of the object table's. */
class Words {
  readonly id: number;
  declare words: Int32Array;
  protected readonly at: number;

  constructor(table: ObjectTable, id: number) {
    hide<Words>(this, "words", table.words);
    this.at = id * OBJECT_WORDS;
    this.id = id;
  }
}

export class CNode extends Words {
  /** Its rows, and log2 of their number. */
  get first(): number { return this.words[this.at]!; }
  get radix(): number { return this.words[this.at + 1]!; }
  /** When no capability names it any more: how many of its slots have been emptied. */
  get emptied(): number { return this.words[this.at + 2]!; }
  set emptied(value: number) { this.words[this.at + 2] = value; }

  constructor(table: ObjectTable, id: number, first: number, radix: number) {
    super(table, id);
    this.words[this.at] = first;
    this.words[this.at + 1] = radix;
  }
}

/** The line of those who wait on an object. */
class Line extends Words {
  get head(): number { return this.words[this.at]!; }
  set head(value: number) { this.words[this.at] = value; }
  get tail(): number { return this.words[this.at + 1]!; }
  set tail(value: number) { this.words[this.at + 1] = value; }
}

export class Endpoint extends Line {
  /** 0 idle, 1 senders wait, 2 receivers wait. */
  get waiting(): 0 | 1 | 2 { return this.words[this.at + 2]! as 0 | 1 | 2; }
  set waiting(value: 0 | 1 | 2) { this.words[this.at + 2] = value; }
}

export class Notification extends Line {
  get wordLo(): number { return this.words[this.at + 2]!; }
  set wordLo(value: number) { this.words[this.at + 2] = value; }
  get wordHi(): number { return this.words[this.at + 3]!; }
  set wordHi(value: number) { this.words[this.at + 3] = value; }
  get boundTcb(): number { return this.words[this.at + 4]!; }
  set boundTcb(value: number) { this.words[this.at + 4] = value; }
}

export class Reply extends Words {
  /** The thread that waits for the answer, 0 for none. */
  get caller(): number { return this.words[this.at]!; }
  set caller(value: number) { this.words[this.at] = value; }
  /** The SchedContext that came along, 0 for none, and its place among that one's loans. */
  get donated(): number { return this.words[this.at + 1]!; }
  set donated(value: number) { this.words[this.at + 1] = value; }
  get place(): number { return this.words[this.at + 2]!; }
  set place(value: number) { this.words[this.at + 2] = value; }
  /** The thread that waits to receive with this object, 0 for none. */
  get receiver(): number { return this.words[this.at + 3]!; }
  set receiver(value: number) { this.words[this.at + 3] = value; }
  /** Right.Grant if the answer may carry capabilities, else 0: as the capability had it that the request was received through. */
  get gives(): number { return this.words[this.at + 4]!; }
  set gives(value: number) { this.words[this.at + 4] = value; }
}

/** Loans that stand in the object's words; further ones, of longer chains of calls, in a list. */
const NEAR_LOANS = 4;

export class SchedContext extends Words {
  /** Ticks of 100 ns. budget 0: not configured, no time. */
  budget = 0;
  period = 0;
  remaining = 0;
  /** What was used comes back a period after it was begun to be used: amounts and times, soonest first. None when budget = period. */
  readonly refills: { amount: number; at: number }[] = [];
  consumed = 0;
  /** Told in Timeout faults. */
  wordLo = 0;
  wordHi = 0;
  /** When it is used up: it has time again at that time. */
  releaseAt = 0;
  readonly farLoans: number[] = [];

  /** The thread that runs on it now, and the one it is bound to. */
  get tcb(): number { return this.words[this.at]!; }
  set tcb(value: number) { this.words[this.at] = value; }
  get home(): number { return this.words[this.at + 1]!; }
  set home(value: number) { this.words[this.at + 1] = value; }
  get exhausted(): boolean { return (this.words[this.at + 2]! & 1) === 1; }
  set exhausted(value: boolean) { this.words[this.at + 2] = (this.words[this.at + 2]! & ~1) | (value ? 1 : 0); }
  /** Its turn ended while it was lent, at this priority: callers of lower ones have still to give way when it comes back to them. 0 for none. */
  get turnOver(): number { return this.words[this.at + 2]! >> 1; }
  set turnOver(priority: number) { this.words[this.at + 2] = (priority << 1) | (this.words[this.at + 2]! & 1); }
  /** It is lent through so many reply objects, one after the other; `loan(0)` was the first. */
  get loans(): number { return this.words[this.at + 3]!; }

  loan(place: number): number {
    return place < NEAR_LOANS ? this.words[this.at + 4 + place]! : this.farLoans[place - NEAR_LOANS]!;
  }
  setLoan(place: number, reply: number): void {
    if (place < NEAR_LOANS) this.words[this.at + 4 + place] = reply;
    else this.farLoans[place - NEAR_LOANS] = reply;
  }
  pushLoan(reply: number): void {
    const place = this.loans;
    this.setLoan(place, reply);
    this.words[this.at + 3] = place + 1;
  }
  /** Only the first `count` loans are left, of at least as many. */
  cutLoans(count: number): void {
    const { loans } = this;
    for (let place = count; place < loans && place < NEAR_LOANS; place++) this.words[this.at + 4 + place] = 0;
    if (loans > NEAR_LOANS) this.farLoans.length = Math.max(0, count - NEAR_LOANS);
    this.words[this.at + 3] = count;
    if (count === 0) this.turnOver = 0;
  }
}
