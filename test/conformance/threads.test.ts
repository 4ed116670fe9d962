/** Threads of machine programs: preemption, switches, isolation of registers, address spaces on a few harts, stale translations. */
import { describe, expect, it } from "vitest";
import { CAUSE, CONTROL, FRAME, RAM_BASE } from "../../core/machine/unicorn.ts";
import { PAGE, Rig, withRig } from "./rig.ts";

const TEXT = 0x1_0000;
const DATA = 0x2_0000;

/** Runs threads in turn, each for so many ticks of the block clock, until all have called; counts preemptions. */
function roundRobin(rig: Rig, threads: number[], ticks: number): number {
  const alive = [...threads];
  let preemptions = 0;
  rig.control[CONTROL.deadline] = rig.machine.clock() + ticks;
  rig.machine.run(alive[0] ?? 0, (frame, cause) => {
    if (cause === CAUSE.preempted) preemptions++;
    else if (cause === CAUSE.call) alive.splice(alive.indexOf(frame), 1);
    else throw new Error(`cause ${cause} at ${rig.get(frame, FRAME.pc).toString(16)}`);
    rig.control[CONTROL.deadline] = rig.machine.clock() + ticks;
    if (alive.length === 0) return -1;
    return alive[(alive.indexOf(frame) + 1) % alive.length] ?? -1;
  });
  return preemptions;
}

describe("preemption", () => {
  it.each([
    ["amoadd", "1: amoadd.d a3, a2, (a1)\n addi a0, a0, -1\n bnez a0, 1b\n ecall"],
    ["lr and sc", "1: lr.d a3, (a1)\n addi a3, a3, 1\n sc.d a4, a3, (a1)\n bnez a4, 1b\n addi a0, a0, -1\n bnez a0, 1b\n ecall"],
    ["amoadd over several blocks", "1: j 2f\n2: amoadd.w a3, a2, (a1)\n j 3f\n3: addi a0, a0, -1\n bnez a0, 1b\n ecall"],
  ])("loses and doubles nothing of %s", (_name, source) => {
    withRig((rig) => {
      const root = rig.space(0);
      rig.program(root, TEXT, source);
      const data = rig.data(root, DATA);
      for (const thread of [0, 1, 2]) {
        rig.thread(thread, 0, TEXT);
        rig.set(thread, FRAME.x + 10, 40_000);
        rig.set(thread, FRAME.x + 11, DATA);
        rig.set(thread, FRAME.x + 12, 1);
      }
      const preemptions = roundRobin(rig, [0, 1, 2], 1);
      expect(rig.word(data)).toBe(120_000n);
      expect(preemptions).toBeGreaterThan(3000);
    });
  });

  it("loses and doubles nothing across address spaces that share memory, on two harts", () => {
    withRig((rig) => {
      const data = rig.alloc();
      for (const id of [0, 1]) {
        const root = rig.space(id);
        rig.program(root, TEXT, "1: amoadd.d a3, a2, (a1)\n addi a0, a0, -1\n bnez a0, 1b\n ecall");
        rig.map(root, DATA, data, "urw");
        rig.thread(id, id, TEXT);
        rig.set(id, FRAME.x + 10, 40_000);
        rig.set(id, FRAME.x + 11, DATA);
        rig.set(id, FRAME.x + 12, 1);
      }
      expect(roundRobin(rig, [0, 1], 1)).toBeGreaterThan(3000);
      expect(rig.word(data)).toBe(80_000n);
      expect(rig.control[CONTROL.engines]).toBe(2);
    });
  });

  it("comes at the deadline to the block, and equal runs give equal stops", () => {
    const stops = (): string[] =>
      withRig((rig) => {
        const root = rig.space(0);
        rig.program(root, TEXT, "1: addi a0, a0, 1\n andi a1, a0, 3\n beqz a1, 2f\n j 1b\n2: addi a2, a2, 1\n j 1b");
        rig.thread(0, 0, TEXT);
        const seen: string[] = [];
        rig.control[CONTROL.deadline] = 7;
        rig.machine.run(0, (frame, cause) => {
          seen.push([cause, rig.machine.clock(), rig.control[CONTROL.blocks], rig.get(frame, FRAME.pc), rig.get(frame, FRAME.x + 10)].join(" "));
          rig.control[CONTROL.deadline] = rig.machine.clock() + 1 + (seen.length % 13);
          return seen.length < 500 ? frame : -1;
        });
        return seen;
      });
    const first = stops();
    expect(first[0]).toMatch(/^64 7 112 /);
    expect(stops()).toEqual(first);
    let clock = 7;
    for (const [i, stop] of first.entries()) {
      expect(stop.startsWith(`64 ${clock} ${clock * 16} `)).toBe(true);
      clock += 1 + ((i + 1) % 13);
    }
  });

  it("follows the host's clock within a millisecond or so", () => {
    withRig((rig) => {
      const root = rig.space(0);
      rig.program(root, TEXT, "1: addi a0, a0, 1\n j 1b");
      rig.thread(0, 0, TEXT);
      const late: number[] = [];
      rig.control[CONTROL.deadline] = rig.machine.clock() + 5000;
      rig.machine.run(0, (frame, cause) => {
        expect(cause).toBe(CAUSE.preempted);
        late.push(rig.machine.clock() - (rig.control[CONTROL.deadline] ?? 0));
        rig.control[CONTROL.deadline] = rig.machine.clock() + 5000;
        return late.length < 40 ? frame : -1;
      });
      late.sort((a, b) => a - b);
      expect(late[0]).toBeGreaterThanOrEqual(0);
      expect(late[20]).toBeLessThan(10_000);
    }, { clock: "host" });
  });

  it("comes at once after a kick, which is cleared", () => {
    withRig((rig) => {
      const root = rig.space(0);
      rig.program(root, TEXT, "ecall\n1: addi a0, a0, 1\n j 1b");
      rig.thread(0, 0, TEXT);
      const causes: number[] = [];
      rig.machine.run(0, (frame, cause) => {
        causes.push(cause);
        if (cause === CAUSE.call) rig.kick[0] = 1;
        return cause === CAUSE.call ? frame : -1;
      });
      expect(causes).toEqual([CAUSE.call, CAUSE.preempted]);
      expect([rig.kick[0], rig.get(0, FRAME.x + 10)]).toEqual([0, 0n]);
    });
  });

  it("lets idle time pass only in deterministic mode", () => {
    withRig((rig) => {
      rig.machine.advanceClock(123);
      expect(rig.machine.clock()).toBe(123);
      expect(() => rig.machine.advanceClock(-1)).toThrow(/ticks/);
    });
    withRig((rig) => expect(() => rig.machine.advanceClock(1)).toThrow(/deterministic/), { clock: "host" });
  });
});

describe("switch", () => {
  /** Every x register but the ones that are needed, set from a seed, then rounds of calls that check them. */
  const general = [...Array(31).keys()].map((i) => i + 1);

  it.each([["one space", [0, 0]], ["two spaces", [0, 1]]])("keeps all registers of each thread apart in %s", (_name, spaces) => {
    withRig((rig) => {
      const roots = new Map([...new Set(spaces)].map((id) => [id, rig.space(id)]));
      for (const root of roots.values()) rig.program(root, TEXT, "1: ecall\n j 1b");
      for (const [thread, space] of spaces.entries()) {
        rig.thread(thread, space, TEXT);
        for (const i of general) rig.set(thread, FRAME.x + i, BigInt(thread + 1) * 0x1_0000_0000_0000n + BigInt(i));
        for (let i = 0; i < 32; i++) rig.set(thread, FRAME.f + i, BigInt(thread + 1) * 0x2_0000_0000_0000n + BigInt(i));
        rig.set(thread, FRAME.fcsr, thread === 0 ? 0x7f : 0x20);
      }
      let turns = 0;
      rig.machine.run(0, (frame) => (++turns < 200 ? 1 - frame : -1));
      for (const thread of [0, 1]) {
        for (const i of general) expect(rig.get(thread, FRAME.x + i)).toBe(BigInt(thread + 1) * 0x1_0000_0000_0000n + BigInt(i));
        for (let i = 0; i < 32; i++) expect(rig.get(thread, FRAME.f + i)).toBe(BigInt(thread + 1) * 0x2_0000_0000_0000n + BigInt(i));
        expect(rig.get(thread, FRAME.fcsr)).toBe(thread === 0 ? 0x7fn : 0x20n);
      }
    });
  });

  it("gives a new thread nothing of the one before", () => {
    withRig((rig) => {
      const root = rig.space(0);
      const dirty = general.map((i) => `li x${i}, ${0x5000 + i}`).join("\n") + "\n" + [...Array(32).keys()].map((i) => `fcvt.d.l f${i}, x5`).join("\n") + "\n fdiv.d f1, f2, f3\n fsrmi 3\n ecall";
      rig.program(root, TEXT, dirty);
      rig.program(root, TEXT + 16 * PAGE, "ecall");
      rig.thread(0, 0, TEXT);
      rig.thread(1, 0, TEXT + 16 * PAGE);
      rig.machine.run(0, (frame) => (frame === 0 ? 1 : -1));
      expect(rig.get(0, FRAME.x + 31)).toBe(0x501fn);
      expect(rig.get(0, FRAME.f + 31)).not.toBe(0n);
      for (const i of general) expect(rig.get(1, FRAME.x + i)).toBe(0n);
      for (let i = 0; i < 32; i++) expect(rig.get(1, FRAME.f + i)).toBe(0n);
      expect(rig.get(1, FRAME.fcsr)).toBe(0n);
    });
  });

  it("keeps floating-point results and flags of interleaved threads", () => {
    withRig((rig) => {
      const root = rig.space(0);
      // thread 0 divides inexactly and by zero, thread 1 only exactly; each yields between the steps
      rig.program(root, TEXT, "fcvt.d.l fa0, a0\n ecall\n fcvt.d.l fa1, a1\n ecall\n fdiv.d fa2, fa0, fa1\n ecall\n frflags a3\n ecall");
      for (const [thread, a, b] of [[0, 1, 0], [1, 6, 3]] as const) {
        rig.thread(thread, 0, TEXT);
        rig.set(thread, FRAME.x + 10, a);
        rig.set(thread, FRAME.x + 11, b);
      }
      let turns = 0;
      rig.machine.run(0, (frame) => (++turns < 8 ? 1 - frame : -1));
      const view = new Float64Array(rig.machine.frames);
      expect([view[FRAME.f + 12], view[72 + FRAME.f + 12]]).toEqual([Infinity, 2]);
      expect([rig.get(0, FRAME.x + 13), rig.get(1, FRAME.x + 13)]).toEqual([8n, 0n]);
    });
  });

  it("breaks a reservation: sc fails after a call between lr and sc", () => {
    withRig((rig) => {
      const root = rig.space(0);
      rig.program(root, TEXT, "lr.d a3, (a1)\n ecall\n sc.d a0, a3, (a1)\n ecall");
      rig.data(root, DATA);
      for (const other of [0, 1]) {
        rig.thread(0, 0, TEXT);
        rig.thread(1, 0, TEXT);
        for (const t of [0, 1]) rig.set(t, FRAME.x + 11, DATA);
        let calls = 0;
        // 0: lr; (1: lr;) 0: sc must fail: with the other thread between, and also without
        rig.machine.run(0, (frame) => (++calls === 1 ? other : frame === 0 ? -1 : 0));
        if (other === 1) rig.trap(0);
        expect(rig.get(0, FRAME.x + 10)).toBe(1n);
      }
    });
  });

  it("breaks a reservation by preemption, and the loop succeeds the next time", () => {
    withRig((rig) => {
      const root = rig.space(0);
      rig.program(root, TEXT, "1: lr.d a3, (a1)\n j 2f\n2: sc.d a0, a3, (a1)\n ecall");
      rig.data(root, DATA);
      rig.thread(0, 0, TEXT);
      rig.set(0, FRAME.x + 11, DATA);
      rig.kick[0] = 0;
      let step = 0;
      rig.control[CONTROL.deadline] = 0; // one tick is 16 blocks: reach the block boundary between lr and sc by counting
      rig.machine.run(0, (frame, cause) => {
        if (cause === CAUSE.call) return -1;
        rig.control[CONTROL.deadline] = ++step > 1 ? Infinity : 0;
        return frame;
      });
      expect(rig.get(0, FRAME.x + 10)).toBe(0n);
    });
  });

  it("to a frame that does not exist or has no space ends run() with an error", () => {
    withRig((rig) => {
      const root = rig.space(0);
      rig.program(root, TEXT, "ecall");
      rig.thread(0, 0, TEXT);
      rig.thread(1, 7, TEXT);
      expect(() => rig.machine.run(1, () => -1)).toThrow(/not bound/);
      expect(() => rig.machine.run(0, () => 1)).toThrow(/not bound/);
      expect(() => rig.machine.run(0, () => 32)).toThrow(/does not exist/);
      expect(() => rig.machine.run(0, () => undefined as unknown as number)).toThrow(/onTrap/);
      expect(() => rig.machine.run(32, () => -1)).toThrow(/frame/);
      rig.machine.run(0, () => -1); // and the machine still works
    });
  });

  it("passes on what the handler throws, and refuses to run inside itself", () => {
    withRig((rig) => {
      const root = rig.space(0);
      rig.program(root, TEXT, "ecall");
      rig.thread(0, 0, TEXT);
      expect(() => rig.machine.run(0, () => { throw new Error("the kernel's own"); })).toThrow("the kernel's own");
      expect(() => rig.machine.run(0, () => (rig.machine.run(0, () => -1), -1))).toThrow(/while the machine runs/);
      expect(() => rig.machine.run(0, () => (rig.machine.close(), -1))).toThrow(/while the machine runs/);
    });
  });
});

describe("address spaces", () => {
  it("stay apart when there are more of them than engines", () => {
    withRig((rig) => {
      const counters = [...Array(12).keys()].map((id) => {
        const root = rig.space(id);
        rig.program(root, TEXT, `1: ld a0, 0(a1)\n addi a0, a0, ${id + 1}\n sd a0, 0(a1)\n ecall\n j 1b`);
        rig.thread(id, id, TEXT);
        rig.set(id, FRAME.x + 11, DATA);
        return rig.data(root, DATA);
      });
      let turns = 0;
      rig.machine.run(0, (frame, cause) => {
        expect(cause).toBe(CAUSE.call);
        return ++turns < 12 * 25 ? (frame + 5) % 12 : -1;
      });
      expect(counters.map((at) => rig.word(at))).toEqual(counters.map((_, id) => BigInt(25 * (id + 1))));
      expect(rig.control[CONTROL.engines]).toBe(3);
      expect(rig.control[CONTROL.rebinds]).toBeGreaterThan(100);
    }, { maxEngines: 3 });
  });

  it("need flushSpace after an entry was cleared, and then fault", () => {
    withRig((rig) => {
      const root = rig.space(0);
      rig.program(root, TEXT, "1: ld a0, 0(a1)\n ecall\n j 1b");
      rig.setWord(rig.data(root, DATA), 42n);
      rig.thread(0, 0, TEXT);
      rig.set(0, FRAME.x + 11, DATA);
      const causes: number[] = [];
      rig.machine.run(0, (frame, cause) => {
        causes.push(cause);
        if (causes.length === 1) rig.setWord(rig.leaf(root, DATA), 0n); // without a flush the hart may still reach the page
        if (causes.length === 2) rig.machine.flushSpace(0);
        return causes.length < 3 ? frame : -1;
      });
      expect(causes).toEqual([CAUSE.call, CAUSE.call, CAUSE.loadPage]);
    });
  });

  it("can be bound anew and dropped from inside a trap", () => {
    withRig((rig) => {
      const [first, second] = [rig.space(0), rig.alloc()];
      rig.program(first, TEXT, "1: li a0, 1\n ecall\n j 1b");
      rig.program(second, TEXT, "1: li a0, 2\n ecall\n j 1b");
      rig.thread(0, 0, TEXT);
      const seen: bigint[] = [];
      expect(() =>
        rig.machine.run(0, (frame) => {
          seen.push(rig.get(0, FRAME.x + 10));
          if (seen.length === 2) rig.machine.bindSpace(0, second), rig.set(0, FRAME.pc, TEXT);
          if (seen.length === 3) rig.machine.dropSpace(0);
          return frame;
        }),
      ).toThrow(/not bound/);
      expect(seen).toEqual([1n, 1n, 2n]);
    });
  });
});

describe("code that changes", () => {
  it("by the program itself, on a page it has just run, takes effect", () => {
    withRig((rig) => {
      const root = rig.space(0);
      const program = rig.program(root, TEXT, "j 2f\n1: li a0, 1\n ret\n2: call 1b\n mv a2, a0\n sh a3, 0(a1)\n fence.i\n call 1b\n ecall");
      rig.map(root, DATA, program.phys, "urw"); // W^X holds: the same page, writable elsewhere
      rig.thread(0, 0, TEXT);
      rig.set(0, FRAME.x + 11, DATA + program.label("_start") - TEXT + 4 - 2); // the first li, after the 2-byte jump
      rig.set(0, FRAME.x + 13, 0x4509); // c.li a0, 2
      expect(rig.trap(0)).toBe(CAUSE.call);
      expect(rig.get(0, FRAME.x + 12)).toBe(1n);
      const aliased = rig.get(0, FRAME.x + 10);
      rig.machine.invalidate(program.phys, PAGE);
      rig.thread(0, 0, TEXT);
      rig.set(0, FRAME.x + 11, DATA + 100);
      rig.trap(0);
      expect([1n, 2n]).toContain(aliased); // through an alias the hart may miss it, as documented
      expect(rig.get(0, FRAME.x + 10)).toBe(2n);
    });
  });

  it("on a writable and executable page, takes effect at once", () => {
    withRig((rig) => {
      const root = rig.space(0);
      const program = rig.program(root, TEXT, "j 2f\n1: li a0, 1\n ret\n2: call 1b\n mv a2, a0\n sh a3, 0(a1)\n fence.i\n call 1b\n ecall");
      rig.map(root, TEXT, program.phys, "urwx");
      rig.thread(0, 0, TEXT);
      rig.set(0, FRAME.x + 11, TEXT + 2);
      rig.set(0, FRAME.x + 13, 0x4509);
      expect(rig.trap(0)).toBe(CAUSE.call);
      expect([rig.get(0, FRAME.x + 12), rig.get(0, FRAME.x + 10)]).toEqual([1n, 2n]);
    });
  });

  it("by the host needs invalidate, which reaches every hart", () => {
    withRig((rig) => {
      const root = [rig.space(0), rig.space(1)] as const;
      const program = rig.program(root[0], TEXT, "1: c.li a0, 1\n ecall\n j 1b");
      rig.map(root[1], TEXT, program.phys, "urx");
      for (const t of [0, 1]) rig.thread(t, t, TEXT);
      const seen: bigint[][] = [];
      let turns = 0;
      rig.machine.run(0, (frame) => {
        turns++;
        if (frame === 1) seen.push([rig.get(0, FRAME.x + 10), rig.get(1, FRAME.x + 10)]);
        if (turns === 4) rig.write(program.phys, Uint8Array.of(0x09, 0x45)); // c.li a0, 2
        if (turns === 6) rig.machine.invalidate(program.phys, 2);
        return turns < 8 ? 1 - frame : -1;
      });
      expect(seen).toEqual([[1n, 1n], [1n, 1n], [1n, 1n], [2n, 2n]]);
      expect(() => rig.machine.invalidate(RAM_BASE - PAGE, PAGE)).toThrow(/phys/);
      expect(() => rig.machine.invalidate(RAM_BASE, 33 << 20)).toThrow(/RAM/);
    });
  });
});

describe("device window of the machine", () => {
  const DEVICE = 0x1000_0000;
  const AT = 0x3_0000;
  const withDevice = <T>(source: string, body: (rig: Rig, log: unknown[]) => T, read = (offset: number): number => offset): T =>
    withRig((rig) => {
      const log: unknown[] = [];
      rig.machine.mapDevice(DEVICE, PAGE, (offset, size) => (log.push(["r", offset, size]), read(offset)), (...w) => void log.push(["w", ...w]));
      const root = rig.space(0);
      rig.program(root, TEXT, source);
      rig.map(root, AT, DEVICE, "urw");
      rig.thread(0, 0, TEXT);
      rig.set(0, FRAME.x + 15, AT);
      return body(rig, log);
    });

  it("answers a load into its own base register", () => {
    withDevice("lw a5, 0(a5)\n ecall", (rig, log) => {
      expect(rig.trap(0)).toBe(CAUSE.call);
      expect(rig.get(0, FRAME.x + 15)).toBe(0xffff_ffff_8765_4321n);
      expect(log).toEqual([["r", 0, 4]]);
    }, () => 0x8765_4321);
  });

  it("sees each store once, under preemption too", () => {
    withDevice("1: sw a0, 8(a5)\n addi a0, a0, 1\n bne a0, a1, 1b\n ecall", (rig, log) => {
      rig.set(0, FRAME.x + 11, 5000);
      expect(roundRobin(rig, [0], 1)).toBeGreaterThan(200);
      expect(log.length).toBe(5000);
      expect(log[4999]).toEqual(["w", 8, 4, 4999, 0]);
    });
  });

  it.each([
    ["lb", "lb a0, 1(a5)", 0xf8, 1, 0xffff_ffff_ffff_fff8n],
    ["lbu", "lbu a0, 1(a5)", 0xf8, 1, 0xf8n],
    ["lh", "lh a0, 2(a5)", 0x8001, 2, 0xffff_ffff_ffff_8001n],
    ["lhu", "lhu a0, 2(a5)", 0x8001, 2, 0x8001n],
    ["lw", ".option norvc\n lw a0, 4(a5)", 0x8000_0001, 4, 0xffff_ffff_8000_0001n],
    ["lwu", "lwu a0, 4(a5)", 0x8000_0001, 4, 0x8000_0001n],
    ["ld", ".option norvc\n ld a0, 8(a5)", 0x8123_4567_89ab_cdefn, 8, 0x8123_4567_89ab_cdefn],
    ["c.lw", "c.lw a0, 124(a5)", 0x8000_0001, 4, 0xffff_ffff_8000_0001n],
    ["c.ld", "c.ld a0, 248(a5)", 77n, 8, 77n],
    ["c.lwsp", "mv sp, a5\n c.lwsp a0, 252(sp)", 5, 4, 5n],
    ["c.ldsp", "mv sp, a5\n c.ldsp a0, 504(sp)", 6, 8, 6n],
    ["negative offset", "addi a5, a5, 2047\n lw a0, -2047(a5)", 9, 4, 9n],
  ])("answers %s with the right size, offset and extension", (_name, instruction, value, size, expected) => {
    withDevice(`${instruction}\n ecall`, (rig, log) => {
      expect(rig.trap(0)).toBe(CAUSE.call);
      expect(rig.get(0, FRAME.x + 10)).toBe(expected);
      expect(log).toEqual([["r", Number(/(\d+)\(/.exec(instruction)?.[1]) % 2047, size]]);
    }, () => value as number);
  });

  it.each([
    ["sb", "sb a1, 1(a5)", [1, 1, 0xf7, 0]],
    ["sh", "sh a1, 2(a5)", [2, 2, 0xe6f7, 0]],
    ["sw", ".option norvc\n sw a1, 2044(a5)", [2044, 4, 0xc4d5_e6f7, 0]],
    ["sd", ".option norvc\n sd a1, 8(a5)", [8, 8, 0xc4d5_e6f7, 0x8091_a2b3]],
    ["c.sw", "c.sw a1, 124(a5)", [124, 4, 0xc4d5_e6f7, 0]],
    ["c.sd", "c.sd a1, 248(a5)", [248, 8, 0xc4d5_e6f7, 0x8091_a2b3]],
    ["c.swsp", "mv sp, a5\n c.swsp a1, 252(sp)", [252, 4, 0xc4d5_e6f7, 0]],
    ["c.sdsp", "mv sp, a5\n c.sdsp a1, 504(sp)", [504, 8, 0xc4d5_e6f7, 0x8091_a2b3]],
    ["x0", "sw x0, 4(a5)", [4, 4, 0, 0]],
  ])("sees %s with the right size, offset and value", (_name, instruction, expected) => {
    withDevice(`${instruction}\n ecall`, (rig, log) => {
      rig.set(0, FRAME.x + 11, 0x8091_a2b3_c4d5_e6f7n);
      expect(rig.trap(0)).toBe(CAUSE.call);
      expect(log).toEqual([["w", ...expected]]);
    });
  });

  it("keeps x0 zero, and the access still happens", () => {
    withDevice("lw x0, 0(a5)\n mv a0, x0\n ecall", (rig, log) => {
      expect(rig.trap(0)).toBe(CAUSE.call);
      expect([rig.get(0, FRAME.x + 10), log.length]).toEqual([0n, 1]);
    }, () => 7);
  });

  it.each([
    ["an atomic", "amoadd.w a0, a1, (a5)", CAUSE.storeAccess],
    ["a reservation", "lr.w a0, (a5)", CAUSE.loadAccess],
    ["a misaligned load", "addi a5, a5, 2\n at: lw a0, 0(a5)", CAUSE.loadAccess],
    ["a floating-point load", "fld fa0, 0(a5)", CAUSE.loadAccess],
    ["a floating-point store", "fsd fa0, 0(a5)", CAUSE.storeAccess],
  ])("refuses %s with an access fault", (_name, instruction, cause) => {
    withDevice(`${instruction}\n ecall`, (rig, log) => {
      expect(rig.trap(0)).toBe(cause);
      expect(log).toEqual([]);
    });
  });

  it("cannot be executed from", () => {
    withDevice("jr a5", (rig) => {
      const root = Number((rig.word(RAM_BASE) >> 10n) * 4096n);
      expect(root).toBeGreaterThan(0);
      rig.map(RAM_BASE, AT, DEVICE, "urx");
      expect(rig.trap(0)).toBe(CAUSE.fetchAccess);
      expect(rig.get(0, FRAME.tval)).toBe(BigInt(AT));
    });
  });

  it("may kick: the thread stops at once, the access done", () => {
    withRig((rig) => {
      rig.machine.mapDevice(DEVICE, PAGE, () => 0, () => void (rig.kick[0] = 1));
      const root = rig.space(0);
      rig.program(root, TEXT, ".option norvc\n sw a0, 0(a5)\n addi a0, a0, 1\n1: j 1b");
      rig.map(root, AT, DEVICE, "urw");
      rig.thread(0, 0, TEXT);
      rig.set(0, FRAME.x + 15, AT);
      expect(rig.trap(0)).toBe(CAUSE.preempted);
      expect([rig.get(0, FRAME.x + 10), rig.get(0, FRAME.pc)]).toEqual([0n, BigInt(TEXT + 4)]);
    });
  });

  it("that throws ends run() with the access undone, to be tried again", () => {
    let broken = true;
    withDevice("addi a0, a0, 1\n lw a5, 0(a5)\n ecall", (rig) => {
      expect(() => rig.trap(0)).toThrow("no such register");
      expect(rig.get(0, FRAME.x + 15)).toBe(BigInt(AT));
      expect(rig.get(0, FRAME.pc)).toBe(BigInt(TEXT + 2));
      broken = false;
      expect(rig.trap(0)).toBe(CAUSE.call);
      expect([rig.get(0, FRAME.x + 10), rig.get(0, FRAME.x + 15)]).toEqual([1n, 5n]);
    }, () => {
      if (broken) throw new Error("no such register");
      return 5;
    });
  });

  it("may be added after harts were opened, and must not overlap", () => {
    withDevice("lw a5, 0(a5)\n ecall", (rig) => {
      rig.trap(0);
      rig.machine.mapDevice(DEVICE + PAGE, PAGE, () => 0x77, () => {});
      rig.map(RAM_BASE, AT + PAGE, DEVICE + PAGE, "urw");
      rig.machine.flushSpace(0);
      rig.thread(0, 0, TEXT);
      rig.set(0, FRAME.x + 15, AT + PAGE);
      expect(rig.trap(0)).toBe(CAUSE.call);
      expect(rig.get(0, FRAME.x + 15)).toBe(0x77n);
      expect(() => rig.machine.mapDevice(DEVICE, PAGE, () => 0, () => {})).toThrow(/overlap/);
      expect(() => rig.machine.mapDevice(RAM_BASE, PAGE, () => 0, () => {})).toThrow(/overlap/);
    });
  });
});
