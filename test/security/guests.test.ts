// Guests that mean harm, several on one machine: each can end itself and nothing else. A neighbour guest and a pair of programs go on beside them.
import { beforeAll, describe, expect, test } from "vitest";
import { EndingStatus } from "../../vmm/spec.ts";
import { applianceFolder, manifestWith, runAppliance, until, type Run } from "../support/appliance-run.ts";
import { exactRounds, pairComponents, pairFiles } from "../support/bystanders.ts";
import { withFont } from "../integration/display/desk.ts";
import { assembleGuest, compileGuest } from "../support/hostile-guest.ts";

const LIMIT_MS = 150_000;

interface Outcome extends Run {
  /** What a guest said, without its name. */
  lines(guest: string): string[];
  /** How a guest ended. */
  ending(guest: string): Record<string, unknown> | undefined;
  /** Rounds of the pair after the last hostile guest had ended or begun to be stuck. */
  readonly rounds: number;
}

/** Runs these guests together, with a neighbour of each kind, until `over` holds. */
async function runTogether(
  guests: Readonly<Record<string, Uint8Array>>, over: (run: { readonly output: string; ended(guest: string): boolean; begun(guest: string): boolean }) => boolean,
  { components = {}, platform = "512MiB", given = "" }: { readonly components?: Readonly<Record<string, string>>; readonly platform?: string; readonly given?: string } = {},
): Promise<Outcome> {
  const names = Object.keys(guests);
  // They read nothing. Every client of the console has a view, and who could be typed to is never known to be stuck.
  const descriptions = names.map((name) => `  ${name}: { image: { kernel: ${name}.image }, memory: 16MiB, console: console.console, input: false${given} }\n`);
  const neighbour = '  neighbour: { image: bare, memory: 16MiB, console: console.console, cpu: { priority: 120 }, cmdline: "bailiwick.exec=sv39;trap;mem;rng;sleep;echo neighbour is well" }\n';
  const manifest = `${manifestWith({ ...pairComponents(), ...components }, platform)}guests:\n${neighbour}${descriptions.join("")}`;
  using folder = applianceFolder({ "appliance.yaml": manifest, ...pairFiles(), ...Object.fromEntries(names.map((name) => [`${name}.image`, guests[name]!])) });
  let rounds = 0;
  const states: Record<string, unknown>[] = [];
  const run = await runAppliance(folder.path, {
    limitMs: LIMIT_MS,
    onEvent: (event) => void states.push(event),
    async during(_, line) {
      const ended = (guest: string): boolean => states.some((event) => event["event"] === "exit" && event["component"] === guest);
      const begun = (guest: string): boolean => states.some((event) => event["event"] === "guest" && event["guest"] === guest);
      await until("the hostile guests are done", () => over({ output: line.output, ended, begun }) && ended("neighbour"), LIMIT_MS);
      const before = exactRounds(line.output);
      await until("the pair goes on", () => exactRounds(line.output) > before + 2);
      rounds = exactRounds(line.output) - before;
    },
  });
  return {
    ...run,
    rounds,
    lines: (guest) => run.output.split("\n").flatMap((line) => line.split(`${guest}: `).slice(1)),
    ending: (guest) => run.events.findLast((event) => event["event"] === "guest" && event["guest"] === guest),
  };
}

describe("guests that attack what stands around them, and go on", () => {
  const NAMES = ["mmio", "virtio", "sbi", "paging", "code"];
  let run: Outcome;
  beforeAll(async () => {
    run = await runTogether(Object.fromEntries(NAMES.map((name) => [name, compileGuest(name)])), ({ ended }) => NAMES.every(ended));
  }, 2 * LIMIT_MS);

  test("all of them come to their own end, and so does the neighbour; no component faults, and the pair goes on exactly", () => {
    for (const guest of [...NAMES, "neighbour"]) expect(run.ending(guest), guest).toMatchObject({ state: "poweroff", status: 0 });
    expect(run.events.filter(({ event }) => event === "fault")).toEqual([]);
    for (const line of ["sv39: off, all as it must be", "ebreak: trapped and recovered, cause 3", "16 MiB at 0x80000000", "neighbour is well"]) expect(run.output).toContain(line);
    expect(run.rounds).toBeGreaterThan(2);
  });

  test("accesses of every size in and around every device, atomics there, jumps into nothing", () => {
    expect(run.lines("mmio")).toEqual(["every register", "at random", "across the edges", "atomics", expect.stringMatching(/^alive after [1-9]\d{3,} exceptions$/)]);
  });

  test("virtio rings and buffers outside memory, endless chains, giant lengths: the device stops, and works again after a reset", () => {
    const lines = run.lines("virtio");
    // What the console is made to print is guest memory, our own lines among it.
    const attacks = lines.filter((line) => line.includes(" attacks, "));
    expect(attacks.map((line) => line.replace(/\d+/g, "N"))).toEqual(["console output", "control output", "rng"].map((device) => `${device}: N attacks, N stopped the device, which works`));
    for (const line of attacks) expect(Number(/(\d+) stopped/.exec(line)?.[1]), line).toBeGreaterThan(50);
    expect(lines.at(-1)).toBe("alive after 0 exceptions");
    // The operator is told, and not without end.
    const told = run.events.filter(({ event, component }) => event === "log" && component === "virtio");
    expect(told.length).toBeGreaterThan(3);
    expect(told.length).toBeLessThan(12);
  });

  test("firmware calls with any arguments; memory outside RAM is refused", () => {
    expect(run.lines("sbi")).toEqual([expect.stringMatching(/^\d{4} calls, \d{3,} refused$/), "console calls answered wrongly: 0", "alive after 0 exceptions"]);
  });

  test("page tables that point anywhere", () => {
    expect(run.lines("paging")).toEqual(["paged", "tables and pages outside", "tables within themselves", "tables at random", "addresses and modes that are none", expect.stringMatching(/^alive after \d{3,} exceptions$/)]);
  });

  test("code that makes code, random instructions, machine mode, its device tree overwritten, interrupts that nobody answers", () => {
    expect(run.lines("code")).toEqual([
      "overwrote its device tree", "made code gave 0 wrong answers", "19200 random instructions", "machine mode refused 23 of 23", "3000 interrupts that nobody answered", expect.stringMatching(/^alive after \d{3,} exceptions$/),
    ]);
  });
});

describe("guests that attack all that a guest can be given", () => {
  const DRIVER = (device: string, server: string, as: string): string => `{ image: { server: ${server} }, cpu: { priority: 190 }, use: { regs: platform.${device}.regs, irq: platform.${device}.irq, iospace: platform.${device}.iospace }, offer: { ${as} } }`;
  const components = {
    wall: "{ image: { server: timer }, cpu: { priority: 199 }, use: { regs: platform.rtc0.regs, irq: platform.rtc0.irq }, offer: { timer: Timer } }",
    gpu: DRIVER("gpu0", "gpu", "display: DisplayDriver"),
    keyboard: DRIVER("kbd0", "input", "input: InputDriver"),
    tablet: DRIVER("tab0", "input", "input: InputDriver"),
    display: "{ image: { server: display }, cpu: { priority: 180 }, memory: 16MiB, use: { gpu: gpu.display, keyboard: keyboard.input, tablet: tablet.input }, offer: { display: Display } }",
  };
  const NAMES = ["mmio", "virtio"];

  withFont("balloon, display, keyboard, tablet, clock: each stops, and works again after a reset; no server faults, and neighbours go on", { timeout: 3 * LIMIT_MS }, async () => {
    const given = ", clock: wall.timer, display: display.display, balloon: 2MiB";
    const run = await runTogether(Object.fromEntries(NAMES.map((name) => [name, compileGuest(name)])), ({ ended }) => NAMES.every(ended), { components, platform: "512MiB, display: { width: 320, height: 240 }", given });
    for (const guest of [...NAMES, "neighbour"]) expect(run.ending(guest), guest).toMatchObject({ state: "poweroff", status: 0 });
    expect(run.events.filter(({ event }) => event === "fault")).toEqual([]);
    const attacks = run.lines("virtio").filter((line) => line.includes(" attacks, "));
    const devices = ["console output", "control output", "rng", "balloon in", "balloon out", "display", "cursor", "keyboard lights", "tablet lights"];
    expect(attacks.map((line) => line.replace(/\d+/g, "N"))).toEqual(devices.map((device) => `${device}: N attacks, N stopped the device, which works`));
    for (const line of attacks) expect(Number(/(\d+) stopped/.exec(line)?.[1]), line).toBeGreaterThan(50);
    expect(run.lines("mmio").at(-1)).toMatch(/^alive after [1-9]\d{3,} exceptions$/);
    expect(run.rounds).toBeGreaterThan(2);
  });
});

/** What ends a guest, and how that is called. */
const DEADLY: Readonly<Record<string, readonly [instructions: string, state: "broken" | "stuck" | "panic"]>> = {
  "jumps-nowhere": ["csrw stvec, zero\n jr zero", "broken"],
  "no-handler": ["li t0, 0x4000000000\n csrw stvec, t0\n .4byte 0", "broken"],
  "handler-at-device": ["li t0, 0x10001000\n csrw stvec, t0\n .4byte 0", "broken"],
  "no-tables": ["li t0, (8 << 60) | 0x12345\n la t1, 1f\n csrw stvec, t1\n csrw satp, t0\n sfence.vma\n1: nop", "broken"],
  "tables-beyond": ["li t0, (8 << 60) | 0xfffffffffff\n csrw stvec, zero\n csrw satp, t0\n sfence.vma\n nop", "broken"],
  "waits-for-nothing": ["csrw sie, zero\n1: wfi\n j 1b", "stuck"],
  "fails-in-silence": ["li a0, 1\n li a1, 1\n li a6, 0\n li a7, 0x53525354\n ecall", "panic"],
};

/** What never ends, and must not take more than its time. */
const ENDLESS: Readonly<Record<string, string>> = {
  spins: "1: j 1b",
  // Each exception leads to the next, without one instruction between.
  "traps-for-ever": "la t0, 1f\n csrw stvec, t0\n .balign 4\n1: .4byte 0",
  "breaks-for-ever": "la t0, 1f\n csrw stvec, t0\n .balign 4\n1: ebreak",
  "faults-for-ever": "la t0, 1f\n csrw stvec, t0\n .balign 4\n1: ld a0, (zero)",
  "calls-for-ever": "1: li a7, 0x10\n li a6, 0\n ecall\n j 1b",
  "arms-for-ever": "1: li a7, 0x54494d45\n li a6, 0\n li a0, 0\n ecall\n j 1b",
  // The handler answers no interrupt, so that each return is the next one.
  "interrupt-storm": "la t0, 1f\n csrw stvec, t0\n li t0, 2\n csrs sip, t0\n csrw sie, t0\n csrsi sstatus, 2\n2: j 2b\n .balign 4\n1: sret",
  "device-storm": "1: li t0, 0x10001000\n sw zero, 0x70(t0)\n lw t1, 0(t0)\n j 1b",
  "prints-for-ever": "1: li a7, 1\n li a0, 0x2e\n ecall\n j 1b",
  "fences-for-ever": "1: sfence.vma\n fence.i\n j 1b",
};

describe("guests that end themselves, or never end", () => {
  let run: Outcome;
  beforeAll(async () => {
    const texts = [...Object.entries(DEADLY).map(([name, [text]]) => [name, text] as const), ...Object.entries(ENDLESS)];
    run = await runTogether(Object.fromEntries(texts.map(([name, text]) => [name, assembleGuest(text)])), ({ ended, begun }) => Object.keys(DEADLY).every(ended) && Object.keys(ENDLESS).every(begun));
  }, 2 * LIMIT_MS);

  test.each(Object.entries(DEADLY).map(([guest, [, state]]) => [guest, state] as const))("%s: it is %s, and says where", (guest, state) => {
    expect(run.ending(guest)).toMatchObject({ state, status: EndingStatus[state] });
    if (state === "broken") expect(run.ending(guest)?.["detail"]).toMatch(/^at pc 0x[0-9a-f]+: /);
  });

  test.each(Object.keys(ENDLESS))("%s: it runs on, and hurts nobody", (guest) => {
    expect(run.ending(guest)).toMatchObject({ state: "running" });
  });

  test("no component faults; the neighbour does all it should, and the pair goes on exactly", () => {
    expect(run.events.filter(({ event }) => event === "fault")).toEqual([]);
    expect(run.ending("neighbour")).toMatchObject({ state: "poweroff", status: 0 });
    expect(run.rounds).toBeGreaterThan(2);
  });
});
