// The root server on the real machine and kernel: it starts what system.json says, wires it as said and tells the operator what became of it.
import { beforeAll, describe, expect, test } from "vitest";
import { InitSlot, Invocation, Kind, Right } from "../../caps/abi/numbers.ts";
import { AddressMap, type ResolvedComponent, type ResolvedUse } from "../../caps/image/system.ts";
import { assemble as assembleAt } from "../support/assemble.ts";
import { writeElf } from "../support/elf-file.ts";
import { component, hosted, MIB, type Run, runSystem, type Told } from "../support/root-system.ts";

const assemble = (source: string, at = 0x1_0000): Uint8Array => assembleAt(source, at).bytes;
const PRELUDE = `
  function* log(text) { const bytes = new TextEncoder().encode(String(text)); const words = [bytes.length]; for (let i = 0; i < bytes.length; i += 8) { let w = 0n; for (let j = 7; j >= 0; j--) w = (w << 8n) | BigInt(bytes[i + j] ?? 0); words.push(w); } return yield* sys.call(15, 2, words); }
  function* exit(status) { yield* sys.call(15, 1, [status]); }
`;
const program = (body: string): Uint8Array => hosted(PRELUDE + body);
const endpoint = (name: string, from: string, badge: number, offer = 0): ResolvedUse => ({ name, kind: "endpoint", from, offer, badge, rights: Right.Write | Right.GrantReply });
const logs = ({ events }: Run): unknown[] => events.filter((e) => e.event === "log").map((e) => e["text"]);
const last = ({ events }: Run): Told | undefined => events[events.length - 1];

/** One essential program whose body decides everything. */
const alone = (body: string, given: Partial<ResolvedComponent> = {}, files: Record<string, Uint8Array> = {}): Promise<Run> =>
  runSystem([component("only", 1, { essential: true, ...given })], { "only.js": program(body), ...files });

describe("endings", () => {
  test("a component logs and exits with its status; as an essential one it ends the appliance", async () => {
    const { events, ending } = await alone(`yield* log(env.args.greeting + " from " + env.name); yield* exit(42); yield* log("not reached");`, { args: { greeting: "hello" } });
    expect(events).toEqual([
      { event: "started", component: "only" },
      { event: "log", component: "only", text: "hello from only" },
      { event: "exit", component: "only", status: 42 },
      { event: "end", status: 42 },
    ]);
    expect(ending).toEqual({ kind: "stopped", reason: "end" });
  });

  test("a hosted program that returns has exited with 0", async () => {
    const run = await alone("return 5;");
    expect(run.events.slice(1)).toEqual([{ event: "exit", component: "only", status: 0 }, { event: "end", status: 0 }]);
  });

  test("when the last component has exited the appliance ends with 0, whatever their statuses", async () => {
    const run = await runSystem([component("a", 1), component("b", 2)], { "a.js": program("yield* exit(3);"), "b.js": program("yield* exit(4);") });
    expect(run.events.filter((e) => e.event === "exit").map((e) => e["status"])).toEqual([3, 4]);
    expect(last(run)).toEqual({ event: "end", status: 0 });
  });

  test("a fault of an essential component ends the appliance with 70; of another it does not", async () => {
    const fault = `mem.load32(0x123000);`;
    const essential = await alone(fault);
    expect(essential.events.slice(1)).toEqual([
      { event: "fault", component: "only", kind: "VMFault", pc: 0, address: 0x12_3000, reason: "load at 0x123000, which is not mapped for that" },
      { event: "end", status: 70 },
    ]);
    const other = await runSystem([component("a", 1), component("b", 2, { essential: true, cpu: { priority: 50, budget: 10_000, period: 10_000 } })], { "a.js": program(fault), "b.js": program("yield* exit(7);") });
    expect(other.events.map((e) => e.event)).toEqual(["started", "started", "fault", "exit", "end"]);
    expect(last(other)).toEqual({ event: "end", status: 7 });
  });

  test("an exception's text reaches the operator", async () => {
    const run = await alone("null.x;");
    expect(logs(run).join()).toContain("TypeError");
    expect(run.events.find((e) => e.event === "fault")).toMatchObject({ kind: "UserException", component: "only" });
  });

  test("malformed requests to the root server are refused and harm nobody", async () => {
    const run = await alone(`
      const labels = []; for (const [label, words] of [[99, []], [0, []], [2, []], [2, [50]], [2, [2 ** 40]], [3, [2, 0x6b6fn]], [1, []]]) { const r = yield* sys.call(15, label, words); labels.push(r.error ? "error" : r.label); }
      yield* log(labels.join()); yield* exit(0);`);
    expect(logs(run)).toEqual(["1,1,1,1,1,1,1"]);
  });

  test("a VMM's report is passed on under its guest's name; others' are refused", async () => {
    const report = (text: string): string => `{ const b = new TextEncoder().encode(${JSON.stringify(text)}); const w = [b.length]; for (let i = 0; i < b.length; i += 8) { let v = 0n; for (let j = 7; j >= 0; j--) v = (v << 8n) | BigInt(b[i + j] ?? 0); w.push(v); } yield* log((yield* sys.call(15, 3, w)).label); }`;
    const body = report('{"state":"panic","event":"end","guest":"x","status":82}') + report("[1]") + report("{") + "yield* exit(0);";
    const run = await alone(body, { guest: "debian" });
    expect(run.events.filter((e) => e.event === "guest")).toEqual([{ event: "guest", guest: "debian", state: "panic", status: 82 }]);
    expect(logs(run)).toEqual(["0", "1", "1"]);
    expect(logs(await alone(body))).toEqual(["1", "1", "1"]);
  });
});

describe("wiring", () => {
  test("clients of two offers reach the server with their badges and get their answers", async () => {
    const run = await runSystem(
      [
        component("server", 1, { offers: [{ name: "first", protocol: "P", gives: true, passes: false }, { name: "second", protocol: "P", gives: true, passes: false }] }),
        component("a", 2, { uses: [endpoint("it", "server", 1)] }),
        component("b", 3, { essential: true, uses: [endpoint("it", "server", 2 + 2 ** 16, 1)], cpu: { priority: 50, budget: 10_000, period: 10_000 } }),
      ],
      {
        "server.js": program("let r = yield* sys.recv(5, 4); for (;;) r = yield* sys.replyRecv(5, 4, 0, [r.badge, r.word(0) * 2, r.word(5), 4, 5, r.word(5)]);"),
        "a.js": program("const r = yield* sys.call(env.use.it.cap, 1, [21, 0, 0, 0, 0, 99]); yield* log([r.word(0), r.word(1), r.word(5)].join()); yield* exit(0);"),
        "b.js": program("const r = yield* sys.call(env.use.it.cap, 1, [4]); yield* log([r.word(0), r.word(1), env.use.it.badge].join()); yield* exit(0);"),
      },
    );
    expect(logs(run)).toEqual(["1,42,99", `${2 + 2 ** 16},8,${2 + 2 ** 16}`]);
  });

  test("a server none of whose offers gives anything sends no capability, whatever it tries", async () => {
    for (const gives of [[false, false], [false, true]]) {
      const run = await runSystem(
        [
          component("server", 1, { offers: gives.map((gives, i) => ({ name: `o${i}`, protocol: "P", gives, passes: false })) }),
          component("client", 2, { essential: true, uses: [endpoint("it", "server", 1)] }),
        ],
        {
          "server.js": program(`let r = yield* sys.recv(5, 4); r = yield* sys.replyRecv(5, 4, 7, [1], [6]); for (;;) r = yield* sys.replyRecv(5, 4, 8, [2], [6, 6]);`),
          "client.js": program("const got = []; sys.receiveSlots(1, 210, 32, 3); for (let i = 0; i < 3; i++) { const r = yield* sys.call(env.use.it.cap, 1); got.push(r.label, r.word(0), r.caps); sys.receiveSlots(1, 220 + 3 * i, 32, 3); } yield* log(got.join()); yield* exit(0);"),
        },
      );
      expect(logs(run)).toEqual([gives[1] ? "7,1,1,8,2,2,8,2,2" : "7,1,0,8,2,0,8,2,0"]);
    }
  });

  test("a machine program runs with its segments, zeroed data, stack and IPC buffer, and talks to a hosted server", async () => {
    const code = assemble(`
      mv s0, a0
      lui t0, 0x12
      ld s1, 0(t0)
      ld s2, 8(t0)
      ld s3, 0x100(t0)
      addi sp, sp, -16
      sd s1, 8(sp)
      ld s4, 8(sp)
      mv a2, s4
      mv a3, s2
      mv a4, s3
      mv a5, s0
      li a0, 16
      li a1, (7 << 12) | 4
      li a7, 1
      ecall
      li a0, 15
      li a1, (1 << 12) | 1
      li a7, 1
      ecall
    `);
    const data = new Uint8Array(16);
    new DataView(data.buffer).setBigUint64(0, 0x1122_3344n, true);
    data[8] = 5;
    const elf = writeElf(0x1_0000, [{ address: 0x1_0000, rights: 5, bytes: code }, { address: 0x1_2000, rights: 6, bytes: data, memory: 0x2000 }]);
    const run = await runSystem(
      [
        component("server", 1, { offers: [{ name: "it", protocol: "P", gives: true, passes: false }] }),
        component("machine", 2, { essential: true, program: { kind: "machine", file: "machine.elf" }, stack: 8192, uses: [endpoint("it", "server", 9)] }),
      ],
      { "server.js": program("const r = yield* sys.recv(5, 4); yield* log([r.badge, r.label, ...[0, 1, 2, 3].map((i) => r.word(i))].join()); yield* sys.replyRecv(5, 4, 0, [33]);"), "machine.elf": elf },
    );
    expect(logs(run)).toEqual([`9,7,${0x1122_3344},5,0,${AddressMap.IPC_BUFFER}`]);
    expect(last(run)).toEqual({ event: "end", status: 33 });
  });

  test.each([
    ["stores to its text", "lui t0, 0x10\nsd zero, 0(t0)", { kind: "VMFault", address: 0x1_0000, reason: expect.stringContaining("store") }],
    ["jumps into its stack", "jr sp", { kind: "VMFault", address: AddressMap.STACK_TOP, reason: expect.stringContaining("fetch") }],
    ["reads below its stack", "ld a0, -8(sp)\nlui t0, 2\nsub sp, sp, t0\nld a0, -8(sp)", { kind: "VMFault", address: AddressMap.STACK_TOP - 8200 }],
    ["executes an illegal instruction", ".word 0xffffffff", { kind: "UserException", pc: 0x1_0000 }],
    ["stops at ebreak", "ebreak", { kind: "Breakpoint", pc: 0x1_0000 }],
    ["makes an unknown system call", "li a7, 99\necall", { kind: "UnknownSyscall", reason: "system call 99 does not exist" }],
  ])("a machine program that %s faults, named", async (_, code, expected) => {
    const elf = writeElf(0x1_0000, [{ address: 0x1_0000, rights: 5, bytes: assemble(code) }]);
    const run = await runSystem([component("bad", 1, { essential: true, stack: 8192, program: { kind: "machine", file: "bad.elf" } })], { "bad.elf": elf });
    expect(run.events[1]).toMatchObject({ event: "fault", component: "bad", ...expected });
    expect(last(run)).toEqual({ event: "end", status: 70 });
  });

  test("device registers, an interrupt and boot files arrive where the description says", async () => {
    const small = new Uint8Array(5000).map((_, i) => i * 3);
    const big = new Uint8Array(3 * MIB).map((_, i) => i >> 12);
    const run = await alone(
      `const { regs, irq, small, big } = env.use;
       yield* log([regs.cap, irq.cap, small.cap, regs.bytes, small.bytes, big.bytes].join());
       yield* log([mem.load8(regs.address + 5) !== 0, mem.load8(small.address + 4999), mem.load8(big.address + 2 * 1024 * 1024 + 4096 * 5)].join());
       mem.store8(regs.address + 1, 2); const word = yield* sys.wait(6); yield* log(word === irq.badge);
       mem.store8(regs.address + 1, 0); yield* log((yield* sys.call(irq.cap, ${Invocation.IRQHandlerAck})).error);
       try { mem.store8(small.address, 1); } catch {}`,
      {
        uses: [
          { name: "regs", kind: "device", device: "uart0", physical: 0x1000_0000, address: 0, bytes: 4096 },
          { name: "irq", kind: "irq", device: "uart0", irq: 10, badge: 2 ** 32 },
          { name: "small", kind: "file", file: "small", address: 0, bytes: 0 },
          { name: "big", kind: "file", file: "big", address: 0, bytes: 0 },
        ],
      },
      { small, big },
    );
    expect(logs(run)).toEqual([`16,17,0,4096,5000,${3 * MIB}`, `true,${(4999 * 3) & 255},${(2 * MIB + 4096 * 5) >> 12 & 255}`, "true", "false"]);
    expect(run.events.find((e) => e.event === "fault")).toMatchObject({ kind: "VMFault", reason: expect.stringContaining("store") });
  });

  test("a guest's RAM is one memory for the component and its VCPU", async () => {
    const code = assemble("auipc t0, 0\nld a1, 0x200(t0)\nsd a1, 0x208(t0)\nli a7, 0x1234\nli a6, 7\necall", 0x8000_0000);
    const run = await alone(
      `const { ram, vcpu } = env.use; mem.write(ram.address, Uint8Array.from(${JSON.stringify([...code])})); mem.store64(ram.address + 0x200, 77n);
       mem.store8(ram.address + ram.bytes - 1, 9);
       yield* sys.call(vcpu.cap, ${Invocation.VCPUWriteRegisters}, [0, 0x80000000]);
       const r = yield* sys.call(vcpu.cap, ${Invocation.VCPURun}, [0, 0, 0, 0]);
       yield* log([r.error, r.label, r.word(0), r.word(1), r.word(3), mem.load64(ram.address + 0x208)].join()); yield* exit(0);`,
      { memory: 4 * MIB, uses: [{ name: "vcpu", kind: "vcpu" }, { name: "ram", kind: "ram", bytes: 6 * MIB, address: 0, guestPhysical: 0x8000_0000 }] },
    );
    expect(logs(run)).toEqual([`false,2,${0x1234},7,77,77`]);
  });

  test("the rest of a component's memory is its own Untyped, and no more than that", async () => {
    const run = await alone(`
      const one = (kind, bits, count, slot) => sys.call(7, ${Invocation.UntypedRetype}, [kind + bits * 256 + count * 65536, 1, slot]);
      let pages = 0; while (pages < 256 && !(yield* one(${Kind.Frame}, 12, 1, 128 + pages % 100)).error) { pages++; yield* sys.call(1, ${Invocation.CNodeDelete}, [128 + (pages - 1) % 100 + 32 * 2 ** 32]); if (pages % 100 === 0) break; }
      const all = yield* one(${Kind.Frame}, 12, 100, 128); const more = yield* one(${Kind.Untyped}, 19, 1, 228);
      yield* log([pages > 0, all.error, more.error].join()); yield* exit(0);`);
    expect(logs(run)).toEqual(["true,false,true"]);
  });

  test("every slot that was not given is empty", async () => {
    const run = await alone(`
      const filled = [1]; const at = (slot) => slot + 32 * 2 ** 32;
      for (let slot = 2; slot < 255; slot++) { if ((yield* sys.call(1, ${Invocation.CNodeMove}, [at(255), at(slot), 1])).error) continue; filled.push(slot); yield* sys.call(1, ${Invocation.CNodeMove}, [at(slot), at(255), 1]); }
      yield* log(filled.join()); yield* exit(0);`);
    const { CNode, TCB, VSpace, Reply, Service, Notification, Untyped, SchedContext, IPCBuffer, Discrim, Parent } = InitSlot;
    expect(logs(run)).toEqual([[CNode, TCB, VSpace, Reply, Service, Notification, Untyped, SchedContext, IPCBuffer, Discrim, Parent].join()]);
  });
});

describe("a system that cannot start says why and runs nothing", () => {
  let ok: Uint8Array;
  beforeAll(() => {
    ok = program("yield* exit(0);");
  });
  const ofDevice: ResolvedUse = { name: "d", kind: "device", device: "gone0", physical: 0x1800_0000, address: 0, bytes: 4096 };

  test.each<[string, ResolvedComponent[], Record<string, Uint8Array>, RegExp]>([
    ["a program that is not in the image", [component("a", 1)], {}, /component a: the boot image has no file a\.js/],
    ["a memory that does not suffice", [component("a", 1, { memory: 16_384 })], { "a.js": program("") }, /component a needs \d+ KiB more than its memory of 16 KiB/],
    ["memories that RAM does not hold", [component("a", 1, { memory: 64 * MIB })], { "a.js": program("") }, /64 MiB of RAM do not suffice: component a needs a block of 64 MiB/],
    ["a guest's RAM that RAM does not hold", [component("a", 1, { guest: "g", uses: [{ name: "ram", kind: "ram", bytes: 96 * MIB, address: 0, guestPhysical: 0x8000_0000 }] })], { "a.js": program("") }, /the RAM of guest g needs a block of 64 MiB/],
    ["an ELF of another machine", [component("a", 1, { program: { kind: "machine", file: "a.elf" }, stack: 4096 })], { "a.elf": Uint8Array.of(0x7f, 0x45, 0x4c, 0x46) }, /component a: a\.elf is not a program of this machine/],
    ["a text that is no program", [component("a", 1)], { "a.js": new TextEncoder().encode("1 +") }, /load the text \(a\.js\) of component a/],
    ["a device that is not there", [component("a", 1, { uses: [ofDevice] })], { "a.js": program("") }, /no device gone0/],
  ])("%s", async (_, components, files, message) => {
    const run = await runSystem([component("first", 1), ...components.map((c) => ({ ...c, number: 2 }))], { "first.js": ok, ...files });
    expect(run.events.filter((e) => e.event !== "log")).toEqual([{ event: "error", message: expect.stringMatching(message) }, { event: "end", status: 1 }]);
  });
});
