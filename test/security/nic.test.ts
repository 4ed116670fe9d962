// NIC-ATTACK: a hostile driver of a network card and every way in which the card could be made to reach memory of others, and so to tell it to anybody on its cable.
// With the IOMMU each is refused, and recorded; without it the same attempts succeed, so that a test which says that they fail can fail.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";
import { tap } from "../support/cable.ts";

const LIMIT = { timeout: 180_000 };
const VICTIM = 0x8200_0000;
const [QUEUES_IO, STALE_IO, READ_ONLY_IO, DATA_END, UART] = [0x1_0000, 0x8100_0000, 0x80_0000, 0x60_0000, 0x1000_0000];
/** The first words of examples/dma-attack/secret.c. */
const SECRET = Buffer.from(BigUint64Array.from({ length: 16 }, (_, i) => (0x5ec2_e75e_c2e7n * BigInt(i + 1)) ^ 0xa5a5_a5a5_a5a5_a5a5n).buffer);

async function attack(unchecked: boolean) {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({
      secret: "{ image: { c: secret.c }, cpu: { priority: 150 } }",
      attack: "{ image: { c: attack.c }, memory: 16MiB, use: { console: console.console, regs: platform.net0.regs, irq: platform.net0.irq, iospace: platform.net0.iospace }, essential: true }",
    }, '64MiB, networks: { net0: { cable: { listen: "9001", peer: "9002" } } }'),
    "attack.c": readFileSync("test/security/nic/attack.c"), "secret.c": readFileSync("examples/dma-attack/secret.c"),
  });
  const net0 = tap();
  let leaked = 0;
  net0.onSent = (frame) => {
    if (Buffer.from(frame).includes(SECRET)) leaked++;
    net0.deliver(frame);
  };
  const run = await runAppliance(folder.path, { networks: { net0 }, unchecked });
  const faults = run.events.filter(({ event }) => event === "dma-fault").map(({ component, device, address, bytes, direction }) => ({ component, device, address, bytes, direction }));
  return { ...run, leaked, faults };
}
const of = (direction: "read" | "write", address: number, bytes: number) => ({ component: "attack", device: "net0", address, bytes, direction });

describe("NIC-ATTACK", () => {
  test("001 with the IOMMU every way is refused, nothing leaves by the cable, and the operator is told of each", LIMIT, async () => {
    const { output, status, faults, leaked } = await attack(false);
    expect(output.match(/ refused$/gm)).toHaveLength(16);
    expect(output).not.toContain("REACHED");
    expect(output.match(/reached, as it should be/g)).toHaveLength(2);
    expect([status, leaked]).toEqual([0, 0]);
    for (const fault of [
      of("read", 0x8000_0000, 1024), of("read", VICTIM, 12), of("read", VICTIM, 1024), of("read", VICTIM, 4), of("write", VICTIM, 1024), of("write", VICTIM + 2048, 12),
      of("read", VICTIM + 2, 2), of("write", VICTIM + 4, 4), of("read", STALE_IO, 1024), of("write", READ_ONLY_IO, 1024), of("read", DATA_END - 512, 1024), of("read", UART, 512),
    ]) expect(faults).toContainEqual(fault);
    expect(faults.every(({ component, device }) => component === "attack" && device === "net0")).toBe(true);
    expect(faults.every(({ address }) => Number(address) < QUEUES_IO || Number(address) >= QUEUES_IO + 0x2000)).toBe(true);
  });
  test("002 without it the same driver sends the secret to the cable, and writes where it is", LIMIT, async () => {
    const { output, leaked } = await attack(true);
    expect(leaked).toBeGreaterThan(0);
    for (const way of ["send all memory, and find the secret in it", "a table of descriptors that names it", "write a frame that comes into it", "write a frame's header into it", "the same after it was revoked"])
      expect(output).toMatch(new RegExp(`${way} +REACHED`));
  });
});
