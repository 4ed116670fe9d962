// The benchmark `hosting`: what the kernel, its servers and the confinement of the VMM cost a guest, beside the same engine and VMM code without them.
import type { Benchmark } from "./benchmark.ts";
import { geometricMean } from "./figure.ts";

const AIM = 1.05;

export const hosting: Benchmark = {
  name: "hosting",
  summary: "the guest under kernel and VMM, against the bare engine loop",
  guests: { peer: "bare", workload: true },
  async measure(_options, guests) {
    const figures = await guests.compare("bare", "bare engine loop, same device models", ({ boot, parts }) => {
      const all = { boot, ...parts };
      return { ...Object.fromEntries(Object.entries(all).map(([name, ms]) => [`hosting.${name}`, ms])), hosting: geometricMean(Object.values(all)) };
    });
    if (typeof figures === "string") return figures;
    return figures.map((figure) => (figure.name === "hosting" ? { ...figure, aim: AIM } : figure));
  },
};
