// The guest's machine: its devices at their places on the bus, their interrupt lines, where their input and output goes.
import type { DmaPort } from "../core/devices/device.ts";
import { GoldfishRtc } from "../core/devices/goldfish-rtc.ts";
import { Uart16550 } from "../core/devices/uart16550.ts";
import { VirtioBlk, type BlkCounts } from "../core/devices/virtio/blk.ts";
import { VirtioConsole } from "../core/devices/virtio/console.ts";
import { VirtioMmio, type VirtioModel } from "../core/devices/virtio/mmio.ts";
import { VirtioNet, type NetBytes, type NetCounts } from "../core/devices/virtio/net.ts";
import { VirtioRng } from "../core/devices/virtio/rng.ts";
import type { GuestBalloon } from "./balloon.ts";
import { Bus, type Region } from "./bus.ts";
import { PowerButton } from "./button.ts";
import type { GuestClock } from "./clock.ts";
import type { GuestConsole } from "./console.ts";
import { ControlChannel, type ControlState } from "./control.ts";
import { GenerationId } from "./generation.ts";
import type { GuestDisk, Piece } from "./disk.ts";
import type { SeededEntropy } from "./entropy.ts";
import { GuestInput, INPUT_BYTES, namedConsole, type InputTarget } from "./input.ts";
import type { Outside } from "./outside.ts";
import type { PassedDevice } from "./passed.ts";
import { GuestPlic, type PlicState } from "./plic.ts";
import type { GuestPort } from "./port.ts";
import { GuestPower } from "./power.ts";
import type { GuestScreen } from "./screen.ts";
import type { SbiConsole } from "./sbi.ts";
import { GuestMap, virtioIrq, VirtioSlot } from "./spec.ts";

/** Bits of VCPURun's line word: external interrupts of supervisor and machine mode; and from where on bits stand for the latter of further harts. */
const SEIP = 1 << 9, MEIP = 1 << 11, FURTHER_MEIP = 8;
const TWO32 = 2 ** 32;
const NEWLINE = 0x0a;

const PLIC_NAME = "interrupt controller";

/** What its devices are in the middle of, by their names. */
export interface MachineState {
  readonly devices: Readonly<Record<string, unknown>>;
  readonly control: ControlState;
  /** Typed, and taken by no device yet. */
  readonly input: readonly number[];
  readonly asksFirmware: boolean;
}

/** What it has done since it was built: for the operator's metrics, and nothing is decided by it. */
export interface MachineCounts {
  /** Exits for its VMM's notification. */
  readonly notified: number;
  readonly console: { readonly written: number; readonly read: number };
  readonly disks: readonly ({ readonly name: string } & BlkCounts)[];
  readonly cards: readonly { readonly name: string; readonly frames: NetCounts; readonly bytes: NetBytes }[];
}

type Slot = readonly [slot: number, model: VirtioModel, name: string];

export interface MachineOptions {
  readonly memory: DmaPort;
  /** 1 to 8. By default 1. */
  readonly harts?: number;
  /** Harts have a machine mode, for firmware of the guest's own. */
  readonly machineMode?: boolean;
  readonly console: GuestConsole;
  /** The kernel's command line, which may name the console. */
  readonly cmdline: string;
  /** None: there is no rng device. */
  readonly entropy: SeededEntropy | null;
  readonly disks: readonly GuestDisk[];
  readonly ports: readonly GuestPort[];
  readonly passed: readonly PassedDevice[];
  /** null: there is none. */
  readonly balloon: GuestBalloon | null;
  /** null: there is no real-time clock. */
  readonly clock: GuestClock | null;
  /** null: there is no display, keyboard or tablet. */
  readonly screen: GuestScreen | null;
  /** A line for the operator. */
  readonly complain: (line: string) => void;
}

export class GuestMachine {
  readonly bus: Bus;
  readonly plic: GuestPlic;
  readonly uart: Uart16550;
  readonly virtioConsole: VirtioConsole;
  readonly control: ControlChannel;
  readonly input: GuestInput;
  /** Devices that servers work. */
  readonly outside: readonly Outside[];
  readonly clock: GuestClock | null;
  readonly balloon: GuestBalloon | null;
  /** By which it learns that it is another than it was; null: where nothing is random there is none. */
  readonly generation: GenerationId | null;
  /** Virtio slots in use. */
  readonly virtioSlots: readonly number[];
  /** What the firmware's console calls work on. */
  readonly firmware: SbiConsole;
  /** What firmware of the guest's own ends the machine by. */
  readonly power = new GuestPower();
  readonly #button = new PowerButton();
  /** Its harts have a machine mode. */
  readonly hasFirmware: boolean;
  readonly #passed: readonly string[];
  readonly #console: GuestConsole;
  readonly #uartRegion: Region;
  readonly #screen: GuestScreen | null;
  /** Output must be sent before the guest goes on: it may not come back soon. */
  #urgent = false;
  /** The guest looks for input by calling its firmware. */
  #asksFirmware = false;
  /** The clock's alarm rings. */
  #alarm = false;
  /** What is typed on the console comes here. */
  hearsInput = false;
  /** How often it left its VCPU for the notification. */
  notified = 0;
  readonly #disks: readonly { readonly name: string; readonly model: VirtioBlk<Piece> }[];
  readonly #cards: readonly { readonly name: string; readonly model: VirtioNet }[];

  constructor({ memory, harts = 1, machineMode = false, console, cmdline, entropy, disks, ports, passed, balloon, clock, screen, complain }: MachineOptions) {
    this.#console = console;
    this.hasFirmware = machineMode;
    this.#passed = passed.map(({ name }) => name);
    this.plic = new GuestPlic(machineMode ? 2 * harts : harts);
    this.outside = [...disks, ...ports, ...passed, ...[clock, screen].filter((device) => device !== null)];
    this.#screen = screen;
    this.clock = clock;
    this.balloon = balloon;
    const named = namedConsole(cmdline);
    this.input = new GuestInput(() => this.#listener(named));
    const room = (): void => this.input.deliver();
    const ready = (): boolean => console.ready();

    this.uart = new Uart16550((level) => this.plic.setLine(GuestMap.UART.irq, level), {
      ready,
      room,
      output: (byte) => {
        console.put(byte);
        // A driver that sends by interrupt will be interrupted, and so come back here, after what it writes now. One that polls may write its
        // last byte and run on without us for ever: nothing of its output may wait.
        if (byte === NEWLINE || !this.uart.sendsByInterrupt || !this.plic.delivers(GuestMap.UART.irq)) this.#urgent = true;
      },
    });
    this.virtioConsole = new VirtioConsole({ ready, room, output: (bytes) => this.#send(bytes) });
    const control: VirtioConsole = new VirtioConsole({ ready: () => true, room: () => this.control.room(), output: (bytes) => this.control.feed(bytes) });
    this.control = new ControlChannel((bytes) => control.receive(bytes));
    this.firmware = {
      write: (bytes) => this.#send(bytes),
      read: (most) => {
        this.#asksFirmware = true;
        return this.input.take(most);
      },
    };

    this.generation = entropy === null ? null : new GenerationId((level) => this.plic.setLine(GuestMap.GENERATION.irq, level));
    this.#disks = disks.map((disk) => ({ name: disk.id, model: new VirtioBlk(disk, disk, (reason) => complain(`disk ${disk.id}: ${reason}`)) }));
    this.#cards = ports.map((port) => ({ name: port.name, model: cardFor(port, complain) }));
    const { base, stride } = GuestMap.VIRTIO;
    const slots: Slot[] = [
      [VirtioSlot.console, this.virtioConsole, "console"],
      [VirtioSlot.control, control, "control console"],
      ...(entropy === null ? [] : [[VirtioSlot.rng, new VirtioRng(entropy), "rng"] as Slot]),
      ...(balloon === null ? [] : [[VirtioSlot.balloon, balloon.device, "balloon"] as Slot]),
      ...this.#disks.map(({ name, model }, i): Slot => [VirtioSlot.disks + i, model, `disk ${name}`]),
      ...this.#cards.map(({ name, model }, i): Slot => [VirtioSlot.ports + i, model, `network card ${name}`]),
      ...(screen === null ? [] : ([[VirtioSlot.gpu, screen.gpu, "display"], [VirtioSlot.keyboard, screen.keyboard.device, "keyboard"], [VirtioSlot.tablet, screen.tablet.device, "tablet"]] satisfies Slot[])),
      [VirtioSlot.power, this.#button.device, "power button"],
    ];
    this.virtioSlots = [...slots.map(([slot]) => slot), ...passed.map((_, i) => VirtioSlot.passed + i)].sort((a, b) => a - b);
    this.#uartRegion = { name: "serial port", ...GuestMap.UART, device: this.uart };
    this.bus = new Bus([
      { name: PLIC_NAME, ...GuestMap.PLIC, device: this.plic },
      this.#uartRegion,
      ...(machineMode ? [{ name: "power word", ...GuestMap.POWER, device: this.power }] : []),
      ...(clock === null ? [] : [this.#rtcFor(clock)]),
      ...(this.generation === null ? [] : [{ name: "generation counter", ...GuestMap.GENERATION, device: this.generation }]),
      ...passed.map((device, i): Region => {
        const slot = VirtioSlot.passed + i;
        device.line = (level) => this.plic.setLine(virtioIrq(slot), level);
        return { name: `virtio slot ${slot} (device ${device.name})`, base: base + slot * stride, bytes: stride, device };
      }),
      ...slots.map(([slot, model, name]) => {
        const irq = (level: boolean): void => this.plic.setLine(virtioIrq(slot), level);
        const report = (reason: string): void => complain(`${name}: ${reason}`);
        return { name: `virtio slot ${slot} (${name})`, base: base + slot * stride, bytes: stride, device: new VirtioMmio(model, { irq, dma: memory, report }) };
      }),
    ]);
  }

  /** By name. */
  get deviceNames(): readonly string[] {
    return this.bus.regions.map(({ name }) => name);
  }
  get counts(): MachineCounts {
    return {
      notified: this.notified,
      console: this.#console.bytes,
      disks: this.#disks.map(({ name, model }) => ({ name, ...model.counts })),
      cards: this.#cards.map(({ name, model }) => ({ name, frames: model.counts, bytes: model.bytes })),
    };
  }
  /** The same in sum, as `Guest.stats` has it (servers/root/guest-protocol.ts): bytes of consoles written and read, of disks read and written, of cards sent and received; requests to disks. */
  get totals(): readonly number[] {
    const { console, disks, cards } = this.counts, sum = <T>(all: readonly T[], of: (each: T) => number): number => all.reduce((total, each) => total + of(each), 0);
    return [
      console.written, console.read, sum(disks, ({ readBytes }) => readBytes), sum(disks, ({ writtenBytes }) => writtenBytes),
      sum(cards, ({ bytes }) => bytes.sent), sum(cards, ({ bytes }) => bytes.received), sum(disks, ({ reads, writes, flushes }) => reads + writes + flushes),
    ];
  }
  /** Why it cannot be written down; null: it can. */
  get unsaved(): string | null {
    const [device] = this.#passed;
    return device === undefined ? null : `the device '${device}' of the machine is its own, and what that is in the middle of is in the device, which cannot be asked for it`;
  }
  save(): MachineState {
    return {
      devices: Object.fromEntries(this.bus.regions.map(({ name, device }) => [name, device.save()])),
      control: this.control.save(),
      input: [...this.input.take(INPUT_BYTES)],
      asksFirmware: this.#asksFirmware,
    };
  }
  /** The interrupt controller comes first: the others tell it of their lines. */
  restore({ devices, control, input, asksFirmware }: MachineState): void {
    this.control.restore(control);
    this.#asksFirmware = asksFirmware;
    this.input.add(Uint8Array.from(input));
    this.plic.restore(devices[PLIC_NAME] as PlicState);
    for (const { name, device } of this.bus.regions) if (device !== this.plic) device.restore(devices[name]);
  }

  /** Whether there is something that wakes the guest from a suspension; and whether it has, since `falls`. */
  get wakes(): boolean {
    return this.hearsInput || this.clock !== null || this.#screen !== null;
  }
  get woken(): boolean {
    return this.#alarm || this.input.waiting > 0 || (this.#screen?.stirred ?? false) || this.#button.stirred;
  }
  /** The guest falls asleep. */
  falls(): void {
    this.#button.stirred = false;
    if (this.#screen !== null) this.#screen.stirred = false;
  }

  /** Asks it to shut down; that wakes it. */
  askToShutDown(): void {
    this.#button.press(!this.control.ask("shutdown"));
  }

  /** Its time stood, and its clock went on: whoever keeps its time of day is to look there. */
  askToLookAtClock(): void {
    if (this.clock !== null) this.control.ask("clock");
  }

  /** Whether the clock is there, and this an access to it. */
  clockAt(address: number): boolean {
    const { base, bytes } = GuestMap.RTC;
    return this.clock !== null && address >= base && address < base + bytes;
  }

  #rtcFor(clock: GuestClock): Region {
    const device = (clock.rtc = new GoldfishRtc((level) => {
      this.#alarm = level;
      this.plic.setLine(GuestMap.RTC.irq, level);
    }, clock));
    return { name: "real-time clock", ...GuestMap.RTC, device };
  }

  /** The harts' interrupt lines, for VCPURun: those of hart 0, and above them a bit for each other. */
  get lines(): number {
    const { outputs } = this.plic;
    if (this.hasFirmware) return machineLines(outputs);
    return (outputs & 1 ? SEIP : 0) + (outputs & ~1) * TWO32;
  }

  /** Whether collected output must be sent now, after an exit for an access at `address` (or anything else, -1). */
  outputDue(address: number): boolean {
    if (this.#console.pending === 0) return false;
    const { base, bytes } = this.#uartRegion;
    return this.#urgent || !this.#console.ready() || address < base || address >= base + bytes;
  }

  /** Output was sent: devices that waited for room go on. */
  drained(): void {
    this.#urgent = false;
    this.uart.drained();
    this.virtioConsole.drained();
  }

  #send(bytes: Uint8Array): void {
    this.#console.append(bytes);
    this.#urgent = true;
  }

  /** Input goes where the guest looks for it; before it looks anywhere, the input waits. */
  #listener(named: "uart" | "hvc" | null): InputTarget | null {
    if (named !== "uart") {
      if (this.#asksFirmware) return null;
      if (this.virtioConsole.live) return this.virtioConsole;
    }
    return this.uart.listening ? this.uart : null;
  }
}

/** Context 2n is machine mode of hart n, 2n + 1 its supervisor mode. */
function machineLines(outputs: number): number {
  let others = 0;
  for (let n = 1; outputs >>> (2 * n) !== 0; n++) others |= (((outputs >>> (2 * n + 1)) & 1) << n) | (((outputs >>> (2 * n)) & 1) << (FURTHER_MEIP + n));
  return (outputs & 1 ? MEIP : 0) + (outputs & 2 ? SEIP : 0) + others * TWO32;
}

function cardFor(port: GuestPort, complain: (line: string) => void): VirtioNet {
  const card = new VirtioNet(port, (reason) => complain(`network card ${port.name}: ${reason}`));
  port.card = card;
  return card;
}
