// The timer on the real machine, by the host's clock and by counted blocks.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { applianceFolder, manifestWith, runAppliance } from "../support/appliance-run.ts";

const LIMIT = { timeout: 180_000 };
const SAID = [
  "slept: as long as asked", "until the past: at once", "alarm: 0", "moved: 0", "rang: in time", "nothing to cancel: 0", "another: 0, cancelled: 1", "rings no more: right",
  "without a bell: 2, with something else: 2", "",
];
const timer = (device: string) => `{ image: { server: timer }, cpu: { priority: 210 }, use: { regs: platform.${device}.regs, irq: platform.${device}.irq }, offer: { timer: Timer } }`;
const client = readFileSync("test/integration/timer/client.c");
const folder = (device: string) =>
  applianceFolder({ "appliance.yaml": manifestWith({ timer: timer(device), main: "{ image: { c: client.c }, use: { console: console.console, timer: timer.timer }, essential: true }" }), "client.c": client });

for (const device of ["alarm0", "rtc0"]) {
  for (const deterministic of [false, true]) {
    test(`sleeps and alarms of ${device}${deterministic ? ", deterministic" : ""}`, LIMIT, async () => {
      using files = folder(device);
      const { output, status } = await runAppliance(files.path, { deterministic });
      expect(output.split("\n")).toEqual(SAID);
      expect(status).toBe(0);
    });
  }
}

test("a client that asks for more than its places does not take those of others", LIMIT, async () => {
  using files = applianceFolder({
    "appliance.yaml": manifestWith({
      timer: timer("alarm0"),
      greedy: "{ image: { c: greedy.c }, use: { timer: timer.timer } }",
      main: "{ image: { c: client.c }, use: { console: console.console, timer: timer.timer }, essential: true, cpu: { priority: 90 } }",
    }),
    "client.c": client,
    "greedy.c": `#include <bailiwick.h>\n#include <bailiwick/timer.h>\nBW_USE(timer);\nint main(void) {
      uint32_t full = 0;
      for (uint32_t i = 0; i < 1000; i++) { bw_ipc()->caps[0] = BW_SLOT_NOTIFICATION; const struct bw_msg m = bw_call(bw_use_timer.cap, bw_info(TIMER_ALARM, 1, 1), UINT64_MAX, 0, 0, 0); full += bw_label(&m) != 0; }
      for (uint32_t i = 0; i < 1000; i++) { const struct bw_msg m = bw_call(bw_use_timer.cap, bw_info(77, 0, 0), 0, 0, 0, 0); full += bw_label(&m) != TIMER_E_BAD_REQUEST; }
      if (full != 0) return 1;
      (void)bw_call(bw_use_timer.cap, bw_info(TIMER_SLEEP_UNTIL, 1, 0), UINT64_MAX, 0, 0, 0);\nreturn 2;\n}\n`,
  });
  const { output, events } = await runAppliance(files.path);
  expect(output.split("\n")).toEqual(SAID);
  expect(events).not.toContainEqual(expect.objectContaining({ event: "exit", component: "greedy" }));
});
