// A TAP interface of the host's: the appliance is a neighbour of the host's own network stack, by a helper (helpers/tap.c). Who may use one says the host.
import type { NetBackend } from "./backend.ts";
import { openHelper, type HelperOptions } from "./helper.ts";
import { NetworkError } from "./network.ts";

export interface TapOptions extends HelperOptions {
  /** At most 15 characters. One that is not there is made for the run, where this process may do that. */
  readonly name: string;
}

/** The caller closes it. @throws NetworkError when the interface may not be used, is in use, or is none */
export const openTap = ({ name, ...options }: TapOptions): Promise<NetBackend> =>
  openHelper(options, { title: `the helper of TAP interface ${name}`, args: [name], explain: (said) => explain(name, said) });

/** A line `NAME ERRNO`, or `/dev/net/tun ERRNO`. */
function explain(name: string, said: string): NetworkError | undefined {
  const [, what, cause = ""] = /^(\S+) (.+)$/.exec(said) ?? [];
  if (what !== name && what !== "/dev/net/tun") return undefined;
  const allow = `have it made for this user: sudo ip tuntap add dev ${name} mode tap user $(id -un) && sudo ip link set ${name} up`;
  const [text, fix] = what === name ? (OF_INTERFACE[cause] ?? [cause, allow]) : (OF_HOST[cause] ?? [cause, USE_ANOTHER]);
  return new NetworkError(`TAP interface ${name} cannot be used: ${text}`, fix ?? allow);
}

const USE_ANOTHER = "take a user network, which needs no rights: { user: {} }";
type Reason = readonly [cause: string, fix?: string];

const OF_INTERFACE: Readonly<Record<string, Reason | undefined>> = {
  EPERM: ["this user may not use it"],
  EACCES: ["this user may not use it"],
  EBUSY: ["another program has it", "end that program, or take another interface"],
  EINVAL: ["there is an interface of that name that is no TAP interface", "take another name ('ip link' lists those that are taken)"],
  ENETDOWN: ["it is down, and this user may not change that"],
};

const OF_HOST: Readonly<Record<string, Reason | undefined>> = {
  ENOENT: ["this computer has no /dev/net/tun", `load the kernel's module: sudo modprobe tun; or ${USE_ANOTHER}`],
  ENODEV: ["this computer's kernel has no TAP interfaces", USE_ANOTHER],
  EACCES: ["/dev/net/tun is not for this user", `sudo chmod a+rw /dev/net/tun; or ${USE_ANOTHER}`],
  EPERM: ["/dev/net/tun is not to be had here, as in most containers", USE_ANOTHER],
};
