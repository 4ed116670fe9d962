// A debugger as a program: one thread of a component steps another, stops it at a breakpoint, looks at its registers and changes one.
import { expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";

const SOURCE = `#include <bailiwick.h>
BW_USE(console); BW_USE(time);
enum { KEEPER = 130, REPLY, CONTEXT, FINISHED, SIGNAL, ROOM = 140, PC = 0, A0 = 10, FA0 = 42, WHY_BREAKPOINT = 1, WHY_STEP = 2 };
static struct bw_thread thread;
static volatile uint64_t result;
static volatile double product;

__attribute__((noinline)) static uint64_t triangle(uint64_t n) { uint64_t sum = 0; for (uint64_t i = 1; i <= n; i++) { __asm__ volatile("" : "+r"(sum)); sum += i; } return sum; }
__attribute__((noinline)) static double twice(double x) { __asm__ volatile("" : "+f"(x)); return x + x; }
static void debugged(void *argument) { (void)argument; for (;;) { result = triangle(10); product = twice(1.5); (void)bw_signal(SIGNAL); } }

static struct bw_msg next(void) { return bw_recv(KEEPER, REPLY); }
static void go_on(void) { (void)bw_send(REPLY, bw_info(0, 0, 0), 0, 0, 0, 0); }
static uint64_t get(uint32_t number) { uint64_t value = 0; (void)bw_tcb_read_registers(thread.tcb, number, &value, 1); return value; }

int main(void) {
    bw_console_open(bw_use_console.cap);
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 1, BW_SLOT_CNODE, KEEPER);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_REPLY, 0, 1, BW_SLOT_CNODE, REPLY);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, CONTEXT);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_NOTIFICATION, 0, 1, BW_SLOT_CNODE, FINISHED);
    if (error == 0) error = bw_cnode_mint(BW_SLOT_CNODE, SIGNAL, BW_SLOT_CNODE, FINISHED, BW_RIGHT_WRITE, 1);
    const struct bw_thread_room room = {.untyped = BW_SLOT_UNTYPED, .slots = ROOM, .address = BW_THREAD_ADDRESSES, .stack_pages = 1};
    if (error == 0) error = bw_thread_make(&thread, &room, "debugged", KEEPER);
    if (error == 0) error = bw_sched_control_configure(bw_use_time.cap, CONTEXT, 1000, 1000, 0);
    if (error == 0) error = bw_sched_context_bind(CONTEXT, thread.tcb);
    if (error == 0) error = bw_tcb_set_priority(thread.tcb, 50, 0, BW_SLOT_TCB);
    if (error == 0) error = bw_tcb_set_breakpoint(thread.tcb, 0, (uint64_t)&triangle, true);
    if (error == 0) error = bw_thread_start(&thread, debugged, NULL);
    bw_printf("%s\\n", bw_error_name(error));

    struct bw_msg m = next();
    bw_printf("at the breakpoint: %d, argument %lu\\n", bw_label(&m) == BW_FAULT_BREAKPOINT && m.w[0] == (uint64_t)&triangle && m.w[1] == WHY_BREAKPOINT, get(A0));
    /* Another argument than the program gave. */
    uint64_t argument = 4;
    (void)bw_tcb_write_registers(thread.tcb, A0, &argument, 1, false);
    (void)bw_tcb_set_single_step(thread.tcb, true);
    const uint64_t back = get(1);
    uint64_t steps = 0, in_order = 1;
    for (uint64_t pc = m.w[0]; pc != back; steps++) {
        go_on();
        m = next();
        in_order &= m.w[1] == WHY_STEP;
        pc = m.w[0];
    }
    bw_printf("back after more than 10 steps: %d, all steps: %lu, sum %lu\\n", steps > 10 && steps < 100, in_order, get(A0));
    (void)bw_tcb_set_single_step(thread.tcb, false);
    (void)bw_tcb_set_breakpoint(thread.tcb, 0, 0, false);
    (void)bw_tcb_set_breakpoint(thread.tcb, 7, (uint64_t)&twice, true);
    go_on();
    m = next();
    /* 1.5 becomes 2.25. */
    const double other = 2.25;
    (void)bw_tcb_write_registers(thread.tcb, FA0, (const uint64_t *)&other, 1, false);
    (void)bw_tcb_set_breakpoint(thread.tcb, 7, 0, false);
    go_on();
    (void)bw_wait(FINISHED);
    bw_printf("result %lu, product %d/100\\n", result, (int)(product * 100));
    (void)bw_wait(FINISHED);
    bw_printf("left alone: result %lu, product %d/100\\n", result, (int)(product * 100));
    (void)bw_tcb_suspend(thread.tcb);
    return 0;
}
`;

test("steps, breakpoints, registers", { timeout: 180_000 }, async () => {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({ main: "{ image: { c: main.c }, use: { console: console.console, time: platform.cpu.time }, essential: true }" }),
    "main.c": SOURCE,
  });
  const { output, status } = await runAppliance(folder.path);
  expect(output.trimEnd().split("\n")).toEqual([
    "none", "at the breakpoint: 1, argument 10", "back after more than 10 steps: 1, all steps: 1, sum 10", "result 10, product 450/100", "left alone: result 55, product 300/100",
  ]);
  expect(status).toBe(0);
});
