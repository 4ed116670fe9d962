// One CPU for everything that is compared by the nanosecond. Two processes of a pipe need it (a wake-up across CPUs takes several times as long), and
// what else runs on this machine then disturbs both sides alike.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Pinning {
  readonly cpu: number;
  /** Goes before a command's own words, to run it on that CPU. */
  readonly prefix: readonly [string, ...string[]];
}

/** The last CPU that this process may use. undefined when taskset(1), of util-linux, is not there. */
export function findPinning(): Pinning | undefined {
  try {
    const allowed = /^Cpus_allowed_list:.*?(\d+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (allowed === undefined) return undefined;
    const prefix = ["taskset", "-c", allowed] as const;
    execFileSync("taskset", ["-c", allowed, "true"], { stdio: "ignore" });
    return { cpu: Number(allowed), prefix: [...prefix] };
  } catch {
    return undefined;
  }
}
