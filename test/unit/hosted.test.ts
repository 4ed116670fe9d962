// The engine of hosted programs, with a machine of RAM and a page table only: system calls, memory, confinement (HOST-1..3, HMEM-1..4, REALM-1..3).
import { describe, expect, test } from "vitest";
import { IpcBuffer, Reg, infoCaps, infoLabel, infoLength } from "../../caps/abi/message.ts";
import { Syscall } from "../../caps/abi/numbers.ts";
import { hardenRealm } from "../../core/machine/lockdown.ts";
import { DEVICE, FakeMachine, RAM_BASE } from "../support/hosted-machine.ts";

const ECALL = 8;
const RETURNED = 3;
const THREW = 2;
const DATA = 0x5000_0000;

/** Runs `body` in a program that Calls capability 1 with label 0 and one word: the value of `body` (a function's text) as UTF-8 bytes in memory at DATA, and returns the text. */
function inside(body: string, machine = new FakeMachine()): unknown {
  const offset = machine.map(DATA, 4, "rw");
  const error = machine.load(`const f = (env) => { ${body} };
    function* main(env) {
      let text; try { text = JSON.stringify(f(env) ?? null); } catch (e) { text = JSON.stringify("threw " + e.name + ": " + e.message); }
      const bytes = new TextEncoder().encode(text); env.mem.write(${DATA}, bytes); yield* env.sys.call(1, 0, [bytes.length]); }`);
  expect(error).toBeNull();
  expect([machine.step(), machine.engine.lastError(0)]).toEqual([ECALL, ""]);
  return JSON.parse(new TextDecoder().decode(new Uint8Array(machine.ram, offset, machine.register(Reg.a2)).slice()));
}

describe("loading", () => {
  test.each([
    ["let x = ;", "SyntaxError"],
    ["throw new TypeError('at load')", "TypeError: at load"],
    ["nowhere.f()", "TypeError"],
    ["const main = () => 1", "not a generator function"],
    ["async function* main() {}", "not a generator function"],
    ["const main = 7", "not a generator function"],
    ["", "not a generator function"],
  ])("refuses %s", (source, text) => {
    const machine = new FakeMachine();
    expect(machine.load(source)).toContain(text);
    expect(machine.engine.lastError(0)).toContain(text);
    expect(machine.step()).toBe(THREW);
  });

  test("a text without `program` is refused", () => {
    expect(new FakeMachine().engine.load(0, "1 + 1")).toContain("not a generator function");
  });

  test("a false generator function is found out at its first step", () => {
    const machine = new FakeMachine();
    expect(machine.load("const main = Object.setPrototypeOf(() => ({ next: () => ({ done: false }) }), Object.getPrototypeOf(function* () {}))")).toBeNull();
    expect(machine.step()).toBe(THREW);
    expect(machine.engine.lastError(0)).toContain("TypeError");
  });

  test("loading again replaces the program; unloading removes it", () => {
    const machine = new FakeMachine();
    machine.load("function* main({ sys }) { yield* sys.signal(1); }");
    expect(machine.load("function* main({ sys }) { yield* sys.signal(2); }")).toBeNull();
    expect([machine.step(), machine.register(Reg.a0)]).toEqual([ECALL, 2]);
    machine.engine.unload(0);
    expect(machine.step()).toBe(THREW);
  });

  test("an environment that is not JSON, not mapped or too large ends the program with the reason", () => {
    const bad = new FakeMachine();
    bad.load("function* main() {}", "{ name:");
    expect([bad.step(), bad.engine.lastError(0)]).toEqual([THREW, expect.stringContaining("JSON")]);
    const unmapped = new FakeMachine();
    unmapped.load("function* main() {}");
    unmapped.set(Reg.a0, 0x3000_0000);
    unmapped.set(Reg.a1, 10);
    expect(unmapped.step()).toBe(13);
    const large = new FakeMachine();
    large.load("function* main() {}");
    large.set(Reg.a1, 2 ** 40);
    expect([large.step(), large.engine.lastError(0)]).toEqual([THREW, expect.stringContaining("at most")]);
  });
});

describe("system calls", () => {
  test("call puts number, CPtr, info and four words into the frame and brings the answer back", () => {
    const machine = new FakeMachine();
    machine.load(`function* main({ sys }) {
      const r = yield* sys.call(17, 0x101, [1, -1, 2 ** 40, 0xffffffffffffffffn]);
      yield* sys.send(r.word(0), r.label, [r.badge, r.lo(1), r.hi(1), r.big(1)]);
      yield* sys.signal(r.error ? 1 : 0, r.length);
    }`);
    expect(machine.step()).toBe(ECALL);
    expect([Reg.a7, Reg.a0].map((r) => machine.register(r))).toEqual([Syscall.Call, 17]);
    const info = machine.register(Reg.a1);
    expect([infoLabel(info), infoLength(info), infoCaps(info)]).toEqual([0x101, 4, 0]);
    const all = Number(0xffff_ffff_ffff_ffffn);
    expect([0, 1, 2, 3].map((i) => machine.register(Reg.a2 + i))).toEqual([1, all, 2 ** 40, all]);
    machine.answer(77, [9, -5], 2 ** 52 + 1);
    expect(machine.step()).toBe(ECALL);
    expect([Reg.a7, Reg.a0].map((r) => machine.register(r))).toEqual([Syscall.Send, 9]);
    expect(infoLabel(machine.register(Reg.a1))).toBe(77);
    expect(machine.register(Reg.a2)).toBe(2 ** 52 + 1);
    expect(machine.register(Reg.a2 + 1)).toBe(Number(BigInt.asUintN(64, -5n)));
    expect(machine.register(Reg.a2 + 2)).toBe(Number(BigInt.asUintN(64, -1n)));
    expect(machine.register(Reg.a2 + 3)).toBe(Number(BigInt.asUintN(64, -5n)));
  });

  test("a call whose pc the kernel has moved back is made again as it was, and the program goes on only when it is answered", () => {
    const machine = new FakeMachine(), PC = 0;
    machine.load("function* main({ sys }) { const r = yield* sys.call(17, 0x101, [5]); yield* sys.signal(r.word(0)); }");
    expect(machine.step()).toBe(ECALL);
    for (let n = 0; n < 3; n++) {
      expect(machine.register(PC)).toBe(4);
      machine.set(PC, 0);
      expect(machine.step()).toBe(ECALL);
      expect([Reg.a7, Reg.a0, Reg.a2].map((r) => machine.register(r))).toEqual([Syscall.Call, 17, 5]);
    }
    machine.answer(0, [23]);
    expect(machine.step()).toBe(ECALL);
    expect([Reg.a7, Reg.a0].map((r) => machine.register(r))).toEqual([Syscall.Signal, 23]);
  });

  test("a word above 2^53 is exact as a bigint, and refused as a number to send", () => {
    const machine = new FakeMachine();
    machine.load(`function* main({ sys }) { const r = yield* sys.call(1, 0); yield* sys.call(2, 0, [r.big(0) + 1n]);
      try { yield* sys.call(3, 0, [2 ** 53]); } catch (e) { yield* sys.signal(e instanceof RangeError ? 4 : 5); } }`);
    machine.step();
    machine.answer(0, [-3]);
    machine.step();
    expect(machine.register(Reg.a2)).toBe(Number(0xffff_ffff_ffff_fffen));
    machine.answer(0, []);
    expect([machine.step(), machine.register(Reg.a7), machine.register(Reg.a0)]).toEqual([ECALL, Syscall.Signal, 4]);
  });

  test("words from the fifth on and capabilities travel in the IPC buffer", () => {
    const machine = new FakeMachine();
    machine.load(`function* main({ sys }) { const r = yield* sys.call(1, 3, [0, 1, 2, 3, 4, -5, 6n], [20, 21]);
      yield* sys.call(2, 0, [r.word(4), r.hi(5), r.word(6), r.length]); }`);
    machine.step();
    const info = machine.register(Reg.a1);
    expect([infoLength(info), infoCaps(info)]).toEqual([7, 2]);
    expect([4, 5, 6].map((i) => machine.buffered(IpcBuffer.WORDS + i))).toEqual([4n, -5n, 6n]);
    expect([0, 1].map((i) => machine.buffered(IpcBuffer.CAPS + i))).toEqual([20n, 21n]);
    machine.answer(0, [0, 0, 0, 0, 44, -55]);
    machine.step();
    expect([0, 1, 2, 3].map((i) => machine.register(Reg.a2 + i))).toEqual([44, Number(BigInt.asUintN(64, -1n)), 0, 6]);
  });

  test("unused message registers are cleared, so nothing old leaks", () => {
    const machine = new FakeMachine();
    machine.load("function* main({ sys }) { yield* sys.call(1, 0, [1, 2, 3, 4]); yield* sys.call(1, 0, [9]); }");
    machine.step();
    machine.step();
    expect([0, 1, 2, 3].map((i) => machine.register(Reg.a2 + i))).toEqual([9, 0, 0, 0]);
  });

  test("receive, answer, signal, wait, poll and yield have their numbers and the reply object in a6", () => {
    const machine = new FakeMachine();
    machine.load(`function* main({ sys }) { yield* sys.recv(5, 4); yield* sys.nbrecv(5); yield* sys.replyRecv(5, 4, 1, [7]); yield* sys.nbsend(6, 2); yield* sys.signal(7);
      const w = yield* sys.wait(8); const p = yield* sys.poll(9); yield* sys.yield(); yield* sys.call(1, 0, [w, p]); }`);
    const seen: number[][] = [];
    for (let i = 0; i < 8; i++) {
      expect(machine.step()).toBe(ECALL);
      seen.push([Reg.a7, Reg.a0, Reg.a6].map((r) => machine.register(r)));
      machine.answer(i === 6 ? 12 : 0, [], i === 5 ? 2 ** 40 : 3, i === 6);
    }
    const s = Syscall;
    expect(seen.slice(0, 3)).toEqual([[s.Recv, 5, 4], [s.NBRecv, 5, 0], [s.ReplyRecv, 5, 4]]);
    expect(seen.slice(3).map((x) => x.slice(0, 2))).toEqual([[s.NBSend, 6], [s.Signal, 7], [s.Wait, 8], [s.Poll, 9], [s.Yield, 0]]);
    machine.step();
    expect([machine.register(Reg.a2), machine.register(Reg.a2 + 1)]).toEqual([2 ** 40, 0]);
  });

  test("receiveSlots writes the receive fields of the buffer", () => {
    const machine = new FakeMachine();
    machine.load("function* main({ sys }) { sys.receiveSlots(1, 200, 8, 2); yield* sys.recv(5, 4); }");
    machine.step();
    const { RECEIVE_COUNT, RECEIVE_CNODE, RECEIVE_INDEX, RECEIVE_DEPTH } = IpcBuffer;
    expect([RECEIVE_COUNT, RECEIVE_CNODE, RECEIVE_INDEX, RECEIVE_DEPTH].map((i) => machine.buffered(i))).toEqual([2n, 1n, 200n, 8n]);
  });

  test.each([
    ["121 words", "sys.call(1, 0, new Array(121).fill(0))", "at most 120 words"],
    ["four capabilities", "sys.call(1, 0, [], [1, 2, 3, 4])", "at most 3 capabilities"],
    ["a label of 2^19", "sys.call(1, 524288)", "a label is"],
    ["a fraction", "sys.call(1, 0, [0.5])", "not a safe integer"],
    ["a fraction in the buffer", "sys.call(1, 0, [0, 0, 0, 0, 0.5])", "not a safe integer"],
  ])("%s is the program's error", (_, call, text) => {
    const machine = new FakeMachine();
    machine.load(`function* main({ sys }) { yield* ${call}; }`);
    expect([machine.step(), machine.engine.lastError(0)]).toEqual([THREW, expect.stringContaining(text)]);
  });

  test("a yield without a system call ends the program", () => {
    const machine = new FakeMachine();
    machine.load("function* main({ sys }) { yield* sys.signal(1); yield; }");
    expect([machine.step(), machine.step(), machine.engine.lastError(0)]).toEqual([ECALL, THREW, "the program yielded without a system call"]);
  });
});

describe("endings", () => {
  test("a program that returns stops at a breakpoint, for good", () => {
    const machine = new FakeMachine();
    machine.load("function* main() { return 5; }");
    expect([machine.step(), machine.step(), machine.engine.lastError(0)]).toEqual([RETURNED, RETURNED, ""]);
  });

  test("a program that throws stops with the text and its own stack frames", () => {
    const machine = new FakeMachine();
    machine.load("\nfunction broken() { throw new RangeError('lost'); }\nfunction* main() {\n broken(); }");
    expect([machine.step(), machine.step()]).toEqual([THREW, THREW]);
    expect(machine.engine.lastError(0)).toMatch(/^RangeError: lost\n {4}at broken 2:\d+\n {4}at main 4:\d+/);
    expect(machine.engine.lastError(0)).not.toMatch(/hosted\.ts|\.test\.ts|node_modules/);
  });

  test.each(["throw undefined", "throw { toString() { throw 1; } }", "throw new Proxy({}, { get() { throw 2; }, getPrototypeOf() { throw 3; } })", "(function f() { f(); })()"])(
    "%s ends the program and not the engine",
    (body) => {
      const machine = new FakeMachine();
      machine.load(`function* main() { ${body}; }`);
      expect(machine.step()).toBe(THREW);
      expect(machine.engine.lastError(0)).not.toBe("");
    },
  );
});

describe("memory", () => {
  test("loads and stores of each width, aligned, misaligned and across pages that are not neighbours in RAM", () => {
    const machine = new FakeMachine();
    const at = 0x6000_0000;
    machine.map(at, 1, "rw");
    machine.map(0x7000_0000, 3, "rw");
    const second = machine.map(at + 4096, 1, "rw");
    expect(
      inside(
        `const m = env.mem, e = ${at + 4096}; const out = [];
         m.store8(e - 1, 0x1ff); out.push(m.load8(e - 1));
         m.store16(e - 1, 0x12345); out.push(m.load16(e - 1), m.load8(e - 1), m.load8(e));
         m.store32(e - 3, -2); out.push(m.load32(e - 3), m.load32(e - 2));
         m.store64(e - 5, -3n); out.push(String(m.load64(e - 5)));
         m.store32(${at}, 0x89abcdef); out.push(m.load16(${at + 1}), m.load32(${at}), String(m.load64(${at})));
         m.store64(${at + 16}, 1n << 63n); out.push(String(m.load64(${at + 16})), m.load32(${at + 20}));
         return out;`,
        machine,
      ),
    ).toEqual([0xff, 0x2345, 0x45, 0x23, 0xffff_fffe, 0x00ff_ffff, "18446744073709551613", 0xabcd, 0x89ab_cdef, String(0x89ab_cdef), "9223372036854775808", 0x8000_0000]);
    expect(new Uint8Array(machine.ram)[second]).toBe(0xff);
  });

  test("read, write, copy and fill go across pages; copies may overlap either way", () => {
    expect(
      inside(`const m = env.mem, a = ${DATA + 100}; const bytes = Uint8Array.from({ length: 9000 }, (_, i) => i * 7);
        m.write(a, bytes); const same = (x, y) => x.length === y.length && x.every((v, i) => v === y[i]);
        const out = [same(m.read(a, 9000), bytes)];
        m.copy(a + 13, a, 9000); out.push(same(m.read(a + 13, 9000), bytes)); m.copy(a, a + 13, 9000); out.push(same(m.read(a, 9000), bytes));
        m.copy(a + 5000, a, 4000); out.push(same(m.read(a + 5000, 4000), bytes.slice(0, 4000)));
        const after = m.load8(a + 8001); m.fill(a + 1, 8000, 0x15a); const f = m.read(a, 8002); out.push(f[0], f[1], f[8000], f[8001] === after); return out;`),
    ).toEqual([true, true, true, true, 0, 0x5a, 0x5a, true]);
  });

  test("what was read is a copy", () => {
    expect(inside(`const m = env.mem; m.store8(${DATA}, 1); const c = m.read(${DATA}, 4); c[0] = 9; return [m.load8(${DATA}), c.buffer.byteLength];`)).toEqual([1, 4]);
  });

  test.each([
    ["a load of nothing", "env.mem.load32(0x999000)", 13, 0x99_9000],
    ["a store to a read-only page", "env.mem.store32(0x60000010, 1)", 15, 0x6000_0010],
    ["a load beyond 2^38", "env.mem.load8(2 ** 45)", 13, 2 ** 45],
    ["a negative address", "env.mem.load8(-8)", 13, 0],
    ["a bulk read into nothing", "env.mem.read(0x60000ff0, 32)", 13, 0x6000_1000],
    ["a bulk write to a read-only page", "env.mem.write(0x60000ff0, new Uint8Array(4))", 15, 0x6000_0ff0],
    ["a 64-bit store to nothing", "env.mem.store64(0x999000, 1n)", 15, 0x99_9000],
    ["a copy from nothing", `env.mem.copy(${DATA}, 0x999000, 8)`, 13, 0x99_9000],
    ["a fill of nothing", "env.mem.fill(0x999000, 8, 0)", 15, 0x99_9000],
    ["a load where no device answers", "env.mem.load8(0x62000000)", 5, 0x6200_0000],
    ["a store where no device answers", "env.mem.store8(0x62000000, 1)", 7, 0x6200_0000],
    ["a bulk read of device registers", "env.mem.read(0x61000000, 4)", 5, 0x6100_0000],
    ["a 64-bit load of device registers", "env.mem.load64(0x61000000)", 5, 0x6100_0000],
  ])("%s is a fault, even when the program catches what was thrown", (_, access, cause, address) => {
    const machine = new FakeMachine();
    machine.map(DATA, 1, "rw");
    machine.map(0x6000_0000, 1, "r");
    machine.pages.set(0x6100_0000 / 4096, { physical: DEVICE, rights: "rw" });
    machine.pages.set(0x6200_0000 / 4096, { physical: 0x1800_0000, rights: "rw" });
    machine.load(`function* main(env) { let n = 0; for (;;) { try { ${access}; } catch { n++; } if (n > 3) { try { yield* env.sys.call(1, 0, [n]); } catch {} return; } } }`);
    expect(machine.step()).toBe(cause);
    expect(machine.register(67)).toBe(address);
    expect(machine.step()).toBe(cause);
  });

  test("an address that is no integer is the program's error, not a fault", () => {
    expect(inside(`env.mem.load8(0.5)`)).toContain("TypeError");
    expect(inside(`env.mem.read(${DATA}, -1)`)).toContain("TypeError");
    expect(inside(`env.mem.write(${DATA}, [1, 2])`)).toContain("TypeError");
    expect(inside(`env.mem.write(${DATA}, Object.create(Uint8Array.prototype))`)).toContain("TypeError");
  });

  test("a hostile array cannot widen a write", () => {
    const machine = new FakeMachine();
    machine.map(0x6000_0000, 1, "rw");
    const behind = machine.map(0x7000_0000, 1, "rw"); // next in RAM, not mapped beside it
    inside(
      `class Wide extends Uint8Array { static get [Symbol.species]() { return function () { return new Uint8Array(8192).fill(1); }; } get length() { return 8; } subarray() { return new Uint8Array(8192).fill(1); } }
       const w = new Wide(8); w.constructor = Wide; env.mem.write(0x60000ff8, w); return 1;`,
      machine,
    );
    expect(new Uint8Array(machine.ram, behind, 4096).every((b) => b === 0)).toBe(true);
  });

  test("device registers are read and written by their physical address, one access each", () => {
    const machine = new FakeMachine();
    machine.pages.set(0x6100_0000 / 4096, { physical: DEVICE, rights: "rw" });
    expect(inside("const m = env.mem; m.store8(0x61000000, 0x141); m.store32(0x61000004, -1); return [m.load8(0x61000005), m.load32(0x61000008)];", machine)).toEqual([0x60, 0x60]);
    expect(machine.device).toEqual([["w", 0, 1, 0x41], ["w", 4, 4, 0xffff_ffff], ["r", 5, 1, 0], ["r", 8, 4, 0]]);
  });

  test("a translation is walked once and forgotten when the generation changes", () => {
    const machine = new FakeMachine();
    machine.map(DATA, 1, "rw");
    machine.load(`function* main({ sys, mem }) { for (;;) { for (let i = 0; i < 100; i++) mem.load32(${DATA} + 4 * i); yield* sys.yield(); } }`);
    machine.step();
    const walks = machine.walks;
    machine.step();
    expect(machine.walks).toBe(walks);
    machine.unmap(DATA);
    expect(machine.step()).toBe(13);
  });

  test("pages stored to are told to the machine once a step, neighbours together", () => {
    const machine = new FakeMachine();
    const first = machine.map(DATA, 3, "rw");
    machine.load(`function* main({ sys, mem }) { for (;;) { mem.fill(${DATA}, 8192, 1); mem.store8(${DATA}, 1); mem.store8(${DATA} + 5000, 1); yield* sys.yield(); mem.load8(${DATA}); yield* sys.yield(); } }`);
    machine.step();
    expect(machine.writes).toEqual([[RAM_BASE + first, 8192]]);
    machine.step();
    expect(machine.writes.length).toBe(1);
    machine.step();
    expect(machine.writes.length).toBe(2);
  });

  test("what the machine throws goes to the engine's caller, not to the program", () => {
    const machine = new FakeMachine();
    machine.load("function* main({ sys, mem }) { try { mem.load8(64); } catch {} yield* sys.yield(); }");
    machine.failure = new Error("invariant");
    expect(() => machine.step()).toThrow("invariant");
  });
});

describe("confinement", () => {
  test("nothing of the host is in scope", () => {
    const names = ["process", "require", "module", "fetch", "console", "setTimeout", "setImmediate", "queueMicrotask", "performance", "Buffer", "navigator", "crypto", "WebAssembly", "SharedArrayBuffer", "Atomics", "WeakRef", "global", "window", "self"];
    expect(inside(`return ${JSON.stringify(names)}.filter((n) => n in globalThis || Function("return typeof " + n)() !== "undefined")`)).toEqual([]);
  });

  test("no clock and no random source", () => {
    expect(inside("return [() => Date.now(), () => new Date(), () => Math.random()].map((f) => { try { f(); return 'works'; } catch (e) { return e.name; } })")).toEqual(["TypeError", "TypeError", "TypeError"]);
  });

  test("no way to the host's globals by constructors, eval or import", () => {
    expect(
      inside(`const tries = [
        () => (() => {}).constructor("return process")(), () => Function("return typeof process")(), () => { const indirect = eval; return indirect("typeof process"); }, () => env.sys.call.constructor("return process")(),
        () => Object.getPrototypeOf(function* () {}).constructor("return process")(), () => Object.getPrototypeOf(async () => {}).constructor("return process")(),
        () => new Compartment().evaluate("typeof process"), () => (function () { return typeof this; })() ];
        return tries.map((f) => { try { return f(); } catch (e) { return e.name; } })`),
    ).toEqual(["TypeError", "undefined", "undefined", "TypeError", "TypeError", "TypeError", "undefined", "undefined"]);
    expect(new FakeMachine().load("function* main() { yield import('node:fs'); }")).toContain("import");
  });

  test("the environment, the SDK and the intrinsics are frozen", () => {
    const machine = new FakeMachine();
    machine.load(
      `function* main(env) { const reach = [env, env.sys, env.mem, env.use, env.use.disk, env.offers, env.args, env.args.list, env.sys.call, Object.prototype, Array.prototype, Int32Array.prototype, Object.getPrototypeOf(Int32Array.prototype), Math, JSON];
        const r = yield* env.sys.call(1, 0, reach.map((o) => Object.isFrozen(o) ? 1 : 0).slice(0, 20));
        yield* env.sys.call(2, 0, [Object.isFrozen(Object.getPrototypeOf(r)) ? 1 : 0, "constructor" in Object.getPrototypeOf(r) && r.constructor !== Object ? 1 : 0, env.use.disk.cap, env.args.list[1], env.name === "p" && env.offers[0] === "o" ? 1 : 0]); }`,
      { name: "p", use: { disk: { cap: 16, address: 0, bytes: 0, badge: 0 } }, offers: ["o"], args: { list: [1, 2] } },
    );
    expect([machine.step(), machine.engine.lastError(0)]).toEqual([ECALL, ""]);
    expect(infoLength(machine.register(Reg.a1))).toBe(15);
    expect([0, 1, 2, 3].map((i) => machine.register(Reg.a2 + i))).toEqual([1, 1, 1, 1]);
    expect(Array.from({ length: 11 }, (_, i) => machine.buffered(IpcBuffer.WORDS + 4 + i))).toEqual(new Array(11).fill(1n));
    machine.answer(0, []);
    machine.step();
    expect([0, 1, 2, 3].map((i) => machine.register(Reg.a2 + i))).toEqual([1, 0, 16, 2]);
    expect(machine.buffered(IpcBuffer.WORDS + 4)).toBe(1n);
  });

  test("two programs share no object that either can change", () => {
    const machine = new FakeMachine();
    machine.load("globalThis.mark = 1; function* main({ sys }) { try { Array.prototype.mark = 1; } catch {} globalThis.other = 2; yield* sys.yield(); }", undefined, 0);
    machine.load("function* main({ sys }) { yield* sys.call(1, 0, ['mark' in globalThis ? 1 : 0, 'other' in globalThis ? 1 : 0, 'mark' in [] ? 1 : 0]); }", undefined, 1);
    expect([machine.step(0), machine.step(1)]).toEqual([ECALL, ECALL]);
    expect([0, 1, 2].map((i) => machine.register(Reg.a2 + i, 1))).toEqual([0, 0, 0]);
  });

  test("a program reads no stack trace; the host still does", () => {
    expect(inside("try { null.x; } catch (e) { return [e.stack === undefined || !/\\n/.test(e.stack), new Error('x').stack.includes('hosted')]; }")).toEqual([true, false]);
    expect(inside("try { env.mem.write(0, 5); } catch (e) { return /\\.ts|node_modules|\\n/.test(String(e.stack)); }")).toBe(false);
    expect(new Error("host").stack).toMatch(/hosted\.test/);
  });

  test("code that runs between steps, as microtasks do, has neither memory nor system calls", async () => {
    const machine = new FakeMachine();
    const offset = machine.map(DATA, 1, "rw");
    machine.load(`function* main({ sys, mem }) { const log = []; mem.store8(${DATA}, 1); mem.load8(${DATA});
      Promise.resolve().then(() => { for (const f of [() => mem.store8(${DATA}, 9), () => mem.load8(${DATA}), () => mem.read(${DATA}, 1), () => sys.call(99, 0, [1]).next(), () => sys.recv(99, 9).next(), () => sys.receiveSlots(1, 2, 3, 1)]) try { f(); log.push("works"); } catch (e) { log.push(e.message); } });
      yield* sys.call(1, 0, [5]); const refused = log.filter((m) => m.includes("program") && m.includes("run")).length; yield* sys.call(2, 0, [log.length, refused]); }`);
    machine.step();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect([machine.register(Reg.a0), machine.register(Reg.a2), new Uint8Array(machine.ram)[offset]]).toEqual([1, 5, 1]);
    expect(machine.step()).toBe(ECALL);
    expect([machine.register(Reg.a2), machine.register(Reg.a2 + 1)]).toEqual([6, 6]);
  });

  test("a record of the host's may have keys that Object.prototype has, and Object.prototype itself does not change", () => {
    hardenRealm();
    const record: Record<string, unknown> = {};
    for (const key of ["constructor", "toString", "valueOf", "hasOwnProperty"]) record[key] = 7;
    expect(Object.entries(record)).toEqual([["constructor", 7], ["toString", 7], ["valueOf", 7], ["hasOwnProperty", 7]]);
    expect(Object.keys({}).length).toBe(0);
    expect({}.constructor).toBe(Object);
    const prototype = Object.prototype as unknown as Record<string, unknown>;
    expect(() => (prototype["constructor"] = 7)).toThrow(TypeError);
    expect(() => ((Object.freeze({}) as Record<string, unknown>)["constructor"] = 7)).toThrow(TypeError);
    expect({}.constructor).toBe(Object);
  });

  test("typed arrays stay fast in the whole process after the realm is hardened", () => {
    // A store through a prototype that Object.freeze froze takes 28 ns instead of 0.6: ten times the cost of a loop of loads is far from both.
    const array = new Int32Array(64);
    const store = new Function("array", "n", "for (let i = 0; i < n; i++) array[i & 63] = i;") as (array: Int32Array, n: number) => void;
    const load = new Function("array", "n", "let s = 0; for (let i = 0; i < n; i++) s = (s + array[(i * 7) & 63]) | 0; return s;") as (array: Int32Array, n: number) => number;
    const time = (f: (array: Int32Array, n: number) => unknown): number => {
      f(array, 1e6);
      return Math.min(...[1, 2, 3].map(() => { const from = performance.now(); f(array, 1e6); return performance.now() - from; }));
    };
    expect(time(store)).toBeLessThan(10 * time(load) + 1);
  });
});
