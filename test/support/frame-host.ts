// A host in a network, made of frames by hand: answers ARP for itself, keeps what arrives, and speaks TCP as far as a test needs it: in order, without resending.
import type { NetBackend } from "../../core/host/backend.ts";
import { until } from "./appliance-run.ts";
import { arpReply, arpRequest, ethernet, FLAG, icmpEcho, ipv4, parse, parseTcp, PROTOCOL, tcp, udp, type Ip, type Mac, type Packet, type Parsed, type Segment } from "./frames.ts";

export const MAC: Mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
export const ADDRESS: Ip = "10.0.2.15";
export const GATEWAY: Ip = "10.0.2.2";

export class FrameHost {
  readonly network: NetBackend;
  readonly got: Parsed[] = [];
  /** Frames that cannot be taken apart: none may come. */
  readonly wrong: string[] = [];
  readonly #address: Ip;
  readonly #neighbour: Ip;
  #gateway: Mac = [0x52, 0x55, 10, 0, 2, 2];

  constructor(network: NetBackend, address: Ip = ADDRESS, neighbour: Ip = GATEWAY) {
    this.network = network;
    this.#address = address;
    this.#neighbour = neighbour;
    network.onFrame((frame) => {
      try {
        const parsed = parse(frame);
        this.got.push(parsed);
        if (parsed.kind === "arp" && parsed.operation === 1 && parsed.target === address) network.send(arpReply(MAC, address, parsed.mac, parsed.ip));
      } catch (error) {
        this.wrong.push(String(error));
      }
    });
  }

  packets(protocol: number): Packet[] {
    return this.got.flatMap((each) => (each.kind === "ip" && each.protocol === protocol ? [each] : []));
  }

  segments(port: number): Segment[] {
    return this.packets(PROTOCOL.tcp).map(parseTcp).filter(({ toPort }) => toPort === port);
  }

  /** Asks who the neighbour is, which also says who we are. */
  async meet(): Promise<Mac> {
    this.network.send(arpRequest(MAC, this.#address, this.#neighbour));
    await until("the gateway answers ARP", () => this.got.some((each) => each.kind === "arp" && each.operation === 2 && each.ip === this.#neighbour));
    const answer = this.got.find((each) => each.kind === "arp" && each.operation === 2);
    if (answer?.kind === "arp") this.#gateway = answer.mac;
    return this.#gateway;
  }

  sendIp(protocol: number, to: Ip, payload: readonly number[], more: { fragment?: number; id?: number } = {}): void {
    this.network.send(ethernet(this.#gateway, MAC, 0x800, ipv4(protocol, this.#address, to, payload, more)));
  }

  ping(to: Ip, id: number, data: readonly number[] = [1, 2, 3, 4]): void {
    this.sendIp(PROTOCOL.icmp, to, icmpEcho(id, 1, data));
  }

  /** Whether a ping of this number was answered. */
  pinged(id: number): boolean {
    return this.packets(PROTOCOL.icmp).some(({ payload }) => payload[0] === 0 && ((payload[4]! << 8) | payload[5]!) === id);
  }

  datagram(to: Ip, fromPort: number, toPort: number, data: ArrayLike<number>): void {
    this.sendIp(PROTOCOL.udp, to, udp(this.#address, to, fromPort, toPort, data));
  }

  segment(to: Ip, segment: Segment): void {
    this.sendIp(PROTOCOL.tcp, to, tcp(this.#address, to, segment));
  }

  syn(to: Ip, fromPort: number, toPort: number): void {
    this.segment(to, { fromPort, toPort, sequence: 1000, acknowledged: 0, flags: FLAG.syn, data: new Uint8Array() });
  }

  /** Connects, sends all of `data`, and reads to the other's end. */
  async exchange(to: Ip, fromPort: number, toPort: number, data: Uint8Array): Promise<string> {
    this.syn(to, fromPort, toPort);
    await until("the connection is accepted", () => this.segments(fromPort).some(({ flags }) => flags === (FLAG.syn | FLAG.ack)));
    const accepted = this.segments(fromPort).find(({ flags }) => (flags & FLAG.syn) !== 0)!;
    let next = (accepted.sequence + 1) >>> 0;
    let sequence = 1001;
    this.segment(to, { fromPort, toPort, sequence, acknowledged: next, flags: FLAG.ack | FLAG.psh, data });
    sequence += data.length;
    let text = "";
    let seen = 0;
    let ended = false;
    await until("the answer is whole", () => {
      const all = this.segments(fromPort);
      for (const { flags, data: piece, sequence: at } of all.slice(seen)) {
        const size = piece.length + ((flags & FLAG.fin) === 0 ? 0 : 1);
        if (size === 0 || at !== next) continue;
        text += Buffer.from(piece).toString("latin1");
        next = (next + size) >>> 0;
        ended ||= (flags & FLAG.fin) !== 0;
        this.segment(to, { fromPort, toPort, sequence, acknowledged: next, flags: FLAG.ack, data: new Uint8Array() });
      }
      seen = all.length;
      return ended;
    });
    this.segment(to, { fromPort, toPort, sequence, acknowledged: next, flags: FLAG.ack | FLAG.fin, data: new Uint8Array() });
    return text;
  }
}
