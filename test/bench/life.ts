// The benchmark `life`: what it takes to write a guest down, to go on from that, and to have many that do.
import { randomBytes } from "node:crypto";
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findLinux } from "../../guests/linux/installed.ts";
import { prepareAppliance } from "../../servers/operator/appliance.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { startSession, type Session } from "../../servers/operator/session.ts";
import { MACHINE_FLAGS } from "../../servers/operator/vm/process.ts";
import { openSnapshot } from "../../servers/operator/vm/snapshot.ts";
import { applianceFolder, Line, manifestWith, pause, until } from "../support/appliance-run.ts";
import type { Benchmark } from "./benchmark.ts";
import type { Figure } from "./figure.ts";
import { NO_LINUX } from "./guest-runs.ts";
import { startWorker, work } from "./workers.ts";

const SOURCE = "life.source", CLONE = "life.clone";
const GUEST_MIB = 256, DIRTY_MIB = 64, DISK_MIB = 1024;
const ROUNDS = 7, CLONES = 20, QUICK_ROUNDS = 2, QUICK_CLONES = 4;
const LIMIT_MS = 300_000;
/** What the clones' guests do before their memory is looked at, all at once: longer than a guest has to be at rest before its engine is renewed (core/resting.ts). */
const SETTLE_MS = 45_000;
const GUEST = `image: linux, memory: ${GUEST_MIB}MiB, console: console.console, essential: true`;
const MANIFEST = `${manifestWith({}, `${2 * GUEST_MIB}MiB`)}guests:\n  g: { ${GUEST} }\n`;
const BLK = "{ image: { server: blk }, cpu: { priority: 190 }, use: { regs: platform.blk0.regs, irq: platform.blk0.irq, iospace: platform.blk0.iospace }, offer: { disk: BlockDriver } }";
const BLOCK = "{ image: { server: block }, memory: 32MiB, cpu: { priority: 185 }, use: { disk: blk.disk }, offer: { root: Block }, args: { root: {} } }";
const DISK_MANIFEST = `${manifestWith({ blk: BLK, block: BLOCK }, `${2 * GUEST_MIB}MiB, disks: { blk0: { file: disk.img, size: ${DISK_MIB}MiB } }`)}guests:\n  g: { ${GUEST}, disks: { data: block.root } }\n`;

interface Wanted {
  readonly folder: string;
  /** Where the snapshots go; the last stays. */
  readonly snapshot: string;
  readonly rounds: number;
}
interface Written {
  /** How long the guest stood, and how long until the snapshot was whole, ms. */
  readonly paused: readonly number[];
  readonly whole: readonly number[];
}

async function source({ folder, snapshot, rounds }: Wanted): Promise<Written> {
  const line = new Line(), paused: number[] = [], whole: number[] = [];
  const session = await startSession(await prepareAppliance(folder), { console: line, timeoutMs: LIMIT_MS });
  const ask = async (command: string): Promise<void> => {
    const at = line.output.length;
    line.type(`${command}; echo do''ne\n`);
    await until(command, () => line.output.slice(at).includes("done\r\n"), LIMIT_MS / 3);
  };
  await until("the shell", () => line.output.includes("guest:~# "), LIMIT_MS / 3);
  for (let round = 0; round < rounds; round++) {
    if (round > 0) rmSync(snapshot, { recursive: true });
    await ask(`dd if=/dev/urandom of=/tmp/part bs=1M count=1 2>/dev/null; for i in $(seq ${DIRTY_MIB}); do cat /tmp/part; done >/tmp/dirty`);
    const from = performance.now();
    paused.push((await session.guests.snapshot("g", snapshot)).pausedMs);
    whole.push(performance.now() - from);
  }
  session.stop(0);
  await session.outcome;
  return { paused, whole };
}

/** A disk of which every other MiB is full. */
function writeDisk(path: string): void {
  const fd = openSync(path, "w"), full = randomBytes(2 ** 20);
  for (let mib = 0; mib < DISK_MIB; mib += 2) writeSync(fd, full, 0, full.length, mib * 2 ** 20);
  ftruncateSync(fd, DISK_MIB * 2 ** 20);
  closeSync(fd);
}

interface Order {
  /** `ready`: checks the snapshot and makes all ready. `begin`: the guest goes on. `look`: resident KiB. */
  readonly do: "ready" | "begin" | "look";
  readonly folder: string;
  readonly snapshot: string;
}
interface Told {
  readonly ms: number;
  /** With `ready`: reading all of the snapshot's memory into memory, which is what it would take without a mapping. */
  readonly eager: number;
  /** Resident bytes; what several share counts in parts. */
  readonly resident: number;
}

let held: Session | undefined, began = 0;

async function clone({ do: what, folder, snapshot: path }: Order): Promise<Told> {
  const resident = Number(/^Pss:\s+(\d+)/m.exec(readFileSync("/proc/self/smaps_rollup", "latin1"))![1]) * 1024;
  if (what === "look") return { ms: 0, eager: 0, resident };
  if (what === "ready") {
    const from = performance.now(), snapshot = await openSnapshot(path), ms = performance.now() - from;
    const eager = readAll(snapshot.layers.flat().map((each) => each.path));
    held = await startSession(await prepareAppliance(folder, { restored: ["g"] }), { console: new Line(), timeoutMs: LIMIT_MS, onEvent: (event) => void (event?.event === "guest" && event.state === "running" && (began = performance.now())), restore: new Map([["g", { snapshot, begin: "standby" }]]) });
    await until("it is ready", () => held!.guests.info("g").state === "standby", LIMIT_MS / 3);
    // What the machine does once is over.
    await pause(500);
    return { ms, eager, resident };
  }
  const from = performance.now();
  await held!.guests.resume("g");
  // As it was said, in the middle of the machine's turn; who waits for it hears of it when that is over.
  return { ms: began - from, eager: 0, resident };
}

function readAll(paths: readonly string[]): number {
  const from = performance.now();
  for (const path of paths) {
    const fd = openSync(path, "r"), bytes = Buffer.alloc(statSync(path).size);
    readSync(fd, bytes);
    closeSync(fd);
  }
  return performance.now() - from;
}

export const lifeRoles: ReadonlyMap<string, () => void> = new Map([[SOURCE, () => work<Wanted, Written>(source)], [CLONE, () => work<Order, Told>(clone)]]);

export const life: Benchmark = {
  name: "life",
  summary: "snapshots of a guest: how long it stands, how soon it goes on, what many clones take",
  async measure({ quick, say }) {
    const linux = findLinux(findPackage().record);
    if (!linux.ok || linux.value === undefined) return NO_LINUX;
    using folder = applianceFolder({ "appliance.yaml": MANIFEST });
    const kept = mkdtempSync(join(tmpdir(), "bailiwick-life-")), snapshot = join(kept, "snapshot");
    const clones: ReturnType<typeof startWorker<Order, Told>>[] = [];
    try {
      say("life: snapshots");
      const writer = startWorker<Wanted, Written>(SOURCE);
      const { paused, whole } = await writer.ask({ folder: folder.path, snapshot, rounds: quick ? QUICK_ROUNDS : ROUNDS }).finally(() => writer.close());
      say("life: snapshots with a disk");
      using withDisk = applianceFolder({ "appliance.yaml": DISK_MANIFEST });
      writeDisk(join(withDisk.path, "disk.img"));
      const diskWriter = startWorker<Wanted, Written>(SOURCE);
      const disk = await diskWriter.ask({ folder: withDisk.path, snapshot: join(kept, "disk"), rounds: quick ? QUICK_ROUNDS : ROUNDS }).finally(() => diskWriter.close());
      const checks: number[] = [], begins: number[] = [], eager: number[] = [];
      const count = quick ? QUICK_CLONES : CLONES;
      for (let i = 0; i < count; i++) {
        say(`life: clone ${i + 1} of ${count}`);
        const worker = startWorker<Order, Told>(CLONE, undefined, MACHINE_FLAGS), order = { folder: folder.path, snapshot };
        clones.push(worker);
        const ready = await worker.ask({ ...order, do: "ready" });
        checks.push(ready.ms);
        eager.push(ready.eager);
        begins.push((await worker.ask({ ...order, do: "begin" })).ms);
      }
      await pause(SETTLE_MS);
      const looks = await Promise.all(clones.map((worker) => worker.ask({ do: "look", folder: "", snapshot: "" })));
      const resident = looks.reduce((sum, look) => sum + look.resident, 0);
      const alone = (name: string, unit: Figure["unit"], values: readonly number[], against: string, limit?: number): Figure => ({ name: `life.${name}`, unit, values, peers: null, against, ...(limit === undefined ? {} : { limit }) });
      return [
        alone("pause", "ms", paused, `the guest stands: ${GUEST_MIB} MiB, ${DIRTY_MIB} of them just written`, 20),
        alone("snapshot", "ms", whole, "until the snapshot is whole, and on stable storage"),
        alone("disk-pause", "ms", disk.paused, `the same with a disk of ${DISK_MIB} MiB, half full`, 20),
        alone("disk-snapshot", "ms", disk.whole, "until that is whole, and on stable storage"),
        { name: "life.begin", unit: "ms", values: begins, peers: eager, against: "reading all of its memory", limit: 20 },
        alone("restore", "ms", begins.map((ms, i) => ms + checks[i]!), "the same, and every byte checked before", 50),
        { name: "life.clones", unit: "KiB", values: [resident / 1024], peers: [GUEST_MIB * 1024], against: `resident memory of ${count} clones in processes of their own, against one guest's`, aim: 3 },
      ];
    } finally {
      for (const worker of clones) worker.close();
      rmSync(kept, { recursive: true, force: true });
    }
  },
};
