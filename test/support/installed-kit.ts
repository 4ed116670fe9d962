// The package as it is when installed elsewhere, with a set-up of the test's own: what was built, linked into a folder without a lock file, so that its
// record is looked for in BAILIWICK_CACHE.
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./command-line.ts";

export interface InstalledKit {
  readonly cli: string;
  readonly env: Readonly<Record<string, string>>;
  [Symbol.dispose](): void;
}

/** @param record what setup.json says; null for a package that was not set up */
export function installKit(record: object | null): InstalledKit {
  const root = mkdtempSync(join(tmpdir(), "bailiwick-installed-"));
  copyFileSync(join(ROOT, "package.json"), join(root, "package.json"));
  for (const name of ["dist", "servers", "vmm", "caps", "guests", "core"]) cpSync(join(ROOT, name), join(root, name), { recursive: true, filter: (path) => !/native\/build/.test(path) });
  symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"));
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { readonly version: string };
  const own = join(root, "cache", `installed-${version}`);
  if (record !== null) {
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, "setup.json"), JSON.stringify(record));
  }
  return {
    cli: join(root, "dist", "cli.js"),
    env: { BAILIWICK_CACHE: join(root, "cache"), BAILIWICK_ADDON: join(ROOT, "core", "machine", "native", "build", "Release", "bailiwick.node") },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}
