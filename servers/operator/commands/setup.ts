// bailiwick setup: what `npm run setup` does in a clone, for an installed package. A program of its own, because it runs before anything else exists.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ExitStatus } from "../failure.ts";
import { findPackage } from "../package.ts";
import type { Command } from "./command.ts";

export const setup: Command = {
  summary: "fetch and build what the kit needs: engine, compiler, Debian's kernel",
  help: `Usage: bailiwick setup [OPTIONS]

Idempotent: what is there already is left alone. Its own options: bailiwick setup --help.`,
  run(args) {
    const script = join(findPackage().root, "servers", "operator", "setup", "setup.mjs");
    return new Promise((done, fail) => {
      const child = spawn(process.execPath, [script, ...args], { stdio: "inherit" });
      child.on("error", fail);
      child.on("close", (status, signal) => done(signal === null ? (status ?? ExitStatus.failed) : ExitStatus.interrupt));
    });
  },
};
