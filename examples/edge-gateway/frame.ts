// What a frame is: Ethernet with ARP, or with IPv4 and in it TCP or UDP. What cannot be looked at whole is none: VLAN tags, IPv6, fragments, options, what is cut short.
// Sources: RFC 826 (ARP), RFC 791 (IPv4), RFC 9293 (TCP), RFC 768 (UDP), RFC 2131 (DHCP).

/** Addresses are numbers, the first byte highest. `whole`: the frame as it ends by its own lengths, so nothing rides in the padding. */
export interface Arp {
  readonly kind: "arp";
  readonly whole: Uint8Array;
  readonly from: number;
  readonly asks: boolean;
  readonly senderMac: number;
  readonly sender: number;
  readonly target: number;
}
export interface Packet {
  readonly kind: "tcp" | "udp";
  readonly whole: Uint8Array;
  readonly from: number;
  readonly source: number;
  readonly target: number;
  readonly sourcePort: number;
  readonly targetPort: number;
  /** TCP: it opens a connection (SYN without ACK). */
  readonly opens: boolean;
  /** Behind the header of UDP or TCP. */
  readonly data: Uint8Array;
}
export interface Dhcp {
  readonly asks: boolean;
  readonly number: number;
  /** Whom it is for, and the address that it gives. */
  readonly client: number;
  readonly gives: number;
}

export const BROADCAST_MAC = 0xffff_ffff_ffff, BROADCAST = 0xffff_ffff;
const ETHERNET = 14, ARP_BYTES = 28, IP_BYTES = 20, UDP_BYTES = 8, TCP_BYTES = 20, DHCP_BYTES = 240, DHCP_COOKIE = 0x6382_5363;
const IPV4 = 0x0800, ARP = 0x0806, VLAN = 0x8100, IPV6 = 0x86dd;
const MORE_FRAGMENTS_AND_OFFSET = 0x3fff, RESERVED_FLAG = 0x8000, SYN = 2, ACK = 16;

const dataOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const macAt = (view: DataView, at: number): number => view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2);
export const targetMac = (frame: Uint8Array): number => macAt(dataOf(frame), 0);
const typeName = (type: number): string => (type === IPV6 ? "IPv6" : type === VLAN ? "a VLAN tag" : `Ethernet type ${type.toString(16).padStart(4, "0")}`);

export const macText = (mac: number): string => mac.toString(16).padStart(12, "0").replaceAll(/(..)(?=.)/g, "$1:");
export const ipText = (ip: number): string => [24, 16, 8, 0].map((bits) => (ip >>> bits) & 255).join(".");

/** @param frame 14..1514 bytes of anybody's. What it is, or in words why it cannot be told. */
export function parseFrame(frame: Uint8Array): Arp | Packet | string {
  const view = dataOf(frame), type = view.getUint16(12), from = macAt(view, 6);
  if (type === ARP) return frame.length < ETHERNET + ARP_BYTES ? "ARP that is cut short" : parseArp(frame.slice(0, ETHERNET + ARP_BYTES), from);
  if (type !== IPV4) return typeName(type);
  if (frame.length < ETHERNET + IP_BYTES) return "IPv4 that is cut short";
  const total = view.getUint16(16), flags = view.getUint16(20), protocol = view.getUint8(23);
  if (view.getUint8(14) !== 0x45) return "IPv4 with options, or none";
  if (total < IP_BYTES || ETHERNET + total > frame.length) return "IPv4 that is cut short";
  if ((flags & (MORE_FRAGMENTS_AND_OFFSET | RESERVED_FLAG)) !== 0) return "a fragment";
  const target = view.getUint32(30);
  if (protocol !== 6 && protocol !== 17) return `${protocol === 1 ? "icmp" : `IP protocol ${protocol}`} ${ipText(target)}`;
  return parseTransport(frame.slice(0, ETHERNET + total), protocol === 6, from, view.getUint32(26), target);
}

function parseArp(whole: Uint8Array, from: number): Arp | string {
  const view = dataOf(whole), operation = view.getUint16(20);
  if (view.getUint32(14) !== 0x0001_0800 || view.getUint16(18) !== 0x0604 || (operation !== 1 && operation !== 2)) return "ARP that is none";
  return { kind: "arp", whole, from, asks: operation === 1, senderMac: macAt(view, 22), sender: view.getUint32(28), target: view.getUint32(38) };
}

function parseTransport(whole: Uint8Array, tcp: boolean, from: number, source: number, target: number): Packet | string {
  const view = dataOf(whole), at = ETHERNET + IP_BYTES, bytes = whole.length - at;
  if (bytes < (tcp ? TCP_BYTES : UDP_BYTES)) return `${tcp ? "tcp" : "udp"} that is cut short`;
  const header = tcp ? (view.getUint8(at + 12) >> 4) * 4 : UDP_BYTES;
  if (tcp ? header < TCP_BYTES || header > bytes : view.getUint16(at + 4) !== bytes) return `${tcp ? "tcp" : "udp"} that is cut short`;
  const opens = tcp && (view.getUint8(at + 13) & (SYN | ACK)) === SYN;
  return { kind: tcp ? "tcp" : "udp", whole, from, source, target, sourcePort: view.getUint16(at), targetPort: view.getUint16(at + 2), opens, data: whole.subarray(at + header) };
}

/** What UDP between ports 67 and 68 carries; undefined: no DHCP over Ethernet. */
export function parseDhcp(data: Uint8Array): Dhcp | undefined {
  const view = dataOf(data);
  if (data.length < DHCP_BYTES || view.getUint32(236) !== DHCP_COOKIE || view.getUint16(1) !== 0x0106) return undefined;
  const operation = view.getUint8(0);
  if (operation !== 1 && operation !== 2) return undefined;
  return { asks: operation === 1, number: view.getUint32(4), client: macAt(view, 28), gives: view.getUint32(16) };
}
