// The kernel's less common operations from real programs, in C through the library: what each is for, on the real machine.
import { expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };

/** Runs one C program and gives back what it printed. */
async function run(body: string, use = ""): Promise<string> {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({ main: `{ image: { c: main.c }, memory: 1MiB, use: { console: console.console${use} }, essential: true }` }),
    "main.c": `#include <bailiwick.h>\nBW_USE(console);\n${body}`,
  });
  const { output, status, events } = await runAppliance(folder.path);
  expect(status, JSON.stringify(events.slice(-5))).toBe(0);
  return output;
}
const main = (body: string): string => `int main(void) {\nbw_console_open(bw_use_console.cap);\nconst bw_cptr self = BW_SLOT_CNODE;\n${body}\nreturn 0;\n}\n`;
/** Prints the name of what an invocation came to. */
const SAY = `#define SAY(what, call) bw_printf("%s: %s\\n", what, bw_error_name(call))\n`;

test("a confined directory: what is fetched through a weak CNode can only be read, all the way down", LIMIT, async () => {
  const output = await run(`${SAY}enum { DIRECTORY = 130, INNER, FRAME, WEAK, GOT, GOT_INNER, GOT_FRAME };
    ${main(`
    bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_CNODE, 4, 2, self, DIRECTORY);
    bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 12, 1, self, FRAME);
    const uint64_t slot4 = bw_pair(0, 4);
    (void)bw_invoke(INNER, BW_INV_CNODE_COPY, 3, bw_pair(0, 4), bw_pair(FRAME, 32 | BW_ALL_RIGHTS << 8), self, 0);
    (void)bw_invoke(DIRECTORY, BW_INV_CNODE_COPY, 3, slot4, bw_pair(INNER, 32 | BW_ALL_RIGHTS << 8), self, 0);
    (void)bw_invoke(DIRECTORY, BW_INV_CNODE_COPY, 3, bw_pair(1, 4), bw_pair(bw_use_console.cap, 32 | BW_ALL_RIGHTS << 8), self, 0);
    SAY("weak copy", bw_cnode_copy(self, WEAK, self, DIRECTORY, BW_ALL_RIGHTS | BW_RIGHT_WEAK));
    SAY("a way to speak", bw_invoke(self, BW_INV_CNODE_COPY, 3, bw_pair(GOT, 32), bw_pair(1, 4 | BW_ALL_RIGHTS << 8), WEAK, 0));
    SAY("the table in it", bw_invoke(self, BW_INV_CNODE_COPY, 3, bw_pair(GOT_INNER, 32), bw_pair(0, 4 | BW_ALL_RIGHTS << 8), WEAK, 0));
    SAY("the memory in that", bw_invoke(self, BW_INV_CNODE_COPY, 3, bw_pair(GOT_FRAME, 32), bw_pair(0, 4 | BW_ALL_RIGHTS << 8), GOT_INNER, 0));
    SAY("mapped to write", bw_frame_map(GOT_FRAME, BW_ADDRESS_IPC_BUFFER + 0x10000, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE));
    SAY("mapped to read", bw_frame_map(GOT_FRAME, BW_ADDRESS_IPC_BUFFER + 0x10000, BW_SLOT_VSPACE, BW_RIGHT_READ));
    SAY("put into it", bw_invoke(WEAK, BW_INV_CNODE_COPY, 3, bw_pair(5, 4), bw_pair(FRAME, 32 | BW_ALL_RIGHTS << 8), self, 0));
    bool discreet = false;
    for (bw_cptr cap = WEAK; cap <= GOT_FRAME; cap++) {
        if (cap == GOT) continue;
        (void)bw_discrim_is_discreet(BW_SLOT_DISCRIM, cap, &discreet);
        bw_printf("discreet %d\\n", discreet);
    }
    (void)bw_discrim_is_discreet(BW_SLOT_DISCRIM, bw_use_console.cap, &discreet);
    bw_printf("the console %d\\n", discreet);`)}`);
  expect(output.trimEnd().split("\n")).toEqual([
    "weak copy: none", "a way to speak: InvalidCapability", "the table in it: none", "the memory in that: none", "mapped to write: MissingRight", "mapped to read: none", "put into it: MissingRight",
    "discreet 1", "discreet 1", "discreet 1", "the console 0",
  ]);
});

test("classify, same, rotate", LIMIT, async () => {
  const output = await run(`${SAY}enum { A = 130, B, C, D };
    ${main(`
    uint32_t kind = 0, rights = 0, same = 0;
    bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 1, self, A);
    (void)bw_cnode_mint(self, B, self, A, BW_RIGHT_WRITE, 7);
    (void)bw_discrim_classify(BW_SLOT_DISCRIM, B, &kind, &rights);
    bw_printf("B: kind %u, rights %u\\n", kind, rights);
    SAY("rotate to C", bw_cnode_rotate(self, C, A, B));
    (void)bw_discrim_classify(BW_SLOT_DISCRIM, B, &kind, &rights);
    bw_printf("B: kind %u\\n", kind);
    (void)bw_discrim_same(BW_SLOT_DISCRIM, A, C, &same);
    bw_printf("A and C: %u\\n", same);
    SAY("swap", bw_cnode_rotate(self, A, C, A));
    (void)bw_discrim_classify(BW_SLOT_DISCRIM, C, &kind, &rights);
    bw_printf("C: rights %u\\n", rights);
    SAY("rotate over D itself", bw_cnode_rotate(self, D, D, A));`)}`);
  expect(output.trimEnd().split("\n")).toEqual(["B: kind 4, rights 1", "rotate to C: none", "B: kind 0", "A and C: 1", "swap: none", "C: rights 1", "rotate over D itself: InvalidArgument"]);
});

test("who was given a CNode, of whatever shape, looks through it", LIMIT, async () => {
  const output = await run(`${SAY}enum { BOX = 130, GUARDED, SIGNAL, GOT };
    static void look(bw_cptr box) {
        struct bw_capability is, held;
        (void)bw_discrim_describe(BW_SLOT_DISCRIM, box, &is);
        bw_printf("kind %u, rights %u, slots %u, guard %u:", is.kind, is.rights, 1U << is.slot_bits, is.guard_bits);
        for (uint64_t i = 0; i < 1UL << is.slot_bits; i++) {
            (void)bw_cnode_delete(BW_SLOT_CNODE, GOT);
            if (bw_cnode_fetch(BW_SLOT_CNODE, GOT, box, i, is.slot_bits + is.guard_bits, BW_ALL_RIGHTS) != 0) continue;
            (void)bw_discrim_describe(BW_SLOT_DISCRIM, GOT, &held);
            bw_printf(" %lu is %u/%u/%u", i, held.kind, held.slot_bits, held.guard_bits);
        }
        bw_printf("\\n");
    }
    ${main(`
    struct bw_capability none = {.kind = 99};
    (void)bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_CNODE, 4, 1, self, BOX);
    (void)bw_invoke(BOX, BW_INV_CNODE_COPY, 3, bw_pair(3, 4), bw_pair(BW_SLOT_NOTIFICATION, 32 | BW_ALL_RIGHTS << 8), self, 0);
    (void)bw_invoke(BOX, BW_INV_CNODE_COPY, 3, bw_pair(15, 4), bw_pair(BW_SLOT_CNODE, 32 | BW_ALL_RIGHTS << 8), self, 0);
    look(BOX);
    (void)bw_cnode_mint(self, GUARDED, self, BOX, BW_RIGHT_READ | BW_RIGHT_WEAK, 20UL << 32);
    look(GUARDED);
    SAY("nothing", bw_discrim_describe(BW_SLOT_DISCRIM, SIGNAL, &none));
    bw_printf("%u %u %u %u\\n", none.kind, none.rights, none.slot_bits, none.guard_bits);
    SAY("no slot", bw_discrim_describe(BW_SLOT_DISCRIM, 4096, &none));`)}`);
  expect(output.trimEnd().split("\n")).toEqual([
    "kind 2, rights 15, slots 16, guard 0: 3 is 5/0/0 15 is 2/8/24",
    // Through a weak one no notification comes.
    "kind 2, rights 18, slots 16, guard 20: 15 is 2/8/24",
    "nothing: none", "0 0 0 0", "no slot: FailedLookup",
  ]);
});

test("a reply kept for later; a badge's calls cancelled", LIMIT, async () => {
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({
      server: "{ image: { c: server.c }, use: { console: console.console }, offer: { s: Serve }, essential: true }",
      early: "{ image: { c: client.c }, use: { s: server.s }, cpu: { priority: 90 } }",
      late: "{ image: { c: client.c }, use: { s: server.s }, cpu: { priority: 80 } }",
    }),
    // Both call; the early one's answer waits until the late one has come.
    "client.c": `#include <bailiwick.h>\nBW_USE(s);\nint main(void) { const struct bw_msg m = bw_call(bw_use_s.cap, bw_info(1, 0, 0), 0, 0, 0, 0); return (int)m.w[0]; }\n`,
    "server.c": `#include <bailiwick.h>\nBW_USE(console);\nenum { KEPT = 130, ENDPOINT, BADGED };
      int main(void) {
        bw_console_open(bw_use_console.cap);
        bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_REPLY, 0, 1, BW_SLOT_CNODE, KEPT);
        const struct bw_msg first = bw_recv(BW_SLOT_SERVICE, BW_SLOT_REPLY);
        bw_printf("first: client %lu\\n", first.badge);
        bw_printf("saved: %s\\n", bw_error_name(bw_reply_save(BW_SLOT_REPLY, KEPT)));
        bw_printf("again: %s\\n", bw_error_name(bw_reply_save(BW_SLOT_REPLY, KEPT)));
        const struct bw_msg second = bw_recv(BW_SLOT_SERVICE, BW_SLOT_REPLY);
        bw_printf("second: client %lu\\n", second.badge);
        (void)bw_send(BW_SLOT_REPLY, bw_info(0, 1, 0), 22, 0, 0, 0);
        (void)bw_send(KEPT, bw_info(0, 1, 0), 11, 0, 0, 0);
        bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 1, BW_SLOT_CNODE, ENDPOINT);
        bw_cnode_mint(BW_SLOT_CNODE, BADGED, BW_SLOT_CNODE, ENDPOINT, BW_ALL_RIGHTS, 5);
        bw_printf("cancel: %s\\n", bw_error_name(bw_cnode_cancel_badged_sends(BW_SLOT_CNODE, BADGED)));
        bw_printf("without a badge: %s\\n", bw_error_name(bw_cnode_cancel_badged_sends(BW_SLOT_CNODE, ENDPOINT)));
        return 0;
      }\n`,
  });
  const { output, status, events } = await runAppliance(folder.path);
  expect(status).toBe(0);
  expect(output.trimEnd().split("\n")).toEqual(["first: client 1", "saved: none", "again: IllegalOperation", "second: client 2", "cancel: none", "without a badge: IllegalOperation"]);
  expect(events.filter((e) => e["event"] === "exit" && e["component"] !== "server").every((e) => e["status"] === (e["component"] === "early" ? 11 : 22))).toBe(true);
});
