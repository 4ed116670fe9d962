// The root server: holds everything when the machine starts, gives each component what the description says, and then only listens.
import { InitSlot } from "../../caps/abi/numbers.ts";
import type { ResolvedSystem } from "../../caps/image/system.ts";
import { MapRights, tcbResume, tcbSuspend } from "../lib/ts/objects.ts";
import type { Env, Op } from "../lib/ts/sdk.ts";
import { type Boot, readBootinfo } from "./bootinfo.ts";
import { buildComponent, deviceFrames } from "./build.ts";
import { Callers } from "./callers.ts";
import { Clock } from "./clock.ts";
import { must, StartFailure } from "./failure.ts";
import type { Block, Piece } from "./memory.ts";
import { CONTROL_DEVICE, operatorChannel, type Tell } from "./operator.ts";
import { Orders } from "./orders.ts";
import { planSystem, readSystem } from "./plan.ts";
import { type Part, Restarts, type Running } from "./restart.ts";
import { serveComponents } from "./serve.ts";
import { ROOT_BYTES, RootSpace } from "./space.ts";

/** Exit status of a system that could not be started. */
const START_FAILED = 1;

export default function* main(env: Env): Op<void> {
  const boot = readBootinfo(env.mem, env.start.address);
  const space = new RootSpace(env.sys, env.mem, boot);
  const pieces = yield* openChannel(space, boot);
  const control = yield* space.map(yield* deviceFrames({ space, boot }, CONTROL_DEVICE, 1, "ctl0"), MapRights.ReadWrite, "the control device");
  const tell = operatorChannel(env.mem, control);
  let running: Running;
  let system: ResolvedSystem, clock: Clock | undefined, callers: Callers | undefined, restarts: Restarts | undefined, orders: Orders | undefined;
  try {
    system = readSystem(env.mem, boot);
    const badges = system.components.flatMap(({ uses }) => uses.flatMap((use) => (use.kind === "guest" ? [use.badge] : [])));
    // Before anything else is made, because that is where its memory is.
    clock = badges.length > 0 || system.components.some(({ restart }) => restart !== undefined) ? yield* Clock.make(space) : undefined;
    callers = badges.length > 0 ? yield* Callers.make(space, badges) : undefined;
    running = yield* buildSystem(env, system, space, boot, pieces);
    // A machine without guests listens to nobody: when all its programs wait, it is known to be idle for ever.
    orders = system.components.some(({ guest }) => guest !== undefined) ? yield* Orders.open(space, control, tell) : undefined;
    restarts = clock === undefined ? undefined : new Restarts(running, clock, tell);
    yield* resumeAll(env, running, tell);
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error;
    tell({ event: "error", message: error.message });
    tell({ event: "end", status: START_FAILED });
    yield* tcbSuspend(env.sys, InitSlot.TCB); // nobody is there to hear that the root server returned
    return;
  }
  yield* serveComponents(env, { system, running, clock, callers, restarts, orders, tell });
}

/** The root server's own page tables come first, from the smallest piece of RAM that holds them; what is left of RAM. */
function* openChannel(space: RootSpace, boot: Boot): Op<Piece[]> {
  const ram = boot.untypeds.filter((u) => !u.device).sort((a, b) => a.bits - b.bits);
  const own = ram.find((u) => 2 ** u.bits >= ROOT_BYTES);
  if (own === undefined) throw new StartFailure("the machine has no RAM left for the root server's page tables");
  yield* space.prepare(own.slot);
  return ram.map((u) => ({ slot: u.slot, bits: u.bits, taken: u === own ? ROOT_BYTES : 0 }));
}

/** Everything is planned before anything is made, and made before anything runs: a system starts whole or not at all. */
function* buildSystem({ mem }: Env, system: ResolvedSystem, space: RootSpace, boot: Boot, pieces: readonly Piece[]): Op<Running> {
  const plan = planSystem(system, pieces, boot.files, (file) => mem.read(file.address, file.bytes));
  const untypeds = new Map<Block, number>();
  for (const block of plan.order) untypeds.set(block, yield* space.make(block.from, "Untyped", block.bits, 1, "an Untyped"));
  const untypedOf = (block: Block): number => untypeds.get(block)!;
  const parts = new Map<number, Part>();
  const running: Running = { space, boot, built: new Map(), ended: new Set(), handlers: new Map(), parts };
  for (const planned of plan.components) {
    const carved = { untyped: untypedOf(planned.memory), ram: planned.ram.map((block) => ({ untyped: untypedOf(block), bits: block.bits })) };
    parts.set(planned.component.number, { planned, carved });
    running.built.set(planned.component.name, yield* buildComponent(running, planned, carved));
  }
  return running;
}

function* resumeAll(env: Env, { built }: Running, tell: Tell): Op<void> {
  for (const { component, tcb } of built.values()) {
    yield* must(tcbResume(env.sys, tcb), `start component ${component.name}`);
    tell({ event: "started", component: component.name });
  }
}
