// The rounds behind `boot`, `guest` and `hosting`: in each, everyone who is needed runs the guest once, one after the other. They are made once,
// however many benchmarks read them.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { joinArchives } from "../../guests/linux/initramfs.ts";
import type { Contestant, GuestNeeds, Options } from "./benchmark.ts";
import { guestParts, prepareGuest, runBareLoop, runKit, runQemu, type GuestParts, type GuestTimes } from "./contestants.ts";
import type { Figure } from "./figure.ts";
import { startWorker, work } from "./workers.ts";

const ROUNDS = 7;
const QUICK_ROUNDS = 1;

export const NO_LINUX = "not measured: Debian's kernel is not on this machine (the set-up says why)";
export const NO_QEMU = "no peer: qemu-system-riscv64 is not installed";

/** Rounds of everyone who took part. */
type Rounds = Readonly<Partial<Record<Contestant, readonly GuestTimes[]>>>;

interface Question {
  readonly workload: boolean;
}

/** Each run has a process of its own, new as a user's would be, and prepared before its clock starts. */
const role = (contestant: Contestant): string => `guest.${contestant}`;
export const guestRoles: ReadonlyMap<string, () => void> = new Map([
  [role("kit"), () => work<Question, GuestTimes>(async ({ workload }) => runKit(await prepareGuest(workload)))],
  [
    role("bare"),
    () =>
      work<Question, GuestTimes>(async ({ workload }) => {
        const guest = guestParts(await prepareGuest(workload));
        if (guest === undefined) throw new Error(NO_LINUX);
        return runBareLoop(guest);
      }),
  ],
]);

export class GuestRuns {
  readonly #options: Options;
  readonly #peers: ReadonlySet<Contestant>;
  readonly #workload: boolean;
  #rounds: Promise<Rounds | string> | undefined;

  /** @param needs of all benchmarks that will ask */
  constructor(options: Options, needs: readonly GuestNeeds[]) {
    this.#options = options;
    this.#peers = new Set(needs.map(({ peer }) => peer));
    this.#workload = needs.some(({ workload }) => workload);
  }

  /**
   * The kit against a peer, as figures that `read` takes from each run: by name, milliseconds.
   * @returns a text when nothing can be measured here
   */
  async compare(peer: "bare" | "qemu", against: string, read: (times: GuestTimes) => Readonly<Record<string, number>>): Promise<readonly Figure[] | string> {
    const rounds = await (this.#rounds ??= this.#run());
    if (typeof rounds === "string") return rounds;
    const kit = (rounds.kit ?? []).map(read);
    const others = rounds[peer]?.map(read);
    return Object.keys(kit[0] ?? {}).map((name) => ({
      name,
      unit: "ms",
      values: kit.map((each) => each[name]!),
      peers: others?.map((each) => each[name]!) ?? null,
      against: others === undefined ? NO_QEMU : against,
    }));
  }

  async #run(): Promise<Rounds | string> {
    const guest = guestParts(await prepareGuest(this.#workload));
    if (guest === undefined) return NO_LINUX;
    const folder = mkdtempSync(join(tmpdir(), "bailiwick-guest-"));
    try {
      return await this.#alternate(writeFiles(folder, guest));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  async #alternate(files: { readonly kernel: string; readonly initrd: string; readonly ramBytes: number }): Promise<Rounds> {
    const run: Readonly<Record<Contestant, () => Promise<GuestTimes | null>>> = { kit: () => this.#inProcess("kit"), bare: () => this.#inProcess("bare"), qemu: () => runQemu(files) };
    const done = new Map<Contestant, GuestTimes[]>((["kit", ...this.#peers] as const).map((who) => [who, []]));
    const rounds = this.#options.quick ? QUICK_ROUNDS : ROUNDS;
    for (let round = 1; round <= rounds; round++) {
      // There and back again: what comes and goes slowly on this machine favours nobody.
      const order = [...done.keys()];
      for (const who of round % 2 === 1 ? order : order.reverse()) {
        this.#options.say(`guest: round ${round} of ${rounds}, ${who}`);
        const times = await run[who]();
        if (times === null) done.delete(who);
        else done.get(who)?.push(times);
      }
    }
    return Object.fromEntries(done);
  }

  async #inProcess(contestant: Contestant): Promise<GuestTimes> {
    const worker = startWorker<Question, GuestTimes>(role(contestant));
    try {
      return await worker.ask({ workload: this.#workload });
    } finally {
      worker.close();
    }
  }
}

/** For QEMU, which takes files: byte for byte what the others have in memory. */
export function writeFiles(folder: string, { kernel, initrd, initrdExtra, ramBytes }: GuestParts) {
  const files = { kernel: join(folder, "kernel"), initrd: join(folder, "initrd"), ramBytes };
  writeFileSync(files.kernel, kernel);
  writeFileSync(files.initrd, joinArchives([initrd, initrdExtra]));
  return files;
}
