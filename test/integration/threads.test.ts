// Several threads of one C program: what they share, what each has of its own, and what happens when one of them fails.
import { expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const HEAD = `#include <bailiwick.h>
BW_USE(console); BW_USE(time);
enum { FINISHED = 130, CONTEXTS = 131, ROOMS = 140, PER_ROOM = 10, STACK_PAGES = 2 };
static struct bw_thread threads[4];
static uint64_t address = BW_THREAD_ADDRESSES;
/* Makes thread n with time of its own; its slots are ROOMS + n * PER_ROOM on. */
__attribute__((unused)) static bw_err make(unsigned n, const char *name, bw_cptr keeper, bool timed) {
    const struct bw_thread_room room = {.untyped = BW_SLOT_UNTYPED, .slots = ROOMS + n * PER_ROOM, .address = address, .stack_pages = STACK_PAGES};
    address += BW_THREAD_PAGES(STACK_PAGES) * BW_PAGE;
    bw_err error = bw_thread_make(&threads[n], &room, name, keeper);
    threads[n].finished = FINISHED;
    if (error == 0) error = bw_tcb_set_priority(threads[n].tcb, 100, 0, BW_SLOT_TCB);
    if (error != 0 || !timed) return error;
    error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, CONTEXTS + n);
    if (error == 0) error = bw_sched_control_configure(bw_use_time.cap, CONTEXTS + n, 1000, 1000, n);
    return error == 0 ? bw_sched_context_bind(CONTEXTS + n, threads[n].tcb) : error;
}
`;

async function run(body: string): Promise<{ readonly output: readonly string[]; readonly status: number | undefined; readonly events: readonly Record<string, unknown>[] }> {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({ main: "{ image: { c: main.c }, memory: 1MiB, use: { console: console.console, time: platform.cpu.time }, essential: true }" }),
    "main.c": `${HEAD}${body}`,
  });
  // By counted blocks: what a busy host takes from a thread's turn is nobody's here.
  const { output, status, events } = await runAppliance(folder.path, { deterministic: true });
  return { output: output.trimEnd().split("\n"), status, events };
}

test("threads share memory and capabilities; stack, IPC buffer and tp are each one's own", LIMIT, async () => {
  const { output, status } = await run(`
    static uint64_t sums[3], buffers[3];
    static volatile uint32_t errors;
    static void work(void *argument) {
        const uint64_t n = (uint64_t)argument;
        buffers[n] = (uint64_t)bw_ipc();
        uint64_t local[200];
        for (unsigned round = 0; round < 300; round++) {
            /* Each keeps a number where another would overwrite it if it were shared, across calls and preemption. */
            bw_ipc()->user_data = n * 1000 + round;
            for (unsigned i = 0; i < 200; i++) local[i] = n + i;
            bool discreet = false;
            (void)bw_discrim_is_discreet(BW_SLOT_DISCRIM, BW_SLOT_TCB, &discreet);
            bw_yield();
            if (bw_ipc()->user_data != n * 1000 + round) errors++;
            for (unsigned i = 0; i < 200; i++) if (local[i] != n + i) errors++;
            sums[n] += n + 1;
        }
    }
    int main(void) {
        bw_console_open(bw_use_console.cap);
        bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_NOTIFICATION, 0, 1, BW_SLOT_CNODE, FINISHED);
        bw_cnode_mint(BW_SLOT_CNODE, 129, BW_SLOT_CNODE, FINISHED, BW_ALL_RIGHTS, 1);
        for (unsigned n = 0; n < 3 && error == 0; n++) { error = make(n, "worker", 0, true); threads[n].finished = 129; }
        bw_printf("made: %s\\n", bw_error_name(error));
        for (unsigned n = 0; n < 3; n++) (void)bw_thread_start(&threads[n], work, (void *)(uint64_t)n);
        for (unsigned n = 0; n < 3; n++) bw_thread_join(&threads[n]);
        bw_printf("%lu %lu %lu, errors %u\\n", sums[0], sums[1], sums[2], errors);
        bw_printf("own buffers: %d\\n", buffers[0] != buffers[1] && buffers[1] != buffers[2] && buffers[0] == threads[0].buffer && (uint64_t)bw_ipc() == BW_ADDRESS_IPC_BUFFER);
        return 0;
    }`);
  expect(output).toEqual(["made: none", "300 600 900, errors 0", "own buffers: 1"]);
  expect(status).toBe(0);
});

test("a passive thread serves its sibling on the sibling's time", LIMIT, async () => {
  const { output } = await run(`
    enum { ENDPOINT = 180, REPLY };
    static void serve(void *argument) {
        (void)argument;
        struct bw_msg m = bw_recv(ENDPOINT, REPLY);
        for (;;) m = bw_reply_recv(ENDPOINT, REPLY, bw_info(0, 1, 0), m.w[0] * 2, 0, 0, 0);
    }
    int main(void) {
        bw_console_open(bw_use_console.cap);
        bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 1, BW_SLOT_CNODE, ENDPOINT);
        bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_REPLY, 0, 1, BW_SLOT_CNODE, REPLY);
        bw_err error = make(0, "server", 0, true);
        (void)bw_thread_start(&threads[0], serve, NULL);
        /* It comes to its receive with time of its own, and loses that there. */
        (void)bw_tcb_set_priority(threads[0].tcb, 100, 0, BW_SLOT_TCB);
        bw_yield();
        error = error != 0 ? error : bw_sched_context_unbind(CONTEXTS);
        uint64_t sum = 0;
        for (uint64_t i = 0; i < 100; i++) sum += bw_call(ENDPOINT, bw_info(1, 1, 0), i, 0, 0, 0).w[0];
        bw_printf("%s, %lu\\n", bw_error_name(error), sum);
        bw_printf("a Send to it: %s\\n", bw_error_name(bw_send(ENDPOINT, bw_info(1, 0, 0), 0, 0, 0, 0)));
        return 0;
    }`);
  expect(output).toEqual(["none, 9900", "a Send to it: PassiveServer"]);
});

test("a thread that overruns its stack faults alone; without a keeper the operator is told by its name", LIMIT, async () => {
  const { output, status, events } = await run(`
    static uint64_t deep(uint64_t n) { volatile uint8_t room[1000]; room[n % 1000] = 1; return n == UINT64_MAX ? 0 : deep(n + 1) + room[0]; }
    static void overrun(void *argument) { (void)argument; (void)deep(0); }
    int main(void) {
        bw_console_open(bw_use_console.cap);
        bw_err error = make(0, "deep diver", 0, true);
        (void)bw_thread_start(&threads[0], overrun, NULL);
        for (unsigned i = 0; i < 50; i++) bw_yield();
        uint64_t sp = 0;
        (void)bw_tcb_read_registers(threads[0].tcb, 2, &sp, 1);
        bw_printf("%s, below its stack: %d\\n", bw_error_name(error), sp < threads[0].stack_top - STACK_PAGES * BW_PAGE);
        return 5;
    }`);
  expect(output).toEqual(["none, below its stack: 1"]);
  expect(status).toBe(5);
  expect(events).toContainEqual(expect.objectContaining({ event: "fault", component: "deep diver", reason: expect.stringMatching(/^VMFault .*has no keeper/) as string }));
});

test("what cannot be made is refused by name", LIMIT, async () => {
  const { output } = await run(`
    int main(void) {
        bw_console_open(bw_use_console.cap);
        struct bw_thread thread;
        struct bw_thread_room room = {.untyped = BW_SLOT_UNTYPED, .slots = ROOMS, .address = BW_THREAD_ADDRESSES, .stack_pages = 0};
        bw_printf("%s\\n", bw_error_name(bw_thread_make(&thread, &room, "t", 0)));
        room.stack_pages = 2, room.slots = BW_SLOT_TCB;
        bw_printf("%s\\n", bw_error_name(bw_thread_make(&thread, &room, "t", 0)));
        room.slots = ROOMS, room.address = BW_ADDRESS_TEXT - BW_PAGE;
        bw_printf("%s\\n", bw_error_name(bw_thread_make(&thread, &room, "t", 0)));
        room.slots = ROOMS + 20, room.address = BW_THREAD_ADDRESSES, room.untyped = BW_SLOT_TCB;
        bw_printf("%s\\n", bw_error_name(bw_thread_make(&thread, &room, "t", 0)));
        return 0;
    }`);
  expect(output).toEqual(["InvalidArgument", "DeleteFirst", "DeleteFirst", "IllegalOperation"]);
});

test("a thread that never yields, and tries to get more time or a higher priority, has its budget and no more", LIMIT, async () => {
  const { output } = await run(`
    enum { OWN = 200 };
    static volatile uint32_t gained;
    static void greedy(void *argument) {
        (void)argument;
        /* It shares the CSpace of a scheduler; what it may not have is taken away from it there before it starts. */
        if (bw_tcb_set_priority(threads[0].tcb, 255, 255, threads[0].tcb) == 0) gained |= 1;
        if (bw_sched_control_configure(OWN, CONTEXTS, 1000, 1000, 0) == 0) gained |= 2;
        if (bw_invoke(CONTEXTS, BW_INV_SCHED_CONTROL_CONFIGURE, 3, CONTEXTS, 1000, 1000, 0) == 0) gained |= 4;
        for (;;) {}
    }
    int main(void) {
        bw_console_open(bw_use_console.cap);
        bw_err error = make(0, "greedy", 0, true);
        /* One millisecond in ten, above everybody else. */
        if (error == 0) error = bw_sched_control_configure(bw_use_time.cap, CONTEXTS, 1000, 10000, 0);
        if (error == 0) error = bw_tcb_set_priority(threads[0].tcb, 100, 0, BW_SLOT_TCB);
        (void)bw_tcb_set_priority(BW_SLOT_TCB, 90, 100, BW_SLOT_TCB);
        uint64_t own = 0, its = 0;
        (void)bw_sched_context_consumed(BW_SLOT_SCHED_CONTEXT, &own);
        (void)bw_thread_start(&threads[0], greedy, NULL);
        for (uint64_t total = 0, used = 0; total < 200000; total += used) (void)bw_sched_context_consumed(BW_SLOT_SCHED_CONTEXT, &used);
        (void)bw_sched_context_consumed(CONTEXTS, &its);
        bw_printf("%s, gained %u, at most a quarter: %d, something: %d\\n", bw_error_name(error), gained, its < 50000, its > 10000);
        return 0;
    }`);
  expect(output).toEqual(["none, gained 0, at most a quarter: 1, something: 1"]);
});
