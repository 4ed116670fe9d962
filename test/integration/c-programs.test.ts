// The C library and the console driver on the real machine: what programs print, how the driver treats clients that are slow, many or hostile.
import { expect, test } from "vitest";
import { applianceFolder, Line, manifestWith, pause, runAppliance, until } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const MAIN = "{ image: { c: main.c }, use: { console: console.console }, essential: true }";

async function runMain(body: string): Promise<{ output: string; status: number | undefined }> {
  using folder = applianceFolder({ "appliance.yaml": manifestWith({ main: MAIN }), "main.c": `#include <bailiwick.h>\n#include <bailiwick/console.h>\nBW_USE(console);\n${body}` });
  return await runAppliance(folder.path);
}
const main = (body: string): string => `int main(void) {\nbw_console_open(bw_use_console.cap);\n${body}\nreturn 0;\n}\n`;

test("printf's conversions", LIMIT, async () => {
  const { output } = await runMain(main(`
    bw_printf("%d %i %u|%5d|%-5d|%05d|%x %X %08x\\n", -42, 7, 4294967295U, -42, 42, -42, 0xbeefU, 0xbeefU, 0xbeefU);
    bw_printf("%ld %lu %lx %zu\\n", (long)INT64_MIN, UINT64_MAX, UINT64_MAX, sizeof(int));
    bw_printf("%s|%8s|%-8s|%c|%%|%p|%s\\n", "text", "right", "left", 'c', (void *)0x1234, (const char *)NULL);
    bw_printf("%d bytes\\n", bw_printf("four") );
    const char *unknown = "100%! %q %";
    bw_puts(unknown);
    bw_puts(bw_formatted("%s %u", "formatted", 7U));
    bw_printf("%zu\\n", strlen(bw_formatted("%400d", 1)));`));
  expect(output).toBe(["-42 7 4294967295|  -42|42   |-0042|beef BEEF 0000beef", "-9223372036854775808 18446744073709551615 ffffffffffffffff 4", "text|   right|left    |c|%|0x1234|(null)", "four4 bytes", "100%! %q %", "formatted 7", "255", ""].join("\n"));
});

test("bytes and strings as in ISO C, aligned or not, overlapping or not", LIMIT, async () => {
  const { output } = await runMain(main(`
    unsigned wrong = 0;
    static uint8_t a[160], b[160];
    for (size_t from = 0; from < 9; from++) {
        for (size_t to = 0; to < 9; to++) {
            for (size_t n = 0; n < 110; n += n < 40 ? 1 : 7) {
                for (size_t i = 0; i < sizeof a; i++) { a[i] = (uint8_t)i; b[i] = (uint8_t)i; }
                memmove(&a[to], &a[from], n);
                for (size_t i = 0; i < sizeof a; i++) wrong += a[i] != (i >= to && i < to + n ? (uint8_t)(i - to + from) : (uint8_t)i);
                memset(&b[to], 0xab, n);
                for (size_t i = 0; i < sizeof b; i++) wrong += b[i] != (i >= to && i < to + n ? 0xab : (uint8_t)i);
                memset(b, 0xcd, sizeof b);
                memcpy(&b[to], &a[from], n);
                for (size_t i = 0; i < sizeof b; i++) wrong += b[i] != (i >= to && i < to + n ? a[i - to + from] : 0xcd);
            }
        }
    }
    wrong += memcmp("a\\x80", "a\\x7f", 2) <= 0;
    wrong += strcmp("abc", "abd") >= 0 || strcmp("abc", "ab") <= 0 || strcmp("", "") != 0;
    wrong += strncmp("abcx", "abcy", 3) != 0 || strncmp("ab", "ac", 2) >= 0;
    wrong += strlen("") != 0 || strlen("four") != 4;
    bw_printf("%u wrong\\n", wrong);`));
  expect(output).toBe("0 wrong\n");
});

test("memcpy reads nothing before or after its source: its page is the only one there", LIMIT, async () => {
  const { output, status } = await runMain(main(`
    enum { FRAME = 128, TABLE, PAGE = 4096 };
    uint8_t *page = (uint8_t *)BW_ADDRESS_OWN, to[64];
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 12, 1, BW_SLOT_CNODE, FRAME);
    for (uint32_t i = 0; error == 0; i++) {
        error = bw_frame_map(FRAME, BW_ADDRESS_OWN, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
        if (error != BW_ERR_FAILED_LOOKUP) break;
        error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_PAGE_TABLE, 0, 1, BW_SLOT_CNODE, TABLE + i);
        if (error == 0) error = bw_page_table_map(TABLE + i, BW_ADDRESS_OWN, BW_SLOT_VSPACE);
    }
    for (size_t i = 0; error == 0 && i < PAGE; i++) page[i] = (uint8_t)(i * 7);
    unsigned wrong = 0;
    for (size_t n = 0; error == 0 && n <= 48; n++) {
        for (size_t at = 0; at < 8; at++) {
            memcpy(to + at, page + PAGE - n, n);
            wrong += memcmp(to + at, page + PAGE - n, n) != 0;
            memcpy(to + at, page, n);
            wrong += memcmp(to + at, page, n) != 0;
        }
    }
    bw_printf("%u, %u wrong\\n", error, wrong);`));
  expect({ output, status }).toEqual({ output: "0, 0 wrong\n", status: 0 });
});

test("main's result is the appliance's status, and what was printed without a newline is not lost", LIMIT, async () => {
  expect(await runMain(`int main(void) { bw_console_open(bw_use_console.cap); bw_printf("no newline"); return 3; }`)).toMatchObject({ output: "no newline", status: 3 });
});

test("a program that faults ends the appliance with status 70, and the operator is told where", LIMIT, async () => {
  using folder = applianceFolder({ "appliance.yaml": manifestWith({ main: MAIN }), "main.c": "#include <bailiwick.h>\nBW_USE(console);\nint main(void) { return *(volatile int *)0x1234; }\n" });
  const { status, events } = await runAppliance(folder.path);
  expect(status).toBe(70);
  expect(events).toContainEqual(expect.objectContaining({ event: "fault", component: "main", address: 0x1234 }));
});

test("the console driver refuses what is not in its protocol, and goes on serving", LIMIT, async () => {
  const { output } = await runMain(main(`
    const bw_cptr c = bw_use_console.cap;
    const struct { const char *what; uint32_t label, length, caps; uint64_t word; bw_cptr cap; } tries[] = {
        {"no such label", 99, 1, 0, 0, 0}, {"label 0", 0, 1, 0, 0, 0}, {"write without a count", CONSOLE_WRITE, 0, 0, 0, 0},
        {"write of 945", CONSOLE_WRITE, 120, 0, 945, 0}, {"write of 2^64-1", CONSOLE_WRITE, 120, 0, UINT64_MAX, 0},
        {"write of more than came", CONSOLE_WRITE, 2, 0, 9, 0}, {"read of 945", CONSOLE_READ, 1, 0, 945, 0}, {"read without most", CONSOLE_READ, 0, 0, 0, 0},
        {"attach without a capability", CONSOLE_ATTACH, 0, 0, 0, 0}, {"attach with an endpoint", CONSOLE_ATTACH, 0, 1, 0, BW_SLOT_PARENT},
        {"attach with the console itself", CONSOLE_ATTACH, 0, 1, 0, c}, {"attach with its CNode", CONSOLE_ATTACH, 0, 1, 0, BW_SLOT_CNODE},
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        bw_ipc()->caps[0] = tries[i].cap;
        const struct bw_msg m = bw_call(c, bw_info(tries[i].label, tries[i].length, tries[i].caps), tries[i].word, 0, 0, 0);
        bw_printf("%s: %s %u\\n", tries[i].what, bw_error(&m) == 0 ? "refusal" : "error", bw_label(&m));
    }
    struct bw_msg m = bw_call(c, bw_info(CONSOLE_READ, 1, 0), 10, 0, 0, 0);
    bw_printf("read by one who has not attached: %u, %lu bytes\\n", bw_label(&m), m.w[0]);
    m = bw_call(c, bw_info(CONSOLE_WRITE, 1, 0), 0, 0, 0, 0);
    bw_printf("write of nothing: %u, %lu bytes\\n", bw_label(&m), m.w[0]);
    bw_ipc()->caps[0] = BW_SLOT_NOTIFICATION;
    m = bw_call(c, bw_info(CONSOLE_ATTACH, 0, 1), 0, 0, 0, 0);
    bw_printf("attach: %u\\n", bw_label(&m));`));
  expect(output.split("\n")).toEqual([
    "no such label: refusal 1", "label 0: refusal 1", "write without a count: refusal 1", "write of 945: refusal 1", "write of 2^64-1: refusal 1",
    "write of more than came: refusal 1", "read of 945: refusal 1", "read without most: refusal 1", "attach without a capability: refusal 2",
    "attach with an endpoint: refusal 2", "attach with the console itself: refusal 2", "attach with its CNode: refusal 2",
    "read by one who has not attached: 0, 0 bytes", "write of nothing: 0, 0 bytes", "attach: 0", "",
  ]);
});

const WRITER = (name: string, lines: number): string => `#include <bailiwick.h>
BW_USE(console);
int main(void) {
    bw_console_open(bw_use_console.cap);
    for (unsigned i = 0; i < ${lines}U; i++) bw_printf("${name} %05u 0123456789012345678901234567890123456789\\n", i);
    return 0;
}
`;

test("a slow reader holds the writers back: nothing is lost or mixed, and nothing runs meanwhile", LIMIT, async () => {
  const names = ["a", "b", "c"], lines = 1000;
  const writers = Object.fromEntries(names.map((name) => [name, `{ image: { c: ${name}.c }, use: { console: console.console } }`]));
  const sources = Object.fromEntries(names.map((name) => [`${name}.c`, WRITER(name, lines)]));
  using folder = applianceFolder({ "appliance.yaml": manifestWith(writers), ...sources });
  const line = new Line();
  line.pause();
  const { output } = await runAppliance(folder.path, {
    line,
    async during(system) {
      // Each program has filled the queue or waits for room in it.
      await pause(500);
      const before = system.stats().traps;
      await pause(300);
      expect(system.stats().traps - before).toBeLessThan(10);
      expect(line.output.length).toBeLessThan(100);
      for (let i = 0; i < 20; i++) {
        line.resume();
        await pause(2);
        line.pause();
        await pause(2);
      }
      line.resume();
      await until("all lines are written", () => line.output.split("\n").length > names.length * lines);
    },
  });
  const written = output.trimEnd().split("\n");
  for (const name of names) {
    expect(written.filter((text) => text.startsWith(name))).toEqual(Array.from({ length: lines }, (_, i) => `${name} ${String(i).padStart(5, "0")} 0123456789012345678901234567890123456789`));
  }
  expect(written).toHaveLength(names.length * lines);
});

const ECHO = `#include <bailiwick.h>
#include <bailiwick/console.h>
BW_USE(console);
enum { SIGNAL = 200 };
int main(void) {
    bw_console_open(bw_use_console.cap);
    (void)bw_cnode_mint(BW_SLOT_CNODE, SIGNAL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, 1);
    bw_ipc()->caps[0] = SIGNAL;
    const struct bw_msg a = bw_call(bw_use_console.cap, bw_info(CONSOLE_ATTACH, 0, 1), 0, 0, 0, 0);
    bw_printf("attach %u\\n", bw_label(&a));
    if (bw_label(&a) != 0) return 1;
    for (;;) {
        (void)bw_wait(BW_SLOT_NOTIFICATION);
        for (;;) {
            const struct bw_msg m = bw_call_buffer_read();
            uint8_t bytes[944];
            const uint64_t count = m.w[0];
            if (count == 0) break;
            memcpy(bytes, &bw_ipc()->words[1], count);
            bw_write(bytes, count);
            bw_flush();
            if (bytes[count - 1] == '!') return 0;
        }
    }
}
`.replace("bw_call_buffer_read()", "(bw_ipc()->words[0] = 900, bw_call_buffer(bw_use_console.cap, CONSOLE_READ, 1, 0))");

test("input goes to the first client that attaches, all of it and in order, and a second one gets none", LIMIT, async () => {
  const use = "use: { console: console.console }";
  using folder = applianceFolder({
    "appliance.yaml": manifestWith({ first: `{ image: { c: echo.c }, ${use}, cpu: { priority: 120 }, essential: true }`, second: `{ image: { c: echo.c }, ${use} }` }),
    "echo.c": ECHO,
  });
  const text = Array.from({ length: 3000 }, (_, i) => `${i} `).join("");
  const { output, status } = await runAppliance(folder.path, {
    async during(_, line) {
      await until("both have asked", () => line.output === "attach 0\nattach 0\n");
      line.type("early ");
      await pause(20);
      line.type(text);
      line.type("!");
      await until("the echo is whole", () => line.output.includes("!"));
      await pause(100);
    },
  });
  expect(output.replace(/attach \d\n/g, "")).toBe(`early ${text}!`);
  expect(status).toBe(0);
});
