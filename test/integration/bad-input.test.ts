// What goes wrong on a user's machine, as the command line says it: one message that names the cause and what to do, and exit status 1.
// More of the kind, for each command, is in cli.test.ts; here is what needs a compiler, a library, a machine that is not as it should be.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { EndingStatus } from "../../vmm/spec.ts";
import { bailiwick, CLI, ROOT, runProcess, type Done } from "../support/command-line.ts";
import { writeElf } from "../support/elf-file.ts";
import { installKit } from "../support/installed-kit.ts";
import { linuxImage } from "../support/kernel-image.ts";

vi.setConfig({ testTimeout: 180_000 });

let folder = "";
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "bailiwick-bad-input-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CONSOLE = "  console: { image: { server: console }, use: { regs: platform.uart0.regs, irq: platform.uart0.irq }, offer: { console: Console } }\n";
const main = (image: string, more = ""): string => `components:\n${CONSOLE}  main: { image: ${image}, essential: true${more} }\n`;
const guest = (image: string, memory = "32MiB"): string => `components:\n${CONSOLE}guests:\n  g: { image: ${image}, memory: ${memory}, console: console.console }\n`;

let count = 0;
function appliance(body: string, files: Readonly<Record<string, string | Uint8Array>> = {}, memory = "64MiB"): string {
  const home = join(folder, `case-${count++}`);
  const head = `apiVersion: bailiwick/1\nkind: Appliance\nname: test\nversion: 0.1.0\nplatform: { board: virt-rv64, memory: ${memory} }\n`;
  for (const [name, content] of Object.entries({ ...files, "appliance.yaml": head + body })) {
    mkdirSync(dirname(join(home, name)), { recursive: true });
    writeFileSync(join(home, name), content);
  }
  return home;
}

/** Runs it; it must refuse. The message. */
async function refusal(target: string, options: { readonly env?: Readonly<Record<string, string>>; readonly args?: readonly string[] } = {}): Promise<string> {
  const done: Done = await bailiwick(["run", "-q", "--timeout", "20s", ...(options.args ?? []), target], { cwd: folder, ...(options.env === undefined ? {} : { env: options.env }) });
  expect([done.status, done.out], done.err).toEqual([1, ""]);
  expect(done.err).not.toMatch(/please report|^\s+at /m);
  return done.err;
}

const IDLE = "export default function* main() {}\n";
const HELLO = { "main.c": "#include <bailiwick.h>\nint main(void) { bw_log(\"hello\"); return 0; }\n" };

describe("a guest's files", () => {
  const kernel = linuxImage({ fileBytes: 8192 });

  test.each<readonly [what: string, files: Readonly<Record<string, string | Uint8Array>>, said: RegExp]>([
    ["not there", {}, /BW0302\]: the kernel of guest 'g' cannot be read[^]*Image: there is no such file/],
    ["empty", { Image: "" }, /BW0307\]: guest 'g' cannot be booted[^]*0 bytes: it is empty or cut off/],
    ["of no sort", { Image: new Uint8Array(5000).fill(7) }, /BW0307[^]*no riscv Image header[^]*= fix: /],
    ["compressed", { Image: Uint8Array.of(0x1f, 0x8b, ...new Uint8Array(500)) }, /BW0307[^]*compressed by gzip[^]*= fix: /],
    ["an ELF file", { Image: writeElf(0, []) }, /BW0307[^]*is an ELF file[^]*= fix: /],
    ["larger than its RAM", { Image: linuxImage({ imageSize: 64 << 20 }) }, /BW0307[^]*do not fit in 32 MiB of RAM: kernel 64 MiB[^]*= fix: give it at least \d+ MiB: guests\.g\.memory/],
  ])("a kernel that is %s", async (_, files, said) => {
    expect(await refusal(appliance(guest("{ kernel: Image }"), files))).toMatch(said);
  });

  test.each<readonly [what: string, image: Uint8Array, said: string]>([
    ["cut off", linuxImage({ fileBytes: 8192, sectionsEnd: 9000 }), "the kernel image is cut off: it has 8192 bytes of at least 9000"],
    ["damaged", linuxImage({ textOffset: 4096 }), "the kernel image is damaged: text offset 0x1000 is not a multiple of 2 MiB"],
  ])("a kernel that is %s is found out by the VMM: the guest is unbootable", async (_, Image, said) => {
    const { status, out, err } = await bailiwick(["run", "-q", "--timeout", "20s", appliance(guest("{ kernel: Image }"), { Image })], { cwd: folder });
    expect([status, out, err]).toEqual([EndingStatus.unbootable, "", `bailiwick: guest g failed: it cannot be booted (${said})\n`]);
  });

  test("an initial RAM disk too large for the RAM: how much would do", async () => {
    const name = appliance(guest("{ kernel: Image, initrd: disk }", "32MiB"), { Image: kernel, disk: new Uint8Array(30 << 20) }, "128MiB");
    expect(await refusal(name)).toMatch(/BW0307[^]*do not fit in 32 MiB of RAM: kernel 1 MiB, initial RAM disk 30 MiB[^]*= fix: give it at least 37 MiB: guests\.g\.memory/);
  });

  test("a folder where a file should be, and a file that may not be read", async () => {
    expect(await refusal(appliance(guest("{ kernel: Image }"), { "Image/x": "" }))).toMatch(/BW0302[^]*Image: it is a folder/);
  });
});

describe("a manifest that names what does not exist", () => {
  test.each<readonly [what: string, body: string, said: RegExp]>([
    ["a server", main("{ server: consol }"), /error\[BW\d+\]: [^]*'consol'[^]*appliance\.yaml:\d+:\d+[^]*did you mean 'console'/],
    ["a guest", guest("linus"), /'linus'[^]*did you mean 'linux'/],
    ["a component", main("{ c: main.c }", ", use: { console: consle.console }"), /'consle'[^]*did you mean 'console'/],
    ["an offer", main("{ c: main.c }", ", use: { console: console.colsole }"), /'colsole'[^]*did you mean 'console'/],
    ["a device", main("{ c: main.c }", ", use: { regs: platform.uart1.regs }"), /'uart1'[^]*uart0/],
    ["a right", main("{ c: main.c }", ", use: { console: { from: console.console, rights: [cal] } }"), /rights[^]*call/],
  ])("%s", async (_, body, said) => {
    expect(await refusal(appliance(body, HELLO))).toMatch(said);
  });

  test("a board, with those there are", async () => {
    const home = appliance(main("{ c: main.c }"), HELLO);
    writeFileSync(join(home, "appliance.yaml"), readFileSync(join(home, "appliance.yaml"), "utf8").replace("virt-rv64", "virt-rv46"));
    expect(await refusal(home)).toMatch(/'virt-rv46'[^]*virt-rv64/);
  });
});

describe("a program that is none for this machine", () => {
  const code = new Uint8Array(16);
  const TEXT = 5, DATA = 6, BOTH = 7;

  test("an ELF file of the host's own processor", async () => {
    expect(await refusal(appliance(main("{ elf: main.elf }"), { "main.elf": readFileSync(process.execPath).subarray(0, 65536) }))).toMatch(/BW0306\]: the program of 'main' cannot be used[^]*(machine|RISC-V)/);
  });

  test("compiled by the machine's own compiler", async () => {
    const source = join(folder, "host.c");
    writeFileSync(source, "int main(void) { return 0; }\n");
    execFileSync("cc", ["-o", join(folder, "host"), source]);
    expect(await refusal(appliance(main("{ elf: main.elf }"), { "main.elf": readFileSync(join(folder, "host")) }))).toMatch(/BW0306[^]*(machine|RISC-V)/);
  });

  test("a segment that is writable and executable", async () => {
    expect(await refusal(appliance(main("{ elf: main.elf }"), { "main.elf": writeElf(0x10000, [{ address: 0x10000, rights: BOTH, bytes: code }]) }))).toMatch(/BW0306[^]*writable and executable/);
  });

  test.each<readonly [what: string, elf: Uint8Array, said: RegExp]>([
    ["whose segments overlap", writeElf(0x10000, [{ address: 0x10000, rights: TEXT, bytes: code }, { address: 0x10008, rights: DATA, bytes: code }]), /segments at 0x10000 \(16 bytes\) and 0x10008 share a page/],
    ["whose segments share a page with other rights", writeElf(0x10000, [{ address: 0x10000, rights: TEXT, bytes: code }, { address: 0x10800, rights: DATA, bytes: code }]), /and 0x10800 share a page of 4096 bytes/],
    ["whose entry is in no segment that may run", writeElf(0x20000, [{ address: 0x10000, rights: TEXT, bytes: code }]), /entry/],
    ["that reaches past its end", writeElf(0x10000, [{ address: 0x10000, rights: TEXT, bytes: code }]).subarray(0, 128), /past the end|cut off|too short/],
    ["that lies where the kit maps other things", writeElf(0x4000_0000, [{ address: 0x4000_0000, rights: TEXT, bytes: code }]), /0x40000000/],
  ])("one %s", async (_, elf, said) => {
    expect(await refusal(appliance(main("{ elf: main.elf }"), { "main.elf": elf }))).toMatch(said);
  });
});

describe("a machine that lacks something", () => {
  /** A PATH with everything but the cross compiler. */
  const without = (program: string): string => {
    const readdirSafely = (place: string): string[] => (existsSync(place) ? readdirSync(place) : []);
    const kept = join(folder, `path-without-${program}`);
    mkdirSync(kept, { recursive: true });
    for (const place of (process.env["PATH"] ?? "").split(delimiter).reverse()) {
      for (const name of readdirSafely(place)) {
        if (name.startsWith(program)) continue;
        rmSync(join(kept, name), { force: true });
        symlinkSync(join(place, name), join(kept, name));
      }
    }
    return kept;
  };
  test("no C compiler for rv64: the line that installs it", async () => {
    expect(await refusal(appliance(main("{ c: main.c }"), HELLO), { env: { PATH: without("riscv64-unknown-elf") } })).toMatch(/BW0304[^]*the C compiler for 64-bit RISC-V \(riscv64-unknown-elf-gcc\) is not on this machine[^]*= fix: apt-get install gcc-riscv64-unknown-elf\n/);
  });

  test("no addon, a damaged one, another library in its place: which file, and what to do", async () => {
    const damaged = join(folder, "damaged.node"), empty = join(folder, "empty.node");
    writeFileSync(damaged, "no ELF file");
    writeFileSync(empty, "");
    const name = appliance(main("{ ts: main.ts }"), { "main.ts": IDLE });
    const cases: readonly [path: string, said: RegExp][] = [
      [join(folder, "nowhere.node"), /nowhere\.node does not load[^]*The file does not exist: run `npm run setup`, or correct BAILIWICK_ADDON/],
      [damaged, /damaged\.node does not load[^]*The file is damaged or for another processor: run `npm run setup`/],
      [empty, /empty\.node does not load[^]*The file is damaged or for another processor: run `npm run setup`/],
      [strangeLibrary(), /strange\.node does not load[^]*Run `npm run setup` to build it again/],
    ];
    for (const [path, said] of cases) {
      const text = await refusal(name, { env: { BAILIWICK_ADDON: path } });
      expect(text).toMatch(/^error\[BW0311\]: the machine cannot be started\n/);
      expect(text).toMatch(said);
      expect(text).toMatch(/npm run setup/);
    }
  });

  /** A shared library that is no addon. */
  const strangeLibrary = (): string => {
    const [source, library] = [join(folder, "strange.c"), join(folder, "strange.node")];
    writeFileSync(source, "int strange(void) { return 0; }\n");
    execFileSync("cc", ["-shared", "-fPIC", "-o", library, source]);
    return library;
  };

  test("an addon without its library, and with one of another version", async () => {
    const addon = join(ROOT, "core", "machine", "native", "build", "Release", "bailiwick.node");
    // The addon finds its libunicorn by a path of its own; another of that name in front of it is what a wrong installation is.
    const [place, source] = [join(folder, "lib"), join(folder, "old.c")];
    mkdirSync(place);
    writeFileSync(source, "unsigned uc_version(unsigned *major, unsigned *minor) { if (major) *major = 2; if (minor) *minor = 0; return 2u << 24 | 0u << 16 | 1u << 8; }\n");
    execFileSync("cc", ["-shared", "-fPIC", "-Wl,-soname,libunicorn.so.2", "-o", join(place, "libunicorn.so.2"), source]);
    const name = appliance(main("{ ts: main.ts }"), { "main.ts": IDLE });
    const text = await refusal(name, { env: { LD_PRELOAD: join(place, "libunicorn.so.2"), BAILIWICK_ADDON: addon } });
    expect(text).toMatch(/^error\[BW0311\]: the machine cannot be started\n/);
    expect(text).toMatch(/2\.0\.1[^]*2\.1\.1/);
  });

  test("more memory than the board can have", async () => {
    expect(await refusal(appliance(main("{ ts: main.ts }"), { "main.ts": IDLE }, "15000GiB"))).toMatch(/BW0205\]: virt-rv64 cannot have 15000 GiB of RAM[^]*must be 16 MiB to 16 GiB/);
  });

  test("not enough memory on the host", async () => {
    const name = appliance(main("{ ts: main.ts }"), { "main.ts": IDLE }, "16GiB");
    const { status, err } = await runProcess("bash", ["-c", `ulimit -v 16777216; exec "${process.execPath}" "${CLI}" run -q "${name}"`], { cwd: folder });
    expect(status).toBe(1);
    expect(err).toMatch(/^error\[BW0309\]: this computer has not enough memory free\n[^]*16384 MiB[^]*= fix: [^]*platform\.memory|^error\[BW0311\]: the machine cannot be started\n {2}\| the host refused the machine's memory: give the machine less RAM/);
  });

  test("not enough memory in the platform for what the manifest adds up to", async () => {
    expect(await refusal(appliance(guest("bare", "64MiB"), {}, "64MiB"))).toMatch(/BW0205\]: the parts need more memory than the platform has[^]*guests' RAM 64 MiB[^]*= fix: /);
  });

  test("a folder that may not be written: which", async () => {
    const home = appliance(main("{ c: main.c }"), HELLO);
    // A file stands where the build folder would be: as bad as a folder that may not be written, for root too.
    writeFileSync(join(home, ".bailiwick"), "");
    expect(await refusal(home)).toMatch(/BW0304\]: the program of 'main' cannot be compiled\n {2}\| ENOTDIR: [^\n]*\.bailiwick/);
  });
});

describe("Debian's files in the cache", () => {
  const record = findPackage().record;
  const linux = findLinux(record);

  test.skipIf(!linux.ok || linux.value === undefined)("damaged or gone: which file, and that the set-up fetches it again", async () => {
    if (!linux.ok || linux.value === undefined) return;
    const held = join(folder, "cache-linux");
    mkdirSync(held);
    writeFileSync(join(held, "Image"), "damaged");
    using kit = installKit({ linux: { ...linux.value, folder: held } });
    const run = (): Promise<Done> => bailiwick(["run", "-q", "--exec", "true", join(ROOT, "examples", "linux")], { env: kit.env }, kit.cli);
    const damaged = await run();
    expect([damaged.status, damaged.out]).toEqual([1, ""]);
    expect(damaged.err).toMatch(/BW0303\]: Debian's kernel cannot be used[^]*Image is damaged[^]*run the set-up again/);
    rmSync(join(held, "Image"));
    const gone = await run();
    expect(gone.err).toMatch(/BW0303\]: Debian's kernel cannot be used[^]*Image is missing: run the set-up again/);
  });
});
