// A machine for the hosted engine alone: RAM, a page table as a Map, one device page. Tests play the kernel: they read and write trap frames.
import { Frame, Info, IpcBuffer, Reg, toInfo } from "../../caps/abi/message.ts";
import { IPC_BUFFER } from "../../caps/abi/hosted.ts";
import { createHostedEngine, type HostedEngine, type HostedMachine } from "../../core/machine/hosted.ts";

export const RAM_BASE = 0x8000_0000;
export const DEVICE = 0x1000_2000;
const PAGE = 4096;

export interface Mapping {
  physical: number;
  rights: "r" | "rw";
}

export class FakeMachine implements HostedMachine {
  readonly frames = new ArrayBuffer(8 * Frame.BYTES);
  readonly ram = new ArrayBuffer(4 << 20);
  readonly ramBase = RAM_BASE;
  readonly pages = new Map<number, Mapping>();
  readonly writes: [number, number][] = [];
  readonly device: [string, number, number, number][] = [];
  readonly engine: HostedEngine;
  deviceValue = 0x60;
  walks = 0;
  generations = 0;
  failure: Error | null = null;
  #words = new Int32Array(this.frames);
  #next = 0;

  constructor() {
    this.engine = createHostedEngine(this);
    this.map(IPC_BUFFER & ~(PAGE - 1), 1, "rw");
  }

  /** Maps fresh RAM pages and answers their first offset in RAM. */
  map(address: number, pages: number, rights: Mapping["rights"]): number {
    const first = this.#next;
    for (let i = 0; i < pages; i++) this.pages.set(address / PAGE + i, { physical: RAM_BASE + first + i * PAGE, rights });
    this.#next += pages * PAGE;
    return first;
  }
  unmap(address: number): void {
    this.pages.delete(address / PAGE);
    this.generations++;
  }

  translate(_frame: number, address: number, access: 0 | 1 | 2): number {
    this.walks++;
    if (this.failure !== null) throw this.failure;
    const page = this.pages.get(Math.floor(address / PAGE));
    if (page === undefined || (access === 2 && page.rights !== "rw")) return -1;
    return page.physical + (address % PAGE);
  }
  generation(): number {
    return this.generations;
  }
  written(physical: number, bytes: number): void {
    this.writes.push([physical, bytes]);
  }
  deviceRead(physical: number, size: number): number {
    if (Math.floor(physical / PAGE) * PAGE !== DEVICE) return -1;
    this.device.push(["r", physical - DEVICE, size, 0]);
    return this.deviceValue;
  }
  deviceWrite(physical: number, size: number, value: number): boolean {
    if (Math.floor(physical / PAGE) * PAGE !== DEVICE) return false;
    this.device.push(["w", physical - DEVICE, size, value]);
    return true;
  }

  /** Loads a program; `env` becomes its environment page at 0x3000_0000. */
  load(body: string, env?: unknown, frame = 0): string | null {
    const error = this.engine.load(frame, `var program = (() => { "use strict"; ${body}\nreturn { default: typeof main === "undefined" ? undefined : main }; })();`);
    if (env !== undefined) {
      const text = new TextEncoder().encode(typeof env === "string" ? env : JSON.stringify(env));
      const offset = this.map(0x3000_0000, Math.ceil(text.length / PAGE), "r");
      new Uint8Array(this.ram).set(text, offset);
      this.set(Reg.a0, 0x3000_0000, frame);
      this.set(Reg.a1, text.length, frame);
    }
    return error;
  }

  register(number: number, frame = 0): number {
    const at = frame * (Frame.BYTES / 4) + 2 * number;
    return (this.#words[at]! >>> 0) + (this.#words[at + 1]! >>> 0) * 2 ** 32;
  }
  set(number: number, value: number, frame = 0): void {
    const at = frame * (Frame.BYTES / 4) + 2 * number;
    this.#words[at] = value | 0;
    this.#words[at + 1] = Math.floor(value / 2 ** 32);
  }

  /** What the kernel would answer. */
  answer(label: number, words: readonly number[], badge = 0, error = false): void {
    this.set(Reg.a0, badge);
    this.set(Reg.a1, (toInfo(label, words.length) | (error ? Info.ERROR : 0)) >>> 0);
    words.forEach((word, i) => (i < 4 ? this.set(Reg.a2 + i, word) : this.setBuffered(i, word)));
  }
  bufferedAt(index: number): number {
    const page = this.pages.get(Math.floor(IPC_BUFFER / PAGE))!;
    return page.physical - RAM_BASE + 8 * index;
  }
  setBuffered(i: number, word: number): void {
    new DataView(this.ram).setBigInt64(this.bufferedAt(IpcBuffer.WORDS + i), BigInt(word), true);
  }
  buffered(index: number): bigint {
    return new DataView(this.ram).getBigInt64(this.bufferedAt(index), true);
  }

  step(frame = 0): number {
    return this.engine.step(frame);
  }
}
