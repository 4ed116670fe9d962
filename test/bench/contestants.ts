// Who runs the guest: the whole kit, the bare engine loop, QEMU. All three get the same kernel, the same initial RAM disk and the same RAM, run the
// same script, and are timed by what the script prints.
//
// `boot` begins where the machine is asked to start with its files in memory (kit and bare: the boot call; QEMU: the start of its process, which reads
// its files from the page cache) and ends with the script's first line. The workload's parts are timed by the guest (guests/linux/scripts.ts), and
// the whole of it by the host.
import { spawn } from "node:child_process";
import { join } from "node:path";
import type { ResolvedSystem } from "../../caps/image/system.ts";
import { prepareAppliance, type Appliance } from "../../servers/operator/appliance.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { startSession } from "../../servers/operator/session.ts";
import type { GuestArgs } from "../../vmm/spec.ts";
import { runBare } from "../support/bare-host.ts";

export interface GuestTimes {
  /** Milliseconds to the first line of the guest's script. */
  readonly boot: number;
  /** Milliseconds of each part of the workload, by the guest's clock. */
  readonly parts: Readonly<Record<string, number>>;
  /** Milliseconds from the script's first line to its last, by the host's clock. */
  readonly total: number;
}

const UP = "bench-up";
const DONE = "bench-done";
const LIMIT_MS = 120_000;

/** @param work what is timed: prints a line `bench NAME MILLISECONDS` for each part */
export const timed = (work: string): string => `echo ${UP}\n${work}\necho ${DONE}`;
const script = (workload: boolean): string => timed(workload ? "/bailiwick/bench" : "");

/** What runs, resolved and built by the operator as for any user: the example appliance with the script to execute. */
export async function prepareGuest(workload: boolean): Promise<Appliance> {
  return prepareAppliance(join(findPackage().root, "examples", "linux"), { exec: { command: script(workload) }, deterministic: true });
}

export interface GuestParts {
  readonly ramBytes: number;
  readonly cmdline: string;
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  /** Follows the initial RAM disk. */
  readonly initrdExtra: Uint8Array;
  /** Without it the guest's random generator is not ready, and each of its system calls takes twice as long. */
  readonly seed: readonly number[];
}

/** The guest's own parts of the appliance, for a machine that is not the kit. undefined: its guest is not Linux, since Debian's kernel is not here. */
export function guestParts({ system, files }: Appliance): GuestParts | undefined {
  const vmm = guestOf(system);
  const file = (use: string): Uint8Array | undefined => {
    const used = vmm.uses.find((each) => each.name === use);
    return used?.kind === "file" ? files.find(({ name }) => name === used.file)?.bytes : undefined;
  };
  const { ramBytes, cmdline, seed = [] } = vmm.args as unknown as GuestArgs;
  const [kernel, initrd, initrdExtra] = [file("kernel"), file("initrd"), file("initrdExtra")];
  if (kernel === undefined || initrd === undefined || initrdExtra === undefined) return undefined;
  return { ramBytes, cmdline, kernel, initrd, initrdExtra, seed };
}

function guestOf(system: ResolvedSystem) {
  const vmm = system.components.find(({ guest }) => guest !== undefined);
  if (vmm === undefined) throw new Error("the example appliance has no guest");
  return vmm;
}

/** Hears a console and takes the times. The clock of `boot` starts with it. */
class Listener {
  readonly #started = performance.now();
  readonly #decoder = new TextDecoder("latin1");
  #text = "";
  #up = 0;
  #done = 0;

  hear(bytes: Uint8Array): void {
    const now = performance.now();
    this.#text += this.#decoder.decode(bytes, { stream: true });
    if (this.#up === 0 && this.#text.includes(`${UP}\n`)) this.#up = now;
    if (this.#done === 0 && this.#text.includes(`${DONE}\n`)) this.#done = now;
  }

  /** Throws what the console said when the script did not come to its end, or a part of it failed. */
  times(who: string): GuestTimes {
    if (this.#up === 0 || this.#done === 0) throw new Error(`${who}: the guest's script did not end; its console:\n${this.#text.slice(-2000)}`);
    const parts: Record<string, number> = {};
    for (const [, name, ms] of this.#text.matchAll(/^bench (\w+) (\w+)\r?$/gm)) {
      if (!(Number(ms) > 0)) throw new Error(`${who}: the guest's workload says: bench ${name} ${ms}`);
      parts[name!] = Number(ms);
    }
    return { boot: this.#up - this.#started, parts, total: this.#done - this.#up };
  }
}

/** Kernel, root server, console driver, VMM and guest, as `bailiwick run` does it. */
export async function runKit(appliance: Appliance): Promise<GuestTimes> {
  const listener = new Listener();
  const console = { write: (bytes: Uint8Array) => listener.hear(bytes), ready: () => true, onDrained() {}, onInput() {} };
  const session = await startSession(appliance, { console, timeoutMs: LIMIT_MS });
  const { status, why } = await session.outcome;
  if (status !== 0) throw new Error(`kit: status ${status}${why === undefined ? "" : `, ${why}`}`);
  return listener.times("kit");
}

/** The same engine and the VMM's own code, called directly: no kernel, no root server, no console driver, no confinement. */
export function runBareLoop(guest: GuestParts): GuestTimes {
  const listener = new Listener();
  runBare({ ...guest, limit: LIMIT_MS, onOutput: (bytes) => listener.hear(bytes) });
  return listener.times("bare");
}

const QEMU = "qemu-system-riscv64";

/** @param files the kernel, and the whole initial RAM disk. @param devices options for more of them. null: QEMU is not installed */
export async function runQemu(files: { readonly kernel: string; readonly initrd: string; readonly ramBytes: number }, devices: readonly string[] = []): Promise<GuestTimes | null> {
  const listener = new Listener();
  const child = spawn(
    QEMU,
    ["-M", "virt", "-smp", "1", "-m", String(files.ramBytes / 2 ** 20), "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot",
      "-kernel", files.kernel, "-initrd", files.initrd, "-append", "console=ttyS0 panic=-1 quiet loglevel=1", ...devices],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let complaint = "";
  // Past OpenSBI's banner, and with carriage returns the kernel's driver adds before raw mode is set.
  child.stdout.on("data", (bytes: Buffer) => listener.hear(bytes));
  child.stderr.on("data", (bytes: Buffer) => (complaint += bytes.toString()));
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const status = await new Promise<number | null | "missing">((resolve, reject) => {
    child.on("error", (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? resolve("missing") : reject(error)));
    child.on("close", resolve);
  }).finally(() => clearTimeout(timer));
  if (status === "missing") return null;
  if (status !== 0) throw new Error(`${QEMU}: status ${status}: ${complaint}`);
  return listener.times("qemu");
}
