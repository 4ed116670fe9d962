// One run of an appliance: the machine is booted, its events are heard, and it is stopped when an essential part has ended, its time is over, or
// somebody wants it to. What the run came to is a value; nothing here touches a terminal or the process.
import type { BootOptions, Ending, System } from "../../core/boot.ts";
import type { Faculty } from "../../caps/image/faculties.ts";
import { SECRET_BYTES } from "../../caps/image/measurements.ts";
import type { ConsoleBackend, DisplayPorts } from "../../core/host/backend.ts";
import { watchFrames } from "../../core/host/pcap.ts";
import { createPicture } from "../../core/host/picture.ts";
import type { TraceRecord } from "../../core/kernel/trace.ts";
import { withSecret, type Appliance } from "./appliance.ts";
import { openDisks, type RestoredDisk } from "./disks.ts";
import { parseEvent, type SystemEvent } from "./events.ts";
import { checkFaculty } from "./faculties.ts";
import { ExitStatus, FailureCode, failure, textOf, type Failure } from "./failure.ts";
import type { GdbServer } from "./gdb/server.ts";
import { createMonitor } from "./monitor.ts";
import { openNetworks, type OnTrouble } from "./networks.ts";
import { GuestKeeper, type Restoring } from "./vm/keeper.ts";
import { createLayers, openLayers, passingDisks } from "./vm/layers.ts";

export interface SessionOptions {
  readonly console: ConsoleBackend;
  /** Milliseconds after which the run is stopped; absent: never. */
  readonly timeoutMs?: number;
  readonly clock?: "host" | "blocks";
  readonly seed?: Uint8Array;
  /** What guests go on from, by name; the appliance was prepared for it (PrepareOptions.restored). */
  readonly restore?: ReadonlyMap<string, Restoring>;
  /**
   * A folder for what restored guests write to their disks, which is gone at the end otherwise. With `restore` layers are made in it, and must not be there, unless they are to be replaced; without, the
   * disks are those that were left there.
   */
  readonly layers?: { readonly folder: string; readonly replace?: boolean };
  /** Devices reach all of RAM but for what is mapped for them: to see what the IOMMU is there for. */
  readonly unchecked?: boolean;
  /** The platform's, for an appliance that wants it. */
  readonly secret?: Uint8Array;
  /** What shows the appliance's display, and who types; by default a picture that nobody looks at. For an appliance that has a display. */
  readonly display?: DisplayPorts;
  /** Each frame that goes over a network device, either way, before it goes on; not to be kept. */
  readonly onFrame?: (device: string, frame: Uint8Array) => void;
  /** What the kernel does, as it is recorded, and how many records were lost because too much happened between two turns of the host. */
  readonly onTrace?: (records: readonly TraceRecord[], lost: number) => void;
  /** A port for gdb, which the caller has opened; closed with the run. */
  readonly gdb?: GdbServer;
  /** Every line of the control device: as an event when it is one. */
  readonly onEvent?: (event: SystemEvent | undefined, line: string) => void;
}

/** How a run ended. `status` is the exit status for it, `why` one line for people when it is not the appliance's own end. */
export interface Outcome {
  readonly status: number;
  readonly why?: string;
}

export interface Session {
  /** Resolves when the machine has stopped. */
  readonly outcome: Promise<Outcome>;
  /** The appliance's guests, to be paused, resumed and written down. */
  readonly guests: GuestKeeper;
  /** Ends the run with this status; the first wins. */
  stop(status: number, why?: string): void;
}

/** Boots. Rejects with a Failure when the machine cannot be built. */
export async function startSession(appliance: Appliance, options: SessionOptions): Promise<Session> {
  checkHostMemory(appliance.system.memory);
  if (appliance.wantsSecret && options.secret?.length !== SECRET_BYTES) {
    throw failure(FailureCode.platformKey, "the appliance uses platform.secret, and is given none", { cause: `it takes ${SECRET_BYTES} bytes`, fix: "startSession(appliance, { secret: platformSecret(appliance.folder), ... })" });
  }
  const { denied = [] } = appliance.system;
  if (options.onTrace !== undefined) checkFaculty(appliance.system, "trace");
  if (options.gdb !== undefined) checkFaculty(appliance.system, "debug");
  if (options.restore !== undefined && options.restore.size > 0) checkFaculty(appliance.system, "control");
  if (options.onFrame !== undefined) checkFaculty(appliance.system, "capture");
  if (options.unchecked === true) checkFaculty(appliance.system, "unchecked");
  const console = denyConsole(options.console, denied);
  let decided: Outcome | undefined;
  /** What the appliance has said of its end. Without a driver the machine may be idle before that is carried out: it is its end all the same. */
  let reported: Outcome | undefined;
  let system: System | undefined;
  const stop = (status: number, why?: string): void => {
    decided ??= why === undefined ? { status } : { status, why };
    system?.stop(why ?? `status ${status}`);
  };
  // Claims cost nothing where there are none.
  const monitor = appliance.system.assertions.length === 0 ? undefined : createMonitor(appliance.system);
  let begun = false, keeper: GuestKeeper | undefined;
  const boot: BootOptions = {
    ramBytes: appliance.system.memory,
    largePages: (options.restore?.size ?? 0) === 0,
    files: withSecret(appliance, options.secret),
    console,
    terminal: appliance.terminal,
    clock: options.clock ?? "host",
    onEvent: (line) => {
      const event = parseEvent(line);
      if (event?.event === "started" && !begun && system !== undefined) {
        begun = true;
        const [difference] = monitor?.begin(system.kernel) ?? [];
        options.gdb?.begin(system, appliance.system);
        if (difference !== undefined) stop(ExitStatus.denied, `what was booted is not what the manifest describes: ${difference}`);
      }
      if (event?.event === "restarting") monitor?.rebuilt(event.component);
      if (event?.event === "guest" && keeper?.heard(event) === true) return;
      if (event?.event === "exit" || event?.event === "fault") keeper?.gone(event.component, event.event);
      // What a guest showed last is its output.
      if (event?.event === "guest" && denied.includes("output")) options.onEvent?.({ ...event, console: [] }, "");
      else options.onEvent?.(event, line);
      if (event?.event !== "end") return;
      reported ??= { status: event.status };
      void delivered(console).then(() => stop(event.status));
    },
    onTurn: () => {
      if (system === undefined) return;
      options.gdb?.turn();
      for (const { broken, by } of monitor?.look(system.kernel) ?? []) {
        const kind = appliance.system.assertions[broken.index]?.kind ?? "";
        stop(ExitStatus.denied, `the appliance was stopped: ${by.holder} was given ${by.thing}, and claim ${broken.index + 1} of the manifest (${kind}) does not hold any more: ${broken.says}`);
      }
    },
    ...(options.unchecked === undefined ? {} : { unchecked: options.unchecked }),
    ...(appliance.display === undefined ? {} : { display: displayFor(appliance.display, options.display, denied) }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.onTrace === undefined ? {} : { onTrace: options.onTrace }),
  };
  const behind = await openBehind(appliance, await restoredDisks(appliance, options), (device, text) => boot.onEvent(JSON.stringify({ event: "log", component: device, text })));
  const { onFrame } = options;
  const networks = onFrame === undefined ? behind.networks : Object.fromEntries(Object.entries(behind.networks).map(([device, network]) => [device, watchFrames(network, (frame) => onFrame(device, frame))]));
  const guests = (keeper = new GuestKeeper(appliance.system, behind.disks, options.restore));
  try {
    system = await start({ ...boot, disks: behind.disks, networks });
  } catch (error) {
    await behind.close();
    throw error;
  }
  guests.begin(system);
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => stop(ExitStatus.timeout, `stopped: --timeout of ${(options.timeoutMs ?? 0) / 1000} s is over`), options.timeoutMs);
  const outcome = system
    .run()
    .then(async (ending) => {
      await turn(); // what the machine wrote last goes out with the host's next turn
      return decided ?? reported ?? describeEnding(ending);
    })
    .finally(async () => {
      clearTimeout(timer);
      const given = guests.end();
      options.gdb?.close();
      await behind.close();
      await given;
    });
  return { outcome, stop, guests };
}

/** What is typed does not arrive, what is written is not shown, where the operator may not. */
function denyConsole(console: ConsoleBackend, denied: readonly Faculty[]): ConsoleBackend {
  return {
    write: (bytes) => (denied.includes("output") ? undefined : console.write(bytes)),
    ready: () => denied.includes("output") || console.ready(),
    onDrained: (callback) => console.onDrained(callback),
    onInput: (callback) => (denied.includes("input") ? undefined : console.onInput(callback)),
  };
}

/** The same of the display: it is there all the same, for the appliance. */
function displayFor({ width, height }: NonNullable<Appliance["display"]>, given: DisplayPorts | undefined, denied: readonly Faculty[]): DisplayPorts {
  const picture = given === undefined || denied.includes("display") ? createPicture(width, height) : given.picture;
  return given?.input === undefined || denied.includes("input") ? { picture } : { picture, input: given.input };
}

/** A guest that goes on from a snapshot finds its disks as they were then; one that boots over layers, as they were left. @throws Failure */
async function restoredDisks({ disks }: Appliance, { restore, layers }: SessionOptions): Promise<ReadonlyMap<string, RestoredDisk>> {
  const snapshots = [...(restore?.values() ?? [])].map(({ snapshot }) => snapshot);
  if (layers === undefined) return passingDisks(snapshots);
  if (snapshots.length > 0) return createLayers(layers.folder, snapshots, disks.filter(({ mode }) => mode !== "ro").map(({ device }) => device), layers.replace === true);
  const left = await openLayers(layers.folder), unknown = [...left.keys()].find((device) => !disks.some((disk) => disk.device === device));
  if (unknown === undefined) return left;
  throw failure(FailureCode.disk, `the layers in ${layers.folder} are of a disk ${unknown}, which the appliance has not`, { fix: "the appliance that they were made with" });
}

/** Disks and networks: all of them or none. @throws Failure */
async function openBehind({ disks: images, networks: cables }: Appliance, restored: ReadonlyMap<string, RestoredDisk>, onTrouble: OnTrouble) {
  const disks = await openDisks(images, restored);
  try {
    const networks = await openNetworks(cables, onTrouble);
    return { disks: disks.behind, networks: networks.behind, close: async () => void (await Promise.all([networks.close(), disks.close()])) };
  } catch (error) {
    await disks.close();
    throw error;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Longest wait for a slow reader at the end of a run. */
const DELIVERY_MS = 2000;

/** While the host takes no output, drivers hold what was written before the end: the machine goes on until they are rid of it, or the reader is too slow. */
async function delivered(console: ConsoleBackend): Promise<void> {
  const deadline = Date.now() + DELIVERY_MS;
  for (let clear = 0; clear < 3 && Date.now() < deadline; ) {
    if (console.ready()) clear++;
    else {
      clear = 0;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await turn();
  }
}

async function start(options: BootOptions): Promise<System> {
  // Loaded when it is needed: the engine is native code, which `check` and `schema` do without.
  const { boot } = await import("../../core/boot.ts");
  try {
    return await boot(options);
  } catch (error) {
    throw startFailure(error);
  }
}

/** The loader's text says what is missing and what to do; it is shown as it stands. */
export const startFailure = (error: unknown): Failure => failure(FailureCode.start, "the machine cannot be started", { cause: textOf(error) });

function describeEnding(ending: Ending): Outcome {
  switch (ending.kind) {
    case "stopped":
      return { status: ExitStatus.failed, why: `the machine was stopped: ${ending.reason}` };
    case "panic":
      return { status: ExitStatus.failed, why: `kernel panic: ${ending.message}` };
    default:
      return { status: ExitStatus.failed, why: `the machine is idle for ever (${ending.kind}): no program can run again` };
  }
}

/** RAM is taken from the host as it is touched: without this, too little of it would end in a killed process much later. */
export function checkHostMemory(ramBytes: number, available: number = process.availableMemory()): void {
  if (ramBytes <= available) return;
  const mib = (bytes: number): string => `${Math.floor(bytes / 1024 ** 2)} MiB`;
  throw failure(FailureCode.hostMemory, "this computer has not enough memory free", {
    cause: `the appliance's platform has ${mib(ramBytes)}, and ${mib(available)} are free here`,
    fix: "close other programs, or give the platform less: platform.memory",
  });
}
