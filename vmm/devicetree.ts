// What a guest is told of its machine. Sources: Linux's Documentation/devicetree/bindings (riscv/cpus.yaml, riscv/extensions.yaml,
// interrupt-controller/sifive,plic-1.0.0.yaml, timer/sifive,clint.yaml, power/reset/syscon-*.yaml, serial/8250.yaml, rtc/google,goldfish-rtc.yaml, virtio/mmio.yaml), Devicetree Specification v0.4 3.5-3.8.
import { cells64, type DeviceNode, type PropertyValue } from "./fdt.ts";
import { PLIC_SOURCES } from "./plic.ts";
import { Power } from "./power.ts";
import { GuestMap, TIMEBASE, virtioIrq } from "./spec.ts";

export interface TreeOptions {
  readonly name: string;
  readonly ramBytes: number;
  readonly cmdline: string;
  /** Harts. Default 1. */
  readonly cpus?: number;
  /** Guest-physical place of the initramfs. */
  readonly initrd?: { readonly address: number; readonly bytes: number };
  /** Harts have a machine mode, for firmware of the guest's own. */
  readonly machineMode?: boolean;
  /** It has a real-time clock. */
  readonly rtc?: boolean;
  /** It has a generation counter. */
  readonly generation?: boolean;
  /** Virtio slots that hold a device. */
  readonly virtioSlots: readonly number[];
  /** Seeds the guest's random number generator and, with the second, its kernel's place. */
  readonly seeds?: { readonly rng: Uint8Array; readonly kaslr: Uint8Array };
}

const PHANDLE_PLIC = 2;
/** Of a hart's own interrupt controller. */
const intc = (hart: number): number => (hart === 0 ? 1 : PHANDLE_PLIC + hart);
const PHANDLE_POWER = 16;
/** Interrupts in a hart's own controller. */
const MACHINE_SOFTWARE = 3, MACHINE_TIMER = 7, SUPERVISOR_EXTERNAL = 9, MACHINE_EXTERNAL = 11;
const UART_CLOCK_HZ = 3_686_400;
const EXTENSIONS = ["i", "m", "a", "f", "d", "c", "zicntr", "zicsr", "zifencei"] as const;

const hex = (value: number): string => value.toString(16);
const reg = (base: number, bytes: number): PropertyValue => [...cells64(base), ...cells64(bytes)];
const UART_PATH = `/soc/serial@${hex(GuestMap.UART.base)}`;

export function guestTree(options: TreeOptions): DeviceNode {
  const machineMode = options.machineMode === true;
  const harts = Array.from({ length: options.cpus ?? 1 }, (_, hart) => hart);
  return {
    name: "",
    properties: { "#address-cells": 2, "#size-cells": 2, compatible: ["bailiwick,guest", "riscv-virtio"], model: `bailiwick,guest ${options.name}` },
    children: [
      { name: "aliases", properties: { serial0: UART_PATH } },
      { name: "chosen", properties: chosen(options) },
      { name: `memory@${hex(GuestMap.RAM.base)}`, properties: { device_type: "memory", reg: reg(GuestMap.RAM.base, options.ramBytes) } },
      cpus(harts),
      ...(machineMode ? [power("poweroff", Power.OFF), power("reboot", Power.RESET)] : []),
      {
        name: "soc",
        properties: { "#address-cells": 2, "#size-cells": 2, compatible: "simple-bus", "interrupt-parent": PHANDLE_PLIC, ranges: true },
        children: [...(options.rtc === true ? [rtc()] : []), ...(options.generation === true ? [generation()] : []), ...(machineMode ? [powerWord(), clint(harts)] : []), plic(harts, machineMode), uart(), ...options.virtioSlots.map(virtio)],
      },
    ],
  };
}

function chosen({ cmdline, initrd, seeds }: TreeOptions): Record<string, PropertyValue> {
  return {
    bootargs: cmdline,
    "stdout-path": UART_PATH,
    ...(initrd === undefined ? {} : { "linux,initrd-start": cells64(initrd.address), "linux,initrd-end": cells64(initrd.address + initrd.bytes) }),
    ...(seeds === undefined ? {} : { "rng-seed": seeds.rng, "kaslr-seed": seeds.kaslr }),
  };
}

function cpus(harts: readonly number[]): DeviceNode {
  const cpu = (hart: number): DeviceNode => ({
    name: `cpu@${hex(hart)}`,
    properties: {
      device_type: "cpu",
      reg: hart,
      status: "okay",
      compatible: "riscv",
      // The two ways of saying it: the old one, and the one that replaces it.
      "riscv,isa": "rv64imafdc_zicntr_zicsr_zifencei",
      "riscv,isa-base": "rv64i",
      "riscv,isa-extensions": EXTENSIONS,
      "mmu-type": "riscv,sv39",
    },
    children: [{ name: "interrupt-controller", properties: { "#interrupt-cells": 1, "#address-cells": 0, "interrupt-controller": true, compatible: "riscv,cpu-intc", phandle: intc(hart) } }],
  });
  return { name: "cpus", properties: { "#address-cells": 1, "#size-cells": 0, "timebase-frequency": TIMEBASE }, children: harts.map(cpu) };
}

const plic = (harts: readonly number[], machineMode: boolean): DeviceNode => ({
  name: `interrupt-controller@${hex(GuestMap.PLIC.base)}`,
  properties: {
    compatible: ["sifive,plic-1.0.0", "riscv,plic0"],
    reg: reg(GuestMap.PLIC.base, GuestMap.PLIC.bytes),
    "#interrupt-cells": 1,
    "#address-cells": 0,
    "interrupt-controller": true,
    // A context for each hart: context n is its supervisor mode. With a machine mode each has two, and that comes first.
    "interrupts-extended": harts.flatMap((hart) => [...(machineMode ? [intc(hart), MACHINE_EXTERNAL] : []), intc(hart), SUPERVISOR_EXTERNAL]),
    "riscv,ndev": PLIC_SOURCES,
    phandle: PHANDLE_PLIC,
  },
});

const uart = (): DeviceNode => ({
  name: `serial@${hex(GuestMap.UART.base)}`,
  properties: { compatible: "ns16550a", reg: reg(GuestMap.UART.base, 0x100), interrupts: GuestMap.UART.irq, "clock-frequency": UART_CLOCK_HZ },
});

const clint = (harts: readonly number[]): DeviceNode => ({
  name: `clint@${hex(GuestMap.CLINT.base)}`,
  properties: {
    compatible: ["sifive,clint0", "riscv,clint0"],
    reg: reg(GuestMap.CLINT.base, GuestMap.CLINT.bytes),
    "interrupts-extended": harts.flatMap((hart) => [intc(hart), MACHINE_SOFTWARE, intc(hart), MACHINE_TIMER]),
  },
});

const powerWord = (): DeviceNode => ({
  name: `test@${hex(GuestMap.POWER.base)}`,
  properties: { compatible: ["sifive,test1", "sifive,test0", "syscon"], reg: reg(GuestMap.POWER.base, GuestMap.POWER.bytes), phandle: PHANDLE_POWER },
});

const power = (what: "poweroff" | "reboot", value: number): DeviceNode => ({ name: what, properties: { compatible: `syscon-${what}`, regmap: PHANDLE_POWER, offset: 0, value } });

const rtc = (): DeviceNode => ({
  name: `rtc@${hex(GuestMap.RTC.base)}`,
  properties: { compatible: "google,goldfish-rtc", reg: reg(GuestMap.RTC.base, GuestMap.RTC.bytes), interrupts: GuestMap.RTC.irq },
});

const generation = (): DeviceNode => ({
  name: `rng@${hex(GuestMap.GENERATION.base)}`,
  properties: { compatible: "microsoft,vmgenid", reg: reg(GuestMap.GENERATION.base, GuestMap.GENERATION.bytes), interrupts: GuestMap.GENERATION.irq },
});

function virtio(slot: number): DeviceNode {
  const { base, stride } = GuestMap.VIRTIO;
  const at = base + slot * stride;
  return { name: `virtio@${hex(at)}`, properties: { compatible: "virtio,mmio", reg: reg(at, stride), interrupts: virtioIrq(slot) } };
}
