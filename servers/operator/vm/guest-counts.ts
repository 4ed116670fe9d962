// What the machine itself has counted of a guest: exits and interrupts (core/machine/native/vcpu.h, Counts), and whose its time was. Read between two slices; nothing of it asks the guest or its VMM.
import type { ResolvedComponent } from "../../../caps/image/system.ts";
import type { System } from "../../../core/boot.ts";
import { EXIT, VCPU_RECORD } from "../../../core/machine/shared.ts";
import { findGuest } from "./guest-ram.ts";

const TICKS_A_SECOND = 1e7;
const TWO32 = 2 ** 32;
const RAISED = ["software", "timer", "external"] as const;

export interface GuestCounts {
  readonly exits: Readonly<Record<keyof typeof EXIT, number>>;
  /** How often they rose; undefined: its harts have a machine mode, in which the guest raises them itself. */
  readonly interrupts: Readonly<Record<(typeof RAISED)[number], number>> | undefined;
  /** Seconds in the guest; in its VMM, an estimate (core/step-times.ts); and of all that was booked on the VMM's scheduling context, which has the two and the kernel's and servers' work for them. */
  readonly seconds: { readonly guest: number; readonly vmm: number; readonly all: number };
}

/** undefined: it is not there. */
export function guestCounts({ kernel: k, hostedSeconds }: Pick<System, "kernel" | "hostedSeconds">, component: ResolvedComponent): GuestCounts | undefined {
  const found = findGuest(k, component);
  if (found === undefined) return undefined;
  const { vmm, vcpu } = found, { words, floats, record } = k.machine.vcpu;
  const count = (index: number, word: number): number => (words[record(index) + 2 * word]! >>> 0) + (words[record(index) + 2 * word + 1]! >>> 0) * TWO32;
  const harts = vcpu.harts.flatMap((id) => k.vcpus[id] ?? []);
  const byKind = <K extends string>(kinds: readonly (readonly [K, number])[], of: (number: number) => number): Readonly<Record<K, number>> => Object.fromEntries(kinds.map(([kind, number]) => [kind, of(number)])) as Readonly<Record<K, number>>;
  return {
    exits: byKind(Object.entries(EXIT) as [keyof typeof EXIT, number][], (number) => count(vcpu.index, VCPU_RECORD.counts + number)),
    interrupts: count(vcpu.index, VCPU_RECORD.machine) === 1 ? undefined : byKind(RAISED.map((kind, i) => [kind, i] as const), (i) => harts.reduce((sum, { index }) => sum + count(index, VCPU_RECORD.raised + i), 0)),
    seconds: { guest: floats[record(vcpu.index) / 2 + VCPU_RECORD.inside]! / TICKS_A_SECOND, vmm: hostedSeconds(vmm.frame), all: (k.schedContexts[vmm.homeSc]?.consumed ?? 0) / TICKS_A_SECOND },
  };
}
