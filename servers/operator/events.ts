// What the root server says through the control device: one JSON object a line. It is not the operator's own code, so every line is looked at:
// one that is no event is passed on as text, and nothing it says reaches a terminal with control characters in it.
import { z } from "zod";

const name = z.string();
const status = z.int().min(0).max(255);

const eventSchema = z.discriminatedUnion("event", [
  z.looseObject({ event: z.literal("started"), component: name }),
  z.looseObject({ event: z.literal("restarting"), component: name, count: z.number(), ms: z.number() }),
  z.looseObject({ event: z.literal("restarted"), component: name, count: z.number() }),
  z.looseObject({ event: z.literal("exit"), component: name, status }),
  z.looseObject({ event: z.literal("fault"), component: name, reason: z.string().optional() }),
  z.looseObject({ event: z.literal("dma-fault"), component: name, device: name, address: z.number(), bytes: z.number(), direction: z.enum(["read", "write"]) }),
  z.looseObject({ event: z.literal("log"), component: name, text: z.string() }),
  z.looseObject({ event: z.literal("guest"), guest: name, state: z.string(), status: z.number().optional(), detail: z.string().optional(), by: z.string().optional(), console: z.union([z.string(), z.array(z.string())]).optional() }),
  z.looseObject({ event: z.literal("error"), message: z.string() }),
  z.looseObject({ event: z.literal("end"), status }),
]);

export type SystemEvent = z.infer<typeof eventSchema>;

/** undefined: not an event that is known. */
export function parseEvent(line: string): SystemEvent | undefined {
  let data: unknown;
  try {
    data = JSON.parse(line);
  } catch {
    return undefined;
  }
  const parsed = eventSchema.safeParse(data);
  return parsed.success ? parsed.data : undefined;
}

/** Text of a program or a guest, safe to show: newlines and tabs stay, other control characters become U+FFFD. */
export const showable = (text: string): string => text.replace(/\r\n/g, "\n").replace(/[^\P{Cc}\n\t]/gu, "\ufffd");

const GUEST_STATES: Readonly<Record<string, string>> = {
  panic: "its kernel panicked",
  reset: "it reset its machine",
  reboot: "it reset its machine",
  stuck: "it waits for an interrupt that nothing can raise",
  broken: "it broke its machine",
  unbootable: "it cannot be booted",
};

/** Lines of a guest's console that are shown when it fails. */
const LAST_LINES = 20;

/** What a person is told of an event; undefined for what is as it should be, unless `verbose`. */
export function describeEvent(event: SystemEvent, verbose: boolean): string | undefined {
  switch (event.event) {
    case "started":
      return verbose ? `${event.component} started` : undefined;
    case "restarting":
      return `${event.component} is started again in ${event.ms / 1000} s (restart ${event.count})`;
    case "restarted":
      return verbose ? `${event.component} started again` : undefined;
    case "exit":
      return verbose || event.status !== 0 ? `${event.component} ended with status ${event.status}` : undefined;
    case "fault":
      return `${event.component} faulted: ${event.reason ?? JSON.stringify(event)}`;
    case "dma-fault":
      return `${event.component}: the IOMMU refused ${event.device} ${event.direction === "read" ? "to read" : "to write"} ${event.bytes} bytes at 0x${event.address.toString(16)}`;
    case "log":
      return `${event.component}: ${event.text}`;
    case "error":
      return event.message;
    case "end":
      return verbose ? `the appliance ended with status ${event.status}` : undefined;
    case "guest": {
      const failed = GUEST_STATES[event.state];
      if (failed === undefined) return verbose ? `guest ${event.guest}: ${event.state}${event.status === undefined ? "" : ` ${event.status}`}${event.by === undefined ? "" : ` by ${event.by}`}` : undefined;
      const lines = (typeof event.console === "string" ? event.console.split("\n") : (event.console ?? [])).map((line) => line.replace(/\r$/, ""));
      while (lines.at(-1) === "") lines.pop();
      const last = lines.slice(-LAST_LINES).map((line) => `  | ${line}`);
      return [`guest ${event.guest} failed: ${failed}${event.detail === undefined ? "" : ` (${event.detail})`}`, ...(last.length > 0 ? ["  its console ended with:", ...last] : [])].join("\n");
    }
  }
}
