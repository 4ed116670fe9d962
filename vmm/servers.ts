// The guest's devices that servers and the machine work, opened before it starts. One that cannot be had keeps the guest from starting: it would look for it in vain.
import type { Env, Op } from "../servers/lib/ts/sdk.ts";
import { GuestClock } from "./clock.ts";
import { GuestDisk } from "./disk.ts";
import type { GuestMemory } from "./memory.ts";
import { PassedDevice } from "./passed.ts";
import { GuestPort } from "./port.ts";
import { GuestScreen } from "./screen.ts";
import type { GuestArgs } from "./spec.ts";

export interface Servers {
  readonly disks: readonly GuestDisk[];
  readonly ports: readonly GuestPort[];
  readonly passed: readonly PassedDevice[];
  readonly clock: GuestClock | null;
  readonly screen: GuestScreen | null;
}

/** Which of them cannot be had, and why. */
export function* openServers(env: Env, args: GuestArgs, memory: GuestMemory, complain: (line: string) => void): Op<Servers | string> {
  const disks: GuestDisk[] = [];
  const ports: GuestPort[] = [];
  const { clock: clockUse, display } = env.use;
  const behind = (args.disks ?? []).length + (args.ports ?? []).length;
  const clock = clockUse === undefined ? null : yield* GuestClock.open(env, behind, clockUse.cap, complain);
  if (typeof clock === "string") return `clock: ${clock}`;
  const screen = display === undefined ? null : yield* GuestScreen.open(env, behind + 1, display.cap, memory, complain);
  if (typeof screen === "string") return `display: ${screen}`;
  for (const [i, name] of (args.disks ?? []).entries()) {
    const disk = yield* GuestDisk.open(env, memory, disks.length, env.use[`disk${i}`]?.cap ?? 0, name, complain);
    if (typeof disk === "string") return `disk ${name}: ${disk}`;
    disks.push(disk);
  }
  // A port's window stands on a boundary of its own size, and may be the last that there is memory for: so ports come last.
  for (const [i, name] of (args.ports ?? []).entries()) {
    const port = yield* GuestPort.open(env, disks.length + i, env.use[`port${i}`]?.cap ?? 0, name, complain);
    if (typeof port === "string") return `network card ${name}: ${port}`;
    ports.push(port);
  }
  const passed: PassedDevice[] = [];
  for (const [i, name] of (args.passed ?? []).entries()) {
    const registers = env.use[`passed${i}regs`], irq = env.use[`passed${i}irq`];
    if (registers === undefined || irq === undefined) return `device ${name}: it was not handed over`;
    passed.push(new PassedDevice(env, name, registers, irq));
  }
  return { disks, ports, passed, clock, screen };
}
