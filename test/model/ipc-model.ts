// Who waits where, who owes whom an answer, and on whose time each thread runs: arrays and names, every rule written out once more
// from the manual's words. Time does not pass here, so no budget ever ends.

export type Doing = "ready" | "sending" | "receiving" | "waiting" | "owed" | "stopped";

export interface Actor {
  readonly name: number;
  doing: Doing;
  /** Whose time it runs on (an actor's name), and whether it has time of its own. */
  time: number | null;
  readonly own: boolean;
  /** What stands in its registers since its last call ended: an error's name, or label and badge. */
  got: string;
  /** Its message while it sends. */
  sent: { label: number; badge: number; call: boolean };
  /** It receives with its reply object. */
  withReply: boolean;
  /** It was stopped while it waited. */
  interrupted: boolean;
}
/** Each actor has a reply object to receive with and one to save callers in: the caller it holds, and whose time came along. */
export interface Owed {
  caller: Actor | null;
  loan: number | null;
}

export class IpcModel {
  readonly actors: Actor[];
  /** By actor; those to save in stand behind those to receive with. */
  readonly owed: Owed[];
  readonly senders: Actor[][];
  readonly receivers: Actor[][];
  readonly words: number[];
  readonly waiters: Actor[][];
  /** By owner of the time: the reply objects it was lent through, in order. */
  readonly loans: Owed[][];

  constructor(own: readonly boolean[], endpoints: number, notifications: number) {
    this.actors = own.map((o, name) => ({ name, doing: "ready", time: o ? name : null, own: o, got: "", sent: { label: 0, badge: 0, call: false }, withReply: false, interrupted: false }));
    this.owed = [...own, ...own].map(() => ({ caller: null, loan: null }));
    this.loans = own.map(() => []);
    const lists = (n: number): Actor[][] => Array.from({ length: n }, () => []);
    this.senders = lists(endpoints);
    this.receivers = lists(endpoints);
    this.waiters = lists(notifications);
    this.words = Array.from({ length: notifications }, () => 0);
  }

  runnable(): Actor[] {
    return this.actors.filter((a) => a.doing === "ready" && a.time !== null);
  }

  send(from: Actor, e: number, label: number, badge: number, call: boolean, blocking: boolean): void {
    const to = this.receivers[e]![0];
    from.sent = { label, badge, call };
    if (to === undefined) {
      if (!blocking) return void (from.got = "done");
      from.doing = "sending";
      this.senders[e]!.push(from);
      return;
    }
    if (!call && !to.own) return void (from.got = "PassiveServer");
    this.receivers[e]!.shift();
    this.#deliver(from, to);
  }

  #deliver(from: Actor, to: Actor): void {
    to.got = `${from.sent.label} from ${from.sent.badge}`;
    to.doing = "ready";
    from.doing = "ready";
    if (!from.sent.call) return void (from.got = "done");
    if (!to.withReply) return void (from.got = "Broken");
    const owed = this.owed[to.name]!;
    from.doing = "owed";
    owed.caller = from;
    if (from.time === null) return;
    owed.loan = from.time;
    this.loans[from.time]!.push(owed);
    const time = from.time;
    from.time = null;
    to.time = time;
  }

  receive(to: Actor, e: number, withReply: boolean, blocking: boolean): void {
    const owed = this.owed[to.name]!;
    if (withReply) this.#drop(owed);
    // Actor 0 has notification 0 bound to it.
    if (to.name === 0 && this.words[0] !== 0) return this.#take(to, 0);
    to.withReply = withReply;
    for (;;) {
      const from = this.senders[e]!.shift();
      if (from === undefined) break;
      if (!from.sent.call && !to.own) {
        from.doing = "ready";
        from.got = "PassiveServer";
        continue;
      }
      return this.#deliver(from, to);
    }
    if (!blocking) return void (to.got = "WouldBlock");
    to.doing = "receiving";
    this.receivers[e]!.push(to);
  }

  reply(by: Actor, label: number, saved = false): void {
    const owed = this.#of(by, saved), { caller } = owed;
    if (caller === null) return;
    caller.got = `${label} from 0`;
    this.#release(owed, caller);
  }

  #of(a: Actor, saved: boolean): Owed {
    return this.owed[a.name + (saved ? this.actors.length : 0)]!;
  }

  /** The caller is put aside, with the loan. */
  save(by: Actor): void {
    const from = this.#of(by, false), to = this.#of(by, true);
    if (from.caller === null || to.caller !== null) return void (by.got = "IllegalOperation");
    to.caller = from.caller;
    to.loan = from.loan;
    for (const stack of this.loans) stack.forEach((owed, i) => owed === from && (stack[i] = to));
    from.caller = null;
    from.loan = null;
    by.got = "done";
  }

  #drop(owed: Owed): void {
    if (owed.caller === null) return;
    owed.caller.got = "Broken";
    this.#release(owed, owed.caller);
  }

  #release(owed: Owed, caller: Actor): void {
    owed.caller = null;
    caller.doing = "ready";
    this.#endLoan(owed, caller);
  }

  #endLoan(owed: Owed, to: Actor): void {
    const time = owed.loan;
    if (time === null) {
      if (to.time === null && to.own) to.time = to.name;
      return;
    }
    const stack = this.loans[time]!;
    while (stack.includes(owed)) stack.pop()!.loan = null;
    for (const holder of this.actors) if (holder.time === time) holder.time = holder.own ? holder.name : null;
    to.time = time;
  }

  signal(n: number, bits: number): void {
    this.words[n]! |= bits;
    const bound = this.actors[0]!;
    if (n === 0 && bound.doing === "receiving") {
      this.stopWaiting(bound);
      bound.doing = "ready";
      return this.#take(bound, n);
    }
    const first = this.waiters[n]!.shift();
    if (first === undefined) return;
    first.doing = "ready";
    this.#take(first, n);
  }

  wait(by: Actor, n: number, blocking: boolean): void {
    if (this.words[n] !== 0) return this.#take(by, n);
    if (!blocking) return void (by.got = "WouldBlock");
    by.doing = "waiting";
    this.waiters[n]!.push(by);
  }

  #take(by: Actor, n: number): void {
    by.got = `0 from ${this.words[n]}`;
    this.words[n] = 0;
  }

  /** Takes it out of every line, and its time back from whom it called. */
  stopWaiting(a: Actor): void {
    for (const lines of [this.senders, this.receivers, this.waiters]) lines.forEach((line, i) => (lines[i] = line.filter((x) => x !== a)));
    const owed = this.owed.find((o) => o.caller === a);
    if (owed === undefined) return;
    owed.caller = null;
    this.#endLoan(owed, a);
  }

  suspend(a: Actor): void {
    if (a.doing !== "ready" && a.doing !== "stopped") a.interrupted = true;
    this.stopWaiting(a);
    a.doing = "stopped";
  }

  resume(a: Actor): void {
    if (a.doing !== "stopped") return;
    a.doing = "ready";
    if (a.interrupted) a.got = "Cancelled";
    a.interrupted = false;
  }

  /** Whether its call has to be made again. */
  restart(a: Actor): boolean {
    const again = a.doing === "stopped" && a.interrupted;
    a.interrupted = false;
    if (a.doing === "stopped") a.doing = "ready";
    return again;
  }

  cancelBadge(e: number, badge: number): void {
    for (const a of this.senders[e]!.filter((sender) => sender.sent.badge === badge)) {
      this.stopWaiting(a);
      a.doing = "ready";
      a.got = "Cancelled";
    }
  }

  /** An endpoint is destroyed and a new one takes its place. */
  renewEndpoint(e: number): void {
    for (const a of [...this.senders[e]!, ...this.receivers[e]!]) {
      this.stopWaiting(a);
      a.doing = "ready";
      a.got = "Broken";
    }
  }

  renewReply(of: Actor): void {
    this.#drop(this.owed[of.name]!);
    of.withReply = false;
  }
}
