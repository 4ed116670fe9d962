// Components and guests of a manifest → drafts: everything about a component but what its uses come to. A guest becomes the draft of a VMM, so that
// nothing later knows two sorts of program.
import { MAX_USES, MIN_SLOTS, type Cpu, type JsonValue, type Program, type ResolvedUse, type Restart } from "../image/system.ts";
import { DiagnosticCode } from "./diagnostic.ts";
import type { Report } from "./report.ts";
import type { GuestFacts, Resources, VmmArgs } from "./resources.ts";
import type { GuestImage, Image, Manifest, ManifestComponent, ManifestGuest, Offer, Use } from "./schema.ts";
import type { Path } from "./source.ts";

export interface Draft {
  readonly name: string;
  readonly path: Path;
  readonly image: Image;
  readonly program: Program;
  readonly memory: number;
  readonly stack: number;
  readonly slots: number;
  readonly cpu: Cpu;
  /** Uses that need no looking up: a VMM's own. They come first. */
  readonly fixed: readonly ResolvedUse[];
  readonly wanted: readonly WantedUse[];
  readonly offers: readonly (Offer & { readonly name: string })[];
  readonly args: JsonValue;
  readonly essential: boolean;
  readonly restart?: Restart;
  /** A machine program that holds no instruction which reads a clock; a hosted one has no clock anyway. */
  readonly confined: boolean;
  readonly guest?: GuestOrder;
}

export interface WantedUse {
  readonly name: string;
  readonly use: Use;
  readonly path: Path;
  /** The protocol that it must speak, where that is known. */
  readonly protocol?: string;
}

/** What the operator must put into the boot image for a guest. */
export interface GuestOrder {
  readonly guest: string;
  readonly image: GuestImage;
  /** Names of the boot files that the VMM uses. */
  readonly firmware?: string;
  readonly kernel?: string;
  readonly initrd?: string;
  readonly ramBytes: number;
}

/** The RAM of a guest begins here in its physical address space. */
const GUEST_RAM_BASE = 0x8000_0000;
/** What a VMM spends: its text, its tables, its VCPU; and for each further VCPU. The guest's RAM is apart. */
const VMM_MEMORY = 4 * 1024 ** 2;
const VCPU_MEMORY = 2 * 1024 ** 2;
/** For each network card the window that its frames lie in, which stands on a boundary of its own size. */
const PORT_MEMORY = 4 * 1024 ** 2;
const VMM = { kind: "server", name: "vmm" } as const satisfies Image;
const DEFAULT_STACK = 64 * 1024;
/** Names that would be read as something else: in `use`, or by the operator. */
const RESERVED = new Set(["platform", "programs", "guests", "root", "kernel"]);

/** By name, in the order of the manifest. */
export function draftAll(manifest: Manifest, resources: Resources, report: Report): ReadonlyMap<string, Draft> {
  const drafts = new Map<string, Draft>();
  const add = (draft: Draft): void => {
    const at = draft.path;
    const badName = { code: DiagnosticCode.badName, at, part: "key" } as const;
    if (RESERVED.has(draft.name)) report.add({ ...badName, message: `'${draft.name}' cannot name a component`, cause: "is reserved" });
    if (drafts.has(draft.name)) report.add({ ...badName, message: `'${draft.name}' names a component and a guest`, cause: "is a component's name already" });
    else drafts.set(draft.name, draft);
  };
  const texts: Texts = new Map();
  for (const [name, component] of Object.entries(manifest.components)) add(draftComponent(name, component, resources, texts, report));
  const guests = Object.entries(manifest.guests);
  for (const [name, guest] of guests) add(draftGuest(name, guest, guests.length === 1, resources, report));
  return drafts;
}

/** Boot files of hosted programs, by the source. */
type Texts = Map<string, string>;

function draftComponent(name: string, component: ManifestComponent, resources: Resources, texts: Texts, report: Report): Draft {
  const path = ["components", name];
  const { image, memory, slots, cpu, essential, confined } = component;
  const shipped = image.kind === "server" ? resources.servers.get(image.name) : undefined;
  if (image.kind === "server" && shipped === undefined) report.unknown([...path, "image", "server"], "server", image.name, resources.servers.keys());
  const kind = shipped ?? (image.kind === "ts" ? "hosted" : "machine");
  if (kind === "hosted" && component.stack !== undefined) {
    report.add({ code: DiagnosticCode.wrongValue, at: [...path, "stack"], message: `'${name}' has no stack of its own`, cause: "only machine programs have one", fix: "leave it out" });
  }
  const wanted = Object.entries(component.use).map(([as, use]) => ({ name: as, use, path: [...path, "use", as] }));
  if (wanted.length > MAX_USES) {
    report.add({ code: DiagnosticCode.tooMany, at: [...path, "use"], part: "key", message: `'${name}' uses too much`, cause: `${wanted.length} entries, at most ${MAX_USES}` });
  }
  return {
    name,
    path,
    image,
    program: { kind, file: programFile(name, image, kind, texts) },
    memory,
    stack: kind === "machine" ? (component.stack ?? DEFAULT_STACK) : 0,
    slots,
    cpu,
    fixed: [],
    wanted,
    offers: Object.entries(component.offer).map(([as, offer]) => ({ name: as, ...offer })),
    args: component.args as JsonValue,
    essential,
    ...(component.restart === undefined ? {} : { restart: component.restart }),
    confined,
  };
}

function draftGuest(name: string, guest: ManifestGuest, only: boolean, resources: Resources, report: Report): Draft {
  const path = ["guests", name];
  const { image, memory, cpu, cpus = 1 } = guest;
  const facts: GuestFacts | undefined = image.kind === "shipped" ? resources.guests.get(image.name) : { cmdline: "", firmware: image.firmware !== undefined, kernel: image.kernel !== undefined, initrd: image.initrd !== undefined };
  if (image.kind === "shipped" && facts === undefined) report.unknown([...path, "image"], "guest", image.name, resources.guests.keys());
  if (!resources.servers.has(VMM.name)) report.unknown(path, "server", VMM.name, resources.servers.keys());
  const stem = image.kind === "shipped" ? `guest/${image.name}` : `guest/${name}.own`;
  const files = {
    ...(facts?.firmware === true ? { firmware: `${stem}.firmware` } : {}),
    ...(facts?.kernel === false ? {} : { kernel: `${stem}.kernel` }),
    ...(facts?.initrd === true ? { initrd: `${stem}.initrd` } : {}),
  };
  const order: GuestOrder = { guest: name, image, ramBytes: memory, ...files };
  const disks = Object.entries(guest.disks), ports = Object.entries(guest.ports), passed = Object.entries(guest.devices);
  const args: VmmArgs = {
    name,
    ramBytes: memory,
    cmdline: guest.cmdline ?? facts?.cmdline ?? "",
    ...(cpus === 1 ? {} : { cpus }),
    ...(disks.length === 0 ? {} : { disks: disks.map(([as]) => as) }),
    ...(ports.length === 0 ? {} : { ports: ports.map(([as]) => as) }),
    ...(passed.length === 0 ? {} : { passed: passed.map(([as]) => as) }),
    ...(guest.balloon === undefined ? {} : { balloon: guest.balloon }),
    ...(guest.input === false ? { input: false } : {}),
  };
  const file = (as: string, stored: string): ResolvedUse => ({ name: as, kind: "file", file: stored, address: 0, bytes: 0 });
  return {
    name,
    path,
    image: VMM,
    program: { kind: "hosted", file: `server/${VMM.name}.js` },
    memory: VMM_MEMORY + (cpus - 1) * VCPU_MEMORY + ports.length * PORT_MEMORY,
    stack: 0,
    slots: MIN_SLOTS,
    cpu,
    fixed: [
      ...Array.from({ length: cpus }, (_, hart): ResolvedUse => ({ name: hart === 0 ? "vcpu" : `vcpu${hart}`, kind: "vcpu" })),
      { name: "ram", kind: "ram", bytes: memory, address: 0, guestPhysical: GUEST_RAM_BASE },
      ...Object.entries(files).map(([as, stored]) => file(as, stored)),
    ],
    wanted: [
      { name: "console", use: guest.console, path: [...path, "console"], protocol: "Console" },
      ...disks.map(([as, use], i): WantedUse => ({ name: `disk${i}`, use, path: [...path, "disks", as], protocol: "Block" })),
      ...ports.map(([as, use], i): WantedUse => ({ name: `port${i}`, use, path: [...path, "ports", as], protocol: "NicDriver" })),
      ...passed.flatMap(([as, device], i) => ["regs", "irq", "iospace"].map((part): WantedUse => ({ name: `passed${i}${part}`, use: { from: `${device}.${part}` }, path: [...path, "devices", as] }))),
      ...(guest.clock === undefined ? [] : [{ name: "clock", use: guest.clock, path: [...path, "clock"], protocol: "Timer" }]),
      ...(guest.display === undefined ? [] : [{ name: "display", use: guest.display, path: [...path, "display"], protocol: "Display" }]),
    ],
    offers: [],
    args,
    essential: guest.essential ?? only,
    ...(guest.control.restart === undefined ? {} : { restart: { on: "order", ...guest.control.restart } }),
    confined: false,
    guest: order,
  };
}

/** Boot files are named after the component, because its uses are written into them; a hosted program is one file for all that run it. */
function programFile(name: string, image: Image, kind: Program["kind"], texts: Texts): string {
  if (kind === "machine") return `component/${name}.elf`;
  if (image.kind !== "ts") return `server/${image.kind === "server" ? image.name : name}.js`;
  const file = texts.get(image.file) ?? `component/${name}.js`;
  texts.set(image.file, file);
  return file;
}
