// The network driver on the real machine, over cables of every temper: what its client sends arrives whole, what comes reaches it in order, and whoever
// misuses the driver, or the cable, harms nobody else.
import { expect, test } from "vitest";
import { runAppliance } from "../support/appliance-run.ts";
import { cable } from "../support/cable.ts";

const LIMIT = { timeout: 60_000 };
const FOLDER = "test/integration/nic";

test.each([["at once", false], ["later", true]] as const)("frames of every length arrive whole and in order, by a cable that delivers %s", LIMIT, async (_, later) => {
  const [net0, net1] = cable(later);
  const { output, status, events } = await runAppliance(FOLDER, { networks: { net0, net1 } });
  expect([output.split("\n"), status, events.filter(({ event }) => event !== "end")]).toEqual([
    [expect.stringMatching(/^card [0-9a-f]{1,2}:\.\.:[0-9a-f]{1,2}, packets of 1500, link 1$/), "every length: 0 wrong", "too short or too long: 0 sent", "many: 4096 came, 0 misplaced", "driver: 0 failed, 0 nonsense", ""],
    0,
    expect.anything(),
  ]);
});
