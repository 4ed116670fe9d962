// What is behind the board's network devices: the manifest's `platform.networks` → what is to be opened when the appliance runs.
import type { ResolvedUse } from "../image/system.ts";
import { formatEndpoint, type Endpoint, type Forward } from "./addresses.ts";
import { DiagnosticCode } from "./diagnostic.ts";
import type { Report } from "./report.ts";
import type { Board } from "./resources.ts";
import type { Manifest } from "./schema.ts";
import type { Path } from "./source.ts";

/** What is opened behind a network device when the appliance runs. */
export type NetworkOrder =
  /** Frames in datagrams, from and to one peer. */
  | { readonly device: string; readonly kind: "cable"; readonly listen: Endpoint; readonly peer: Endpoint }
  /** A network of the host's own making: what is sent in it goes on through the host's sockets. */
  | { readonly device: string; readonly kind: "user"; readonly hosts: UserHosts; readonly forward: readonly Forward[] }
  /** An interface of the host's, by its name there. */
  | { readonly device: string; readonly kind: "tap"; readonly name: string };

/** Whom the appliance may speak to from a user network: nobody, the host's own loopback, or whomever the host reaches. */
export type UserHosts = "none" | "loopback" | "any";

/** Networks are behind devices that take one, a driver that is given such a device has a network to drive, and no port of the host is asked for twice. */
export function networkOrders({ platform }: Manifest, board: Board, uses: ReadonlyMap<string, readonly ResolvedUse[]>, report: Report): NetworkOrder[] {
  for (const device of Object.keys(platform.networks)) {
    if (!board.networks.includes(device)) report.unknown(["platform", "networks", device], "device for a network", device, board.networks);
  }
  for (const [component, list] of uses) {
    for (const use of list) {
      if (use.kind !== "device" || !board.networks.includes(use.device) || platform.networks[use.device] !== undefined) continue;
      report.add({
        code: DiagnosticCode.unknownName,
        at: ["components", component, "use", use.name],
        message: `there is no network behind ${use.device}, which '${component}' drives`,
        cause: "the platform has no cable for it",
        fix: `add it to platform.networks: { ${use.device}: { user: {} } }`,
      });
    }
  }
  const tapped = new Set<string>();
  const taken = new Map<string, string>();
  const take = (protocol: "tcp" | "udp", host: Endpoint, at: Path): void => {
    const key = `${protocol} ${formatEndpoint(host)}`;
    const before = taken.get(key);
    if (before === undefined) taken.set(key, String(at[2]));
    else report.add({ code: DiagnosticCode.usedTwice, at, message: `${formatEndpoint(host)} (${protocol}) is taken twice`, cause: `${before} has it already`, fix: "give each a port of its own" });
  };
  return Object.entries(platform.networks).map(([device, network]): NetworkOrder => {
    if (network.kind === "cable") {
      take("udp", network.listen, ["platform", "networks", device, "cable", "listen"]);
      return { device, ...network };
    }
    if (network.kind === "tap") {
      if (tapped.has(network.name)) report.add({ code: DiagnosticCode.usedTwice, at: ["platform", "networks", device, "tap"], message: `the interface ${network.name} is taken twice`, cause: "another device has it already", fix: "give each an interface of its own" });
      tapped.add(network.name);
      return { device, ...network };
    }
    network.forward.forEach(({ protocol, host }, i) => take(protocol, host, ["platform", "networks", device, "user", "forward", i]));
    return { device, ...network };
  });
}
