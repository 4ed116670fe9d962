import { EventEmitter } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { createEscapeKeys, END_OF_INPUT, ESCAPE, openCapture, openTerminal, watchOutput, type InputStream, type OutputStream } from "../../core/host/terminal.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const text = (piece: Uint8Array): string => Buffer.from(piece).toString("latin1");

/** A writable stream with a buffer of a given size, emptied by hand. */
class Screen extends EventEmitter implements OutputStream {
  readonly written: Uint8Array[] = [];
  full = false;
  write(piece: Uint8Array): boolean {
    this.written.push(piece);
    return !this.full;
  }
  get shown(): string {
    return this.written.map(text).join("");
  }
}

class Keyboard extends EventEmitter implements InputStream {
  readonly isTTY: boolean;
  readonly modes: boolean[] = [];
  paused = true;
  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }
  setRawMode(on: boolean): void {
    this.modes.push(on);
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  type(keys: string): void {
    this.emit("data", bytes(keys));
  }
}

function open(isTTY = true) {
  const output = new Screen();
  const input = new Keyboard(isTTY);
  const seen = { quit: 0, gone: 0, notices: "" };
  const terminal = openTerminal({ output, input, onQuit: () => void seen.quit++, onGone: () => void seen.gone++, notice: (notice) => void (seen.notices += notice) });
  const received: string[] = [];
  return { output, input, seen, terminal, received, listen: () => terminal.onInput((piece) => received.push(text(piece))) };
}

describe("escape keys", () => {
  const take = (...typed: string[]) => {
    const keys = createEscapeKeys();
    const taken = typed.map((piece) => keys.take(bytes(piece)));
    return { pass: taken.map(({ pass }) => text(pass)).join(""), asked: taken.flatMap(({ asked }) => asked) };
  };
  it("pass everything else through, control characters too", () => {
    expect(take("ls\r\x03\x04\x1a\x00\xff")).toEqual({ pass: "ls\r\x03\x04\x1a\x00\xff", asked: [] });
  });
  it("Ctrl-] q asks to quit, also when typed in two reads", () => {
    expect(take("a\x1dq")).toEqual({ pass: "a", asked: ["quit"] });
    expect(take("a\x1d", "q")).toEqual({ pass: "a", asked: ["quit"] });
  });
  it("Ctrl-] ? asks for help and Ctrl-] twice sends one", () => {
    expect(take("\x1d?\x1d\x1db")).toEqual({ pass: "\x1db", asked: ["help"] });
  });
  it("Ctrl-] and another key are sent as they were typed", () => {
    expect(take("\x1dx\x1d", "y")).toEqual({ pass: "\x1dx\x1dy", asked: [] });
  });
});

describe("a terminal", () => {
  it("is raw from opening to close, and close may come twice", () => {
    const { input, terminal } = open();
    expect(input.modes).toEqual([true]);
    terminal.close();
    terminal.close();
    expect(input.modes).toEqual([true, false]);
    expect(input.paused).toBe(true);
  });
  it("gives keys to the machine, and what was typed before it listened first", () => {
    const { input, received, listen } = open();
    input.type("early");
    listen();
    input.type("\x03late");
    expect(received.join("")).toBe("early\x03late");
  });
  it("obeys Ctrl-] before the machine listens", () => {
    const { input, seen } = open();
    input.type("\x1d?\x1dq");
    expect(seen.quit).toBe(1);
    expect(seen.notices).toContain("Ctrl-]");
  });
  it("delivers nothing after close", () => {
    const { input, terminal, received, listen } = open();
    listen();
    terminal.close();
    input.type("x");
    terminal.write(bytes("y"));
    expect(received).toEqual([]);
  });
});

describe("output", () => {
  it("is copied: the caller may reuse its buffer", () => {
    const { output, terminal } = open();
    const buffer = bytes("one");
    terminal.write(buffer);
    buffer.fill(0);
    expect(output.shown).toBe("one");
  });
  it("says when the stream is full and calls back when it has room", () => {
    const { output, terminal } = open();
    let drained = 0;
    terminal.onDrained(() => void drained++);
    expect(terminal.ready()).toBe(true);
    output.full = true;
    terminal.write(bytes("x"));
    expect(terminal.ready()).toBe(false);
    output.full = false;
    output.emit("drain");
    expect([terminal.ready(), drained]).toEqual([true, 1]);
  });
  it("to a reader that has gone is dropped, said once, and never blocks the machine", () => {
    const { output, terminal, seen } = open();
    let drained = 0;
    terminal.onDrained(() => void drained++);
    output.full = true;
    terminal.write(bytes("x"));
    output.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    output.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    expect([seen.gone, drained, terminal.ready()]).toEqual([1, 1, true]);
    terminal.write(bytes("more"));
    expect(output.shown).toBe("x");
  });
});

describe("input from a pipe", () => {
  it("goes to the machine as it is, with no escape key", () => {
    const { input, received, seen, listen } = open(false);
    listen();
    input.type("\x1dq");
    expect(received).toEqual(["\x1dq"]);
    expect([seen.quit, input.modes]).toEqual([0, []]);
  });
  it("ends like a keyboard's, for every reader that comes, until it is closed", () => {
    vi.useFakeTimers();
    const { input, received, listen, terminal } = open(false);
    const end = String.fromCharCode(END_OF_INPUT);
    input.type("exit\n");
    input.emit("end");
    vi.advanceTimersByTime(5000);
    listen();
    expect(received.join("")).toBe(`exit\n${end}`);
    vi.advanceTimersByTime(1000);
    expect(received.join("")).toBe(`exit\n${end}${end}${end}`);
    terminal.close();
    vi.advanceTimersByTime(1000);
    expect(received).toHaveLength(4);
    vi.useRealTimers();
  });
  it("waits, and stops reading, until the machine listens", () => {
    const { input, received, listen } = open(false);
    const much = "x".repeat(40_000);
    input.type(much);
    expect(input.paused).toBe(false);
    input.type(much);
    expect(input.paused).toBe(true);
    listen();
    expect([received.join("").length, input.paused]).toEqual([80_000, false]);
  });
});

describe("a capture", () => {
  it("keeps the newest bytes up to its limit", () => {
    const capture = openCapture(8);
    for (const piece of ["abc", "def", "ghijk"]) capture.write(bytes(piece));
    expect(capture.text()).toBe("defghijk");
    capture.write(bytes("0123456789"));
    expect(capture.text()).toBe("23456789");
  });
  it("gives what is typed to the machine, also what came early", () => {
    const capture = openCapture();
    capture.input(bytes("a"));
    const got: string[] = [];
    capture.onInput((piece) => got.push(text(piece)));
    capture.input(bytes("b"));
    expect(got).toEqual(["a", "b"]);
  });
  it("can be watched, and what the watcher keeps back does not come", () => {
    const capture = openCapture();
    let seen = "";
    const watched = watchOutput(capture, (piece) => {
      seen += text(piece);
      return seen.length > 4;
    });
    for (const piece of ["boot", "hello"]) watched.write(bytes(piece));
    expect([seen, capture.text(), watched.ready()]).toEqual(["boothello", "hello", true]);
  });
});

it("the escape key is Ctrl-]", () => {
  expect(ESCAPE).toBe("]".charCodeAt(0) & 0x1f);
});
