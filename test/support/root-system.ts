// Boots a system description on the real machine and kernel, with the root server from its source, and collects what the operator is told.
import { fileURLToPath } from "node:url";
import { placeUses, SYSTEM_FILE, SYSTEM_FORMAT, type ResolvedComponent, type ResolvedSystem } from "../../caps/image/system.ts";
import type { Kernel } from "../../core/kernel/state.ts";
import { boot } from "../../core/boot.ts";
import { bundleProgram } from "../../servers/operator/bundle.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

export const MIB = 2 ** 20;

export interface Told {
  readonly event: string;
  readonly [key: string]: unknown;
}

/** A component with the defaults of a manifest. */
export function component(name: string, number: number, given: Partial<ResolvedComponent> = {}): ResolvedComponent {
  return {
    name, number, program: { kind: "hosted", file: `${name}.js` }, memory: MIB, stack: 0, slots: 256, cpu: { priority: 100, budget: 10_000, period: 10_000 },
    uses: [], offers: [], args: null, essential: false, ...given,
  };
}

/** A hosted program's text from the body of `main(env)`. */
export const hosted = (body: string): Uint8Array => new TextEncoder().encode(`var program = { default: function* (env) { const { sys, mem } = env; ${body} } };`);

export interface Run {
  readonly events: readonly Told[];
  readonly ending: unknown;
  /** The system's description as it was booted. */
  readonly system: ResolvedSystem;
}

export interface Watch {
  /** At each component's start; at the first one's, none has run. */
  readonly onStarted?: (kernel: Kernel, system: ResolvedSystem) => void;
  /** Between two slices; true: that is enough. */
  readonly onTurn?: (kernel: Kernel) => boolean;
}

/** Runs until the operator is told of the end, or nothing can run any more. */
export async function runSystem(components: readonly ResolvedComponent[], files: Record<string, Uint8Array>, memory = 64 * MIB, { onStarted, onTurn }: Watch = {}): Promise<Run> {
  const bundle = await bundleProgram({ entry: `${root}servers/root/main.ts`, root });
  if (!bundle.ok) throw new Error(bundle.error);
  const system = placeUses({ format: SYSTEM_FORMAT, name: "test", version: "0", board: "virt-rv64", memory, components, assertions: [] }, (file) => files[file]?.length);
  const text = new TextEncoder();
  const all = { "root.js": text.encode(bundle.text), [SYSTEM_FILE]: text.encode(JSON.stringify(system)), ...files };
  const events: Told[] = [];
  const console = { write: (): void => {}, ready: () => true, onDrained: (): void => {}, onInput: (): void => {} };
  const running = await boot({
    ramBytes: memory, console, clock: "blocks", seed: new Uint8Array(32).fill(7),
    ...(onTurn === undefined ? {} : { onTurn: () => void (onTurn(running.kernel) && running.stop("enough")) }),
    files: Object.entries(all).map(([name, bytes]) => ({ name, bytes })),
    onEvent(line) {
      const event = JSON.parse(line) as Told;
      events.push(event);
      if (event.event === "started") onStarted?.(running.kernel, system);
      if (event.event === "end") running.stop("end");
    },
  });
  return { events, ending: await running.run(), system };
}
