// gdb's connection: a port of this computer that one client at a time has. Whoever reaches it may see and change all that is debugged, so it is bound to the loopback address; what does
// not begin as gdb does (a browser that was told to post something there) is cut off before anything of it is read as a packet.
import { createServer, type Server, type Socket } from "node:net";
import type { ResolvedSystem } from "../../../caps/image/system.ts";
import type { System } from "../../../core/boot.ts";
import { attachDebugger, detachDebugger } from "../../../core/kernel/debugger.ts";
import { FailureCode, failure, textOf, usageError } from "../failure.ts";
import { encodePacket, PacketReader } from "./packets.ts";
import { processesOf } from "./processes.ts";
import { Stub } from "./stub.ts";
import type { Target } from "./target.ts";

const ADDRESS = "127.0.0.1";
/** Bytes of answers that a client has not read: one that reads none is cut off. */
const MOST_UNREAD = 2 ** 22;
/** What it may send before there is something to be debugged. */
const MOST_EARLY = 2 ** 16;
/** gdb begins with an acknowledgement or a packet. */
const BEGINNINGS: ReadonlySet<number> = new Set([0x2b, 0x24]);

interface Client {
  readonly socket: Socket;
  readonly early: Uint8Array[];
  /** Set once it is admitted. */
  hear: ((bytes: Uint8Array) => void) | undefined;
}

export interface GdbOptions {
  /** 0: any that is free. */
  readonly port: number;
  /** A guest or component: it waits, from its first instruction on, until a debugger lets it go on. */
  readonly wait?: string | undefined;
  /** A line for the operator. */
  readonly note: (text: string) => void;
}

export interface GdbServer {
  readonly port: number;
  /** All components are built, and none has run. */
  begin(system: System, description: ResolvedSystem): void;
  /** Between two slices. */
  turn(): void;
  /** The machine has ended, or will not begin. */
  close(): void;
}

/** The caller closes it. @throws Failure when the port cannot be had */
export async function openGdb({ port, wait, note }: GdbOptions): Promise<GdbServer> {
  let begun: { readonly system: System; readonly targets: readonly Target[]; readonly waiting: Target | undefined } | undefined;
  let client: Client | undefined, stub: Stub | undefined;
  /** What is debugged is there: until then a client waits. */
  let ready = false;

  /** gdb and the stub hear each other from here on. */
  const admit = (): void => {
    if (begun === undefined || !ready || stub !== undefined || client === undefined) return;
    const { system, targets, waiting } = begun, { socket, early } = client, reader = new PacketReader();
    attachDebugger(system.kernel);
    let acknowledged = true, last: Uint8Array = new Uint8Array();
    const put = (bytes: string | Uint8Array): void => {
      if (!socket.writable) return;
      socket.write(bytes);
      if (socket.writableLength > MOST_UNREAD) socket.destroy();
    };
    const send = (body: string | Uint8Array): void => put((last = encodePacket(body)));
    const own = (stub = new Stub(targets, { send, wake: () => system.wake() }, waiting?.exists() === true ? waiting : targets.find((target) => target.exists())));
    const hear = (bytes: Uint8Array): void => {
      for (const piece of reader.read(bytes)) {
        if (stub !== own) return;
        if (piece.kind === "interrupt") own.interrupt();
        else if (piece.kind === "nack") put(last);
        else if (piece.kind === "damaged" && acknowledged) put("-");
        else if (piece.kind === "packet") {
          if (acknowledged) put("+");
          const answer = own.packet(piece.body);
          if (answer !== undefined) send(answer);
          if (own.withoutAcknowledgements) acknowledged = false;
        }
      }
    };
    client.hear = hear;
    for (const bytes of early.splice(0)) hear(bytes);
  };
  const gone = (socket: Socket): void => {
    if (client?.socket !== socket) return;
    client = undefined;
    if (stub === undefined || begun === undefined) return;
    stub.release();
    stub = undefined;
    begun.waiting?.release();
    detachDebugger(begun.system.kernel);
    begun.system.wake();
  };

  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (client !== undefined) {
      note(`a second debugger is refused: there is one already, from port ${client.socket.remotePort ?? "?"}`);
      return void socket.destroy();
    }
    const own: Client = (client = { socket, early: [], hear: undefined });
    socket.setNoDelay(true);
    socket.on("close", () => gone(socket));
    socket.once("data", (first: Buffer) => {
      if (BEGINNINGS.has(first[0]!)) return;
      note("something that is no debugger has connected to the debugger's port, and is cut off");
      own.early.length = 0;
      own.hear = () => {};
      socket.destroy();
    });
    socket.on("data", (bytes: Buffer) => {
      if (own.hear !== undefined) return own.hear(bytes);
      own.early.push(bytes);
      if (own.early.reduce((sum, { length }) => sum + length, 0) > MOST_EARLY) socket.destroy();
      else admit();
    });
  });
  const own = await bind(server, port);

  return {
    port: own,
    begin(system, description) {
      const targets = processesOf(system.kernel, description), waiting = wait === undefined ? undefined : targets.find(({ name }) => name === wait);
      begun = { system, targets, waiting };
      if (waiting === undefined) return;
      attachDebugger(system.kernel);
      waiting.hold();
    },
    turn() {
      if (begun === undefined) return;
      if (!ready && (begun.waiting === undefined || begun.waiting.isEntered())) {
        ready = true;
        admit();
      }
      const { debugger: d } = begun.system.kernel;
      if (d === null) return;
      const stops = d.stops.splice(0);
      if (stub === undefined) begun.waiting?.refresh();
      else stub.turn(stops);
    },
    close() {
      stub?.finish();
      stub = undefined;
      client?.socket.destroySoon();
      client = undefined;
      begun = undefined;
      server.close();
    },
  };
}

async function bind(server: Server, port: number): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: ADDRESS, port, exclusive: true }, resolve);
    });
  } catch (error) {
    throw failure(FailureCode.gdb, `no debugger can be served at port ${port} of ${ADDRESS}`, { cause: textOf(error), fix: "take another port, or none: --gdb alone takes one that is free" });
  }
  server.on("error", () => {});
  const bound = server.address();
  return bound !== null && typeof bound === "object" ? bound.port : port;
}

/** @throws Failure (usage) when the appliance has no such guest or machine program */
export function checkWait(description: ResolvedSystem, name: string): void {
  if (!description.components.some((component) => component.name === name)) throw usageError(`--gdb-wait: the appliance has no guest or component '${name}'`);
}
