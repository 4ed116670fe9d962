// The operator's parts that need no machine: events, progress, bundling, checks of a guest's files.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import fc from "fast-check";
import { runInNewContext } from "node:vm";
import { bundleProgram } from "../../servers/operator/bundle.ts";
import { describeEvent, parseEvent, showable } from "../../servers/operator/events.ts";
import { Failure, failure, FailureCode } from "../../servers/operator/failure.ts";
import { checkGuest, guestSeed } from "../../servers/operator/guests.ts";
import { findPackage, findServers } from "../../servers/operator/package.ts";
import { findPlaces } from "../../servers/operator/setup/places.mjs";
import { showProgress } from "../../servers/operator/progress.ts";
import { checkHostMemory } from "../../servers/operator/session.ts";
import { parseOptions } from "../../servers/operator/commands/command.ts";

const MIB = 1024 ** 2;
const thrown = (work: () => unknown): Failure => {
  try {
    work();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

describe("events", () => {
  it("are known by their shape", () => {
    expect(parseEvent('{"event":"exit","component":"a","status":3}')).toEqual({ event: "exit", component: "a", status: 3 });
    for (const line of ["", "{", "[]", "null", "7", '{"event":"exit"}', '{"event":"end","status":256}', '{"event":"end","status":"0"}', '{"event":"unheard"}']) expect(parseEvent(line), line).toBeUndefined();
  });

  it("of any text are read or refused, never thrown over", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => parseEvent(line) === undefined || JSON.parse(line) !== undefined));
  });

  it("that are as they should be are silent, but for --verbose", () => {
    const exit = { event: "exit", component: "a", status: 0 } as const;
    expect(describeEvent(exit, false)).toBeUndefined();
    expect(describeEvent(exit, true)).toBe("a ended with status 0");
    expect(describeEvent({ event: "guest", guest: "g", state: "ready" }, false)).toBeUndefined();
  });

  it("of a failed guest say what happened and how its console ended", () => {
    const console = Array.from({ length: 30 }, (_, i) => `line ${i}\r`);
    const shown = describeEvent({ event: "guest", guest: "g", state: "panic", status: 82, console: [...console, ""] }, false);
    expect(shown?.split("\n")[0]).toBe("guest g failed: its kernel panicked");
    expect(shown?.split("\n").slice(-2)).toEqual(["  | line 28", "  | line 29"]);
    expect(shown?.split("\n")).toHaveLength(22);
  });

  it("cannot drive the terminal", () => {
    expect(showable("a\u001b[31mb\tc\r\nd\u009b")).toBe("a\ufffd[31mb\tc\nd\ufffd");
  });
});

describe("progress", () => {
  const record = (isTTY: boolean, quiet: boolean) => {
    let text = "";
    let time = 0;
    const progress = showProgress({ isTTY, write: (piece) => void (text += piece) }, quiet, () => (time += 100));
    progress.step("one");
    progress.step("two");
    progress.note("said");
    progress.done();
    return text;
  };
  it("is a line a step on a pipe", () => expect(record(false, false)).toBe("bailiwick: one  [0.1 s]\nbailiwick: two  [0.2 s]\nbailiwick: said\n"));
  it("is one line in place on a terminal", () => expect(record(true, false).replaceAll("\r\u001b[K", "~")).toBe("~bailiwick: one ...~bailiwick: two ...~bailiwick: said\n"));
  it("tells on a terminal how long a step takes, and nothing any more when it is done", () => {
    vi.useFakeTimers();
    try {
      let text = "";
      const progress = showProgress({ isTTY: true, write: (piece) => void (text += piece) }, false, Date.now);
      progress.step("one");
      vi.advanceTimersByTime(2500);
      progress.step("two");
      vi.advanceTimersByTime(1000);
      progress.done();
      vi.advanceTimersByTime(5000);
      expect(text.replaceAll("\r\u001b[K", "~")).toBe("~bailiwick: one ...~bailiwick: one ... 1 s~bailiwick: one ... 2 s~bailiwick: two ...~bailiwick: two ... 1 s~");
    } finally {
      vi.useRealTimers();
    }
  });
  it("is not shown with --quiet, notes are", () => expect(record(false, true)).toBe("bailiwick: said\n"));
});

describe("options", () => {
  const OPTIONS = { timeout: { type: "string" }, json: { type: "boolean" } } as const;
  it("are parsed, with what is not an option left in order", () => {
    const { values, positionals } = parseOptions(["a", "--timeout", "5s", "--json"], OPTIONS);
    expect([values.timeout, values.json, positionals]).toEqual(["5s", true, ["a"]]);
  });
  it("that are misspelt are named with the nearest, status 2", () => {
    const error = thrown(() => parseOptions(["--timeuot=5s"], OPTIONS));
    expect([error.status, error.message]).toEqual([2, expect.stringContaining("did you mean --timeout?")]);
  });
  it("without their value are status 2", () => expect(thrown(() => parseOptions(["--timeout"], OPTIONS)).status).toBe(2));
});

describe("a bundle", () => {
  const { root } = findPackage();
  let folder = "";
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "bailiwick-bundle-"))));
  afterAll(() => rmSync(folder, { recursive: true }));
  const bundle = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return bundleProgram({ entry: join(folder, name), root });
  };
  const refused = async (name: string, text: string): Promise<string> => {
    const result = await bundle(name, text);
    return result.ok ? "accepted" : result.error;
  };

  it("defines program.default, with what it imports inside", async () => {
    writeFileSync(join(folder, "part.ts"), "export const part: number = 20;");
    const result = await bundle("main.ts", 'import { part } from "./part.ts";\nexport default function* main(): Generator<void, number> { yield; return part + 1; }');
    const value: unknown = result.ok ? runInNewContext(`${result.text};const run = program.default(); run.next(); run.next().value`) : result.error;
    expect(value).toBe(21);
  });

  it("has the SDK under its public name", async () => {
    const result = await bundle("sdk.ts", 'import { protocol, type Env } from "bailiwick/sdk";\nexport default function* main(_: Env) { return protocol({ name: "P", methods: {}, refusals: {} }).name; }');
    expect(result.ok ? runInNewContext(`${result.text};program.default().next().value`) : result.error).toBe("P");
  });

  it("has the console font's bytes, where the set-up has fetched it, and says so where it has not", async () => {
    const text = 'import { terminus16 } from "bailiwick/terminus16";\nexport default function* main() { return terminus16; }';
    const cache = process.env["BAILIWICK_CACHE"];
    try {
      process.env["BAILIWICK_CACHE"] = folder;
      expect(await refused("font.ts", text)).toMatch(/font\.ts:1:\d+: the console font is not on this machine: .*npm run setup -- --retry/);
      const place = findPlaces(process.env).font;
      mkdirSync(place, { recursive: true });
      writeFileSync(join(place, "terminus16.psf"), Uint8Array.of(0x36, 4, 255, 0));
      const result = await bundle("font.ts", text);
      expect(result.ok ? Array.from(runInNewContext(`${result.text};program.default().next().value`) as Uint8Array) : result.error).toEqual([0x36, 4, 255, 0]);
    } finally {
      if (cache === undefined) delete process.env["BAILIWICK_CACHE"];
      else process.env["BAILIWICK_CACHE"] = cache;
    }
  });

  it("may import nothing of the host", async () => {
    for (const module of ["node:fs", "fs", "child_process", "node:test"]) {
      const error = await refused("host.ts", `import * as host from "${module}";\nexport default function* main() { return host; }`);
      expect(error).toMatch(new RegExp(`host\\.ts:1:\\d+: a hosted program has no '${module}'`));
    }
  });

  it("needs a default export", async () => expect(await refused("none.ts", "export function* main() {}")).toMatch(/none\.ts: it has no default export/));
  it("with a mistake in it is refused with its place", async () => expect(await refused("bad.ts", "export default function* main( {")).toMatch(/bad\.ts:1:\d+: /));
  it("of a missing import is refused with its place", async () => expect(await refused("lost.ts", 'import "./lost-part.ts";\nexport default 1;')).toMatch(/lost\.ts:1:8: Could not resolve/));
  it("of a missing file is refused", async () => expect(await bundleProgram({ entry: join(folder, "not-there.ts"), root })).toEqual({ ok: false, error: expect.stringContaining("no such file") }));
});

describe("the kit's servers", () => {
  it("are found by what their folder holds", () => {
    const servers = findServers(findPackage());
    expect(servers.get("console")).toMatchObject({ kind: "machine" });
    expect(servers.get("vmm")).toMatchObject({ kind: "hosted" });
    for (const name of ["lib", "operator", "root"]) expect(servers.has(name)).toBe(false);
  });
});

describe("a guest's files", () => {
  const image = (bytes: number, imageSize = bytes): Uint8Array => {
    const kernel = new Uint8Array(bytes);
    const view = new DataView(kernel.buffer);
    view.setUint32(0x38, 0x0543_5352, true);
    view.setBigUint64(16, BigInt(imageSize), true);
    return kernel;
  };
  const refusal = (kernel: Uint8Array, initrd: Uint8Array | undefined, ramBytes: number) => thrown(() => checkGuest("g", { kernel, ...(initrd === undefined ? {} : { initrd }) }, ramBytes)).message;

  it("that fit are accepted", () => expect(() => checkGuest("g", { kernel: image(MIB), initrd: new Uint8Array(MIB) }, 16 * MIB)).not.toThrow());
  it("without a kernel in the kernel are refused", () => {
    expect(refusal(new Uint8Array(0), undefined, 64 * MIB)).toMatch(/0 bytes/);
    expect(refusal(new Uint8Array(4096), undefined, 64 * MIB)).toMatch(/no riscv Image header/);
    expect(refusal(Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, ...new Uint8Array(100)]), undefined, 64 * MIB)).toMatch(/ELF/);
    expect(refusal(Uint8Array.from([0x1f, 0x8b, ...new Uint8Array(100)]), undefined, 64 * MIB)).toMatch(/gzip/);
  });
  it("that do not fit are refused with what would do", () => {
    expect(refusal(image(MIB), new Uint8Array(12 * MIB), 16 * MIB)).toMatch(/initial RAM disk 12 MiB[^]*at least 19 MiB/);
    expect(refusal(image(MIB, 20 * MIB), undefined, 16 * MIB)).toMatch(/kernel 20 MiB/);
    expect(refusal(image(MIB, 2 ** 60), undefined, 16 * MIB)).toMatch(/do not fit/);
  });
  it("begin with a seed of 32 bytes, the same at each deterministic run and for no two guests", () => {
    const host = (): Uint8Array => new Uint8Array(32).fill(7);
    expect(guestSeed("a", host, false)).toEqual(Array.from({ length: 32 }, () => 7));
    expect(guestSeed("a", host, true)).toEqual(guestSeed("a", host, true));
    expect(guestSeed("a", host, true)).not.toEqual(guestSeed("b", host, true));
    expect(guestSeed("a", host, true)).toHaveLength(32);
  });
});

describe("the host's memory", () => {
  it("must hold the machine's RAM", () => {
    expect(() => checkHostMemory(512 * MIB, 512 * MIB)).not.toThrow();
    expect(thrown(() => checkHostMemory(512 * MIB, 100 * MIB)).message).toMatch(/512 MiB, and 100 MiB are free[^]*platform\.memory/);
  });
});

it("a failure shows code, cause and fix", () => {
  expect(failure(FailureCode.noFile, "it fails", { cause: "one\ntwo", fix: "do this" }).message).toBe("error[BW0302]: it fails\n  | one\n  | two\n  = fix: do this");
});
