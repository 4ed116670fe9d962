// Views of the console on the real machine: who is shown, who hears the keyboard, and what clients try so that it be them.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { System } from "../../core/boot.ts";
import type { Iommu } from "../../core/machine/iommu.ts";
import { applianceFolder, type Line, type RunOptions, runAppliance, until } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const teller = readFileSync("test/integration/views/teller.c");

/** What speaks Console: the driver of each device. */
const DRIVERS = {
  uart0: { terminal: "", image: "console", use: "{ regs: platform.uart0.regs, irq: platform.uart0.irq }" },
  con0: { terminal: ", terminal: con0", image: "vcon", use: "{ regs: platform.con0.regs, irq: platform.con0.irq, iospace: platform.con0.iospace }" },
} as const;
type Device = keyof typeof DRIVERS;

interface Setup {
  readonly device?: Device;
  /** The console's args. */
  readonly args?: string;
  /** Clients: their args, or a program. */
  readonly clients: Readonly<Record<string, string>>;
  readonly programs?: Readonly<Record<string, string>>;
}

function appliance({ device = "uart0", args = "{}", clients, programs = {} }: Setup) {
  const { terminal, image, use: own } = DRIVERS[device], use = "timer" in clients ? own.replace("{", "{ timer: timer.timer,") : own;
  const entries = Object.entries(clients).map(([name, body]) => `  ${name}: ${body.includes("image:") ? body : `{ image: { c: teller.c }, use: { console: console.console }, args: ${body} }`}\n`);
  return applianceFolder({
    "appliance.yaml": `apiVersion: bailiwick/1\nkind: Appliance\nname: test\nversion: 0.1.0\nplatform: { board: virt-rv64, memory: 64MiB${terminal} }\ncomponents:\n  console: { image: { server: ${image} }, cpu: { priority: 200 }, use: ${use}, offer: { console: Console }, args: ${args}, essential: true }\n${entries.join("")}`,
    "teller.c": teller,
    ...programs,
  });
}

async function run(setup: Setup, during: (line: Line) => Promise<void>, options: RunOptions = {}): Promise<string> {
  using folder = appliance(setup);
  return (await runAppliance(folder.path, { ...options, limitMs: 40_000, during: (_system, line) => during(line) })).output;
}

const shows = (line: Line, text: string): Promise<void> => until(`the terminal shows ${JSON.stringify(text)}`, () => line.output.includes(text));
const KEY = "\u001d", INVERSE = "\u001b[7m", RESET = "\u001bc";
const says = (text: string) => `\u001b\\\u001b[0;7m${text}\u001b[0m\n`;
/** What a terminal has on its screen, where everything but a full reset only adds lines. */
const screen = (output: string): string => output.slice(output.lastIndexOf(RESET) + RESET.length);

for (const device of ["uart0", "con0"] as const) {
  describe(`on ${device}`, () => {
    test("all that is written is shown as it is, and input goes to one view: the first that attaches, then the one that was chosen", LIMIT, async () => {
      const output = await run({ device, clients: { ann: "{ text: \"ann is here\\n\" }", bob: "{ text: \"bob is here\\n\" }" } }, async (line) => {
        await shows(line, "bob is here\n");
        line.type("one\n");
        await shows(line, "ann heard one\n");
        line.type(`${KEY}2two\n`);
        await shows(line, "bob heard two\n");
        line.type(`${KEY}n${KEY}${KEY}x${KEY}z\n`);
        await shows(line, `ann heard ${KEY}x${KEY}z\n`);
        line.type(`${KEY}pthree\n${KEY}l`);
        await shows(line, "bob heard three\n");
        await shows(line, says("[1 ann][2 bob *]"));
      });
      expect(output).toContain(`${says("[2 bob]")}bob heard two\n`);
      expect(output.split("\n").filter((line) => line.includes("heard"))).toHaveLength(4);
    });

    test("one view is shown; what the others write is kept, and shown when it is their turn", LIMIT, async () => {
      const output = await run({ device, args: "{ show: one }", clients: { ann: "{ text: \"ann is here\\n\" }", bob: "{ text: \"bob is here\\n\" }" } }, async (line) => {
        await shows(line, "ann is here\n");
        line.type("one\n");
        await shows(line, "ann heard one\n");
        expect(line.output).not.toContain("bob is here");
        line.type(`${KEY}2two\n`);
        await shows(line, "bob heard two\n");
        line.type(`${KEY}1`);
        await shows(line, `${RESET}${INVERSE}[1 ann]\u001b[0m\nann is here\nann heard one\n`);
      });
      expect(output.startsWith(`${says("[1 ann]")}ann is here\nann heard one\n`)).toBe(true);
      expect(output).toContain(`${RESET}${INVERSE}[2 bob]\u001b[0m\nbob is here\nbob heard two\n`);
    });

    test("lines say whose they are", LIMIT, async () => {
      const output = await run({ device, args: "{ show: lines, focus: bob }", clients: { ann: "{ text: \"ann is here\\n\" }", bob: "{ text: \"bob> \" }" } }, async (line) => {
        await shows(line, "bob> ");
        line.type("two\n");
        await shows(line, "bob heard two\n");
      });
      expect(output).toContain(`${INVERSE}ann\u001b[0m ann is here\n`);
      // Ann's line may have come in between: then bob's begins anew, with his label.
      expect([`${INVERSE}bob\u001b[0m bob> bob heard two\n`, `${INVERSE}bob\u001b[0m bob heard two\n`].some((line) => output.includes(line))).toBe(true);
    });

    test("a view that floods keeps neither the terminal nor the keyboard, shown or not", LIMIT, async () => {
      const flood = "#include <bailiwick.h>\nBW_USE(console);\nint main(void) { bw_console_open(bw_use_console.cap); for (unsigned i = 0; ; i++) bw_printf(\"flood %u\\n\", i); }\n";
      for (const args of ["{ show: one, focus: eve }", "{ show: lines, focus: eve }", "{ focus: eve }"]) {
        const output = await run({ device, args, clients: { eve: "{ image: { c: flood.c }, use: { console: console.console }, cpu: { budget: 2ms, period: 10ms } }", bob: "{ text: \"bob is here\\n\" }" }, programs: { "flood.c": flood } }, async (line) => {
          await shows(line, "flood 1000\n");
          line.type(`${KEY}2two\n`);
          await shows(line, "bob heard two\n");
        });
        if (args.includes("one")) expect(screen(output)).toBe(`${INVERSE}[2 bob]\u001b[0m\nbob is here\nbob heard two\n`);
      }
    });

    test("a view that reads nothing holds back its own input; the key still works", LIMIT, async () => {
      await run({ device, args: "{ focus: eve }", clients: { eve: "{ deaf: 1, text: \"eve is here\\n\" }", bob: "{ text: \"bob is here\\n\" }" } }, async (line) => {
        await shows(line, "bob is here\n");
        line.type(`${"secret ".repeat(200)}${KEY}2two\n`);
        await shows(line, "bob heard two\n");
      });
    });

    test("a client that dies with the focus takes nothing along, however much is typed at it", LIMIT, async () => {
      let dead = false;
      const output = await run({ device, args: "{ show: one }", clients: { eve: "{ dies: 1, text: \"eve is here\\n\" }", bob: "{ text: \"bob is here\\n\" }" } }, async (line) => {
        await shows(line, "eve is here\n");
        line.type("die\n");
        await until("eve is gone", () => dead);
        line.type("more ".repeat(4000));
        line.type(`${KEY}2two\n`);
        await shows(line, "bob heard two\n");
        line.type(`${KEY}1`);
        await until("the screen is eve's", () => screen(line.output).startsWith(`${INVERSE}[1 eve]`));
      }, { onEvent: ({ event }) => void (dead ||= event === "fault") });
      expect(screen(output)).toBe(`${INVERSE}[1 eve]\u001b[0m\neve is here\n`);
    });

    test("nobody but the focused view gets what is typed", LIMIT, async () => {
      const thief = `#include <bailiwick.h>\n#include <bailiwick/console.h>\nBW_USE(console);\nint main(void) {
        bw_console_open(bw_use_console.cap);
        for (unsigned i = 0; ; i++) {
          bw_ipc()->caps[0] = BW_SLOT_NOTIFICATION;
          (void)bw_call(bw_use_console.cap, bw_info(CONSOLE_ATTACH, 0, 1), 0, 0, 0, 0);
          const struct bw_msg m = bw_call(bw_use_console.cap, bw_info(CONSOLE_READ, 1, 0), 900, 0, 0, 0);
          if (bw_error(&m) == 0 && m.w[0] != 0) bw_printf("stolen: %lu\\n", m.w[0]);
          if (i == 1000) bw_printf("eve tries\\n");
        }
      }\n`;
      const output = await run({ device, args: "{ focus: bob }", clients: { eve: "{ image: { c: thief.c }, use: { console: console.console }, cpu: { budget: 2ms, period: 10ms } }", bob: "{ text: \"bob is here\\n\" }" }, programs: { "thief.c": thief } }, async (line) => {
        await shows(line, "eve tries\n");
        for (let i = 0; i < 20; i++) {
          line.type(`password ${i}\n`);
          await shows(line, `bob heard password ${i}\n`);
        }
      });
      expect(output).not.toContain("stolen");
    });
  });
}

describe("labels", () => {
  // In YAML's double quotes: \e is ESC.
  const FORGED = [
    "\\e[7m[2 bob]\\e[0m", "\\e\\\\\\e[0;7m[2 bob]\\e[0m", "\\u009b7m[2 bob]", "\\x9b7m[2 bob]", "\\ec\\e[7mbob\\e[0m bob heard it", "\\rbob bob heard it", "\\b\\b\\b\\b\\b\\b\\b\\b\\bbob",
    "\\e]0;bob\\a", "\\e]0;bob\\e\\\\", "\\eP\\e[7mbob\\e\\\\", "\\e[\\e[7mbob", "\\e[1\\e[7mbob", "\\e\\e[7mbob", "\\e(0bob", "\\e#8bob", "\\x0ebob\\x05\\x7f", "\\e[2J\\e[H\\e[7mbob", "\\e[7", "m[2 bob]", "\\u0301\\u0301\\b\\b\\b\\b\\b\\b",
  ];
  for (const show of ["one", "lines"]) {
    test(`no client can make one, nor what looks like one, where '${show}' is shown`, LIMIT, async () => {
      const text = FORGED.map((line) => `${line}\\n`).join("");
      const output = await run({ args: `{ show: ${show}, focus: eve }`, clients: { eve: `{ text: "${text}the end\\n" }`, bob: "{ text: \"bob is here\\n\" }" } }, (line) => shows(line, "the end\n"));
      // What is left of escape sequences is the server's own.
      const own = show === "one" ? [says("[1 eve]")] : [`${INVERSE}eve\u001b[0m `, `${INVERSE}bob\u001b[0m bob is here\n`];
      const theirs = own.reduce((rest, one) => rest.replaceAll(one, ""), output);
      expect(theirs).not.toMatch(show === "one" ? /[^\n\r\t\b\u0020-\u007e\u00cc\u0081]/ : /[^\n\t\b\u0020-\u007e\u00cc\u0081]/);
      if (show !== "lines") return;
      const labels = [`${INVERSE}eve\u001b[0m `, `${INVERSE}bob\u001b[0m `];
      for (const line of output.split("\n").slice(0, -1)) {
        const label = labels.find((one) => line.startsWith(one));
        expect(label, line).toBeDefined();
        // Nobody goes back over the label.
        let column = 0;
        for (const byte of line.slice(label?.length).replaceAll("\u00cc\u0081", "")) expect((column += byte === "\b" ? -1 : 1)).toBeGreaterThanOrEqual(0);
      }
    });
  }

  test("bytes that mean nothing come out as text, or not at all", LIMIT, async () => {
    const noise = `#include <bailiwick.h>\nBW_USE(console);\nint main(void) { bw_console_open(bw_use_console.cap); uint32_t x = 1;
      for (unsigned i = 0; i < 30000; i++) { x = x * 1664525U + 1013904223U; bw_putchar((char)(x >> 24)); if (i % 7 == 0) bw_putchar((char)(i % 3 == 0 ? 0x1b : i % 3 == 1 ? 0xc2 : 0xe0)); }
      bw_puts("\\\nthe end"); return 0; }\n`;
    for (const show of ["one", "lines"]) {
      const output = await run({ args: `{ show: ${show} }`, clients: { eve: "{ image: { c: noise.c }, use: { console: console.console } }" }, programs: { "noise.c": noise } }, (line) => shows(line, "the end\n"));
      const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(output, "latin1")).replaceAll(says("[1 eve]"), "").replaceAll(`${INVERSE}eve\u001b[0m `, "");
      expect(text.length).toBeGreaterThan(5000);
      expect(text.replaceAll(show === "one" ? /[\n\r\t\b]/g : /[\n\t\b]/g, "")).not.toMatch(/\p{Cc}/u);
    }
  });

  test("text of every script passes, whole characters only", LIMIT, async () => {
    const output = await run({ args: "{ show: lines }", clients: { ann: "{ text: \"grün 漢字 🙂 é\\n\" }" } }, (line) => shows(line, "\u00a9\n"));
    expect(Buffer.from(output, "latin1").toString("utf8")).toBe(`${INVERSE}ann\u001b[0m grün 漢字 🙂 é\n`);
  });

  test("escape sequences pass where the manifest says so, and what they did ends at the switch", LIMIT, async () => {
    const output = await run({ args: "{ show: one, escapes: 1 }", clients: { eve: "{ text: \"\\e[?1049h\\e[31mred\\e]0;title\" }", bob: "{ text: \"bob is here\\n\" }" } }, async (line) => {
      await shows(line, "title");
      line.type(`${KEY}2`);
      await shows(line, "bob is here\n");
    });
    expect(output).toContain(`\u001b[?1049h\u001b[31mred\u001b]0;title`);
    expect(output.endsWith(`\n\u001b\\\u001b[0;7m${RESET}${INVERSE}[2 bob]\u001b[0m\nbob is here\n`)).toBe(true);
  });
});

describe("a virtio console that fails", () => {
  const WRITER = "#include <bailiwick.h>\nBW_USE(console);\nint main(void) { bw_console_open(bw_use_console.cap); for (unsigned i = 0; ; i++) { bw_printf(\"line %u\\n\", i); bw_yield(); } }\n";
  const setup: Setup = { device: "con0", clients: { main: "{ image: { c: main.c }, use: { console: console.console }, cpu: { budget: 1ms, period: 10ms } }" }, programs: { "main.c": WRITER } };
  const iommuOf = (system: System): { iommu: Iommu; device: number; memory: DataView } => {
    const { ram } = system.kernel.machine, iommu = system.kernel.machine.iommu as Iommu;
    return { iommu, device: iommu.devices.indexOf("con0"), memory: new DataView(ram) };
  };
  const lastLine = (output: string): number => Number(/line (\d+)\n$/.exec(output)?.[1] ?? -1);

  test("is started anew, and the operator is told", LIMIT, async () => {
    using folder = appliance(setup);
    const { events } = await runAppliance(folder.path, {
      limitMs: 40_000,
      during: async (system, line) => {
        await shows(line, "line 100\n");
        const { iommu, device, memory } = iommuOf(system);
        // The device says that it is done with a buffer that it does not have.
        const { physical } = [...iommu.dma(device)].find(({ ioAddress }) => ioAddress === 0x2000)!;
        const at = physical - system.kernel.machine.ramBase + 2312 + 2;
        memory.setUint16(at, memory.getUint16(at, true) + 1, true);
        await shows(line, `line ${lastLine(line.output) + 100}\n`);
      },
    });
    expect(events).toContainEqual({ event: "log", component: "console", text: "the device failed and was started anew" });
  });

  test("for good is given up: clients go on, what they write goes nowhere", LIMIT, async () => {
    using folder = appliance(setup);
    let told = false;
    await runAppliance(folder.path, {
      limitMs: 40_000,
      onEvent: ({ text }) => void (told ||= text === "the device failed again and again: it is given up"),
      during: async (system, line) => {
        await shows(line, "line 100\n");
        const { iommu, device } = iommuOf(system);
        for (const { ioAddress } of iommu.dma(device)) iommu.unmap(device, ioAddress);
        await until("the operator is told", () => told);
        const { output } = line, before = system.stats().traps;
        await until("the client goes on", () => system.stats().traps > before + 1000);
        expect(line.output).toBe(output);
      },
    });
  });
});

for (const device of ["uart0", "con0"] as const) {
  test(`a client's quota is what it writes in a second (${device}); it waits, in its turn, and its neighbours do not`, LIMIT, async () => {
    // Lines of 100 bytes for a second and a half. The last word is for the operator, whom no quota keeps waiting.
    const paced = `#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/timer.h>
BW_USE(console);
BW_USE(timer);
static uint64_t now(void) { return bw_call(bw_use_timer.cap, bw_info(TIMER_NOW, 0, 0), 0, 0, 0, 0).w[0] / 1000000; }
int main(void) {
    uint64_t done = 0, wrong = 0;
    const uint64_t begin = now();
    for (; now() < begin + 1500; done++) {
        uint64_t *words = bw_ipc()->words;
        words[0] = 100;
        memset(&words[1], bw_name()[0], 99);
        ((uint8_t *)&words[1])[99] = '\\n';
        const struct bw_msg m = bw_call_buffer(bw_use_console.cap, CONSOLE_WRITE, 14, 0);
        wrong += bw_error(&m) != 0 || bw_label(&m) != 0 || m.w[0] != 100;
    }
    bw_log(wrong > 0 ? "wrong" : "right");
    return 0;
}
`;
    const client = (more: string, quota: string) => `{ image: { c: paced.c }, ${more}use: { console: ${quota}, timer: timer.timer } }`;
    const clients = {
      timer: "{ image: { server: timer }, cpu: { priority: 210 }, use: { regs: platform.alarm0.regs, irq: platform.alarm0.irq }, offer: { timer: Timer } }",
      a: client("", "{ from: console.console, quota: 2KiB/s }"), b: client("", "console.console"), c: client("", "{ from: console.console, quota: 4KiB/s }"),
    };
    const ended = new Set<unknown>();
    using folder = appliance({ device, clients, programs: { "paced.c": paced } });
    const { output, events } = await runAppliance(folder.path, { limitMs: 40_000, onEvent: ({ event, component }) => void (event === "exit" && ended.add(component)), during: () => until("all have ended", () => ended.size === 3) });
    expect(events.flatMap(({ event, text }) => (event === "log" ? [text] : []))).toEqual(["right", "right", "right"]);
    const written = output.trimEnd().split("\n"), of = (name: string) => written.filter((line) => line === name.repeat(99)).length;
    expect(of("a") + of("b") + of("c")).toBe(written.length);
    // At 1.6 s at most, and an eighth of a second's worth at once; what is owed at the end waits no more than a line's time.
    for (const [name, rate] of [["a", 2048], ["c", 4096]] as const) {
      expect(of(name) * 100).toBeLessThanOrEqual(rate * 1.85 + 200);
      expect(of(name) * 100).toBeGreaterThan(rate / 3);
      expect(of("b")).toBeGreaterThan(of(name) * 3);
    }
  });
}

test("args that make no sense keep the console from starting, with a word of why", LIMIT, async () => {
  for (const [args, says] of [["{ show: some }", "args.show"], ["{ escapes: 1 }", "args.escapes"], ["{ focus: nobody }", "args.focus"]] as const) {
    using folder = appliance({ args, clients: { ann: "{}" } });
    const { status, events } = await runAppliance(folder.path);
    expect(status).toBe(1);
    expect(events).toContainEqual(expect.objectContaining({ event: "log", component: "console", text: expect.stringContaining(says) }));
  }
});

test("what was kept of a view is its newest, from a whole line on", LIMIT, async () => {
  const text = "#include <bailiwick.h>\nBW_USE(console);\nint main(void) { bw_console_open(bw_use_console.cap); for (unsigned i = 0; i < 2000; i++) bw_printf(\"line %u\\n\", i); return 0; }\n";
  const output = await run({ args: "{ show: one }", clients: { ann: "{ text: \"ann is here\\n\" }", bob: "{ image: { c: many.c }, use: { console: console.console } }" }, programs: { "many.c": text } }, async (line) => {
    await shows(line, "ann is here\n");
    line.type(`${KEY}2`);
    await shows(line, "line 1999\n");
  });
  const kept = screen(output).split("\n").slice(1, -1);
  expect(kept.length).toBeGreaterThan(300);
  expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => `line ${2000 - kept.length + i}`));
});
