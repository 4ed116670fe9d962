// The metrics of a running appliance, for whoever scrapes them. What the machine has counted is read; what its devices have done a guest's VMM is asked for (vmm/life.ts, `stats`).
//
//   M1  However many scrape, and however often, all is collected at most once in COLLECT_MS; whoever comes meanwhile gets the same text.
//   M2  A guest that is paused, has ended or does not answer holds nobody up for more than ANSWER_MS (keeper.ts): it is shown as not up, with what was known of it last.
//   M3  What a VMM answers is looked at before it is believed: it may be the guest's by now.
import { z } from "zod";
import type { MachineCounts } from "../../../vmm/machine.ts";
import { Exposition, type Family, type Labels } from "./exposition.ts";
import { guestCounts, type GuestCounts } from "./guest-counts.ts";
import { guestRam } from "./guest-ram.ts";
import type { GuestInfo, GuestKeeper, KeptMachine } from "./keeper.ts";

const COLLECT_MS = 1000;
/** A guest has no more disks or cards than there are slots. */
const MOST_DEVICES = 32;

const count = z.int().min(0), name = z.string().max(256);
const countsSchema = z.object({
  notified: count,
  console: z.object({ written: count, read: count }),
  disks: z.array(z.object({ name, reads: count, writes: count, flushes: count, readBytes: count, writtenBytes: count, failures: count })).max(MOST_DEVICES),
  cards: z
    .array(
      z.object({
        name,
        frames: z.object({ sent: count, received: count, lost: z.object({ "sent-size": count, "sent-header": count, "came-size": count, "came-unheard": count, "came-no-buffer": count, "came-small-buffer": count }) }),
        bytes: z.object({ sent: count, received: count }),
      }),
    )
    .max(MOST_DEVICES),
}) satisfies z.ZodType<MachineCounts>;

const counter = (of: string, help: string): Family => ({ name: `bailiwick_${of}_total`, type: "counter", help });
const gauge = (of: string, help: string): Family => ({ name: `bailiwick_${of}`, type: "gauge", help });

const APPLIANCE = gauge("appliance_info", "The appliance that runs.");
const TRAPS = counter("kernel_traps", "Traps of threads into the kernel.");
const FAST_CALLS = counter("kernel_fast_calls", "Of those, calls between threads that were carried out without the kernel's TypeScript.");
const ENGINES = gauge("engines", "CPU engines that exist.");
const REBINDS = counter("engine_rebinds", "Engines that were given to another address space.");
const CPU: Family = { name: "process_cpu_seconds_total", type: "counter", help: "User and system CPU time of the process, in seconds." };
const RESIDENT: Family = { name: "process_resident_memory_bytes", type: "gauge", help: "Resident memory of the process, in bytes." };
const UP = gauge("guest_up", "1: the guest runs and its VMM answers. 0: what is told of its devices is what was known last.");
const CPUS = gauge("guest_cpus", "Harts of the guest.");
const MEMORY = gauge("guest_memory_bytes", "RAM of the guest.");
const MEMORY_USED = gauge("guest_memory_used_bytes", "RAM of the guest that the host holds: its own, or shared with all that go on from the same snapshot.");
const SECONDS = counter("guest_cpu_seconds", "CPU time of the guest: in it; in its VMM (an estimate); in the kernel and in servers, for both.");
const EXITS = counter("guest_exits", "What the guest was left for.");
const INTERRUPTS = counter("guest_interrupts", "Interrupts that were raised for the guest's harts.");
const DISK_REQUESTS = counter("guest_disk_requests", "Requests of the guest that its disk carried out.");
const DISK_READ = counter("guest_disk_read_bytes", "Bytes that the guest read from its disk.");
const DISK_WRITTEN = counter("guest_disk_written_bytes", "Bytes that the guest wrote to its disk.");
const DISK_FAILURES = counter("guest_disk_failures", "Requests of the guest that were answered with an error.");
const FRAMES = counter("guest_network_frames", "Frames that the guest's network card sent and received.");
const FRAME_BYTES = counter("guest_network_bytes", "Bytes of the frames that the guest's network card sent and received.");
const FRAMES_LOST = counter("guest_network_lost_frames", "Frames that the guest's network card lost.");
const CONSOLE = counter("guest_console_bytes", "Bytes that the guest wrote to its console, and that came for it.");

/** What was found of a guest last. */
interface Known {
  counts?: GuestCounts;
  devices?: MachineCounts;
  kernelSeconds: number;
  ram?: { readonly own: number; readonly shared: number };
}

export class Metrics {
  readonly #appliance: string;
  readonly #guests: GuestKeeper;
  readonly #known = new Map<string, Known>();
  #all: Promise<Exposition> | undefined;
  #collected = 0;

  constructor(appliance: string, guests: GuestKeeper) {
    this.#appliance = appliance;
    this.#guests = guests;
  }

  /** In Prometheus's text format. @param only guests: theirs alone, and nothing of the machine; null: all. @throws Failure when the machine has stopped */
  async text(only: readonly string[] | null = null): Promise<string> {
    const now = performance.now();
    if (this.#all === undefined || now - this.#collected >= COLLECT_MS) {
      this.#collected = now;
      this.#all = this.#collect();
    }
    const all = await this.#all;
    return only === null ? all.text() : all.text(({ guest }) => guest !== undefined && only.includes(guest));
  }

  async #collect(): Promise<Exposition> {
    const guests = this.#guests.list();
    const answers = await Promise.all(guests.map((guest) => this.#guests.stats(guest.name)));
    const machine = this.#guests.machine, all = new Exposition();
    addMachine(all, machine, this.#appliance);
    for (const [i, guest] of guests.entries()) {
      const known = this.#known.get(guest.name) ?? { kernelSeconds: 0 };
      this.#known.set(guest.name, known);
      const devices = parsed(answers[i]);
      if (devices !== undefined) known.devices = devices;
      this.#look(machine, guest.name, known);
      addGuest(all, guest, devices !== undefined, known);
    }
    return all;
  }

  #look(machine: KeptMachine, guest: string, known: Known): void {
    const component = this.#guests.component(guest), now = guestCounts(machine, component);
    if (now === undefined) return void delete known.ram;
    // A counter never falls, also where the estimate of the VMM's part was too low before; it begins anew when the VMM does.
    const rest = Math.max(0, now.seconds.all - now.seconds.guest - now.seconds.vmm);
    known.kernelSeconds = now.seconds.all < (known.counts?.seconds.all ?? 0) ? rest : Math.max(known.kernelSeconds, rest);
    known.counts = now;
    // 1.6 ms for 2 GiB.
    const use = guestRam(machine.kernel, component).map(({ physical, bytes }) => machine.ramImages.use(physical, bytes));
    known.ram = { own: use.reduce((sum, { own }) => sum + own, 0), shared: use.reduce((sum, { shared }) => sum + shared, 0) };
  }
}

function parsed(answer: string | undefined): MachineCounts | undefined {
  if (answer === undefined) return undefined;
  try {
    return countsSchema.safeParse(JSON.parse(answer)).data;
  } catch {
    return undefined;
  }
}

function addMachine(all: Exposition, machine: KeptMachine, appliance: string): void {
  const { traps, fastCalls, engines, rebinds } = machine.stats(), { user, system } = process.cpuUsage();
  all.add(APPLIANCE, { appliance }, 1);
  all.add(TRAPS, {}, traps);
  all.add(FAST_CALLS, {}, fastCalls);
  all.add(ENGINES, {}, engines);
  all.add(REBINDS, {}, rebinds);
  all.add(CPU, {}, (user + system) / 1e6);
  all.add(RESIDENT, {}, process.memoryUsage.rss());
}

function addGuest(all: Exposition, { name: guest, memory, cpus }: GuestInfo, up: boolean, { counts, devices, kernelSeconds, ram }: Known): void {
  const by = (family: Family, label: string, values: Readonly<Record<string, number>>, more: Labels = {}): void => {
    for (const [key, value] of Object.entries(values)) all.add(family, { guest, ...more, [label]: key }, value);
  };
  all.add(UP, { guest }, up ? 1 : 0);
  all.add(CPUS, { guest }, cpus);
  all.add(MEMORY, { guest }, memory);
  if (ram !== undefined) by(MEMORY_USED, "kind", { own: ram.own, shared: ram.shared });
  if (counts !== undefined) {
    by(SECONDS, "part", { guest: counts.seconds.guest, vmm: counts.seconds.vmm, kernel: kernelSeconds });
    by(EXITS, "kind", counts.exits);
    if (counts.interrupts !== undefined) by(INTERRUPTS, "kind", counts.interrupts);
  }
  if (devices === undefined) return;
  by(EXITS, "kind", { notified: devices.notified });
  by(CONSOLE, "direction", devices.console);
  for (const { name: disk, reads, writes, flushes, readBytes, writtenBytes, failures } of devices.disks) {
    by(DISK_REQUESTS, "kind", { read: reads, write: writes, flush: flushes }, { disk });
    all.add(DISK_READ, { guest, disk }, readBytes);
    all.add(DISK_WRITTEN, { guest, disk }, writtenBytes);
    all.add(DISK_FAILURES, { guest, disk }, failures);
  }
  for (const { name: card, frames, bytes } of devices.cards) {
    by(FRAMES, "direction", { sent: frames.sent, received: frames.received }, { card });
    by(FRAME_BYTES, "direction", { ...bytes }, { card });
    by(FRAMES_LOST, "reason", frames.lost, { card });
  }
}
