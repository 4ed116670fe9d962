// Ethernet frames by hand, for talking to a network without a stack: made with right checksums, and taken apart only when theirs are right.
// Source: RFC 826 (ARP), 791 (IPv4), 792 (ICMP), 768 (UDP), 9293 (TCP), 2131 (DHCP), 1035 (DNS).

export type Mac = readonly number[];
export type Ip = string;
export const BROADCAST: Mac = [255, 255, 255, 255, 255, 255];

export const ipBytes = (ip: Ip): number[] => ip.split(".").map(Number);
export const ipText = (bytes: Uint8Array): Ip => [...bytes].join(".");
const be16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
const be32 = (value: number): number[] => [...be16(value >>> 16), ...be16(value & 0xffff)];
export const read16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
export const read32 = (bytes: Uint8Array, at: number): number => read16(bytes, at) * 0x1_0000 + read16(bytes, at + 2);

/** RFC 1071; 0 over data that holds its own right checksum. */
export function checksum(bytes: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const withChecksum = (bytes: number[], at: number, over: readonly number[] = []): number[] => {
  [bytes[at], bytes[at + 1]] = be16(checksum([...over, ...bytes])) as [number, number];
  return bytes;
};

export const ethernet = (to: Mac, from: Mac, type: number, payload: readonly number[]): Uint8Array => Uint8Array.from([...to, ...from, ...be16(type), ...payload]);

export const arpRequest = (mac: Mac, ip: Ip, whose: Ip): Uint8Array => ethernet(BROADCAST, mac, 0x806, [...be16(1), ...be16(0x800), 6, 4, ...be16(1), ...mac, ...ipBytes(ip), 0, 0, 0, 0, 0, 0, ...ipBytes(whose)]);
export const arpReply = (mac: Mac, ip: Ip, to: Mac, toIp: Ip): Uint8Array => ethernet(to, mac, 0x806, [...be16(1), ...be16(0x800), 6, 4, ...be16(2), ...mac, ...ipBytes(ip), ...to, ...ipBytes(toIp)]);

export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17 } as const;

export const ipv4 = (protocol: number, from: Ip, to: Ip, payload: readonly number[], { fragment = 0, id = 1 } = {}): number[] => [
  ...withChecksum([0x45, 0, ...be16(20 + payload.length), ...be16(id), ...be16(fragment), 64, protocol, 0, 0, ...ipBytes(from), ...ipBytes(to)], 10),
  ...payload,
];

const pseudo = (protocol: number, from: Ip, to: Ip, bytes: number): number[] => [...ipBytes(from), ...ipBytes(to), 0, protocol, ...be16(bytes)];

export const icmpEcho = (id: number, sequence: number, data: readonly number[]): number[] => withChecksum([8, 0, 0, 0, ...be16(id), ...be16(sequence), ...data], 2);
export const udp = (from: Ip, to: Ip, fromPort: number, toPort: number, data: ArrayLike<number>): number[] => {
  const bytes = [...be16(fromPort), ...be16(toPort), ...be16(8 + data.length), 0, 0, ...Array.from(data)];
  return withChecksum(bytes, 6, pseudo(PROTOCOL.udp, from, to, bytes.length));
};

export const FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;
export interface Segment {
  readonly fromPort: number;
  readonly toPort: number;
  readonly sequence: number;
  readonly acknowledged: number;
  readonly flags: number;
  readonly data: Uint8Array;
}
export const tcp = (from: Ip, to: Ip, { fromPort, toPort, sequence, acknowledged, flags, data }: Segment): number[] => {
  const bytes = [...be16(fromPort), ...be16(toPort), ...be32(sequence), ...be32(acknowledged), 0x50, flags, ...be16(0xffff), 0, 0, 0, 0, ...data];
  return withChecksum(bytes, 16, pseudo(PROTOCOL.tcp, from, to, bytes.length));
};

export interface Packet {
  readonly protocol: number;
  readonly from: Ip;
  readonly to: Ip;
  readonly payload: Uint8Array;
}

export type Parsed =
  | { readonly kind: "arp"; readonly operation: number; readonly mac: Mac; readonly ip: Ip; readonly target: Ip }
  | ({ readonly kind: "ip" } & Packet)
  | { readonly kind: "other"; readonly type: number };

/** @throws when a length or a checksum in it is wrong */
export function parse(frame: Uint8Array): Parsed {
  const type = read16(frame, 12);
  const body = frame.subarray(14);
  if (type === 0x806) return { kind: "arp", operation: read16(body, 6), mac: [...body.subarray(8, 14)], ip: ipText(body.subarray(14, 18)), target: ipText(body.subarray(24, 28)) };
  if (type !== 0x800) return { kind: "other", type };
  const header = (body[0]! & 15) * 4;
  const total = read16(body, 2);
  if (total > body.length || header < 20 || checksum(body.subarray(0, header)) !== 0) throw new Error(`a wrong IP header: ${Buffer.from(frame).toString("hex")}`);
  const packet = { protocol: body[9]!, from: ipText(body.subarray(12, 16)), to: ipText(body.subarray(16, 20)), payload: body.slice(header, total) };
  const { protocol, from, to, payload } = packet;
  const unsummed = protocol === PROTOCOL.udp && read16(payload, 6) === 0;
  const over = protocol === PROTOCOL.icmp ? [] : pseudo(protocol, from, to, payload.length);
  if (!unsummed && checksum([...over, ...payload]) !== 0) throw new Error(`a wrong checksum: ${Buffer.from(frame).toString("hex")}`);
  return { kind: "ip", ...packet };
}

export function parseTcp({ payload }: Packet): Segment {
  return { fromPort: read16(payload, 0), toPort: read16(payload, 2), sequence: read32(payload, 4), acknowledged: read32(payload, 8), flags: payload[13]!, data: payload.slice((payload[12]! >> 4) * 4) };
}

/** @param kind 1 discover, 3 request */
export function dhcp(mac: Mac, kind: 1 | 3, options: readonly number[] = []): Uint8Array {
  const fixed = [1, 1, 6, 0, ...be32(0x1234_5678), 0, 0, 0x80, 0, ...new Array<number>(16).fill(0), ...mac, ...new Array<number>(202).fill(0), 0x63, 0x82, 0x53, 0x63];
  const message = [...fixed, 53, 1, kind, 55, 4, 1, 3, 6, 51, ...options, 255];
  return ethernet(BROADCAST, mac, 0x800, ipv4(PROTOCOL.udp, "0.0.0.0", "255.255.255.255", udp("0.0.0.0", "255.255.255.255", 68, 67, message)));
}

/** A server's answer: the address given out, and its options by number. */
export function parseDhcp(udpPayload: Uint8Array): { readonly address: Ip; readonly options: ReadonlyMap<number, Uint8Array> } {
  const message = udpPayload.subarray(8);
  const options = new Map<number, Uint8Array>();
  for (let at = 240; at < message.length && message[at] !== 255; at += message[at] === 0 ? 1 : 2 + message[at + 1]!) {
    if (message[at] !== 0) options.set(message[at]!, message.slice(at + 2, at + 2 + message[at + 1]!));
  }
  return { address: ipText(message.subarray(16, 20)), options };
}

/** A question for an A record. */
export const dnsQuery = (id: number, name: string): number[] => [...be16(id), 1, 0, ...be16(1), 0, 0, 0, 0, 0, 0, ...name.split(".").flatMap((label) => [label.length, ...Buffer.from(label)]), 0, ...be16(1), ...be16(1)];
