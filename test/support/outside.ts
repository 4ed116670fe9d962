// Programs of others that tests ask what they make of what our own code makes (servers/operator/setup/tools.mjs): the set-up sees to them where there is a Debian mirror.
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { findPackage } from "../../servers/operator/package.ts";
import type { SetupRecord } from "../../servers/operator/setup/steps.mjs";

type ToolName = "tcpdump" | "minisign" | "skopeo" | "dtc" | "promtool";

export interface OutsideTool {
  /** It is here, and it runs. */
  readonly there: boolean;
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
  run(args: readonly string[], options?: { readonly cwd?: string; readonly input?: string | Uint8Array }): SpawnSyncReturns<string>;
}

/** @param versionOption with which it says its version and ends well */
export function outsideTool(name: ToolName, versionOption: string): OutsideTool {
  const { record } = findPackage();
  const { program, lib } = (existsSync(record) ? (JSON.parse(readFileSync(record, "utf8")) as SetupRecord)[name] : undefined) ?? { program: name };
  const env = lib === undefined ? process.env : { ...process.env, LD_LIBRARY_PATH: lib };
  const run: OutsideTool["run"] = (args, options = {}) => spawnSync(program, args, { encoding: "utf8", env, maxBuffer: 1 << 28, ...options });
  return { there: run([versionOption]).status === 0, program, env, run };
}
