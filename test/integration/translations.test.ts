// Programs of which the engine translates more than its buffer holds: by running very much code once, and by having code changed again and again.
import { expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";

/** 2 MiB of code in blocks of two instructions, each another; then the same memory as other code, and so on. Each round adds up exactly. */
const PROGRAM = `#include <bailiwick.h>
BW_USE(console);
enum { LARGE = 2 << 20, BLOCKS = LARGE / 8 - 1, ROUNDS = 6, SLOT_FRAME = 130, SLOT_TABLE };
#define AT (BW_ADDRESS_OWN)
int main(void) {
    bw_console_open(bw_use_console.cap);
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, SLOT_FRAME);
    uint32_t *code = (uint32_t *)AT;
    for (uint32_t round = 1; round <= ROUNDS && error == 0; round++) {
        error = bw_frame_map(SLOT_FRAME, AT, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
        if (error != 0) break;
        for (uint32_t i = 0; i < BLOCKS; i++) {
            code[2 * i] = 0x00050513 | round << 20;   /* addi a0, a0, round */
            code[2 * i + 1] = 0x0040006f;             /* j .+4 */
        }
        code[2 * BLOCKS] = 0x00008067;                /* ret */
        error = bw_frame_map(SLOT_FRAME, AT, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_MAP_EXECUTE);
        if (error != 0) break;
        const uint64_t sum = ((uint64_t (*)(uint64_t))AT)(7);
        bw_printf("%s", sum == 7 + (uint64_t)round * BLOCKS ? "right " : "WRONG ");
    }
    bw_puts(bw_error_name(error));
    return 0;
}
`;

for (const deterministic of [false, true]) {
  test(`more code than the engine has room for is run exactly${deterministic ? ", by counted blocks too" : ""}`, { timeout: 180_000 }, async () => {
    using folder = applianceFolder({ "appliance.yaml": manifestWith({ a: "{ image: { c: a.c }, memory: 8MiB, use: { console: console.console }, essential: true }" }), "a.c": PROGRAM });
    const { output, status } = await runAppliance(folder.path, { limitMs: 100_000, deterministic });
    expect({ output, status }).toEqual({ output: `${"right ".repeat(6)}none\n`, status: 0 });
  });
}
