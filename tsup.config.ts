// The build: library, SDK and command line as ES modules, and the kit's hosted programs as the texts that go into boot images.
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { defineConfig } from "tsup";
import { bundleProgram } from "./servers/operator/bundle.ts";

const BENCH = "test/bench/main.ts", FUZZ = "test/fuzz/main.ts", FUZZ_GUEST = "test/fuzz/guest/main.ts";

export default defineConfig({
  entry: {
    index: "servers/operator/index.ts",
    sdk: "servers/operator/sdk.ts",
    cli: "servers/operator/cli.ts",
    ...(existsSync(BENCH) ? { bench: BENCH, fuzz: FUZZ, "fuzz-guest": FUZZ_GUEST } : {}),
  },
  format: "esm",
  target: "node20",
  platform: "node",
  splitting: true,
  sourcemap: true,
  clean: true,
  dts: { entry: { index: "servers/operator/index.ts", sdk: "servers/operator/sdk.ts" } },
  onSuccess: bundleHosted,
});

/** The root server, the VMM and every shipped server in TypeScript → dist/hosted/NAME.js, by the function that bundles users' programs. */
async function bundleHosted(): Promise<void> {
  const root = import.meta.dirname;
  const servers = (await readdir("servers")).filter((name) => name !== "operator" && existsSync(join("servers", name, "main.ts")));
  const programs = new Map([...servers.map((name): [string, string] => [name, join("servers", name, "main.ts")]), ["vmm", join("vmm", "main.ts")]]);
  const folder = join(root, "dist", "hosted");
  await mkdir(folder, { recursive: true });
  for (const [name, entry] of programs) {
    const bundled = await bundleProgram({ entry: join(root, entry), root });
    if (!bundled.ok) throw new Error(`${name}: ${bundled.error}`);
    const file = join(folder, `${name}.js`);
    await writeFile(`${file}.tmp`, bundled.text);
    await rename(`${file}.tmp`, file);
  }
}
