// The guest images of the kit, as the operator offers them to manifests: what they need on the command line, their files, and how they are told to run
// one command. Where Debian's files could not be fetched, `linux` is the kit's own small guest instead, and the user is told.
import { createHash } from "node:crypto";
import type { GuestFacts } from "../../caps/manifest/resources.ts";
import type { GuestOrder } from "../../caps/manifest/resolve.ts";
import type { GuestImage } from "../../caps/manifest/schema.ts";
import { composeRootInitramfs, mountsDisks } from "../../guests/debian/image.ts";
import { composeInitramfs, execArchive } from "../../guests/linux/image.ts";
import type { Result } from "../../guests/linux/initramfs.ts";
import { findLinux, readHeld, type InstalledLinux } from "../../guests/linux/installed.ts";
import { findFirmware, readFirmware } from "../../guests/u-boot/installed.ts";
import { FailureCode, compileFailure, failure } from "./failure.ts";
import type { Package } from "./package.ts";
import { readUserFile, userFile } from "./user-files.ts";

export interface GuestFiles {
  readonly firmware?: Uint8Array;
  /** Not there only where there is firmware. */
  readonly kernel?: Uint8Array;
  readonly initrd?: Uint8Array;
}

/** What is added to a guest so that it runs one command and powers off. */
export interface ExecParts {
  /** Behind its command line. */
  readonly cmdline: string;
  /** Behind its initial RAM disk. */
  readonly archive?: Uint8Array;
  /** It reports `ready` when the command begins: what its console shows before that is not the command's output. */
  readonly reportsReady: boolean;
}

/** Guests of the kit; all but U-Boot know of --exec. */
export type GuestKind = "linux" | "debian" | "bare" | "u-boot";

export interface ShippedGuest {
  readonly kind: GuestKind;
  readonly facts: GuestFacts;
  /** Bytes of memory that its kernel takes to boot, beside its files; by default what any does. */
  readonly slack?: number;
  load(): Promise<GuestFiles>;
}

export interface GuestShelf {
  readonly images: ReadonlyMap<string, ShippedGuest>;
  /** Said once when a manifest uses `linux` and it is not there. */
  readonly linuxMissing?: string;
}

/** Its init reports by the VMM's second virtio console (vmm/spec.ts, VirtioSlot). */
const LINUX_CONTROL = "bailiwick.control=hvc1";
/**
 * hvc0 is the VMM's first virtio console; until its driver is there, messages go through the firmware, or a panic before that would look like a
 * reset. A panic resets at once. Without the watchdog for lockups, which takes a busy host for one, and without pressure-stall accounting, an idle kernel wakes once in three seconds
 * instead of four times a second.
 */
const LINUX_CMDLINE = `earlycon=sbi console=hvc0 ${LINUX_CONTROL} panic=-1 nowatchdog psi=0`;

/** Its root is the guest's first disk. */
const DEBIAN_CMDLINE = `${LINUX_CMDLINE} root=/dev/vda`;
/** Of the kernel only what it says when it dies: by that the VMM knows a panic from a reset. */
const QUIET = "quiet loglevel=1";

/** What it takes that a guest of the kit's runs one command. Throws Failure. */
export function execParts(kind: GuestKind, command: string): ExecParts {
  if (kind === "linux") return { cmdline: `${QUIET} ${LINUX_CONTROL}`, archive: execArchive(command), reportsReady: true };
  if (kind === "debian") return { cmdline: `${QUIET} systemd.show_status=false ${LINUX_CONTROL}`, archive: execArchive(command), reportsReady: true };
  if (kind === "u-boot") throw failure(FailureCode.exec, "U-Boot knows nothing of --exec", { fix: "type its commands at its console" });
  if (/[^\x20-\x7e]/.test(command)) throw failure(FailureCode.exec, "the guest 'bare' takes a command of printable ASCII on one line", { fix: "separate its commands by ';'" });
  return { cmdline: `bailiwick.exec=${command}`, reportsReady: false };
}

export function findGuests(kit: Package): GuestShelf {
  const bare: ShippedGuest = {
    kind: "bare",
    facts: { cmdline: "", initrd: false },
    async load() {
      const { buildBareGuest } = await import("./toolchain.ts");
      const built = await buildBareGuest({ outDir: kit.cache });
      if (!built.ok) throw compileFailure("the guest 'bare' cannot be compiled", built.error);
      return { kernel: readUserFile(built.value.image, "the guest 'bare'") };
    },
  };
  const ours = new Map<string, ShippedGuest>([["bare", bare], ["u-boot", uBoot(kit)]]);
  const found = findLinux(kit.record);
  if (!found.ok || found.value === undefined) {
    const linuxMissing = `${found.ok ? "Debian's kernel is not on this machine (the set-up could not fetch it)" : found.error}; booting guests/bare instead`;
    return { images: new Map([["linux", bare], ...ours]), linuxMissing };
  }
  const linux = found.value;
  const load = (compose: (linux: InstalledLinux) => Result<Uint8Array>) => async (): Promise<GuestFiles> => {
    const kernel = readHeld(linux, linux.kernel);
    if (!kernel.ok) throw failure(FailureCode.damagedFile, "Debian's kernel cannot be used", { cause: kernel.error });
    const initrd = compose(linux);
    if (!initrd.ok) throw failure(FailureCode.damagedFile, "Debian's initial RAM disk cannot be composed", { cause: initrd.error });
    return { kernel: kernel.value, initrd: initrd.value };
  };
  const images = new Map<string, ShippedGuest>([
    ...ours,
    ["linux", { kind: "linux", facts: { cmdline: LINUX_CMDLINE, initrd: true }, slack: LINUX_SLACK, load: load((from) => composeInitramfs(from)) }],
  ]);
  if (mountsDisks(linux)) images.set("debian", { kind: "debian", facts: { cmdline: DEBIAN_CMDLINE, initrd: true }, slack: LINUX_SLACK, load: load(composeRootInitramfs) });
  return { images };
}

/** OpenSBI, and U-Boot above it. */
const uBoot = (kit: Package): ShippedGuest => ({
  kind: "u-boot",
  facts: { cmdline: "", initrd: false, firmware: true },
  async load() {
    const installed = findFirmware(kit.record);
    if (installed === undefined) throw failure(FailureCode.guestImage, "Debian's OpenSBI and U-Boot are not on this machine", { fix: "bailiwick setup --only firmware --retry" });
    const files = readFirmware(installed);
    if (!files.ok) throw failure(FailureCode.damagedFile, "Debian's OpenSBI and U-Boot cannot be used", { cause: files.error });
    return files.value;
  },
});

/** @param folder the manifest's */
export async function loadGuest({ guest, image, ramBytes }: GuestOrder, shelf: GuestShelf, folder: string): Promise<GuestFiles> {
  const shipped = image.kind === "shipped" ? shelf.images.get(image.name) : undefined;
  const files = image.kind === "shipped" ? await shipped?.load() : ownFiles(guest, image, folder);
  if (files === undefined) throw failure(FailureCode.guestImage, `guest '${guest}' has no image`);
  checkGuest(guest, files, ramBytes, shipped?.slack);
  return files;
}

function ownFiles(guest: string, { firmware, kernel, initrd }: Omit<Extract<GuestImage, { kind: "files" }>, "kind">, folder: string): GuestFiles {
  const read = <K extends keyof GuestFiles>(as: K, what: string, path: string | undefined) => (path === undefined ? {} : { [as]: readUserFile(userFile(folder, path), `the ${what} of guest '${guest}'`) });
  return { ...read("firmware", "firmware", firmware), ...read("kernel", "kernel", kernel), ...read("initrd", "initial RAM disk", initrd) };
}

/** The header of a flat riscv Image (kernel documentation, arch/riscv/boot-image-header). */
const HEADER_BYTES = 64;
const MAGIC_OFFSET = 0x38;
const MAGIC = 0x0543_5352; // "RSC\x05"
const IMAGE_SIZE_OFFSET = 16;
const KERNEL_OFFSET = 2 * 1024 ** 2;
/** Device tree, and room to unpack: what a guest cannot do without beside its files. */
const GUEST_SLACK = 4 * 1024 ** 2;
/** Of Debian's kernel: with less it hangs or panics, some of it before its console works. Measured with 6.12: the kit's Linux boots in 84 MiB, and in 82 not. */
const LINUX_SLACK = 48 * 1024 ** 2;

/** What can be seen before the VMM looks: it checks again, as nothing obliges a VMM to be started by this operator. */
export function checkGuest(guest: string, { firmware, kernel, initrd }: GuestFiles, ramBytes: number, slack = GUEST_SLACK): void {
  // What firmware starts, and how much room that takes, is the firmware's affair.
  if (firmware !== undefined || kernel === undefined) return;
  const refuse = (cause: string, fix?: string) => failure(FailureCode.guestImage, `guest '${guest}' cannot be booted`, { cause, ...(fix === undefined ? {} : { fix }) });
  const view = new DataView(kernel.buffer, kernel.byteOffset, kernel.byteLength);
  if (kernel.length < HEADER_BYTES) throw refuse(`its kernel has ${kernel.length} bytes: it is empty or cut off`);
  if (view.getUint32(MAGIC_OFFSET, true) !== MAGIC) {
    const what = view.getUint32(0, false) === 0x7f45_4c46 ? "is an ELF file" : view.getUint16(0, false) === 0x1f8b ? "is compressed by gzip" : "has no riscv Image header";
    throw refuse(`its kernel ${what}: a flat riscv Image is needed`, "arch/riscv/boot/Image of a kernel build; Debian's /boot/vmlinux-* is one");
  }
  const imageSize = Number(view.getBigUint64(IMAGE_SIZE_OFFSET, true));
  const mib = (bytes: number): string => `${Math.ceil(bytes / 1024 ** 2)} MiB`;
  const needed = KERNEL_OFFSET + Math.max(imageSize, kernel.length) + (initrd?.length ?? 0) + slack;
  if (needed > ramBytes) {
    const parts = [`kernel ${mib(Math.max(imageSize, kernel.length))}`, ...(initrd === undefined ? [] : [`initial RAM disk ${mib(initrd.length)}`]), ...(slack === GUEST_SLACK ? [] : [`and ${mib(slack)} that this kernel takes to boot`])];
    throw refuse(`its files do not fit in ${mib(ramBytes)} of RAM: ${parts.join(", ")}`, `give it at least ${mib(needed)}: guests.${guest}.memory`);
  }
}

/** What the guest's random generator begins with: the host's, or the same at each run. */
export function guestSeed(guest: string, random: () => Uint8Array, deterministic: boolean): number[] {
  return [...(deterministic ? createHash("sha256").update(`bailiwick guest ${guest}`).digest() : random())];
}
