// The machine the kernel runs on, put together: RAM and engines (the addon), hosted programs, interrupt lines, IOMMU,
// and the board's devices with what is behind them on the host.
import { readDevice, writeDevice, type Device, type DmaPort } from "../devices/device.ts";
import { ControlChannel } from "../devices/control.ts";
import { GoldfishRtc } from "../devices/goldfish-rtc.ts";
import { Uart16550 } from "../devices/uart16550.ts";
import { VirtioBlk } from "../devices/virtio/blk.ts";
import { ARRAYS, type BlockBackend } from "../devices/virtio/block-backend.ts";
import { VirtioConsole } from "../devices/virtio/console.ts";
import { VirtioGpu } from "../devices/virtio/gpu.ts";
import { VirtioInput, type InputKind } from "../devices/virtio/input.ts";
import { InputQueue } from "../devices/virtio/input-queue.ts";
import { VirtioMmio, type VirtioModel } from "../devices/virtio/mmio.ts";
import { MAC_BYTES, VirtioNet } from "../devices/virtio/net.ts";
import { VirtioRng } from "../devices/virtio/rng.ts";
import type { ConsoleBackend, DisplayPorts, NetBackend } from "../host/backend.ts";
import type { Machine, VcpuPort } from "../kernel/machine.ts";
import { Alarms } from "./alarms.ts";
import { BOARD_DEVICES, IOMMU_LINE, RAM_BASE, type BoardDeviceName, NET_DEVICES, type DiskDevice, type NetDevice, type TerminalDevice } from "./board.ts";
import { createHostedEngine, type HostedEngine } from "./hosted.ts";
import { Iommu } from "./iommu.ts";
import { IrqChip } from "./irqchip.ts";
import { CONTROL, CONTROL_KICK, VCPU_RECORD_BYTES } from "./shared.ts";
import { createMachine, type NativeMachine } from "./unicorn.ts";

const PAGE = 4096;
/** Engines for machine programs: hardware contexts, opened when first needed. */
const ENGINES = 16;
/** The native machine's limits. Below them there is a number for every TCB (2 KiB), VSpace (4 KiB) and VCPU (2 MiB) that fits into RAM, so nobody can use up another's. */
const MAX_THREADS = 2 ** 20;
const MAX_SPACES = 2 ** 20;
const MAX_VCPUS = 256;

export interface MachineOptions {
  /** Bytes of RAM, a multiple of 2 MiB. */
  readonly ramBytes: number;
  readonly clock: "host" | "blocks";
  /** False: RAM comes from the host by small pages, for a machine of which the most will be images that others share. */
  readonly largePages?: boolean;
  readonly console: ConsoleBackend;
  /** The device that it is behind; by default uart0. */
  readonly terminal?: TerminalDevice;
  /** One line of the control device. */
  readonly onControl: (line: string) => void;
  /** Random bytes for the machine's entropy device: up to `most`, at least one; with none, its driver is to ask again. */
  readonly entropy: (most: number) => Uint8Array;
  /** A hosted program ended with an error of its own. */
  readonly onProgramError: (frame: number, text: string) => void;
  /** A thread stopped with a fault that nobody is told of. */
  readonly onStranded: (thread: string, fault: string) => void;
  /** What is behind the block devices; without one, a device says that it is none. */
  readonly disks?: Readonly<Partial<Record<DiskDevice, BlockBackend>>>;
  /** What is behind the network devices; without, a device says that it is none. Its address is drawn from `entropy`. */
  readonly networks?: Readonly<Partial<Record<NetDevice, NetBackend>>>;
  /** A display, with a keyboard and a tablet; without one, they say that they are none. */
  readonly display?: DisplayPorts;
  /** Nanoseconds since 1970 at power-on; by default 0. */
  readonly wallClock?: bigint;
  /** Without DMA translation, where no mapping says otherwise: for showing what it is there for. */
  readonly unchecked?: boolean;
  /** What a device did that its driver should know of: a line for the operator. */
  readonly onDevice: (device: string, text: string) => void;
}

/** How hosted threads reach memory: the kernel's page-table walk, given once the kernel is there. */
export interface AddressTranslation {
  translate(frame: number, address: number, access: 0 | 1 | 2): number;
  generation(frame: number): number;
}

export interface BoardMachine extends Machine {
  /** The lines that devices raise, and what they reach. */
  readonly irq: IrqChip;
  readonly iommu: Iommu;
  readonly alarms: Alarms;
  /** Completes the machine; called once, before the first thread runs. */
  attach(translation: AddressTranslation): void;
  /** Called whenever an interrupt line becomes pending. */
  onInterrupt(callback: () => void): void;
  advanceClock(ticks: number): void;
  /** Gives the memory of a guest's translated code, and of all else its engine holds but registers, back to the host: of the VCPU with this record that leads it. Between two slices. */
  forgetVcpu(index: number): void;
  /** A line for the root server; false: too many wait that it has not taken. */
  order(line: string): boolean;
  /** Images of RAM, by physical address: saveRam, placeRam and ramUse of the addon. Between two slices. */
  readonly ramImages: RamImages;
  readonly control: ArrayBuffer;
  close(): void;
}

export interface RamImages {
  /** Resolves to what went wrong, or "". */
  save(physical: number, bytes: number, fd: number, how: { readonly backed: boolean; readonly changes: boolean }): Promise<string>;
  /** @param from byte of the image. @throws Error what is wrong with the file */
  place(physical: number, bytes: number, fd: number, from: number): void;
  use(physical: number, bytes: number): { readonly own: number; readonly shared: number };
}

export function openMachine(options: MachineOptions): BoardMachine {
  const maxThreads = Math.min(MAX_THREADS, options.ramBytes / 2 ** 11), maxSpaces = Math.min(MAX_SPACES, options.ramBytes / 2 ** 12);
  const maxVcpus = Math.min(MAX_VCPUS, options.ramBytes / 2 ** 21);
  const native = createMachine({ ramBytes: options.ramBytes, maxThreads, maxSpaces, maxEngines: ENGINES, maxVcpus, clock: options.clock, largePages: options.largePages ?? true });
  const control = new Float64Array(native.control, 0, 8);
  const kick = new Int32Array(native.control);
  const irq = new IrqChip();
  let onInterrupt = (): void => {};
  irq.onPending(() => {
    kick[CONTROL_KICK] = 1;
    onInterrupt();
  });

  // Pages that an engine may have translated although somebody else can write them: guests' memory.
  const shared = new Uint8Array(options.ramBytes / PAGE);
  const written = (physical: number, bytes: number): void => {
    const first = Math.floor((physical - RAM_BASE) / PAGE), last = Math.floor((physical - RAM_BASE + bytes - 1) / PAGE);
    for (let page = first; page <= last; page++) {
      if (shared[page] === 0) continue;
      let end = page + 1;
      while (end <= last && shared[end] === 1) end++;
      native.invalidate(RAM_BASE + page * PAGE, (end - page) * PAGE);
      page = end;
    }
  };

  const dmaDevices = BOARD_DEVICES.filter((d) => d.dma).map((d) => d.name);
  const iommu = new Iommu(dmaDevices, { ram: native.ram, ramBase: RAM_BASE, written }, (level) => irq.setLevel(IOMMU_LINE, level), options.unchecked);
  irq.unmask(IOMMU_LINE);
  const line = (name: BoardDeviceName) => {
    const number = BOARD_DEVICES.find((d) => d.name === name)!.irq;
    return (level: boolean): void => irq.setLevel(number, level);
  };
  const alarms = new Alarms(native.clock);
  let closed = false;
  const later = (work: () => void): void => void setImmediate(() => {
    if (!closed) work();
  });
  const devices = buildDevices(options, line, iommu, alarms, later, () => !closed);
  for (const { name, physical } of BOARD_DEVICES) {
    const device = devices[name];
    native.mapDevice(physical, PAGE, (offset, size) => readDevice(device, offset, size), (offset, size, lo, hi) => writeDevice(device, offset, size, lo, hi));
  }

  let hosted: HostedEngine | undefined;
  const engine = (): HostedEngine => hosted!;
  const decoder = new TextDecoder();
  return {
    ram: native.ram, ramBase: RAM_BASE, frames: native.frames, maxThreads, maxSpaces, maxVcpus,
    run: native.run,
    setBreakpoint: native.setBreakpoint,
    setWatchpoints: native.setWatchpoints,
    share: native.share,
    bindSpace: native.bindSpace, dropSpace: native.dropSpace, flushSpace: native.flushSpace, invalidate: native.invalidate,
    hosted: {
      load: (frame, text) => {
        const problem = engine().load(frame, decoder.decode(text));
        if (problem !== null) options.onProgramError(frame, problem);
        return problem;
      },
      step: (frame) => {
        const cause = engine().step(frame);
        if (cause === 2) options.onProgramError(frame, engine().lastError(frame));
        return cause;
      },
      unload: (frame) => engine().unload(frame),
      lastError: (frame) => engine().lastError(frame),
    },
    vcpu: vcpuPort(native, shared),
    forgetVcpu: native.forgetVcpu,
    order: (text) => devices.ctl0.order(text),
    ramImages: {
      save: (physical, bytes, fd, how) => new Promise((resolve) => native.saveRam(physical - RAM_BASE, bytes, fd, how.backed, how.changes, resolve)),
      place: (physical, bytes, fd, from) => native.placeRam(physical - RAM_BASE, bytes, fd, from),
      use: (physical, bytes) => native.ramUse(physical - RAM_BASE, bytes),
    },
    state: () => ({ ticks: native.clock(), blocks: control[CONTROL.blocks]!, kick: kick[CONTROL_KICK]!, lines: irq.state, faults: iommu.faults }),
    restore(state) {
      native.setClock(state.ticks, state.blocks);
      kick[CONTROL_KICK] = state.kick;
      irq.state = state.lines;
      iommu.faults = state.faults;
    },
    clock: native.clock,
    setDeadline: (ticks) => void (control[0] = ticks),
    stranded: options.onStranded,
    irq,
    iommu,
    alarms,
    attach(translation) {
      hosted = createHostedEngine({ frames: native.frames, ram: native.ram, ramBase: RAM_BASE, ...translation, written, ...registersOf(devices) });
    },
    onInterrupt: (callback) => void (onInterrupt = callback),
    advanceClock: native.advanceClock,
    control: native.control,
    close() {
      closed = true;
      native.close();
    },
  };
}

function buildDevices(
  options: MachineOptions, line: (name: BoardDeviceName) => (level: boolean) => void, iommu: Iommu, alarms: Alarms, later: (work: () => void) => void, isOpen: () => boolean,
): Record<BoardDeviceName, Device> & { readonly ctl0: ControlChannel } {
  const { console } = options;
  const waiting: Uint8Array[] = [];
  // What came before the driver was up would be lost when it sets the device up.
  const feed = (): void => {
    while (waiting.length > 0 && serial.listening()) {
      const piece = waiting[0]!;
      const taken = serial.receive(piece);
      if (taken < piece.length) {
        waiting[0] = piece.subarray(taken);
        return;
      }
      waiting.shift();
    }
  };
  const output = new OutputBuffer(console);
  const nobody = { ready: () => true, output: () => {}, room: () => {} };
  const onUart = (options.terminal ?? "uart0") === "uart0";
  const uart = new Uart16550(line("uart0"), onUart ? { ready: () => output.ready(), output: (byte) => output.push(byte), room: feed } : nobody);
  const con = new VirtioConsole(onUart ? nobody : { ready: () => console.ready(), output: (bytes) => console.write(bytes), room: feed });
  /** The device that the terminal is behind. */
  const serial = onUart
    ? { listening: () => uart.listening, receive: (bytes: Uint8Array) => uart.receive(bytes), drained: () => uart.drained() }
    : { listening: () => con.live, receive: (bytes: Uint8Array) => con.receive(bytes), drained: () => con.drained() };
  console.onDrained(() => {
    output.flush();
    serial.drained();
  });
  console.onInput((bytes) => {
    waiting.push(bytes);
    feed();
  });
  const dma = (name: BoardDeviceName): DmaPort => iommu.port(iommu.devices.indexOf(name));
  const virtio = (name: BoardDeviceName, model: VirtioModel): VirtioMmio =>
    new VirtioMmio(model, { irq: line(name), dma: dma(name), report: (text) => options.onDevice(name, text) });
  const disk = (name: DiskDevice): VirtioMmio => virtio(name, new VirtioBlk(options.disks?.[name] ?? null, ARRAYS, (text) => options.onDevice(name, text)));
  const net = (name: NetDevice): VirtioMmio => {
    const backend = options.networks?.[name];
    const report = (text: string): void => options.onDevice(name, text);
    if (backend === undefined) return virtio(name, new VirtioNet(null, report));
    const card = new VirtioNet({ send: (frame) => backend.send(frame), mac: cardAddress(name, options.entropy(MAC_BYTES)) }, report);
    backend.onFrame((frame) => {
      if (isOpen()) card.receive(frame);
    });
    return virtio(name, card);
  };
  const { display } = options;
  const input = (kind: InputKind): { model: VirtioInput; queue: InputQueue } => {
    const model = new VirtioInput(display === undefined ? null : kind, () => queue.feed());
    const queue = new InputQueue((events) => model.receive(events));
    return { model, queue };
  };
  const inputs = { keyboard: input("keyboard"), tablet: input("tablet") };
  display?.input?.onInput((device, events) => inputs[device].queue.add(events));
  const clock = (name: BoardDeviceName, epoch: bigint): GoldfishRtc => {
    const rtc: GoldfishRtc = new GoldfishRtc(line(name), alarms.port(epoch, () => rtc.tick()));
    return rtc;
  };
  return {
    uart0: uart,
    con0: virtio("con0", con),
    rng0: virtio("rng0", new VirtioRng({ take: options.entropy })),
    blk0: disk("blk0"), blk1: disk("blk1"), blk2: disk("blk2"), blk3: disk("blk3"),
    net0: net("net0"), net1: net("net1"),
    gpu0: virtio("gpu0", new VirtioGpu(display?.picture ?? null, { dma: dma("gpu0"), later })),
    kbd0: virtio("kbd0", inputs.keyboard.model),
    tab0: virtio("tab0", inputs.tablet.model),
    alarm0: clock("alarm0", 0n),
    rtc0: clock("rtc0", options.wallClock ?? 0n),
    ctl0: new ControlChannel(options.onControl, line("ctl0")),
  };
}

/** A locally administered address of one station: cards of two machines on one cable must differ, and so must two of one machine, also where there is no randomness. */
function cardAddress(name: NetDevice, random: Uint8Array): Uint8Array {
  const mac = new Uint8Array(MAC_BYTES);
  mac.set(random.subarray(0, MAC_BYTES));
  mac[0] = (mac[0]! & 0xfc) | 0x02;
  if (random.length < MAC_BYTES) mac[MAC_BYTES - 1] = 1 + NET_DEVICES.indexOf(name);
  return mac;
}

/** Bytes of the serial line on their way to the host, a piece at a time: a write to the host for each byte would cost a system call. */
class OutputBuffer {
  readonly #console: ConsoleBackend;
  readonly #bytes = new Uint8Array(4096);
  #count = 0;

  constructor(console: ConsoleBackend) {
    this.#console = console;
  }

  ready(): boolean {
    return this.#count < this.#bytes.length || this.flush();
  }

  push(byte: number): void {
    if (this.#count === 0) setImmediate(() => this.flush());
    this.#bytes[this.#count++] = byte;
    if (this.#count === this.#bytes.length) this.flush();
  }

  /** False when the host takes nothing now. */
  flush(): boolean {
    if (!this.#console.ready()) return false;
    if (this.#count > 0) this.#console.write(this.#bytes.subarray(0, this.#count));
    this.#count = 0;
    return true;
  }
}

/** Device registers as hosted threads reach them. */
function registersOf(devices: Record<BoardDeviceName, Device>) {
  const find = (physical: number): { device: Device; offset: number } | undefined => {
    const at = BOARD_DEVICES.find((d) => physical >= d.physical && physical < d.physical + PAGE);
    return at === undefined ? undefined : { device: devices[at.name], offset: physical - at.physical };
  };
  return {
    deviceRead(physical: number, size: number): number {
      const at = find(physical);
      return at === undefined ? -1 : Number(readDevice(at.device, at.offset, size));
    },
    deviceWrite(physical: number, size: number, value: number): boolean {
      const at = find(physical);
      if (at === undefined) return false;
      writeDevice(at.device, at.offset, size, value, 0);
      return true;
    },
  };
}

function vcpuPort(native: NativeMachine, shared: Uint8Array): VcpuPort {
  const pages = (physical: number, bytes: number, value: number): void => {
    shared.fill(value, (physical - RAM_BASE) / PAGE, (physical - RAM_BASE + bytes) / PAGE);
  };
  return {
    words: new Int32Array(native.vcpus),
    floats: new Float64Array(native.vcpus),
    record: (vcpu) => (vcpu * VCPU_RECORD_BYTES) / 4,
    run: native.runVcpu,
    create: (at = -1) => native.createVcpu(at),
    destroy: native.destroyVcpu,
    addHart: native.addHart,
    setState: native.setVcpuState,
    addMachineMode: native.addMachineMode,
    mapRam(vcpu, guestPhysical, physical, bytes) {
      pages(physical, bytes, 1);
      native.mapVcpuRam(vcpu, guestPhysical, physical - RAM_BASE, bytes);
    },
    unmapRam(vcpu, guestPhysical, bytes) {
      native.unmapVcpuRam(vcpu, guestPhysical, bytes);
    },
    mapDevice: native.mapVcpuDevice,
    settle: native.settleVcpu,
    hold: native.holdVcpu,
    watch: native.watchVcpu,
    stopWatching: native.stopWatchingVcpu,
    readRegisters: native.readVcpu,
    writeRegisters: native.writeVcpu,
    restore: native.restoreVcpu,
  };
}

