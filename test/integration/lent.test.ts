// Memory that a lender takes back while it is copied (servers/lib/c, lent.h): the copy says so, and the program goes on. Whatever else it does wrong still ends it.
import { expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const HEAD = `#include <bailiwick.h>
#include <bailiwick/lent.h>
BW_USE(console); BW_USE(time);
enum { OWNED = 128, LENT = OWNED + 4, SMALL = LENT + 4, TABLE = 150, LENT_SLOTS = 160, RW = BW_RIGHT_READ | BW_RIGHT_WRITE };
#define WINDOW (2UL << 20)
#define AT (BW_ADDRESS_OWN + 4 * WINDOW)
#define RING (BW_ADDRESS_OWN + WINDOW)
__attribute__((unused)) static uint8_t buffer[8192];
/* Window i: lent, as a client lends it. */
__attribute__((unused)) static bw_err lend(uint32_t i) {
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, OWNED + i);
    if (error == 0) error = bw_cnode_copy(BW_SLOT_CNODE, LENT + i, BW_SLOT_CNODE, OWNED + i, RW);
    return error == 0 ? bw_frame_map(LENT + i, AT + i * WINDOW, BW_SLOT_VSPACE, RW) : error;
}
static bw_err begin(void) {
    bw_console_open(bw_use_console.cap);
    const struct bw_lent_room room = {.slots = LENT_SLOTS, .thread_address = BW_THREAD_ADDRESSES, .time = bw_use_time.cap, .from = AT, .to = AT + 8 * WINDOW};
    return bw_lent_begin(&room);
}
`;

async function run(body: string) {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({ main: "{ image: { c: main.c }, memory: 16MiB, use: { console: console.console, time: platform.cpu.time }, essential: true }" }, "96MiB"),
    "main.c": `${HEAD}${body}`,
  });
  const { output, status, events } = await runAppliance(folder.path);
  return { output: output.trimEnd().split("\n"), status, events };
}

test("copies of every length and alignment are whole, and touch nothing beside", LIMIT, async () => {
  const { output } = await run(`
    int main(void) {
        bw_err error = begin();
        if (error == 0) error = lend(0);
        uint32_t wrong = 0, refused = 0;
        uint8_t *lent = (uint8_t *)AT;
        for (uint32_t i = 0; i < 4096; i++) lent[i] = (uint8_t)(i * 7 + i / 256);
        for (uint32_t count = 0; count < 100; count++) for (uint32_t from = 0; from < 10; from++) for (uint32_t to = 0; to < 10; to++) {
            memset(buffer, 0xee, 256);
            refused += !bw_lent_copy(buffer + 16 + to, lent + from, count);
            for (uint32_t i = 0; i < 256; i++) wrong += buffer[i] != (i >= 16 + to && i < 16 + to + count ? lent[from + i - 16 - to] : 0xee);
        }
        memset(buffer, 0x55, sizeof buffer);
        refused += !bw_lent_copy(lent + 1, buffer, 1514);
        wrong += lent[0] == 0x55 || lent[1] != 0x55 || lent[1514] != 0x55 || lent[1515] == 0x55;
        const bw_err more = bw_sched_control_configure(bw_use_time.cap, BW_SLOT_SCHED_CONTEXT, 100, 100, 0);
        bw_printf("%s, %u wrong, %u refused, more time: %s\\n", bw_error_name(error), wrong, refused, bw_error_name(more));
        return 0;
    }`);
  expect(output).toEqual(["none, 0 wrong, 0 refused, more time: InvalidCapability"]);
});

test("what was taken back, or ends in the middle, makes a copy fail, again and again; others are as before", LIMIT, async () => {
  const { output, status } = await run(`
    int main(void) {
        bw_err error = begin();
        for (uint32_t i = 0; i < 2; i++) if (error == 0) error = lend(i);
        const bool before = bw_lent_copy(buffer, (void *)AT, 4096);
        (void)bw_cnode_revoke(BW_SLOT_CNODE, OWNED);
        uint32_t yes = 0;
        for (uint32_t i = 0; i < 1000; i++) yes += bw_lent_copy(buffer, (void *)(AT + i), 1514) + bw_lent_copy((void *)(AT + i), buffer, 1514);
        const bool other = bw_lent_copy((void *)(AT + WINDOW), buffer, 4096), over = bw_lent_copy(buffer, (void *)(AT + 2 * WINDOW - 100), 200);
        bw_printf("%s: %d, then %u, the other %d, beyond it %d\\n", bw_error_name(error), before, yes, other, over);
        (void)bw_cnode_delete(BW_SLOT_CNODE, OWNED), (void)bw_cnode_delete(BW_SLOT_CNODE, LENT);
        error = bw_frame_map(LENT + 1, AT + WINDOW, BW_SLOT_VSPACE, BW_RIGHT_READ);
        bw_printf("read-only: %s, read %d, write %d\\n", bw_error_name(error), bw_lent_copy(buffer, (void *)(AT + WINDOW), 64), bw_lent_copy((void *)(AT + WINDOW), buffer, 64));
        return 0;
    }`);
  expect(output).toEqual(["none: 1, then 0, the other 1, beyond it 0", "read-only: none, read 1, write 0"]);
  expect(status).toBe(0);
});

test("a covered page that is taken back reads as zeros from then on", LIMIT, async () => {
  const { output, status } = await run(`
    int main(void) {
        bw_err error = begin();
        if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_PAGE_TABLE, 0, 1, BW_SLOT_CNODE, TABLE);
        if (error == 0) error = bw_page_table_map(TABLE, RING, BW_SLOT_VSPACE);
        if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 12, 2, BW_SLOT_CNODE, SMALL);
        for (uint32_t i = 0; i < 2; i++) if (error == 0) error = bw_frame_map(SMALL + i, RING + i * BW_PAGE, BW_SLOT_VSPACE, RW);
        volatile uint32_t *ring = (volatile uint32_t *)RING;
        const int cover = bw_lent_cover(RING, 2);
        ring[0] = 7, ring[1024] = 8;
        const bool early = bw_lent_covered(cover);
        (void)bw_cnode_delete(BW_SLOT_CNODE, SMALL);
        const uint32_t first = ring[0], second = ring[1024];
        ring[1] = 9;
        bw_printf("%s, %d, %d, then %u %u %u, %d\\n", bw_error_name(error), cover, early, first, second, ring[1], bw_lent_covered(cover));
        bw_printf("more: %d, too many: %d %d\\n", bw_lent_cover(RING, 5), bw_lent_cover(RING + WINDOW, 1), bw_lent_cover(RING + WINDOW, 1));
        return 0;
    }`);
  expect(output).toEqual(["none, 0, 0, then 0 8 9, 1", "more: -1, too many: 1 -1"]);
  expect(status).toBe(0);
});

test.each([
  ["a load from nowhere", "(void)*(volatile uint8_t *)(BW_ADDRESS_OWN - 16);", /^fault 4 at [0-9a-f]+, of [0-9a-f]+f0$/],
  ["lent memory without bw_lent_copy", "(void)*(volatile uint8_t *)AT;", /^fault 4 at [0-9a-f]+, of [0-9a-f]+$/],
  ["a copy to nowhere", "(void)bw_lent_copy((void *)0x10, buffer, 8);", /^fault 4 at [0-9a-f]+, of 10$/],
  ["no instruction", "__asm__ volatile(\".word 0\");", /^fault 3 at/],
])("%s is the program's own mistake: it ends, and the operator is told", LIMIT, async (_, mistake, told) => {
  const { output, status, events } = await run(`int main(void) { bw_printf("%s\\n", bw_error_name(begin())); bw_flush(); ${mistake} bw_puts("goes on"); return 0; }`);
  expect(output).toEqual(["none"]);
  expect(status).toBe(1);
  expect(events).toContainEqual(expect.objectContaining({ event: "log", component: "main", text: expect.stringMatching(told) as string }));
});
