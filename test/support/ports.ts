// Ports of loopback that nobody has now.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/** All different: they are held until the last is found. */
export async function freePorts(count: number, protocol: "tcp" | "udp"): Promise<number[]> {
  const held = Array.from({ length: count }, () => (protocol === "udp" ? createSocket("udp4").bind(0, "127.0.0.1") : createServer().listen(0, "127.0.0.1")));
  await Promise.all(held.map((socket) => once(socket, "listening")));
  const ports = held.map((socket) => {
    const address = socket.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  });
  await Promise.all(held.map((socket) => new Promise<void>((resolve) => void socket.close(() => resolve()))));
  return ports;
}
