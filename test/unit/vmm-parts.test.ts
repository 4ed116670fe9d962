import { describe, expect, it } from "vitest";
import type { Device } from "../../core/devices/device.ts";
import { Bus } from "../../vmm/bus.ts";
import { ControlChannel } from "../../vmm/control.ts";
import { SeededEntropy } from "../../vmm/entropy.ts";
import { GuestInput, INPUT_BYTES, namedConsole } from "../../vmm/input.ts";
import { asciiBytes } from "../../vmm/report.ts";
import { ConsoleTail } from "../../vmm/tail.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("the bus", () => {
  const log: string[] = [];
  const device = (name: string): Device => ({
    bytes: 0x100,
    reset: () => undefined,
    read: (offset, size) => (log.push(`${name} r ${offset} ${size}`), 0x8765_4321 + offset),
    write: (offset, size, value) => void log.push(`${name} w ${offset} ${size} ${value}`),
    save: () => null,
    restore: () => undefined,
  });
  const bus = new Bus([
    { name: "b", base: 0x2000, bytes: 0x1000, device: device("b") },
    { name: "a", base: 0x1000, bytes: 0x1000, device: device("a") },
  ]);

  it("finds the device of an address, splits eight bytes, cuts values to their size", () => {
    log.length = 0;
    expect(bus.read(0x1004, 4)).toBe(0x8765_4325);
    expect(bus.read(0x2008, 8)).toBe(0x8765_432d_8765_4329n);
    bus.write(0x2001, 1, -1, 0);
    bus.write(0x1000, 8, -1, 5);
    expect(log).toEqual(["a r 4 4", "b r 8 4", "b r 12 4", "b w 1 1 255", "a w 0 4 4294967295", "a w 4 4 5"]);
  });

  it("reads 0 where nothing is, beyond a device's window, and unaligned; never calls a device for it", () => {
    log.length = 0;
    for (const [address, size] of [[0, 4], [0x3000, 4], [0x1100, 4], [0x10fe, 4], [0x1001, 2], [2 ** 63, 8]] as const) {
      expect(bus.read(address, size)).toBe(0);
      bus.write(address, size, 1, 1);
    }
    expect(log).toEqual([]);
  });

  it("refuses regions that overlap and names both", () => {
    const region = (name: string, base: number) => ({ name, base, bytes: 0x100, device: device(name) });
    expect(() => new Bus([region("serial port", 0x1080), region("timer", 0x1000)])).toThrow("timer and serial port overlap at 0x1080");
    expect(() => new Bus([])).toThrow(TypeError);
  });
});

it("text for the operator is ASCII", () => expect([...asciiBytes("aé\u{1f600}")]).toEqual([0x61, 0x3f, 0x3f, 0x3f]));

describe("seeded entropy", () => {
  it("is the key stream of ChaCha20 (RFC 8439, appendix A.1, vectors 1 and 2)", () => {
    const stream = new SeededEntropy(new Uint8Array(32)).take(128);
    const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex");
    expect(hex(stream.subarray(0, 32))).toBe("76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7");
    expect(hex(stream.subarray(64, 96))).toBe("9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed");
  });
  it("is the same for the same seed, and never repeats itself", () => {
    const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
    const [a, b] = [new SeededEntropy(seed), new SeededEntropy(seed)];
    const first = a.take(100);
    expect(b.take(100)).toEqual(first);
    expect(a.take(100)).not.toEqual(first);
  });
});

describe("console input", () => {
  it("waits until there is somebody who takes it, in order", () => {
    const got: number[] = [];
    let target: { receive(data: Uint8Array): number } | null = null;
    const input = new GuestInput(() => target);
    input.add(bytes("abc"));
    input.deliver();
    expect(input.waiting).toBe(3);
    target = { receive: (data) => (got.push(...data.subarray(0, 2)), Math.min(2, data.length)) };
    input.deliver();
    input.add(bytes("de"));
    expect(String.fromCharCode(...input.take(1))).toBe("c");
    input.deliver();
    input.deliver();
    expect([String.fromCharCode(...got), input.waiting, input.room]).toEqual(["abde", 0, INPUT_BYTES]);
    input.add(new Uint8Array(INPUT_BYTES));
    expect(input.room).toBe(0);
  });
  it("is meant for the console that the command line names last", () => {
    expect(namedConsole("")).toBe(null);
    expect(namedConsole("quiet console=ttyS0,115200 panic=-1")).toBe("uart");
    expect(namedConsole("console=ttyS0 console=hvc0")).toBe("hvc");
    expect(namedConsole("xconsole=ttyS0")).toBe(null);
  });
});

describe("the control channel", () => {
  const news = (...pieces: string[]): unknown[] => {
    const channel = new ControlChannel();
    for (const piece of pieces) channel.feed(bytes(piece));
    return [...(function* () { for (let n = channel.next(); n !== null; n = channel.next()) yield n; })()];
  };
  it("understands ready and exit N, however they are cut into pieces", () => {
    expect(news("rea", "dy\r\nex", "it 4", "2\n")).toEqual([{ state: "ready" }, { state: "exit", status: 42 }]);
  });
  it("takes each once, and nothing else", () => {
    expect(news("ready\nready\nexit 1\nexit 2\n")).toEqual([{ state: "ready" }, { state: "exit", status: 1 }]);
    expect(news("exit 256\nexit -1\nexit 1x\nexit\nexit 0001\nREADY\n xexit 5\n", `${"x".repeat(100)}\n`)).toEqual([]);
    expect(news(`${"y".repeat(1000)}exit 3\n`, "exit 4\n")).toEqual([{ state: "exit", status: 4 }]);
  });
});

describe("the tail of the console", () => {
  const tail = (text: string): ConsoleTail => {
    const t = new ConsoleTail();
    for (const byte of bytes(text)) t.put(byte);
    return t;
  };
  it("keeps the last lines, shown safely", () => {
    expect(tail("one\r\ntwo\n\x1b[31mthree\x07\tfour\u00e9\n\n").lines(20)).toEqual(["one", "two", "[31mthree four??"]);
    expect(tail("a\nb\nc\nd").lines(2)).toEqual(["c", "d"]);
    const lines = tail(Array.from({ length: 5000 }, (_, i) => `line ${i}\n`).join("")).lines(1000);
    expect(lines.at(-1)).toBe("line 4999");
    expect(lines.every((line) => /^line \d{4}$/.test(line))).toBe(true);
  });
  it("knows a kernel panic, and what it said", () => {
    expect(tail("KKernel panic - not KKernel panic - not syncing: VFS: no root\r\nmore").panic).toBe("Kernel panic - not syncing: VFS: no root");
    expect(tail("Kernel panic - not synced").panic).toBe(null);
    expect(tail(`Kernel panic - not syncing${"!".repeat(1000)}`).panic!.length).toBeLessThan(200);
  });
});
