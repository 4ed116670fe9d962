// What the `use` entries of drafts come to: which server's endpoint with which badge and rights, which part of which device, which program to read.
//
// A server knows a client by one number, whichever of its offers the client uses; numbers count from 1 in the order of the manifest.
import { Right } from "../abi/numbers.ts";
import { MEASUREMENTS_FILE, SECRET_FILE } from "../image/measurements.ts";
import { FIRST_SIGNAL_BIT, GUEST_BADGE, GUEST_FACETS, MAX_SIGNALS, MOST_GUEST_USES, type ResolvedUse, type UseKind } from "../image/system.ts";
import { carriedFile } from "../image/files.ts";
import { DiagnosticCode } from "./diagnostic.ts";
import type { Draft, WantedUse } from "./drafts.ts";
import { isSameClient, noQuota, quotaOf } from "./quotas.ts";
import type { Report } from "./report.ts";
import type { Board, Resources } from "./resources.ts";
import type { RightName } from "./schema.ts";
import type { Path } from "./source.ts";

export const RIGHT_BITS: Readonly<Record<RightName, number>> = { call: Right.Write | Right.GrantReply, send: Right.Write, grant: Right.Grant };

/** `platform.cpu.time` is the right to hand out CPU time. */
const CPU = "cpu";

/** What a capability over a guest speaks (servers/root/guest-protocol.ts). */
const GUEST_PROTOCOL = "Guest";

/** What the firmware gives: the list of what it loaded, and a secret that is in no image. Memory that is read, each one component's. */
const FIRMWARE: ReadonlyMap<string, string> = new Map([["measurements", MEASUREMENTS_FILE], ["secret", SECRET_FILE]]);

/** What a component may be given of a device, by part. `signals`: how many interrupts it has already. */
function deviceParts(board: Board, name: string, signals: number): Map<string, UseKind> | undefined {
  const device = board.devices.get(name);
  if (device === undefined) return undefined;
  const parts = new Map<string, UseKind>([["regs", { kind: "device", device: name, physical: device.physical, address: 0, bytes: device.bytes }]]);
  if (device.irq !== undefined) parts.set("irq", { kind: "irq", device: name, irq: device.irq, badge: 2 ** (FIRST_SIGNAL_BIT + signals) });
  if (device.dma) parts.set("iospace", { kind: "iospace", device: name });
  return parts;
}

/** Offer index << 16 | client number. */
const OFFER_STEP = 0x1_0000;

/**
 * @param programs those that are no components
 * @returns the uses of each draft, in slot order, without those that were refused
 */
export function wireAll(drafts: ReadonlyMap<string, Draft>, board: Board | undefined, programs: ReadonlySet<string>, resources: Resources, report: Report): ReadonlyMap<string, readonly ResolvedUse[]> {
  const owners = new Map<string, string>();
  const clients = new Map<string, Map<string, number>>();
  const guests = [...drafts.values()].flatMap(({ name, guest }) => (guest === undefined ? [] : [name]));
  let guestUses = 0;

  const wire = (draft: Draft): ResolvedUse[] => {
    const uses = [...draft.fixed];
    for (const wanted of draft.wanted) {
      const found = lookUp(draft, wanted, uses);
      if (found !== undefined) uses.push({ name: wanted.name, ...found });
    }
    return uses;
  };

  const lookUp = (draft: Draft, wanted: WantedUse, before: readonly ResolvedUse[]): UseKind | undefined => {
    const at = [...wanted.path, "from"];
    const [first = "", second = "", ...rest] = wanted.use.from.split(".");
    if (first === "platform" && FIRMWARE.has(second) && rest.length === 0) return lookUpFirmware(draft, wanted, at, FIRMWARE.get(second) ?? "");
    if (first === "platform") return lookUpDevice(draft, wanted, at, second, rest.join("."), before.filter(({ kind }) => kind === "irq").length);
    if (first === "guests" && second !== "" && rest.length < 2) return lookUpGuest(wanted, at, second, rest[0]);
    if (second !== "" && rest.length === 0 && first === "programs") return lookUpProgram(wanted, at, second);
    if (second !== "" && rest.length === 0) return lookUpOffer(draft, wanted, at, first, second, before);
    report.add({ code: DiagnosticCode.wrongValue, at, message: `'${wanted.use.from}' names nothing that can be used`, cause: "must be COMPONENT.OFFER, platform.DEVICE.PART, platform.measurements, platform.secret, programs.PROGRAM, guests.GUEST.view or guests.GUEST.control" });
    return undefined;
  };

  const lookUpOffer = (draft: Draft, { use, protocol }: WantedUse, at: Path, server: string, name: string, before: readonly ResolvedUse[]): UseKind | undefined => {
    const from = drafts.get(server);
    if (from === undefined) return void report.unknown(at, "component", server, [...drafts.keys(), "platform", ...(programs.size > 0 ? ["programs"] : []), ...(guests.length > 0 ? ["guests"] : [])]);
    const offer = from.offers.findIndex((candidate) => candidate.name === name);
    const offered = from.offers[offer];
    if (offered === undefined) {
      if (from.offers.length > 0) return void report.unknown(at, `offer of '${server}'`, name, from.offers.map((other) => other.name));
      if (from.guest !== undefined) return void report.add({ code: DiagnosticCode.unknownName, at, message: `'${server}' offers nothing`, cause: "is a guest: only its life can be used", fix: `say guests.${server}.view or guests.${server}.control` });
      return void report.add({ code: DiagnosticCode.unknownName, at, message: `'${server}' offers nothing`, cause: "cannot be used", fix: `add 'offer: { ${name}: PROTOCOL }' to ${from.path.join(".")}` });
    }
    if (protocol !== undefined && offered.protocol !== protocol) {
      report.add({ code: DiagnosticCode.wrongProtocol, at, message: `'${use.from}' speaks another protocol`, cause: `is ${offered.protocol}, must be ${protocol}` });
    }
    const usual: readonly RightName[] = resources.protocols.get(offered.protocol)?.sendsCapabilities === true ? ["call", "grant"] : ["call"];
    const rights = use.rights ?? usual;
    const refused = rights.filter((right) => !offered.rights.includes(right) && !(right === "send" && offered.rights.includes("call")));
    if (refused.length > 0) {
      report.add({
        code: DiagnosticCode.rightNotOffered,
        at: use.rights === undefined ? at : [...at.slice(0, -1), "rights"],
        message: `'${use.from}' does not offer that much`,
        cause: `'${server}' offers [${offered.rights.join(", ")}] only, without ${refused.join(", ")}`,
        fix: `add it to ${[...from.path, "offer", name].join(".")}.rights, or ask for less`,
      });
    }
    const bits = rights.reduce((all, right) => all | RIGHT_BITS[right], 0);
    const badge = offer * OFFER_STEP + clientNumber(server, draft.name);
    const quota = use.quota === undefined ? undefined : quotaOf(use.quota, { draft, from, what: use.from, protocol: offered.protocol, at: [...at.slice(0, -1), "quota"], same: before.filter((earlier) => isSameClient(earlier, server, badge)) }, resources, report);
    return { kind: "endpoint", from: from.name, offer, badge, rights: bits, ...(quota === undefined ? {} : { quota }) };
  };

  const lookUpProgram = ({ use, protocol }: WantedUse, at: Path, name: string): UseKind | undefined => {
    if (!programs.has(name)) return void report.unknown(at, "program", name, programs);
    if (protocol !== undefined) report.add({ code: DiagnosticCode.wrongProtocol, at, message: `'${use.from}' speaks no protocol`, cause: `is a program to be read, must be an offer of ${protocol}` });
    noRights(use, at, "a program");
    return { kind: "file", file: carriedFile(name), address: 0, bytes: 0 };
  };

  /** No matter which stands first: who answers is the root server. */
  const lookUpGuest = ({ use, protocol }: WantedUse, at: Path, name: string, given = ""): UseKind | undefined => {
    if (!guests.includes(name)) return void report.unknown(at, "guest", name, guests);
    const facet = GUEST_FACETS.find((one) => one === given);
    if (facet === undefined) return void report.unknown(at, `part of guests.${name}`, given, GUEST_FACETS);
    if (protocol !== undefined && protocol !== GUEST_PROTOCOL) report.add({ code: DiagnosticCode.wrongProtocol, at, message: `'${use.from}' speaks another protocol`, cause: `is ${GUEST_PROTOCOL}, must be ${protocol}` });
    noRights(use, at, "a guest");
    if (guestUses === MOST_GUEST_USES) report.add({ code: DiagnosticCode.tooMany, at, message: "there are too many uses of guests", cause: `at most ${MOST_GUEST_USES} in an appliance` });
    return { kind: "guest", guest: name, facet, badge: GUEST_BADGE + guestUses++ };
  };

  const clientNumber = (server: string, client: string): number => {
    const numbers = clients.get(server) ?? new Map<string, number>();
    clients.set(server, numbers);
    const number = numbers.get(client) ?? numbers.size + 1;
    numbers.set(client, number);
    return number;
  };

  const own = (draft: Draft, from: string, at: Path, fix: string): void => {
    const owner = owners.get(from);
    if (owner !== undefined) report.add({ code: DiagnosticCode.usedTwice, at, message: `${from} is used twice`, cause: `'${owner}' has it already`, fix });
    owners.set(from, draft.name);
  };

  const noRights = (use: WantedUse["use"], at: Path, what: string): void => {
    if (use.quota !== undefined) noQuota(report, [...at.slice(0, -1), "quota"], what, "leave it out");
    if (use.rights === undefined) return;
    report.add({ code: DiagnosticCode.rightNotOffered, at: [...at.slice(0, -1), "rights"], message: `${what} has no rights to choose from`, cause: `does not apply to ${what}`, fix: "leave it out" });
  };

  const lookUpFirmware = (draft: Draft, { use }: WantedUse, at: Path, file: string): UseKind => {
    noRights(use, at, use.from);
    own(draft, use.from, at, "let one component have it, and the other use what that one offers");
    return { kind: "file", file, address: 0, bytes: 0 };
  };

  const lookUpDevice = (draft: Draft, { use }: WantedUse, at: Path, name: string, part: string, signals: number): UseKind | undefined => {
    if (board === undefined) return undefined;
    const parts = name === CPU ? new Map<string, UseKind>([["time", { kind: "schedcontrol" }]]) : deviceParts(board, name, signals);
    if (parts === undefined) return void report.unknown(at, "device", name, [...board.devices.keys(), CPU, ...FIRMWARE.keys()]);
    const found = parts.get(part);
    if (found === undefined) return void report.unknown(at, `part of platform.${name}`, part, parts.keys());
    noRights(use, at, "a device");
    own(draft, use.from, at, "one driver holds a device; let the other use what that driver offers");
    if (found.kind === "irq" && signals >= MAX_SIGNALS) report.add({ code: DiagnosticCode.tooMany, at, message: `'${draft.name}' uses too many interrupts`, cause: `at most ${MAX_SIGNALS}` });
    return found;
  };

  return new Map([...drafts].map(([name, draft]) => [name, wire(draft)]));
}
