// bailiwick version: ours, the engine's, Node's.
import { usageError } from "../failure.ts";
import { findPackage } from "../package.ts";
import { parseOptions, type Command } from "./command.ts";

export const version: Command = {
  summary: "print the versions of the kit, its CPU engine and Node",
  help: `Usage: bailiwick version [--json]`,
  async run(args) {
    const { values, positionals } = parseOptions(args, { json: { type: "boolean" } });
    if (positionals.length > 0) throw usageError("version takes no arguments");
    const versions = { bailiwick: findPackage().version, unicorn: await engineVersion(), node: process.versions.node };
    process.stdout.write(values.json === true ? `${JSON.stringify(versions)}\n` : `bailiwick ${versions.bailiwick}\nunicorn ${versions.unicorn ?? "not set up: bailiwick setup"}\nnode ${versions.node}\n`);
    return 0;
  },
};

/** null when the addon or libunicorn is not there. */
async function engineVersion(): Promise<string | null> {
  try {
    const engine = await import("../../../core/machine/unicorn.ts");
    return engine.version().string;
  } catch {
    return null;
  }
}
