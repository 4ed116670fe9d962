// What stands between a client and a server costs: a call through a facet, through a membrane, and with a capability in it, against the same call made directly. Real programs of
// the kit's C library (membrane*.c), the root server among them; the forwarders are their first callers' only clients. The kernel's own caretaker (bailiwick/patterns/lend.h) is not
// here: a call by a capability that was lent is the direct call.
import { join } from "node:path";
import { SYSTEM_FILE } from "../../../caps/image/system.ts";
import { prepareAppliance, type Appliance } from "../../../servers/operator/appliance.ts";
import { findPackage } from "../../../servers/operator/package.ts";
import { startSession } from "../../../servers/operator/session.ts";
import type { Options } from "../benchmark.ts";
import type { Figure } from "../figure.ts";

const WAYS = ["direct", "facet", "membrane", "threads", "direct.cap", "facet.cap", "membrane.cap"] as const;
type Way = (typeof WAYS)[number];

export interface Counts {
  readonly calls: number;
  readonly rounds: number;
}
export const MEMBRANE_COUNTS: Counts = { calls: 20_000, rounds: 9 };
export const MEMBRANE_QUICK: Counts = { calls: 1_000, rounds: 2 };
const LIMIT_MS = 120_000;

/** Nanoseconds a call, for each round. The first one is not counted: the JavaScript compiler is at work in it. */
export type Times = Readonly<Record<Way, readonly number[]>>;

/** One run of the appliance, all rounds in turn. Throws when a call came back with anything but its answer. */
export async function runMembrane({ calls, rounds }: Counts): Promise<Times> {
  const appliance = withArgs(await prepareAppliance(join(findPackage().root, "test", "bench", "confinement", "membrane.yaml")), { calls, rounds });
  const times = Object.fromEntries(WAYS.map((way): [Way, number[]] => [way, []])) as Record<Way, number[]>;
  let begun: { readonly way: Way; readonly at: bigint } | undefined, complaint: string | undefined;
  const mark = (text: string): void => {
    const now = process.hrtime.bigint(), way = WAYS.find((each) => each === text);
    if (way === undefined && begun !== undefined) times[begun.way].push(Number(now - begun.at) / calls);
    begun = way === undefined ? undefined : { way, at: process.hrtime.bigint() };
  };
  const session = await startSession(appliance, {
    console: { write() {}, ready: () => true, onDrained() {}, onInput() {} },
    timeoutMs: LIMIT_MS,
    onEvent(event) {
      if (event?.event === "log" && event.component === "client") mark(event.text);
      else if (event?.event === "log" || event?.event === "fault") complaint ??= JSON.stringify(event);
    },
  });
  const { status, why } = await session.outcome;
  if (status !== 0 || complaint !== undefined) throw new Error(`membrane: status ${status} ${why ?? ""} ${complaint ?? ""}`);
  return Object.fromEntries(WAYS.map((way) => [way, times[way].slice(1)])) as unknown as Times;
}

function withArgs(appliance: Appliance, args: Counts): Appliance {
  const components = appliance.system.components.map((each) => (each.name === "client" ? { ...each, args: { ...args } } : each));
  const system = { ...appliance.system, components };
  return { ...appliance, system, files: [...appliance.files.filter(({ name }) => name !== SYSTEM_FILE), { name: SYSTEM_FILE, bytes: Buffer.from(JSON.stringify(system)) }] };
}

/** The figures, from whoever runs it: `runMembrane` here or in a worker. */
export async function measureMembrane({ quick, say }: Options, run: (counts: Counts) => Promise<Times> = runMembrane): Promise<readonly Figure[]> {
  say("confinement: calls through a facet and a membrane");
  const times = await run(quick ? MEMBRANE_QUICK : MEMBRANE_COUNTS);
  const figure = (name: string, way: Way, peer: Way, against: string): Figure => ({ name: `confinement.${name}`, unit: "ns", values: times[way], peers: times[peer], against });
  const direct = "the same call, made directly";
  return [
    figure("facet", "facet", "direct", direct),
    figure("membrane", "membrane", "direct", direct),
    figure("membrane.threads", "threads", "direct", `${direct}; the membrane has three threads`),
    figure("facet.cap", "facet.cap", "direct.cap", `${direct}, with a capability`),
    figure("membrane.cap", "membrane.cap", "direct.cap", `${direct}, with a capability, which the membrane knows already`),
  ];
}
