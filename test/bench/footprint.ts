// What an idle process costs the host in memory: that of the machine's RAM, and all the rest (the kernel's tables, trap frames, JavaScript objects).
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Crowd } from "./crowd.ts";

const FEW = 1000;

export interface Footprint {
  /** KiB of the host a process, outside the machine's RAM, and of that RAM. */
  readonly beside: number;
  readonly ram: number;
}

/** Memory of this process that is there, in KiB. @param smaps text of /proc/self/smaps @param ramKiB size of the machine's RAM: the one mapping of just that size */
export function residents(smaps: string, ramKiB: number): { readonly all: number; readonly ram: number } {
  const mappings = [...smaps.matchAll(/^Size: +(\d+) kB$[^]*?^Rss: +(\d+) kB$/gm)].map(([, size, rss]) => ({ size: Number(size), rss: Number(rss) }));
  const rams = mappings.filter(({ size }) => size === ramKiB);
  if (rams.length !== 1) throw new Error(`${rams.length} mappings have the size of the machine's RAM, ${ramKiB} KiB`);
  return { all: mappings.reduce((sum, { rss }) => sum + rss, 0), ram: rams[0]!.rss };
}

/** All have run and wait. Between 1,000 processes and `many`, so that what there is once, and the engines, do not count. */
export function footprint(many: number): Footprint {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const crowd = new Crowd({ most: many, paired: false, shared: true });
  try {
    const measure = (processes: number): ReturnType<typeof residents> => {
      crowd.grow(processes);
      crowd.work("switch", processes, 2);
      for (let i = 0; i < 3; i++) collect();
      return residents(readFileSync("/proc/self/smaps", "utf8"), crowd.ramBytes / 1024);
    };
    const few = measure(FEW), all = measure(many), more = many - FEW, ram = (all.ram - few.ram) / more;
    return { beside: (all.all - few.all) / more - ram, ram };
  } finally {
    crowd.close();
  }
}
