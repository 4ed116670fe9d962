// A client of a network port and the port, without a machine: two rings and a window in memory that both see. Whoever tests one of them plays the other: with the other's real code, or with messages of any kind.
import { ringBytes, type RingShape } from "../../caps/abi/ring.ts";
import { Right } from "../../caps/abi/numbers.ts";
import { NIC_WINDOW_BYTES, NicAnswer, NicRequest } from "../../servers/nic/protocol.ts";
import type { Channel } from "../../servers/lib/ts/channel.ts";
import { NicClient } from "../../servers/lib/ts/nic.ts";
import { NicRequests } from "../../servers/lib/ts/nicport.ts";
import { prepareRing, Receiver, Sender } from "../../servers/lib/ts/ring.ts";
import type { Memory, Message, Op, Sys } from "../../servers/lib/ts/sdk.ts";

const REQUESTS: RingShape = { capacity: 128, bytes: NicRequest.BYTES }, ANSWERS: RingShape = { capacity: 128, bytes: NicAnswer.BYTES };
export const WINDOW = 0x20_0000;
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 9);

export class NicBed {
  readonly bytes = new Uint8Array(WINDOW + NIC_WINDOW_BYTES);
  readonly #view = new DataView(this.bytes.buffer);
  /** What window 0 allows. */
  rights: number = Right.Read | Right.Write;
  readonly client: NicClient;
  readonly port: NicRequests;
  /** The port's ends of the client's rings, and the client's: for who plays one of the two. */
  readonly driver: { readonly in: Receiver; readonly out: Sender };
  readonly asker: { readonly in: Receiver; readonly out: Sender };

  constructor() {
    const at = (address: number, bytes: number): number => {
      const inRings = address >= 0 && address + bytes <= ringBytes(REQUESTS) + ringBytes(ANSWERS);
      if (!inRings && !(address >= WINDOW && address + bytes <= this.bytes.length)) throw new Error(`${bytes} bytes at ${address} are neither in a ring nor in the window`);
      return address;
    };
    const mem = {
      load32: (address: number) => this.#view.getUint32(at(address, 4), true),
      store32: (address: number, value: number) => this.#view.setUint32(at(address, 4), value, true),
      read: (address: number, bytes: number) => this.bytes.slice(at(address, bytes), address + bytes),
      write: (address: number, bytes: Uint8Array) => this.bytes.set(bytes, at(address, bytes.length)),
    } as Partial<Memory> as Memory;
    const sys = {
      *nbsend(): Op<Message> {
        yield* [];
        return { error: false } as Message;
      },
    } as Partial<Sys> as Sys;
    const env = { mem, sys }, bells = { theirs: 1, own: 2, bit: 2 ** 40 }, second = ringBytes(REQUESTS);
    prepareRing(env, 0);
    prepareRing(env, second);
    const ends = (): { requests: { in: Receiver; out: Sender }; answers: { in: Receiver; out: Sender } } => ({
      requests: { in: new Receiver(env, 0, REQUESTS, bells), out: new Sender(env, 0, REQUESTS, bells) },
      answers: { in: new Receiver(env, second, ANSWERS, bells), out: new Sender(env, second, ANSWERS, bells) },
    });
    const { requests, answers } = ends();
    this.driver = { in: requests.in, out: answers.out };
    this.asker = { in: answers.in, out: requests.out };
    this.client = new NicClient(mem, { ...this.asker, isThere: nothing, close: nothing } as unknown as Channel, WINDOW, MAC);
    this.port = new NicRequests(mem, this.driver, { rights: (number) => (number === 0 ? this.rights : 0), address: (number) => WINDOW + number * NIC_WINDOW_BYTES });
  }

  /** A request as the client's ring carries it; false: there is no room. */
  request(fields: Partial<Record<"id" | "operation" | "window" | "offset" | "bytes", number>>): boolean {
    return this.asker.out.tryPut(encode(NicRequest, fields)) === "Done";
  }
  /** An answer as the driver's ring carries it. */
  answer(fields: Partial<Record<"id" | "result" | "bytes", number>>): boolean {
    return this.driver.out.tryPut(encode(NicAnswer, fields)) === "Done";
  }
  /** What the driver has been asked, taken from the ring. */
  asked(): Record<"id" | "operation" | "window" | "offset" | "bytes", number>[] {
    return taken(this.driver.in).map((message) => decode(NicRequest, message));
  }
  answered(): Record<"id" | "result" | "bytes", number>[] {
    return taken(this.asker.in).map((message) => decode(NicAnswer, message));
  }
}

function* nothing(): Op<boolean> {
  yield* [];
  return true;
}

function encode(layout: Readonly<Record<string, number>>, fields: Readonly<Record<string, number>>): Uint8Array {
  const bytes = new Uint8Array(layout["BYTES"]!), view = new DataView(bytes.buffer);
  for (const [name, value] of Object.entries(fields)) view.setUint32(layout[name]!, value >>> 0, true);
  return bytes;
}
function decode<L extends Readonly<Record<string, number>>>(layout: L, message: Uint8Array): Record<Exclude<keyof L, "BYTES">, number> {
  const view = new DataView(message.buffer, message.byteOffset);
  return Object.fromEntries(Object.entries(layout).filter(([name]) => name !== "BYTES").map(([name, at]) => [name, view.getUint32(at, true)])) as Record<Exclude<keyof L, "BYTES">, number>;
}
function taken(from: Receiver): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (;;) {
    const message = finish(from.tryReceive());
    if (!(message instanceof Uint8Array)) return messages;
    messages.push(message);
  }
}

/** Runs what makes no real system call to its end. */
export function finish<T>(op: Op<T>): T {
  const step = op.next();
  if (step.done !== true) throw new Error("a system call that this bed does not know");
  return step.value;
}
