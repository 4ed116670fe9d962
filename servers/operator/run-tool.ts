// Runs a program of the host's to its end.
import { spawn } from "node:child_process";

export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Undefined: there is no such program. Its messages are not translated. */
export function runTool(command: string, args: readonly string[], folder = process.cwd()): Promise<Finished | undefined> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, LC_ALL: "C" } });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? done(undefined) : fail(error)));
    child.on("close", (status) => done({ status: status ?? 1, stdout, stderr }));
  });
}
