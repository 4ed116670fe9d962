// The benchmark `guest`: a BusyBox workload in Debian's kernel, against QEMU.
import type { Benchmark } from "./benchmark.ts";
import { geometricMean } from "./figure.ts";

const AIM = 1;

export const guest: Benchmark = {
  name: "guest",
  summary: "system calls, shell loop, forks, md5sum and gzip in the guest, against QEMU",
  guests: { peer: "qemu", workload: true },
  async measure(_options, guests) {
    const figures = await guests.compare("qemu", "qemu-system-riscv64 (TCG)", ({ parts, total }) => ({
      ...Object.fromEntries(Object.entries(parts).map(([name, ms]) => [`guest.${name}`, ms])),
      "guest.total": total,
      "guest.geomean": geometricMean(Object.values(parts)),
    }));
    if (typeof figures === "string") return figures;
    return figures.map((figure) => (figure.name === "guest.geomean" ? { ...figure, aim: AIM } : figure));
  },
};
