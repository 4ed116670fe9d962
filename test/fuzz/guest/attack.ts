// A hostile guest (test/security/guests/fuzz.c) with all devices that a guest can have, its disk and its network shared with a neighbour that checks what it gets, on the real machine.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ramDisk } from "../../../core/host/disk.ts";
import { findLinux } from "../../../guests/linux/installed.ts";
import { findPackage } from "../../../servers/operator/package.ts";
import { applianceFolder, Line, manifestWith, runAppliance, until } from "../../support/appliance-run.ts";
import { exactRounds, pairComponents, pairFiles } from "../../support/bystanders.ts";
import { compileGuest } from "../../support/hostile-guest.ts";

export interface GuestAttack {
  readonly exits: number;
  readonly seed: number;
  /** Exits so far. */
  readonly onProgress?: (exits: number, seconds: number) => void;
  readonly limitMs: number;
}

export interface GuestAttackResult {
  readonly exits: number;
  readonly devices: number;
  readonly seconds: number;
  /** What the neighbours did, all of it right: rounds of a Linux guest with its disk (null: there is no Debian here), and of a pair of programs. */
  readonly neighbour: number | null;
  readonly pair: number;
  /** Resident memory of the process at each progress, in bytes. */
  readonly memory: readonly number[];
  /** Why it failed; null when nothing broke. */
  readonly failure: string | null;
  /** What the VMM told the operator of its guest. */
  readonly complaints: readonly string[];
}

const MIB = 2 ** 20;
const BLK = "{ image: { server: blk }, cpu: { priority: 190 }, use: { regs: platform.blk0.regs, irq: platform.blk0.irq, iospace: platform.blk0.iospace }, offer: { disk: BlockDriver } }";
const BLOCK = "{ image: { server: block }, memory: 32MiB, cpu: { priority: 185 }, use: { disk: blk.disk }, offer: { hostile: Block, neighbour: Block }, args: { hostile: { first: 0, sectors: 8192 }, neighbour: { first: 8192, sectors: 8192 } } }";
const TIMER = "{ image: { server: timer }, cpu: { priority: 199 }, use: { regs: platform.alarm0.regs, irq: platform.alarm0.irq }, offer: { timer: Timer } }";
const CLOCK = "{ image: { server: timer }, cpu: { priority: 198 }, use: { regs: platform.rtc0.regs, irq: platform.rtc0.irq }, offer: { timer: Timer } }";
const SWITCH = "{ image: { server: switch }, memory: 8MiB, slots: 512, cpu: { priority: 185 }, use: { timer: timer.timer, time: platform.cpu.time }, offer: { hostile: NicDriver, neighbour: NicDriver } }";
const SINK = "{ image: { c: sink.c }, cpu: { priority: 120 }, use: { console: console.console }, offer: { console: Console } }";

/** Writes what nobody could guess to its disk, and reads it back past its own cache. */
const NEIGHBOUR = `ip link set eth0 up; n=0; wrong=0
while :; do
  dd if=/dev/urandom of=/tmp/own bs=64k count=4 2>/dev/null
  dd if=/tmp/own of=/dev/vda bs=4k conv=fsync 2>/dev/null
  echo 3 >/proc/sys/vm/drop_caches
  dd if=/dev/vda bs=64k count=4 2>/dev/null | cmp -s - /tmp/own || wrong=$((wrong + 1))
  n=$((n + 1)); echo "neighbour: $n rounds, $wrong wrong"
done`;

export async function attackFromGuest({ exits, seed, onProgress, limitMs }: GuestAttack): Promise<GuestAttackResult> {
  const linux = findLinux(findPackage().record);
  const hasLinux = linux.ok && linux.value !== undefined;
  const hostile = "  hostile: { image: { kernel: hostile.image }, memory: 16MiB, console: sink.console, input: false, disks: { disk: block.hostile }, ports: { lan: switch.hostile }, devices: { own: platform.blk1 }, clock: clock.timer }\n";
  const neighbour = hasLinux ? "  neighbour: { image: linux, memory: 96MiB, console: console.console, essential: true, disks: { disk: block.neighbour }, ports: { lan: switch.neighbour } }\n" : "";
  const components = { ...pairComponents(), blk: BLK, block: BLOCK, timer: TIMER, clock: CLOCK, switch: SWITCH, sink: SINK };
  using folder = applianceFolder({
    "appliance.yaml": `${manifestWith(components, "320MiB, disks: { blk0: { mode: memory, size: 16MiB }, blk1: { mode: memory, size: 4MiB } }")}guests:\n${hostile}${neighbour}`,
    "hostile.image": compileGuest("fuzz", { FUZZ_SEED: seed, FUZZ_EXITS: exits }),
    "sink.c": readFileSync(join(findPackage().root, "test", "fuzz", "guest", "sink.c")),
    ...pairFiles(),
  });
  const line = new Line();
  const memory: number[] = [];
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  const done = (): number => Number([...line.output.matchAll(/^fuzz: @(\d+) exits$/gm)].at(-1)?.[1] ?? 0);
  const rounds = (): number => Number([...line.output.matchAll(/^neighbour: (\d+) rounds/gm)].at(-1)?.[1] ?? 0);
  let failure: string | null = null;
  let ended: Record<string, unknown> | undefined;
  const run = await runAppliance(folder.path, {
    line,
    limitMs,
    disks: { blk0: ramDisk(new Uint8Array(16 * MIB)), blk1: ramDisk(new Uint8Array(4 * MIB)) },
    ...(hasLinux ? { exec: NEIGHBOUR, execGuest: "neighbour" } : {}),
    onEvent(event) {
      if (event["event"] === "guest" && event["guest"] === "hostile" && event["state"] !== "running") ended = event;
      if (event["event"] === "fault") failure ??= `${String(event["component"])} faulted: ${JSON.stringify(event)}`;
    },
    async during() {
      let seen = -1;
      await until("the hostile guest is done", () => {
        const now = done();
        if (now > seen) {
          seen = now;
          globalThis.gc?.();
          memory.push(process.memoryUsage().rss);
          onProgress?.(now, seconds());
        }
        return ended !== undefined || failure !== null;
      }, limitMs);
      // The neighbours go on after it.
      const [pair, others] = [exactRounds(line.output), rounds()];
      if (failure === null) await until("the neighbours go on", () => exactRounds(line.output) > pair && (!hasLinux || rounds() > others + 1), 60_000);
    },
  }).catch((error: unknown) => {
    failure ??= error instanceof Error ? error.message : String(error);
    return null;
  });
  const output = line.output;
  if (failure === null && ended?.["state"] !== "poweroff") failure = `the hostile guest ended otherwise: ${JSON.stringify(ended)}`;
  if (failure === null && done() < exits) failure = `the hostile guest ended after ${done()} exits`;
  const wrong = /neighbour: .* [1-9]\d* wrong/.exec(output)?.[0];
  if (wrong !== undefined) failure ??= `the neighbour's disk: ${wrong}`;
  return {
    exits: done(),
    devices: Number(/^fuzz: @(\d+) devices: done$/m.exec(output)?.[1] ?? 0),
    seconds: seconds(),
    neighbour: hasLinux ? rounds() : null,
    pair: failure === null ? exactRounds(output) : 0,
    memory,
    failure,
    complaints: (run?.events ?? []).filter(({ event, component }) => event === "log" && component === "hostile").map(({ text }) => String(text)),
  };
}
