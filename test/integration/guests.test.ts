// Several guests on one machine: each has its own RAM, its own end, and nothing of the others. And a guest whose console driver dies.
import { describe, expect, test, vi } from "vitest";
import { findLinux } from "../../guests/linux/installed.ts";
import { findPackage } from "../../servers/operator/package.ts";
import { EndingStatus } from "../../vmm/spec.ts";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";

const LIMIT_MS = 150_000;
vi.setConfig({ testTimeout: 2 * LIMIT_MS });

const installed = findLinux(findPackage().record);
const hasLinux = installed.ok && installed.value !== undefined;

const LINUX = "earlycon=sbi console=hvc0 bailiwick.control=hvc1 panic=-1 quiet loglevel=1";

describe.skipIf(!hasLinux)("two Linux guests and a small one at once", () => {
  test("each sees its own RAM; one panics, and the others go on to their own ends", async () => {
    const guests = [
      `  one: { image: linux, memory: 160MiB, console: console.console, essential: true, cmdline: "${LINUX}" }`,
      `  two: { image: linux, memory: 96MiB, console: console.console, cmdline: "${LINUX} rdinit=/nowhere init=/nowhere" }`,
      '  small: { image: bare, memory: 16MiB, console: console.console, cmdline: "bailiwick.exec=mem;sleep;sv39" }',
    ];
    using folder = applianceFolder({ "appliance.yaml": `${manifestWith({}, "512MiB")}guests:\n${guests.join("\n")}\n` });
    // The command waits long enough for the other to have failed.
    const { output, status, events } = await runAppliance(folder.path, { execGuest: "one", exec: "grep MemTotal /proc/meminfo; sleep 4; echo one goes on; exit 9", limitMs: 2 * LIMIT_MS });
    const total = Number(/MemTotal:\s+(\d+) kB/.exec(output)?.[1]);
    expect(total).toBeGreaterThan(80 * 1024);
    expect(total).toBeLessThan(160 * 1024);
    expect(output).toMatch(/16 MiB at 0x80000000, 3\d\d\d pages free, 0 of them wrong/);
    expect(output).toContain("sv39: off, all as it must be");
    expect(output).toContain("one goes on\n");

    const place = (guest: string, state: string): number => events.findIndex((event) => event["event"] === "guest" && event["guest"] === guest && event["state"] === state);
    expect(events[place("two", "panic")]).toMatchObject({ status: EndingStatus.panic, detail: expect.stringContaining("Kernel panic - not syncing: VFS: Unable to mount root fs") });
    expect(place("small", "poweroff")).toBeGreaterThan(0);
    expect(place("one", "poweroff")).toBeGreaterThan(place("two", "panic"));
    expect(events.filter(({ event }) => event === "fault")).toEqual([]);
    expect(status).toBe(9);
  });
});

/** A console driver that takes writes and drops them, and runs into a hole at one that holds the word `stumble`. */
const STUMBLING = `#include <bailiwick.h>
#include <bailiwick/console.h>
static uint32_t do_write(struct bw_request *r) {
    const uint8_t *bytes = bw_request_bytes(r, 1, r->w[0]);
    for (uint64_t i = 0; bytes != NULL && i + 7 <= r->w[0]; i++) {
        if (memcmp(&bytes[i], "stumble", 7) == 0) *(volatile int *)0x1234 = 0;
    }
    r->answer_length = 1;
    return 0;
}
int main(void) {
    static const struct bw_method methods[] = {{.label = CONSOLE_WRITE, .words = 1, .handle = do_write}};
    struct bw_service service = {.methods = methods, .count = 1, .bad_request = CONSOLE_E_BAD_REQUEST};
    bw_serve(&service);
}
`;

describe("a console driver that faults", () => {
  const manifest = (guest: string): string =>
    `${manifestWith({ bad: "{ image: { c: bad.c }, offer: { console: Console } }" }, "256MiB")}guests:\n  g: { ${guest}, console: bad.console, essential: true }\n`;

  test("loses the guest's output; the guest goes on, and its command's status is not lost", async () => {
    using folder = applianceFolder({ "appliance.yaml": manifest("image: bare, memory: 16MiB"), "bad.c": STUMBLING });
    const { status, events } = await runAppliance(folder.path, { exec: "echo stumble;echo unheard;sleep;sv39;nosuch", limitMs: LIMIT_MS });
    expect(events.find(({ event }) => event === "fault")).toMatchObject({ component: "bad", kind: "VMFault", address: 0x1234 });
    expect(events).toContainEqual({ event: "log", component: "g", text: "the console is gone: the guest's output is dropped" });
    // The small guest's status of a command that does not exist.
    expect(status).toBe(1);
  });

  test.skipIf(!hasLinux)("is survived by Linux, too", async () => {
    using folder = applianceFolder({ "appliance.yaml": manifest("image: linux, memory: 96MiB"), "bad.c": STUMBLING });
    const { status, events } = await runAppliance(folder.path, { exec: "echo stumble; seq 1 2000; sleep 1; exit 33", limitMs: LIMIT_MS });
    expect(events.find(({ event }) => event === "fault")).toMatchObject({ component: "bad" });
    expect(status).toBe(33);
  });
});

test("a console driver that never answers stops the guest that prints to it, and nobody else", async () => {
  const mute = "#include <bailiwick.h>\nint main(void) {\n(void)bw_recv(BW_SLOT_SERVICE, BW_SLOT_REPLY);\nfor (;;) (void)bw_wait(BW_SLOT_NOTIFICATION);\n}\n";
  const guest = (name: string, driver: string, more: string): string => `  ${name}: { image: bare, memory: 16MiB, console: ${driver}.console, cmdline: "bailiwick.exec=echo ${name};sv39"${more} }\n`;
  using folder = applianceFolder({
    "appliance.yaml": `${manifestWith({ mute: "{ image: { c: mute.c }, offer: { console: Console } }" }, "128MiB")}guests:\n${guest("silenced", "mute", "")}${guest("heard", "console", ", essential: true")}`,
    "mute.c": mute,
  });
  const { output, status, events } = await runAppliance(folder.path);
  expect(output).toMatch(/^heard\n[^]*sv39: off, all as it must be\n$/);
  expect(status).toBe(0);
  expect(events.filter(({ guest: name, state }) => name === "silenced" && state !== "running")).toEqual([]);
});
