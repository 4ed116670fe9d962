// Builds and runs an appliance in this process, on the real kernel and engine, with a serial line that the test holds the far end of.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { boot, type BootOptions, type System } from "../../core/boot.ts";
import type { ConsoleBackend, InputBackend } from "../../core/host/backend.ts";
import { createPicture, type Picture } from "../../core/host/picture.ts";
import { prepareAppliance, withSecret } from "../../servers/operator/appliance.ts";
import { openDisks } from "../../servers/operator/disks.ts";
import { openNetworks } from "../../servers/operator/networks.ts";
import { findPlaces } from "../../servers/operator/setup/places.mjs";

/** The far end of the serial line: what was written, a reader that can be slow, and fingers to type with. */
export class Line implements ConsoleBackend {
  output = "";
  #ready = true;
  readonly #drained: (() => void)[] = [];
  readonly #input: ((bytes: Uint8Array) => void)[] = [];

  write(bytes: Uint8Array): void {
    this.output += Buffer.from(bytes).toString("latin1");
  }
  ready(): boolean {
    return this.#ready;
  }
  onDrained(callback: () => void): void {
    this.#drained.push(callback);
  }
  onInput(callback: (bytes: Uint8Array) => void): void {
    this.#input.push(callback);
  }

  /** The reader takes no more until resume(). */
  pause(): void {
    this.#ready = false;
  }
  resume(): void {
    this.#ready = true;
    for (const callback of this.#drained) callback();
  }
  type(text: string): void {
    for (const callback of this.#input) callback(Buffer.from(text, "latin1"));
  }
}

export interface Run {
  readonly output: string;
  /** Of the appliance's end; undefined when it did not end by itself. */
  readonly status: number | undefined;
  readonly events: readonly Record<string, unknown>[];
  /** What the display showed in the end. */
  readonly picture: Picture | undefined;
}

export interface RunOptions {
  readonly line?: Line;
  readonly limitMs?: number;
  /** By counted blocks instead of the host's clock. */
  readonly deterministic?: boolean;
  /** A command for the appliance's only guest, or for `execGuest`. */
  readonly exec?: string;
  readonly execGuest?: string;
  /** Without DMA translation. */
  readonly unchecked?: boolean;
  /** The platform's, for an appliance that uses it; by default one that all such runs have. */
  readonly secret?: Uint8Array;
  /** Takes the place of the manifest's disks, by device. */
  readonly disks?: BootOptions["disks"];
  /** The same for its networks. */
  readonly networks?: BootOptions["networks"];
  /** Who types, where the appliance has a display. */
  readonly input?: InputBackend;
  /** What shows the display, by default a picture of its own. */
  readonly picture?: Picture;
  /** The entropy device's source. */
  readonly entropy?: NonNullable<BootOptions["entropy"]>;
  /** Called between two slices. */
  readonly onTurn?: (system: System) => void;
  /** Called with each event as it comes. */
  readonly onEvent?: (event: Record<string, unknown>) => void;
  /** Called once the machine runs; the machine is stopped when it is done. `ended` waits for the appliance's own end. */
  readonly during?: (system: System, line: Line, ended: () => Promise<void>) => Promise<void>;
}

export const TEST_SECRET = Uint8Array.from({ length: 32 }, (_, i) => i + 1);

/** Runs the appliance in `folder` to its end, or to the limit (default 60 s). */
export async function runAppliance(folder: string, { line = new Line(), limitMs = 60_000, deterministic = false, unchecked = false, secret = TEST_SECRET, disks: given, networks: networksGiven, input, picture: own, entropy, exec, execGuest, onTurn, onEvent, during }: RunOptions = {}): Promise<Run> {
  const { system: description, disks: orders, networks: networkOrders, terminal, display, ...image } = await prepareAppliance(folder, exec === undefined ? { deterministic } : { deterministic, exec: { command: exec, ...(execGuest === undefined ? {} : { guest: execGuest }) } });
  const disks = given === undefined ? await openDisks(orders) : { behind: given, close: () => Promise.resolve() };
  const networks = networksGiven === undefined ? await openNetworks(networkOrders) : { behind: networksGiven, close: () => Promise.resolve() };
  const picture = own ?? (display === undefined ? undefined : createPicture(display.width, display.height));
  const events: Record<string, unknown>[] = [];
  let status: number | undefined;
  const system: System = await boot({
    ...(onTurn === undefined ? {} : { onTurn: () => onTurn(system) }),
    ...(entropy === undefined ? {} : { entropy }),
    ...(networks === undefined ? {} : { networks }),
    ...(deterministic ? { seed: new Uint8Array(32).fill(7) } : {}),
    ramBytes: description.memory,
    files: withSecret(image, secret),
    disks: disks.behind,
    networks: networks.behind,
    ...(picture === undefined ? {} : { display: { picture, ...(input === undefined ? {} : { input }) } }),
    unchecked,
    console: line,
    terminal,
    clock: deterministic ? "blocks" : "host",
    onEvent(text) {
      const event = JSON.parse(text) as Record<string, unknown>;
      events.push(event);
      onEvent?.(event);
      if (event["event"] !== "end") return;
      status ??= Number(event["status"]);
      system.stop("end");
    },
  });
  const limit = setTimeout(() => system.stop("limit"), limitMs);
  const ending = system.run();
  try {
    await during?.(system, line, () => until("the appliance ends", () => status !== undefined));
  } catch (error) {
    throw new Error(`${String(error)}\nThe last events: ${events.slice(-10).map((event) => JSON.stringify(event)).join("\n")}\nThe last output: ${JSON.stringify(line.output.slice(-500))}`, { cause: error });
  } finally {
    if (status === undefined && during !== undefined) system.stop("the test is over");
  }
  const { kind, ...how } = await ending;
  await Promise.all([disks.close(), networks.close()]);
  if (kind === "panic") throw new Error(`kernel panic: ${JSON.stringify(how)}`);
  clearTimeout(limit);
  // What the machine wrote last goes out with the host's next turn.
  await new Promise((resolve) => setImmediate(resolve));
  return { output: line.output, status, events, picture };
}

/** A folder of files that removes itself; `using` it. */
export function applianceFolder(files: Readonly<Record<string, string | Uint8Array>>, built: "shared" | "own" = "shared"): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), "bailiwick-appliance-"));
  if (built === "shared") {
    // Programs that many tests have are compiled once: outputs are named by all that they are made of.
    const shared = join(findPlaces(process.env).own, "build", "of-tests");
    mkdirSync(shared, { recursive: true });
    mkdirSync(join(path, ".bailiwick"));
    symlinkSync(shared, join(path, ".bailiwick", "build"));
  }
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** What begins with a dot in such a folder, but for where its programs are built. */
export const leftIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith(".") && name !== ".bailiwick");

/** A manifest with the console driver and these components, in YAML's flow style. */
export function manifestWith(components: Readonly<Record<string, string>>, memory = "64MiB"): string {
  const head = `apiVersion: bailiwick/1\nkind: Appliance\nname: test\nversion: 0.1.0\nplatform: { board: virt-rv64, memory: ${memory} }\n`;
  const console = "  console: { image: { server: console }, cpu: { priority: 200 }, use: { regs: platform.uart0.regs, irq: platform.uart0.irq }, offer: { console: Console }, essential: true }\n";
  const others = Object.entries(components).map(([name, body]) => `  ${name}: ${body}\n`);
  return `${head}components:\n${console}${others.join("")}`;
}

/** Without what a guest's kernel says in between, whenever it likes: on a busy host, that an interrupt took long. */
export const withoutKernel = (output: string): string => output.replaceAll(/\[ *\d+\.\d{6}\] [^\n]*\n/g, "");

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until it holds; throws after `limitMs`. */
export async function until(what: string, holds: () => boolean, limitMs = 30_000): Promise<void> {
  for (const end = Date.now() + limitMs; !holds(); await pause(5)) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
  }
}
