// What is measured runs in a process of its own, started once and asked again for each round. Otherwise one figure's programs would decide how the
// JavaScript compiler treats the next one's: a kernel that has met two machines is compiled for two.
//
// A worker is this very program, started with `--worker ROLE`.
import { fork } from "node:child_process";
import type { Pinning } from "./cpu.ts";

export const WORKER = "--worker";

type Answer<A> = { readonly answer: A } | { readonly error: string };

export interface Worker<Q, A> {
  /** One question at a time. Rejects with what the worker threw, or says how it ended. */
  ask(question: Q): Promise<A>;
  close(): void;
}

/** @param pinning the CPU it runs on; absent: any. @param flags of Node's, beside our own */
export function startWorker<Q extends object, A>(role: string, pinning?: Pinning, flags: readonly string[] = []): Worker<Q, A> {
  const program = process.argv[1];
  if (program === undefined) throw new Error("this program does not know its own file");
  const [command, ...before] = [...(pinning?.prefix ?? []), process.execPath];
  const child = fork(program, [WORKER, role], { stdio: ["ignore", "inherit", "inherit", "ipc"], execPath: command, execArgv: [...before, ...process.execArgv, ...flags] });
  return {
    ask: (question) =>
      new Promise<A>((resolve, reject) => {
        const settle = (act: () => void): void => {
          child.off("message", onMessage).off("exit", onExit);
          act();
        };
        const onMessage = (message: unknown): void => {
          const answer = message as Answer<A>;
          settle(() => ("error" in answer ? reject(new Error(`${role}: ${answer.error}`)) : resolve(answer.answer)));
        };
        const onExit = (status: number | null, signal: string | null): void => settle(() => reject(new Error(`${role}: the process that measures it ended (${signal ?? `status ${status}`})`)));
        child.once("message", onMessage).once("exit", onExit);
        child.send(question);
      }),
    close: () => void (child.connected && child.disconnect()),
  };
}

/** Makes this process a worker: it answers until its parent has gone. */
export function work<Q, A>(answer: (question: Q) => A | Promise<A>): void {
  const send = (message: Answer<A>): void => void process.send?.(message);
  process.on("message", (question) => {
    void (async () => {
      try {
        send({ answer: await answer(question as Q) });
      } catch (error) {
        send({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      }
    })();
  });
  process.on("disconnect", () => process.exit());
}
