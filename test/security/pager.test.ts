// The pager of examples/pager with a child that means harm: whatever it does to its keeper, its sibling ends with the right sums, and so does the pager.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { applianceFolder, runAppliance } from "../support/appliance-run.ts";

const EXAMPLE = join(import.meta.dirname, "../../examples/pager");
const read = (name: string): string => readFileSync(join(EXAMPLE, name), "utf8");
const FILES = ["appliance.yaml", "child.h", "pager.c", "store.h", "store.c"];

/** Child b does this instead of its work. */
async function withChild(body: string): Promise<string> {
  const child = read("child.c").replace("_Noreturn void child(uint64_t n) {", `_Noreturn void child(uint64_t n) {\n    if (n == 1) { ${body} }`);
  using folder = applianceFolder({ ...Object.fromEntries(FILES.map((name) => [name, read(name)])), "child.c": child });
  const { output, status } = await runAppliance(folder.path, { limitMs: 30_000 });
  expect(output).toContain("the template is as it was");
  expect(output).toContain("child a saw its own writes and nobody else's: yes");
  expect(output).toContain("child b saw its own writes and nobody else's: no");
  expect(status).toBe(1);
  return output;
}

test.each([
  ["jumps to nowhere", "((void (*)(void))0x4000000000UL)();", /child b is ended: fetch from 0x4000000000, where it has nothing/],
  ["jumps into the kernel's half", "((void (*)(void))0xffffffff80000000UL)();", /child b is ended: fetch from 0xffffffff80000000/],
  ["executes its stack", "volatile uint32_t code[4] = {0x00008067}; ((void (*)(void))(uint64_t)code)();", /child b is ended: fetch from 0x17[0-9a-f]+/],
  ["writes its text", "*(volatile uint32_t *)(uint64_t)&child = 0;", /child b is ended: store to 0x1[0-9a-f]+/],
  ["writes constants", "*(volatile uint64_t *)(uint64_t)factors = 0;", /child b is ended: store to 0x1[0-9a-f]+/],
  ["reads the pager's own data", "for (volatile const uint64_t *p = template + TEMPLATE_PAGES * PAGE_WORDS;; p += 512) (void)*p;", /child b is ended: load from 0x[12][0-9a-f]+, where it has nothing/],
  ["makes a system call that is none", "(void)bw_trap(99, 0, 0, 0, 0, 0, 0, 0); for (;;) {}", /child b is ended: UnknownSyscall/],
  ["receives where it may not", "(void)bw_recv(PAGER, 0); for (;;) {}", /child b is ended: Capability/],
  ["executes what is no instruction", "__asm__ volatile(\".word 0\"); for (;;) {}", /child b is ended: UserException/],
  ["stops at a breakpoint", "__asm__ volatile(\"ebreak\"); for (;;) {}", /child b is ended: Breakpoint/],
  ["takes all the memory it may", "for (uint64_t i = 0; i < TEMPLATE_PAGES; i++) template[i * PAGE_WORDS] = 1; for (uint64_t i = 0; i < HEAP_PAGES; i++) *(volatile uint8_t *)(HEAP + i * PAGE) = 1; for (uint64_t i = 1; i <= STACK_PAGES; i++) *(volatile uint8_t *)(STACK_TOP - i * PAGE) = 1; step(); *(volatile uint8_t *)NOWHERE = 1;", /child b is ended: store to 0x1[0-9a-f]+, NotEnoughMemory/],
  ["computes for ever", "for (;;) {}", /child b is ended: it used up its time/],
  ["uses up its stack", "volatile uint8_t *sp = (volatile uint8_t *)STACK_TOP; for (;;) *--sp = 1;", /child b is ended: store to 0x177fff/],
  ["asks for what there is not", "(void)bw_call(PAGER, bw_info(4711, 0, 0), 0, 0, 0, 0); for (;;) {}", /child b is ended: unknown/],
])("a child that %s", { timeout: 180_000 }, async (_, body, expected) => {
  expect(await withChild(body)).toMatch(expected);
});

test("a child that tries every capability there could be, and forges faults by the hundred", { timeout: 180_000 }, async () => {
  const output = await withChild(`
    uint64_t found = 0, seed = 1;
    for (uint64_t cap = 0; cap < 64; cap++) {
        if (cap == PAGER) continue;
        const struct bw_msg m = bw_call(cap, bw_info(BW_INV_TCB_SUSPEND, 4, 0), 1, 2, 3, 4);
        found += bw_error(&m) == 0;
    }
    /* What looks like a fault of its own gets it pages of its own, or ends it: nothing else. */
    for (int i = 0; i < 300; i++) {
        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        (void)bw_call(PAGER, bw_info(BW_FAULT_VM_FAULT, 3, 0), 0, BW_ADDRESS_TEXT + (seed >> 40) % 0x4000, (seed >> 33) % 2, 0);
    }
    (void)bw_call(PAGER, bw_info(RESULT, 3, 0), found, found, found, 0);
    *(volatile uint64_t *)NOWHERE = found;`);
  expect(output).toMatch(/child b is ended/);
});
