// A cable: a network device's frames in UDP datagrams, one in each, to one peer and from it alone. Between two appliances, or with any program that does the same
// (QEMU: -netdev dgram).
//
// Invariants:
//   - nothing but whole frames of 14 to 1514 bytes goes in or out, and none comes from another address than the peer's;
//   - what the host has not taken yet is at most MAX_UNSENT frames.
// A peer that is not there is a cable that is not plugged in: frames are lost, and nobody is told. Datagrams are neither secret nor authentic: whoever can send from
// the peer's address is the peer.
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { NetBackend } from "./backend.ts";
import { isFrameLength, NetworkError } from "./network.ts";

export interface CableEnd {
  /** IPv4 or IPv6; not a name. */
  readonly address: string;
  /** 1..65535 */
  readonly port: number;
}

export interface CableOptions {
  readonly listen: CableEnd;
  readonly peer: CableEnd;
}

/** Frames that wait for the host: a slow one loses what is sent beyond. */
const MAX_UNSENT = 256;
/** Asked of the host for what has arrived and is not read yet; it gives what it allows. */
const RECEIVE_BYTES = 512 * 1024;

/** The caller closes it. @throws NetworkError when the address is not this host's, is taken or may not be used */
export async function openCable({ listen, peer }: CableOptions): Promise<NetBackend> {
  const socket = createSocket({ type: isIPv6(listen.address) ? "udp6" : "udp4", recvBufferSize: RECEIVE_BYTES });
  try {
    await bind(socket, listen);
  } catch (error) {
    socket.close();
    throw bindError(error, listen);
  }
  // An error after this belongs to one datagram, which is lost with it.
  socket.on("error", () => {});

  let unsent = 0;
  let closing: Promise<void> | null = null;
  let listener: ((frame: Uint8Array) => void) | null = null;
  const fromPeer = peerCheck(peer);
  socket.on("message", (bytes, from) => {
    if (closing === null && isFrameLength(bytes.length) && fromPeer(from)) listener?.(Uint8Array.from(bytes));
  });
  return {
    send(frame) {
      if (closing !== null || unsent >= MAX_UNSENT || !isFrameLength(frame.length)) return;
      unsent++;
      socket.send(Uint8Array.from(frame), peer.port, peer.address, () => void unsent--);
    },
    onFrame: (callback) => void (listener = callback),
    close: () => (closing ??= new Promise((resolve) => socket.close(() => resolve()))),
  };
}

const bind = (socket: Socket, { address, port }: CableEnd): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off("error", reject);
      resolve();
    });
  });

/** The host writes IPv6 addresses its own way, so they are compared as it does: in the shortest form. */
function peerCheck({ address, port }: CableEnd): (from: RemoteInfo) => boolean {
  const shortest = isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
  return (from) => from.port === port && from.address === shortest;
}

function bindError(error: unknown, { address, port }: CableEnd): NetworkError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const [cause, fix] = REASONS[code] ?? [error instanceof Error ? error.message : String(error), undefined];
  return new NetworkError(`no cable at ${address} port ${port} (UDP): ${cause}`, fix, { cause: error });
}

const REASONS: Readonly<Record<string, readonly [cause: string, fix: string] | undefined>> = {
  EADDRINUSE: ["the port is in use", "end the program that has it ('ss -ulpn' names it), or take another port, at both ends of the cable"],
  EADDRNOTAVAIL: ["the address is not this computer's", "take one of its own ('ip address' lists them), or 127.0.0.1 for what runs here"],
  EACCES: ["the port is not for everybody", "take a port from 1024 on"],
  EAFNOSUPPORT: ["this computer does not have such addresses", "take an IPv4 address, such as 127.0.0.1"],
};
