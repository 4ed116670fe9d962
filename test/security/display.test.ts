// GPU-ATTACK, INPUT-ATTACK: hostile drivers of a display and of a keyboard, and every way in which the devices could be made to reach memory of others: to show it to whoever looks, or to
// write into it what is typed. With the IOMMU each is refused, and recorded; without it the same attempts succeed, so that a test which says that they fail can fail.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createPicture } from "../../core/host/picture.ts";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const SIDE = 256;
const VICTIM = 0x8200_0000;
const [STALE_IO, READ_ONLY_IO, DATA_END, UART] = [0x8100_0000, 0x80_0000, 0x60_0000 - 2 * SIDE * SIDE, 0x1000_0000];
/** Pixels of the first words of examples/dma-attack/secret.c, as they would be shown: red, green and blue. */
const SECRET = Array.from({ length: 8 }, (_, i) => (0x5ec2_e75e_c2e7n * BigInt(i + 1)) ^ 0xa5a5_a5a5_a5a5_a5a5n).flatMap((word) => [Number(word & 0xff_ffffn), Number((word >> 32n) & 0xff_ffffn)]);

async function attack(driver: "gpu" | "keyboard", device: "gpu0" | "kbd0", unchecked: boolean) {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({
      secret: "{ image: { c: secret.c }, cpu: { priority: 150 } }",
      attack: `{ image: { c: attack.c }, memory: 16MiB, use: { console: console.console, regs: platform.${device}.regs, irq: platform.${device}.irq, iospace: platform.${device}.iospace }, essential: true }`,
    }, `64MiB, display: { width: ${SIDE}, height: ${SIDE} }`),
    "attack.c": readFileSync(`test/security/display/${driver}.c`), "secret.c": readFileSync("examples/dma-attack/secret.c"),
  });
  const picture = createPicture(SIDE, SIDE);
  let leaked = 0;
  // The secret begins a page, so a row's beginning or one of its quarters.
  picture.onChange(() => {
    const { width, height } = picture.shown;
    if (width !== SIDE || height !== SIDE) return;
    for (let y = 0; y < SIDE; y += 4) if (SECRET.every((pixel, x) => picture.at(x, y) === pixel)) leaked++;
  });
  let typing: NodeJS.Timeout | undefined, down = 0;
  const input = {
    onInput: (type: (device: "keyboard" | "tablet", events: readonly { type: number; code: number; value: number }[]) => void) => {
      typing = setInterval(() => type("keyboard", [{ type: 1, code: 30, value: (down ^= 1) }, { type: 0, code: 0, value: 0 }]), 2);
    },
  };
  try {
    const run = await runAppliance(folder.path, { picture, input, unchecked, limitMs: 60_000 });
    const faults = run.events.filter(({ event }) => event === "dma-fault").map(({ component, device: of, address, bytes, direction }) => ({ component, device: of, address, bytes, direction }));
    return { ...run, leaked, faults };
  } finally {
    clearInterval(typing);
  }
}

const of = (device: string, direction: "read" | "write", address: number) => expect.objectContaining({ component: "attack", device, direction, address });

describe("GPU-ATTACK", () => {
  test("001 with the IOMMU every way is refused, nothing is shown, and the operator is told of each", LIMIT, async () => {
    const { output, status, faults, leaked } = await attack("gpu", "gpu0", false);
    expect(output.match(/ refused$/gm)).toHaveLength(12);
    expect(output).not.toContain("REACHED");
    expect(output.match(/reached, as it should be/g)).toHaveLength(2);
    expect([status, leaked]).toEqual([0, 0]);
    for (const fault of [of("gpu0", "read", 0x8000_0000), of("gpu0", "read", VICTIM), of("gpu0", "write", VICTIM), of("gpu0", "read", STALE_IO), of("gpu0", "write", READ_ONLY_IO), of("gpu0", "read", DATA_END), of("gpu0", "read", UART)]) expect(faults).toContainEqual(fault);
    expect(faults.every(({ component, device }) => component === "attack" && device === "gpu0")).toBe(true);
  });
  test("002 without it the same driver shows the secret", LIMIT, async () => {
    const { output, leaked } = await attack("gpu", "gpu0", true);
    expect(leaked).toBeGreaterThan(0);
    for (const way of ["show all memory", "a picture half of which is somebody's", "an answer into it", "the same after it was revoked"]) expect(output).toMatch(new RegExp(`${way} +REACHED`));
  });
});

describe("INPUT-ATTACK", () => {
  test("001 with the IOMMU every way is refused, and the operator is told of each", LIMIT, async () => {
    const { output, status, faults } = await attack("keyboard", "kbd0", false);
    expect(output.match(/ refused$/gm)).toHaveLength(11);
    expect(output).not.toMatch(/REACHED|nobody typed/);
    expect(output.match(/reached, as it should be/g)).toHaveLength(2);
    expect(status).toBe(0);
    for (const fault of [of("kbd0", "write", VICTIM), of("kbd0", "write", STALE_IO), of("kbd0", "write", READ_ONLY_IO), of("kbd0", "write", UART)]) expect(faults).toContainEqual(fault);
    expect(faults.every(({ component, device }) => component === "attack" && device === "kbd0")).toBe(true);
  });
  test("002 without it the same driver has what is typed written anywhere", LIMIT, async () => {
    const { output } = await attack("keyboard", "kbd0", true);
    for (const way of ["what is typed into somebody's memory", "the same after it was revoked"]) expect(output).toMatch(new RegExp(`${way} +REACHED`));
  });
});
