// Which frames pass, by the manifest's `args`. Both ways what is not plainly allowed is refused, with the reason.
//
//   R1  What the guest sends has its own addresses, and goes to a host and a port that a rule names; ARP asks for those hosts and the router; DHCP asks the router for this guest's address.
//   R2  What comes answers what the guest has sent: of a connection that it has opened, of a datagram that it has sent, of its DHCP. Nobody opens a connection to it.
//   R3  What is kept about it is bounded, whatever either side sends: FLOWS, the oldest forgotten first.
import { type Arp, BROADCAST, BROADCAST_MAC, ipText, macText, type Packet, parseDhcp, parseFrame, targetMac } from "./frame.ts";

/** `begins`: a connection, or the first datagram, to be written down before it passes. */
export type Verdict = { readonly pass: Uint8Array; readonly begins?: string } | { readonly refused: string };

interface Rule {
  readonly kind: "tcp" | "udp";
  readonly host: number;
  readonly port: number;
}

const FLOWS = 512;
const DHCP_SERVER = 67, DHCP_CLIENT = 68;
const refused = (why: string): Verdict => ({ refused: why });

export class Gate {
  readonly mac: number;
  readonly #address: number;
  readonly #router: number;
  readonly #allow: readonly Rule[];
  /** What the guest has begun: kind, its port, host and port; the most recently used last. */
  readonly #flows = new Map<string, true>();
  #dhcp: number | undefined;

  /** @param args of the manifest. @throws Error in words for what is none */
  constructor(args: unknown) {
    const { mac, address, router, allow } = (args ?? {}) as Record<string, unknown>;
    if (!Array.isArray(allow)) throw new Error('args.allow must be a list, such as ["tcp 10.0.2.2:8000"]');
    this.mac = parseMac(mac);
    this.#address = parseIp(address, "address");
    this.#router = parseIp(router, "router");
    this.#allow = allow.map(parseRule);
  }

  /** A frame of the guest's. */
  outgoing(frame: Uint8Array): Verdict {
    const it = parseFrame(frame);
    if (typeof it === "string") return refused(it);
    if (it.from !== this.mac) return refused(`speaks as ${macText(it.from)}`);
    if (it.kind === "arp") return this.#arpOut(it);
    if (it.kind === "udp" && it.sourcePort === DHCP_CLIENT && it.targetPort === DHCP_SERVER) return this.#dhcpOut(it);
    if (it.source !== this.#address) return refused(`speaks as ${ipText(it.source)}`);
    const { kind, sourcePort, target, targetPort, whole } = it, to = `${kind} ${ipText(target)}:${targetPort}`;
    if (!this.#allow.some((rule) => rule.kind === kind && rule.host === target && rule.port === targetPort)) return refused(to);
    const known = this.#touch(flowName(kind, sourcePort, target, targetPort), false);
    if (kind === "tcp" && !it.opens && !known) return refused(`${to}, of no connection`);
    return known && !it.opens ? { pass: whole } : { pass: whole, begins: to };
  }
  /** It has been written down that this frame begins something: what answers it may come. */
  begin(frame: Uint8Array): void {
    const it = parseFrame(frame);
    if (typeof it !== "string" && it.kind !== "arp") this.#touch(flowName(it.kind, it.sourcePort, it.target, it.targetPort), true);
  }

  /** A frame from the card. */
  incoming(frame: Uint8Array): Verdict {
    const to = targetMac(frame);
    if (to !== this.mac && to !== BROADCAST_MAC) return refused(`is for ${macText(to)}`);
    const it = parseFrame(frame);
    if (typeof it === "string") return refused(it);
    if (it.kind === "arp") return this.#arpIn(it);
    if (it.kind === "udp" && it.sourcePort === DHCP_SERVER && it.targetPort === DHCP_CLIENT) return this.#dhcpIn(it);
    const { kind, source, sourcePort, targetPort, whole } = it, from = `${kind} from ${ipText(source)}:${sourcePort}`;
    if (it.target !== this.#address) return refused(`${from}, for ${ipText(it.target)}`);
    if (it.opens || !this.#touch(flowName(kind, targetPort, source, sourcePort), false)) return refused(`${from}, not asked for`);
    return { pass: whole };
  }

  #knows(host: number): boolean {
    return host === this.#router || this.#allow.some((rule) => rule.host === host);
  }
  #arpOut({ whole, senderMac, sender, target }: Arp): Verdict {
    if (senderMac !== this.mac || sender !== this.#address) return refused(`ARP that speaks for ${ipText(sender)}`);
    return this.#knows(target) || target === this.#address ? { pass: whole } : refused(`ARP for ${ipText(target)}`);
  }
  #arpIn({ whole, from, senderMac, sender, target }: Arp): Verdict {
    if (senderMac !== from || !this.#knows(sender)) return refused(`ARP that speaks for ${ipText(sender)}`);
    return target === this.#address ? { pass: whole } : refused(`ARP for ${ipText(target)}`);
  }
  #dhcpOut({ whole, source, target, data }: Packet): Verdict {
    const dhcp = parseDhcp(data), own = source === 0 || source === this.#address;
    if (dhcp === undefined || !dhcp.asks || dhcp.client !== this.mac || !own || (target !== BROADCAST && target !== this.#router)) return refused("DHCP that is none");
    this.#dhcp = dhcp.number;
    return { pass: whole };
  }
  #dhcpIn({ whole, source, target, data }: Packet): Verdict {
    const dhcp = parseDhcp(data), own = target === BROADCAST || target === this.#address;
    if (dhcp === undefined || dhcp.asks || dhcp.client !== this.mac || !own || source !== this.#router || dhcp.number !== this.#dhcp) return refused("DHCP that was not asked for");
    return dhcp.gives === this.#address ? { pass: whole } : refused(`DHCP that gives ${ipText(dhcp.gives)}`);
  }

  /** Whether there is, or from now on is, such a flow; it is the most recent one then. */
  #touch(flow: string, add: boolean): boolean {
    if (!this.#flows.delete(flow) && !add) return false;
    this.#flows.set(flow, true);
    if (this.#flows.size > FLOWS) for (const oldest of this.#flows.keys()) return this.#flows.delete(oldest);
    return true;
  }
}

const flowName = (kind: string, port: number, host: number, hostPort: number): string => `${kind} ${port} ${host} ${hostPort}`;

function parseMac(text: unknown): number {
  // The second bit of the first byte: locally administered; the first: a group's.
  if (typeof text !== "string" || !/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/.test(text)) throw new Error("args.mac must be a locally administered address, such as 02:00:00:00:00:0f");
  return Number.parseInt(text.replaceAll(":", ""), 16);
}
function parseIp(text: unknown, name: string): number {
  const bytes = typeof text === "string" && /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text) ? text.split(".").map(Number) : [];
  if (bytes.length !== 4 || bytes.some((byte) => byte > 255)) throw new Error(`args.${name}: ${JSON.stringify(text)} is no IPv4 address`);
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}
function parseRule(text: unknown): Rule {
  const [, kind, host, port] = (typeof text === "string" && /^(tcp|udp) ([0-9.]+):([1-9]\d{0,4})$/.exec(text)) || [];
  if (host === undefined || Number(port) > 65_535) throw new Error(`args.allow: ${JSON.stringify(text)} is no tcp HOST:PORT or udp HOST:PORT`);
  return { kind: kind === "tcp" ? "tcp" : "udp", host: parseIp(host, "allow"), port: Number(port) };
}
