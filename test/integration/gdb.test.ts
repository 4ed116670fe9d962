// bailiwick run --gdb: a running appliance's guests and programs through a small client of gdb's protocol; and the command's options. gdb itself: gdb-linux.test.ts.
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { applianceFolder, manifestWith, pause, until } from "../support/appliance-run.ts";
import { assemble } from "../support/assemble.ts";
import { bailiwick } from "../support/command-line.ts";
import { fromHex, GdbClient } from "../support/gdb-client.ts";
import { withGdb } from "../support/gdb-run.ts";

const LIMIT = { timeout: 180_000 };
const S1 = 9, A0 = 10, PC = 32, FA0 = 43, SATP = 76, PRIV = 77;
const SUPPORTED = "qSupported:multiprocess+;swbreak+;vContSupported+";

/** Where its memory is a second time once its paging is on. */
const HIGH = 0x4000_0000;
/**
 * Two harts in supervisor mode: hart 0 turns Sv39 on and counts in s1 in the upper copy of its memory, hart 1 counts without paging. A word at `stop` that is not 0 ends the guest.
 * The head is Linux's (guests/bare/head.S).
 */
const GUEST = assemble(
  `.option norvc\n j start\n .balign 8\n .quad 0x200000, 0x10000, 0\n .word 2, 0\n .quad 0\n .ascii "RISCV\\0\\0\\0RSC\\x05"\n .word 0
  start: li a7, 0x48534d\n li a6, 0\n li a0, 1\n la a1, second\n ecall
  li t0, 0x6000\n csrs sstatus, t0\n li t0, 0x80400000\n li t1, 0x200000cf\n sd t1, 16(t0)\n sd t1, 24(t0)\n li t2, 0x8000000000080400\n csrw satp, t2\n sfence.vma
  la t0, high\n li t1, ${HIGH}\n add t0, t0, t1\n la s2, stop\n jr t0
  high: addi s1, s1, 1\n work: addi a0, s1, 7\n fcvt.d.l fa0, s1\n ld t0, (s2)\n beqz t0, high
  li a7, 0x53525354\n li a6, 0\n li a0, 0\n li a1, 0\n ecall
  second: addi s1, s1, 1\n csrr t0, satp\n j second\n .balign 8\n stop: .quad 0`, 0x8020_0000);
const guestFolder = () =>
  applianceFolder({ "appliance.yaml": `${manifestWith({})}guests:\n  tiny: { image: { kernel: tiny.image }, memory: 16MiB, cpus: 2, console: console.console, essential: true }\n`, "tiny.image": GUEST.bytes });
const at = (name: string): number => GUEST.label(name);
const hex = (n: number): string => n.toString(16);
const bytesAt = (name: string, bytes: number): string => Buffer.from(GUEST.bytes).toString("hex", at(name) - 0x8020_0000, at(name) - 0x8020_0000 + bytes);

describe("a guest", LIMIT, () => {
  test("waits from its first instruction on; breakpoints, registers, memory by virtual addresses, steps, harts as threads", async () => {
    using folder = guestFolder();
    await withGdb(folder.path, { wait: "tiny" }, async ({ port, outcome, events }) => {
      const gdb = await GdbClient.connect(port);
      expect(await gdb.ask(SUPPORTED)).toMatch(/PacketSize=4000;multiprocess\+;swbreak\+.*qXfer:features:read\+/);
      expect(await gdb.ask("?")).toBe("T05thread:p1.1;");
      expect([await gdb.pc(), await gdb.register(S1), await gdb.register(SATP), await gdb.register(PRIV)]).toEqual([0x8020_0000, 0n, 0n, 1n]);
      expect(await gdb.ask("m80200000,40")).toBe(Buffer.from(GUEST.bytes.subarray(0, 64)).toString("hex"));
      // Not memory yet, and not memory at all; a read that begins in memory ends where that does.
      for (const address of [hex(at("work") + HIGH), "0", "10000000", "ffffffffffffffff"]) expect(await gdb.ask(`m${address},4`)).toBe("E0e");
      expect((await gdb.ask("m80fffffc,10")).length).toBe(8);

      // A breakpoint where nothing is mapped yet.
      expect(await gdb.ask(`Z0,${hex(at("work") + HIGH)},4`)).toBe("OK");
      gdb.send("vCont;c:p1.-1");
      expect(await gdb.next("the breakpoint")).toBe("T05thread:p1.1;swbreak:;");
      expect([await gdb.pc(), await gdb.register(S1), await gdb.register(SATP)]).toEqual([at("work") + HIGH, 1n, 0x8000_0000_0008_0400n]);
      // What is in memory is what the guest has there, at either address.
      for (const address of [at("work"), at("work") + HIGH]) expect(await gdb.ask(`m${hex(address)},4`)).toBe(bytesAt("work", 4));
      gdb.send("vCont;s:p1.1");
      expect(await gdb.next("a step")).toBe("T05thread:p1.1;");
      expect([await gdb.pc(), await gdb.register(A0)]).toEqual([at("work") + HIGH + 4, 8n]);
      gdb.send("c");
      expect(await gdb.next("the breakpoint again")).toBe("T05thread:p1.1;swbreak:;");
      expect([await gdb.register(S1), fromHex(await gdb.ask(`p${hex(FA0)}`))]).toEqual([2n, 0x3ff0_0000_0000_0000n]);

      // From a breakpoint that is still there, on to where it is met next.
      gdb.send("vCont;c");
      await gdb.next("the breakpoint in the next round");
      expect(await gdb.register(S1)).toBe(3n);

      // g is all registers in order.
      const all = await gdb.ask("g");
      expect(fromHex(all.slice(16 * S1, 16 * S1 + 16))).toBe(3n);
      expect(fromHex(all.slice(16 * PC, 16 * PC + 16))).toBe(BigInt(at("work") + HIGH));
      expect(await gdb.ask(`G${all.slice(0, 16 * S1)}${"6400000000000000"}${all.slice(16 * S1 + 16)}`)).toBe("OK");
      expect(await gdb.ask(`P${hex(A0)}=0500000000000000`)).toBe("OK");
      expect([await gdb.register(S1), await gdb.register(A0)]).toEqual([100n, 5n]);
      expect(await gdb.ask(`P${hex(PC)}=0100000000000000`)).toBe("E16");

      // Hart 1.
      expect(await gdb.ask("qfThreadInfo")).toBe("mp1.1,p1.2");
      expect(await gdb.ask("Hgp1.2")).toBe("OK");
      expect(await gdb.register(SATP)).toBe(0n);
      expect(Buffer.from(await gdb.ask("qThreadExtraInfo,p1.2"), "hex").toString()).toBe("tiny: hart 1, supervisor mode, runs");
      expect(await gdb.ask(`z0,${hex(at("work") + HIGH)},4`)).toBe("OK");
      expect(await gdb.ask(`Z1,${hex(at("second"))},4`)).toBe("OK");
      gdb.send("vCont;c");
      expect(await gdb.next("hart 1's breakpoint")).toBe("T05thread:p1.2;swbreak:;");
      // One of them steps, the other is where it was.
      await gdb.ask("Hgp1.1");
      const other = [await gdb.pc(), await gdb.register(S1)];
      for (const name of [4, 8, 0]) {
        gdb.send("vCont;s:p1.2");
        expect(await gdb.next("a step of hart 1")).toBe("T05thread:p1.2;");
        expect(await gdb.pc()).toBe(at("second") + name);
      }
      await gdb.ask("Hgp1.1");
      expect([await gdb.pc(), await gdb.register(S1)]).toEqual(other);

      // What is written is what the guest reads, and executes.
      expect(await gdb.ask(`z1,${hex(at("second"))},4`)).toBe("OK");
      expect(await gdb.ask(`M${hex(at("stop"))},8:0100000000000000`)).toBe("OK");
      expect(await gdb.ask(`X${hex(at("second"))},0:`)).toBe("OK");
      expect(await gdb.ask("M0,1:00")).toBe("E0e");
      gdb.send("c");
      expect(await gdb.next("the end")).toMatch(/^W00;process:1$/);
      expect((await outcome).status).toBe(0);
      expect(events.some((event) => event.event === "exit" && event.component === "tiny")).toBe(true);
    });
  });

  test("goes on where it was when its debugger detaches, or disappears with breakpoints set; one that loops is stopped by Ctrl-C", async () => {
    using folder = guestFolder();
    await withGdb(folder.path, {}, async ({ port }) => {
      const seen: bigint[] = [];
      for (const leave of ["vanishes", "detaches", "kills", "vanishes"]) {
        const gdb = await GdbClient.connect(port);
        await gdb.ask(SUPPORTED);
        await gdb.ask("?");
        await gdb.ask("Hgp1.1");
        gdb.send("c");
        await pause(150);
        gdb.raw("\x03");
        expect(await gdb.next("the interrupt")).toMatch(/^T02thread:p1\.\d;$/);
        await gdb.ask("Hgp1.1");
        seen.push(await gdb.register(S1));
        await pause(50);
        expect(await gdb.register(S1)).toBe(seen.at(-1));
        expect(await gdb.ask(`Z0,${hex(at("work") + HIGH)},4`)).toBe("OK");
        gdb.send("c");
        expect(await gdb.next("the breakpoint")).toBe("T05thread:p1.1;swbreak:;");
        if (leave === "detaches") expect(await gdb.ask("D;1")).toBe("OK");
        if (leave === "kills") expect(await gdb.ask("vKill;1")).toBe("OK");
        gdb.vanish();
        await pause(100);
      }
      seen.forEach((count, i) => expect(count).toBeGreaterThan(i === 0 ? -1n : seen[i - 1]! + 1000n));
    });
  });

  test("its clock stands still while it is stopped", async () => {
    const source = `.option norvc\n j start\n .balign 8\n .quad 0x200000, 0x10000, 0\n .word 2, 0\n .quad 0\n .ascii "RISCV\\0\\0\\0RSC\\x05"\n .word 0\n start: rdtime s1\n here: j start`;
    const { bytes } = assemble(source, 0x8020_0000);
    using folder = applianceFolder({ "appliance.yaml": `${manifestWith({})}guests:\n  tiny: { image: { kernel: tiny.image }, memory: 16MiB, console: console.console, essential: true }\n`, "tiny.image": bytes });
    await withGdb(folder.path, { wait: "tiny" }, async ({ port }) => {
      const gdb = await GdbClient.connect(port);
      await gdb.ask("?");
      const times: number[] = [], began = performance.now();
      for (let i = 0; i < 4; i++) {
        gdb.send("vCont;s:p1.1");
        await gdb.next();
        times.push(Number(await gdb.register(S1)));
        await pause(i === 2 ? 2000 : 0);
      }
      gdb.send("c");
      await pause(20);
      gdb.raw("\x03");
      await gdb.next();
      // All the time but that of the longest stop, whatever the rest took: 10,000 ticks are a ms.
      expect(Number(await gdb.register(S1)) - times[0]!).toBeLessThan((performance.now() - began - 1900) * 10_000);
    });
  });
});

/** Two harts, each of which counts in a word of its own: hart n in the n-th of `words`. */
const COUNTING = assemble(
  `.option norvc\n j start\n .balign 8\n .quad 0x200000, 0x10000, 0\n .word 2, 0\n .quad 0\n .ascii "RISCV\\0\\0\\0RSC\\x05"\n .word 0
  start: li a7, 0x48534d\n li a6, 0\n li a0, 1\n la a1, second\n ecall\n la s2, words\n j loop
  second: la s2, words + 8
  loop: addi s1, s1, 1\n store: sd s1, (s2)\n stored: ld t0, (s2)\n loaded: j loop\n .balign 64\n words: .quad 0, 0`, 0x8020_0000);

describe("watchpoints of a guest", LIMIT, () => {
  test("stop the hart that is about to access, and say which memory; the others are where they are", async () => {
    using folder = applianceFolder({ "appliance.yaml": `${manifestWith({})}guests:\n  two: { image: { kernel: two.image }, memory: 16MiB, cpus: 2, console: console.console, essential: true }\n`, "two.image": COUNTING.bytes });
    const place = (name: string, more = 0): string => hex(COUNTING.label(name) + more), [first, second] = [place("words"), place("words", 8)];
    await withGdb(folder.path, { wait: "two" }, async ({ port }) => {
      const gdb = await GdbClient.connect(port);
      await gdb.ask(SUPPORTED);
      await gdb.ask("?");
      const word = async (address: string): Promise<bigint> => fromHex(await gdb.ask(`m${address},8`));
      const go = async (who = ""): Promise<string> => {
        gdb.send(`vCont;c${who}`);
        return gdb.next("a stop");
      };
      expect(await gdb.ask(`Z2,${first},8`)).toBe("OK");
      for (const count of [1n, 2n, 3n]) {
        expect(await go()).toBe(`T05thread:p1.1;watch:${first};`);
        expect([hex(await gdb.pc()), await word(first), await gdb.register(S1)]).toEqual([place("store"), count - 1n, count]);
      }
      // The other hart's, by its half.
      expect([await gdb.ask(`z2,${first},8`), await gdb.ask(`Z2,${place("words", 12)},4`)]).toEqual(["OK", "OK"]);
      const before = await word(second);
      for (const count of [1n, 2n]) {
        expect(await go()).toBe(`T05thread:p1.2;watch:${place("words", 12)};`);
        expect([hex(await gdb.pc()), await word(second)]).toEqual([place("store"), before + count - 1n]);
      }
      // Loads alone, then both.
      expect([await gdb.ask(`z2,${place("words", 12)},4`), await gdb.ask(`Z3,${second},1`)]).toEqual(["OK", "OK"]);
      for (let i = 0; i < 2; i++) expect([await go(), hex(await gdb.pc())]).toEqual([`T05thread:p1.2;rwatch:${second};`, place("stored")]);
      expect([await gdb.ask(`z3,${second},1`), await gdb.ask(`Z4,${first},8`), await gdb.ask(`Z4,${second},8`)]).toEqual(["OK", "OK", "OK"]);
      for (const [thread, address] of [["p1.1", first], ["p1.2", second]] as const) {
        const seen: string[] = [];
        for (let i = 0; i < 4; i++) seen.push(`${await go(`:${thread}`)} ${hex(await gdb.pc())}`);
        expect(seen.sort()).toEqual(["store", "store", "stored", "stored"].map((name) => `T05thread:${thread};awatch:${address}; ${place(name)}`).sort());
      }
      // What cannot be had, and what is none.
      for (const body of [`Z2,${first},0`, `Z2,${first},1001`]) expect(await gdb.ask(body)).toBe("E1c");
      for (let i = 0; i < 14; i++) expect(await gdb.ask(`Z2,${hex(0x8030_0000 + 8 * i)},8`)).toBe("OK");
      expect([await gdb.ask(`Z2,${first},4`), await gdb.ask("z2,1234,8"), await gdb.ask(`Z4,${first},8`)]).toEqual(["E1c", "OK", "OK"]);
      // Gone without a word: it runs on.
      gdb.send("c");
      await gdb.next();
      gdb.vanish();
      await pause(300);
      const again = await GdbClient.connect(port);
      await again.ask("?");
      const now = fromHex(await again.ask(`m${first},8`));
      again.send("c");
      await pause(100);
      again.raw("\x03");
      expect(await again.next("the interrupt")).toMatch(/^T02/);
      expect(fromHex(await again.ask(`m${first},8`))).toBeGreaterThan(now + 1000n);
    });
  });
});

const PROGRAM = `#include <bailiwick.h>
BW_USE(console); BW_USE(time);
enum { CONTEXT = 130, ROOM = 140 };
static struct bw_thread thread;
static volatile uint64_t counter = 5, finish, others;
__attribute__((noinline)) static uint64_t worked(uint64_t n) { __asm__ volatile("" : "+r"(n)); return n + 3; }
static void other(void *argument) { (void)argument; for (;;) { others++; bw_yield(); } }
int main(void) {
    bw_console_open(bw_use_console.cap);
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, CONTEXT);
    const struct bw_thread_room room = {.untyped = BW_SLOT_UNTYPED, .slots = ROOM, .address = BW_THREAD_ADDRESSES, .stack_pages = 1};
    if (error == 0) error = bw_thread_make(&thread, &room, "console", 0);
    if (error == 0) error = bw_sched_control_configure(bw_use_time.cap, CONTEXT, 1000, 10000, 0);
    if (error == 0) error = bw_sched_context_bind(CONTEXT, thread.tcb);
    if (error == 0) error = bw_tcb_set_priority(thread.tcb, 100, 0, BW_SLOT_TCB);
    if (error == 0) error = bw_thread_start(&thread, other, NULL);
    bw_printf("%s %lx %lx %lx %lx\\n", bw_error_name(error), (uint64_t)&worked, (uint64_t)&counter, (uint64_t)&finish, (uint64_t)&others);
    while (!finish) { counter = worked(counter); bw_yield(); }
    bw_printf("ended by %lu\\n", finish);
    return 0;
}
`;
const programFolder = () => applianceFolder({ "appliance.yaml": manifestWith({ main: "{ image: { c: main.c }, use: { console: console.console, time: platform.cpu.time }, essential: true }" }), "main.c": PROGRAM });

describe("a component's program", LIMIT, () => {
  test("breakpoints, registers, memory, steps, threads whatever they call themselves, its end", async () => {
    using folder = programFolder();
    await withGdb(folder.path, {}, async ({ port, line, outcome }) => {
      await until("the program's addresses", () => /none .*\n/.test(line.output));
      const [worked = 0, counter = 0, finish = 0, others = 0] = /none (\w+) (\w+) (\w+) (\w+)/.exec(line.output)!.slice(1).map((text) => Number.parseInt(text, 16));
      const gdb = await GdbClient.connect(port);
      await gdb.ask(SUPPORTED);
      const processes = await gdb.ask("qXfer:osdata:read:processes:0,3000");
      expect([...processes.matchAll(/"pid">(\d+)<.*?"user">(\w+)<.*?"command">([\w-]+)</g)].map((m) => m.slice(1).join(" "))).toEqual(["1 component console", "2 component main"]);
      // The console's driver was chosen; this one is meant.
      expect(await gdb.ask("?")).toMatch(/^T05thread:p1\./);
      expect(await gdb.ask("D;1")).toBe("OK");
      expect(await gdb.ask("vAttach;2")).toMatch(/^T00thread:p2\.\w+;$/);
      const threads = (await gdb.ask("qfThreadInfo")).slice(1).split(",");
      expect(threads.length).toBe(2);
      const word = async (address: number): Promise<number> => Number(fromHex(await gdb.ask(`m${hex(address)},8`)));

      // Stopped, nothing of it moves.
      const before = [await word(counter), await word(others)];
      await pause(50);
      expect([await word(counter), await word(others)]).toEqual(before);
      expect(await gdb.ask(`Z0,${hex(worked)},2`)).toBe("OK");
      gdb.send("vCont;c:p2.-1");
      const stop = await gdb.next("the breakpoint"), [, main = ""] = /thread:(p2\.\w+);swbreak:;$/.exec(stop) ?? [];
      expect(threads).toContain(main);
      expect([await gdb.pc(), Number(await gdb.register(A0))]).toEqual([worked, await word(counter)]);
      // Another argument, and a step.
      expect(await gdb.ask(`P${hex(A0)}=e803000000000000`)).toBe("OK");
      gdb.send(`vCont;s:${main}`);
      expect(await gdb.next("a step")).toBe(`T05thread:${main};`);
      expect(await gdb.pc()).toBeGreaterThan(worked);
      gdb.send("c");
      await gdb.next("the breakpoint again");
      expect(Number(await gdb.register(A0))).toBe(1003);
      // The other thread is at another place, and ran as well.
      const second = threads.find((thread) => thread !== main)!;
      expect(await gdb.ask(`Hg${second}`)).toBe("OK");
      expect(await gdb.pc()).not.toBe(worked);
      expect(await word(others)).toBeGreaterThan(before[1]!);
      expect(Buffer.from(await gdb.ask(`qThreadExtraInfo,${second}`), "hex").toString()).toMatch(/^main: console, /);

      // Memory that one of its threads writes, and another.
      expect([await gdb.ask(`z0,${hex(worked)},2`), await gdb.ask(`Z2,${hex(others)},8`)]).toEqual(["OK", "OK"]);
      const start = await word(others);
      for (let i = 0; i < 2; i++) {
        gdb.send("c");
        expect(await gdb.next("a store")).toBe(`T05thread:${second};watch:${hex(others)};`);
        expect(await word(others)).toBe(start + i);
      }
      expect([await gdb.ask(`z2,${hex(others)},8`), await gdb.ask(`Z2,${hex(counter)},8`)]).toEqual(["OK", "OK"]);
      const count = await word(counter);
      for (let i = 0; i < 2; i++) {
        gdb.send("c");
        expect(await gdb.next("a store of the first")).toBe(`T05thread:${main};watch:${hex(counter)};`);
        expect(await word(counter)).toBe(count + 3 * i);
      }
      expect([await gdb.ask("Z2,3ffffffffc,8"), await gdb.ask(`z2,${hex(counter)},8`)]).toEqual(["E1c", "OK"]);
      await gdb.ask(`Hg${second}`);
      expect(await gdb.ask(`Z0,${hex(worked)},2`)).toBe("OK");

      for (const address of ["0", "ffffffff80000000", "4000000000"]) expect(await gdb.ask(`m${address},8`)).toBe("E0e");
      expect(await gdb.ask("Z0,ffffffff80000000,2")).toBe("E1c");
      expect(await gdb.ask(`z0,${hex(worked)},2`)).toBe("OK");
      gdb.send("c");
      await pause(30);
      gdb.raw("\x03");
      expect(await gdb.next("the interrupt")).toMatch(/^T02thread:p2/);
      expect(await gdb.ask(`M${hex(finish)},8:2a00000000000000`)).toBe("OK");
      gdb.send("c");
      expect(await gdb.next("the end")).toBe("W00;process:2");
      await until("its last line", () => line.output.includes("ended by 42\n"));
      expect((await outcome).status).toBe(0);
    });
  });

  test("waits with --gdb-wait; when its debugger disappears it goes on, without breakpoints", async () => {
    using folder = programFolder();
    await withGdb(folder.path, { wait: "main" }, async ({ port, line }) => {
      await pause(500);
      expect(line.output).toBe("");
      const gdb = await GdbClient.connect(port), pc = Number(/p2\.(\w+);/.exec(await gdb.ask("?"))?.[1] ?? "0") > 0 ? await gdb.pc() : 0;
      expect(await gdb.ask(`Z0,${hex(pc + 4)},4`)).toBe("OK");
      gdb.vanish();
      await until("it goes on", () => /none .*\n/.test(line.output));
    });
  });
});

describe("the port", LIMIT, () => {
  test("has one client at a time; what is no debugger is cut off; hostile packets get errors", async () => {
    using folder = guestFolder();
    await withGdb(folder.path, {}, async ({ port, notes }) => {
      const gdb = await GdbClient.connect(port);
      await gdb.ask("?");
      const second = await GdbClient.connect(port);
      await until("the second is refused", () => second.closed);
      expect(notes.at(-1)).toMatch(/^a second debugger is refused: there is one already, from port \d+$/);

      const hostile = ["", "g1", "p", "pffffffff", "P", "P=", "P9=zz", "P9=00", "m", "m,", "m0", "m80200000,ffffffff0", "mzz,1", "M80200000,4:00", "M80200000,1:zz", "X80200000,5:ab", "Z0", "Z9,1,1", "Z2,0,8", "z0,", "H", "Hx0", "Hgzz",
        "Hgp9.9", "T", "Tzz", "vCont;", "vCont;x", "vCont;s:p9.1", "vAttach;", "vAttach;9", "vAttach;1", "vKill;77", "D;zz", "D;77", "qXfer:features:read:x:0,1", "qXfer:features:read:target.xml:ffffffff,ffffffff", "qXfer:auxv:read::0,1", "qThreadExtraInfo,zz",
        "c1", "cz", "s3", "C", "S05;z", "G00", "QNonStop:1", "R00", "bogus", `m${"f".repeat(200)},1`, "qSupported", "vMustReplyEmpty", "}}", "\0\0"];
      for (const body of hostile) expect(await gdb.ask(body), body).toMatch(/^(E[0-9a-f]{2}|OK|l|PacketSize.*)?$/);
      expect(await gdb.ask("qAttached")).toBe("1");
      expect(await gdb.pc()).toBeGreaterThan(0);
      // While it runs nothing of it is told, and a break of the rules by a client does no harm.
      gdb.send("c");
      for (const body of ["g", "m80200000,4", "vCont;c", "?", "vAttach;2"]) expect(await gdb.ask(body), body).toBe("E10");
      gdb.raw("\x03\x03$g#00$$$#");
      expect(await gdb.next()).toMatch(/^T02/);
      gdb.vanish();

      await pause(100);
      const browser = connect(port, "127.0.0.1", () => browser.write("POST / HTTP/1.1\r\nHost: x\r\n\r\n$vCont;c#a8"));
      await new Promise((resolve) => browser.on("error", resolve).on("close", resolve));
      expect(notes.at(-1)).toMatch(/no debugger/);
      const third = await GdbClient.connect(port);
      expect(await third.ask("?")).toMatch(/^T05/);
    });
  });

  test("is denied by a manifest that does not grant it; options that make no sense are refused", async () => {
    using denied = applianceFolder({ "appliance.yaml": `${manifestWith({})}operator: { deny: [debug] }\n` });
    const { status, err } = await bailiwick(["run", "-q", "--gdb", denied.path], { cwd: denied.path });
    expect([status, /BW0323[^]*stop its programs and guests/.test(err)]).toEqual([4, true]);
    for (const [options, text] of [[["--gdb-wait", "x"], /needs --gdb/], [["--gdb", "--gdb-wait", "nobody"], /no guest or component 'nobody'/], [["--gdb=99999"], /no port/]] as const) {
      using folder = applianceFolder({ "appliance.yaml": manifestWith({}) });
      const { status, err } = await bailiwick(["run", "-q", ...options, folder.path]);
      expect([status, text.test(err)], err).toEqual([2, true]);
    }
  });
});
