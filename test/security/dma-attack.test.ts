// DMA-ATTACK: a hostile driver and every way in which its device could be made to reach memory of others (examples/dma-attack). With the IOMMU each is refused,
// and recorded; without it the same attempts succeed, so that a test which says that they fail can fail.
import { describe, expect, test } from "vitest";
import { runAppliance } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const ATTACK = "examples/dma-attack";
const told = (events: readonly Record<string, unknown>[]) =>
  events.filter(({ event }) => event === "dma-fault").map(({ component, device, address, bytes, direction }) => ({ component, device, address, bytes, direction }));
const of = (direction: "read" | "write", address: number, bytes: number) => ({ component: "attack", device: "blk0", address, bytes, direction });
const VICTIM = 0x8200_0000;

describe("DMA-ATTACK", () => {
  test("001 with the IOMMU every way is refused, and the operator is told of each: device, driver, address, length, direction", LIMIT, async () => {
    const { output, status, events } = await runAppliance(ATTACK);
    expect(output.match(/ refused$/gm)).toHaveLength(10);
    expect(output).not.toContain("REACHED");
    expect(output.match(/reached, as it should be/g)).toHaveLength(2);
    expect(status).toBe(0);
    const faults = told(events);
    for (const fault of [
      of("read", 0x8000_0000, 65536), of("write", VICTIM, 4096), of("read", VICTIM, 4), of("read", VICTIM + 2, 2), of("write", VICTIM + 4, 4), of("read", VICTIM, 4096),
      of("read", 0x8100_0000, 4096), of("read", 0x5f_fe00, 1024), of("read", 0x1000_0000, 512),
    ]) expect(faults).toContainEqual(fault);
    expect(faults.every(({ component, device }) => component === "attack" && device === "blk0")).toBe(true);
  });
  test("002 without it the same driver reads all memory, finds the secret and writes into it", LIMIT, async () => {
    const { output } = await runAppliance(ATTACK, { unchecked: true });
    expect(output).toMatch(/find the secret in it +REACHED/);
    expect(output).toMatch(/write into it +REACHED/);
    expect(output.match(/ REACHED$/gm)).toHaveLength(8);
  });
});
