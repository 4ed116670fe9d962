// A small client of gdb's remote serial protocol, for tests of the stub: a request, its answer; a stop that comes by itself.
import { connect, type Socket } from "node:net";
import { encodePacket, PacketReader } from "../../servers/operator/gdb/packets.ts";
import { until } from "./appliance-run.ts";

export class GdbClient {
  readonly #socket: Socket;
  readonly #answers: string[] = [];
  closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const reader = new PacketReader();
    socket.on("data", (bytes: Buffer) => {
      for (const piece of reader.read(bytes)) {
        if (piece.kind !== "packet") continue;
        socket.write("+");
        this.#answers.push(Buffer.from(piece.body).toString("latin1"));
      }
    });
    socket.on("error", () => {});
    socket.on("close", () => (this.closed = true));
  }

  static connect(port: number): Promise<GdbClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(new GdbClient(socket)));
      socket.once("error", reject);
    });
  }

  raw(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }
  send(body: string): void {
    this.raw(encodePacket(body));
  }
  /** The next packet of the stub's. */
  async next(what = "an answer", limitMs = 60_000): Promise<string> {
    await until(what, () => this.#answers.length > 0, limitMs);
    return this.#answers.shift()!;
  }
  async ask(body: string): Promise<string> {
    this.send(body);
    return await this.next(`the answer to ${body}`);
  }
  /** Register n of the chosen thread. */
  async register(n: number): Promise<bigint> {
    return fromHex(await this.ask(`p${n.toString(16)}`));
  }
  async pc(): Promise<number> {
    return Number(await this.register(32));
  }
  get silent(): boolean {
    return this.#answers.length === 0;
  }
  /** Gone without a word. */
  vanish(): void {
    this.#socket.destroy();
  }
}

/** From least significant byte first. */
export const fromHex = (text: string): bigint => BigInt(`0x${Buffer.from(text, "hex").reverse().toString("hex")}`);
