// What a system comes to, and what another version of it changes: from resolved systems alone.
import { describe, expect, it } from "vitest";
import { Right } from "../../caps/abi/numbers.ts";
import { differences } from "../../caps/graph/difference.ts";
import { systemReport } from "../../caps/graph/report.ts";
import type { Assertion } from "../../caps/image/assertion.ts";
import type { Quota } from "../../caps/protocol/protocol.ts";
import { SYSTEM_FORMAT, type ResolvedComponent, type ResolvedSystem, type ResolvedUse } from "../../caps/image/system.ts";

const CALL = Right.Write | Right.GrantReply;
const endpoint = (name: string, from: string, rights: number, client = 1): ResolvedUse => ({ name, kind: "endpoint", from, offer: 0, badge: client, rights });
const device = (name: string): ResolvedUse => ({ name: "regs", kind: "device", device: name, physical: 0x1000_0000, address: 0x5000_0000, bytes: 4096 });

function component(number: number, name: string, uses: readonly ResolvedUse[], more: Partial<ResolvedComponent> = {}): ResolvedComponent {
  return { name, number, program: { kind: "machine", file: `component/${name}.elf` }, memory: 2 ** 20, stack: 65_536, slots: 256, cpu: { priority: 100, budget: 10_000, period: 10_000 }, uses, offers: [], args: null, essential: false, ...more };
}
const serving = (gives: boolean): Partial<ResolvedComponent> => ({ offers: [{ name: "door", protocol: "Door", gives, passes: false }] });
const system = (components: readonly ResolvedComponent[], assertions: readonly Assertion[] = [], version = "0.1.0"): ResolvedSystem => ({ format: SYSTEM_FORMAT, name: "s", version, board: "virt-rv64", memory: 2 ** 26, components, assertions });
const part = (report: ReturnType<typeof systemReport>, name: string) => report.components.find((one) => one.name === name);

/** A server with a device and two clients that only call it. */
const guarded = (gives: boolean, rights = CALL) => system([component(1, "guard", [device("net0")], serving(gives)), component(2, "a", [endpoint("door", "guard", rights, 1)]), component(3, "b", [endpoint("door", "guard", CALL, 2)])]);

describe("a report", () => {
  it("says what each component holds, and no more where nothing can be handed over", () => {
    const report = systemReport(guarded(false));
    expect(part(report, "guard")).toMatchObject({ holds: [{ thing: "platform.net0.regs", rights: "use" }], worstCase: [], couldShareWith: [] });
    expect(part(report, "a")).toMatchObject({ holds: [{ thing: "guard.door", rights: "[call]" }], worstCase: [], couldShareWith: [] });
    expect(report).toMatchObject({ memory: 2 ** 26, memoryUsed: 3 * 2 ** 20, claims: [] });
  });

  it("says what each could come to hold where the server may give", () => {
    const report = systemReport(guarded(true));
    expect(part(report, "a")).toMatchObject({ worstCase: expect.arrayContaining([{ thing: "platform.net0.regs", rights: "use" }]), couldShareWith: ["guard", "b"] });
  });

  it("counts a guest's memory apart, and keeps its arguments", () => {
    const guest = component(1, "g", [{ name: "ram", kind: "ram", bytes: 2 ** 25, address: 0x10_0000_0000, guestPhysical: 0x8000_0000 }], { guest: "g", args: { seed: "", cmdline: "x" }, program: { kind: "hosted", file: "vmm.js" } });
    expect(part(systemReport(system([guest])), "g")).toMatchObject({ kind: "guest", guestMemory: 2 ** 25, args: { seed: "", cmdline: "x" } });
  });

  it("says how much of it a client may have, and a change of that is one of what it holds", () => {
    const limited = (quota?: Quota) => system([component(1, "guard", [], serving(false)), component(2, "a", [{ ...endpoint("door", "guard", CALL), ...(quota === undefined ? {} : { quota }) } as ResolvedUse])]);
    expect(part(systemReport(limited({ perSecond: 100, bytesPerSecond: 2 ** 21 })), "a")?.holds).toEqual([{ thing: "guard.door", rights: "[call]", quota: "100/s, 2 MiB/s" }]);
    expect(differences(systemReport(limited()), systemReport(limited({ bytes: 2 ** 26 })))).toEqual([{ of: "capability", sign: "~", component: "a", says: "a holds guard.door [call], at most 64 MiB, before [call]" }]);
  });

  it("lists claims in words", () => {
    const claim: Assertion = { kind: "no-path", from: ["a"], to: "platform.net0", trusting: ["guard"] };
    expect(systemReport({ ...guarded(false), assertions: [claim] }).claims).toEqual(["no path from a to platform.net0, trusting guard"]);
  });
});

describe("differences", () => {
  const between = (before: ResolvedSystem, after: ResolvedSystem) => differences(systemReport(before), systemReport(after)).map(({ of, sign, says }) => `${sign} ${of}: ${says}`);

  it("of the same system are none", () => expect(between(guarded(true), guarded(true))).toEqual([]));

  it("are in the order of what they matter", () => {
    const claim: Assertion = { kind: "no-path", from: ["b"], to: "platform.net0", trusting: [] };
    const before = { ...guarded(false), assertions: [claim] };
    const [guard, a] = guarded(true, CALL | Right.Grant).components as [ResolvedComponent, ResolvedComponent];
    const after = system([guard, { ...a, cpu: { ...a.cpu, priority: 7 }, args: { loud: true } }, component(3, "c", [device("uart0")])], [], "0.2.0");
    expect(between(before, after)).toEqual([
      "~ capability: a holds guard.door [call, grant], before [call]",
      "- capability: b holds guard.door [call] no more",
      "+ capability: c holds platform.uart0.regs use",
      "+ worst case: a could come to hold guard.door [receive, call, grant]",
      "+ worst case: a could come to hold platform.net0.regs use",
      "- claim: no more: no path from b to platform.net0",
      "- component: b is gone",
      "+ component: c is new: machine program",
      "~ setting: guard: offers door: Door (gives), before door: Door",
      "~ setting: a: priority 7, before 100",
      '~ setting: a: args {"loud":true}, before null',
      "~ setting: version 0.2.0, before 0.1.0",
    ]);
  });
});
