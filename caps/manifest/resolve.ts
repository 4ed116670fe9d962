// Manifest + what the kit has → the system that the root server will start (caps/image/system.ts), and what must be built for it; or every name,
// right and size in it that does not hold. Pure and deterministic: the same text gives the same system.
import { SYSTEM_FORMAT, type ResolvedComponent, type ResolvedOffer, type ResolvedSystem, type ResolvedUse } from "../image/system.ts";
import { authorityGraph } from "../graph/authority.ts";
import { carriedPrograms, type CarriedProgram } from "./carried.ts";
import { reportBroken, resolveClaims } from "./claims.ts";
import { DiagnosticCode, type Result } from "./diagnostic.ts";
import { draftAll, type Draft, type GuestOrder } from "./drafts.ts";
import { networkOrders, type NetworkOrder } from "./networks.ts";
import { startOrder } from "./order.ts";
import type { ParsedManifest } from "./parse.ts";
import { createReport, type Report } from "./report.ts";
import type { Board, Resources } from "./resources.ts";
import type { DISK_IMAGES, Image, Manifest, ManifestDisplay } from "./schema.ts";
import { formatSize } from "./units.ts";
import { wireAll } from "./wiring.ts";

export type { CarriedProgram } from "./carried.ts";
export type { GuestOrder } from "./drafts.ts";
export type { NetworkOrder } from "./networks.ts";

export interface Resolution {
  readonly system: ResolvedSystem;
  /** One for each program file of a component. */
  readonly programs: readonly ProgramOrder[];
  /** Programs that components read. */
  readonly carried: readonly CarriedProgram[];
  /** One for each guest. */
  readonly guests: readonly GuestOrder[];
  /** One for each disk. */
  readonly disks: readonly DiskOrder[];
  /** One for each network device with something behind it. */
  readonly networks: readonly NetworkOrder[];
  /** The device that the terminal is behind. */
  readonly terminal: string;
  /** Of the machine; absent: it has none. */
  readonly display?: ManifestDisplay;
}

/** A disk image to be opened when the appliance runs. */
export interface DiskOrder {
  readonly device: string;
  /** As written: relative to the manifest. Empty in mode memory. */
  readonly file: string;
  /** An image that the kit makes, instead of the file. */
  readonly image?: (typeof DISK_IMAGES)[number];
  readonly mode: "rw" | "ro" | "overlay" | "memory";
  readonly bytes?: number;
}

/** A boot file that must be built. The uses of `component` are to be written into it, if it is a machine program. */
export interface ProgramOrder {
  readonly component: string;
  readonly file: string;
  readonly image: Image;
  /** If it is a machine program, it may hold no instruction that reads a clock. */
  readonly confined: boolean;
}

type Drafts = ReadonlyMap<string, Draft>;

export function resolveManifest(parsed: ParsedManifest, resources: Resources): Result<Resolution> {
  const resolved = resolveSystem(parsed, resources);
  if (!resolved.ok) return resolved;
  const report = createReport(parsed.source);
  const { system } = resolved.value;
  reportBroken(authorityGraph(system), system.assertions, report);
  return report.diagnostics.length > 0 ? { ok: false, diagnostics: report.diagnostics } : resolved;
}

/** All but trying the claims: for whoever wants to look at a system of which some do not hold. Nobody builds or starts one. */
export function resolveSystem({ manifest, source }: ParsedManifest, resources: Resources): Result<Resolution> {
  const report = createReport(source);
  const board = resources.boards.get(manifest.platform.board);
  if (board === undefined) report.unknown(["platform", "board"], "board", manifest.platform.board, resources.boards.keys());
  const drafts = draftAll(manifest, resources, report);
  const uses = wireAll(drafts, board, new Set(Object.keys(manifest.programs)), resources, report);
  const servers = new Map([...uses].map(([name, list]) => [name, list.flatMap((use) => (use.kind === "endpoint" ? [use.from] : []))]));
  const order = orderOf(servers, drafts, report);
  checkEnd(drafts, report);
  const disks = board === undefined ? [] : diskOrders(manifest, board, uses, report);
  const networks = board === undefined ? [] : networkOrders(manifest, board, uses, report);
  const terminal = board === undefined ? "" : terminalOf(manifest, board, uses, report);
  if (board !== undefined) checkDisplay(manifest, board, uses, report);
  if (board !== undefined) checkMemory(manifest, drafts, board, report);
  if (report.diagnostics.length > 0) return { ok: false, diagnostics: report.diagnostics };

  const led = new Set([...uses.values()].flatMap((list) => list.flatMap((use) => (use.kind === "guest" ? [use.guest] : []))));
  const components = order.flatMap((name, index): ResolvedComponent[] => {
    const draft = drafts.get(name);
    if (draft === undefined) return [];
    const { program, memory, stack, slots, cpu, offers, args, essential, restart, guest } = draft;
    return [
      {
        name,
        number: index + 1,
        program,
        memory: powerOfTwo(memory),
        stack,
        slots,
        cpu,
        uses: uses.get(name) ?? [],
        offers: offers.map((offer) => resolveOffer(offer, resources)),
        // Its VMM listens for orders, whatever else could wake it.
        args: guest !== undefined && led.has(name) ? { ...Object(args), led: true } : args,
        essential,
        ...(restart === undefined ? {} : { restart }),
        ...(guest === undefined ? {} : { guest: name }),
      },
    ];
  });
  const { name, version, platform, operator } = manifest;
  const denied = operator.denied.length === 0 ? {} : { denied: operator.denied };
  const bare: ResolvedSystem = { format: SYSTEM_FORMAT, name, version, board: platform.board, memory: platform.memory, components, assertions: [], ...denied };
  const system = { ...bare, assertions: board === undefined ? [] : resolveClaims(manifest.assert, bare, board, report) };
  if (report.diagnostics.length > 0) return { ok: false, diagnostics: report.diagnostics };
  const all = [...drafts.values()];
  const programs = new Map<string, ProgramOrder>();
  for (const { name: component, program, image, confined } of all) if (!programs.has(program.file)) programs.set(program.file, { component, file: program.file, image, confined });
  return { ok: true, value: { system, programs: [...programs.values()], carried: carriedPrograms(manifest, uses), guests: all.flatMap(({ guest }) => (guest === undefined ? [] : [guest])), disks, networks, terminal, ...(platform.display === undefined ? {} : { display: platform.display }) } };
}

/** A protocol that the kit does not know may give; whether it hands on what others made is for those to say who trust its server. */
function resolveOffer({ name, protocol, gives }: Draft["offers"][number], { protocols }: Resources): ResolvedOffer {
  const facts = protocols.get(protocol) ?? { gives: true, passes: false };
  const given = gives ?? facts.gives;
  return { name, protocol, gives: given, passes: given && facts.passes };
}

/** Disks are behind devices that take one, and a driver that is given such a device has a disk to drive. */
function diskOrders({ platform }: Manifest, board: Board, uses: ReadonlyMap<string, readonly ResolvedUse[]>, report: Report): DiskOrder[] {
  for (const device of Object.keys(platform.disks)) {
    if (!board.disks.includes(device)) report.unknown(["platform", "disks", device], "device for a disk", device, board.disks);
  }
  for (const [component, list] of uses) {
    for (const use of list) {
      if (use.kind !== "device" || !board.disks.includes(use.device) || platform.disks[use.device] !== undefined) continue;
      report.add({
        code: DiagnosticCode.unknownName,
        at: ["components", component, "use", use.name],
        message: `there is no disk behind ${use.device}, which '${component}' drives`,
        cause: "the platform has no image for it",
        fix: `add it to platform.disks: { ${use.device}: { file: disk.img, size: 64MiB } }`,
      });
    }
  }
  return Object.entries(platform.disks).map(([device, { file = "", image, mode, size }]) => ({ device, file, mode, ...(image === undefined ? {} : { image }), ...(size === undefined ? {} : { bytes: size }) }));
}

/** A driver of the display, its keyboard or its tablet has one to drive. */
function checkDisplay({ platform }: Manifest, board: Board, uses: ReadonlyMap<string, readonly ResolvedUse[]>, report: Report): void {
  for (const [component, list] of platform.display === undefined ? uses : []) {
    for (const use of list) {
      if (use.kind !== "device" || !board.display.includes(use.device)) continue;
      report.add({
        code: DiagnosticCode.unknownName,
        at: ["components", component, "use", use.name],
        message: `there is no display for ${use.device}, which '${component}' drives`,
        cause: "the platform has none, so it has no keyboard and no tablet either",
        fix: "add one: platform.display: { width: 1024, height: 768 }",
      });
    }
  }
}

/** A driver of a serial device has the terminal to drive: behind the other device there is nobody. */
function terminalOf({ platform }: Manifest, board: Board, uses: ReadonlyMap<string, readonly ResolvedUse[]>, report: Report): string {
  const terminal = platform.terminal ?? board.terminals[0] ?? "";
  if (!board.terminals.includes(terminal)) report.unknown(["platform", "terminal"], "device for the terminal", terminal, board.terminals);
  for (const [component, list] of uses) {
    for (const use of list) {
      if (use.kind !== "device" || !board.terminals.includes(use.device) || use.device === terminal) continue;
      report.add({
        code: DiagnosticCode.unknownName,
        at: ["components", component, "use", use.name],
        message: `there is no terminal behind ${use.device}, which '${component}' drives`,
        cause: `it is behind ${terminal}`,
        fix: `give it to that driver: platform.terminal: ${use.device}`,
      });
    }
  }
  return terminal;
}

/** An Untyped is a power of two in size. */
const powerOfTwo = (bytes: number): number => 2 ** Math.ceil(Math.log2(bytes));

function orderOf(servers: ReadonlyMap<string, readonly string[]>, drafts: Drafts, report: Report): readonly string[] {
  const order = startOrder(servers);
  if (order.ok) return order.order;
  const [first = "", second = ""] = order.cycle;
  const use = drafts.get(first)?.wanted.find((wanted) => wanted.use.from.startsWith(`${second}.`));
  report.add({
    code: DiagnosticCode.cycle,
    at: [...(use?.path ?? []), "from"],
    message: `components use each other in a circle: ${order.cycle.join(" -> ")}`,
    cause: "none of them could start first",
    fix: "let one of them be given the other's capability at run time",
  });
  return [];
}

function checkEnd(drafts: Drafts, report: Report): void {
  const code = DiagnosticCode.neverEnds;
  if (drafts.size === 0) {
    report.add({ code, at: [], message: "the appliance has no component and no guest", cause: "nothing would run", fix: "add one under 'components' or 'guests'" });
  } else if (report.diagnostics.length === 0 && ![...drafts.values()].some(({ essential }) => essential)) {
    report.add({
      code,
      at: ["components"],
      part: "key",
      message: "nothing in the appliance is essential",
      cause: "it would not end when its work is done",
      fix: "add 'essential: true' to the component or guest whose end is the appliance's end",
    });
  }
}

/** Without the boot image, whose size is not known yet. */
function checkMemory({ platform }: Manifest, drafts: Drafts, { minMemory, maxMemory, reserved }: Board, report: Report): void {
  const finding = { code: DiagnosticCode.doesNotFit, at: ["platform", "memory"] };
  if (platform.memory < minMemory || platform.memory > maxMemory) {
    return report.add({ ...finding, message: `${platform.board} cannot have ${formatSize(platform.memory)} of RAM`, cause: `must be ${formatSize(minMemory)} to ${formatSize(maxMemory)}` });
  }
  const all = [...drafts.values()];
  const components = all.reduce((sum, { memory }) => sum + powerOfTwo(memory), 0);
  const guests = all.reduce((sum, { guest }) => sum + (guest?.ramBytes ?? 0), 0);
  const needed = components + guests + reserved;
  if (needed <= platform.memory) return;
  const parts = [`components ${formatSize(components)}`, ...(guests > 0 ? [`guests' RAM ${formatSize(guests)}`] : []), `kernel and root ${formatSize(reserved)}`];
  report.add({ ...finding, message: "the parts need more memory than the platform has", cause: `${parts.join(" + ")} = ${formatSize(needed)}`, fix: "give the platform more, or the parts less" });
}
