// A component's CSpace has as many slots as the manifest says: the last one can be used, the one behind it is nothing, and the memory pays for all of them.
import { expect, test } from "vitest";
import { ALL_RIGHTS, InitSlot, Invocation } from "../../caps/abi/numbers.ts";
import { Parent } from "../../servers/root/protocol.ts";
import { applianceFolder, manifestWith, type Run, runAppliance } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };

/** Copies the console into the slots named in `args`, and calls it through each copy. */
const COPIER = `#include <bailiwick.h>
BW_USE(console);
int main(void) {
    bw_console_open(bw_use_console.cap);
    bw_printf("%u slots\\n", bw_slots());
    for (uint32_t i = 0; ; i++) {
        char key[] = {'s', 'l', 'o', 't', '.', (char)('0' + i), 0};
        const uint64_t slot = bw_arg_number(key, 0);
        if (slot == 0) return 0;
        const bw_err error = bw_cnode_copy(BW_SLOT_CNODE, slot, BW_SLOT_CNODE, bw_use_console.cap, BW_ALL_RIGHTS);
        bw_console_open(error == 0 ? (bw_cptr)slot : (bw_cptr)bw_use_console.cap);
        bw_printf("%lu: %s\\n", slot, bw_error_name(error));
        bw_flush();
    }
}
`;

async function copies(slots: string, at: readonly number[], more = ""): Promise<Run> {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({ main: `{ image: { c: main.c }, ${slots} use: { console: console.console }, args: { slot: [${at.join(", ")}] }, essential: true${more} }` }),
    "main.c": COPIER,
  });
  return await runAppliance(folder.path);
}

test("256 when the manifest says nothing", LIMIT, async () => {
  expect((await copies("", [255, 256, 4095])).output).toBe("256 slots\n255: none\n256: FailedLookup\n4095: FailedLookup\n");
});

test("4096: the last is used through its CPtr, the one behind is none, and neither is one with other upper bits", LIMIT, async () => {
  expect((await copies("slots: 4096,", [255, 256, 4095, 4096, 2 ** 31 + 300])).output).toBe("4096 slots\n255: none\n256: none\n4095: none\n4096: FailedLookup\n2147483948: FailedLookup\n");
});

test("as many as there can be", LIMIT, async () => {
  expect((await copies("slots: 262144,", [262_143, 262_144], ", memory: 16MiB")).output).toBe("262144 slots\n262143: none\n262144: FailedLookup\n");
});

test("a memory that does not hold them is said before anything runs", LIMIT, async () => {
  const { events, status } = await copies("slots: 262144,", [256], ", memory: 4MiB");
  expect(status).toBe(1);
  expect(events).toContainEqual(expect.objectContaining({ event: "error", message: expect.stringMatching(/^component main needs \d+ KiB more than its memory of 4 MiB/) }));
  expect(events).not.toContainEqual(expect.objectContaining({ event: "started" }));
});

test("a hosted program finds the number in its environment, and uses them as well", LIMIT, async () => {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({ main: "{ image: { ts: main.ts }, slots: 1024, essential: true, use: { console: console.console } }" }),
    "main.ts": `import type { Env, Op } from "bailiwick/sdk";
      export default function* main(env: Env): Op<void> {
        const copy = (to: number) => env.sys.call(${InitSlot.CNode}, ${Invocation.CNodeCopy}, [to + 2 ** 37, env.use.console!.cap + (32 + ${ALL_RIGHTS} * 256) * 2 ** 32, ${InitSlot.CNode}]);
        const labels: number[] = [];
        for (const to of [env.slots - 1, env.slots]) labels.push((yield* copy(to)).error ? 1 : 0);
        const text = new TextEncoder().encode(env.slots + " " + labels.map((label) => label === 0).join());
        const words: (number | bigint)[] = [text.length];
        for (let i = 0; i < text.length; i += 8) words.push(text.slice(i, i + 8).reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n));
        yield* env.sys.call(${InitSlot.Parent}, ${Parent.methods.log.label}, words);
      }`,
  });
  const { events } = await runAppliance(folder.path);
  expect(events).toContainEqual({ event: "log", component: "main", text: "1024 true,false" });
});
