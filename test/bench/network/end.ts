// One end of a cable for `network`: as much of ARP, IPv4, UDP and TCP as bytes need to go on, and nothing that costs. It is the far end of both contestants, and in the
// peer's place the near one too, so what stands there is a floor: data are zeros, which nobody copies, sums or looks at, headers are summed when they are sent and
// believed when they come. The cable loses nothing, so what is missing is an error here, and nothing is sent again.
//
// Of TCP: every second full segment is acknowledged, and each shorter one (RFC 9293, 3.8.6.3); what is sent is full segments but for the last (3.8.6.2.1).
import { checksum, FLAG, PROTOCOL } from "../../support/frames.ts";

export interface Address {
  readonly mac: readonly number[];
  readonly ip: readonly number[];
}
export const NEAR: Address = { mac: [2, 0, 0, 0, 0, 1], ip: [10, 0, 2, 15] };
export const FAR: Address = { mac: [2, 0, 0, 0, 0, 2], ip: [10, 0, 2, 2] };

export const MSS = 1460;
const WINDOW = 65535;
/** What is at the ports of a far end: bytes come back, are swallowed, or are made as soon as one comes. */
export const Port = { Echo: 7, Discard: 9, Source: 19 } as const;

/** Offsets in a frame. */
const TYPE = 12, AT_IP = 14, AT_DATA = 34, UDP_BYTES = 8, TCP_BYTES = 20;
const IPV4 = 0x800, ARP = 0x806;

export interface Connection {
  readonly port: number;
  readonly other: number;
  /** Next to be sent, oldest without an answer, how far there is something to send, how far the other side has room. */
  next: number;
  oldest: number;
  end: number;
  room: number;
  /** After the last byte comes a FIN. */
  closing: boolean;
  closed: boolean;
  /** Next to come, and segments without an answer. */
  expected: number;
  owed: number;
  received: number;
  ended: boolean;
  established: boolean;
}

export class End {
  readonly #own: Address;
  readonly #send: (frame: Uint8Array) => void;
  readonly #frame = new Uint8Array(1514);
  readonly #view = new DataView(this.#frame.buffer);
  readonly #connections = new Map<number, Connection>();
  /** Bytes that Port.Source makes on each connection. */
  amount = 0;
  /** Datagrams that came. */
  datagrams = 0;

  /** @param send the frame is the receiver's for as long as the call takes */
  constructor(own: Address, other: Address, send: (frame: Uint8Array) => void) {
    this.#own = own;
    this.#send = send;
    this.#frame.set([...other.mac, ...own.mac, IPV4 >> 8, IPV4 & 0xff, 0x45]);
    this.#frame[AT_IP + 8] = 64;
    this.#frame.set([...own.ip, ...other.ip], AT_IP + 12);
  }

  /** A frame came; it is read while the call takes. */
  receive(frame: Uint8Array): void {
    const type = get16(frame, TYPE), protocol = frame[AT_IP + 9];
    if (type === ARP) this.#answerWho(frame);
    else if (type !== IPV4 || get16(frame, AT_IP + 16) !== ((this.#own.ip[0]! << 8) | this.#own.ip[1]!)) return;
    else if (protocol === PROTOCOL.tcp) this.#segment(frame);
    else if (protocol === PROTOCOL.udp) this.#datagram(frame);
  }

  connect(port: number): Connection {
    const connection = this.#open(50_000 + this.#connections.size, port, 0);
    this.#put(connection, FLAG.syn, 0);
    return connection;
  }

  /** So many bytes more are to be sent. */
  write(connection: Connection, bytes: number): void {
    connection.end += bytes;
    this.#pump(connection);
  }

  shutdown(connection: Connection): void {
    connection.closing = true;
    this.#pump(connection);
  }

  sendDatagram(from: number, to: number, bytes: number): void {
    const view = this.#view;
    this.#begin(PROTOCOL.udp, UDP_BYTES + bytes);
    view.setUint16(AT_DATA, from);
    view.setUint16(AT_DATA + 2, to);
    view.setUint16(AT_DATA + 4, UDP_BYTES + bytes);
    view.setUint16(AT_DATA + 6, 0);
    view.setUint16(AT_DATA + 6, this.#sum(PROTOCOL.udp, UDP_BYTES, UDP_BYTES + bytes));
    this.#go(UDP_BYTES + bytes, UDP_BYTES);
  }

  #open(port: number, other: number, expected: number): Connection {
    const connection = { port, other, next: 1, oldest: 1, end: 2, room: 2, closing: false, closed: false, expected, owed: 0, received: 0, ended: false, established: false };
    this.#connections.set(port * 65536 + other, connection);
    return connection;
  }

  #answerWho(frame: Uint8Array): void {
    // A request for this address: the same with the two sides exchanged.
    if (frame[21] !== 1 || !this.#own.ip.every((byte, i) => frame[38 + i] === byte)) return;
    const asker = frame.slice(22, 32);
    // What it will be sent goes to the address that it asks from: a card's is drawn anew at each start.
    this.#frame.set(asker.subarray(0, 6));
    this.#send(Uint8Array.from([...asker.slice(0, 6), ...this.#own.mac, ...frame.slice(TYPE, 21), 2, ...this.#own.mac, ...this.#own.ip, ...asker]));
  }

  #datagram(frame: Uint8Array): void {
    this.datagrams++;
    const port = get16(frame, AT_DATA + 2);
    if (port === Port.Echo) this.sendDatagram(port, get16(frame, AT_DATA), get16(frame, AT_DATA + 4) - UDP_BYTES);
  }

  #segment(frame: Uint8Array): void {
    const other = get16(frame, AT_DATA), port = get16(frame, AT_DATA + 2), flags = frame[AT_DATA + 13]!;
    const sequence = get32(frame, AT_DATA + 4), bytes = get16(frame, AT_IP + 2) - (AT_DATA - AT_IP) - (frame[AT_DATA + 12]! >> 4) * 4;
    const known = this.#connections.get(port * 65536 + other);
    const c = known ?? (flags === FLAG.syn ? this.#open(port, other, (sequence + 1) >>> 0) : undefined);
    if (c === undefined) return;
    if (known === undefined) return this.#put(c, FLAG.syn | FLAG.ack, 0);
    if (flags & FLAG.rst) throw new Error(`the connection at port ${port} was reset`);
    if (flags & FLAG.ack) {
      c.oldest = get32(frame, AT_DATA + 8);
      c.room = c.oldest + get16(frame, AT_DATA + 14);
    }
    if (!c.established) {
      c.established = true;
      // Both sides begin with 1, and a SYN is one.
      c.next = c.oldest = 2;
      if (flags & FLAG.syn) {
        c.expected = (sequence + 1) >>> 0;
        c.owed = 2;
      }
    } else if (sequence !== c.expected) {
      // Sent before: answered again.
      c.owed = 2;
    } else {
      c.expected = (c.expected + bytes) >>> 0;
      c.received += bytes;
      if (bytes > 0) {
        c.owed += bytes < MSS ? 2 : 1;
        if (port === Port.Echo) c.end += bytes;
        if (port === Port.Source && c.received === bytes) c.end += this.amount;
      }
      if (flags & FLAG.fin) {
        c.expected = (c.expected + 1) >>> 0;
        c.ended = c.closing = true;
        c.owed = 2;
      }
    }
    this.#pump(c);
    if (c.owed >= 2) this.#put(c, FLAG.ack, 0);
  }

  /** Sends what there is and is room for. */
  #pump(c: Connection): void {
    if (!c.established) return;
    while (c.next < c.end) {
      const bytes = Math.min(MSS, c.end - c.next);
      if (c.next + bytes > c.room) return;
      this.#put(c, FLAG.ack | FLAG.psh, bytes);
    }
    if (!c.closing || c.closed) return;
    c.closed = true;
    this.#put(c, FLAG.ack | FLAG.fin, 0);
  }

  #put(c: Connection, flags: number, bytes: number): void {
    const options = flags & FLAG.syn ? 4 : 0, header = TCP_BYTES + options;
    const view = this.#view;
    this.#begin(PROTOCOL.tcp, header + bytes);
    view.setUint16(AT_DATA, c.port);
    view.setUint16(AT_DATA + 2, c.other);
    view.setUint32(AT_DATA + 4, c.next);
    view.setUint32(AT_DATA + 8, c.expected);
    view.setUint8(AT_DATA + 12, (header / 4) << 4);
    view.setUint8(AT_DATA + 13, flags);
    view.setUint16(AT_DATA + 14, WINDOW);
    view.setUint32(AT_DATA + 16, 0);
    // What stands here in other segments is data: zero.
    if (options > 0) view.setUint32(AT_DATA + TCP_BYTES, (2 << 24) | (4 << 16) | MSS);
    view.setUint16(AT_DATA + 16, this.#sum(PROTOCOL.tcp, header, header + bytes));
    c.owed = 0;
    c.next += bytes + (flags & FLAG.fin ? 1 : 0);
    this.#go(header + bytes, header);
  }

  #begin(protocol: number, bytes: number): void {
    const view = this.#view;
    view.setUint16(AT_IP + 2, AT_DATA - AT_IP + bytes);
    view.setUint8(AT_IP + 9, protocol);
    view.setUint16(AT_IP + 10, 0);
    view.setUint16(AT_IP + 10, checksum(this.#frame.subarray(AT_IP, AT_DATA)));
  }

  /** The checksum of a segment whose data are zeros. */
  #sum(protocol: number, header: number, bytes: number): number {
    let sum = protocol + bytes;
    for (let at = AT_IP + 12; at < AT_DATA + header; at += 2) sum += get16(this.#frame, at);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    return ~sum & 0xffff;
  }

  #go(bytes: number, header: number): void {
    this.#send(this.#frame.subarray(0, AT_DATA + bytes));
    if (header > TCP_BYTES) this.#frame.fill(0, AT_DATA + TCP_BYTES, AT_DATA + header);
    // A datagram's data begin where a segment's header stands.
    else if (header === TCP_BYTES) this.#frame.fill(0, AT_DATA + UDP_BYTES, AT_DATA + TCP_BYTES);
  }
}

const get16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
const get32 = (bytes: Uint8Array, at: number): number => (get16(bytes, at) * 0x1_0000 + get16(bytes, at + 2)) >>> 0;
