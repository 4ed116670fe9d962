// The stub: what gdb asks of the appliance, packet by packet. One for each connection; it knows no socket. Everything is called between two slices.
//
// All that is debugged stops and goes on together (gdb's all-stop mode). `running` says which; while it runs, only an interrupt and what concerns no thread is answered.
// Nothing that a client sends throws: what makes no sense is answered with an error, what is not known with an empty packet, as the protocol wants it.
// Source: "Debugging with GDB", appendix E; the multiprocess extensions.
import type { DebugStop } from "../../../core/kernel/held.ts";
import { ERROR, inspect, parseHex } from "./inspect.ts";
import { MOST_BYTES } from "./packets.ts";
import { Points } from "./points.ts";
import { RegisterNumber } from "./registers.ts";
import type { Action, Target } from "./target.ts";
import { parseActions, parseThread, threadText, type ThreadId } from "./threads.ts";

const SIGNAL = { none: "00", interrupt: "02", trap: "05" } as const;

export interface StubPorts {
  /** A packet for gdb. */
  readonly send: (body: string | Uint8Array) => void;
  /** Threads have been made ready: the machine must not sleep. */
  readonly wake: () => void;
}

export class Stub {
  readonly #targets: readonly Target[];
  readonly #ports: StubPorts;
  readonly #attached = new Map<number, { readonly target: Target; readonly points: Points }>();
  #running = false;
  /** What `?` answers. */
  #last = `S${SIGNAL.trap}`;
  /** The thread that registers and memory are asked of, and the one that old commands let go on. */
  #general: ThreadId = { pid: 0, tid: 0 };
  #resumed: ThreadId = { pid: -1, tid: -1 };
  #swbreak = false;
  #quiet = false;

  /** @param first attached to from the beginning, if it is there */
  constructor(targets: readonly Target[], ports: StubPorts, first?: Target) {
    this.#targets = targets;
    this.#ports = ports;
    if (first?.exists() === true) this.#attach(first);
    else this.#last = `W00`;
  }

  /** gdb has asked for packets that are not acknowledged. */
  get withoutAcknowledgements(): boolean {
    return this.#quiet;
  }

  /** An answer, undefined: none is due now. */
  packet(body: Uint8Array): string | Uint8Array | undefined {
    return this.#answer(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1"));
  }

  /** Ctrl-C. */
  interrupt(): void {
    if (!this.#running) return;
    this.#stopAll();
    const found = this.#find(this.#general) ?? this.#find({ pid: 0, tid: 0 });
    if (found !== undefined) return this.#tell(SIGNAL.interrupt, { pid: found.target.pid, tid: found.tid });
    for (const { target } of this.#attached.values()) return this.#ended(target);
  }

  /** Between two slices: what stopped, what is new, what has ended. */
  turn(stops: readonly DebugStop[]): void {
    for (const { target } of this.#attached.values()) target.refresh();
    if (!this.#running) return;
    for (const stop of stops) {
      for (const { target, points } of this.#attached.values()) {
        const tid = target.threadOf(stop);
        if (tid === undefined) continue;
        this.#stopAll();
        this.#tell(SIGNAL.trap, { pid: target.pid, tid }, stop.address !== undefined ? points.report(stop.address) : stop.why === "breakpoint" && this.#swbreak ? "swbreak:;" : "");
        return;
      }
    }
    for (const { target } of this.#attached.values()) {
      if (target.exists()) continue;
      this.#ended(target);
      return;
    }
  }

  /** The machine ends: so do all processes. */
  finish(): void {
    if (this.#running) for (const { target } of this.#attached.values()) this.#send(`W00;process:${target.pid.toString(16)}`);
    this.#attached.clear();
    this.#running = false;
  }

  /** The client is gone: everything goes on. */
  release(): void {
    for (const { target } of this.#attached.values()) target.release();
    this.#attached.clear();
    this.#running = false;
    this.#ports.wake();
  }

  #send(body: string | Uint8Array): void {
    this.#ports.send(body);
  }

  #attach(target: Target): void {
    this.#attached.set(target.pid, { target, points: new Points(target) });
    target.hold(true);
    this.#general = { pid: target.pid, tid: target.threads()[0] ?? 1 };
    this.#last = `T${SIGNAL.trap}thread:${threadText(this.#general)};`;
  }

  #stopAll(): void {
    this.#running = false;
    for (const { target } of this.#attached.values()) target.hold();
  }

  #tell(signal: string, thread: ThreadId, more = ""): void {
    this.#general = thread;
    this.#last = `T${signal}thread:${threadText(thread)};${more}`;
    this.#send(this.#last);
  }

  #ended(target: Target): void {
    this.#attached.delete(target.pid);
    this.#stopAll();
    this.#last = `W00;process:${target.pid.toString(16)}`;
    this.#send(this.#last);
  }

  #detach(pid: number): string {
    const found = this.#attached.get(pid);
    if (found === undefined) return ERROR.gone;
    this.#attached.delete(pid);
    found.target.release();
    this.#ports.wake();
    return "OK";
  }

  /** The process and thread that is meant; undefined when there is no such one. */
  #find({ pid, tid }: ThreadId): { readonly target: Target; readonly tid: number } | undefined {
    const found = pid > 0 ? this.#attached.get(pid) : [...this.#attached.values()][0];
    if (found === undefined) return undefined;
    const threads = found.target.threads(), chosen = tid > 0 ? tid : threads[0];
    return chosen !== undefined && threads.includes(chosen) ? { target: found.target, tid: chosen } : undefined;
  }

  #answer(text: string): string | Uint8Array | undefined {
    const command = text[0] ?? "", rest = text.slice(1);
    switch (command) {
      case "?":
        return this.#running ? ERROR.busy : this.#last;
      case "!":
        return "OK";
      case "q":
        return this.#query(rest);
      case "Q":
        if (rest !== "StartNoAckMode") return "";
        this.#quiet = true;
        return "OK";
      case "v":
        return this.#verbose(rest);
      case "H":
        return this.#choose(rest);
      case "T": {
        const thread = parseThread(rest);
        return thread !== undefined && this.#find(thread) !== undefined ? "OK" : ERROR.gone;
      }
      case "D": {
        const pid = rest === "" ? this.#general.pid : rest.startsWith(";") ? parseHex(rest.slice(1)) : undefined;
        return pid === undefined ? ERROR.invalid : this.#detach(Number(pid));
      }
      case "k":
        // Nothing is killed.
        for (const pid of this.#attached.keys()) this.#detach(pid);
        return undefined;
      case "Z":
      case "z":
        return this.#attached.get(this.#general.pid)?.points.change(command === "Z", rest) ?? ERROR.gone;
      case "c":
      case "s":
      case "C":
      case "S":
        return this.#oldResume(command, rest);
      case "g":
      case "G":
      case "p":
      case "P":
      case "m":
      case "M":
      case "X":
        return this.#running ? ERROR.busy : this.#look(command, rest);
      default:
        return "";
    }
  }

  #query(text: string): string | Uint8Array {
    if (text.startsWith("Supported")) {
      this.#swbreak = /[:;]swbreak\+/.test(text);
      return `PacketSize=${MOST_BYTES.toString(16)};multiprocess+;swbreak+;vContSupported+;QStartNoAckMode+;qXfer:features:read+;qXfer:osdata:read+`;
    }
    if (text === "C") return `QC${threadText(this.#general)}`;
    if (text.startsWith("Attached")) return "1";
    if (text === "fThreadInfo") {
      const all = [...this.#attached.values()].flatMap(({ target }) => target.threads().map((tid) => threadText({ pid: target.pid, tid })));
      return all.length === 0 ? "l" : `m${all.join(",").slice(0, MOST_BYTES - 1)}`;
    }
    if (text === "sThreadInfo") return "l";
    if (text.startsWith("ThreadExtraInfo,")) {
      const thread = parseThread(text.slice("ThreadExtraInfo,".length)), found = thread === undefined ? undefined : this.#find(thread);
      return found === undefined ? ERROR.gone : Buffer.from(`${found.target.name}: ${found.target.describe(found.tid)}`, "latin1").toString("hex");
    }
    const [, object, annex, offset = "", length = ""] = /^Xfer:(features|osdata):read:([^:]*):([0-9a-f]{1,8}),([0-9a-f]{1,8})$/i.exec(text) ?? [];
    if (object === undefined) return "";
    const document = object === "features" ? (annex === "target.xml" ? this.#find(this.#general)?.target.registers.description : undefined) : annex === "processes" || annex === "" ? this.#processList() : undefined;
    if (document === undefined) return "E00";
    const from = Number.parseInt(offset, 16), most = Math.min(Number.parseInt(length, 16), MOST_BYTES - 1), part = document.slice(from, from + most);
    return `${from + part.length < document.length ? "m" : "l"}${part}`;
  }

  /** For gdb's `info os processes`. */
  #processList(): string {
    const item = ({ pid, name, kind }: Target): string => `<item><column name="pid">${pid}</column><column name="user">${kind}</column><column name="command">${name}</column><column name="cores"></column></item>`;
    return `<?xml version="1.0"?>\n<!DOCTYPE osdata SYSTEM "osdata.dtd">\n<osdata type="processes">\n${this.#targets.filter((target) => target.exists()).map(item).join("\n")}\n</osdata>\n`;
  }

  #verbose(text: string): string | undefined {
    if (text === "Cont?") return "vCont;c;C;s;S";
    if (text.startsWith("Cont;")) {
      const actions = parseActions(text.slice("Cont;".length));
      return actions === undefined ? ERROR.invalid : this.#resume((pid, tid) => actions.find((a) => (a.thread.pid < 0 || a.thread.pid === pid) && (a.thread.tid < 0 || a.thread.tid === tid))?.action ?? "stay");
    }
    const [, verb, given = ""] = /^(Attach|Kill);(.*)$/s.exec(text) ?? [];
    if (verb === undefined) return "";
    const pid = Number(parseHex(given) ?? 0n);
    if (verb === "Kill") return this.#detach(pid);
    const target = this.#targets.find((candidate) => candidate.pid === pid);
    if (this.#running || this.#attached.has(pid)) return ERROR.busy;
    if (target?.exists() !== true) return ERROR.gone;
    this.#attach(target);
    return (this.#last = `T${SIGNAL.none}thread:${threadText(this.#general)};`);
  }

  #choose(text: string): string {
    const thread = parseThread(text.slice(1));
    if (thread === undefined) return ERROR.invalid;
    if (text[0] === "c") this.#resumed = thread;
    else if (text[0] !== "g") return "";
    else {
      const found = this.#find(thread);
      if (found === undefined) return ERROR.gone;
      this.#general = { pid: found.target.pid, tid: found.tid };
    }
    return "OK";
  }

  #oldResume(command: string, text: string): string | undefined {
    const signalled = command === "C" || command === "S", [, address] = (signalled ? /^[0-9a-f]{2}(?:;(.+))?$/i : /^(.+)?$/).exec(text) ?? [undefined, "none"];
    const found = this.#find(this.#general), at = address === undefined ? undefined : parseHex(address);
    if (found === undefined) return ERROR.gone;
    if (address !== undefined && (at === undefined || this.#running || !found.target.write(found.tid, RegisterNumber.PC, at))) return ERROR.invalid;
    const all = this.#resumed.tid <= 0, step = command.toLowerCase() === "s";
    return this.#resume((pid, tid) => {
      const chosen = pid === found.target.pid && tid === found.tid;
      return step && chosen ? "step" : all || chosen ? "go" : "stay";
    });
  }

  #resume(action: (pid: number, tid: number) => Action): string | undefined {
    if (this.#running) return ERROR.busy;
    const all = [...this.#attached.values()];
    if (all.length === 0) return ERROR.gone;
    for (const { target } of all) {
      if (target.exists()) continue;
      this.#ended(target);
      return undefined;
    }
    if (!all.some(({ target }) => target.threads().some((tid) => action(target.pid, tid) !== "stay"))) return ERROR.invalid;
    this.#running = true;
    for (const { target } of all) target.resume((tid) => action(target.pid, tid));
    this.#ports.wake();
    return undefined;
  }

  #look(command: string, text: string): string {
    const found = this.#find(this.#general);
    return found === undefined ? ERROR.gone : inspect(found.target, found.tid, command, text);
  }
}
