// GDB-PACKET-*, GDB-THREAD-*, GDB-REGISTER-*: the protocol's pure parts, with whatever may come in.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodePacket, MOST_BYTES, PacketReader, type Piece } from "../../servers/operator/gdb/packets.ts";
import { HART_REGISTERS, parseRegister, registerText, RegisterNumber, THREAD_REGISTERS } from "../../servers/operator/gdb/registers.ts";
import { parseActions, parseThread, threadText } from "../../servers/operator/gdb/threads.ts";

const read = (...parts: readonly (string | Uint8Array)[]): Piece[] => {
  const reader = new PacketReader();
  return parts.flatMap((part) => reader.read(typeof part === "string" ? Buffer.from(part, "latin1") : part));
};
const text = (piece: Piece | undefined): string => (piece?.kind === "packet" ? Buffer.from(piece.body).toString("latin1") : (piece?.kind ?? "nothing"));

describe("GDB-PACKET", () => {
  test("001 a packet as the manual shows it, with acknowledgements and an interrupt between", () => {
    expect(read("+$qC#b4-\x03$OK#9a").map(text)).toEqual(["ack", "qC", "nack", "interrupt", "OK"]);
    expect(Buffer.from(encodePacket("OK")).toString()).toBe("$OK#9a");
  });
  test("002 a run length stands for so many more of the character before it", () => {
    expect(read("$0* #7a").map(text)).toEqual(["0000"]);
    expect(Buffer.from(encodePacket("0000")).toString()).toBe("$0* #7a");
  });
  test("003 whatever is encoded is read back, however it is cut", () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.array(fc.tuple(fc.constantFrom(0x30, 0x24, 0x23, 0x2a, 0x7d), fc.integer({ min: 1, max: 250 })), { maxLength: 12 }).map((runs) => Uint8Array.from(runs.flatMap(([byte, n]) => Array.from({ length: n }, () => byte)))));
    fc.assert(fc.property(bytes, fc.array(fc.nat(400), { maxLength: 5 }), (body, cuts) => {
      const packet = encodePacket(body), at = [0, ...cuts.map((n) => Math.min(n, packet.length)).sort((a, b) => a - b), packet.length];
      const pieces = read(...at.slice(1).map((end, i) => packet.subarray(at[i], end)));
      expect(pieces).toEqual([{ kind: "packet", body }]);
    }));
  });
  test("004 no characters with a meaning of their own are in what is sent", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (body) => {
      const inside = encodePacket(body).subarray(1, -3);
      expect(inside.includes(0x24) || inside.includes(0x23)).toBe(false);
    }));
    for (let n = 1; n < 120; n++) expect(text(read(encodePacket("7".repeat(n)))[0])).toBe("7".repeat(n));
  });
  test("005 hostile bytes never throw, and what is kept of them is bounded", () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 50 }), fc.constantFrom("$", "#", "}", "*", "+$", "#00", "\x03", "$}#7d", "$*!#4b", "$a*~#0f").map((t) => Buffer.from(t))), { maxLength: 40 }), (parts) => {
      for (const piece of read(...parts)) if (piece.kind === "packet") expect(piece.body.length).toBeLessThanOrEqual(MOST_BYTES);
    }));
  });
  test.each([
    ["a wrong checksum", "$qC#b5"], ["no checksum", "$qC#zz"], ["an escape of nothing", "$}#7d"], ["a run of nothing", "$* #4a"], ["a run that is too short", "$0*\x1f#79"],
    ["too long", `$${"x".repeat(3 * MOST_BYTES)}#00`],
  ])("006 %s is damaged, and the next packet is read", (_what, bytes) => {
    expect(read(bytes, "$OK#9a").map(text)).toEqual(["damaged", "OK"]);
  });
  test("007 runs that would become more than a packet may be are damaged", () => {
    const body = "0*~".repeat(MOST_BYTES / 90), sum = [...Buffer.from(body)].reduce((a, b) => (a + b) & 255, 0);
    expect(read(`$${body}#${sum.toString(16).padStart(2, "0")}`).map(text)).toEqual(["damaged"]);
  });
  test("008 a packet whose end was lost gives way to the next", () => {
    expect(read("$qSuppor$OK#9a").map(text)).toEqual(["OK"]);
  });
});

describe("GDB-THREAD", () => {
  test("001 thread ids in each form", () => {
    expect([parseThread("p1f.2"), parseThread("p3"), parseThread("p-1.-1"), parseThread("7"), parseThread("-1"), parseThread("0")]).toEqual([
      { pid: 31, tid: 2 }, { pid: 3, tid: -1 }, { pid: -1, tid: -1 }, { pid: 0, tid: 7 }, { pid: 0, tid: -1 }, { pid: 0, tid: 0 },
    ]);
    for (const bad of ["", "p", "p.", "p1.", "-2", "g1", "p1.2.3", "p123456789"]) expect(parseThread(bad), bad).toBeUndefined();
    fc.assert(fc.property(fc.nat(0xfffffff), fc.nat(0xfffffff), (pid, tid) => void expect(parseThread(threadText({ pid, tid }))).toEqual({ pid, tid })));
  });
  test("002 actions of vCont", () => {
    expect(parseActions("s:p1.2;c")).toEqual([{ action: "step", thread: { pid: 1, tid: 2 } }, { action: "go", thread: { pid: -1, tid: -1 } }]);
    expect(parseActions("C05:p1.-1")?.[0]?.action).toBe("go");
    for (const bad of ["", "x", "c:", "c:zz", "C", "C5", "s;;c", "t", "c;".repeat(1000)]) expect(parseActions(bad), bad).toBeUndefined();
  });
});

describe("GDB-REGISTER", () => {
  test("001 the description has each register once, by its number, where it is looked for", () => {
    for (const { registers, description } of [HART_REGISTERS, THREAD_REGISTERS]) {
      const found = [...description.matchAll(/<reg name="(\w+)" bitsize="(\d+)" type="\w+" regnum="(\d+)"\/>/g)].map(([, name, bits, number]) => [name, Number(bits) / 8, Number(number)]);
      expect(found).toEqual(registers.map(({ name, bytes }, n) => [name, bytes, n]));
      expect(new Set(registers.map(({ name }) => name)).size).toBe(registers.length);
    }
    const names = HART_REGISTERS.registers.map(({ name }) => name);
    expect([names[RegisterNumber.PC], names[RegisterNumber.F], names[RegisterNumber.FCSR], names[RegisterNumber.SUPERVISOR], names[RegisterNumber.PRIV]]).toEqual(["pc", "ft0", "fcsr", "sstatus", "priv"]);
  });
  test("002 values are written least byte first, and read back", () => {
    const [wide, narrow] = [{ name: "x", bytes: 8 }, { name: "y", bytes: 4 }] as const;
    expect([registerText(wide, 0x0102n), registerText(narrow, 0x0102n)]).toEqual(["0201000000000000", "02010000"]);
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => void expect(parseRegister(wide, registerText(wide, value))).toBe(value)));
    for (const bad of ["", "02", "zz01000000000000", "020100000000000000"]) expect(parseRegister(wide, bad)).toBeUndefined();
  });
});
