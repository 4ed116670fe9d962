// Step: the TypeScript build into dist/, by tsup. An installed package has dist/ already.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "./command.mjs";
import { hashOf, readIfAny, writeWhole } from "./stamp.mjs";

const INPUTS = ["caps", "core", "vmm", "servers", "guests", "test/bench", "package.json", "package-lock.json", "tsconfig.json", "tsup.config.ts"];

/** @type {import("./steps.mjs").Step} */
export const build = {
  name: "build",
  title: "TypeScript",
  ready: ({ places }) => places.installed || (readIfAny(stamp(places)) === inputs(places) && outputs(places).every((file) => existsSync(file))),
  async run({ places }, line) {
    const before = inputs(places);
    rmSync(stamp(places), { force: true });
    line.live("tsup");
    await mustRun(process.execPath, [join(places.root, "node_modules", "tsup", "dist", "cli-default.js")], {
      cwd: places.root,
      onLine: (text) => line.live(text),
    });
    writeWhole(stamp(places), before);
    return "built into dist/";
  },
};

/** @param {import("./places.mjs").Places} places */
function stamp(places) {
  return join(places.own, "dist.sha256");
}

/** @param {import("./places.mjs").Places} places */
function inputs({ root }) {
  return hashOf(root, INPUTS.map((name) => join(root, name)), (name) => name === "build" || name === "node_modules" || name.endsWith(".md"));
}

/** The files that package.json promises. @param {import("./places.mjs").Places} places */
function outputs({ root }) {
  /** @type {{ main: string, bin: Record<string, string> }} */
  const { main, bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return [main, ...Object.values(bin)].map((file) => join(root, file));
}
