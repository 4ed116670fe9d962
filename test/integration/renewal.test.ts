// A Linux guest of two CPUs at work gets new engines all the time, and computes what it always does.
import { expect, test } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import type { BoardMachine } from "../../core/machine/machine.ts";
import { applianceFolder, manifestWith, pause, runAppliance, until } from "../support/appliance-run.ts";

const LIMIT_MS = 200_000;
const EVERY_MS = 300;
/** Two harts at once: hashes, floating point, new processes, timers, pipes. */
const COMMAND = "for i in 1 2 3; do (head -c 300000 /dev/zero | md5sum; awk 'BEGIN { for (i = 1; i < 2000; i++) x += 1 / i; print x }') & head -c 300000 /dev/zero | sha256sum | cut -c1-16; sleep 0.1; wait; done";
const RESULTS = ["4a21de7a58fb8ecb9a1b1f08a3068269  -", "8.17787", "886715e4051e827f"];

const linux = findLinux(findPackage().record);

test.skipIf(!linux.ok || linux.value === undefined)("goes on with a new engine wherever it was", { timeout: 2 * LIMIT_MS }, async () => {
  using folder = applianceFolder({ "appliance.yaml": `${manifestWith({}, "256MiB")}guests:\n  linux: { image: linux, memory: 128MiB, cpus: 2, console: console.console }\n` });
  let renewed = 0, ended = false;
  const { output } = await runAppliance(folder.path, {
    limitMs: LIMIT_MS,
    exec: COMMAND,
    onEvent: ({ event, state }) => void (ended ||= event === "guest" && state === "exit"),
    async during({ kernel }) {
      const machine = kernel.machine as BoardMachine;
      const work = until("the command ends", () => ended, LIMIT_MS);
      while (!ended) {
        for (const vcpu of kernel.vcpus) {
          if (vcpu === undefined || vcpu.leader !== vcpu.id) continue;
          machine.forgetVcpu(vcpu.index);
          renewed++;
        }
        await Promise.race([work, pause(EVERY_MS)]);
      }
    },
  });
  expect(output.split(/\r?\n/).filter((line) => RESULTS.includes(line)).sort()).toEqual(RESULTS.flatMap((line) => [line, line, line]).sort());
  expect(renewed).toBeGreaterThan(5);
});
