// The form of a manifest (`apiVersion: bailiwick/1`), as a zod schema: what it parses to is the type Manifest, and the JSON Schema for editors is
// generated from it. Form only: whether the names in it exist is resolve.ts's business.
// Unknown keys are refused everywhere: a key that is misspelt must not silently mean the default.
import { z } from "zod";
import type { Assertion } from "../image/assertion.ts";
import { FACULTY_NAMES, type Faculty } from "../image/faculties.ts";
import { MAX_SLOTS, MIN_SLOTS } from "../image/system.ts";
import { QUOTA_KINDS } from "../protocol/protocol.ts";
import { ENDPOINT_PATTERN, FORWARD_PATTERN, formatEndpoint, isLoopback, parseEndpoint, parseForward, type Endpoint, type Forward } from "./addresses.ts";
import { DURATION_PATTERN, SHARE_PATTERN, SIZE_PATTERN, parseDuration, parseShare, parseSize, type Share } from "./units.ts";

/** Components and guests. At most 23 characters, so that a name fits the kernel's labels and the boot image's file names. */
export const NAME_PATTERN = /^[a-z][a-z0-9-]{0,22}$/;
/** What a program calls a thing it uses or offers: a C identifier of at most 23 characters. */
export const IDENTIFIER_PATTERN = /^[a-z][A-Za-z0-9_]{0,22}$/;
/** Of an appliance: at most 64 characters, since it names files. */
export const VERSION_PATTERN = /^(?=.{5,64}$)\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;
const PROTOCOL_PATTERN = /^[A-Z][A-Za-z0-9]{0,39}$/;

/** Rights of a use or an offer, as the manifest names them. */
export const RIGHT_NAMES = ["call", "send", "grant"] as const;
export type RightName = (typeof RIGHT_NAMES)[number];

const MIB = 1024 ** 2;
/** Priority 255 is the root server's. */
const MAX_PRIORITY = 254;
const MIN_MEMORY = 64 * 1024;
const MIN_BUDGET_US = 10;

const size = (doc: string) =>
  z
    .string({ error: "a size with its unit, such as 512KiB or 64MiB" })
    .regex(SIZE_PATTERN, { error: "a size with its unit, such as 512KiB or 64MiB" })
    .transform((text) => parseSize(text) ?? 0)
    .describe(doc);

const duration = (doc: string) =>
  z
    .string({ error: "a duration with its unit, such as 500us or 10ms" })
    .regex(DURATION_PATTERN, { error: "a duration with its unit, such as 500us or 10ms" })
    .transform((text) => parseDuration(text) ?? 0)
    .describe(doc);

const name = z.string().regex(NAME_PATTERN, { error: "a name: a small letter, then small letters, digits and '-', at most 23 in all" });
const identifier = z.string().regex(IDENTIFIER_PATTERN, { error: "a small letter, then letters, digits and '_', at most 23 in all: programs use it as an identifier" });
const file = z.string().min(1, { error: "the path of a file" }).describe("A file, relative to the manifest.");

const rights = z.array(z.enum(RIGHT_NAMES)).min(1, { error: "at least one right: leave 'rights' out for the usual ones" });

const cpu = z
  .strictObject({
    priority: z.int().min(0).max(MAX_PRIORITY).default(100).describe("0..254; the higher one runs first."),
    budget: duration("CPU time in each period; by default the whole period.").optional(),
    period: duration("How often the budget is filled up again.").optional(),
  })
  .transform((cpu) => {
    const period = cpu.period ?? 10_000;
    return { priority: cpu.priority, budget: cpu.budget ?? period, period };
  })
  .refine((cpu) => cpu.budget <= cpu.period, { error: "a budget no longer than the period", path: ["budget"] })
  .refine((cpu) => cpu.budget >= MIN_BUDGET_US, { error: "a budget of at least 10us", path: ["budget"] });

/** Where a machine program of the user's comes from. */
const machineSources = {
  c: z.union([file, z.array(file).min(1)]).describe("C sources, compiled and linked with the kit's library.").optional(),
  elf: file.describe("An rv64 ELF executable.").optional(),
};

const image = z
  .strictObject({
    server: name.describe("A server shipped with the kit.").optional(),
    ...machineSources,
    ts: file.describe("A TypeScript program with a default-exported generator.").optional(),
  })
  .meta({ minProperties: 1, maxProperties: 1 })
  .transform(oneImage("server, c, elf, ts"));

const machineImage = z
  .strictObject(machineSources)
  .meta({ minProperties: 1, maxProperties: 1 })
  .transform(oneImage("c, elf"));

interface ImageKeys {
  readonly server?: string | undefined;
  readonly c?: string | string[] | undefined;
  readonly elf?: string | undefined;
  readonly ts?: string | undefined;
}

/** @param kinds the keys of which there is one */
function oneImage(kinds: string) {
  return (image: ImageKeys, context: z.RefinementCtx): Image => {
    if (Object.keys(image).length !== 1) {
      context.addIssue({ code: "custom", message: `exactly one of ${kinds}`, input: image });
      return z.NEVER;
    }
    if (image.server !== undefined) return { kind: "server", name: image.server };
    if (image.c !== undefined) return { kind: "c", files: typeof image.c === "string" ? [image.c] : image.c };
    if (image.elf !== undefined) return { kind: "elf", file: image.elf };
    return { kind: "ts", file: image.ts ?? "" };
  };
}

/** Where a program comes from. Paths are as written, relative to the manifest. */
export type Image =
  | { readonly kind: "server"; readonly name: string }
  | { readonly kind: "c"; readonly files: readonly string[] }
  | { readonly kind: "elf"; readonly file: string }
  | { readonly kind: "ts"; readonly file: string };

const A_SHARE = "so much: 100/s, 2MiB/s or 64MiB";
const share = z.string({ error: A_SHARE }).regex(SHARE_PATTERN, { error: A_SHARE });
const quota = z
  .union([share, z.array(share).min(1).max(QUOTA_KINDS.length)], { error: `${A_SHARE}, or a list of these` })
  .transform((quota): readonly Share[] => (typeof quota === "string" ? [quota] : quota).flatMap((text) => parseShare(text) ?? []))
  .describe("How much of the server this client may have: 100/s, 2MiB/s, 64MiB, or a list. Of what, says the server's README: log (lines a second), block (bytes and requests a second), switch (bytes and frames a second, each way), net and console (bytes a second), fs (bytes).");

const source = z.string().describe("COMPONENT.OFFER or platform.DEVICE.regs, .irq, .iospace, or platform.cpu.time, or programs.PROGRAM, or guests.GUEST.view or .control");
const use = z
  .union([z.string(), z.strictObject({ from: source, rights: rights.optional(), quota: quota.optional() })])
  .transform((use): Use => {
    if (typeof use === "string") return { from: use };
    const { from, rights, quota } = use;
    return { from, ...(rights === undefined ? {} : { rights }), ...(quota === undefined ? {} : { quota }) };
  });
export interface Use {
  readonly from: string;
  readonly rights?: readonly RightName[];
  readonly quota?: readonly Share[];
}

const protocolName = z.string().regex(PROTOCOL_PATTERN, { error: "a protocol's name: a capital letter, then letters and digits" });
const offer = z
  .union([
    protocolName,
    z.strictObject({
      protocol: protocolName,
      rights: rights.describe("The most that a client may ask for.").optional(),
      gives: z.boolean().describe("Whether its answers may bring capabilities: by default as the protocol says, and true for one of your own. If no offer of the component's does, the kernel lets none through.").optional(),
    }),
  ])
  .transform((offer): Offer => {
    const { protocol, rights = RIGHT_NAMES, gives } = typeof offer === "string" ? { protocol: offer } : offer;
    return { protocol, rights, ...(gives === undefined ? {} : { gives }) };
  });
export interface Offer {
  readonly protocol: string;
  readonly rights: readonly RightName[];
  readonly gives?: boolean;
}

const confined = z.boolean().default(false).describe("Its executable pages may hold no instruction that reads a clock: else it is refused.");

/** The root server counts in ticks of so many microseconds. */
const MIN_BACKOFF_US = 10_000;
const MAX_WINDOW_US = 24 * 3600 * 1_000_000;
const howOften = {
  max: z.int().min(1).max(100).default(5).describe("So many restarts in any time of 'window'; the next end is for good."),
  window: duration("In which restarts are counted, at most 24 hours. By default 60s.").default(60_000_000),
  backoff: duration("From the end to the start, at least 10ms; twice as long for each further one in 'window'. By default 200ms.").default(200_000),
};
const inBounds = <T extends z.ZodType<{ readonly window: number; readonly backoff: number }>>(policy: T): T =>
  policy
    .refine(({ backoff }) => backoff >= MIN_BACKOFF_US, { error: "a backoff of at least 10ms", path: ["backoff"] })
    .refine(({ window }) => window <= MAX_WINDOW_US, { error: "a window of at most 24 hours", path: ["window"] })
    .refine(({ backoff, window }) => backoff <= window, { error: "a backoff no longer than the window", path: ["backoff"] });

const restart = inBounds(
  z.strictObject({
    on: z.enum(["fault", "exit", "always"]).default("fault").describe("Which end is followed by a start: a fault, an end of its own (whatever its status), or both."),
    ...howOften,
  }),
);
const control = z.strictObject({ restart: inBounds(z.strictObject(howOften)).describe("They may have it begun anew, so often: running or ended. Of itself it never is.").optional() });

const component = z.strictObject({
  image,
  memory: size("All that it may spend: image, stack, page tables, objects.")
    .pipe(z.number().min(MIN_MEMORY, { error: "at least 64KiB" }))
    .default(MIB),
  stack: size("Stack of a machine program, a multiple of 4 KiB.")
    .pipe(z.number().multipleOf(4096, { error: "a multiple of 4KiB" }).max(64 * MIB, { error: "at most 64MiB" }))
    .optional(),
  slots: z
    .int()
    .min(MIN_SLOTS)
    .max(MAX_SLOTS)
    .refine((slots) => Number.isInteger(Math.log2(slots)), { error: "a power of two, such as 1024 or 4096" })
    .default(MIN_SLOTS)
    .describe("Slots of its CSpace, a power of two; each takes 32 bytes of its memory. Those from 128 on are its own."),
  cpu: cpu.prefault({}),
  use: z.record(identifier, use).default({}),
  offer: z.record(identifier, offer).default({}),
  args: z.json().default(null).describe("Handed to the program as it stands."),
  essential: z.boolean().default(false).describe("When it ends, the appliance ends with its status."),
  restart: restart.describe("It is started again when it has ended: built anew from its program, with what the manifest gives it and nothing else.").optional(),
  confined,
});

const program = z.strictObject({
  image: machineImage,
  confined,
});

/** Slots of the guest's machine (vmm/spec.ts). */
const MOST_DISKS = 8;
const MOST_PORTS = 4;
const MOST_PASSED = 5;

/** Without what is not given. */
const given = <T extends Record<string, string | undefined>>(object: T): { [K in keyof T]?: string } => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: string };

const guest = z.strictObject({
  image: z
    .union([
      name.describe("A guest shipped with the kit."),
      z.strictObject({
        firmware: file.describe("A flat file that the guest starts in, in machine mode: OpenSBI's fw_dynamic.bin, which starts 'kernel'; or a boot loader.").optional(),
        kernel: file.describe("A flat riscv Image; under firmware any flat file. Only firmware can do without.").optional(),
        initrd: file.optional(),
      }).refine(({ firmware, kernel }) => firmware !== undefined || kernel !== undefined, { error: "a kernel, or firmware" })
        .meta({ anyOf: [{ required: ["firmware"] }, { required: ["kernel"] }] }),
    ])
    .transform((image): GuestImage => (typeof image === "string" ? { kind: "shipped", name: image } : { kind: "files", ...given(image) })),
  memory: size("The guest's RAM, a multiple of 2 MiB.").pipe(
    z
      .number()
      .multipleOf(2 * MIB, { error: "a multiple of 2MiB" })
      .min(16 * MIB, { error: "at least 16MiB" }),
  ),
  cpus: z.int().min(1).max(8).describe("Its virtual CPUs, 1 to 8: they take turns on the VMM's CPU time. By default 1.").optional(),
  cmdline: z
    .string()
    .max(1023, { error: "at most 1023 characters" })
    .regex(/^[\x20-\x7e]*$/, { error: "printable ASCII" })
    .describe("The kernel's command line; by default the one of the image.")
    .optional(),
  console: use.describe("A component's offer of Console."),
  disks: z
    .record(identifier, use)
    .refine((disks) => Object.keys(disks).length <= MOST_DISKS, { error: `at most ${MOST_DISKS} disks` })
    .default({})
    .describe("Its virtio disks, in this order (Linux: vda, vdb ...): offers of Block. What each is called here is its serial number."),
  ports: z
    .record(identifier, use)
    .refine((ports) => Object.keys(ports).length <= MOST_PORTS, { error: `at most ${MOST_PORTS} ports` })
    .default({})
    .describe("Its virtio network cards, in this order: offers of NicDriver, ports of a switch or a card itself."),
  devices: z
    .record(identifier, z.string().regex(/^platform\.[a-z][a-z0-9]*$/, { error: "a device of the machine, such as platform.blk1" }))
    .refine((devices) => Object.keys(devices).length <= MOST_PASSED, { error: `at most ${MOST_PASSED} devices` })
    .default({})
    .describe("Virtio devices of the machine itself that are handed to it: platform.DEVICE. Its driver works them, and they reach its RAM and nothing else."),
  balloon: size("So much of its RAM the guest is to do without, a multiple of 4 KiB: it has a memory balloon then.").pipe(z.number().multipleOf(4096, { error: "a multiple of 4KiB" })).optional(),
  clock: use.describe("An offer of Timer of a clock that shows the time of day (platform.rtc0): the guest has a real-time clock then.").optional(),
  display: use.describe("An offer of Display: the guest has a display, a keyboard and a tablet then, in a window of its own.").optional(),
  input: z.boolean().describe("false: nothing typed is for it, and when it waits for ever it is known to be stuck. By default true.").optional(),
  cpu: cpu.prefault({}),
  essential: z.boolean().describe("When it ends, the appliance ends with its status. By default true for an only guest.").optional(),
  control: control.describe("What those who have guests.GUEST.control may do beside pausing and ending it.").default({}),
})
  .refine(({ memory, balloon = 0 }) => balloon < memory, { error: "less than 'memory'", path: ["balloon"] });

/** A kit's own image, or files of the user's. */
export type GuestImage =
  | { readonly kind: "shipped"; readonly name: string }
  | { readonly kind: "files"; readonly firmware?: string; readonly kernel?: string; readonly initrd?: string };

/** Disk images that the kit makes. */
export const DISK_IMAGES = ["debian"] as const;

const disk = z
  .strictObject({
    file: file.describe("The image of the disk, relative to the manifest. It is not part of the appliance's image.").optional(),
    image: z.enum(DISK_IMAGES, { error: `an image that the kit makes: ${DISK_IMAGES.join(", ")}` }).describe("Instead of a file: an image that the kit makes (bailiwick setup --only debian), in mode overlay or ro, since it is everybody's.").optional(),
    mode: z
      .enum(["rw", "ro", "overlay", "memory"])
      .optional()
      .describe("rw (the default for a file): the image is changed. ro: writes are refused. overlay (the default for the kit's): the image is only read, and what is written is gone at the end. memory: no image; all zero at first, gone at the end."),
    size: size("How large the image is; in mode rw one that is missing is made so large.")
      .pipe(z.number().multipleOf(512, { error: "a multiple of 512 bytes" }).min(512, { error: "at least one sector of 512 bytes" }))
      .optional(),
  })
  .transform((disk) => ({ ...disk, mode: disk.mode ?? (disk.image === undefined ? "rw" : "overlay") }))
  .refine(({ file, image }) => file === undefined || image === undefined, { error: "a file or an image of the kit's, not both", path: ["image"] })
  .refine(({ image, mode }) => image === undefined || mode === "overlay" || mode === "ro", { error: "overlay or ro: the kit's image is everybody's. To keep what is written, copy it and name the copy as 'file'", path: ["mode"] })
  .refine(({ file, image, mode }) => (file === undefined && image === undefined) === (mode === "memory"), { error: "an image, unless the mode is memory", path: ["file"] })
  .refine(({ size, mode }) => mode !== "memory" || (size !== undefined && size <= 2 ** 30), { error: "a size up to 1GiB: mode memory has no image that would say", path: ["size"] });

const NO_ADDRESS: Endpoint = { address: "", port: 0 };
const ENDPOINT_ERROR = "an address of this computer and a port, such as 127.0.0.1:9001, or a port alone: 1 to 65535";
const endpoint = (doc: string) =>
  z
    .string({ error: ENDPOINT_ERROR })
    .regex(ENDPOINT_PATTERN, { error: ENDPOINT_ERROR, abort: true })
    .refine((text) => parseEndpoint(text) !== undefined, { error: ENDPOINT_ERROR, abort: true })
    .transform((text) => parseEndpoint(text) ?? NO_ADDRESS)
    .describe(doc);

const FORWARD_ERROR = "tcp or udp, an address of this computer, its port, and the port in the network: such as tcp:127.0.0.1:8080:80";
const forward = z
  .string({ error: FORWARD_ERROR })
  .regex(FORWARD_PATTERN, { error: FORWARD_ERROR, abort: true })
  .refine((text) => parseForward(text) !== undefined, { error: `${FORWARD_ERROR}; ports are 1 to 65535`, abort: true })
  .transform((text): Forward => parseForward(text) ?? { protocol: "tcp", host: NO_ADDRESS, port: 0 })
  .describe("PROTOCOL:ADDRESS:PORT:PORT: what comes to the first port, on this computer, goes to the second, in the network. Without the address: on loopback.");

const cable = z
  .strictObject({
    listen: endpoint("Where the other end's frames come in, by UDP."),
    peer: endpoint("The other end: frames go to it, and come from it alone."),
  })
  .refine(({ listen, peer }) => formatEndpoint(listen) !== formatEndpoint(peer), { error: "another address than 'listen': a cable has two ends", path: ["peer"] })
  .refine(({ listen, peer }) => listen.address.includes(":") === peer.address.includes(":"), { error: "of the same kind as 'listen': both IPv4, or both IPv6", path: ["peer"] });

/** Linux's own bound, and no characters that mean something to a shell. */
const INTERFACE_PATTERN = /^[A-Za-z][A-Za-z0-9._-]{0,14}$/;

/** More are of no use, and each takes a socket of the host's. */
const MAX_FORWARDS = 64;

const user = z
  .strictObject({
    hosts: z
      .enum(["none", "loopback", "any"])
      .default("loopback")
      .describe("Whom the appliance may speak to: nobody (only the forwards' connections come in), this computer's loopback as 10.0.2.2, or whomever this computer reaches, with its DNS as 10.0.2.3."),
    forward: z.array(forward).max(MAX_FORWARDS, { error: `at most ${MAX_FORWARDS}` }).default([]),
  })
  .superRefine(({ hosts, forward }, context) => {
    for (const [i, { protocol, host }] of forward.entries()) {
      if (protocol === "tcp" || hosts === "any" || (hosts === "loopback" && isLoopback(host))) continue;
      const error = hosts === "none" ? "no udp with 'hosts: none': no datagram could be answered" : "an address of loopback for udp, or 'hosts: any': datagrams from elsewhere could not be answered";
      context.addIssue({ code: "custom", message: error, path: ["forward", i], input: forward[i] });
    }
  });

const network = z
  .strictObject({
    cable: cable.describe("Frames in UDP datagrams, to and from one peer. Nothing in it is secret or authentic.").optional(),
    user: user.describe("A network of this program's own, 10.0.2.0/24, whose connections go on through this computer's sockets. Needs no rights.").optional(),
    tap: z
      .string()
      .regex(INTERFACE_PATTERN, { error: "the name of an interface: a letter, then letters, digits, '.', '_' and '-', at most 15 in all" })
      .describe("A TAP interface of this computer's, by name. The computer says who may use one.")
      .optional(),
  })
  .meta({ minProperties: 1, maxProperties: 1 })
  .transform((network, context): Network => {
    if (Object.keys(network).length === 1) {
      if (network.cable !== undefined) return { kind: "cable", ...network.cable };
      if (network.user !== undefined) return { kind: "user", ...network.user };
      if (network.tap !== undefined) return { kind: "tap", name: network.tap };
    }
    context.addIssue({ code: "custom", message: "exactly one of cable, user, tap", input: network });
    return z.NEVER;
  });

/** What is behind a network device. */
type Network = ({ readonly kind: "cable" } & z.output<typeof cable>) | ({ readonly kind: "user" } & z.output<typeof user>) | { readonly kind: "tap"; readonly name: string };

const side = (most: number) => z.int({ error: `pixels: a number from 16 to ${most}` }).min(16, { error: "at least 16 pixels" }).max(most, { error: `at most ${most} pixels` });

const display = z.strictObject({
  width: side(3840).default(1024).describe("In pixels."),
  height: side(2160).default(768).describe("In pixels."),
});

const thing = z.string().min(1, { error: "a component, COMPONENT.OFFER, platform.DEVICE, platform.DEVICE.PART, or platform" });
const trusting = z.array(name).default([]).describe("Components that do as their protocols say. All others are taken to be hostile.");
const names = z.union([name.transform((one) => [one]), z.array(name).min(1)]);

const assertion = z
  .strictObject({
    "no-path": z.strictObject({ from: names, to: thing, trusting }).describe("None of these can come to hold a capability to that.").optional(),
    "only-holders": z.strictObject({ of: thing, are: z.array(name), trusting }).describe("Nobody else can come to hold a capability to that.").optional(),
    confined: z
      .union([name.transform((component) => ({ component, holes: [], trusting: [] })), z.strictObject({ component: name, holes: z.array(thing).default([]), trusting })])
      .describe("No capability that it can come to hold leads out, and nobody can ask it for anything, but through the holes.")
      .optional(),
    "max-rights": z.strictObject({ of: name, on: thing, rights, trusting }).describe("It can come to have no more than these rights on that.").optional(),
    "flows-only-via": z
      .strictObject({ from: thing, to: thing, via: z.array(name), trusting })
      .describe("No data gets from one to the other but through these, which are trusted to let through what they should.")
      .optional(),
  })
  .meta({ minProperties: 1, maxProperties: 1 })
  .transform((written, context): ManifestAssertion => {
    const [only, ...more] = Object.entries(written);
    if (only !== undefined && more.length === 0) return { kind: only[0], ...only[1] } as ManifestAssertion;
    context.addIssue({ code: "custom", message: "exactly one of no-path, only-holders, confined, max-rights, flows-only-via", input: written });
    return z.NEVER;
  });

/** As caps/graph has it, but that rights are names. */
export type ManifestAssertion = Exclude<Assertion, { kind: "max-rights" }> | (Omit<Extract<Assertion, { kind: "max-rights" }>, "rights"> & { readonly rights: readonly RightName[] });

const faculties = z.array(z.enum(FACULTY_NAMES));
const operator = z
  .strictObject({
    grants: faculties.describe("All that the operator may do with it, beside starting and stopping it. By default everything.").optional(),
    deny: faculties.default([]).describe("What he may not do, whatever 'grants' says."),
  })
  .transform(({ grants = FACULTY_NAMES, deny }): { readonly denied: readonly Faculty[] } => ({ denied: FACULTY_NAMES.filter((faculty) => !grants.includes(faculty) || deny.includes(faculty)) }));

export const manifestSchema = z.strictObject({
  apiVersion: z.literal("bailiwick/1"),
  kind: z.literal("Appliance"),
  name,
  version: z
    .string({ error: "a version in quotes or with two dots, such as 0.1.0" })
    .regex(VERSION_PATTERN, { error: "a version such as 0.1.0" })
    .max(40),
  platform: z.strictObject({
    board: z.string(),
    memory: size("RAM of the machine."),
    terminal: identifier.describe("The device that the terminal is behind: uart0 (the default) or con0.").optional(),
    disks: z.record(identifier, disk).default({}).describe("What is behind the board's block devices, by device."),
    networks: z.record(identifier, network).default({}).describe("What is at the other end of the board's network devices, by device."),
    display: display.describe("The machine has a display of this size, a keyboard and a tablet: gpu0, kbd0, tab0.").optional(),
  }),
  components: z.record(name, component).default({}),
  programs: z.record(name, program).default({}).describe("Programs that components read as files, and may start: no component is made of them."),
  guests: z.record(name, guest).default({}),
  operator: operator.describe("What whoever runs it may see and do of it: 'bailiwick run' refuses the rest.").prefault({}),
  assert: z.array(assertion).default([]).describe("What must hold however hostile the programs are: checked before anything is built, and again while the appliance runs."),
});

export type Manifest = z.output<typeof manifestSchema>;
export type ManifestComponent = Manifest["components"][string];
export type ManifestDisplay = NonNullable<Manifest["platform"]["display"]>;
export type ManifestDisk = Manifest["platform"]["disks"][string];
export type ManifestGuest = Manifest["guests"][string];

/** The JSON Schema (draft 2020-12) of what may be written in a manifest, for editors. */
export function manifestJsonSchema(): object {
  return { title: "Bailiwick appliance manifest", ...z.toJSONSchema(manifestSchema, { io: "input" }) };
}

/** The same as text: what `bailiwick schema` prints, and what stands in appliance.schema.json. */
export const manifestSchemaText = (): string => `${JSON.stringify(manifestJsonSchema(), undefined, 2)}\n`;
