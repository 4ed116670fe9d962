// A guest's network card: a virtio card whose cable is a capability to a port of a switch, or to a card's driver (protocol NicDriver; servers/switch, servers/nic).
// What is between the two is the library's client, whose window is this VMM's own memory.
import type { NetCable, VirtioNet } from "../core/devices/virtio/net.ts";
import { NicClient } from "../servers/lib/ts/nic.ts";
import type { Env, Op } from "../servers/lib/ts/sdk.ts";
import { placeOf, type Outside } from "./outside.ts";

export class GuestPort implements NetCable, Outside {
  readonly bit: number;
  /** Set once, by whoever makes the card. */
  card: VirtioNet | null = null;
  readonly name: string;
  readonly #nic: NicClient;
  readonly #complain: (line: string) => void;
  #gone = false;

  private constructor(index: number, nic: NicClient, name: string, complain: (line: string) => void) {
    this.bit = placeOf(index).bit;
    this.#nic = nic;
    this.#complain = complain;
    this.name = name;
  }

  /** @param index which of the VMM's devices; @param name as the operator knows it. What prevents it, in words. */
  static *open(env: Env, index: number, server: number, name: string, complain: (line: string) => void): Op<GuestPort | string> {
    const nic = yield* NicClient.open(env, server, placeOf(index));
    return typeof nic === "string" ? nic : new GuestPort(index, nic, name, complain);
  }

  // The cable.

  get mac(): Uint8Array {
    return this.#nic.mac;
  }
  ready(): boolean {
    return this.#nic.ready();
  }
  /** A cable that is no more takes what comes, as one that leads nowhere. */
  send(frame: Uint8Array): void {
    this.#nic.send(frame);
  }

  // The loop of exits.

  get due(): boolean {
    return this.#nic.due;
  }
  *turn(): Op<void> {
    yield* this.#nic.turn({ came: (frame) => this.card?.receive(frame), drained: () => this.card?.drained() });
    if (!this.#nic.over || this.#gone) return;
    this.#gone = true;
    this.#complain(`network card ${this.name}: its server is gone: nothing comes or goes from now on`);
  }
}
