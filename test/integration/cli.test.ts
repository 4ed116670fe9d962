// The command line as a user has it: dist/cli.js in a process of its own. `npm run build` (which npm test does) makes it.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { findPackage } from "../../servers/operator/package.ts";

const CLI = join(findPackage().root, "dist", "cli.js");
const LIMIT_MS = 150_000;
let folder = "";

beforeAll(() => {
  if (!existsSync(CLI)) throw new Error("dist/cli.js is not there: run 'npm run build'");
  folder = mkdtempSync(join(tmpdir(), "bailiwick-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Done {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function bailiwick(args: readonly string[], options: { readonly env?: Record<string, string>; readonly input?: string } = {}): Done {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [CLI, ...args], { cwd: folder, encoding: "utf8", timeout: LIMIT_MS, stdio: ["pipe", "pipe", "pipe"], input: options.input ?? "", env: { ...process.env, ...options.env } });
  if (error !== undefined) throw error;
  return { status, out: stdout, err: stderr };
}

/** An appliance of the given files; its manifest's head is filled in. */
function appliance(name: string, body: string, files: Record<string, string | Uint8Array> = {}, memory = "64MiB"): string {
  const home = join(folder, name);
  const all = { ...files, "appliance.yaml": `apiVersion: bailiwick/1\nkind: Appliance\nname: test\nversion: 0.1.0\nplatform: { board: virt-rv64, memory: ${memory} }\n${body}` };
  for (const [file, content] of Object.entries(all)) {
    mkdirSync(dirname(join(home, file)), { recursive: true });
    writeFileSync(join(home, file), content);
  }
  return name;
}

const CONSOLE = "  console: { image: { server: console }, use: { regs: platform.uart0.regs, irq: platform.uart0.irq }, offer: { console: Console } }\n";
const one = (image: string, more = ""): string => `components:\n${CONSOLE}  main: { image: ${image}, use: { console: console.console }, essential: true${more} }\n`;
const guest = (image: string, memory = "32MiB"): string => `components:\n${CONSOLE}guests:\n  g: { image: ${image}, memory: ${memory}, console: console.console }\n`;
const IDLE = "export default function* main() { for (;;) yield; }\n";

vi.setConfig({ testTimeout: 3 * LIMIT_MS });

describe("bailiwick", () => {
  it("without a command says how it is used, status 2", () => {
    const { status, out, err } = bailiwick([]);
    expect([status, out]).toEqual([2, ""]);
    expect(err).toMatch(/Usage: bailiwick COMMAND/);
  });

  it("help goes to standard output, status 0", () => {
    for (const args of [["help"], ["--help"], ["-h"], ["help", "run"], ["run", "--help"], ["check", "-h"]]) {
      const { status, out, err } = bailiwick(args);
      expect([status, err], args.join(" ")).toEqual([0, ""]);
      expect(out).toMatch(/^Usage: bailiwick/);
    }
  });

  it("mistakes on the command line are status 2, with the nearest name", () => {
    const cases: readonly [args: readonly string[], said: RegExp][] = [
      [["runn"], /did you mean 'run'/],
      [["run", "--timeot", "5s"], /did you mean --timeout/],
      [["run", "--timeout", "5"], /no duration/],
      [["run", "--timeout"], /--timeout/],
      [["run", "a", "b"], /'b' is one argument too many/],
      [["run", "--guest", "g"], /needs --exec/],
      [["schema", "x"], /no arguments/],
      [["version", "x"], /no arguments/],
      [["check", "--verbose"], /no option --verbose/],
    ];
    for (const [args, said] of cases) {
      const { status, out, err } = bailiwick(args);
      expect([status, out], args.join(" ")).toEqual([2, ""]);
      expect(err).toMatch(said);
    }
  });

  it("version names the kit, the engine and Node", () => {
    const versions: unknown = JSON.parse(bailiwick(["version", "--json"]).out);
    const { version } = JSON.parse(readFileSync(join(findPackage().root, "package.json"), "utf8")) as { version: string };
    expect(versions).toEqual({ bailiwick: version, unicorn: expect.stringMatching(/^2\.1\.\d/), node: process.versions.node });
  });

  it("schema prints a JSON Schema", () => {
    expect(JSON.parse(bailiwick(["schema"]).out)).toMatchObject({ $schema: "https://json-schema.org/draft/2020-12/schema", additionalProperties: false });
  });

  it("ends quietly when the reader of its output has gone", async () => {
    const child = spawn(process.execPath, [CLI, "schema"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    let err = "";
    child.stderr.on("data", (piece) => (err += String(piece)));
    const status = await new Promise((done) => child.on("close", done));
    expect(err).toBe("");
    expect([0, 141]).toContain(status);
  });
});

describe("bailiwick check", () => {
  it("says what the appliance comes to", () => {
    const { status, out, err } = bailiwick(["check", appliance("fine", one("{ ts: main.ts }"))]);
    expect([status, err]).toEqual([0, ""]);
    expect(out.split("\n").map((line) => line.trim())).toEqual([
      "test 0.1.0 on virt-rv64, 64 MiB",
      "console: machine program, 1 MiB, priority 100",
      "offers console: Console",
      "uses regs: uart0 (device)",
      "uses irq: uart0 (irq)",
      "main: hosted program, 1 MiB, priority 100, essential",
      "uses console: console",
      "",
    ]);
  });

  it("says of slots, confinement and programs to be read what differs from the usual", () => {
    const programs = "programs:\n  product: { image: { c: product.c }, confined: true }\n  idle: { image: { elf: idle.elf } }\n";
    const { status, out } = bailiwick(["check", appliance("more", one("{ c: main.c }", ", slots: 4096, confined: true").replace("use: { console:", "use: { product: programs.product, console:") + programs)]);
    expect([status, out.split("\n").map((line) => line.trim())]).toEqual([0, expect.arrayContaining([
      "main: machine program, 1 MiB, 4096 slots, priority 100, confined, essential",
      "uses product: program/product.elf",
      "product: program, confined, read by main",
      "idle: program, used by no component",
    ])]);
  });

  it("says how much of a server a client may have, and refuses what nobody would keep", () => {
    const timed = (use: string, quota: string): string => one("{ ts: main.ts }")
      .replace("use: { regs", `use: { ${use}regs`).replace("console: console.console", `console: { from: console.console, quota: ${quota} }`)
      .replace("  main:", "  timer: { image: { server: timer }, use: { regs: platform.alarm0.regs, irq: platform.alarm0.irq }, offer: { timer: Timer } }\n  main:");
    const { status, out } = bailiwick(["check", appliance("quota", timed("timer: timer.timer, ", "4KiB/s"))]);
    expect([status, out]).toEqual([0, expect.stringContaining("uses console: console, at most 4 KiB/s\n")]);
    const refused = bailiwick(["check", appliance("wrong-quota", timed("timer: timer.timer, ", "4KiB"))]);
    expect(refused).toMatchObject({ status: 1, err: expect.stringContaining("error[BW0220]: 'console.console' keeps no quota like 64MiB") });
    expect(refused.err).toContain("say it as 2MiB/s (written)");
    expect(bailiwick(["check", appliance("clockless", timed("", "4KiB/s"))])).toMatchObject({ status: 1, err: expect.stringContaining("'console' has no clock to keep a quota by") });
  });

  it("--json prints the resolved system, the same each time", () => {
    const name = appliance("json", one("{ ts: main.ts }"));
    const first = bailiwick(["check", "--json", `${name}/appliance.yaml`]);
    expect(JSON.parse(first.out)).toMatchObject({ name: "test", components: [{ name: "console", number: 1 }, { name: "main", number: 2 }] });
    expect(bailiwick(["check", "--json", name]).out).toBe(first.out);
  });

  it("shows an error with its place, status 1", () => {
    const { status, out, err } = bailiwick(["check", appliance("wrong", one("{ ts: main.ts }", ", memroy: 1MiB"))]);
    expect([status, out]).toEqual([1, ""]);
    expect(err).toMatch(/error\[BW0110\]: unknown key 'memroy'[^]*--> wrong\/appliance\.yaml:8:87[^]*\^{6}[^]*did you mean 'memory'/);
  });

  it("of what is not there is status 1", () => {
    expect(bailiwick(["check", "nowhere"])).toMatchObject({ status: 1, err: expect.stringContaining("BW0301") });
    mkdirSync(join(folder, "empty"));
    expect(bailiwick(["check", "empty"])).toMatchObject({ status: 1, err: expect.stringContaining("no appliance.yaml") });
  });

  it("names the kit's control device to nobody", () => {
    expect(bailiwick(["check", appliance("ctl", "components:\n  a: { image: { ts: a.ts }, use: { c: platform.ctl0.regs }, essential: true }\n")])).toMatchObject({ status: 1, err: expect.stringContaining("no device 'ctl0'") });
  });
});

describe("bailiwick run refuses, with a message and status 1,", () => {
  const refused = (args: readonly string[], env?: Record<string, string>): string => {
    const { status, out, err } = bailiwick(["run", "--quiet", ...args], env === undefined ? {} : { env });
    expect([status, out], err).toEqual([1, ""]);
    expect(err).not.toMatch(/please report|^\s+at /m);
    return err;
  };

  it("a source that is not there", () => {
    expect(refused([appliance("nosource", one("{ c: main.c }"))])).toMatch(/BW0302[^]*main\.c: there is no such file/);
    expect(refused([appliance("nots", one("{ ts: main.ts }"))])).toMatch(/BW0305[^]*main\.ts: no such file/);
    expect(refused([appliance("noelf", one("{ elf: main.elf }"))])).toMatch(/BW0302[^]*main\.elf: there is no such file/);
  });

  it("C that does not compile, with the compiler's own words", () => {
    expect(refused([appliance("badc", one("{ c: main.c }"), { "main.c": "int main(void) { return nothing; }\n" })])).toMatch(/BW0304[^]*main\.c:1:25: error: [^]*nothing/);
  });

  it("a machine without a C compiler, with the line that installs one", () => {
    expect(refused([appliance("nogcc", one("{ c: main.c }"), { "main.c": "int main(void) { return 0; }\n" })], { PATH: "/nonexistent" })).toMatch(/BW0304[^]*apt-get install gcc-riscv64-unknown-elf/);
  });

  it("a TypeScript program that wants the host", () => {
    expect(refused([appliance("hostts", one("{ ts: main.ts }"), { "main.ts": 'import { readFileSync } from "node:fs";\nexport default function* main() { return readFileSync; }\n' })])).toMatch(/BW0305[^]*main\.ts:1:\d+: a hosted program has no 'node:fs'/);
  });

  it("an ELF file of another machine, and what is no ELF file", () => {
    expect(refused([appliance("x86", one("{ elf: main.elf }"), { "main.elf": readFileSync(process.execPath).subarray(0, 4096) })])).toMatch(/BW0306[^]*main/);
    expect(refused([appliance("text", one("{ elf: main.elf }"), { "main.elf": "hello" })])).toMatch(/BW0306[^]*ELF/);
  });

  it("a C program that uses what the manifest does not give it", () => {
    const source = '#include <bailiwick.h>\nBW_USE(console);\nBW_USE(secret);\nint main(void) { return (int)(bw_use_console.cap + bw_use_secret.cap); }\n';
    expect(refused([appliance("unwired", one("{ c: main.c }"), { "main.c": source })])).toMatch(/BW0306[^]*'main'[^]*secret[^]*components\.main\.use/);
  });

  it("a guest kernel that is missing or damaged", () => {
    expect(refused([appliance("nokernel", guest("{ kernel: Image }"))])).toMatch(/BW0302: the kernel of guest 'g'|BW0302\]: the kernel of guest 'g'[^]*no such file/);
    expect(refused([appliance("damaged", guest("{ kernel: Image }"), { Image: "x".repeat(5000) })])).toMatch(/BW0307[^]*no riscv Image header/);
  });

  it("an initial RAM disk larger than the guest's RAM", () => {
    const kernel = new Uint8Array(4096);
    new DataView(kernel.buffer).setUint32(0x38, 0x0543_5352, true);
    expect(refused([appliance("large", guest("{ kernel: Image, initrd: disk }", "16MiB"), { Image: kernel, disk: new Uint8Array(15 << 20) })])).toMatch(/BW0307[^]*initial RAM disk 15 MiB[^]*at least 22 MiB/);
  });

  it("a boot image that leaves no room for the components", () => {
    const kernel = new Uint8Array(10 << 20);
    new DataView(kernel.buffer).setUint32(0x38, 0x0543_5352, true);
    expect(refused([appliance("tight", guest("{ kernel: Image }", "32MiB"), { Image: kernel, }, "46MiB")])).toMatch(/BW0308[^]*boot image [^]*platform\.memory/);
  });

  it("--exec without a guest that could run it", () => {
    expect(refused(["--exec", "true", appliance("noguest", one("{ ts: main.ts }"), { "main.ts": IDLE })])).toMatch(/BW0310[^]*no guest/);
    const kernel = new Uint8Array(4096);
    new DataView(kernel.buffer).setUint32(0x38, 0x0543_5352, true);
    expect(refused(["--exec", "true", appliance("ownguest", guest("{ kernel: Image }"), { Image: kernel })])).toMatch(/BW0310[^]*image of your own/);
    expect(refused(["--exec", "true", "--guest", "x", "ownguest"])).toMatch(/BW0310[^]*no guest 'x'[^]*one of: g/);
    const two = `components:\n${CONSOLE}guests:\n  g: { image: bare, memory: 16MiB, console: console.console, essential: true }\n  h: { image: bare, memory: 16MiB, console: console.console }\n`;
    expect(refused(["--exec", "true", appliance("twoguests", two)])).toMatch(/BW0310[^]*--guest g \| --guest h/);
  });
});

describe("bailiwick run", () => {
  const PRINT = '#include <bailiwick.h>\nBW_USE(console);\nint main(void) { bw_console_open(bw_use_console.cap); ';
  const forever = (): string => appliance("forever", one("{ c: main.c }"), { "main.c": `${PRINT}bw_printf("begun\\n"); for (volatile int i = 0;; i++) {} }\n` });

  it("gives what the programs print, and the essential one's status", () => {
    const { status, out, err } = bailiwick(["run", "-q", appliance("prints", one("{ c: main.c }"), { "main.c": `${PRINT}for (int i = 0; i < 2000; i++) bw_printf("line %d\\n", i); return 7; }\n` })]);
    expect(out).toBe(Array.from({ length: 2000 }, (_, i) => `line ${i}\n`).join(""));
    expect([status, err]).toEqual([7, "bailiwick: main ended with status 7\n"]);
  });

  it("says what a program did that faulted, status 70", () => {
    const { status, err } = bailiwick(["run", "-q", appliance("faults", one("{ c: main.c }"), { "main.c": "int main(void) { volatile unsigned long at = 8; return *(volatile int *)at; }\n" })]);
    expect(status).toBe(70);
    expect(err).toMatch(/main faulted: .*0x8/);
  });

  it("with --json gives events and output as JSON lines", () => {
    const { status, out, err } = bailiwick(["run", "--json", "prints"]);
    const events = out.trimEnd().split("\n").map((line) => JSON.parse(line) as { event: string; text?: string });
    expect([status, err]).toEqual([7, ""]);
    expect(events.filter(({ event }) => event !== "console")).toEqual([
      { event: "started", component: "console" },
      { event: "started", component: "main" },
      { event: "exit", component: "main", status: 7 },
      { event: "end", status: 7 },
    ]);
    expect(events.map(({ text }) => text ?? "").join("")).toMatch(/^line 0\n[^]*line 1999\n$/);
  });

  it("--timeout ends it with status 5 and the console's last lines", () => {
    const { status, out, err } = bailiwick(["run", "-q", "--timeout", "700ms", forever()]);
    expect([status, out]).toEqual([5, "begun\n"]);
    expect(err).toBe("bailiwick: stopped: --timeout of 0.7 s is over\n  | begun\n");
  });

  it("signals end it with 128 and their number", async () => {
    const name = forever();
    for (const [signal, expected] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
      const child = spawn(process.execPath, [CLI, "run", "-q", name], { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
      child.stdout.once("data", () => child.kill(signal));
      expect(await new Promise((done) => child.on("close", done)), signal).toBe(expected);
    }
  });

  it("ends when the reader of its output has gone", async () => {
    const child = spawn(process.execPath, [CLI, "run", "-q", appliance("chatty", one("{ c: main.c }"), { "main.c": `${PRINT}for (;;) bw_printf("more\\n"); }\n` })], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.once("data", () => child.stdout.destroy());
    let err = "";
    child.stderr.on("data", (piece) => (err += String(piece)));
    expect(await new Promise((done) => child.on("close", done))).toBe(141);
    expect(err).toBe("");
  });

  it("--deterministic gives the same run twice, the same seed for its guests", () => {
    const name = appliance("clock", one("{ c: main.c }"), { "main.c": `${PRINT}for (int i = 0; i < 200; i++) { bw_printf("%d\\n", i); bw_yield(); } return 0; }\n` });
    const runs = [1, 2].map(() => bailiwick(["run", "--json", "--deterministic", name]));
    expect(runs[0]?.status).toBe(0);
    expect(runs[0]?.out).toBe(runs[1]?.out);
  });

  describe("with a guest", () => {
    const bare = (): string => appliance("bare", guest("bare"), {}, "64MiB");

    it("--exec prints what the command prints and nothing else", () => {
      expect(bailiwick(["run", "--exec", "trap", bare()])).toEqual({ status: 0, out: "illegal instruction: trapped and recovered, cause 2\nebreak: trapped and recovered, cause 3\n", err: "" });
    });

    it("that panics, resets or hangs ends with the status for it, and says so", () => {
      expect(bailiwick(["run", "--exec", "panic", bare()])).toMatchObject({ status: 82, err: expect.stringMatching(/^bailiwick: guest g failed: its kernel panicked[^]*\n {2}\| Kernel panic/) });
      expect(bailiwick(["run", "--exec", "reboot", "bare"])).toMatchObject({ status: 81, err: expect.stringMatching(/^bailiwick: guest g failed: it reset its machine/) });
      expect(bailiwick(["run", "--exec", "hang", "bare"])).toMatchObject({ status: 83, err: expect.stringContaining("waits for an interrupt that nothing can raise") });
      expect(bailiwick(["run", "--exec", "spin", "--timeout", "3s", "bare"])).toMatchObject({ status: 5, err: expect.stringContaining("--timeout of 3 s is over") });
    });

    it("takes its commands from a pipe", () => {
      const { status, out } = bailiwick(["run", "-q", bare()], { input: "\nmem\npoweroff\n" });
      expect([status, out]).toEqual([0, expect.stringMatching(/32 MiB at 0x80000000/)]);
    });
  });

  describe("on a terminal", () => {
    /** Runs a line of shell on a pseudo-terminal, and types when the screen shows something. Resolves to the screen and the status. */
    const onTerminal = (line: string, typing: readonly [seen: string, keys: string][]): Promise<{ screen: string; status: unknown }> => {
      const child = spawn("script", ["-qec", line, "/dev/null"], { cwd: folder, stdio: ["pipe", "pipe", "inherit"] });
      let screen = "";
      const rest = [...typing];
      child.stdout.on("data", (piece) => {
        screen += String(piece);
        while (rest[0] !== undefined && screen.includes(rest[0][0])) child.stdin.write(rest.shift()?.[1] ?? "");
      });
      return new Promise((done) => child.on("close", (status) => done({ screen, status })));
    };
    const run = `'${process.execPath}' '${CLI}' run -q`;

    it("Ctrl-] ? helps, Ctrl-] q leaves, and the terminal is as it was", async () => {
      const { screen, status } = await onTerminal(`stty -g; ${run} ${forever()}; echo status $?; stty -g`, [["begun", "\x1d?"], ["this help", "\x1dq"]]);
      const modes = screen.match(/^[0-9a-f]+(:[0-9a-f]+){10,}/gm) ?? [];
      expect([status, modes.length], screen).toEqual([0, 2]);
      expect(modes[1]).toBe(modes[0]);
      expect(screen).toContain("status 0");
      expect(screen).toMatch(/Ctrl-\] then q stops the machine/);
    });

    it("Ctrl-C is the machine's, and a signal restores the terminal", async () => {
      const { screen } = await onTerminal(`stty -g; exec 3<&0; ${run} ${forever()} <&3 & sleep 3; kill -0 $! && echo alive; kill -TERM $!; wait $!; echo status $?; stty -g`, [["begun", "\x03"]]);
      const modes = screen.match(/^[0-9a-f]+(:[0-9a-f]+){10,}/gm) ?? [];
      expect(screen).toContain("alive");
      expect(screen).toContain("status 143");
      expect(modes[1]).toBe(modes[0]);
    });
  });
});
