// What a component leaves behind: nothing, however much it had. Its memory is revoked in pieces (core/kernel/capabilities.ts), by the root server, which is a hosted program.
import { expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance, until } from "../support/appliance-run.ts";

const LENDER = `#include <bailiwick.h>
enum { FRAME = 128, REST = 129 };
static uint32_t lend(struct bw_request *r) {
    bw_ipc()->caps[0] = FRAME;
    r->answer_caps = 1;
    return 0;
}
static uint32_t end(struct bw_request *r) { (void)r; HOW; return 1; }
int main(void) {
    /* The frame first: it is among the last things that a revocation comes to. */
    if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 12, 1, BW_SLOT_CNODE, FRAME) != 0 || bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_NOTIFICATION, 0, OBJECTS, BW_SLOT_CNODE, REST) != 0) return 9;
    static const struct bw_method methods[] = {{.label = 1, .handle = lend}, {.label = 2, .handle = end}};
    struct bw_service service = {.methods = methods, .count = 2, .bad_request = 3};
    bw_serve(&service);
}
`;
const BORROWER = `#include <bailiwick.h>
BW_USE(console); BW_USE(lender);
enum { FRAME = 128, TABLE };
int main(void) {
    volatile uint64_t *memory = (volatile uint64_t *)BW_ADDRESS_OWN;
    bw_console_open(bw_use_console.cap);
    bw_receive_slots(FRAME, 1);
    (void)bw_call(bw_use_lender.cap, bw_info(1, 0, 0), 0, 0, 0, 0);
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_PAGE_TABLE, 0, 1, BW_SLOT_CNODE, TABLE);
    if (error == 0) error = bw_page_table_map(TABLE, BW_ADDRESS_OWN, BW_SLOT_VSPACE);
    if (error == 0) error = bw_frame_map(FRAME, BW_ADDRESS_OWN, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    *memory = 42;
    const struct bw_msg m = bw_call(bw_use_lender.cap, bw_info(2, 0, 0), 0, 0, 0, 0);
    bw_printf("%s, %lu, %s\\n", bw_error_name(error), *memory, bw_error_name(bw_error(&m)));
    bw_flush();
    for (uint32_t i = 0; i < 100000; i++) { bw_yield(); (void)*memory; }
    bw_puts("it is there still");
    return 0;
}
`;

test.each([[10, "bw_exit(3)"], [120, "bw_exit(3)"], [120, "__builtin_trap()"]])("a component of %i objects more that ends by %s takes back what it had lent", { timeout: 180_000 }, async (objects, how) => {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({ lender: "{ image: { c: lender.c }, offer: { lender: Lender } }", borrower: "{ image: { c: borrower.c }, use: { console: console.console, lender: lender.lender } }" }),
    "lender.c": LENDER.replace("HOW", how).replace("OBJECTS", String(objects)), "borrower.c": BORROWER,
  });
  const seen: string[] = [];
  const { events } = await runAppliance(folder.path, { onEvent: ({ event, component }) => void seen.push(`${String(component)} ${String(event)}`), during: () => until("the borrower ends", () => seen.some((each) => /^borrower (fault|exit)$/.test(each))) });
  expect(events).toContainEqual(expect.objectContaining({ event: "fault", component: "borrower", kind: "VMFault" }));
});
