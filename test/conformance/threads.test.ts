/** Threads of machine programs: preemption, switches, isolation of registers, address spaces on a few harts, stale translations. */
import { describe, expect, it } from "vitest";
import { CAUSE, CONTROL, FRAME, FRAME_BYTES, RAM_BASE } from "../../core/machine/shared.ts";
import { PAGE, roundRobin, withRig } from "./rig.ts";

const TEXT = 0x1_0000;
const DATA = 0x2_0000;

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

  it.each([1, 2, 4, 8, 3])("reaches a thread that traps every %i blocks, by the host's clock", (blocks) => {
    withRig((rig) => {
      const root = rig.space(0);
      rig.program(root, TEXT, `1: ${Array.from({ length: blocks - 1 }, (_, i) => `j ${i + 2}f\n${i + 2}:`).join(" ")} ecall\n j 1b`);
      rig.thread(0, 0, TEXT);
      rig.control[CONTROL.deadline] = rig.machine.clock() + 1000;
      const giveUp = performance.now() + 5000;
      let last = 0;
      rig.machine.run(0, (frame, cause) => ((last = cause) === CAUSE.preempted || performance.now() > giveUp ? -1 : frame));
      expect(last).toBe(CAUSE.preempted);
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
      expect([view[FRAME.f + 12], view[FRAME_BYTES / 8 + FRAME.f + 12]]).toEqual([Infinity, 2]);
      expect([rig.get(0, FRAME.x + 13), rig.get(1, FRAME.x + 13)]).toEqual([8n, 0n]);
    });
  });

  it("shows a thread that never used floating point zeros, whoever used the registers before it, and the user its own values", () => {
    withRig((rig) => {
      const root = rig.space(0);
      const user = rig.program(root, TEXT, "fcvt.d.l fa0, a1\n 1: ecall\n fmv.x.d a0, fa0\n j 1b");
      const reader = rig.program(root, TEXT + PAGE, "1: ecall\n fmv.x.d a0, fa0\n fmv.x.d a2, ft11\n j 1b");
      expect(user.bytes.length + reader.bytes.length).toBeLessThan(PAGE);
      rig.thread(0, 0, TEXT);
      rig.set(0, FRAME.x + 11, 3);
      rig.thread(1, 0, TEXT + PAGE);
      rig.thread(2, 0, TEXT + PAGE);
      const three = new BigUint64Array(new Float64Array([3]).buffer)[0]!;
      const order = [1, 2, 0, 1, 2, 0, 0, 2, 1, 1, 0, 2, 0];
      let turn = 0;
      rig.machine.run(order[0]!, (frame) => {
        const first = order.indexOf(frame) === turn;
        if (!first) expect([rig.get(frame, FRAME.x + 10), rig.get(frame, FRAME.floats)], `turn ${turn}, thread ${frame}`).toEqual(frame === 0 ? [three, 1n] : [0n, 0n]);
        return order[++turn] ?? -1;
      });
      expect(turn).toBe(order.length);
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

  it("breaks a reservation by preemption between lr and sc", () => {
    withRig((rig) => {
      const root = rig.space(0);
      // fifteen blocks, then the one with lr: one tick
      const program = rig.program(root, TEXT, ".rept 15\n j 1f\n 1:\n .endr\n lr.d a3, (a1)\n j 2f\n 2: at: sc.d a0, a3, (a1)\n ecall");
      rig.data(root, DATA);
      rig.thread(0, 0, TEXT);
      rig.set(0, FRAME.x + 11, DATA);
      rig.control[CONTROL.deadline] = 1;
      expect([rig.trap(0), rig.get(0, FRAME.pc)]).toEqual([CAUSE.preempted, BigInt(program.label("at"))]);
      rig.control[CONTROL.deadline] = Infinity;
      expect([rig.trap(0), rig.get(0, FRAME.x + 10)]).toEqual([CAUSE.call, 1n]);
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

  it("keep their engines when a few too many take turns, and give them up when nobody needs them", () => {
    withRig((rig) => {
      for (let id = 0; id < 12; id++) {
        rig.program(rig.space(id), TEXT, "1: ecall\n j 1b");
        rig.thread(id, id, TEXT);
      }
      const rebinds = (turns: number, after: (frame: number) => number): number => {
        const before = rig.control[CONTROL.rebinds]!;
        rig.machine.run(after(0), (frame) => (--turns > 0 ? after(frame) : -1));
        return rig.control[CONTROL.rebinds]! - before;
      };
      // Whoever takes the engine of the longest time ago would bind one each time.
      expect(rebinds(1200, (frame) => (frame + 1) % 12)).toBeLessThan(900);
      const few = (frame: number): number => 6 + ((frame + 1) % 6);
      rebinds(5000, few);
      expect(rebinds(600, few)).toBe(0);
    }, { maxEngines: 8 });
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
          if (seen.length === 2) {
            rig.machine.bindSpace(0, second);
            rig.set(0, FRAME.pc, TEXT);
          }
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
