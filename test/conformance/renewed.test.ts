/**
 * All that guests' harts promise holds as well when a guest gets a new engine before it goes on, wherever it was: in a wfi, in the middle of an access, with interrupts that it has
 * not looked at, in machine mode, one hart of several.
 */
import { expect, it } from "vitest";
import { renewals } from "./rig.ts";

renewals.on = true;
await import("./vcpu.test.ts");
await import("./harts.test.ts");
await import("./machine-mode.test.ts");

it("is what has happened here", () => expect(renewals.done).toBeGreaterThan(500));
