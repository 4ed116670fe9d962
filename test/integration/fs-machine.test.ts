// The file server's store as a machine program, built by the kit's own toolchain as the server is, on the emulated processor over a volume in memory.
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { parseElf } from "../../caps/image/elf.ts";
import { Failure } from "../../servers/operator/failure.ts";
import { findPackage, machineSource } from "../../servers/operator/package.ts";
import { compileServer } from "../../servers/operator/programs.ts";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";
import { hasSqlite } from "../support/fs-build.ts";

const kit = findPackage();
const folder = join(kit.root, "servers", "fs");
// The first run compiles SQLite.
const LIMIT = { timeout: 240_000 };

/** What is the server's, not the store's. */
const SERVER = new Set(["main.c", "handles.c", "volume-block.c"]);

/** The store with a main of its own. */
function storeWith(main: string): ReturnType<typeof machineSource> {
  const source = machineSource(folder, "fs");
  return { ...source, sources: [...source.sources.filter((file) => !SERVER.has(basename(file))), main] };
}

test("the server's sources are its own folder's, without its tests; its headers those of its C library and SQLite", () => {
  const { sources, systemIncludes } = machineSource(folder, "fs");
  expect(sources.map((file) => basename(file)).filter((name) => name !== "main.c")).toEqual(["account.c", "check.c", "data.c", "garbage.c", "handles.c", "layout.c", "libc.c", "queries.c", "region.c", "sqlite.c", "store.c", "tree.c", "vfs.c", "volume-block.c"]);
  expect(systemIncludes.map((path) => basename(path))).toEqual(["libc", "sqlite-3.53.2"]);
  expect(machineSource(join(kit.root, "servers", "log"), "log")).toMatchObject({ systemIncludes: [] });
});

test("without SQLite's sources the server is refused with cause and fix", async () => {
  const source = machineSource(folder, "fs", { BAILIWICK_CACHE: join(folder, "no-such-cache") });
  const refused = await compileServer("fs", source, kit).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(Failure);
  expect(String(refused)).toMatch(/error\[BW0313\]: the server 'fs' cannot be built\n {2}\| SQLite's sources[^]*fix: `npm run setup/);
});

test.skipIf(!hasSqlite)("writes, closes, opens, reads, with a heap of 512 KiB and a small stack", LIMIT, async () => {
  const elf = await compileServer("fs-store-test", storeWith("test/integration/fs/store.c"), kit);
  expect(parseElf(elf).ok).toBe(true);
  using appliance = applianceFolder({
    "appliance.yaml": manifestWith({ main: "{ image: { elf: store.elf }, memory: 16MiB, stack: 64KiB, use: { console: console.console }, essential: true }" }),
    "store.elf": elf,
  });
  const { output, status } = await runAppliance(appliance.path, { limitMs: 60_000 });
  expect(output).toMatch(/^heap \d+, stack \d+, 0 wrong\n$/);
  expect(Number(/stack (\d+)/.exec(output)?.[1])).toBeLessThan(12 * 1024);
  expect(status).toBe(0);
  // Compiled again it comes from the cache.
  expect(Buffer.from(await compileServer("fs-store-test", storeWith("test/integration/fs/store.c"), kit)).equals(readFileSync(join(appliance.path, "store.elf")))).toBe(true);
});
