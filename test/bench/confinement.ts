// Confinement: a page of a space bank's, a call through a membrane, a product of a constructor's. Each part has its programs and its worker in confinement/.
import type { Benchmark, Options } from "./benchmark.ts";
import { bankRoles, measureBank } from "./confinement/bank.ts";
import { constructFigures } from "./confinement/construct.ts";
import { measureMembrane, runMembrane, type Counts, type Times } from "./confinement/membrane.ts";
import { findPinning } from "./cpu.ts";
import type { Figure } from "./figure.ts";
import { startWorker, work } from "./workers.ts";

const MEMBRANE = "confinement.membrane";

export const confinementRoles: ReadonlyMap<string, () => void> = new Map([...bankRoles, [MEMBRANE, () => work<Counts, Times>(runMembrane)]]);

async function inWorker(options: Options): Promise<readonly Figure[]> {
  const worker = startWorker<Counts, Times>(MEMBRANE, findPinning());
  try {
    return await measureMembrane(options, (counts) => worker.ask(counts));
  } finally {
    worker.close();
  }
}

export const confinement: Benchmark = {
  name: "confinement",
  summary: "space banks, membranes and confined programs built by a constructor, each beside the plain way",
  measure: async (options) => [...(await constructFigures(options)), ...(await measureBank(options)), ...(await inWorker(options))],
};
