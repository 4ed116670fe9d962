// A user network: what the appliance sends goes on through sockets of this host, by a helper over libslirp (helpers/user-net.c). It needs no rights.
import type { NetBackend } from "./backend.ts";
import { openHelper, type HelperOptions } from "./helper.ts";
import { NetworkError } from "./network.ts";

export interface UserNetOptions extends HelperOptions {
  /** Whom the appliance may speak to: nobody, the host's loopback, or whomever the host reaches. */
  readonly hosts: "none" | "loopback" | "any";
  /** Ports of the host that lead into the network. */
  readonly forward: readonly PortForward[];
}

export interface PortForward {
  readonly protocol: "tcp" | "udp";
  /** IPv4 */
  readonly host: { readonly address: string; readonly port: number };
  /** At 10.0.2.15. */
  readonly port: number;
}

/** The caller closes it. @throws NetworkError naming the forward that cannot be opened, or what is wrong with the helper */
export function openUserNet({ hosts, forward, ...options }: UserNetOptions): Promise<NetBackend> {
  const args = [hosts, ...forward.map(({ protocol, host, port }) => `${protocol}:${host.address}:${host.port}:${port}`)];
  return openHelper(options, { title: "the user network's helper", args, explain });
}

/** A line `FORWARD ERRNO`. */
function explain(said: string): NetworkError | undefined {
  const [, forward, address = "", port = "", cause = ""] = /^((?:tcp|udp):([\d.]+):(\d+):\d+) (.+)$/.exec(said) ?? [];
  if (forward === undefined) return undefined;
  const [text, fix] = REASONS[cause] ?? [cause, undefined];
  return new NetworkError(`the forward ${forward} cannot be opened: ${text.replace("%", `port ${port} of ${address}`)}`, fix);
}

const REASONS: Readonly<Record<string, readonly [cause: string, fix: string] | undefined>> = {
  EADDRINUSE: ["% is in use", "end the program that has it ('ss -lnptu' names it), or take another port"],
  EADDRNOTAVAIL: ["the address is not this computer's (%)", "take one of its own ('ip address' lists them), or 127.0.0.1 for what runs here"],
  EACCES: ["% is not for everybody", "take a port from 1024 on"],
};
