// What an image says of itself: appliance.json, and the system that it starts (system.json, a boot file). Form only; what must hold between them is checked in open.ts.
import { z } from "zod";
import type { Assertion } from "../../../caps/image/assertion.ts";
import { MAX_FILE_NAME } from "../../../caps/image/files.ts";
import { FACULTY_NAMES } from "../../../caps/image/faculties.ts";
import { GUEST_FACETS, type JsonValue, MAX_SLOTS, MAX_USES, MIN_SLOTS, type ResolvedSystem, SYSTEM_FORMAT } from "../../../caps/image/system.ts";
import type { Endpoint, Forward } from "../../../caps/manifest/addresses.ts";
import type { DiskOrder, NetworkOrder } from "../../../caps/manifest/resolve.ts";
import { DISK_IMAGES, IDENTIFIER_PATTERN, NAME_PATTERN, VERSION_PATTERN } from "../../../caps/manifest/schema.ts";
import { QUOTA_KINDS } from "../../../caps/protocol/protocol.ts";

export const IMAGE_FORMAT = "bailiwick-image/1";
export const DESCRIPTION_FILE = "appliance.json";
export const REPORT_FILE = "report.json";
export const SBOM_FILE = "sbom.spdx.json";

const whole = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const name = z.string().regex(NAME_PATTERN);
const identifier = z.string().regex(IDENTIFIER_PATTERN);
const version = z.string().regex(VERSION_PATTERN);
const bootFile = z.string().regex(/^[\x21-\x7e]+$/).max(MAX_FILE_NAME);
const device = z.string().regex(/^[a-z]+\d+$/).max(16);
const port = z.int().min(1).max(65_535);
const endpoint = z.strictObject({ address: z.string().regex(/^[0-9A-Fa-f:.]{2,45}$/), port }) satisfies z.ZodType<Endpoint>;
const forward = z.strictObject({ protocol: z.enum(["tcp", "udp"]), host: endpoint, port }) satisfies z.ZodType<Forward>;

const disk = z.strictObject({ device, file: z.string().max(4096), mode: z.enum(["rw", "ro", "overlay", "memory"]), image: z.enum(DISK_IMAGES).optional(), bytes: whole.optional() });
const network = z.union([
  z.strictObject({ device, kind: z.literal("cable"), listen: endpoint, peer: endpoint }),
  z.strictObject({ device, kind: z.literal("user"), hosts: z.enum(["none", "loopback", "any"]), forward: z.array(forward).max(64) }),
  z.strictObject({ device, kind: z.literal("tap"), name: z.string().regex(/^[\x21-\x7e]{1,15}$/) }),
]);

export const descriptionShape = z.strictObject({
  format: z.literal(IMAGE_FORMAT),
  name,
  version,
  kit: z.string().max(100),
  /** Boot files, in the order in which the machine gets them. */
  files: z.array(z.strictObject({ name: bootFile, bytes: whole, sha256: z.string().regex(/^[0-9a-f]{64}$/) })),
  guests: z.array(z.strictObject({ guest: name, kind: z.enum(["linux", "debian", "bare", "u-boot", "own"]) })),
  disks: z.array(disk),
  networks: z.array(network),
  terminal: device,
  display: z.strictObject({ width: z.int().min(1).max(16_384), height: z.int().min(1).max(16_384) }).optional(),
});

export type Description = Omit<z.infer<typeof descriptionShape>, "disks" | "networks"> & { readonly disks: readonly DiskOrder[]; readonly networks: readonly NetworkOrder[] };
export const asDescription = (value: z.infer<typeof descriptionShape>): Description => value as Description;

const json: z.ZodType<JsonValue> = z.json();
const named = z.string().max(100);
const names = z.array(named);
const quota = z.partialRecord(z.enum(QUOTA_KINDS), z.int().min(1)).refine((kinds) => Object.keys(kinds).length > 0);
const use = z.union([
  z.strictObject({ name: identifier, kind: z.literal("endpoint"), from: name, offer: whole, badge: whole, rights: z.int().min(0).max(15), quota: quota.optional() }),
  z.strictObject({ name: identifier, kind: z.literal("device"), device, physical: whole, address: whole, bytes: whole }),
  z.strictObject({ name: identifier, kind: z.literal("irq"), device, irq: z.int().min(1).max(1023), badge: whole }),
  z.strictObject({ name: identifier, kind: z.literal("guest"), guest: name, facet: z.enum(GUEST_FACETS), badge: whole }),
  z.strictObject({ name: identifier, kind: z.literal("schedcontrol") }),
  z.strictObject({ name: identifier, kind: z.literal("iospace"), device }),
  z.strictObject({ name: identifier, kind: z.literal("ram"), bytes: whole, address: whole, guestPhysical: whole }),
  z.strictObject({ name: identifier, kind: z.literal("vcpu") }),
  z.strictObject({ name: identifier, kind: z.literal("file"), file: bootFile, address: whole, bytes: whole }),
]);
const assertion = z.union([
  z.strictObject({ kind: z.literal("no-path"), from: names, to: named, trusting: names }),
  z.strictObject({ kind: z.literal("only-holders"), of: named, are: names, trusting: names }),
  z.strictObject({ kind: z.literal("confined"), component: named, holes: names, trusting: names }),
  z.strictObject({ kind: z.literal("max-rights"), of: named, on: named, rights: whole, trusting: names }),
  z.strictObject({ kind: z.literal("flows-only-via"), from: named, to: named, via: names, trusting: names }),
]) satisfies z.ZodType<Assertion>;

export const systemShape = z.strictObject({
  format: z.literal(SYSTEM_FORMAT),
  name,
  version,
  board: named,
  memory: whole,
  components: z.array(
    z.strictObject({
      name,
      number: whole,
      program: z.strictObject({ kind: z.enum(["machine", "hosted"]), file: bootFile }),
      memory: whole,
      stack: whole,
      slots: z.int().min(MIN_SLOTS).max(MAX_SLOTS),
      cpu: z.strictObject({ priority: z.int().min(0).max(254), budget: whole, period: whole }),
      uses: z.array(use).max(MAX_USES),
      offers: z.array(z.strictObject({ name: identifier, protocol: named, gives: z.boolean(), passes: z.boolean() })),
      args: json,
      essential: z.boolean(),
      restart: z.strictObject({ on: z.enum(["fault", "exit", "always", "order"]), max: z.int().min(1).max(100), window: whole, backoff: whole }).optional(),
      guest: name.optional(),
    }),
  ),
  assertions: z.array(assertion),
  denied: z.array(z.enum(FACULTY_NAMES)).optional(),
});

/** The shape's own type says `undefined` where ours says that a member is not there; JSON knows no difference. */
export const asSystem = (value: z.infer<typeof systemShape>): ResolvedSystem => value as ResolvedSystem;
