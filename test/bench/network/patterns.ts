// What `network` measures: frames through the driver alone, and what a client of the network server does.

/** The cable swallows frames, or gives them back. */
export const FRAMES = [
  { name: "send.1514", echo: false, bytes: 1514, depth: 32 },
  { name: "send.64", echo: false, bytes: 64, depth: 32 },
  { name: "echo.1514", echo: true, bytes: 1514, depth: 32 },
  { name: "echo.64", echo: true, bytes: 64, depth: 32 },
  { name: "echo.alone.64", echo: true, bytes: 64, depth: 1 },
] as const;
export type FrameName = (typeof FRAMES)[number]["name"];

export interface Talk {
  readonly way: "tcp.send" | "tcp.receive" | "tcp.echo" | "udp.send" | "udp.echo";
  /** Of each segment or datagram. */
  readonly bytes: number;
  /** Datagrams on their way. */
  readonly depth: number;
}

/** `frame`: what of the driver's alone is most like it. */
export const TALKS = [
  { name: "tcp.send", way: "tcp.send", bytes: 1460, depth: 1, frame: "send.1514" },
  { name: "tcp.receive", way: "tcp.receive", bytes: 1460, depth: 1, frame: "send.1514" },
  { name: "tcp.alone.64", way: "tcp.echo", bytes: 64, depth: 1, frame: "echo.alone.64" },
  { name: "udp.send.1472", way: "udp.send", bytes: 1472, depth: 8, frame: "send.1514" },
  { name: "udp.send.64", way: "udp.send", bytes: 64, depth: 8, frame: "send.64" },
  { name: "udp.echo.1472", way: "udp.echo", bytes: 1472, depth: 8, frame: "echo.1514" },
  { name: "udp.echo.64", way: "udp.echo", bytes: 64, depth: 8, frame: "echo.64" },
  { name: "udp.alone.64", way: "udp.echo", bytes: 64, depth: 1, frame: "echo.alone.64" },
] as const satisfies readonly (Talk & { readonly name: string; readonly frame: FrameName })[];
export type TalkName = (typeof TALKS)[number]["name"];
