// A Linux guest with a disk behind a block server, from its boot or from a snapshot; its shell is typed into.
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import type { SystemEvent } from "../../servers/operator/events.ts";
import { startSession, type Session, type SessionOptions } from "../../servers/operator/session.ts";
import type { Restoring } from "../../servers/operator/vm/keeper.ts";
import type { Snapshot } from "../../servers/operator/vm/snapshot.ts";
import { Line, manifestWith, until, withoutKernel } from "./appliance-run.ts";

export const LIMIT_MS = 150_000;

const BLK = "{ image: { server: blk }, cpu: { priority: 190 }, use: { regs: platform.blk0.regs, irq: platform.blk0.irq, iospace: platform.blk0.iospace }, offer: { disk: BlockDriver } }";
const BLOCK = "{ image: { server: block }, memory: 32MiB, cpu: { priority: 185 }, use: { disk: blk.disk }, offer: { root: Block }, args: { root: {} } }";
/** A Linux guest `g` with what `guest` says of it, and the disk behind its VMM. */
export const diskAppliance = (guest: string, disk = "disks: { blk0: { size: 16MiB, mode: memory } }"): string =>
  `${manifestWith({ blk: BLK, block: BLOCK }, `256MiB, ${disk}`)}guests:\n  g: { image: linux, console: console.console, essential: true, ${guest} }\n`;
export interface Running {
  readonly session: Session;
  readonly line: Line;
  readonly events: SystemEvent[];
  /** Types a command; what it prints. */
  ask(command: string): Promise<string>;
}

/** Runs it until `during` is done. @param layers where what is written to its disks stays */
export async function running<T>(folder: string, from: Snapshot | undefined, during: (run: Running) => Promise<T>, begin: Restoring["begin"] = "running", layers?: SessionOptions["layers"]): Promise<T> {
  const prepared = await prepareAppliance(folder, from === undefined ? {} : { restored: [from.guest] });
  const line = new Line(), events: SystemEvent[] = [];
  const session = await startSession(prepared, { console: line, timeoutMs: LIMIT_MS, onEvent: (event) => void (event === undefined || events.push(event)), ...(layers === undefined ? {} : { layers }), ...(from === undefined ? {} : { restore: new Map([[from.guest, { snapshot: from, begin }]]) }) });
  let asked = 0;
  const ask = async (command: string): Promise<string> => {
    // The shell shows what is typed: with quotes, which what it prints has not.
    const tag = `${command.length}-${++asked}.`, at = line.output.length;
    line.type(`echo be''gin ${tag}; ${command}; echo e''nd ${tag}\n`);
    await until(`${command}: ${tag}`, () => line.output.slice(at).includes(`end ${tag}\r\n`), LIMIT_MS / 2);
    const output = withoutKernel(line.output.slice(at).replaceAll("\r", ""));
    return output.slice(output.indexOf(`begin ${tag}\n`) + `begin ${tag}\n`.length, output.indexOf(`end ${tag}\n`));
  };
  try {
    if (from === undefined) await until("the shell", () => events.some((event) => event.event === "guest" && event.state === "ready") && line.output.includes("guest:~# "), LIMIT_MS / 2);
    return await during({ session, line, events, ask });
  } catch (error) {
    throw new Error(`${String(error)}\n${events.slice(-5).map((event) => JSON.stringify(event)).join("\n")}\n${JSON.stringify(line.output.slice(-800))}`, { cause: error });
  } finally {
    session.stop(0);
    await session.outcome;
  }
}

export const restored = <T>(folder: string, from: Snapshot, during: (run: Running) => Promise<T>, begin: Restoring["begin"] = "running", layers?: SessionOptions["layers"]): Promise<T> => running(folder, from, async (run) => {
  await until("it goes on", () => run.session.guests.info("g").state === begin, LIMIT_MS / 2);
  return during(run);
}, begin, layers);
