// The benchmark `boot`: Debian's kernel to the first line of a script in user space, against QEMU.
import type { Benchmark } from "./benchmark.ts";

const AIM = 1.2;

export const boot: Benchmark = {
  name: "boot",
  summary: "Debian's kernel to user space, against QEMU",
  guests: { peer: "qemu", workload: false },
  async measure(_options, guests) {
    const figures = await guests.compare("qemu", "qemu-system-riscv64 (TCG), same kernel and initramfs", ({ boot: ms }) => ({ boot: ms }));
    return typeof figures === "string" ? figures : figures.map((figure) => ({ ...figure, aim: AIM }));
  },
};
