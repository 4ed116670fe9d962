// The part `bank` of the benchmark `confinement`: what a page costs that is bought of the space bank, beside one of an Untyped of one's own; what three levels of banks add; and how
// long a destruction keeps others waiting. All patterns are one run of one program (bank.c), so that each round has them side by side.
import { join } from "node:path";
import { SYSTEM_FILE } from "../../../caps/image/system.ts";
import { prepareAppliance, type Appliance } from "../../../servers/operator/appliance.ts";
import { findPackage } from "../../../servers/operator/package.ts";
import { startSession } from "../../../servers/operator/session.ts";
import type { Options } from "../benchmark.ts";
import { findPinning } from "../cpu.ts";
import type { Figure } from "../figure.ts";
import { startWorker, work } from "../workers.ts";

const PATTERNS = ["untyped", "top", "deep", "untyped.frame", "top.frame", "deep.frame", "free", "destroy"] as const;
type Pattern = (typeof PATTERNS)[number];

/** Nanoseconds of each pattern as a whole. */
type Times = Readonly<Record<Pattern, number>>;
interface Question {
  readonly times: number;
}

const TIMES = 20_000, QUICK_TIMES = 1000, ROUNDS = 9, QUICK_ROUNDS = 2, LIMIT_MS = 120_000;
/** As in bank.c: blocks that one call of `destroy` frees, and calls. */
const AT_ONCE = 32, CALLS = 40;
/** Microseconds that one call may keep others waiting. */
const LONGEST = 1000;
const ROLE = "confinement.bank";

export const bankRoles: ReadonlyMap<string, () => void> = new Map([[ROLE, () => work<Question, Times>(({ times }) => measure(times))]]);

let prepared: Promise<Appliance> | undefined;

async function measure(times: number): Promise<Times> {
  const appliance = withTimes(await (prepared ??= prepareAppliance(join(findPackage().root, "test", "bench", "confinement", "bank.yaml"))), times);
  const found: Partial<Record<Pattern, number>> = {};
  let begun: Pattern | undefined, from = 0n, complaint: string | undefined;
  const session = await startSession(appliance, {
    console: { write() {}, ready: () => true, onDrained() {}, onInput() {} },
    timeoutMs: LIMIT_MS,
    onEvent(event) {
      const now = process.hrtime.bigint();
      const text = event?.event === "log" && event.component === "client" ? event.text : undefined;
      if (text === "end" && begun !== undefined) found[begun] = Number(now - from);
      else if (text !== undefined && !text.startsWith("failed")) begun = PATTERNS.find((each) => each === text);
      else if (event?.event === "log" || event?.event === "fault") complaint ??= JSON.stringify(event);
      from = process.hrtime.bigint();
    },
  });
  const { status, why } = await session.outcome;
  const missing = PATTERNS.find((each) => found[each] === undefined);
  if (status !== 0 || complaint !== undefined || missing !== undefined) throw new Error(`bank: status ${status} ${why ?? ""} ${complaint ?? ""} ${missing === undefined ? "" : `'${missing}' did not come to its end`}`);
  return found as Times;
}

function withTimes(appliance: Appliance, times: number): Appliance {
  const components = appliance.system.components.map((each) => (each.name === "client" ? { ...each, args: { times } } : each));
  const system = { ...appliance.system, components };
  return { ...appliance, system, files: [...appliance.files.filter(({ name }) => name !== SYSTEM_FILE), { name: SYSTEM_FILE, bytes: Buffer.from(JSON.stringify(system)) }] };
}

/** The figures of the space bank, for the benchmark `confinement`; its worker is one of `bankRoles`. */
export async function measureBank({ quick, say }: Options): Promise<readonly Figure[]> {
  const [times, rounds] = quick ? [QUICK_TIMES, QUICK_ROUNDS] : [TIMES, ROUNDS];
  const worker = startWorker<Question, Times>(ROLE, findPinning());
  const all: Times[] = [];
  try {
    await worker.ask({ times });
    for (let round = 1; round <= rounds; round++) {
      say(`confinement: bank, round ${round} of ${rounds}`);
      all.push(await worker.ask({ times }));
    }
  } finally {
    worker.close();
  }
  const each = (pattern: Pattern, count: number): readonly number[] => all.map((round) => round[pattern] / count / 1000);
  const compared = (name: string, pattern: Pattern, peer: Pattern, against: string): Figure => ({ name: `confinement.bank.${name}`, unit: "us", values: each(pattern, times), peers: each(peer, times), against });
  return [
    compared("page", "top", "untyped", "retype and revoke of one's own Untyped"),
    compared("page.deep", "deep", "top", "layer: three levels of banks, against none"),
    compared("frame", "top.frame", "untyped.frame", "retype twice and revoke of one's own Untyped"),
    compared("frame.deep", "deep.frame", "top.frame", "layer: three levels of banks, against none"),
    { name: "confinement.bank.destroy.piece", unit: "us", values: each("destroy", CALLS), peers: each("free", CALLS), against: `${AT_ONCE} blocks freed one by one`, limit: LONGEST },
  ];
}
