import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ErrorCode, Exit, InitSlot, Invocation, VcpuRegister } from "../../caps/abi/numbers.ts";
import type { Device } from "../../core/devices/device.ts";
import { Ier, Uart } from "../../core/devices/uart16550.ts";
import { Console } from "../../servers/console/protocol.ts";
import { GuestConsole } from "../../vmm/console.ts";
import { SeededEntropy } from "../../vmm/entropy.ts";
import { GuestMachine } from "../../vmm/machine.ts";
import { Plic } from "../../vmm/plic.ts";
import { Sbi } from "../../vmm/sbi.ts";
import { GuestMap, VirtioSlot } from "../../vmm/spec.ts";
import { INPUT_BIT } from "../../vmm/vcpu.ts";
import { linuxImage } from "../support/kernel-image.ts";
import { Answer } from "../support/messages.ts";
import { RAM_BYTES, runScript, type Completion, type GuestExit, type Script } from "../support/scripted-guest.ts";
import { TestMemory, VirtioDriver } from "../support/virtio-driver.ts";

const UART = GuestMap.UART.base;
const PLIC = GuestMap.PLIC.base;
const RAM = GuestMap.RAM.base;
const SEIP = 1 << 9;
const uart = (register: number, value: number): GuestExit => ({ store: UART + register, value, size: 1 });
const POWEROFF: GuestExit = { sbi: [Sbi.SRST, 0, 0, 0] };
const REBOOT: GuestExit = { sbi: [Sbi.SRST, 0, 1, 0] };

/** Makes the interrupt controller deliver the serial port's interrupt. */
function* wireUart(): Generator<GuestExit, void, Completion> {
  yield { store: PLIC + 4 * GuestMap.UART.irq, value: 1 };
  yield { store: PLIC + Plic.ENABLE, value: 1 << GuestMap.UART.irq };
}

function* say(text: string): Generator<GuestExit, void, Completion> {
  for (const letter of text) yield uart(Uart.RBR_THR, letter.charCodeAt(0));
}

describe("starting a guest", () => {
  const nothing: Script = function* () {
    yield POWEROFF;
  };

  it("puts kernel, initramfs in all its parts and device tree into RAM, and the hart at the kernel's entry", () => {
    const kernel = linuxImage({ fileBytes: 10_000 });
    kernel.fill(0xee, 5000);
    const world = runScript(nothing, { kernel, initrd: Uint8Array.of(1, 2, 3, 4, 5), initrdExtra: Uint8Array.of(9, 9) });
    expect(world.status).toBe(0);
    expect(world.ram.subarray(0x20_0000, 0x20_0000 + 10_000)).toEqual(kernel);
    const registers = world.invocations.filter(({ label }) => label === Invocation.VCPUWriteRegisters).map(({ words }) => words);
    expect(registers).toEqual([
      [VcpuRegister.pc, RAM + 0x20_0000],
      [10, 0, expect.any(Number)],
    ]);
    const tree = Number(registers[1]![2]) - RAM;
    expect([...world.ram.subarray(tree, tree + 4)]).toEqual([0xd0, 0x0d, 0xfe, 0xed]);
    const initrd = tree - 4096;
    expect([...world.ram.subarray(initrd, initrd + 12)]).toEqual([1, 2, 3, 4, 5, 0, 0, 0, 9, 9, 0, 0]);
    expect(world.reports.map(({ state }) => state)).toEqual(["running", "poweroff"]);
  });

  it("makes windows of the interrupt controller and of the devices, and nothing else", () => {
    const windows = runScript(nothing).invocations.filter(({ label }) => label === Invocation.VCPUMapDevice).map(({ words }) => words);
    expect(windows).toEqual([
      [0x0c00_0000, 0x60_0000],
      [0x1000_0000, 0x1000 + GuestMap.VIRTIO.slots * GuestMap.VIRTIO.stride],
    ]);
  });

  it.each([
    ["no kernel", { kernel: null }, "there is no kernel image"],
    ["a damaged kernel", { kernel: new Uint8Array(9000) }, "damaged or not one for RISC-V"],
    ["an initramfs too large", { initrd: new Uint8Array(RAM_BYTES) }, "an initramfs of 16 MiB, beside a kernel of 8 KiB, does not fit in 16 MiB of RAM: needs at least 20 MiB"],
    ["no arguments", { args: 5 }, "args need name, ramBytes and cmdline"],
    ["more RAM than there is", { args: { name: "g", cmdline: "", ramBytes: 2 * RAM_BYTES } }, "less RAM than args.ramBytes"],
    ["a balloon larger than its RAM", { args: { name: "g", cmdline: "", ramBytes: RAM_BYTES, balloon: 2 * RAM_BYTES } }, "args.balloon is not a number of bytes"],
    ["a seed that is none", { args: { name: "g", cmdline: "", ramBytes: RAM_BYTES, seed: [1] } }, "args.seed is not 32 bytes"],
  ])("with %s: says so, exits 80, runs nothing", (_name, options, reason) => {
    const world = runScript(nothing, options);
    expect(world.reports).toHaveLength(1);
    expect(world.reports[0]).toMatchObject({ state: "unbootable", status: 80 });
    expect(world.reports[0]!.detail).toContain(reason);
    expect([world.status, world.runs]).toEqual([80, 0]);
  });
});

describe("how a guest ends", () => {
  const ends = (script: Script, console?: (label: number) => Answer | null) => {
    const world = runScript(script, console === undefined ? {} : { console });
    return { ...world.reports.at(-1)!, exit: world.status };
  };

  it("by power-off: 0", () => expect(ends(function* () { yield POWEROFF; })).toMatchObject({ state: "poweroff", exit: 0 }));
  it("by reset: 81", () => expect(ends(function* () { yield REBOOT; })).toMatchObject({ state: "reboot", exit: 81 }));
  it("stuck: 83", () => expect(ends(function* () {})).toMatchObject({ state: "stuck", exit: 83 }));
  it("broken: 84, with where and why", () =>
    expect(ends(function* () { yield { exit: Exit.Broken, words: [0x1234, 8, 0xffff_ffff_8000_0000n] }; })).toMatchObject({
      state: "broken",
      exit: 84,
      detail: "at pc 0xffffffff80000000: engine error 8, address 0x1234",
    }));
  it("refused by the kernel: 84", () => expect(ends(function* () { yield { refuse: ErrorCode.IllegalOperation }; })).toMatchObject({ state: "broken", exit: 84, detail: "the kernel refuses to run it: error 3" }));
  it("by a failure it reports itself: 82", () => expect(ends(function* () { yield { sbi: [Sbi.SRST, 0, 0, 1] }; })).toMatchObject({ state: "panic", exit: 82 }));

  it("by a panic: 82, with what the kernel said and the last lines of the console, as many as a message holds", () => {
    const ending = ends(function* () {
      for (let i = 0; i < 60; i++) yield* say(`[    1.${i}] a line of some forty characters or so\n`);
      yield* say("Kernel panic - not syncing: no init\n");
      yield REBOOT;
    });
    expect(ending).toMatchObject({ state: "panic", exit: 82, detail: "Kernel panic - not syncing: no init" });
    expect(ending.console!.at(-1)).toBe("Kernel panic - not syncing: no init");
    expect(ending.console!.length).toBeGreaterThan(10);
    expect(ending.console!.length).toBeLessThanOrEqual(20);
  });
});

describe("console output", () => {
  it("of a polling driver is sent byte by byte, before the guest goes on", () => {
    const seen: string[] = [];
    runScript(function* () {
      for (const letter of "~ # ") seen.push((yield uart(Uart.RBR_THR, letter.charCodeAt(0))).output);
      yield POWEROFF;
    });
    expect(seen).toEqual(["~", "~ ", "~ #", "~ # "]);
  });

  it("of a driver that sends by interrupt is collected, and sent at a newline or at the next access elsewhere", () => {
    const world = runScript(function* () {
      yield* wireUart();
      yield uart(Uart.IIR_FCR, 1);
      const { lines } = yield uart(Uart.IER, Ier.TRANSMIT);
      expect(lines).toBe(SEIP);
      yield* say("one\ntwo");
      const { output } = yield { load: UART + Uart.LSR, size: 1 };
      expect(output).toBe("one\n");
      expect((yield { load: PLIC + Plic.CLAIM }).output).toBe("one\ntwo");
      yield POWEROFF;
    });
    expect(world.writes).toEqual([4, 3]);
  });

  it("is not collected when the interrupt would not come: it is masked in the interrupt controller", () => {
    const world = runScript(function* () {
      yield uart(Uart.IER, Ier.TRANSMIT);
      yield* say("ab");
      yield POWEROFF;
    });
    expect(world.writes).toEqual([1, 1]);
  });

  it("by the firmware is one message a call", () => {
    const world = runScript(function* ({ ram }) {
      ram.set(new TextEncoder().encode("hello, firmware\n"), 0x100);
      expect(yield { sbi: [Sbi.DBCN, 0, 16, RAM + 0x100, 0] }).toMatchObject({ kind: 2, value: 0, second: 16, output: "hello, firmware\n" });
      yield { sbi: [Sbi.DBCN, 0, 4096, RAM, 0] };
      yield POWEROFF;
    });
    expect(world.writes).toEqual([16, 944, 944, 944, 944, 320]);
  });

  it("is sent again where the console took less or was full, and nothing is lost", () => {
    let calls = 0;
    let got = "";
    const world = runScript(
      function* ({ ram }) {
        ram.set(new TextEncoder().encode("0123456789"), 0);
        yield { sbi: [Sbi.DBCN, 0, 10, RAM, 0] };
        yield POWEROFF;
      },
      {
        console: (label, words) => {
          if (label !== Console.methods.write.label) return null;
          if (calls++ % 2 === 0) return new Answer(Console.refusals.full);
          const first = Number(BigInt(words[1]!) & 0xffn);
          got += String.fromCharCode(first);
          return new Answer(0, [1]);
        },
      },
    );
    expect(got).toBe("0123456789");
    expect(world.yields).toBe(10);
    expect(world.status).toBe(0);
  });

  it("is dropped when the console is gone, said once, and the guest goes on", () => {
    const world = runScript(
      function* () {
        yield* say("any\nthing\n");
        yield POWEROFF;
      },
      { console: (label) => (label === Console.methods.write.label ? new Answer(ErrorCode.Broken, [], true) : null) },
    );
    expect(world.log).toEqual(["the console is gone: the guest's output is dropped"]);
    expect(world.status).toBe(0);
  });
});

describe("console input", () => {
  const NOTIFIED: GuestExit = { exit: Exit.Notified, words: [INPUT_BIT] };

  it("is announced by a badged notification, and goes to the serial port once its driver listens, by interrupt", () => {
    const world = runScript(
      function* () {
        yield* wireUart();
        expect((yield NOTIFIED).lines).toBe(0); // nobody listens yet: not lost, but waiting
        expect((yield uart(Uart.IER, Ier.RECEIVE)).lines).toBe(SEIP);
        expect(yield { load: UART + Uart.RBR_THR, size: 1 }).toMatchObject({ kind: 1, value: 0x6c });
        expect(yield { load: UART + Uart.RBR_THR, size: 1 }).toMatchObject({ kind: 1, value: 0x73, lines: 0 });
        yield POWEROFF;
      },
      { input: "ls", cmdline: "console=ttyS0" },
    );
    const mint = world.invocations.find(({ label }) => label === Invocation.CNodeMint)!;
    expect([mint.cap, mint.words[2], mint.words[3]]).toEqual([InitSlot.CNode, InitSlot.CNode, INPUT_BIT]);
    expect(world.status).toBe(0);
  });

  it("arrives whole and in order, however much there is", () => {
    const text = Array.from({ length: 2000 }, (_, i) => `${i};`).join("");
    let got = "";
    runScript(
      function* () {
        yield uart(Uart.IIR_FCR, 1);
        yield uart(Uart.IER, Ier.RECEIVE);
        yield NOTIFIED;
        while (((yield { load: UART + Uart.LSR, size: 1 }).value as number) & 1) got += String.fromCharCode((yield { load: UART + Uart.RBR_THR, size: 1 }).value as number);
        yield POWEROFF;
      },
      { input: text },
    );
    expect(got.length).toBe(text.length);
    expect(got).toBe(text);
  });

  it("is the firmware's when the guest asks the firmware", () => {
    runScript(
      function* ({ ram }) {
        expect(yield { sbi: [Sbi.DBCN, 1, 4, RAM, 0] }).toMatchObject({ value: 0, second: 0 });
        yield uart(Uart.IER, Ier.RECEIVE);
        yield NOTIFIED;
        expect(yield { sbi: [Sbi.DBCN, 1, 4, RAM, 0] }).toMatchObject({ value: 0, second: 2 });
        expect([...ram.subarray(0, 2)]).toEqual([0x6c, 0x73]);
        yield POWEROFF;
      },
      { input: "ls" },
    );
  });

  it("that the console does not give: the notification is unbound, so that a guest that waits for ever is found out", () => {
    const world = runScript(function* () {}, { console: (label) => (label === Console.methods.attach.label ? new Answer(Console.refusals.full) : null) });
    expect(world.invocations.some(({ cap, label, words }) => cap === InitSlot.TCB && label === Invocation.TCBBindNotification && words[0] === 0)).toBe(true);
    expect(world.log).toEqual(["no console input: the console has no place for another client"]);
    expect(world.status).toBe(83);
  });
});

describe("firmware calls and accesses", () => {
  it("keeps a1 over legacy calls, to the bit", () => {
    runScript(function* () {
      expect(yield { sbi: [Sbi.LEGACY_PUTCHAR, 0, 0x41, 0xffff_ffff_8123_4567n] }).toMatchObject({ kind: 2, value: 0, second: 0xffff_ffff_8123_4567n });
      yield POWEROFF;
    });
  });

  it("makes the hart's software interrupt pending for an IPI to itself", () => {
    const world = runScript(function* () {
      yield { sbi: [Sbi.IPI, 0, 1, 0] };
      yield POWEROFF;
    });
    expect(world.invocations.at(-1)).toMatchObject({ label: Invocation.VCPUWriteRegisters, words: [VcpuRegister.sip, 2] });
  });

  it("reads 0 where there is nothing, and survives any exit at all", () => {
    const address = fc.oneof(fc.integer({ min: UART, max: UART + 0x9000 }), fc.integer({ min: PLIC, max: PLIC + 0x60_0000 }), fc.maxSafeInteger().map(Math.abs));
    const size = fc.constantFrom(1, 2, 4, 8, 0, 3, 16, 255);
    const word = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 0, max: 0x200 }));
    const exit: fc.Arbitrary<GuestExit> = fc.oneof(
      fc.record({ load: address, size }),
      fc.record({ store: address, value: fc.integer(), size }),
      fc.tuple(fc.constantFrom<number>(...Object.values(Sbi).filter((id) => id !== Sbi.SRST && id !== Sbi.LEGACY_SHUTDOWN), 77), fc.integer({ min: 0, max: 8 }), word, word, word).map((sbi) => ({ sbi })),
      fc.constant({ exit: Exit.Notified, words: [INPUT_BIT] }),
    );
    fc.assert(
      fc.property(fc.array(exit, { maxLength: 40 }), (exits) => {
        const world = runScript(
          function* () {
            expect(yield { load: 0x4000_0000 }).toMatchObject({ kind: 1, value: 0 });
            for (const one of exits) yield one;
            yield POWEROFF;
          },
          { input: "some input" },
        );
        expect(world.status).toBe(0);
        expect(world.runs).toBe(exits.length + 2);
      }),
      { numRuns: 60 },
    );
  });
});

describe("the guest's virtio slots", () => {
  const machineWith = (entropy: SeededEntropy | null) => {
    const complaints: string[] = [];
    const memory = new TestMemory();
    const unused = (): never => {
      throw new Error("no system call is made here");
    };
    const console = new GuestConsole({ sys: { call: unused }, mem: {} } as never, 0, () => undefined);
    const machine = new GuestMachine({ memory, console, cmdline: "", entropy, disks: [], ports: [], passed: [], balloon: null, clock: null, screen: null, complain: (line) => void complaints.push(line) });
    const slot = (n: number): VirtioDriver => {
      const base = GuestMap.VIRTIO.base + n * GuestMap.VIRTIO.stride;
      const window: Device = {
        bytes: 0x200,
        reset: () => undefined,
        read: (offset, size) => Number(machine.bus.read(base + offset, size)),
        write: (offset, size, value) => machine.bus.write(base + offset, size, value, 0),
        save: () => null,
        restore: () => undefined,
      };
      return new VirtioDriver(window, memory);
    };
    return { machine, memory, slot, complaints, console };
  };

  it("control console: what init says becomes the guest's state and status", () => {
    const { machine, slot } = machineWith(null);
    const driver = slot(VirtioSlot.control);
    driver.init();
    driver.add(1, [new TextEncoder().encode("ready\nexit 7\n")]);
    driver.notify(1);
    expect(machine.control.next()).toEqual({ state: "ready" });
    expect(machine.control.next()).toEqual({ state: "exit", status: 7 });
    expect(machine.control.status).toBe(7);
  });

  it("console: output is collected for the server and asks to be sent; input comes back by interrupt", () => {
    const { machine, slot, console } = machineWith(null);
    machine.bus.write(PLIC + 4, 4, 1, 0);
    machine.bus.write(PLIC + Plic.ENABLE, 4, 2, 0);
    const driver = slot(VirtioSlot.console);
    driver.init();
    driver.add(1, [new TextEncoder().encode("hi")]);
    driver.notify(1);
    expect([console.pending, machine.outputDue(-1)]).toEqual([2, true]);
    driver.acknowledge();
    driver.add(0, [16]);
    machine.input.add(new TextEncoder().encode("yes"));
    machine.input.deliver();
    expect(machine.lines).toBe(SEIP);
    expect(new TextDecoder().decode(driver.collect(0)[0]!.bytes)).toBe("yes");
  });

  it("rng: there with a seed, absent without", () => {
    const { machine, slot } = machineWith(new SeededEntropy(new Uint8Array(32)));
    expect(machine.virtioSlots).toEqual([0, 1, 2, VirtioSlot.power]);
    const driver = slot(VirtioSlot.rng);
    driver.init();
    driver.add(0, [4]);
    driver.notify(0);
    expect([...driver.collect(0)[0]!.bytes]).toEqual([0x76, 0xb8, 0xe0, 0xad]);
    expect(machineWith(null).machine.virtioSlots).toEqual([0, 1, VirtioSlot.power]);
    expect(machineWith(null).slot(VirtioSlot.rng).reg(0)).toBe(0);
  });

  it("a driver that breaks the rules is reported by the device's name", () => {
    const { slot, complaints } = machineWith(null);
    const driver = slot(VirtioSlot.console);
    driver.init();
    driver.offer(1, 99);
    driver.notify(1);
    expect(complaints).toEqual([expect.stringMatching(/^console: virtio device 3, queue 1 stopped: descriptor-index/)]);
  });
});
